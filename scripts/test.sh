#!/usr/bin/env bash
# Installs what the tests need, runs every test, and closes with one line: N passed, M failed.
# A failure does not keep later steps from running; the exit code is 0 only when all went well.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# No debug info and no incremental state: a clean machine with two cores spends its time on tests.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

broken=()

step() {
    local name=$1
    shift
    say "$name"
    "$@" || broken+=("$name")
}

check_web() {
    (cd web && npx tsc --noEmit)
}

test_web() {
    if [ "$(cd web && npm pkg get scripts.test)" != "{}" ]; then
        (cd web && NO_COLOR=1 npm test -- --passWithNoTests) 2>&1 | tee target/test-web.log
    fi
}

test_crates() {
    cargo test --workspace --no-fail-fast 2>&1 | tee target/test.log
}

# Sums the lines `test result: ok. 12 passed; 0 failed; ...` of all test binaries, and the editor's
# line `Tests  1 failed | 12 passed (13)`. A step that broke without a failed test, such as the
# build, counts as one failure.
summary() {
    awk -v broken=${#broken[@]} '
        /^test result:/ { passed += $4; failed += $6; ignored += $8 }
        /^ *Tests / { for (i = 2; i < NF; i++) { if ($(i + 1) == "passed") passed += $i
                                                  if ($(i + 1) == "failed") failed += $i } }
        END { printf "%d passed, %d failed", passed, failed ? failed : broken
              if (ignored) printf ", %d ignored", ignored
              print "" }' target/test.log target/test-web.log
}

need_rust
mkdir -p target
: >target/test.log
: >target/test-web.log
step "editor: build" build_web
if [ -f web/package.json ]; then
    step "editor: types" check_web
    step "editor: tests" test_web
fi
step "format" cargo fmt --all --check
step "crates: tests" test_crates
step "tidy" cargo run --quiet -p xtask -- tidy

say "Summary after $((SECONDS / 60)) min $((SECONDS % 60)) s"
for name in "${broken[@]:+${broken[@]}}"; do
    printf 'failed: %s\n' "$name"
done
summary
[ ${#broken[@]} -eq 0 ]
