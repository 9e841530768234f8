// SPDX-License-Identifier: MIT
// The manifest of a version, its checksum made right first: what is taken names no file outside its folder,
// and is written and read again as it was.
#include <cairn/store/manifest.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string text{reinterpret_cast<const char*>(data), size};
    const std::size_t at = cairn::detail::checksum_at(text);
    if (at == std::string::npos) return 0;
    text.replace(at, cairn::detail::digest_digits, cairn::detail::checksum_of(text, at));
    const auto manifest = cairn::parse_manifest(text, "manifest.json");
    if (!manifest) return 0;
    for (const auto& file : manifest->files) {
        const std::filesystem::path path{file.path};
        if (path.is_absolute()) std::abort();
        for (const auto& part : path) {
            if (part == "..") std::abort();
        }
    }
    const auto written = to_text(*manifest);
    if (!written) return 0;
    const auto again = cairn::parse_manifest(*written, "manifest.json");
    if (!again || *to_text(*again) != *written) std::abort();
    return 0;
}
