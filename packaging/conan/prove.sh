#!/bin/sh
# Creates and tests the package with a real Conan from the Python package index, everything else from this machine.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
venv=$root/build/conan/venv
[ -x "$venv/bin/conan" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q 'conan==2.*'; }
export CONAN_HOME="$root/build/conan/home"
rm -rf "$CONAN_HOME"
conan() { "$venv/bin/conan" "$@"; }
conan profile detect
version() { pkg-config --modversion "$1"; }
conan export packaging/conan/local --name=nlohmann_json --version="$(version nlohmann_json)"
conan export packaging/conan/local --name=cpp-httplib --version="$(version cpp-httplib)"
conan export packaging/conan/local --name=cli11 --version="$(version CLI11)"
create() {
    conan create . -s compiler.cppstd=20 --no-remote --build=missing \
        -c tools.cmake.cmaketoolchain:generator=Ninja "$@"
}
create
create -s build_type=Debug -o 'cairn/*:http=True' -o 'cairn/*:cli=True'
# One package of headers serves all settings, and C++17 is refused for what it is.
[ "$(conan list 'cairn/*:*' --format=compact | grep -c ':[0-9a-f]\{40\}$')" -eq 1 ]
if create -s compiler.cppstd=17 >"$CONAN_HOME/refused.log" 2>&1; then
    echo "C++17 was accepted"
    exit 1
fi
grep 'lower than the required C++ standard' "$CONAN_HOME/refused.log"
rm -rf packaging/conan/test_package/build packaging/conan/test_package/CMakeUserPresets.json
