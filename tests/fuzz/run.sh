#!/bin/sh
# Feeds hostile bytes to all that reads files or text of others, under the sanitizers; what a target finds is kept in
# build/fuzz. usage: run.sh [SECONDS for each target]
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
mkdir -p build/fuzz
# In memory where there is a place for it: a history is synced each time.
TMPDIR=$(mktemp -d /dev/shm/cairn-fuzz-XXXXXX 2>/dev/null || mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
flags="-std=c++20 -O1 -g -Iinclude -fsanitize=address,undefined -fno-sanitize-recover=all"
# shellcheck disable=SC2086
clang++-19 $flags tests/fuzz/seeds.cpp -o build/fuzz/seeds
build/fuzz/seeds build/fuzz/corpus
for source in tests/fuzz/*.cpp; do
    target=$(basename "$source" .cpp)
    [ "$target" != seeds ] || continue
    # shellcheck disable=SC2086
    clang++-19 $flags -fsanitize=fuzzer "$source" -o "build/fuzz/$target"
    # No input justifies much memory: the largest is 64 KiB.
    "build/fuzz/$target" -max_total_time="$seconds" -max_len=65536 -malloc_limit_mb=64 -rss_limit_mb=1024 -timeout=10 \
        -artifact_prefix="build/fuzz/$target-" -print_final_stats=1 "build/fuzz/corpus/$target" 2>"build/fuzz/$target.log" || {
        tail -n 60 "build/fuzz/$target.log"
        exit 1
    }
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$target.log") inputs"
done
