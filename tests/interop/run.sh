#!/bin/sh
# Compares what cairn reads and writes with Python's safetensors and NumPy, from the Python package index, pinned.
# usage: tests/interop/run.sh [eigen]: with it, that NumPy sees Eigen's matrices as they are
set -eu
cd "$(dirname "$0")/../.."
build=$PWD/build/interop
venv=$build/venv
mkdir -p "$build"
[ -e "$venv/ready" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q 'safetensors==0.8.0' 'numpy==2.4.6' && touch "$venv/ready"; }
build() { "${CXX:-c++}" -std=c++20 -O1 -Wall -Wextra -Werror -Iinclude "$@" -pthread; }
if [ "${1:-}" = eigen ]; then
    # shellcheck disable=SC2046  # a list of flags
    build tests/interop/eigen.cpp -o "$build/eigen" $(pkg-config --cflags eigen3 | sed 's/-I/-isystem /')
    "$venv/bin/python" tests/interop/compare_eigen.py "$build/eigen"
    exit
fi
build tests/interop/safetensors.cpp -o "$build/safetensors"
"$venv/bin/python" tests/interop/compare.py "$build/safetensors"
sh tests/interop/nvml/run.sh
