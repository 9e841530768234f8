#!/bin/sh
# Puts a C++ compiler for other systems into build/zig: zig, from the Python package index, has the headers and the
# libraries of musl and macOS in itself. usage: zig.sh TARGET...; makes build/zig/TARGET-c++
set -eu
cd "$(dirname "$0")/.."
zig=$PWD/build/zig
[ -x "$zig/venv/bin/python" ] || python3 -m venv "$zig/venv"
"$zig/venv/bin/pip" install -q 'ziglang==0.17.1'
for target; do
    printf '#!/bin/sh\nexec "%s" -m ziglang c++ -target %s "$@"\n' "$zig/venv/bin/python" "$target" >"$zig/$target-c++"
    chmod +x "$zig/$target-c++"
done
