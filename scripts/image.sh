#!/usr/bin/env bash
# Builds the image where a container engine runs. Elsewhere it takes the Dockerfile's steps by itself: the program
# is built (or given), what the last stage copies is put into an empty directory, and the program has to run there
# as the Dockerfile's user with that directory as its root.
#
#   scripts/image.sh                       build, and hold it to its size
#   scripts/image.sh --root DIR PROGRAM    without an engine: this program, into this empty directory
#
# FEATURES: cargo features, none by default. TAG: the image's name.
set -euo pipefail
cd "$(dirname "$0")/.."

BYTES_MAX=$((60 * 1000 * 1000))
tag=${TAG:-fraiseql}

engine() {
    local engine
    for engine in docker podman; do
        command -v "$engine" >/dev/null 2>&1 && "$engine" info >/dev/null 2>&1 && { echo "$engine"; return; }
    done
    return 1
}

hold_to_size() {
    if [ "$1" -gt "$BYTES_MAX" ]; then
        echo "image: $1 bytes are more than $BYTES_MAX" >&2
        exit 1
    fi
    echo "image: $1 bytes of $BYTES_MAX"
}

# The instructions of the last stage, one a line, continued lines joined.
last_stage() {
    sed -e ':joined' -e '/\\$/{N;s/\\\n//;b joined' -e '}' Dockerfile |
        awk '/^FROM /{ stage = "" } !/^ *#/ && NF { stage = stage $0 "\n" } END { printf "%s", stage }'
}

# What a dynamically linked program needs beside it; a static one, as the Dockerfile builds, needs nothing.
libraries() {
    { ldd "$1" 2>/dev/null || true; } | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'
}

assemble() {
    local root=$1 program=$2 instruction arguments source target user='' workdir=/ health='' entrypoint='' command=''
    while read -r instruction arguments; do
        case $instruction in
        FROM) [ "$arguments" = scratch ] || { echo "image: the last stage is not from scratch" >&2; exit 1; } ;;
        COPY)
            # Options, what is copied, where to.
            read -r -a words <<<"$(sed 's/--[a-z]*=[^ ]* *//g' <<<"$arguments")"
            source=${words[0]} target=$root${words[1]}
            case $source in
            */fraiseql)
                mkdir -p "$(dirname "$target")"
                cp "$program" "$target"
                ;;
            /root-of-image/) mkdir -p "$root/service" "$root/tmp" && chmod 1777 "$root/tmp" ;;
            *) echo "image: what is $source?" >&2; exit 1 ;;
            esac
            ;;
        USER) user=$arguments ;;
        WORKDIR) workdir=$arguments ;;
        HEALTHCHECK) health=$(sed 's/.*CMD *\[\(.*\)\]/\1/; s/[",]/ /g' <<<"$arguments") ;;
        ENTRYPOINT) entrypoint=$(sed 's/[]["]//g' <<<"$arguments") ;;
        CMD) command=$(sed 's/[]["]//g' <<<"$arguments") ;;
        esac
    done < <(last_stage)
    local size
    size=$(du -sb "$root" | cut -f1)
    libraries "$program" | while read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
    run() { (cd "$root" && chroot --userspec="${user:-65532:65532}" "$root" "$@"); }
    [ -d "$root$workdir" ] || { echo "image: there is no $workdir" >&2; exit 1; }
    [ "${user%%:*}" != 0 ] && [ -n "$user" ] || { echo "image: it runs as root" >&2; exit 1; }
    run "$entrypoint" --version
    # What it runs, and what says that it is well, are commands that it has.
    run "$entrypoint" "$command" --help >/dev/null
    # shellcheck disable=SC2086
    run $health --help >/dev/null
    echo "image: assembled without an engine, runs as $user"
    case $(file -b "$program" 2>/dev/null) in *debug_info*) ;; *) hold_to_size "$size" ;; esac
}

if [ "${1:-}" = --root ]; then
    assemble "$(cd "$2" && pwd)" "$3"
elif engine=$(engine); then
    "$engine" build --build-arg "FEATURES=${FEATURES:-}" \
        --build-arg "COMMIT=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)" -t "$tag" .
    "$engine" run --rm "$tag" --version
    hold_to_size "$("$engine" image inspect --format '{{.Size}}' "$tag")"
else
    echo 'image: no container engine runs here; taking the steps without one'
    program=$(scripts/static.sh | tail -n 1)
    root=$(mktemp -d)
    chmod 755 "$root"
    trap 'rm -rf "$root"' EXIT
    assemble "$root" "$program"
fi
