// SPDX-License-Identifier: MIT
#pragma once
// Bytes that a request sends, and that need not be in memory. Costs <functional>.

#include <cairn/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// Gets bytes; false if it takes no more.
using WebSink = std::function<bool(const char*, std::size_t)>;

/// The bytes of a request.
struct WebBody {
    std::uint64_t size = 0;
    /// Hands on some bytes from `at` on, at most `most`; false if it cannot.
    std::function<bool(std::uint64_t at, std::uint64_t most, const WebSink& sink)> read{};
};

/// Bytes that are in memory, and stay there.
[[nodiscard]] inline WebBody web_body(std::string_view bytes) {
    return {bytes.size(), [bytes](std::uint64_t at, std::uint64_t most, const WebSink& sink) {
                const std::string_view part =
                    bytes.substr(static_cast<std::size_t>(at), static_cast<std::size_t>(most));
                return sink(part.data(), part.size());
            }};
}

/// Some of them.
[[nodiscard]] inline WebBody part_of(WebBody body, std::uint64_t from, std::uint64_t size) {
    return {size, [body = std::move(body), from](std::uint64_t at, std::uint64_t most, const WebSink& sink) {
                return body.read(from + at, most, sink);
            }};
}
/// Bytes with others before and behind them.
[[nodiscard]] inline WebBody enclosed(std::string before, WebBody body, std::string behind) {
    const std::uint64_t size = before.size() + body.size + behind.size();
    return {size, [before = std::move(before), body = std::move(body),
                   behind = std::move(behind)](std::uint64_t at, std::uint64_t most, const WebSink& sink) {
                if (at < before.size()) return web_body(before).read(at, most, sink);
                at -= before.size();
                if (at < body.size) return body.read(at, std::min(most, body.size - at), sink);
                return web_body(behind).read(at - body.size, most, sink);
            }};
}

}  // namespace CAIRN_NAMESPACE::detail
