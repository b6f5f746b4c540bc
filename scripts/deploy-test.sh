#!/usr/bin/env bash
# Holds the files in deploy/ to the tools that will read them, and tries on this machine what can be
# tried: nginx, PgBouncer, PostgreSQL with a replica, Redis with Sentinels and as a Cluster.
#
#   scripts/deploy-test.sh [PART ...]   all checks, or those whose file has one of these words in its name
#   scripts/deploy-test.sh write        writes deploy/kubernetes/base and the dashboards anew
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
PATH=$PATH:/usr/sbin

need_tools() {
    command -v promtool >/dev/null || packages "promtool is missing, which tests the alerts" prometheus
    command -v nginx >/dev/null || packages "nginx is missing, which stands before a cluster" nginx-light
    command -v redis-server >/dev/null && command -v redis-sentinel >/dev/null ||
        packages "Redis is missing, which carries a cluster's queue" redis-server redis-sentinel
    scripts/postgres.sh need
    scripts/go-tools.sh render
    need_node
    need_python_env deploy scripts/deploy/requirements.txt
}

# The schemas of custom resources; the folder is made anew when the list changes.
need_schemas() {
    schemas=$(realpath -m "${CARGO_TARGET_DIR:-target}")/deploy-schemas
    if cmp -s scripts/deploy/package.json "$schemas/made-from.json"; then return 0; fi
    say "Installing the schemas of custom resources"
    rm -rf "$schemas"
    mkdir -p "$schemas"
    cp scripts/deploy/package.json "$schemas/"
    (cd "$schemas" && npm install --silent --no-audit --no-fund --ignore-scripts) ||
        fail "the schemas could not be installed; is the registry of npm within reach?"
    cp scripts/deploy/package.json "$schemas/made-from.json"
}

need_tools
need_schemas
cp scripts/deploy/custom-resources.mjs "$schemas/"
need_program
LINKFLOW_BIN=${LINKFLOW_BIN:-$(realpath -m "${CARGO_TARGET_DIR:-target}")/debug/linkflow}
RENDER=$(realpath -m "${CARGO_TARGET_DIR:-target}")/go/bin/render
export LINKFLOW_BIN RENDER SCHEMAS=$schemas
exec "$python_env/bin/python" scripts/deploy/main.py "$@"
