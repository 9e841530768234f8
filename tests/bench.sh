#!/bin/sh
# Builds the benchmarks in Release, runs them with their references, writes build/bench/results.json, prints a table.
# usage: sh tests/bench.sh [Google Benchmark option...], for example --benchmark_filter=log
set -eu
cd "$(dirname "$0")/.."
sh packaging/install_tools.sh bench
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
cmake --preset bench
cmake --build --preset bench -j "$jobs"
out=build/bench
set -- --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true "$@" \
    --benchmark_out="$PWD/$out/benchmark.json" --benchmark_out_format=json
rm -f $out/benchmark.json $out/compile_time.json
# The benchmarks write into the folder they run in.
[ ! -x $out/tests/bench/cairn_bench ] || (cd $out && tests/bench/cairn_bench "$@")
python3 tests/bench/compile_time.py >$out/compile_time.json
python3 tests/bench/report.py $out
