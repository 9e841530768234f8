#!/bin/sh
# Installs what the tests need, builds them with warnings as errors and runs them all.
# usage: sh tests/run.sh [preset [ctest option...]]; the presets are in CMakePresets.json, the default is dev.
set -eu
cd "$(dirname "$0")/.."
preset=${1:-dev}
[ $# -eq 0 ] || shift
sh packaging/install_tools.sh test
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
report=$PWD/build/$preset/tests.xml
rm -f "$report"

status=0
cmake --preset "$preset" && cmake --build --preset "$preset" -j "$jobs" || status=$?
if [ $status -eq 0 ]; then
    ctest --preset "$preset" -j "$jobs" --output-junit "$report" "$@" || status=$?
fi
# What did not even build is one failure.
count() { sed -n "s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p" "$report" 2>/dev/null | head -n 1; }
total=$(count tests) failed=$(count failures)
[ -n "$total" ] || total=1 failed=1
[ $status -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$((total - failed)) passed, $failed failed"
exit $status
