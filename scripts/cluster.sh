#!/usr/bin/env bash
# A cluster on this machine, without containers: PostgreSQL with a synchronous standby and PgBouncer,
# Redis with a replica and Sentinels, two API servers behind nginx, two workers and two schedulers.
#
#   scripts/cluster.sh up [DIR]            starts it, with its files in DIR (target/cluster), and prints where
#                                          everything listens; the same is in DIR/addresses, a process a line
#   scripts/cluster.sh down [DIR]          asks all of it to end, in good order; the data stay
#   scripts/cluster.sh restart NAME [DIR]  ends api-1, api-2, worker-1, ... in good order and starts it again
#   scripts/cluster.sh promote [DIR]       the primary is gone, or goes now: the standby takes its place
#
# CLUSTER_PORT is nginx' port (8080; 0 takes a free one), CLUSTER_NGINX=no leaves nginx out. REDIS is
# `sentinel`, `alone` or `cluster`, and with REDIS_AOF=yes it keeps a log on the disk; CLUSTER_STANDBY=no
# leaves the standby out; CLUSTER_STICKY=yes keeps the sockets of an address at one instance;
# CLUSTER_ROLES names the roles to start, REDIS_MAXMEMORY how much Redis may keep. What else is in the environment goes to all roles.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/postgres.sh"

roles=${CLUSTER_ROLES:-api-1 api-2 worker-1 worker-2 scheduler-1 scheduler-2}

