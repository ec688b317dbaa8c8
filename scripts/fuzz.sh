#!/usr/bin/env bash
# Fuzzes one target, or each in turn, for so many seconds: scripts/fuzz.sh SECS [TARGET]
#
# It works with the stable compiler: what finds its way by coverage needs no sanitizer, and the code has no `unsafe`
# for one to watch. What the run learns stays in fuzz/grown, which git does not keep; fuzz/corpus is read and left
# alone. A finding ends the run and is written to fuzz/artifacts (docs/testing.md says what becomes of it).
set -euo pipefail
cd "$(dirname "$0")/.."

secs=$1
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzz: cargo-fuzz is missing; type: cargo install --locked cargo-fuzz" >&2
    exit 1
fi
if [ -n "${2:-}" ]; then
    targets=("$2")
else
    mapfile -t targets < <(cargo fuzz list)
fi
for target in "${targets[@]}"; do
    if [ ! -f "fuzz/fuzz_targets/$target.rs" ]; then
        echo "fuzz: there is no target $target; there are $(cargo fuzz list | paste -sd ' ')" >&2
        exit 2
    fi
    echo "fuzz: $target for $secs seconds"
    mkdir -p "fuzz/grown/$target" "fuzz/corpus/$target" "fuzz/findings/$target"
    # More than one unit for the code generator: a build takes minutes, and less than half of them with sixteen.
    cargo fuzz run --sanitizer none --codegen-units 16 "$target" \
        "fuzz/grown/$target" "fuzz/corpus/$target" "fuzz/findings/$target" -- \
        -max_total_time="$secs" -timeout=20 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
        -dict="fuzz/dictionaries/$target.dict"
done
