#!/bin/sh
# Makes the secrets of docker/compose.yml that are not there yet. Usage: sh docker/make-secrets.sh [FOLDER]
#
# The folder is its owner's alone. The files in it can be read by anyone who gets that far, because compose mounts them
# as they are and each container has a user of its own.
set -eu
folder=${1:-$(dirname "$0")/secrets}

umask 077
mkdir -p "$folder"
chmod 700 "$folder"

random() {
    LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"
}

make() { # NAME VALUE
    if [ -e "$folder/$1" ]; then
        echo "kept $1"
    else
        printf '%s' "$2" >"$folder/$1"
        chmod 444 "$folder/$1"
        echo "made $1"
    fi
}

make postgres-password "$(random 32)"
make database-url "postgresql://connector@postgres:5432/connector"
make valkey.conf "bind 0.0.0.0
port 6379
requirepass $(random 32)
save \"\"
appendonly no
dir /data
maxmemory 256mb
maxmemory-policy noeviction
"
make redis-url "redis://:$(sed -n 's/^requirepass //p' "$folder/valkey.conf")@valkey:6379/0"
make internal-service-token "$(random 40)"
make django-secret-key "$(random 50)"
make grafana-password "$(random 24)"

# For compose/nats-tls.yml: one a role, and all of them as the server wants them.
listed=
for role in gateway dispatch receipts web provision orchestrator probe operations; do
    make "nats-password-$role" "$(random 32)"
    name=$(echo "$role" | tr '[:lower:]' '[:upper:]')
    listed="$listed${name}_PASSWORD: \"$(cat "$folder/nats-password-$role")\"
"
done
make nats-passwords.conf "$listed"
