// SPDX-License-Identifier: MIT
#pragma once
// Saving by a metric's value: against what was saved so far, or against a limit.

#include <cairn/policy/detail/leaf.hpp>
#include <cairn/policy/detail/parameter.hpp>
#include <cairn/policy/reason.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

/// The bits of a double, or none. Not a double, since clang takes a NaN for impossible under -ffast-math.
class MaybeNumber {
  public:
    constexpr MaybeNumber() noexcept = default;
    constexpr explicit MaybeNumber(const double& value) noexcept
        : bits_{std::bit_cast<std::uint64_t>(value)} {}
    [[nodiscard]] constexpr bool has_value() const noexcept { return bits_ != none; }
    [[nodiscard]] constexpr double value() const noexcept { return std::bit_cast<double>(bits_); }

  private:
    static constexpr std::uint64_t none = ~std::uint64_t{0};  // the bits of a NaN that is never stored
    std::uint64_t bits_ = none;
};

/// How a reading stands to the number it must beat by more than `margin`. One function for all metrics: what
/// every policy instantiates by itself costs its user's compile time.
[[nodiscard]] constexpr Reason compare(Direction direction, Ties ties, MaybeNumber held, const Reading& now,
                                       double margin = 0) noexcept {
    if (now.kind != Reading::Kind::number) return unknown(now.kind);
    if (!held.has_value()) return {Answer::yes, Rule::first_value, now.value, 0};
    const double reference = held.value();
    const double to_beat = margin == 0                        ? reference
                           : direction == Direction::minimize ? reference - margin
                                                              : reference + margin;
    if (is_better(direction, now.value, to_beat)) return {Answer::yes, Rule::better, now.value, reference};
    if (now.value == reference) return {answer(ties == Ties::keep_newest), Rule::tie, now.value, reference};
    return {Answer::no, Rule::worse, now.value, reference};
}

/// The better of what was held and a reading, if that is a number.
[[nodiscard]] constexpr MaybeNumber better_of(Direction direction, MaybeNumber held,
                                              const Reading& now) noexcept {
    if (now.kind != Reading::Kind::number) return held;
    if (held.has_value() && !is_better(direction, now.value, held.value())) return held;
    return MaybeNumber{now.value};
}

}  // namespace detail

