#!/bin/sh
# Draws docs/pictures/dashboard_*.png and plot.svg: three trainings of examples/train_text, as the page and the terminal
# show them.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
sh tests/page/run.sh -- --test-name-pattern='opens from a file' >/dev/null
export PATH="$root/build/page/venv/bin:$PATH"
cmake -S . -B build/examples -G Ninja -DCMAKE_BUILD_TYPE=Release -DCAIRN_BUILD_TESTS=OFF -DCAIRN_HTTP=OFF
cmake --build build/examples --target train_text
work=$root/build/page/pictures
rm -rf "$work" && mkdir -p "$work"
for seed in 1 2 3; do
    CAIRN_DIR=$work/store CAIRN_NAME="seed $seed" build/examples/examples/train_text --seed "$seed" --steps 3000 \
        README.md docs/*.md
done
runs=$(build/page/tool/cairn ls --json --dir "$work/store" | python3 -c \
    'import json, sys; print(*(run["id"] for run in json.load(sys.stdin)["runs"]))')
build/page/tool/cairn plot latest train/loss --width 96 --dir "$work/store" |
    python3 tests/page/terminal.py "cairn plot latest train/loss" >docs/pictures/plot.svg
# shellcheck disable=SC2086
build/page/tool/cairn export $runs --html "$work/report.html" --dir "$work/store"
cd tests/page
node pictures.mjs "$work/report.html" "$root/docs/pictures"
