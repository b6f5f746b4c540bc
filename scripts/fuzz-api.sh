#!/usr/bin/env bash
# Sends the API what its description allows and what it forbids, against a server of its own
# (SEED=20, EXAMPLES=25). The requests and answers of a failure are printed.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need_program
need_python_env fuzz-api scripts/fuzz-api/requirements.txt
exec "$python_env/bin/python" scripts/fuzz-api/fuzz.py
