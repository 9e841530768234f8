// SPDX-License-Identifier: MIT
#pragma once
// The SHA-256 compression function with the SHA instructions of ARMv8, compiled where the target is said to
// have them (-march=armv8-a+crypto, every Apple processor). Inline assembly, because the builtins behind
// <arm_neon.h> have other names in every compiler and the header is slow.

#include <cairn/config.hpp>
#include <cairn/core/detail/sha256_block.hpp>

#include <cstddef>
#include <cstdint>

#if defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__) &&                                  \
    (defined(__ARM_FEATURE_SHA2) || defined(__ARM_FEATURE_CRYPTO))

namespace CAIRN_NAMESPACE::detail {

using Words = std::uint32_t __attribute__((vector_size(16)));

/// Four words of a block, which are big-endian there.
inline Words sha256_load(const std::byte* data) noexcept {
    using Bytes = unsigned char __attribute__((vector_size(16)));
    Bytes raw;
    __builtin_memcpy(&raw, data, sizeof raw);
    return reinterpret_cast<Words>(
        __builtin_shufflevector(raw, raw, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

/// Message words plus the constants of rounds 4*i to 4*i+3.
inline Words sha256_keyed(Words message, std::size_t i) noexcept {
    Words constants;
    __builtin_memcpy(&constants, sha256_constants + 4 * i, sizeof constants);
    return message + constants;
}

/// Rounds 4*i to 4*i+3.
inline void sha256_rounds(Words& abcd, Words& efgh, Words message, std::size_t i) noexcept {
    const Words keyed = sha256_keyed(message, i);
    const Words before = abcd;
    asm("sha256h %q0, %q1, %2.4s" : "+w"(abcd) : "w"(efgh), "w"(keyed));
    asm("sha256h2 %q0, %q1, %2.4s" : "+w"(efgh) : "w"(before), "w"(keyed));
}

/// The four message words that follow the sixteen in w0 to w3.
inline Words sha256_next(Words w0, Words w1, Words w2, Words w3) noexcept {
    asm("sha256su0 %0.4s, %1.4s" : "+w"(w0) : "w"(w1));
    asm("sha256su1 %0.4s, %1.4s, %2.4s" : "+w"(w0) : "w"(w2), "w"(w3));
    return w0;
}

inline void sha256_blocks_arm(Sha256State& state, const std::byte* data, std::size_t blocks) noexcept {
    Words high;
    Words low;
    __builtin_memcpy(&high, state.word, sizeof high);
    __builtin_memcpy(&low, state.word + 4, sizeof low);
    for (; blocks != 0; --blocks, data += sha256_block_bytes) {
        Words abcd = high;
        Words efgh = low;
        Words w0 = sha256_load(data);
        Words w1 = sha256_load(data + 16);
        Words w2 = sha256_load(data + 32);
        Words w3 = sha256_load(data + 48);
        for (std::size_t i = 0; i < 12; i += 4) {
            sha256_rounds(abcd, efgh, w0, i);
            w0 = sha256_next(w0, w1, w2, w3);
            sha256_rounds(abcd, efgh, w1, i + 1);
            w1 = sha256_next(w1, w2, w3, w0);
            sha256_rounds(abcd, efgh, w2, i + 2);
            w2 = sha256_next(w2, w3, w0, w1);
            sha256_rounds(abcd, efgh, w3, i + 3);
            w3 = sha256_next(w3, w0, w1, w2);
        }
        sha256_rounds(abcd, efgh, w0, 12);
        sha256_rounds(abcd, efgh, w1, 13);
        sha256_rounds(abcd, efgh, w2, 14);
        sha256_rounds(abcd, efgh, w3, 15);
        high += abcd;
        low += efgh;
    }
    __builtin_memcpy(state.word, &high, sizeof high);
    __builtin_memcpy(state.word + 4, &low, sizeof low);
}

}  // namespace CAIRN_NAMESPACE::detail

#endif
