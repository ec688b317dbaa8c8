#!/bin/sh
# Schemathesis against the OpenAPI description: thousands of requests made from it, good and bad ones.
#
#   sh schemathesis.sh http://localhost:8080/rest [more options of `st run`]
#
# It is installed from PyPI into a virtual environment of its own, once.
set -eu
version=4.32.5
url=${1:-${REST_URL:?give the URL of the REST routes, or set REST_URL}}
[ $# -eq 0 ] || shift

home=${XDG_CACHE_HOME:-$HOME/.cache}/fraiseql-tests/schemathesis-$version
if [ ! -x "$home/bin/st" ]; then
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
fi

# Left out: positive_data_acceptance, because a text of `select` or `filter` has a meaning that no schema tells, and
# negative_data_rejection, because a wrong member of an object in brackets may be lost before it is sent.
exec "$home/bin/st" run "$url/openapi.json" --no-color --checks all \
    --exclude-checks positive_data_acceptance,negative_data_rejection \
     --max-examples 20 --seed 1 "$@"
