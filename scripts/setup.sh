#!/usr/bin/env bash
# Looks for what the build, the demo and the tests need, and installs what is missing where it may: as root
# with apt-get. Otherwise it prints the line to type and fails.
#
#   scripts/setup.sh              everything
#   scripts/setup.sh demo         what `make demo` needs
#   scripts/setup.sh federation   what `make federation` needs
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-everything}
packages=()   # names for apt-get
missing=()    # what they are for

need() { missing+=("$1"); packages+=("$2"); }
have() { command -v "$1" >/dev/null 2>&1; }

has_postgres_server() {
    local directory
    for directory in "${PG_BIN:-}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
        /usr/local/opt/postgresql*/bin; do
        [ -n "$directory" ] && [ -x "$directory/initdb" ] && [ -x "$directory/postgres" ] && return 0
    done
    have initdb && have postgres
}

has_python() {
    have "${PYTHON:-python3}" &&
        "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    # The lists of a new machine are empty or too old to install from; only then are they fetched.
    apt-get install -y --no-install-recommends "$@" && return 0
    apt-get update && apt-get install -y --no-install-recommends "$@"
}

if ! have cargo; then
    echo 'setup: cargo is missing. Install Rust from https://rustup.rs, then open a new shell.' >&2
    exit 1
fi
have cc || need 'a C compiler' gcc
has_python || need 'Python 3.10 or newer' python3
has_postgres_server || need 'a PostgreSQL server' postgresql
if [ "$purpose" != demo ]; then
    { have node && have npm; } || need 'Node and npm' npm
fi
# Statements through a pooler are tried with a real one.
if [ "$purpose" = everything ] && ! PATH=$PATH:/usr/sbin have pgbouncer; then
    need 'PgBouncer' pgbouncer
fi
# Clients from PyPI are installed into environments of their own.
if [ "$purpose" = everything ] && ! "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null; then
    need 'venv for Python' python3-venv
fi

if [ ${#missing[@]} -gt 0 ]; then
    printf 'setup: missing: %s\n' "${missing[@]}" >&2
    if ! have apt-get; then
        printf 'setup: install them with the package manager of this system\n' >&2
        printf 'setup: a PostgreSQL that lies elsewhere is found by: export PG_BIN=/path/to/its/bin\n' >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        printf 'setup: type: sudo apt-get install -y %s\n' "${packages[*]}" >&2
        exit 1
    fi
    apt_install "${packages[@]}"
fi
if ! has_python; then
    echo "setup: ${PYTHON:-python3} is older than 3.10. Install a newer one, then: export PYTHON=/path/to/python3" >&2
    exit 1
fi

# GraphiQL is tried in a browser. Where none can be had that test is skipped, except in continuous
# integration.
chromium=${CHROMIUM:-/usr/bin/chromium}
if [ "$purpose" = everything ] && [ ! -x "$chromium" ]; then
    if ! { [ "$(id -u)" -eq 0 ] && have apt-get && apt_install chromium && [ -x "$chromium" ]; }; then
        echo "setup: there is no Chromium at $chromium; GraphiQL is not tried in a browser" >&2
        [ -z "${CI:-}" ] || exit 1
    fi
fi

install_packages() {
    local installed=$1/node_modules/.package-lock.json
    if [ ! -f "$installed" ] || [ "$1/package-lock.json" -nt "$installed" ]; then
        npm ci --prefix "$1" --no-audit --no-fund
    fi
}
if [ "$purpose" != demo ]; then
    install_packages examples/federation/gateway
fi
if [ "$purpose" = everything ]; then
    install_packages tests/clients
    # Finds dependencies that nothing uses; about a minute, once.
    have cargo-machete || cargo install --quiet --locked cargo-machete ||
        echo 'setup: cargo-machete cannot be installed; `make check` does not look for unused dependencies' >&2
fi
