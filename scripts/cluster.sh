#!/usr/bin/env bash
# A cluster on this machine, without containers: PostgreSQL with PgBouncer, Redis, two API servers
# behind nginx, two workers and two schedulers.
#
#   scripts/cluster.sh up [DIR]      starts it, with its files in DIR (target/cluster), and prints where
#                                    everything listens; the same is in DIR/addresses, a process a line
#   scripts/cluster.sh down [DIR]    asks all of it to end, in good order; the data stay
#
# CLUSTER_PORT is nginx' port (8080; 0 takes a free one), CLUSTER_NGINX=no leaves nginx out. What
# else is in the environment goes to all roles.
set -euo pipefail
dir=$(realpath -m "${2:-$(dirname "${BASH_SOURCE[0]}")/../target/cluster}")
. "$(dirname "${BASH_SOURCE[0]}")/postgres.sh"

need_redis() {
    command -v redis-server >/dev/null || packages "Redis is missing, which carries a cluster's queue" redis-server
}

need_nginx() {
    PATH=$PATH:/usr/sbin
    command -v nginx >/dev/null || packages "nginx is missing, which stands before a cluster" nginx-light
}

# start NAME COMMAND...: a process in the background, whose number and output are kept.
start() {
    local name=$1
    shift
    setsid nohup "$@" >>"$dir/log/$name.log" 2>&1 </dev/null &
    echo $! >"$dir/run/$name.pid"
}

# role NAME ROLE: one of ours, on a free port; waits until it is ready.
role() {
    local name=$1 role=$2 port
    port=$(free_port)
    PORT=$port start "$name" "$program" "$role"
    printf '%s http://127.0.0.1:%s %s\n' "$name" "$port" "$(cat "$dir/run/$name.pid")" >>"$dir/addresses"
    ports[$name]=$port
}

wait_until_ready() {
    local name=$1 n
    for n in $(seq 200); do
        if curl -sf -o /dev/null "http://127.0.0.1:${ports[$name]}/health/ready"; then return 0; fi
        sleep 0.1
    done
    tail -n 20 "$dir/log/$name.log" >&2
    fail "$name is not ready after 20 s; its log is $dir/log/$name.log"
}

start_nginx() {
    local port=${CLUSTER_PORT:-8080}
    [ "$port" != 0 ] || port=$(free_port)
    cat >"$dir/nginx.conf" <<CONF
worker_processes 1;
error_log $dir/log/nginx.log;
pid $dir/run/nginx-master.pid;
events { worker_connections 1024; }
http {
    access_log off;
    client_max_body_size 64m;
    client_body_temp_path $dir/run/body;
    proxy_temp_path $dir/run/proxy;
    fastcgi_temp_path $dir/run/fastcgi;
    uwsgi_temp_path $dir/run/uwsgi;
    scgi_temp_path $dir/run/scgi;
    upstream linkflow_api {
        least_conn;
        server 127.0.0.1:${ports[api-1]};
        server 127.0.0.1:${ports[api-2]};
        keepalive 32;
    }
    server {
        listen 127.0.0.1:$port;
        proxy_http_version 1.1;
        proxy_set_header Host \$host;
        proxy_set_header X-Forwarded-For \$remote_addr;
        location / {
            proxy_pass http://linkflow_api;
            proxy_set_header Connection "";
            proxy_read_timeout 320s;
        }
        location /ws {
            proxy_pass http://linkflow_api;
            proxy_set_header Upgrade \$http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout 3600s;
        }
    }
}
CONF
    start nginx nginx -e "$dir/log/nginx.log" -c "$dir/nginx.conf" -g 'daemon off;'
    printf 'nginx http://127.0.0.1:%s %s\n' "$port" "$(cat "$dir/run/nginx.pid")" >>"$dir/addresses"
    wait_for_port "$port"
}

start_servers() {
    local postgres pooler redis
    postgres=$(free_port)
    start_postgres "$dir/postgres" "$postgres"
    pooler=$(free_port)
    start_pgbouncer "$dir/postgres" "$pooler" "$postgres"
    redis=$(free_port)
    start redis redis-server --port "$redis" --bind 127.0.0.1 --dir "$dir" --save '' --maxmemory-policy noeviction
    wait_for_port "$redis"
    export DATABASE_URL=postgres://linkflow@127.0.0.1:$pooler/linkflow
    export DATABASE_DIRECT_URL=postgres://linkflow@127.0.0.1:$postgres/linkflow
    export REDIS_URL=redis://127.0.0.1:$redis
    export DATA_DIR=$dir/data
    [ -n "${SECRET_KEY:-}${SECRET_KEY_FILE:-}" ] || export SECRET_KEY_FILE=$dir/secret.key
    if [ -n "${SECRET_KEY_FILE:-}" ] && [ ! -f "$SECRET_KEY_FILE" ]; then
        (umask 077 && od -An -tx1 -N32 /dev/urandom | tr -d ' \n' >"$SECRET_KEY_FILE")
    fi
    psql -qAt -h 127.0.0.1 -p "$postgres" -U linkflow postgres -c \
        "SELECT 1 FROM pg_database WHERE datname = 'linkflow'" | grep -q 1 ||
        createdb -h 127.0.0.1 -p "$postgres" -U linkflow linkflow
    env | grep -E '^(DATABASE_URL|DATABASE_DIRECT_URL|REDIS_URL|DATA_DIR|SECRET_KEY|SECRET_KEY_FILE)=' >"$dir/env"
}

up() {
    local name
    declare -gA ports
    need_postgres
    need_pgbouncer
    need_redis
    [ "${CLUSTER_NGINX:-yes}" = no ] || need_nginx
    need_program
    program=${LINKFLOW_BIN:-${CARGO_TARGET_DIR:-target}/debug/linkflow}
    [ ! -f "$dir/addresses" ] || fail "a cluster is up in $dir; end it with: scripts/cluster.sh down $dir"
    mkdir -p "$dir/run" "$dir/log"
    chmod 755 "$dir"
    start_servers
    "$program" migrate
    : >"$dir/addresses"
    role api-1 api
    role api-2 api
    role worker-1 worker
    role worker-2 worker
    role scheduler-1 scheduler
    role scheduler-2 scheduler
    for name in "${!ports[@]}"; do wait_until_ready "$name"; done
    [ "${CLUSTER_NGINX:-yes}" = no ] || start_nginx
    cat "$dir/addresses"
    printf 'The settings for other commands are in %s\n' "$dir/env"
}

# Asks a process to end, waits for that, and makes it end when it takes too long.
stop() {
    local file=$dir/run/$1.pid pid n
    [ -f "$file" ] || return 0
    pid=$(cat "$file")
    rm -f "$file"
    kill "$pid" 2>/dev/null || return 0
    for n in $(seq 300); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
}

down() {
    local name
    for name in nginx api-1 api-2 worker-1 worker-2 scheduler-1 scheduler-2 redis; do stop "$name"; done
    stop_pgbouncer "$dir/postgres"
    [ ! -f "$dir/postgres/data/postmaster.pid" ] || stop_postgres "$dir/postgres" fast
    rm -f "$dir/addresses"
}

case "${1:-}" in
up) up ;;
down) down ;;
*) fail "say what: up [DIR], or down [DIR]" ;;
esac
