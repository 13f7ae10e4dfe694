#!/bin/sh
# Runs RabbitMQ in the foreground, on the loopback address, with its files in a folder. SIGTERM stops it.
#
#   start.sh FOLDER PORT EPMD_PORT NODE_PORT
#
# FOLDER/password is the password of the user phonebill. The other ports are those of Erlang: of its
# registry of nodes, and of this node. Debian's command is not used, because it runs as root or
# rabbitmq only, with the machine's own node and folder.
set -eu
folder=$1 port=$2 epmd_port=$3 node_port=$4
umask 077
mkdir -p "$folder/data"

cat >"$folder/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$port
load_definitions = $folder/definitions.json
log.console = true
log.console.level = info
log.file = false
vm_memory_high_watermark.absolute = 256MiB
disk_free_limit.absolute = 64MiB
collect_statistics_interval = 60000
CONF

# A queue for each dead-letter topic: nobody subscribes to one, and RabbitMQ drops what no queue takes.
# Exchanges are as Dapr declares them.
dead() {
    exchanges="${exchanges:+$exchanges,}{\"name\":\"$1\",\"vhost\":\"/\",\"type\":\"fanout\",\"durable\":true,\"auto_delete\":false,\"internal\":false,\"arguments\":{}}"
    queues="${queues:+$queues,}{\"name\":\"$1\",\"vhost\":\"/\",\"durable\":true,\"auto_delete\":false,\"arguments\":{}}"
    bindings="${bindings:+$bindings,}{\"source\":\"$1\",\"vhost\":\"/\",\"destination\":\"$1\",\"destination_type\":\"queue\",\"routing_key\":\"\",\"arguments\":{}}"
}
exchanges='' queues='' bindings=''
dead product.changed.v1.dead
dead user.logged-in.v1.dead
cat >"$folder/definitions.json" <<JSON
{
  "users": [{"name": "phonebill", "password": "$(cat "$folder/password")", "tags": [], "limits": {}}],
  "vhosts": [{"name": "/"}],
  "permissions": [{"user": "phonebill", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
  "exchanges": [$exchanges],
  "queues": [$queues],
  "bindings": [$bindings]
}
JSON
echo '[].' >"$folder/enabled_plugins"

export HOME="$folder" # of the cookie by which tools may connect
export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$epmd_port"
export RABBITMQ_NODENAME=phonebill@localhost RABBITMQ_DIST_PORT="$node_port"
export RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$folder/enabled_plugins"
export RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_ADVANCED_CONFIG_FILE="$folder/none.config"
export RABBITMQ_MNESIA_BASE="$folder/data" RABBITMQ_LOG_BASE="$folder/logs" RABBITMQ_LOGS=-
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none'

# Erlang starts a registry that outlives it, unless there is one.
epmd -address 127.0.0.1 -port "$epmd_port" &
registry=$!
/usr/lib/rabbitmq/bin/rabbitmq-server &
server=$!
trap 'kill -TERM "$server" 2>/dev/null || true' TERM INT
status=0
while kill -0 "$server" 2>/dev/null; do
    wait "$server" || status=$? # a signal interrupts it
done
kill "$registry" 2>/dev/null || true
wait "$registry" || true
exit "$status"
