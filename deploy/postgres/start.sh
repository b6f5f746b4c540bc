#!/bin/bash
# Starts PostgreSQL as POSTGRES_REPLICATION_MODE says: `master`, or `slave` of POSTGRES_MASTER_HOST. A
# slave copies its master when it has no data yet. What follows on the command line are options of
# the server.
set -euo pipefail

serve() {
    if command -v docker-entrypoint.sh >/dev/null; then
        exec docker-entrypoint.sh postgres "$@"
    fi
    exec postgres "$@"
}

# From a folder beside it, so that one that was cut short is not taken for a whole one.
copy_master() {
    local name
    name=replica_$(hostname | tr -c 'a-z0-9\n' _)
    rm -rf "${PGDATA:?}.copy"
    PGPASSWORD=$REPLICATION_PASSWORD pg_basebackup -D "$PGDATA.copy" -X stream -c fast -R --no-password \
        -d "host=$POSTGRES_MASTER_HOST port=${POSTGRES_MASTER_PORT:-5432} user=replicator application_name=$name"
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA" "$PGDATA.copy"
    mv "$PGDATA.copy"/* "$PGDATA"/
    rm -rf "$PGDATA.copy"
}

case "${POSTGRES_REPLICATION_MODE:-master}" in
master) serve "$@" ;;
slave)
    until [ -s "$PGDATA/PG_VERSION" ] || copy_master; do sleep 1; done
    serve "$@"
    ;;
*)
    echo "POSTGRES_REPLICATION_MODE must be master or slave, got \"$POSTGRES_REPLICATION_MODE\"" >&2
    exit 1
    ;;
esac
