#!/usr/bin/env bash
# A Debian that nobody has used, of this machine's release, in an empty directory: as root, in a minute or two.
#
#   scripts/clean_debian.sh DIR [PACKAGE…]
#
# MIRROR: where its packages come from.
set -euo pipefail

if ! command -v debootstrap >/dev/null 2>&1; then
    echo 'clean: debootstrap is missing; type: sudo apt-get install -y debootstrap' >&2
    exit 1
fi
# shellcheck disable=SC1091
release=$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME" || echo bookworm)
directory=$1
shift
packages=$(IFS=, && echo "$*")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "clean: Debian $release with ${packages:-nothing else}"
debootstrap --variant=minbase ${packages:+"--include=$packages"} "$release" "$directory" \
    "${MIRROR:-http://deb.debian.org/debian}" >"$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
