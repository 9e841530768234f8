// SPDX-License-Identifier: MIT
#pragma once
// Saving by a metric: what is better than everything saved so far.

#include <cairn/policy/save_policy.hpp>

#include <bit>
#include <cstdint>

namespace CAIRN_NAMESPACE {

/// Which way a metric is better. It is always written, never guessed from the metric's name.
enum class Direction : unsigned char { unspecified, minimize, maximize };
inline constexpr Direction minimize = Direction::minimize;
inline constexpr Direction maximize = Direction::maximize;

/// Whether `a` is strictly better than `b`; false if either is NaN.
[[nodiscard]] constexpr bool is_better(Direction direction, double a, double b) noexcept {
    return direction == Direction::minimize ? a < b : a > b;
}

namespace detail {

/// A metric that is watched, and which way it is better.
template <MetricName Name, Direction D>
struct Monitor {
    using metric = Name;
    static constexpr Direction direction = D;
};

// Never defined: its name is the compiler's message.
template <class Name>
struct this_needs_a_direction_minimize_or_maximize_after_the_metric;

template <class Name, Direction D>
constexpr void check_direction() noexcept {
    if constexpr (D == Direction::unspecified) {
        (void)sizeof(this_needs_a_direction_minimize_or_maximize_after_the_metric<Name>);
    }
}

}  // namespace detail

/// The type behind `Best`.
template <MetricName Name, Direction D>
class BestOf {
  public:
    using monitor = detail::Monitor<Name, D>;

    constexpr Answer decide(const auto& at) const {
        detail::check_direction<Name, D>();
        if (at.final) return Answer::no;
        const Reading now = at.template reading<Name>();
        switch (now.kind) {
            case Reading::Kind::missing: return Answer::missing;
            case Reading::Kind::nan: return Answer::nan;
            case Reading::Kind::number: break;
        }
        return answer(improves(now.value));
    }

    constexpr void settle(const auto& at, Outcome outcome) {
        if (outcome != Outcome::saved && outcome != Outcome::restored) return;
        const Reading now = at.template reading<Name>();
        if (now.kind == Reading::Kind::number && improves(now.value)) {
            reference_ = std::bit_cast<std::uint64_t>(now.value);
        }
    }

    /// The best value among the saved versions; NaN while there is none.
    [[nodiscard]] constexpr double reference() const noexcept { return std::bit_cast<double>(reference_); }

  private:
    // The bits of a double; those of a NaN, which is never stored, while there is none. Not a double, since
    // clang takes a NaN for impossible under -ffast-math.
    static constexpr std::uint64_t none = ~std::uint64_t{0};

    [[nodiscard]] constexpr bool improves(double value) const noexcept {
        return reference_ == none || is_better(D, value, std::bit_cast<double>(reference_));
    }

    std::uint64_t reference_ = none;
};

/// Saves on a strict improvement on the best value *among the versions that were saved*, whoever caused them:
/// `Best<"val/loss", minimize>`. So `Best{} & EveryN<500>{}` means what it says: at the multiples of 500 that
/// beat everything saved before.
///
/// Ties: the first of equals stays. NaN: unknown, never stored as best. ±inf compare as numbers, 0.0 is a
/// value. A metric that the row's type lacks does not compile; an empty optional is unknown. Step 0: the
/// first number is an improvement. Resume: the reference is rebuilt from the committed versions. Steps that
/// go back: no difference. Choose `EveryN` when the metric is noisy and any recent state will do.
template <detail::FixedString Name, Direction D = Direction::unspecified>
using Best = BestOf<MetricNamed<Name>, D>;

}  // namespace CAIRN_NAMESPACE
