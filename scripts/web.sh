#!/usr/bin/env bash
# Builds the editor into web/dist, which the program takes in when it is compiled.
set -euo pipefail
. "$(dirname "$0")/common.sh"
build_web
