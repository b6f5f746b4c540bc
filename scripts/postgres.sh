#!/usr/bin/env bash
# PostgreSQL and PgBouncer for tests: found or installed as Debian has them, started on ports of
# their own with their files in one directory, and gone with whoever started them.
#
#   . scripts/postgres.sh                 the functions: need_postgres, need_pgbouncer, start_*, stop_*
#   scripts/postgres.sh need              installs what is missing, or says what that is
#   scripts/postgres.sh serve DIR         a server and a pooler; prints `postgres PORT`, `pgbouncer PORT`
#                                         and `ready`, and stops both when its input ends
#   scripts/postgres.sh replica DIR OF    a replica of the server in the directory OF; as `serve`
#   scripts/postgres.sh restart DIR       stops that server at once, as a crash would, and starts it
#
# Servers run as the user `postgres` when root starts them, because they refuse to run as root.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The folder with Debian's programs of the newest version there is.
postgres_bin() {
    local dir
    dir=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    if [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ]; then
        printf '%s\n' "$dir"
    elif command -v initdb >/dev/null && command -v postgres >/dev/null; then
        dirname "$(readlink -f "$(command -v postgres)")"
    else
        return 1
    fi
}

need_postgres() {
    postgres_bin >/dev/null || packages "PostgreSQL is missing, which tests the store" postgresql
    postgres_bin >/dev/null || fail "the package postgresql has no initdb and postgres in /usr/lib/postgresql"
}

need_openssl() {
    command -v openssl >/dev/null || packages "OpenSSL is missing, which makes certificates for tests" openssl
}

need_pgbouncer() {
    PATH=$PATH:/usr/sbin
    command -v pgbouncer >/dev/null || packages "PgBouncer is missing, which tests the store" pgbouncer
}

# Runs a command as the user who may run a server.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

# A port on which nobody listens, by asking the system for one.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# A directory of the user who runs the servers.
make_server_dir() {
    mkdir -p "$1"
    chmod 755 "$1"
    mkdir -p "$1/$2"
    if [ "$(id -u)" -eq 0 ]; then chown postgres: "$1" "$1/$2"; fi
    chmod 700 "$1/$2"
}

# start_postgres DIR PORT [SETTING=VALUE ...]: a new server, whose user `linkflow` needs no password.
start_postgres() {
    local dir=$1 port=$2 bin
    shift 2
    bin=$(postgres_bin)
    if [ ! -f "$dir/data/PG_VERSION" ]; then
        make_server_dir "$dir" data
        as_postgres "$bin/initdb" -D "$dir/data" -U linkflow --auth=trust -E UTF8 --locale=C.UTF-8 \
            --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; return 1; }
    fi
    run_postgres "$dir" "$port" "$@"
}

# Starts what is in DIR/data. Crashes of the machine are not tested, so nothing waits for the disk
# unless POSTGRES_FSYNC=on says so.
run_postgres() {
    local dir=$1 port=$2 settings=() setting
    shift 2
    for setting in "$@"; do settings+=(-c "$setting"); done
    as_postgres "$(postgres_bin)/pg_ctl" -D "$dir/data" -l "$dir/data/server.log" -w -t 60 -s \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=${POSTGRES_FSYNC:-off} \
            -c max_connections=200 -c shared_buffers=64MB -c max_prepared_transactions=0 ${settings[*]:-}" \
        start || { tail -n 20 "$dir/data/server.log" >&2; return 1; }
}

# A certificate for `localhost` in DIR/data/server.crt, which is its own root.
make_certificate() {
    (cd "$1/data" && as_postgres openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -days 3650 -subj /CN=linkflow-test -addext subjectAltName=DNS:localhost \
        -addext basicConstraints=critical,CA:FALSE -keyout server.key -out server.crt 2>/dev/null)
    cp "$1/data/server.crt" "$1/server.crt"
    chmod 644 "$1/server.crt"
}

stop_postgres() {
    as_postgres "$(postgres_bin)/pg_ctl" -D "$1/data" -m "${2:-immediate}" -w -s stop || true
}

# start_pgbouncer DIR PORT SERVER_PORT: a pooler in transaction mode before that server.
start_pgbouncer() {
    local dir=$1 port=$2 server=$3
    make_server_dir "$dir" pooler
    cat >"$dir/pooler/pgbouncer.ini" <<INI
[databases]
* = host=127.0.0.1 port=$server
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 2000
max_db_connections = 20
server_idle_timeout = 5
logfile = $dir/pooler/pgbouncer.log
pidfile = $dir/pooler/pgbouncer.pid
INI
    sed -i 's/^\* = \(.*\)$/* = \1 user=linkflow/' "$dir/pooler/pgbouncer.ini"
    as_postgres env PATH="$PATH:/usr/sbin" pgbouncer -q -d "$dir/pooler/pgbouncer.ini"
    wait_for_port "$port"
    # It leaves its number a moment later.
    until [ -s "$dir/pooler/pgbouncer.pid" ]; do sleep 0.05; done
}

enable_tls() {
    printf 'ssl = on\n' >>"$1/data/postgresql.auto.conf"
    as_postgres "$(postgres_bin)/pg_ctl" -D "$1/data" -s reload
}

stop_pgbouncer() {
    [ ! -f "$1/pooler/pgbouncer.pid" ] || kill "$(cat "$1/pooler/pgbouncer.pid")" 2>/dev/null || true
}

wait_for_port() {
    local n
    for n in $(seq 100); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
        sleep 0.05
    done
    fail "nothing listens on port $1 after 5 s"
}

# Waits until whoever started this goes away.
until_input_ends() {
    while read -r _; do :; done
}

# Removes what was made in a directory, and the directory when nothing else is in it.
remove_files() {
    rm -rf "$1/data" "$1/pooler" "$1/initdb.log" "$1/server.crt"
    rmdir "$1" 2>/dev/null || true
}

serve() {
    local dir=$1 port pooler
    need_postgres >&2
    need_pgbouncer >&2
    need_openssl >&2
    port=$(free_port)
    pooler=$(free_port)
    trap "stop_pgbouncer '$dir'; stop_postgres '$dir'; remove_files '$dir'" EXIT
    start_postgres "$dir" "$port" wal_level=replica max_wal_senders=4
    make_certificate "$dir"
    enable_tls "$dir"
    start_pgbouncer "$dir" "$pooler" "$port"
    printf 'postgres %s\npgbouncer %s\nready\n' "$port" "$pooler"
    until_input_ends
}

# The port on which the server in DIR listens.
port_of() {
    sed -n 4p "$1/data/postmaster.pid"
}

replica() {
    local dir=$1 of=$2 port
    port=$(free_port)
    make_server_dir "$dir" data
    trap "stop_postgres '$dir'; remove_files '$dir'" EXIT
    as_postgres "$(postgres_bin)/pg_basebackup" -D "$dir/data" -h 127.0.0.1 -p "$(port_of "$of")" -U linkflow \
        -R -X stream -c fast --no-sync
    run_postgres "$dir" "$port" hot_standby=on
    printf 'postgres %s\nready\n' "$port"
    until_input_ends
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    case "${1:-}" in
    need)
        need_postgres
        need_pgbouncer
        need_openssl
        ;;
    serve) serve "$2" ;;
    restart)
        port=$(port_of "$2")
        stop_postgres "$2"
        run_postgres "$2" "$port"
        ;;
    replica) replica "$2" "$3" ;;
    *) fail "say what: need, serve DIR, restart DIR, or replica DIR OF" ;;
    esac
fi
