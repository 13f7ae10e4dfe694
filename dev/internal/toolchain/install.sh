#!/bin/sh
# Installs Debian packages (the arguments) as root, without letting them start
# their system services: PhoneBill runs its own servers. For as long as this
# takes, and only where the machine has no policy of its own, a policy-rc.d
# says that services must not be started.
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
apt-get update
apt-get install --yes --no-install-recommends "$@"
