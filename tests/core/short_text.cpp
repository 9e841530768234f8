// SPDX-License-Identifier: MIT
// Texts of each length, copied and compared without a call.
#include <cairn/core/short_text.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace short_text_test {

TEST_CASE("short_text: of each length all bytes are copied, and no other", "[core][short_text]") {
    const std::string from = "abcdefghijklmnopqrstuvwxyz";
    for (std::size_t count = 0; count <= from.size(); ++count) {
        std::string to(from.size() + 2, '-');
        cairn::detail::copy_text(to.data() + 1, from.data(), count);
        std::string wanted(1, '-');
        wanted.append(from, 0, count).append(from.size() - count + 1, '-');
        CHECK(to == wanted);
    }
}

TEST_CASE("short_text: of each length each byte is compared", "[core][short_text]") {
    const std::string text = "abcdefghijklmnopqrstuvwxyz";
    for (std::size_t count = 0; count <= text.size(); ++count) {
        const std::string_view one = std::string_view{text}.substr(0, count);
        CHECK(cairn::detail::is_same_text(one, std::string{one}));
        CHECK_FALSE(cairn::detail::is_same_text(one, std::string{one} + "a"));
        std::size_t unseen = 0;
        for (std::size_t i = 0; i < count; ++i) {
            std::string other{one};
            other[i] = '-';
            unseen += cairn::detail::is_same_text(one, other) ? 1U : 0U;
        }
        CHECK(unseen == 0);
    }
}

}  // namespace short_text_test
