#!/usr/bin/env bash
# What is built in: nothing that nobody uses (cargo-machete), no licence, source or crate that deny.toml does not
# admit (cargo-deny). A tool that is missing is passed over with a word, except with --all.
#
# cargo-deny takes minutes to install, so `make setup` does not: tests/architecture holds Cargo.lock to deny.toml
# everywhere, and cargo-deny reads licence files and advisories besides.
set -euo pipefail
cd "$(dirname "$0")/.."

look() {
    local tool=$1
    shift
    if command -v "$tool" >/dev/null 2>&1; then
        "$@"
    elif [ "$all" = yes ]; then
        echo "audit: $tool is missing; type: cargo install --locked $tool" >&2
        exit 1
    else
        echo "audit: without $tool; type: cargo install --locked $tool" >&2
    fi
}

all=no
checks=(licenses bans sources)
if [ "${1:-}" = --all ]; then
    all=yes
    checks+=(advisories)
fi
look cargo-machete cargo machete
look cargo-deny cargo deny --all-features check "${checks[@]}"
