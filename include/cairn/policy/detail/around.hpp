// SPDX-License-Identifier: MIT
#pragma once
// The one policy that another is made around, and what passes through unchanged.

#include <cairn/policy/detail/leaf.hpp>
#include <cairn/policy/save_policy.hpp>

#include <string_view>

namespace CAIRN_NAMESPACE::detail {

template <class Owner, SavePolicy P>
class Around : Leaf<Owner, 0, P> {
    using Held = Leaf<Owner, 0, P>;

  public:
    using monitor = typename monitor_of<P>::type;
    static constexpr Chance chance = chance_of<P>();

    Around() = default;
    constexpr explicit Around(const P& policy) : Held{policy} {}

    [[nodiscard]] constexpr Wants wants() const noexcept { return wants_of(inner()); }
    [[nodiscard]] constexpr Watched watched() const noexcept { return watched_by(inner()); }
    [[nodiscard]] constexpr RowsHeard rows_heard() const noexcept { return rows_heard_by(inner()); }
    [[nodiscard]] constexpr std::string_view rejected(const auto& at) const {
        return rejected_by(inner(), at);
    }
    /// The policy inside.
    [[nodiscard]] constexpr const P& inner() const noexcept { return Held::get(); }

  protected:
    constexpr void settle_inner(const auto& at, Outcome outcome) { detail::settle(Held::get(), at, outcome); }
};

}  // namespace CAIRN_NAMESPACE::detail
