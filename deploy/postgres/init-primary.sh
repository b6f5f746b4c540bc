#!/bin/bash
# Run once by the image of PostgreSQL, on a new and empty database: the user as which replicas read the
# log, and one replica that must have a transaction before it counts as written. Without that an
# execution that was accepted just before the primary died would be lost.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v password="$REPLICATION_PASSWORD" -U "$POSTGRES_USER" -d "${POSTGRES_DB:-postgres}" <<'SQL'
CREATE ROLE replicator REPLICATION LOGIN PASSWORD :'password';
SQL
printf 'host replication replicator all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
# Takes effect at the next start, when there is a replica: until then it would wait for one.
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "${POSTGRES_DB:-postgres}" -c \
    "ALTER SYSTEM SET synchronous_standby_names = '${SYNCHRONOUS_STANDBYS:-ANY 1 (*)}'"
