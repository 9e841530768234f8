// SPDX-License-Identifier: MIT
// Copying past the cache, at each offset.
#include <cairn/core/copy.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <vector>

namespace copy_test {

TEST_CASE("copy_past_cache: copies so many bytes and touches no other, wherever they begin", "[core][copy]") {
    constexpr std::size_t much = std::size_t{256} << 10U, margin = 80;
    std::vector<std::byte> from(much + 3 * margin);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 131 % 251);
    constexpr std::byte untouched{252};  // which no byte of the source is
    std::size_t wrong = 0;
    for (const std::size_t count :
         {std::size_t{0}, std::size_t{1}, much - 1, much, much + 1, much + 64, much + 127}) {
        for (std::size_t at = 0; at < 65; at += count < 2 ? 1 : 3) {
            std::vector<std::byte> to(from.size(), untouched);
            cairn::detail::copy_past_cache(to.data() + at, from.data() + at % 7, count);
            for (std::size_t i = 0; i < to.size(); ++i) {
                const bool inside = i >= at && i < at + count;
                wrong += to[i] != (inside ? from[i - at + at % 7] : untouched) ? 1U : 0U;
            }
        }
    }
    CHECK(wrong == 0);
}

}  // namespace copy_test
