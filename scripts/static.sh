#!/usr/bin/env bash
# Builds the program as one file without libraries, which runs on any Linux of this processor, and says where it is.
#
# FEATURES: cargo features, none by default.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(uname -m)-unknown-linux-musl
if ! [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
    rustup target add "$target"
fi
if ! command -v musl-gcc >/dev/null 2>&1; then
    echo 'static: musl-gcc is missing; type: sudo apt-get install -y musl-tools' >&2
    exit 1
fi
cargo build --release --locked --bin fraiseql --features "${FEATURES:-}" --target "$target"
echo "${CARGO_TARGET_DIR:-target}/$target/release/fraiseql"
