#!/usr/bin/env bash
# Builds the editor and the program, and serves; arguments go to `linkflow serve`.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need_rust
build_web
say "Building linkflow (several minutes the first time)"
cargo build --release -p linkflow
exec "${CARGO_TARGET_DIR:-target}/release/linkflow" serve "$@"
