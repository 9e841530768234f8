#!/bin/sh
# Compares what cairn reads and writes with Python's safetensors and NumPy, from the Python package index, pinned.
set -eu
cd "$(dirname "$0")/../.."
build=$PWD/build/interop
venv=$build/venv
mkdir -p "$build"
[ -e "$venv/ready" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q 'safetensors==0.8.0' 'numpy==2.4.6' && touch "$venv/ready"; }
"${CXX:-c++}" -std=c++20 -O1 -Wall -Wextra -Werror -Iinclude tests/interop/safetensors.cpp -o "$build/safetensors" -pthread
"$venv/bin/python" tests/interop/compare.py "$build/safetensors"
