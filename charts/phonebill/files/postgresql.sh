# Creates the databases and the roles that own them before the server starts, in
# PostgreSQL's single-user mode, where each line is a statement. Sets the passwords
# from the Secrets each time the pod starts. Arguments: database=secret …
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/data/cluster
made=/data/made

if [ ! -s "$data/PG_VERSION" ]; then
  initdb -D "$data" -U postgres --auth=reject --encoding=UTF8 --locale=C.UTF-8
  # The superuser may connect from within the pod only.
  printf '%s\n' 'local all postgres trust' 'host all all all scram-sha-256' >"$data/pg_hba.conf"
fi
mkdir -p "$made"

for pair in "$@"; do
  name=${pair%%=*}
  password=$(cat "/secrets/${pair#*=}")
  if [ ! -e "$made/$name" ]; then
    echo "CREATE ROLE $name LOGIN"
    echo "CREATE DATABASE $name OWNER $name"
    echo "REVOKE CONNECT, TEMPORARY ON DATABASE $name FROM PUBLIC"
  fi
  echo "ALTER ROLE $name PASSWORD '$password'"
done | postgres --single -D "$data" postgres >/dev/null

for pair in "$@"; do : >"$made/${pair%%=*}"; done
