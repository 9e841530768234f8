#!/bin/sh
# Consumes the library in the ways that its users do, without a network. usage: run.sh [WAY...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${CXX:=g++}"
export CXX
[ $# -gt 0 ] || set -- find_package add_subdirectory fetch_content pkg_config meson_subproject single_header two_tu

cmake_consumer() {  # cmake_consumer WAY [option...]
    source=$here/$1
    shift
    cmake -S "$source" -B "$work/build" -G Ninja "$@"
    cmake --build "$work/build"
    "$work/build/consumer"
}
# An installation, moved after it was made: it must not know where it was built.
installed() {
    cmake -S "$root" -B "$work/cairn" -G Ninja -DCAIRN_BUILD_TESTS=OFF -DCAIRN_BUILD_EXAMPLES=OFF \
        -DCAIRN_BUILD_TOOL=OFF -DCMAKE_INSTALL_PREFIX="$work/made" "$@"
    cmake --install "$work/cairn" >/dev/null
    mv "$work/made" "$work/moved"
}
find_package() {
    installed -DCAIRN_HTTP=ON -DCAIRN_CLI=ON
    cmake_consumer find_package -DCMAKE_PREFIX_PATH="$work/moved" "-DCONSUME_COMPONENTS=http;cli"
    rm -r "$work/build"
    cmake_consumer find_package -DCMAKE_PREFIX_PATH="$work/moved"
    # A component that does not exist is refused, for that reason.
    cmake -S "$here/find_package" -B "$work/unknown" -G Ninja -DCMAKE_PREFIX_PATH="$work/moved" \
        -DCONSUME_COMPONENTS=unknown >"$work/unknown.log" 2>&1 && return 1
    grep -q 'cairn_FOUND to FALSE' "$work/unknown.log"
}
add_subdirectory() {
    cmake_consumer add_subdirectory -DCAIRN_SOURCE="$root"
    # The cache has our options, which are off, and no other entry of ours.
    grep '^CAIRN_' "$work/build/CMakeCache.txt" | grep -v -e '=OFF$' -e ':INTERNAL=' -e '^CAIRN_SOURCE' && return 1
    DESTDIR=$work/nothing cmake --install "$work/build" >/dev/null
    [ ! -e "$work/nothing" ]
}
fetch_content() { cmake_consumer fetch_content -DCAIRN_SOURCE="$root"; }
pkg_config() {
    installed -DCAIRN_HTTP=OFF -DCAIRN_CLI=OFF
    # shellcheck disable=SC2046  # flags are words
    "$CXX" -std=c++20 $(PKG_CONFIG_PATH=$work/moved/share/pkgconfig pkg-config --cflags --libs cairn) \
        "$here/main.cpp" "$here/other.cpp" -o "$work/consumer"
    "$work/consumer"
}
meson_subproject() {
    # A copy, because Meson wants the library inside its subprojects/.
    mkdir -p "$work/tests/consume"
    cp -R "$here/meson_subproject" "$here/main.cpp" "$here/other.cpp" "$work/tests/consume"
    mkdir "$work/tests/consume/meson_subproject/subprojects/cairn"
    cp -R "$root/include" "$root/meson.build" "$root/meson_options.txt" \
        "$work/tests/consume/meson_subproject/subprojects/cairn"
    meson setup "$work/build" "$work/tests/consume/meson_subproject"
    meson compile -C "$work/build"
    "$work/build/consumer"
    DESTDIR=$work/nothing meson install -C "$work/build"
    [ ! -e "$work/nothing" ]
}
single_header() {
    "$CXX" -std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror \
        -I"$root/single_include" "$here/main.cpp" "$here/other.cpp" -o "$work/consumer" -pthread
    "$work/consumer"
}
# One file with the headers, one with the single header: the same inline namespace, so they link.
two_tu() {
    "$CXX" -std=c++20 -I"$root/include" -c "$here/main.cpp" -o "$work/main.o"
    "$CXX" -std=c++20 -I"$root/single_include" -c "$here/other.cpp" -o "$work/other.o"
    "$CXX" "$work/main.o" "$work/other.o" -o "$work/consumer" -pthread
    "$work/consumer"
}

for way; do
    work=$root/build/consume/$way
    rm -rf "$work"
    mkdir -p "$work"
    echo "-- $way"
    "$way"
done