need_redis() {
    command -v redis-server >/dev/null && command -v redis-sentinel >/dev/null ||
        packages "Redis is missing, which carries a cluster's queue" redis-server redis-sentinel
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

# note NAME URL PID: what is told about a process.
note() {
    printf '%s %s %s\n' "$@" >>"$dir/addresses"
}

# role NAME PORT: one of ours; `api-1` is an `api`.
role() {
    local name=$1 port=$2
    PORT=$port start "$name" "$program" "${name%-*}"
    note "$name" "http://127.0.0.1:$port" "$(cat "$dir/run/$name.pid")"
}

# port_noted NAME: where it listens.
port_noted() {
    sed -n "s|^$1 [a-z]*://127.0.0.1:\([0-9]*\) .*|\1|p" "$dir/addresses"
}

wait_until_ready() {
    local name=$1 n
    for n in $(seq 300); do
        if curl -sf -o /dev/null "http://127.0.0.1:$(port_noted "$name")/health/ready"; then return 0; fi
        sleep 0.1
    done
    tail -n 20 "$dir/log/$name.log" >&2
    fail "$name is not ready after 30 s; its log is $dir/log/$name.log"
}

# nginx with the files of deploy/nginx, in which the two API servers of this machine stand.
start_nginx() {
    local port=${CLUSTER_PORT:-8080} sockets=ws file
    [ "$port" != 0 ] || port=$(free_port)
    [ "${CLUSTER_STICKY:-no}" = no ] || sockets=ws-sticky
    rm -rf "${dir:?}/nginx"
    mkdir -p "$dir/nginx"
    for file in upstream "$sockets" linkflow; do
        sed -e "s/server api1:8090/server 127.0.0.1:$(port_noted api-1)/" \
            -e "s/server api2:8090/server 127.0.0.1:$(port_noted api-2)/" -e '/server api3:8090/d' \
            -e "s/listen 80;/listen 127.0.0.1:$port;/" "deploy/nginx/$file.conf" >"$dir/nginx/$file.conf"
    done
    cat >"$dir/nginx.conf" <<CONF
worker_processes 1;
error_log $dir/log/nginx.log;
pid $dir/run/nginx-master.pid;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $dir/run/body;
    proxy_temp_path $dir/run/proxy;
    fastcgi_temp_path $dir/run/fastcgi;
    uwsgi_temp_path $dir/run/uwsgi;
    scgi_temp_path $dir/run/scgi;
    include $dir/nginx/*.conf;
}
CONF
    start nginx nginx -e "$dir/log/nginx.log" -c "$dir/nginx.conf" -g 'daemon off;'
    note nginx "http://127.0.0.1:$port" "$(cat "$dir/run/nginx.pid")"
    wait_for_port "$port"
}

# ask_postgres PORT SQL
ask_postgres() {
    psql -qAt -h 127.0.0.1 -p "$1" -U linkflow postgres -c "$2"
}

# Which of the two folders has the primary; after a promotion it is the other one.
primary_name() {
    cat "$dir/primary" 2>/dev/null || echo postgres
}

standby_name() {
    if [ "$(primary_name)" = postgres ]; then echo standby; else echo postgres; fi
}

pid_of_postgres() {
    head -n 1 "$dir/$1/data/postmaster.pid"
}

# Made anew each time, which is quick for what a cluster on one machine has.
start_standby() {
    local name port n
    name=$(standby_name)
    port=$(free_port)
    rm -rf "${dir:?}/$name/data"
    make_server_dir "$dir/$name" data
    as_postgres "$(postgres_bin)/pg_basebackup" -D "$dir/$name/data" -R -X stream -c fast --no-sync \
        -d "host=127.0.0.1 port=$1 user=linkflow application_name=linkflow_standby"
    run_postgres "$dir/$name" "$port" hot_standby=on
    ask_postgres "$1" "ALTER SYSTEM SET synchronous_standby_names = 'linkflow_standby'"
    ask_postgres "$1" "SELECT pg_reload_conf()" >/dev/null
    for n in $(seq 100); do
        [ "$(ask_postgres "$1" "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")" = 0 ] ||
            break
        sleep 0.1
    done
    note standby "postgres://127.0.0.1:$port" "$(pid_of_postgres "$name")"
}

start_databases() {
    local name port pooler
    name=$(primary_name)
    port=$(free_port)
    # A standby of an earlier time is not waited for.
    [ ! -f "$dir/$name/data/postgresql.auto.conf" ] ||
        sed -i /synchronous_standby_names/d "$dir/$name/data/postgresql.auto.conf"
    start_postgres "$dir/$name" "$port" wal_level=replica max_wal_senders=8 wal_keep_size=64MB
    note postgres "postgres://127.0.0.1:$port" "$(pid_of_postgres "$name")"
    [ "$(ask_postgres "$port" "SELECT count(*) FROM pg_database WHERE datname = 'linkflow'")" = 1 ] ||
        createdb -h 127.0.0.1 -p "$port" -U linkflow linkflow
    local hosts=127.0.0.1:$port
    if [ "${CLUSTER_STANDBY:-yes}" != no ]; then
        start_standby "$port"
        hosts=$hosts,127.0.0.1:$(port_noted standby)
    fi
    pooler=$(free_port)
    start_pgbouncer "$dir/$name" "$pooler" "$port"
    printf '%s\n' "$name" >"$dir/pooler"
    note pgbouncer "postgres://127.0.0.1:$pooler" "$(cat "$dir/$name/pooler/pgbouncer.pid")"
    export DATABASE_URL=postgres://linkflow@127.0.0.1:$pooler/linkflow
    export DATABASE_DIRECT_URL=postgres://linkflow@$hosts/linkflow
}

# redis NAME PORT ARGUMENT...: a server of its own.
redis() {
    local name=$1 port=$2
    shift 2
    start "$name" redis-server --port "$port" --bind 127.0.0.1 --dir "$dir/run" --dbfilename "$name.rdb" \
        --save '' --appendonly "${REDIS_AOF:-no}" --appenddirname "$name-log" --maxmemory-policy noeviction --repl-diskless-sync-delay 0 \
        --maxmemory "${REDIS_MAXMEMORY:-0}" "$@"
    note "$name" "redis://127.0.0.1:$port" "$(cat "$dir/run/$name.pid")"
    wait_for_port "$port"
}

start_sentinels() {
    local n port hosts=
    for n in 1 2 3; do
        port=$(free_port)
        # As they are deployed, but on this machine, and sooner.
        sed -e "s/^port .*/port $port/" -e "s/^sentinel monitor .*/sentinel monitor linkflow 127.0.0.1 $1 2/" \
            -e 's/\(down-after-milliseconds linkflow\) .*/\1 1000/' -e 's/\(failover-timeout linkflow\) .*/\1 5000/' \
            -e '/hostnames/d' deploy/redis/sentinel.conf >"$dir/run/sentinel-$n.conf"
        printf 'bind 127.0.0.1\ndir %s\n' "$dir/run" >>"$dir/run/sentinel-$n.conf"
        start "sentinel-$n" redis-sentinel "$dir/run/sentinel-$n.conf"
        note "sentinel-$n" "redis://127.0.0.1:$port" "$(cat "$dir/run/sentinel-$n.pid")"
        wait_for_port "$port"
        hosts=${hosts:+$hosts,}127.0.0.1:$port
    done
    export REDIS_URL=redis+sentinel://$hosts/linkflow
}

start_redis() {
    local n port hosts=
    case "${REDIS:-sentinel}" in
    alone)
        port=$(free_port)
        redis redis "$port"
        export REDIS_URL=redis://127.0.0.1:$port
        ;;
    sentinel)
        port=$(free_port)
        redis redis "$port"
        redis redis-replica "$(free_port)" --replicaof "127.0.0.1 $port"
        start_sentinels "$port"
        ;;
    cluster)
        for n in 1 2 3 4 5 6; do
            port=$(free_port)
            redis "redis-$n" "$port" --cluster-enabled yes --cluster-node-timeout 2000 \
                --cluster-port "$(free_port)" --cluster-config-file "$dir/run/redis-$n-$port.conf"
            hosts="$hosts 127.0.0.1:$port"
        done
        # shellcheck disable=SC2086 # a list of words
        redis-cli --cluster create $hosts --cluster-replicas 1 --cluster-yes >"$dir/log/redis-cluster.log" ||
            fail "the Redis cluster could not be made; see $dir/log/redis-cluster.log"
        for n in $(seq 100); do
            if redis-cli -p "$port" cluster info | grep -q cluster_state:ok; then break; fi
            sleep 0.1
        done
        hosts=${hosts# }
        export REDIS_URL=redis+cluster://${hosts// /,}
        ;;
    *) fail "REDIS must be alone, sentinel or cluster, got \"$REDIS\"" ;;
    esac
}

