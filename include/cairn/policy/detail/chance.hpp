// SPDX-License-Identifier: MIT
#pragma once
// When a policy can say yes, as far as its type tells: what can never do so is a mistake that the compiler
// finds.

#include <cairn/config.hpp>

#include <cstdint>

namespace CAIRN_NAMESPACE::detail {

/// At steps from `first` to `last`; asked by a step, by the end of training, by a failure.
struct Chance {
    std::int64_t first = INT64_MIN, last = INT64_MAX;
    bool step = true, end = true, failure = true;

    [[nodiscard]] constexpr bool is_none() const noexcept {
        return first > last || !(step || end || failure);
    }
    /// That of two policies of which either will do.
    friend constexpr Chance operator|(const Chance& a, const Chance& b) noexcept {
        if (a.is_none()) return b;
        if (b.is_none()) return a;
        return {a.first < b.first ? a.first : b.first, a.last > b.last ? a.last : b.last, a.step || b.step,
                a.end || b.end, a.failure || b.failure};
    }
    /// That of two policies which must both say yes.
    friend constexpr Chance operator&(const Chance& a, const Chance& b) noexcept {
        return {a.first > b.first ? a.first : b.first, a.last < b.last ? a.last : b.last, a.step && b.step,
                a.end && b.end, a.failure && b.failure};
    }
};

inline constexpr Chance at_steps_only{.end = false, .failure = false};

/// That of a policy: what its `chance` says, or always.
template <class P>
[[nodiscard]] constexpr Chance chance_of() noexcept {
    if constexpr (requires { P::chance; }) {
        return P::chance;
    } else {
        return {};
    }
}

}  // namespace CAIRN_NAMESPACE::detail
