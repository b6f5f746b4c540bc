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
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null && return 0
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

# The program that tests start: the one that LINKFLOW_BIN names, or the one of this tree.
need_program() {
    if [ -n "${LINKFLOW_BIN:-}" ]; then
        [ -x "$LINKFLOW_BIN" ] || fail "$LINKFLOW_BIN is missing; build it with: cargo build -p linkflow"
        return 0
    fi
    need_rust
    cargo build --quiet -p linkflow
}

# The browser that walks through the page.
need_browser() {
    local name
    [ -z "${CHROMIUM:-}" ] || return 0
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then return 0; fi
    done
    packages "Chromium is missing, which tests the page" chromium
}

# An environment of Python in target/, made anew when its list of packages changes; its path is put
# into python_env.
need_python_env() {
    local name=$1 list=$2
    python_env=${CARGO_TARGET_DIR:-target}/python-$name
    if cmp -s "$list" "$python_env/made-from.txt"; then return 0; fi
    python3 -c 'import venv, ensurepip' 2>/dev/null ||
        packages "Python with venv is missing, which $name needs" python3 python3-venv
    say "Installing what $name needs"
    rm -rf "$python_env"
    python3 -m venv "$python_env"
    "$python_env/bin/pip" install --quiet --disable-pip-version-check -r "$list" ||
        fail "the packages of $list could not be installed; is PyPI within reach?"
    cp "$list" "$python_env/made-from.txt"
}
