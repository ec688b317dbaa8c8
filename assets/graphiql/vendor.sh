#!/bin/sh
# Writes the vendored files of this folder again, byte for byte, from the packages of the npm registry.
# To take a new version: change it here, in LICENSES.txt and in src/transport/graphql/page.rs.
set -eu
graphiql=4.1.2
react=18.3.1

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# vendor PACKAGE VERSION FILE NAME: one file of one package, compressed without name and time.
# The map is not shipped, so the line that names it would only make developer tools ask for it.
vendor() {
    [ -d "$1" ] || {
        npm pack --silent "$1@$2" >/dev/null
        mkdir "$1"
        tar -xzf "$1-$2.tgz" -C "$1" --strip-components=1
    }
    sed '/^\/\/# sourceMappingURL=/d' "$1/$3" | gzip -9n >"$here/$4.gz"
}

vendor graphiql "$graphiql" graphiql.min.js "graphiql-$graphiql.min.js"
vendor graphiql "$graphiql" graphiql.min.css "graphiql-$graphiql.min.css"
vendor react "$react" umd/react.production.min.js "react-$react.production.min.js"
vendor react-dom "$react" umd/react-dom.production.min.js "react-dom-$react.production.min.js"
