// SPDX-License-Identifier: MIT
#include <cairn/core/crc32c.hpp>

#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace crc32c_test {

namespace {

std::vector<std::byte> ramp(int first, int step) {
    std::vector<std::byte> out;
    for (int i = 0; i < 32; ++i) out.push_back(static_cast<std::byte>(first + i * step));
    return out;
}

/// One bit at a time, from the definition.
std::uint32_t reference(std::span<const std::byte> data) {
    std::uint32_t crc = 0xffffffff;
    for (const std::byte b : data) {
        crc ^= static_cast<std::uint32_t>(b);
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    }
    return ~crc;
}

constexpr std::array<std::byte, 3> three = {std::byte{1}, std::byte{2}, std::byte{3}};
static_assert(~cairn::detail::crc32c_portable(~0U, three.data(), 3) == 0xf130f21eU);

}  // namespace

TEST_CASE("crc32c of the RFC 3720 vectors is theirs", "[core][crc32c]") {
    CHECK(cairn::crc32c(ramp(0, 0)) == 0x8a9136aaU);
    CHECK(cairn::crc32c(ramp(0xff, 0)) == 0x62a8ab43U);
    CHECK(cairn::crc32c(ramp(0, 1)) == 0x46dd794eU);
    CHECK(cairn::crc32c(ramp(31, -1)) == 0x113fdb5cU);
    constexpr std::string_view check = "123456789";
    CHECK(cairn::crc32c(std::as_bytes(std::span{check.data(), check.size()})) == 0xe3069283U);
    CHECK(cairn::crc32c({}) == 0U);
}

TEST_CASE("crc32c is the same in hardware, by table and bit by bit, at every length and split",
          "[core][crc32c]") {
    WARN("CRC-32C engine: " << (cairn::detail::cpu().sse42 ? "sse4.2" : "portable"));
    std::mt19937 random{1};
    std::vector<std::byte> data(300);
    for (std::byte& b : data) b = static_cast<std::byte>(random() & 0xffU);
    for (std::size_t size = 0; size <= data.size(); ++size) {
        const auto part = std::span<const std::byte>{data}.last(size);
        const std::uint32_t expected = reference(part);
        REQUIRE(cairn::crc32c(part) == expected);
        REQUIRE(~cairn::detail::crc32c_portable(~0U, part.data(), part.size()) == expected);
        const std::size_t cut = size == 0 ? 0 : random() % size;
        REQUIRE(cairn::crc32c(part.subspan(cut), cairn::crc32c(part.first(cut))) == expected);
    }
}

}  // namespace crc32c_test
