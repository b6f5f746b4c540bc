# What the scripts share; it is sourced, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Installs packages of the distribution when that is possible, and otherwise says what is missing.
packages() {
    local reason=$1
    shift
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        say "Installing $*: $reason"
        apt-get update -qq || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null && return 0
    fi
    fail "$reason; install these packages: $*"
}

need_rust() {
    command -v cargo >/dev/null ||
        fail "cargo is missing; install Rust $(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml) or newer"
    # SQLite, QuickJS, zstd and aws-lc are compiled from C.
    command -v cc >/dev/null || packages "a C compiler is missing" build-essential
    export CARGO_NET_RETRY=${CARGO_NET_RETRY:-10}
}

# The editor is optional for a build: without Node.js the program still serves its API.
need_node() {
    command -v npm >/dev/null || packages "npm is missing" nodejs npm
    local major
    major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
    [ "$major" -ge 20 ] || fail "Node.js 20 or newer is needed, this is $(node --version)"
}

build_web() {
    if [ ! -f web/package.json ]; then
        say "There is no editor in this tree (web/package.json); going on without it"
        return 0
    fi
    need_node
    say "Building the editor"
    (cd web && npm ci --no-audit --no-fund && npm run build)
}
