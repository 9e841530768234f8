// SPDX-License-Identifier: MIT
#pragma once
// Paths of rich values in other systems. Costs <string>.

#include <cstddef>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// A metric's name as a part of a path: folders where it has slashes, and nothing that a file system minds.
[[nodiscard]] inline std::string path_from(std::string_view name) {
    std::string out;
    for (const char c : name.substr(0, 128)) {
        const bool is_allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                c == '_' || c == '-' || (c == '/' && !out.empty() && out.back() != '/');
        out += is_allowed ? c : '_';
    }
    return out;
}
/// The part of a media type behind its slash: "png" of "image/png; q=1". As it becomes the ending of a file's
/// name, it has letters, digits, "+" and "-" only, and few of them.
[[nodiscard]] inline std::string subtype_of(std::string_view type) {
    constexpr std::size_t most = 32;
    const std::size_t slash = type.find('/');
    std::string out;
    if (slash == std::string_view::npos) return out;
    for (const char c : type.substr(slash + 1, type.find(';') - slash - 1)) {
        const bool is_kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                             c == '+' || c == '-';
        if (is_kept && out.size() < most) out += c;
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail
