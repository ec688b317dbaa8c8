#!/usr/bin/env bash
# Builds the image where a container engine runs, and holds it to its size. Elsewhere, as root, the Dockerfile's own
# steps are taken without one (scripts/dockerfile.py), and what they make is started.
#
#   scripts/image.sh                     with an engine, or else as --clean
#   scripts/image.sh --clean             in a clean Debian, with this machine's Rust: minutes
#   scripts/image.sh --program PROGRAM   in this machine's own system, with a program that is there: a second
#
# FEATURES: cargo features, none by default. TAG: the image's name.
set -euo pipefail
cd "$(dirname "$0")/.."

BYTES_MAX=$((60 * 1000 * 1000))
tag=${TAG:-fraiseql}
COMMIT=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
export COMMIT FEATURES=${FEATURES:-}

engine() {
    local engine
    for engine in docker podman; do
        command -v "$engine" >/dev/null 2>&1 && "$engine" info >/dev/null 2>&1 && { echo "$engine"; return; }
    done
    return 1
}

without_engine() {
    if [ "$(id -u)" -ne 0 ]; then
        echo 'image: without a container engine only root can take its steps' >&2
        exit 1
    fi
    work=$(mktemp -d)
    chmod 755 "$work"
    # By then everything that was mounted has gone with its namespace.
    trap 'rm -rf --one-file-system "$work"' EXIT
    local first=("$@")
    if [ $# -eq 0 ]; then
        # What Rust's own image has of Debian.
        scripts/clean_debian.sh "$work/debian" gcc libc6-dev
        first=(--base "$work/debian")
    fi
    unshare --mount --propagation private "${PYTHON:-python3}" scripts/dockerfile.py "${first[@]}" --into "$work"
}

if [ "${1:-}" = --program ]; then
    without_engine --program "$2"
elif [ "${1:-}" != --clean ] && engine=$(engine); then
    "$engine" build --build-arg "FEATURES=$FEATURES" --build-arg "COMMIT=$COMMIT" -t "$tag" .
    "$engine" run --rm "$tag" --version
    size=$("$engine" image inspect --format '{{.Size}}' "$tag")
    echo "image: $size bytes of $BYTES_MAX"
    [ "$size" -le "$BYTES_MAX" ] || { echo 'image: it is too large' >&2; exit 1; }
else
    without_engine
fi