/// The type behind `Best` and `Improves`. `Margin` is a number or nothing.
template <class Watch, Ties T, class Margin>
class BestOf : detail::Leaf<BestOf<Watch, T, Margin>, 0, Watch>,
               detail::Leaf<BestOf<Watch, T, Margin>, 1, Margin> {
    using Watches = detail::Leaf<BestOf, 0, Watch>;
    using Wanted = detail::Leaf<BestOf, 1, Margin>;

  public:
    using monitor = Watch;
    static constexpr detail::Chance chance = detail::at_steps_only;

    constexpr BestOf() = default;  // NOLINT(*-member-init): what is held initialises itself
    /// With a margin, for `Improves`.
    constexpr explicit BestOf(Margin margin) : Wanted{std::move(margin)} {}
    /// With the metric as a value, for policies that are read from text.
    constexpr BestOf(Watch watch, Margin margin) : Watches{std::move(watch)}, Wanted{std::move(margin)} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const {
        watch().check();
        if (!at.is_step()) return {Answer::no, Rule::never, 0, 0};
        return detail::compare(watch().direction(), T, reference_, watch().read(at), margin());
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const { return reason(at).answer; }

    constexpr void settle(const auto& at, Outcome outcome) {
        if (outcome == Outcome::not_saved || outcome == Outcome::failed) return;
        reference_ = detail::better_of(watch().direction(), reference_, watch().read(at));
    }

    /// The best value among the saved versions; NaN while there is none.
    [[nodiscard]] constexpr double reference() const noexcept { return reference_.value(); }
    [[nodiscard]] constexpr const Watch& watch() const noexcept { return Watches::get(); }
    /// By how much more than nothing a value must be better; 0 for `Best`.
    [[nodiscard]] constexpr double margin() const noexcept { return Wanted::get().value; }

  private:
    detail::MaybeNumber reference_;
};

namespace detail {

struct NoMargin {
    static constexpr double value = 0;
};

}  // namespace detail

/// By how much more than nothing a value must be better: `Improves<"val/loss", minimize>{MinDelta{0.01}}`.
struct MinDelta {
    double value;  ///< in the metric's unit
};

/// Saves on a strict improvement on the best value *among the versions that were saved*, whoever caused them:
/// `Best<"val/loss", minimize>`. So `Best{} & EveryN<500>{}` means what it says: at the multiples of 500 that
/// beat everything saved before.
///
/// Ties: the first of equals stays; `Best<"m", minimize, ties::keep_newest>` is the other. NaN: unknown,
/// never stored as best; with `nan::error`, after the direction too, the step also tells it as a failure.
/// ±inf compare as numbers, 0.0 is a value. A metric that the row's type lacks does not compile; an empty
/// optional is unknown. Step 0: the first number is an improvement. Resume: the reference is rebuilt from
/// the committed versions. Steps that go back: no difference. Choose `Improves` where a tiny gain is not
/// worth a version, `TopK` to keep several good ones, `EveryN` when the metric is noisy and any recent state
/// will do.
template <detail::FixedString Name, Direction D = Direction::unspecified, auto... Rules>
using Best = BestOf<detail::Monitor<MetricNamed<Name>, D, detail::rule_among(nan::unknown, Rules...)>,
                    detail::rule_among(ties::keep_first, Rules...), detail::NoMargin>;

/// Saves when the value is better than the best one saved so far by more than a margin:
/// `Improves<"val/loss", minimize>{0.01}`. A gain of exactly the margin is none. Everything else is as with
/// `Best`, which is the sister without a margin.
template <detail::FixedString Name, Direction D = Direction::unspecified, auto... Rules>
class Improves
    : public BestOf<detail::Monitor<MetricNamed<Name>, D, detail::rule_among(nan::unknown, Rules...)>,
                    detail::rule_among(ties::keep_first, Rules...), MinDelta> {
  public:
    /// `min_delta` in the metric's unit; 0 is `Best`.
    constexpr explicit Improves(double min_delta) : Improves::BestOf{MinDelta{min_delta}} {}
};

namespace detail {

/// So many numbers, or places for one.
template <std::size_t K>
struct FixedNumbers {
    MaybeNumber numbers[K > 0 ? K : 1];
    static constexpr std::size_t size() noexcept { return K; }
    constexpr MaybeNumber& operator[](std::size_t i) noexcept { return numbers[i]; }
    constexpr const MaybeNumber& operator[](std::size_t i) const noexcept { return numbers[i]; }
    static_assert(K > 0, "cairn: TopK<k, ...> needs a k of 1 or more; to save nothing use NoBestSave");
};

}  // namespace detail

/// The type behind `TopK`. `Held` has the numbers it compares with.
template <class Held, class Watch>
class TopKOf : detail::Leaf<TopKOf<Held, Watch>, 0, Watch> {
    using Watches = detail::Leaf<TopKOf, 0, Watch>;

  public:
    using monitor = Watch;
    static constexpr detail::Chance chance = detail::at_steps_only;

    constexpr TopKOf() = default;  // NOLINT(*-member-init): what is held initialises itself
    /// With the numbers and the metric as values, for policies that are read from text.
    constexpr TopKOf(Held held, Watch watch) : Watches{std::move(watch)}, held_{std::move(held)} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const {
        watch().check();
        if (!at.is_step()) return {Answer::no, Rule::never, 0, 0};
        return detail::compare(watch().direction(), ties::keep_first, held_[size() - 1], watch().read(at));
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const { return reason(at).answer; }

    constexpr void settle(const auto& at, Outcome outcome) {
        if (outcome != Outcome::saved && outcome != Outcome::annotated) return;
        const Reading now = watch().read(at);
        if (now.kind != Reading::Kind::number) return;
        if (held_[size() - 1].has_value() &&
            !is_better(watch().direction(), now.value, held_[size() - 1].value()))
            return;
        std::size_t place = size() - 1;
        for (; place > 0; --place) {
            const detail::MaybeNumber before = held_[place - 1];
            if (before.has_value() && !is_better(watch().direction(), now.value, before.value())) break;
            held_[place] = before;
        }
        held_[place] = detail::MaybeNumber{now.value};
    }

    /// The `k`: how many it counts as the best.
    [[nodiscard]] constexpr std::size_t size() const noexcept { return held_.size(); }
    [[nodiscard]] constexpr const Watch& watch() const noexcept { return Watches::get(); }

  private:
    Held held_;  // best first
};

/// Saves when the value is among the `k` best of the versions that were saved: `TopK<3, "val/loss",
/// minimize>`; the first `k` values are. Ties, NaN, a missing metric, step 0 and steps that go back: as with
/// `Best`, which is `TopK<1, …>`. Resume: rebuilt from the committed versions. Join it with the retention
/// `KeepBest<3, "val/loss", minimize>` to have just those.
template <std::size_t k, detail::FixedString Name, Direction D = Direction::unspecified,
          Nans N = nan::unknown>
using TopK = TopKOf<detail::FixedNumbers<k>, detail::Monitor<MetricNamed<Name>, D, N>>;

/// The type behind `Below`.
template <class Watch>
class BelowOf : detail::Leaf<BelowOf<Watch>, 0, Watch> {
    using Watches = detail::Leaf<BelowOf, 0, Watch>;

  public:
    static constexpr detail::Chance chance = detail::at_steps_only;

    /// `limit` in the metric's unit; a value that is equal is not below.
    constexpr explicit BelowOf(double limit) : limit_{limit} {}
    /// With the metric as a value, for policies that are read from text.
    constexpr BelowOf(Watch watch, double limit) : Watches{std::move(watch)}, limit_{limit} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const {
        if (!at.is_step()) return {Answer::no, Rule::never, 0, 0};
        const Reading now = watch().read(at);
        if (now.kind != Reading::Kind::number) return detail::unknown(now.kind);
        const bool below = now.value < limit_;
        return {answer(below), below ? Rule::below : Rule::not_below, now.value, limit_};
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const { return reason(at).answer; }

    [[nodiscard]] constexpr const Watch& watch() const noexcept { return Watches::get(); }
    /// The limit.
    [[nodiscard]] constexpr double limit() const noexcept { return limit_; }

  private:
    double limit_;
};

/// Saves at every row whose value is below a limit: `Below<"val/loss">{0.1}`; `once(Below<"val/loss">{0.1})`
/// saves the first time only, `!Below<"accuracy">{0.9}` from 0.9 on. NaN and a missing metric: unknown.
/// Step 0, resume, steps that go back: no difference, it remembers nothing.
template <detail::FixedString Name, Nans N = nan::unknown>
using Below = BelowOf<detail::FixedMetric<MetricNamed<Name>, N>>;

}  // namespace CAIRN_NAMESPACE
