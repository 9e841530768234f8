// SPDX-License-Identifier: MIT
#pragma once
// Names that become folder or file names: one rule for projects, runs, artifacts and parts. Costs <string>.

#include <cairn/core/error.hpp>
#include <cairn/core/read_number.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace CAIRN_NAMESPACE::detail {

inline constexpr std::size_t max_name_bytes = 128;

[[nodiscard]] constexpr bool is_name_char(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

#if defined(_WIN32)
/// Why Windows would take `name` for another one, or for none; empty if it would not.
[[nodiscard]] constexpr std::string_view windows_problem(std::string_view name) noexcept {
    if (name.ends_with('.') || name.ends_with(' ')) return "ends in a dot or a blank, which Windows drops";
    if (name.find_first_of("<>:\"|?*\\") != std::string_view::npos)
        return "has a character that Windows does not allow";
    std::string_view stem = name.substr(0, name.find('.'));
    while (stem.ends_with(' ')) stem.remove_suffix(1);
    std::string_view port = stem;  // COM1, LPT1 and so on; superscripts are digits too
    for (const std::string_view digit :
         {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\xC2\xB9", "\xC2\xB2", "\xC2\xB3"}) {
        if (stem.ends_with(digit)) port = stem.substr(0, stem.size() - digit.size());
    }
    const auto is = [](std::string_view text, std::string_view device) {
        if (text.size() != device.size()) return false;
        for (std::size_t i = 0; i < device.size(); ++i) {
            const char c = text[i];
            if ((c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c) != device[i]) return false;
        }
        return true;
    };
    for (const std::string_view device : {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}) {
        if (is(stem, device)) return "is a device of Windows";
    }
    if (port != stem && (is(port, "COM") || is(port, "LPT"))) return "is a device of Windows";
    return {};
}
#endif

/// Why `name` cannot be a file name on this system; empty if it can.
[[nodiscard]] constexpr std::string_view name_problem(std::string_view name) noexcept {
    if (name.empty()) return "is empty";
    if (name.size() > max_name_bytes) return "is longer than 128 bytes";
    if (name.front() == '.') return "starts with a dot";
    for (const char c : name) {
        if (c == '/' || c == '\\') return "contains a path separator";
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "contains a control character";
        if (!is_name_char(c)) return "contains a character other than letters, digits, '.', '_' and '-'";
    }
#if defined(_WIN32)
    return windows_problem(name);
#else
    return {};
#endif
}

/// `name` with every character that is not allowed replaced by `-`, for messages and defaults.
template <class = void>
[[nodiscard]] std::string suggest_name(std::string_view name) {
    std::string out;
    for (const char c : name.substr(0, 64)) out += is_name_char(c) ? c : '-';
    while (!out.empty() && out.front() == '.') out.erase(0, 1);
    return out.empty() ? "unnamed" : out;
}

/// "v3", the name of version 3.
// Appended, not `"v" + …`: g++ 12 -O3 warns of an overlap there that cannot be (its bug 105651), in the
// user's build.
[[nodiscard]] inline std::string version_label(std::uint64_t version) {
    std::string label = "v";
    label += std::to_string(version);
    return label;
}

/// The number of "v3"; nothing for any other text.
template <class = void>
[[nodiscard]] std::optional<std::uint64_t> parse_version_label(std::string_view label) noexcept {
    const bool can_be = label.starts_with('v') && (label.size() == 2 || !label.starts_with("v0"));
    return can_be ? whole_number<std::uint64_t>(label.substr(1)) : std::nullopt;
}

/// Success if `name` can be a `what` ("project", "artifact", …); else `errc::invalid_name` with a valid
/// suggestion.
template <class = void>
result<void> check_name(std::string_view what, std::string_view name) {
    const std::string_view problem = name_problem(name);
    if (problem.empty()) return {};
    return error{errc::invalid_name, std::string{what} + " name " + std::string{problem}, suggest_name(name),
                 "use up to 128 letters, digits, '.', '_' or '-', not starting with '.', for example \"" +
                     suggest_name(name) + "\""};
}

}  // namespace CAIRN_NAMESPACE::detail
