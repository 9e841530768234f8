#!/bin/sh
# Consumes the library in the ways that its users do; all but `newer` without a network. usage: run.sh [WAY...]
ways="find_package add_subdirectory fetch_content pkg_config meson_subproject single_header two_tu"
ways="$ways several_files no_rtti shared_library plugin static_library two_versions macros size static_init newer"
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${CXX:=g++}"
export CXX
# shellcheck disable=SC2086  # a list of words
[ $# -gt 0 ] || set -- $ways

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
    brings_nothing
}
fetch_content() {
    cmake_consumer fetch_content -DCAIRN_SOURCE="$root"
    brings_nothing
}
# Of ours the cache has the options, which are off, and there is nothing to install.
brings_nothing() {
    grep '^CAIRN_' "$work/build/CMakeCache.txt" | grep -v -e '=OFF$' -e ':INTERNAL=' -e '^CAIRN_SOURCE' && return 1
    DESTDIR=$work/nothing cmake --install "$work/build" >/dev/null
    [ ! -e "$work/nothing" ]
}
pkg_config() {
    installed -DCAIRN_HTTP=OFF -DCAIRN_CLI=OFF -DCAIRN_PNG=OFF
    # shellcheck disable=SC2046  # flags are words
    "$CXX" -std=c++20 $(PKG_CONFIG_PATH=$work/moved/share/pkgconfig pkg-config --cflags --libs cairn) \
        "$here/main.cpp" "$here/other.cpp" -o "$work/consumer"
    "$work/consumer"
    # Headers whose folder is no part of the prefix, as some distributions have it; nor of the source, says CMake.
    headers=$(mktemp -d)
    rm -r "$work/moved"
    installed -DCMAKE_INSTALL_INCLUDEDIR="$headers"
    flags=$(PKG_CONFIG_PATH=$work/moved/share/pkgconfig pkg-config --cflags-only-I cairn)
    [ "${flags% }" = "-I$headers" ]
    [ -e "$headers/cairn/cairn.hpp" ]
    rm -r "$headers"
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
no_rtti() {
    "$CXX" -std=c++20 -fno-rtti -I"$root/include" "$here/main.cpp" "$here/other.cpp" -o "$work/consumer" -pthread
    "$work/consumer"
}
# One run in a program and two libraries, which must find the same lanes and the same handlers of signals.
shared_library() {
    for visibility in default hidden; do
        out=$work/$visibility
        mkdir "$out"
        flags=-fvisibility=$visibility
        [ $visibility = default ] || flags="$flags -fvisibility-inlines-hidden"
        for file in opener logger main; do
            # shellcheck disable=SC2086
            "$CXX" -std=c++20 $flags -fPIC -I"$root/include" \
                -c "$here/shared_library/$file.cpp" -o "$out/$file.o"
        done
        "$CXX" -shared "$out/opener.o" -o "$out/libopener.so" -pthread
        "$CXX" -shared "$out/logger.o" -o "$out/liblogger.so" -pthread
        "$CXX" "$out/main.o" -L"$out" -lopener -llogger -Wl,-rpath,"$out" -o "$out/consumer" -pthread
        "$out/consumer" "$out/store"
        status=0
        "$out/consumer" "$out/store" signal || status=$?
        [ "$(kill -l "$status")" = TERM ]
        ls "$out/store/projects/shared/artifacts/by_opener/v0" "$out/store/projects/shared/artifacts/by_logger/v0"
    done
}
# A library that has watched a run is unloaded before the run ends; g++ would keep it for ever.
plugin() {
    flags="-fvisibility=hidden"
    if "$CXX" -fno-gnu-unique -E -x c++ /dev/null >/dev/null 2>&1; then flags="$flags -fno-gnu-unique"; fi
    # shellcheck disable=SC2086
    "$CXX" -std=c++20 $flags -fPIC -I"$root/include" -shared "$here/shared_library/plugin.cpp" \
        -o "$work/libplugin.so" -pthread
    # shellcheck disable=SC2086
    "$CXX" -std=c++20 $flags -I"$root/include" "$here/shared_library/host.cpp" -o "$work/host" -pthread -ldl
    "$work/host" "$work/store" "$work/libplugin.so"
}
# cairn is compiled in a file of its own: the others have the calls of it, also those with the single header.
several_files() {
    sed 's|cairn/cairn.hpp|cairn/extern.hpp|' "$here/main.cpp" >"$work/main.cpp"
    # A header of the program may include the other one after it.
    printf '#include <cairn/engine.hpp>\n#include <cairn/extern.hpp>\n' >"$work/engine.cpp"
    for include in include single_include; do
        "$CXX" -std=c++20 -I"$root/$include" -c "$work/main.cpp" -o "$work/main.o"
        nm -C "$work/main.o" | grep -q 'U .*cairn::.*init'
        "$CXX" -std=c++20 -I"$root/$include" "$work/main.o" "$work/engine.cpp" "$here/other.cpp" -o "$work/consumer" -pthread
        "$work/consumer"
    done
}
# As above, with the libraries' two files in one archive.
static_library() {
    for file in opener logger main; do
        "$CXX" -std=c++20 -I"$root/include" -c "$here/shared_library/$file.cpp" -o "$work/$file.o"
    done
    ar rcs "$work/libtrainer.a" "$work/opener.o" "$work/logger.o"
    "$CXX" "$work/main.o" -L"$work" -ltrainer -o "$work/consumer" -pthread
    "$work/consumer" "$work/store"
}
# A library with this version and one with the next, in one process; what they share is the store on disk.
two_versions() {
    cp -R "$root/include" "$work/newer"
    sed -i 's/cairn::inline v0_1/cairn::inline v0_2/' "$work/newer/cairn/config.hpp"
    sed -i -e 's/MINOR 1/MINOR 2/' -e 's/VERSION "0.1.*"/VERSION "0.2.0"/' "$work/newer/cairn/version.hpp"
    two_versions_library older "$root/include" v0_1 v0_2
    two_versions_library newer "$work/newer" v0_2 v0_1
    "$CXX" -std=c++20 "$here/two_versions/main.cpp" -L"$work" -lolder -lnewer -Wl,-rpath,"$work" -o "$work/consumer"
    "$work/consumer" "$work/store"
}
two_versions_library() {  # two_versions_library NAME INCLUDE ITS_NAMESPACE NOT_ITS_NAMESPACE
    "$CXX" -std=c++20 -fPIC "-DLIBRARY=$1" -I"$2" -c "$here/two_versions/library.cpp" -o "$work/$1.o"
    "$CXX" -shared "$work/$1.o" -o "$work/lib$1.so" -pthread
    nm -DC "$work/lib$1.so" >"$work/$1.symbols"
    grep -q "cairn::$3::" "$work/$1.symbols"
    grep "cairn::$4::" "$work/$1.symbols" && return 1
    echo "$1: $(grep -c "cairn::$3::" "$work/$1.symbols") symbols of $3, none of $4"
}
# Files that are compiled in different ways and linked into one program.
macros() {
    macros_file debug all.cpp -DUSE=debug -std=c++20 -O0 -D_GLIBCXX_ASSERTIONS
    macros_file release all.cpp -DUSE=release -std=c++23 -O2 -DNDEBUG
    macros_file diagnostics all.cpp -DUSE=diagnostics -std=c++20 -DJSON_DIAGNOSTICS=1 -fno-char8_t -include complex.h
    macros_file without without_exceptions.cpp -std=c++20 -fno-exceptions
    macros_file main main.cpp -std=c++20
    # The linker takes the first of what several files have: each is first once.
    for order in "debug release without diagnostics" "release without diagnostics debug" "without diagnostics debug release" \
        "diagnostics debug release without"; do
        set -- "$work/main.o"
        for file in $order; do set -- "$@" "$work/$file.o"; done
        "$CXX" "$@" -o "$work/consumer" -pthread
        rm -rf "$work/store"
        "$work/consumer" "$work/store"
    done
}
macros_file() {  # macros_file OBJECT SOURCE [flag...]
    object=$work/$1.o source=$here/macros/$2
    shift 2
    "$CXX" "$@" -I"$root/include" -c "$source" -o "$object"
}
# What 50 files cost that include cairn, over one; and 50 that use it, which has no limit.
size() {
    size_of include 200
    size_of use
}
size_of() {  # size_of SOURCE [KIB]
    "$CXX" -std=c++20 -O2 -I"$root/include" -c "$here/size/$1.cpp" -o "$work/unit_0.o"
    for i in $(seq 49); do  # the compiler would make the same 49 times, but for the name
        objcopy --redefine-sym "unit_0=unit_$i" "$work/unit_0.o" "$work/unit_$i.o"
    done
    one=$(size_linked "$1" 0) fifty=$(size_linked "$1" 49)
    echo "50 files that $1 cairn: $one bytes with one, $fifty with all, $(((fifty - one) / 1024)) KiB more"
    [ $# -lt 2 ] || [ $((fifty - one)) -le $(($2 * 1024)) ]
}
size_linked() {  # size_linked SOURCE LAST: the size of a program with the files 0 to LAST, which it runs
    units=$(seq 0 "$2")
    {
        for i in $units; do echo "extern \"C\" void unit_$i(const char*);"; done
        echo 'int main(int, char** argv) {'
        for i in $units; do echo "    unit_$i(argv[1]);"; done
        echo '}'
    } >"$work/main.cpp"
    # shellcheck disable=SC2046  # a list of files
    "$CXX" -s "$work/main.cpp" $(printf "$work/unit_%s.o " $units) -o "$work/$1_$2" -pthread
    "$work/$1_$2" "$work/store"
    wc -c <"$work/$1_$2"
}
# No header of ours does anything before main. CLI11 does: then ours must add nothing to that.
static_init() {
    full=$root/include/cairn/cairn_full.hpp
    echo '#include <cairn/cairn.hpp>' | static_init_object cairn
    ! objdump -h "$work/cairn.o" | grep -F .init_array || return 1
    echo '#include <httplib.h>' | static_init_object httplib
    grep '^#include' "$full" | grep -v /cli/ | static_init_object most
    diff "$work/httplib.startup" "$work/most.startup"
    printf '#include <%s>\n' CLI/CLI.hpp httplib.h | static_init_object others
    echo '#include <cairn/cairn_full.hpp>' | static_init_object full
    [ -s "$work/others.startup" ]
    diff "$work/others.startup" "$work/full.startup"
    echo "nothing of ours runs before main; of CLI11 and cpp-httplib, $(wc -l <"$work/full.startup") kinds of calls"
}
static_init_object() {  # static_init_object NAME <SOURCE: NAME.o and, by name, all that its start refers to
    cat >"$work/$1.cpp"
    "$CXX" -std=c++20 -O2 -I"$root/include" -c "$work/$1.cpp" -o "$work/$1.o"
    objdump -rC -j .text.startup "$work/$1.o" 2>/dev/null | sed -n 's/^[0-9a-f]* *R_[^ ]* *//p' |
        sed -e 's/[-+]0x.*//' -e 's/\.LC[0-9]*/.LC/' | sort | uniq -c >"$work/$1.startup"
}
# Newer versions of the dependencies, from the network: with the same program, and through find_package.
newer() {
    sh "$root/packaging/newer_dependencies.sh"
    for compiler in "$CXX" clang++-19; do
        echo '#if NLOHMANN_JSON_VERSION_MINOR < 12
#error "not the newer nlohmann/json"
#endif' >"$work/check.hpp"
        "$compiler" -std=c++20 -Wall -Wextra -Werror -isystem "$root/build/newer/include" -I"$root/include" \
            -include nlohmann/json.hpp -include "$work/check.hpp" "$here/main.cpp" "$here/other.cpp" \
            -o "$work/consumer" -pthread
        "$work/consumer"
    done
    installed -DCAIRN_HTTP=ON -DCAIRN_CLI=ON -DCMAKE_PREFIX_PATH="$root/build/newer"
    cmake_consumer find_package "-DCMAKE_PREFIX_PATH=$work/moved;$root/build/newer" "-DCONSUME_COMPONENTS=http;cli"
    for dependency in nlohmann_json CLI11 httplib; do
        grep "^${dependency}_DIR:PATH=$root/build/newer" "$work/build/CMakeCache.txt"
    done
}

for way; do
    work=$root/build/consume/$way
    rm -rf "$work"
    mkdir -p "$work"
    echo "-- $way"
    "$way"
done
