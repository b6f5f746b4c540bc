#!/usr/bin/env bash
# Builds the program as people get it and measures what an execution costs; arguments go to the
# benchmark (`--help` lists them). The table is on stdout, the figures as JSON in target/bench/.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need_rust
say "Building (several minutes the first time)" >&2
cargo build --release -p linkflow -p linkflow-bench
out=${CARGO_TARGET_DIR:-target}
exec "$out/release/linkflow-bench" --program "$out/release/linkflow" --out "$out/bench" "$@"
