#!/bin/sh
# Measures how long a curve of a million points takes to come from our server and from others, and writes the table of
# docs/dashboard.md. After tests/mirror/run.sh and tests/page/run.sh, on a quiet machine. usage: tests/page/viewers.sh
set -eu
cd "$(dirname "$0")/../.."
others=build/mirrors
table=$(python3 tests/page/viewers.py build/page/tool/cairn build/page/record "$others/venv/bin/python" "$others/trackio/bin/python" \
    build/page/viewers)
TABLE=$table python3 tests/page/insert.py docs/dashboard.md tests/page/viewers.sh
printf '%s\n' "$table"
