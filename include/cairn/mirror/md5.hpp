// SPDX-License-Identifier: MIT
#pragma once
// MD5, by which W&B tells the files of an artifact from each other. For nothing that has to be safe. Costs
// <string>.

#include <cairn/core/bytes.hpp>
#include <cairn/store/record.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// Of bytes that come in pieces (RFC 1321).
class Md5 {
  public:
    /// Appends bytes.
    void update(std::span<const std::byte> bytes) noexcept {
        while (!bytes.empty()) {
            const std::size_t used = size_ % block_bytes;
            const auto some = bytes.first(std::min(bytes.size(), block_bytes - used));
            std::copy(some.begin(), some.end(), block_.begin() + static_cast<std::ptrdiff_t>(used));
            size_ += some.size();
            bytes = bytes.subspan(some.size());
            if (size_ % block_bytes == 0) mix();
        }
    }
    /// Of all that came. Nothing may come after it.
    [[nodiscard]] std::array<std::byte, 16> digest() noexcept {
        const std::uint64_t bits = size_ * 8;
        constexpr std::byte end{0x80}, zero{0};
        update({&end, 1});
        while (size_ % block_bytes != block_bytes - sizeof bits) update({&zero, 1});
        std::byte length[sizeof bits];
        put(length, bits);
        update(length);
        std::array<std::byte, 16> out{};
        for (std::size_t i = 0; i < state_.size(); ++i) put(out.data() + 4 * i, state_[i]);
        return out;
    }

  private:
    static constexpr std::size_t block_bytes = 64;
    static constexpr std::array<int, 16> turns{7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
    /// The first 32 bits of |sin(i + 1)|, as the RFC tables them.
    static constexpr std::array<std::uint32_t, 64> sines{
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
        0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
        0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
        0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
        0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
        0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
        0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

    void mix() noexcept {
        auto [a, b, c, d] = state_;
        for (std::size_t i = 0; i < 64; ++i) {
            std::uint32_t f = 0;
            std::size_t word = 0;
            switch (i / 16) {
                case 0: f = (b & c) | (~b & d), word = i; break;
                case 1: f = (d & b) | (~d & c), word = (5 * i + 1) % 16; break;
                case 2: f = b ^ c ^ d, word = (3 * i + 5) % 16; break;
                default: f = c ^ (b | ~d), word = 7 * i % 16; break;
            }
            const std::uint32_t sum = a + f + sines[i] + get<std::uint32_t>(block_.data() + 4 * word);
            a = d;
            d = c;
            c = b;
            b += std::rotl(sum, turns[i / 16 * 4 + i % 4]);
        }
        state_[0] += a;
        state_[1] += b;
        state_[2] += c;
        state_[3] += d;
    }

    std::array<std::uint32_t, 4> state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    std::array<std::byte, block_bytes> block_{};
    std::uint64_t size_ = 0;
};

/// In hexadecimal digits.
[[nodiscard]] inline std::string hex_of(std::span<const std::byte> bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const std::byte byte : bytes) {
        out += digits[std::to_integer<std::size_t>(byte) >> 4U];
        out += digits[std::to_integer<std::size_t>(byte) & 15U];
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail
