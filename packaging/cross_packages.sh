#!/bin/sh
# Copies the header-only packages of this machine into build/cross, for compilers of another one: with /usr/include
# itself they would see this machine's C library.
set -eu
cd "$(dirname "$0")/.."
root=$PWD/build/cross
rm -rf "$root"
mkdir -p "$root/include" "$root/share" "$root/lib/cmake"
for package in nlohmann CLI catch2; do
    cp -R "/usr/include/$package" "$root/include"
done
cp -R /usr/share/cmake "$root/share"
cp -R /usr/lib/cmake/Catch2 "$root/lib/cmake"
cp /usr/lib/libCatch2WithMain.a "$root/lib"  # its package looks for it; nothing links it
