#!/usr/bin/env bash
# Builds a Debian package: the program, its manual, completions and licences, the Python package that schemas are
# written with, and a service of systemd.
#
#   scripts/deb.sh                 builds the program, and its package in target/debian
#   scripts/deb.sh PROGRAM DIR     the package of a program that is there, in this directory
#
# The last line says where it is. FEATURES: cargo features, none by default. DEBFULLNAME, DEBEMAIL: whose package it is.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in dpkg-deb:dpkg dpkg-shlibdeps:dpkg-dev; do
    if ! command -v "${tool%:*}" >/dev/null 2>&1; then
        echo "deb: ${tool%:*} is missing; type: sudo apt-get install -y ${tool#*:}" >&2
        exit 1
    fi
done

target=${CARGO_TARGET_DIR:-target}
if [ $# -eq 2 ]; then
    program=$1 directory=$2
else
    cargo build --release --locked --bin fraiseql --features "${FEATURES:-}"
    program=$target/release/fraiseql directory=$target/debian
fi
program=$(realpath "$program")
mkdir -p "$directory"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
umask 022

share=$root/usr/share doc=$root/usr/share/doc/fraiseql
install -D -m 755 "$program" "$root/usr/bin/fraiseql"
mkdir -p "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/vendor-completions" \
    "$share/fish/vendor_completions.d" "$doc/licences" "$root/DEBIAN"
"$program" man "$share/man/man1" >/dev/null
gzip -9n "$share/man/man1"/*.1
"$program" completions bash >"$share/bash-completion/completions/fraiseql"
"$program" completions zsh >"$share/zsh/vendor-completions/_fraiseql"
"$program" completions fish >"$share/fish/vendor_completions.d/fraiseql.fish"
# What schemas are written with.
mkdir -p "$root/usr/lib/python3/dist-packages/fraiseql"
install -m 644 python/fraiseql/*.py python/fraiseql/py.typed "$root/usr/lib/python3/dist-packages/fraiseql"
install -m 644 deploy/debian/copyright docs/*.md docs/grafana.json "$doc"
install -m 644 LICENSE-MIT LICENSE-APACHE "$doc/licences"
for notices in assets/*/LICENSES.txt; do
    install -m 644 "$notices" "$doc/licences/$(basename "$(dirname "$notices")").txt"
done
install -D -m 644 deploy/debian/fraiseql.service "$root/lib/systemd/system/fraiseql.service"
# It will hold a password.
install -D -m 600 deploy/debian/environment "$root/etc/fraiseql/environment"
echo /etc/fraiseql/environment >"$root/DEBIAN/conffiles"
install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$root/DEBIAN"

# The oldest libraries that have what the program asks of them. The tool wants to be beside a source package.
needs() {
    local beside
    beside=$(mktemp -d)
    mkdir "$beside/debian"
    touch "$beside/debian/control"
    (cd "$beside" && dpkg-shlibdeps -O "$program" 2>/dev/null) | sed -n 's/^shlibs:Depends=//p'
    rm -rf "$beside"
}
depends=$(needs)
[ -n "$depends" ] || { echo 'deb: what the program is linked with belongs to no package of this system' >&2; exit 1; }
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
maintainer="${DEBFULLNAME:-$(git config user.name || id -un)} <${DEBEMAIL:-$(git config user.email || echo "$(id -un)@localhost")}>"
sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$architecture|" -e "s|@MAINTAINER@|$maintainer|" \
    -e "s|@DEPENDS@|$depends|" -e "s|@KIB@|$(du -sk --exclude=DEBIAN "$root" | cut -f 1)|" \
    deploy/debian/control >"$root/DEBIAN/control"
(cd "$root" && find . -path ./DEBIAN -prune -o -type f ! -path './etc/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)

package=$directory/fraiseql_${version}_$architecture.deb
dpkg-deb --root-owner-group "-Z${COMPRESSION:-xz}" --build "$root" "$package" >&2
echo "$package"
