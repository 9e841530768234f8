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
    constexpr EveryNOf() = default;
    constexpr EveryNOf(Count period, Counter counter)
        : Period{std::move(period)}, Counted{std::move(counter)} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const {
        if (!at.is_step()) return {Answer::no, Rule::never, 0, 0};
        const Reading reading = counter().read(at);
        if (reading.kind != Reading::Kind::number) return detail::unknown(reading.kind);
        const std::int64_t now = counter().count(at, reading), n = period();
        const auto because = [&](Rule rule) -> Reason {
            return {answer(rule != Rule::not_due), rule, static_cast<double>(now), static_cast<double>(n)};
        };
        // A metric repeats its count on all rows of an epoch; they are one look, not a save each.
        if ((state_ == State::restored || Counter::repeats) && state_ != State::fresh && now == last_)
            return because(Rule::not_due);
        if (now % n == 0) return because(Rule::due);
        if (state_ == State::fresh || now <= last_) return because(Rule::not_due);
        return because(detail::floor_divide(now, n) > detail::floor_divide(last_, n) ? Rule::crossed
                                                                                     : Rule::not_due);
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const { return reason(at).answer; }

    constexpr void settle(const auto& at, Outcome outcome) {
        if (outcome == Outcome::annotated) return;
        const Reading reading = counter().read(at);
        if (reading.kind != Reading::Kind::number) return;
        last_ = counter().count(at, reading);
        state_ = outcome == Outcome::restored ? State::restored : State::looked;
    }

    [[nodiscard]] constexpr std::int64_t period() const noexcept { return Period::get().value; }
    [[nodiscard]] constexpr const Counter& counter() const noexcept { return Counted::get(); }

  private:
    enum class State : unsigned char { fresh, looked, restored };

    std::int64_t last_ = 0;
    State state_ = State::fresh;

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
    [[nodiscard]] constexpr Reason reason(const auto& at) const noexcept {
        const bool listed = at.is_step() && ((at.step == Steps) || ...);
        return {answer(listed), listed ? Rule::due : Rule::not_due, static_cast<double>(at.step), 0};
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
    static_assert(sizeof...(Steps) > 0,
                  "cairn: AtSteps<...> needs at least one step; to save nothing use NoBestSave");
};

}  // namespace CAIRN_NAMESPACE
