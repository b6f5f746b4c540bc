#!/bin/sh
# Starts Redis with a copy of redis.conf among its data, and with the lines that are given. Sentinels
# write into that copy who leads, and a server that comes back has to remember it.
set -eu
data=${REDIS_DATA:-/data}
if [ ! -f "$data/redis.conf" ]; then
    cp "$(dirname "$0")/redis.conf" "$data/redis.conf.new"
    printf 'dir %s\n' "$data" >>"$data/redis.conf.new"
    for line in "$@"; do printf '%s\n' "$line" >>"$data/redis.conf.new"; done
    mv "$data/redis.conf.new" "$data/redis.conf"
fi
exec redis-server "$data/redis.conf"
