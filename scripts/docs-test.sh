#!/usr/bin/env bash
# Runs the commands of README.md and docs/ as they stand there, so that they cannot go stale.
# What is run are fenced blocks that begin with ```sh test; the blocks of one page share a shell, a
# server that nobody has set up, and an empty folder beside the repository's examples. A command
# that fails ends its page, and so does an answer with another status than its comment says:
# `curl ... # 201, priority high` must answer 201.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need_program
command -v curl >/dev/null || packages "curl is missing" curl
command -v node >/dev/null || need_node
exec node scripts/docs-test.mjs "$@"