write_settings() {
    export DATA_DIR=$dir/data
    [ -n "${SECRET_KEY:-}${SECRET_KEY_FILE:-}" ] || export SECRET_KEY_FILE=$dir/secret.key
    if [ -n "${SECRET_KEY_FILE:-}" ] && [ ! -f "$SECRET_KEY_FILE" ]; then
        (umask 077 && od -An -tx1 -N32 /dev/urandom | tr -d ' \n' >"$SECRET_KEY_FILE")
    fi
    # nginx is the one proxy that says for whom it speaks.
    [ "${CLUSTER_NGINX:-yes}" = no ] || export TRUSTED_PROXIES=${TRUSTED_PROXIES:-1}
    local names='DATABASE_URL|DATABASE_DIRECT_URL|REDIS_URL|DATA_DIR|SECRET_KEY|SECRET_KEY_FILE|TRUSTED_PROXIES'
    (umask 077 && env | grep -E "^($names)=" >"$dir/env")
}

find_program() {
    need_program
    program=${LINKFLOW_BIN:-${CARGO_TARGET_DIR:-target}/debug/linkflow}
}

up() {
    local name
    need_postgres
    need_pgbouncer
    need_redis
    [ "${CLUSTER_NGINX:-yes}" = no ] || need_nginx
    find_program
    [ ! -f "$dir/addresses" ] || fail "a cluster is up in $dir; end it with: scripts/cluster.sh down $dir"
    mkdir -p "$dir/run" "$dir/log"
    chmod 755 "$dir"
    : >"$dir/addresses"
    start_databases
    start_redis
    write_settings
    "$program" migrate
    for name in $roles; do role "$name" "$(free_port)"; done
    for name in $roles; do wait_until_ready "$name"; done
    [ "${CLUSTER_NGINX:-yes}" = no ] || start_nginx
    cat "$dir/addresses"
    printf 'The settings for other commands are in %s\n' "$dir/env"
}

