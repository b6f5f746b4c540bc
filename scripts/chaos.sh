#!/usr/bin/env bash
# Breaks a cluster in every way there is while it works, and decides whether anything was lost or done
# twice; arguments go to the harness (`--help` lists them). With --planted, bugs are planted in a
# program that is built for it, each of which has to be found.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need_rust
command -v redis-server >/dev/null && command -v redis-sentinel >/dev/null ||
    packages "Redis is missing, which carries a cluster's queue" redis-server redis-sentinel
scripts/postgres.sh need
out=${CARGO_TARGET_DIR:-target}
if [[ " $* " == *" --planted"* ]]; then
    say "Building a program that shows bugs on purpose" >&2
    # Apart from other builds, so that nobody takes it for one without bugs.
    cargo build --target-dir "$out/planted" -p linkflow -p linkflow-chaos --features linkflow-store/faults
    exec "$out/planted/debug/linkflow-chaos" --program "$out/planted/debug/linkflow" "$@"
fi
say "Building (several minutes the first time)" >&2
cargo build --release -p linkflow -p linkflow-chaos
exec "$out/release/linkflow-chaos" --program "${LINKFLOW_BIN:-$out/release/linkflow}" --out "$out/chaos/report.json" "$@"
