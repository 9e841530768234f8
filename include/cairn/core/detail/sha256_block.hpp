// SPDX-License-Identifier: MIT
#pragma once
// The SHA-256 compression function (FIPS 180-4, section 6.2) in plain C++: what every platform has, and what
// the hardware versions are tested against. Costs nothing to include.

#include <cairn/config.hpp>

#include <cstddef>
#include <cstdint>

namespace CAIRN_NAMESPACE::detail {

struct Sha256State {
    std::uint32_t word[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

inline constexpr std::size_t sha256_block_bytes = 64;

inline constexpr std::uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

[[nodiscard]] constexpr std::uint32_t rotate_right(std::uint32_t x, unsigned n) noexcept {
    return x >> n | x << (32U - n);
}

inline void sha256_blocks_portable(Sha256State& state, const std::byte* data, std::size_t blocks) noexcept {
    for (; blocks != 0; --blocks, data += sha256_block_bytes) {
        std::uint32_t w[64];
        for (std::size_t i = 0; i < 16; ++i) {
            w[i] = static_cast<std::uint32_t>(data[4 * i]) << 24U |
                   static_cast<std::uint32_t>(data[4 * i + 1]) << 16U |
                   static_cast<std::uint32_t>(data[4 * i + 2]) << 8U |
                   static_cast<std::uint32_t>(data[4 * i + 3]);
        }
        for (std::size_t i = 16; i < 64; ++i) {
            const std::uint32_t p = w[i - 15];
            const std::uint32_t q = w[i - 2];
            w[i] = w[i - 16] + w[i - 7] + (rotate_right(p, 7) ^ rotate_right(p, 18) ^ p >> 3U) +
                   (rotate_right(q, 17) ^ rotate_right(q, 19) ^ q >> 10U);
        }
        auto [a, b, c, d, e, f, g, h] = state.word;
        for (std::size_t i = 0; i < 64; ++i) {
            const std::uint32_t t1 = h + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) +
                                     ((e & f) ^ (~e & g)) + sha256_constants[i] + w[i];
            const std::uint32_t t2 = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) +
                                     ((a & b) ^ (a & c) ^ (b & c));
            h = g;
            g = f;
            f = e;
            e = d + t1;
            d = c;
            c = b;
            b = a;
            a = t1 + t2;
        }
        const std::uint32_t sum[8] = {a, b, c, d, e, f, g, h};
        for (std::size_t i = 0; i < 8; ++i) state.word[i] += sum[i];
    }
}

}  // namespace CAIRN_NAMESPACE::detail