# Whether a process is there; one that nobody has fetched yet is not.
is_alive() {
    kill -0 "$1" 2>/dev/null && [ "$(ps -o stat= -p "$1" | cut -c 1)" != Z ]
}

# Asks processes to end, all at once, and makes them end when they take too long.
stop() {
    local name pid pids=() n
    for name in "$@"; do
        [ -f "$dir/run/$name.pid" ] || continue
        pid=$(cat "$dir/run/$name.pid")
        rm -f "$dir/run/$name.pid"
        if kill "$pid" 2>/dev/null; then pids+=("$pid"); fi
    done
    for pid in "${pids[@]:+${pids[@]}}"; do
        for n in $(seq 600); do
            is_alive "$pid" || continue 2
            sleep 0.05
        done
        kill -9 "$pid" 2>/dev/null || true
    done
}

down() {
    local name
    # shellcheck disable=SC2086 # a list of words
    stop nginx $roles
    stop sentinel-1 sentinel-2 sentinel-3
    stop redis redis-replica redis-1 redis-2 redis-3 redis-4 redis-5 redis-6
    [ ! -f "$dir/pooler" ] || stop_pgbouncer "$dir/$(cat "$dir/pooler")"
    # The primary first: it hands the standby what is left.
    for name in "$(primary_name)" "$(standby_name)"; do
        [ ! -f "$dir/$name/data/postmaster.pid" ] || stop_postgres "$dir/$name" fast
    done
    rm -f "$dir/addresses" "$dir/pooler"
}

restart() {
    local name=$1 port
    port=$(port_noted "$name")
    [[ " $roles " = *" $name "* && -n $port ]] || fail "there is no $name in $dir; say one of: $roles"
    find_program
    set -a
    . "$dir/env"
    set +a
    stop "$name"
    sed -i "/^$name /d" "$dir/addresses"
    role "$name" "$port"
    wait_until_ready "$name"
}

promote() {
    local old new port
    old=$(primary_name)
    new=$(standby_name)
    port=$(port_noted standby)
    [ -n "$port" ] || fail "there is no standby in $dir"
    # Whoever still took writes would be a second truth.
    [ ! -f "$dir/$old/data/postmaster.pid" ] || stop_postgres "$dir/$old" immediate >/dev/null
    as_postgres "$(postgres_bin)/pg_ctl" -D "$dir/$new/data" -w -s promote
    printf '%s\n' "$new" >"$dir/primary"
    sed -i "s/^\* = .*/* = host=127.0.0.1 port=$port user=linkflow/" "$dir/$(cat "$dir/pooler")/pooler/pgbouncer.ini"
    kill -HUP "$(pid_noted pgbouncer)"
    sed -i -e '/^postgres /d' -e 's/^standby /postgres /' "$dir/addresses"
    printf 'The primary listens at 127.0.0.1:%s\n' "$port"
}

pid_noted() {
    sed -n "s|^$1 [^ ]* \([0-9]*\)$|\1|p" "$dir/addresses"
}

# in_dir [DIR]: where the cluster's files are.
in_dir() {
    dir=$(realpath -m "${1:-target/cluster}")
}

case "${1:-}" in
up) in_dir "${2:-}" && up ;;
down) in_dir "${2:-}" && down ;;
restart) in_dir "${3:-}" && restart "${2:?which one}" ;;
promote) in_dir "${2:-}" && promote ;;
*) fail "say what: up [DIR], down [DIR], restart NAME [DIR], or promote [DIR]" ;;
esac
