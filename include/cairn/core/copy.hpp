// SPDX-License-Identifier: MIT
#pragma once
// Copying what is not looked at again soon. Builtins, because <immintrin.h> costs a third of a second to
// include.

#include <cairn/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace CAIRN_NAMESPACE::detail {

#if defined(__SSE2__) && defined(__GNUC__)

/// Copies as `std::memcpy` does. Much at once is written past the cache: a line that is overwritten whole
/// need not be fetched first, which is a third of all that goes over the memory's bus, and what the caller
/// works with stays in the cache. `std::memcpy` does so too, from a size on that tensors seldom have.
template <class = void>
void copy_past_cache(std::byte* to, const std::byte* from, std::size_t count) noexcept {
    constexpr std::size_t much = std::size_t{256} << 10U, line = 64;
    using Vector = long long __attribute__((vector_size(16), may_alias));
    if (count >= much) {
        const std::size_t head = (line - reinterpret_cast<std::uintptr_t>(to) % line) % line;
        std::memcpy(to, from, head);
        to += head, from += head, count -= head;
        for (; count >= sizeof(Vector); count -= sizeof(Vector)) {
            Vector value;
            std::memcpy(&value, from, sizeof value);
#if defined(__clang__)
            __builtin_nontemporal_store(value, reinterpret_cast<Vector*>(to));
#else
            __builtin_ia32_movntdq(reinterpret_cast<Vector*>(to), value);
#endif
            to += sizeof value, from += sizeof value;
        }
        __builtin_ia32_sfence();  // such stores are not ordered before what tells another thread of them
    }
    std::memcpy(to, from, count);
}

#else

/// Copies as `std::memcpy` does.
template <class = void>
void copy_past_cache(std::byte* to, const std::byte* from, std::size_t count) noexcept {
    std::memcpy(to, from, count);
}

#endif

}  // namespace CAIRN_NAMESPACE::detail
