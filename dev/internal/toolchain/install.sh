#!/bin/sh
# Installs Debian packages (the arguments) as root without starting their system
# services, because PhoneBill runs its own servers. Unless the machine has a
# policy-rc.d, a temporary one prevents services from being started.
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
