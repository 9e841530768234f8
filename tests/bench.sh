#!/bin/sh
# Builds the benchmarks in Release, runs them with their references, writes build/bench/results.json, prints a table
# and what we want beside it. A quarter of an hour of it is how long compiling takes: --no-compile-time leaves that out,
# and reports what was measured of it before.
# usage: sh tests/bench.sh [--no-compile-time] [Google Benchmark option...], for example --benchmark_filter=log
set -eu
cd "$(dirname "$0")/.."
compile_time=yes
if [ "${1:-}" = --no-compile-time ]; then
    compile_time=no
    shift
fi
sh packaging/install_tools.sh bench
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# LibTorch where it is: `packaging/install_tools.sh adapters` brings it.
torch=OFF
[ ! -e /usr/include/torch/csrc/api/include/torch/torch.h ] || torch=ON
rm -f build/bench/tests/bench/cairn_bench_*  # also those that are left out now
cmake --preset bench -DCAIRN_BUILD_TORCH=$torch
cmake --build --preset bench -j "$jobs"
out=build/bench
programs=tests/bench/cairn_bench
set -- --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true "$@" \
    --benchmark_out="$PWD/$out/benchmark.json" --benchmark_out_format=json
rm -f $out/benchmark.json $out/instructions.json $out/idle.json $out/growth.json $out/saving.json $out/mirrors.json $out/viewer.json $out/torch.json
# The benchmarks write into the folder they run in.
(cd $out && $programs "$@" && ${programs}_idle >idle.json && ${programs}_growth >growth.json && ${programs}_saving >saving.json)
for program in mirrors viewer torch; do
    [ ! -x "$out/${programs}_$program" ] || (cd $out && "${programs}_$program" >$program.json)
done
(cd $out && python3 ../../tests/bench/instructions.py ${programs}_instructions >instructions.json)
[ $compile_time = no ] || python3 tests/bench/compile_time.py >$out/compile_time.json
python3 tests/bench/report.py $out
