#!/bin/sh
# Writes the vendored files of this folder again, byte for byte, from the package of the npm registry.
# To take a new version: change it here and in src/transport/rest/docs.rs.
set -eu
version=5.35.0

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm pack --silent "swagger-ui-dist@$version" >/dev/null
tar -xzf "swagger-ui-dist-$version.tgz"

# vendor FILE NAME: one file of the package, compressed without name and time.
# The map is not shipped, so the line that names it would only make developer tools ask for it.
vendor() {
    sed -e '/^\/\/# sourceMappingURL=/d' -e 's/^\/\*# sourceMappingURL=.*\*\/$//' "package/$1" | gzip -9n >"$here/$2.gz"
}

vendor swagger-ui-bundle.js "swagger-ui-bundle-$version.js"
vendor swagger-ui.css "swagger-ui-$version.css"

{
    cat <<TEXT
Third-party software in this folder
===================================

Each .gz file is one file of the npm package swagger-ui-dist $version, compressed by \`gzip -9n\`; nothing was changed
except that lines which name source maps, which are not shipped, were dropped. \`sh vendor.sh\` writes them again
from the registry, and this file too. start.js is ours.

Part 1 is the package's own notice and licence (Apache-2.0), part 2 what its publishers say of the software inside
their bundle.


Part 1: swagger-ui-dist $version

TEXT
    cat package/NOTICE
    printf '\n\n'
    cat package/LICENSE
    printf '\n\nPart 2: software inside swagger-ui-bundle.js\n\n'
    cat package/swagger-ui-bundle.js.LICENSE.txt
} >"$here/LICENSES.txt"
