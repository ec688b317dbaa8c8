#!/bin/sh
# Python's own gRPC: a script in a virtual environment that has it.
#
#   sh grpc_client.sh grpc_client.py PROTO_DIRECTORY localhost:8080 [CERTIFICATE]
#
# It is installed from PyPI once, into a directory of its own.
set -eu
version=1.76.0

home=${XDG_CACHE_HOME:-$HOME/.cache}/fraiseql-tests/grpcio-$version
if [ ! -e "$home/installed" ]; then
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check "grpcio-tools==$version" "grpcio-status==$version" \
        "grpcio-reflection==$version" "grpcio-health-checking==$version" ||
        { echo "$0: grpcio-tools could not be installed; is PyPI within reach?" >&2; exit 1; }
    touch "$home/installed"
fi

script=$(dirname "$0")/$1
shift
exec "$home/bin/python" "$script" "$@"
