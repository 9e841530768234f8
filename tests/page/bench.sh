#!/bin/sh
# Measures the page, and writes the table of docs/dashboard.md. After tests/page/run.sh, on a quiet machine.
set -eu
cd "$(dirname "$0")/../.."
build=$PWD/build/page
export PATH="$build/venv/bin:$PATH"
rm -rf "$build/fast"
cd tests/page
table=$(CAIRN=$build/tool/cairn RECORD=$build/record SIZES=$build/sizes FAST=$build/fast CHROMIUM=$(command -v chromium) \
    node bench.mjs)
cd ../..
TABLE=$table python3 tests/page/insert.py docs/dashboard.md tests/page/bench.sh
printf '%s\n' "$table"
