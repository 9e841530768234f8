// SPDX-License-Identifier: MIT
#pragma once
// The address of a server. Costs <string>.

#include <cairn/core/error.hpp>

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace CAIRN_NAMESPACE::detail {

/// The parts of an address.
struct WebAddress {
    std::string server;  ///< "https://host:port"
    std::string path;    ///< "/…"
};

/// Fails: invalid_argument. The address is not in the error: some are secrets, and some have a password in
/// them.
[[nodiscard]] inline result<WebAddress> web_address(std::string_view address) {
    const auto bad = [](const char* advice) {
        return error{errc::invalid_argument, "this is no address of a server", "", advice};
    };
    const bool is_safe = address.starts_with("https://");
    const std::size_t host = is_safe ? 8 : 7;
    const std::size_t slash =
        address.size() > host ? address.find_first_of("/?#", host) : std::string_view::npos;
    const bool is_one = (is_safe || address.starts_with("http://")) && address.size() > host &&
                        slash != host && address.find_first_of(" \t\r\n") == std::string_view::npos;
    if (!is_one) return bad("give http://HOST/PATH or https://HOST/PATH");
    if (address.substr(0, slash).find('@') != std::string_view::npos)
        return bad("leave the user and the password out of it");
    const std::string_view authority =
        address.substr(host, slash == std::string_view::npos ? slash : slash - host);
    const std::size_t colon = authority.rfind(':');
    if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
        unsigned port = 0;
        const char* const end = authority.data() + authority.size();
        const auto [read, problem] = std::from_chars(authority.data() + colon + 1, end, port);
        if (problem != std::errc{} || read != end || port > 65535) return bad("give a port of at most 65535");
    }
    std::string path{slash == std::string_view::npos ? std::string_view{} : address.substr(slash)};
    if (!path.starts_with('/')) path.insert(path.begin(), '/');
    return WebAddress{std::string{address.substr(0, slash)}, path.substr(0, path.find('#'))};
}

}  // namespace CAIRN_NAMESPACE::detail
