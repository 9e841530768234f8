#!/bin/sh
# Puts newer versions of the dependencies than Debian 12 has into build/newer, as an installation prefix: nlohmann/json
# from the Python package index, the others from the sources of Debian's later releases. Each is pinned by its SHA-256.
set -eu
cd "$(dirname "$0")/.."
newer=$PWD/build/newer
pins=$(sha256sum "packaging/newer_dependencies.sh" | cut -c 1-64)
[ "$(cat "$newer/made_by" 2>/dev/null)" != "$pins" ] || exit 0
rm -rf "$newer"
mkdir -p "$newer/apt/lists/partial" "$newer/source"
cd "$newer/source"

# The machine's own Debian mirror, with two more suites, and nothing of it in the machine's own lists.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 'Created-By: Packages' | head -n 1)
for suite in trixie sid; do
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done >"$newer/apt/sources.list"
archive() {
    apt-get -q -o Dir::Etc::SourceList="$newer/apt/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$newer/apt/lists" -o Dir::Cache="$newer/apt" -o APT::Sandbox::User=root "$@"
}
# unpacked PACKAGE SUITE SHA256 [SUITE SHA256]: unpacks the first that is still there. sid moves on, trixie stays.
unpacked() {
    package=$1
    shift
    while [ $# -gt 0 ]; do
        rm -f "${package}_"*
        if archive source --download-only --tar-only "$package/$1" && echo "$2  $(ls "${package}_"*)" | sha256sum -c; then
            tar -xf "${package}_"* --one-top-level="$package" --strip-components=1
            return
        fi
        echo "$package: $1 no longer has the version that was tested"
        shift 2
    done
    return 1
}
installed() {  # installed PACKAGE [option...]
    package=$1
    shift
    cmake -S "$package" -B "$package/build" -G Ninja -DCMAKE_INSTALL_PREFIX="$newer" -DBUILD_TESTING=OFF "$@"
    cmake --build "$package/build"
    cmake --install "$package/build" >/dev/null
}

archive update
unpacked catch2 trixie c991b247a1a0d7bb9c39aa35faf0fe9e19764213f28ffba3109388e62ee0269c
# In one file it is built in a tenth of the time.
installed catch2 -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 -DCATCH_INSTALL_DOCS=OFF
unpacked cli11 sid fafd59a9fd365cbc22ae68e98d5bf51847c97229f9a7c9870f45ace2111b9dab \
    trixie 0b8fbf2398875f15f30a675c7f412123a2aaa38df2863e991de72004fd5f1292
installed cli11 -DCLI11_BUILD_TESTS=OFF -DCLI11_BUILD_EXAMPLES=OFF -DCLI11_BUILD_DOCS=OFF
unpacked cpp-httplib sid 7acb492bffdd95165677d22145c2c4890e6432c5ef53d0f781defe8dec48f567 \
    trixie c88f6495da71e778c82c22995b547a92ceb41cc4016f9028df67106a24b9210d
installed cpp-httplib -DHTTPLIB_REQUIRE_OPENSSL=OFF -DHTTPLIB_USE_OPENSSL_IF_AVAILABLE=OFF \
    -DHTTPLIB_USE_ZLIB_IF_AVAILABLE=OFF -DHTTPLIB_USE_BROTLI_IF_AVAILABLE=OFF -DHTTPLIB_USE_ZSTD_IF_AVAILABLE=OFF

echo 'nlohmann-json==3.12.0 --hash=sha256:5f6132720fb25d0d70bf0742f8397b49a540dcc193e7312a914f6aa49f054810' >json.txt
python3 -m venv venv
venv/bin/pip install -q --require-hashes --no-deps --target json -r json.txt
cp -R json/nlohmann_json/include/nlohmann "$newer/include"
# The wheel has no CMake package, so that ours is asked for in the way that its own would be.
mkdir -p "$newer/share/cmake/nlohmann_json"
cat >"$newer/share/cmake/nlohmann_json/nlohmann_jsonConfig.cmake" <<'CMAKE'
add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED)
set_target_properties(nlohmann_json::nlohmann_json PROPERTIES
                      INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_LIST_DIR}/../../../include")
CMAKE
echo 'set(PACKAGE_VERSION 3.12.0)
set(PACKAGE_VERSION_COMPATIBLE TRUE)' >"$newer/share/cmake/nlohmann_json/nlohmann_jsonConfigVersion.cmake"
rm -rf "$newer/source" "$newer/apt"
echo "$pins" >"$newer/made_by"
