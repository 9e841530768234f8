// SPDX-License-Identifier: MIT
#pragma once
// The SHA-256 compression function with the SHA instructions of x86-64, for processors that have them: see
// cpu().sha. Vector extensions and builtins, because <immintrin.h> costs a third of a second to include.

#include <cairn/config.hpp>
#include <cairn/core/detail/sha256_block.hpp>

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__)

namespace CAIRN_NAMESPACE::detail {

using Words = std::uint32_t __attribute__((vector_size(16)));

/// Four words of a block, which are big-endian there.
[[gnu::target("sha,sse4.1")]] inline Words sha256_load(const std::byte* data) noexcept {
    using Bytes = unsigned char __attribute__((vector_size(16)));
    Bytes raw;
    __builtin_memcpy(&raw, data, sizeof raw);
    return reinterpret_cast<Words>(
        __builtin_shufflevector(raw, raw, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

/// Message words plus the constants of rounds 4*i to 4*i+3.
[[gnu::target("sha,sse4.1")]] inline Words sha256_keyed(Words message, std::size_t i) noexcept {
    Words constants;
    __builtin_memcpy(&constants, sha256_constants + 4 * i, sizeof constants);
    return message + constants;
}

/// Rounds 4*i to 4*i+3. The instructions want the state as (f, e, b, a) and (h, g, d, c), lowest lane first.
[[gnu::target("sha,sse4.1")]] inline void sha256_rounds(Words& feba, Words& hgdc, Words message,
                                                        std::size_t i) noexcept {
    using Signed = std::int32_t __attribute__((vector_size(16)));
    const auto keyed = reinterpret_cast<Signed>(sha256_keyed(message, i));
    auto high = reinterpret_cast<Signed>(feba);
    auto low = reinterpret_cast<Signed>(hgdc);
    low = __builtin_ia32_sha256rnds2(low, high, keyed);
    high = __builtin_ia32_sha256rnds2(high, low, __builtin_shufflevector(keyed, keyed, 2, 3, 2, 3));
    feba = reinterpret_cast<Words>(high);
    hgdc = reinterpret_cast<Words>(low);
}

/// The four message words that follow the sixteen in w0 to w3.
[[gnu::target("sha,sse4.1")]] inline Words sha256_next(Words w0, Words w1, Words w2, Words w3) noexcept {
    using Signed = std::int32_t __attribute__((vector_size(16)));
    const auto first = __builtin_ia32_sha256msg1(reinterpret_cast<Signed>(w0), reinterpret_cast<Signed>(w1));
    const Words sum = reinterpret_cast<Words>(first) + __builtin_shufflevector(w2, w3, 1, 2, 3, 4);
    return reinterpret_cast<Words>(
        __builtin_ia32_sha256msg2(reinterpret_cast<Signed>(sum), reinterpret_cast<Signed>(w3)));
}

/// Requires cpu().sha.
[[gnu::target("sha,sse4.1")]] inline void sha256_blocks_x86(Sha256State& state, const std::byte* data,
                                                            std::size_t blocks) noexcept {
    const auto& s = state.word;
    Words high = {s[5], s[4], s[1], s[0]};
    Words low = {s[7], s[6], s[3], s[2]};
    for (; blocks != 0; --blocks, data += sha256_block_bytes) {
        Words feba = high;
        Words hgdc = low;
        Words w0 = sha256_load(data);
        Words w1 = sha256_load(data + 16);
        Words w2 = sha256_load(data + 32);
        Words w3 = sha256_load(data + 48);
        for (std::size_t i = 0; i < 12; i += 4) {
            sha256_rounds(feba, hgdc, w0, i);
            w0 = sha256_next(w0, w1, w2, w3);
            sha256_rounds(feba, hgdc, w1, i + 1);
            w1 = sha256_next(w1, w2, w3, w0);
            sha256_rounds(feba, hgdc, w2, i + 2);
            w2 = sha256_next(w2, w3, w0, w1);
            sha256_rounds(feba, hgdc, w3, i + 3);
            w3 = sha256_next(w3, w0, w1, w2);
        }
        sha256_rounds(feba, hgdc, w0, 12);
        sha256_rounds(feba, hgdc, w1, 13);
        sha256_rounds(feba, hgdc, w2, 14);
        sha256_rounds(feba, hgdc, w3, 15);
        high += feba;
        low += hgdc;
    }
    state = {{high[3], high[2], low[3], low[2], high[1], high[0], low[1], low[0]}};
}

}  // namespace CAIRN_NAMESPACE::detail

#endif
