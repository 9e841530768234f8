#!/bin/sh
# Installs what is missing for one purpose; does nothing, at once, when all of it is here.
# usage: install_tools.sh run|test|bench|ci|mpi|adapters|bare|cross|docs|page|mirrors
set -eu
purpose=${1:-test}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
# The packages of one line of the table below: "purposes: packages".
wanted() {
    while IFS=: read -r purposes packages; do
        case " $purposes " in *" $purpose "*) echo "$packages" ;; esac
    done
}
missing_by() {  # missing_by COMMAND...: those of $packages for which COMMAND PACKAGE fails
    for package in $packages; do
        "$@" "$package" >/dev/null 2>&1 || printf ' %s' "$package"
    done
}
dpkg_has() { dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'; }

if command -v apt-get >/dev/null; then
    packages=$(wanted <<'TABLE'
run test bench ci page mirrors: g++ cmake ninja-build nlohmann-json3-dev libcli11-dev
mirrors: libcpp-httplib-dev openssl pkg-config postgresql python3-venv time tmux
page: chromium fonts-dejavu-core git libcpp-httplib-dev pkg-config python3-venv
test bench ci: python3 ccache
test ci: catch2 libcpp-httplib-dev libpng-dev pkg-config
bench ci: libbenchmark-dev valgrind
bench: libcpp-httplib-dev libspdlog-dev libsqlite3-dev pkg-config
mpi: libopenmpi-dev openmpi-bin
adapters: libeigen3-dev libtorch-dev libdlib-dev libblas-dev liblapack-dev libarmadillo-dev catch2 pkg-config python3-venv
docs ci: doxygen python3
bare: debootstrap python3
cross: g++-i686-linux-gnu g++-aarch64-linux-gnu g++-s390x-linux-gnu qemu-user g++-mingw-w64-x86-64-posix clang-19 lld-19 wine wine64
ci: g++-12 clang-14 clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev libc++-19-dev libc++abi-19-dev meson python3-venv ca-certificates
TABLE
    )
    missing=$(missing_by dpkg_has)
    install() {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq update &&
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends "$@"
    }
elif command -v dnf >/dev/null; then
    packages=$(wanted <<'TABLE'
run test bench ci: gcc-c++ cmake ninja-build json-devel cli11-devel
test bench ci: python3 ccache
test ci: catch-devel cpp-httplib-devel libpng-devel pkgconf-pkg-config
bench ci: google-benchmark-devel valgrind
bench: spdlog-devel sqlite-devel
mpi: openmpi-devel
adapters: eigen3-devel dlib-devel armadillo-devel catch-devel pkgconf-pkg-config python3
docs ci: doxygen python3
bare: debootstrap python3
ci: clang clang-tools-extra compiler-rt libasan libubsan libtsan meson
TABLE
    )
    missing=$(missing_by rpm -q --whatprovides)
    install() { as_root dnf install -y "$@"; }
elif command -v brew >/dev/null; then
    packages=$(wanted <<'TABLE'
run test bench ci: cmake ninja nlohmann-json cli11
test bench ci: python3 ccache
test ci: catch2 cpp-httplib pkgconf
bench ci: google-benchmark
bench: spdlog sqlite
mpi: open-mpi
adapters: eigen pytorch dlib armadillo catch2 pkgconf
docs ci: doxygen python3
ci: llvm meson
TABLE
    )
    missing=$(missing_by brew list --versions)
    install() { brew install "$@"; }
else
    echo "install these by hand, if they are missing: a C++20 compiler, CMake 3.25, Ninja, nlohmann/json 3.11, CLI11 2.1;" \
        "for tests Python 3, Catch2, cpp-httplib, pkg-config; for benchmarks Google Benchmark, valgrind, spdlog, SQLite" >&2
    exit 0
fi

[ -n "$missing" ] || exit 0
echo "installing:$missing"
# Not fatal: what the package manager does not know may have been installed in another way; CMake has the last word.
# shellcheck disable=SC2086  # a list of words
install $missing </dev/null || echo "could not install:$missing; going on with what is here" >&2
