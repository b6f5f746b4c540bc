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
    local name=$1 began=$SECONDS
    shift
    say "$name"
    "$@" || broken+=("$name")
    printf -- '-- %s: %d s\n' "$name" $((SECONDS - began))
}

check_web() {
    (cd web && npx tsc --noEmit)
}

test_web() {
    if [ "$(cd web && npm pkg get scripts.test)" != "{}" ]; then
        (cd web && NO_COLOR=1 npm test -- --passWithNoTests) 2>&1 | tee target/test-web.log
    fi
}

# The servers that the tests start, each on a port of its own.
need_servers() {
    command -v redis-server >/dev/null && command -v redis-sentinel >/dev/null && command -v openssl >/dev/null ||
        packages "Redis is missing, which the queue's tests start" redis-server redis-sentinel openssl
    scripts/postgres.sh need
    scripts/file-servers.sh need
    scripts/mail.sh need
    scripts/mariadb.sh need
    scripts/go-tools.sh
}

test_crates() {
    cargo test --workspace --no-fail-fast 2>&1 | tee target/test.log
}

# The program that `cargo test` has built is used: building it alone would build it once more, with
# other features of what it depends on.
LINKFLOW_BIN=$(realpath -m "${CARGO_TARGET_DIR:-target}")/debug/linkflow
export LINKFLOW_BIN

test_page() (
    need_browser
    cd web && NO_COLOR=1 npm run e2e 2>&1 | tee ../target/test-page.log
)

test_docs() {
    scripts/docs-test.sh 2>&1 | tee target/test-docs.log
}

test_api() {
    scripts/fuzz-api.sh 2>&1 | tee target/test-api.log
}

test_deploy() {
    scripts/deploy-test.sh 2>&1 | tee target/test-deploy.log
}

# Sums the lines `test result: ok. 12 passed; 0 failed; ...` of all test binaries, the editor's
# `Tests  1 failed | 12 passed (13)`, and those of scripts, `docs: 5 passed, 1 failed`. A step that
# broke without a failed test, such as the build, counts as one failure.
summary() {
    awk -v broken=${#broken[@]} '
        /^test result:/ { passed += $4; failed += $6; ignored += $8 }
        /^[a-z]+: [0-9]+ passed, [0-9]+ failed$/ { passed += $2; failed += $4 }
        /^ *Tests / { for (i = 2; i < NF; i++) { if ($(i + 1) == "passed") passed += $i
                                                  if ($(i + 1) == "failed") failed += $i } }
        END { printf "%d passed, %d failed", passed, failed ? failed : broken
              if (ignored) printf ", %d ignored", ignored
              print "" }' target/test.log target/test-*.log
}

need_rust
mkdir -p target
rm -f target/test-*.log
: >target/test.log
: >target/test-web.log
step "editor: build" build_web
if [ -f web/package.json ]; then
    step "editor: types" check_web
    step "editor: tests" test_web
fi
step "format" cargo fmt --all --check
step "servers for the tests" need_servers
step "crates: tests" test_crates
if [ -f web/package.json ]; then
    step "page: walk through it in a browser" test_page
fi
step "docs: run what they say" test_docs
step "api: fuzz" test_api
step "deployment files: hold them to their tools" test_deploy
step "tidy" cargo run --quiet -p xtask -- tidy

say "Summary after $((SECONDS / 60)) min $((SECONDS % 60)) s"
for name in "${broken[@]:+${broken[@]}}"; do
    printf 'failed: %s\n' "$name"
done
summary
[ ${#broken[@]} -eq 0 ]
