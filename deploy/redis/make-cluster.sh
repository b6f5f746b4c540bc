#!/bin/bash
# Joins nodes that run (host:port ...) to a cluster with one replica for each master, unless they are
# one already. Six nodes become three masters and three replicas.
set -euo pipefail
[ $# -ge 6 ] || { echo "give at least six nodes as host:port, got $#" >&2; exit 1; }
addresses=()
for node in "$@"; do
    # Nodes know each other by number; names may be given here.
    host=$(getent hosts "${node%:*}" | awk '{print $1; exit}')
    addresses+=("${host:-${node%:*}}:${node##*:}")
done
first=${addresses[0]}
until redis-cli -h "${first%:*}" -p "${first##*:}" ping >/dev/null 2>&1; do sleep 0.2; done
if ! redis-cli -h "${first%:*}" -p "${first##*:}" cluster info | grep -q '^cluster_slots_assigned:16384'; then
    redis-cli --cluster create "${addresses[@]}" --cluster-replicas 1 --cluster-yes
fi
until redis-cli -h "${first%:*}" -p "${first##*:}" cluster info | grep -q '^cluster_state:ok'; do sleep 0.2; done
