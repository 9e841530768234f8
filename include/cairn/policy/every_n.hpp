// SPDX-License-Identifier: MIT
#pragma once
// Saving by count: every N steps, and at listed steps.

#include <cairn/policy/detail/leaf.hpp>
#include <cairn/policy/detail/parameter.hpp>
#include <cairn/policy/reason.hpp>

#include <cstdint>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

/// What `EveryN` counts when it names no metric.
struct TheStep {
    static constexpr bool repeats = false;
    static constexpr Reading read(const auto&) noexcept { return {Reading::Kind::number, 0}; }
    static constexpr std::int64_t count(const auto& at, const Reading&) noexcept { return at.step; }
};

[[nodiscard]] constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) noexcept {
    return a / b - (a % b < 0 ? 1 : 0);
}

/// From 0 to `b` - 1.
[[nodiscard]] constexpr std::int64_t floor_modulo(std::int64_t a, std::int64_t b) noexcept {
    return a % b < 0 ? a % b + b : a % b;
}

/// What is left until the next multiple of a period. A division at every row would be most of its cost, so it
/// divides only when it has reached one.
class Countdown {
  public:
    /// Whether a count is due. `repeats`: rows that repeat a count are one look.
    [[nodiscard]] constexpr Reason reason(std::int64_t now, std::int64_t period,
                                          bool repeats) const noexcept {
        Rule rule = Rule::not_due;
        if (!is_fresh() && now > last_) {
            if (reaches_next(now)) rule = now % period == 0 ? Rule::due : Rule::crossed;
        } else if (is_fresh() || now != last_ || !(is_restored() || repeats)) {
            if (now % period == 0) rule = Rule::due;
        }
        return {answer(rule != Rule::not_due), rule, static_cast<double>(now), static_cast<double>(period)};
    }
    constexpr void look(std::int64_t now, std::int64_t period, bool restored) noexcept {
        if (!is_fresh() && now > last_ && !reaches_next(now)) {
            to_next_ = distance() - (now - last_);
        } else {
            to_next_ = period - floor_modulo(now, period);
        }
        last_ = now;
        if (restored) to_next_ = -to_next_;
    }

  private:
    [[nodiscard]] constexpr bool is_fresh() const noexcept { return to_next_ == 0; }
    [[nodiscard]] constexpr bool is_restored() const noexcept { return to_next_ < 0; }
    [[nodiscard]] constexpr std::int64_t distance() const noexcept {
        return to_next_ < 0 ? -to_next_ : to_next_;
    }
    /// Requires `now > last_`; the difference may be larger than a signed number holds.
    [[nodiscard]] constexpr bool reaches_next(std::int64_t now) const noexcept {
        return static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(last_) >=
               static_cast<std::uint64_t>(distance());
    }

    std::int64_t last_ = 0;
    // From 1 to the period, in counts from the last look; negative right after a restore, 0 before the first
    // look.
    std::int64_t to_next_ = 0;
};

/// A number as a count: rounded down, and held inside the range of an integer.
[[nodiscard]] constexpr std::int64_t to_count(double x) noexcept {
    constexpr double limit = 9.0e18;
    if (x >= limit) return static_cast<std::int64_t>(limit);
    if (x <= -limit) return -static_cast<std::int64_t>(limit);
    const auto truncated = static_cast<std::int64_t>(x);
    return static_cast<double>(truncated) > x ? truncated - 1 : truncated;
}

/// A metric that counts.
template <class Metric>
struct CounterOf : Metric {
    static constexpr bool repeats = true;
    static constexpr std::int64_t count(const auto&, const Reading& reading) noexcept {
        return to_count(reading.value);
    }
};

template <FixedString Text>
struct counter_named {
    using type = CounterOf<FixedMetric<MetricNamed<Text>>>;
};
template <>
struct counter_named<""> {
    using type = TheStep;
};

}  // namespace detail

/// The type behind `EveryN`. `Count` is the period, `Counter` what is counted.
template <class Count, class Counter>
class EveryNOf : detail::Leaf<EveryNOf<Count, Counter>, 0, Count>,
                 detail::Leaf<EveryNOf<Count, Counter>, 1, Counter> {
    using Period = detail::Leaf<EveryNOf, 0, Count>;
    using Counted = detail::Leaf<EveryNOf, 1, Counter>;

  public:
    static constexpr detail::Chance chance = detail::at_steps_only;

    constexpr EveryNOf() = default;  // NOLINT(*-member-init): what is held initialises itself
    /// With the period and the counter as values, for policies that are read from text.
    constexpr EveryNOf(Count period, Counter counter)
        : Period{std::move(period)}, Counted{std::move(counter)} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const {
        if (!at.is_step()) return {Answer::no, Rule::never, 0, 0};
        const Reading reading = counter().read(at);
        if (reading.kind != Reading::Kind::number) return detail::unknown(reading.kind);
        return countdown_.reason(counter().count(at, reading), period(), Counter::repeats);
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const { return reason(at).answer; }

    constexpr void settle(const auto& at, Outcome outcome) {
        if (outcome == Outcome::annotated) return;
        const Reading reading = counter().read(at);
        if (reading.kind == Reading::Kind::number)
            countdown_.look(counter().count(at, reading), period(), outcome == Outcome::restored);
    }

    /// The `N`.
    [[nodiscard]] constexpr std::int64_t period() const noexcept { return Period::get().value; }
    /// What is counted: the step, or a metric.
    [[nodiscard]] constexpr const Counter& counter() const noexcept { return Counted::get(); }

  private:
    detail::Countdown countdown_;

    // Last, so that clang says this and nothing else.
    static_assert(detail::is_at_least<Count>(1),
                  "cairn: EveryN<N> needs an N of 1 or more; to save nothing use NoBestSave");
};

/// Saves every `N` steps, or every `N` of a metric that counts: `EveryN<2, "epoch">`.
///
/// On the first look: yes if the step is a multiple of `N` (step 0 is one, so 0-based epochs 0, 2, 4 are
/// saved for N = 2). Afterwards: yes if a multiple of `N` was reached *or crossed* since the previous look,
/// so a loop that logs every 7 steps still saves. Steps that go back or repeat: as on a first look; but rows
/// that repeat a *metric's* count (all batches of epoch 4) are one look. Resume: never for the step that was
/// just restored. Choose `AtSteps` for chosen steps, `Best` when a metric should decide.
template <std::int64_t N, detail::FixedString Counter = "">
using EveryN = EveryNOf<detail::FixedCount<N>, typename detail::counter_named<Counter>::type>;

/// Saves at exactly these steps: `AtSteps<0, 10, 100, 1000>`. A step that no row has is not saved (`EveryN`
/// also sees what is crossed). Step 0 if listed; resume and steps that go back: a listed step is saved again
/// when it is seen again.
template <std::int64_t... Steps>
struct AtSteps {
    static constexpr detail::Chance chance =
        (detail::Chance{1, 0} | ... | detail::Chance{Steps, Steps, true, false, false});
    [[nodiscard]] constexpr Reason reason(const auto& at) const noexcept {
        const bool listed = at.is_step() && ((at.step == Steps) || ...);
        return {answer(listed), listed ? Rule::due : Rule::not_due, static_cast<double>(at.step), 0};
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
    static_assert(sizeof...(Steps) > 0,
                  "cairn: AtSteps<...> needs at least one step; to save nothing use NoBestSave");
};

}  // namespace CAIRN_NAMESPACE
