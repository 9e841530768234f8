#!/bin/sh
# Installs what is missing, builds the main job (examples/train_text) and the tool `cairn`, and runs both:
# trains on FILE, or on this repository's README and headers. usage: sh examples/run.sh [--steps N] [FILE...]
# The run is written where you stand, into ./cairn (or $CAIRN_DIR).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
sh "$root/packaging/install_tools.sh" run
build=$root/build/examples
# Without ccache, which makes __FILE__ relative: that is where the program looks for this repository's own text.
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER_LAUNCHER= \
    -DCAIRN_BUILD_TESTS=OFF -DCAIRN_HTTP=OFF
cmake --build "$build" --target train_text cairn_tool
"$build/examples/train_text" "$@"
"$build/cairn" show latest
"$build/cairn" plot latest val/loss
