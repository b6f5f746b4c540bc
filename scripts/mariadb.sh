#!/usr/bin/env bash
# MariaDB for tests: found or installed as Debian has it, started on a port of its own with its files in
# one directory, and gone with whoever started it.
#
#   scripts/mariadb.sh need         installs what is missing, or says what that is
#   scripts/mariadb.sh serve DIR    a server; prints `mariadb PORT` and `ready`, and stops it when its input
#                                   ends. DIR/server.crt is its certificate, for `localhost`
#
# The server runs as the user `mysql` when root starts it, because it refuses to run as root. Its user
# `linkflow` has the password `secret`, and everything in it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/postgres.sh"

need_mariadb() {
    PATH=$PATH:/usr/sbin
    command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null ||
        packages "MariaDB is missing, which tests the kind MySQL" mariadb-server
}

# In front of a command that runs as the user who may run a server. A list, and no function, so that what
# runs in the background is the server itself.
as_mysql=()
if [ "$(id -u)" -eq 0 ]; then as_mysql=(setpriv --reuid=mysql --regid=mysql --init-groups --); fi

start_mariadb() {
    local dir=$1 port=$2
    mkdir -p "$dir/data"
    if [ "$(id -u)" -eq 0 ]; then chown -R mysql: "$dir"; fi
    "${as_mysql[@]}" mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=normal \
        --skip-test-db --skip-name-resolve >"$dir/install.log" 2>&1 || { cat "$dir/install.log" >&2; return 1; }
    (cd "$dir/data" && "${as_mysql[@]}" openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -days 3650 -subj /CN=linkflow-test -addext subjectAltName=DNS:localhost \
        -addext basicConstraints=critical,CA:FALSE -keyout server.key -out server.crt 2>/dev/null)
    cp "$dir/data/server.crt" "$dir/server.crt"
    chmod 755 "$dir"
    chmod 644 "$dir/server.crt"
    printf '%s\n' "CREATE USER linkflow@'%' IDENTIFIED BY 'secret';" "GRANT ALL ON *.* TO linkflow@'%';" \
        "CREATE DATABASE shop;" >"$dir/data/first.sql"
    "${as_mysql[@]}" mariadbd --no-defaults --datadir="$dir/data" --port="$port" --bind-address=127.0.0.1 \
        --socket="$dir/data/socket" --pid-file="$dir/data/pid" --skip-log-bin --skip-name-resolve \
        --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=16M --innodb-log-file-size=4M \
        --performance-schema=OFF --character-set-server=utf8mb4 --init-file="$dir/data/first.sql" \
        --ssl-cert="$dir/data/server.crt" --ssl-key="$dir/data/server.key" >"$dir/server.log" 2>&1 &
    server=$!
    disown "$server"
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        kill -0 "$server" 2>/dev/null || { cat "$dir/server.log" >&2; return 1; }
        sleep 0.1
    done
}

serve_mariadb() {
    local dir=$1 port
    need_mariadb >&2
    need_openssl >&2
    port=$(free_port)
    server=
    trap "[ -z \"\$server\" ] || kill -KILL \"\$server\" 2>/dev/null; rm -rf '$dir/data' '$dir'/*.log '$dir/server.crt'; rmdir '$dir' 2>/dev/null" EXIT
    start_mariadb "$dir" "$port"
    printf 'mariadb %s\nready\n' "$port"
    until_input_ends
}

case "${1:-}" in
need)
    need_mariadb
    need_openssl
    ;;
serve) serve_mariadb "$2" ;;
*) fail "say what: need, or serve DIR" ;;
esac
