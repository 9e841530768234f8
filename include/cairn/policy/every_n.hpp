// SPDX-License-Identifier: MIT
#pragma once
// Saving by count: every N steps, and at listed steps.

#include <cairn/policy/save_policy.hpp>

#include <cstdint>
#include <type_traits>

namespace CAIRN_NAMESPACE {

namespace detail {

/// What `EveryN` counts when it names no metric.
struct TheStep {};

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

template <FixedString Text>
struct counter_named {
    using type = MetricNamed<Text>;
};
template <>
struct counter_named<""> {
    using type = TheStep;
};

}  // namespace detail

/// The type behind `EveryN`.
template <std::int64_t N, class Counter>
class EveryNOf {
  public:
    constexpr Answer decide(const auto& at) const {
        if (at.final) return Answer::no;
        const Count now = count(at);
        if (now.unknown != Answer::yes) return now.unknown;
        // A metric repeats its count on all rows of an epoch; they are one look, not a save each.
        if ((state_ == State::restored || counts_a_metric) && state_ != State::fresh && now.value == last_) {
            return Answer::no;
        }
        if (state_ == State::fresh || now.value <= last_) return answer(now.value % N == 0);
        return answer(detail::floor_divide(now.value, N) > detail::floor_divide(last_, N));
    }

    constexpr void settle(const auto& at, Outcome outcome) {
        const Count now = count(at);
        if (now.unknown != Answer::yes) return;
        last_ = now.value;
        state_ = outcome == Outcome::restored ? State::restored : State::looked;
    }

  private:
    static constexpr bool counts_a_metric = !std::is_same_v<Counter, detail::TheStep>;
    enum class State : unsigned char { fresh, looked, restored };
    struct Count {
        Answer unknown;  // yes: there is a value
        std::int64_t value;
    };

    static constexpr Count count(const auto& at) {
        if constexpr (!counts_a_metric) {
            return {Answer::yes, at.step};
        } else {
            const Reading reading = at.template reading<Counter>();
            switch (reading.kind) {
                case Reading::Kind::missing: return {Answer::missing, 0};
                case Reading::Kind::nan: return {Answer::nan, 0};
                case Reading::Kind::number: break;
            }
            return {Answer::yes, detail::to_count(reading.value)};
        }
    }

    std::int64_t last_ = 0;
    State state_ = State::fresh;

    // Last, so that clang says this and nothing else.
    static_assert(N > 0, "cairn: EveryN<N> needs an N of 1 or more; to save nothing use NoBestSave");
};

/// Saves every `N` steps, or every `N` of a metric that counts: `EveryN<2, "epoch">`.
///
/// On the first look: yes if the step is a multiple of `N` (step 0 is one, so 0-based epochs 0, 2, 4 are
/// saved for N = 2). Afterwards: yes if a multiple of `N` was reached *or crossed* since the previous look,
/// so a loop that logs every 7 steps still saves. Steps that go back or repeat: as on a first look; but rows
/// that repeat a *metric's* count (all batches of epoch 4) are one look. Resume: never for the step that was
/// just restored. Choose `AtSteps` for chosen steps, `Best` when a metric should decide.
template <std::int64_t N, detail::FixedString Counter = "">
using EveryN = EveryNOf<N, typename detail::counter_named<Counter>::type>;

/// Saves at exactly these steps: `AtSteps<0, 10, 100, 1000>`. A step that no row has is not saved (`EveryN`
/// also sees what is crossed). Step 0 if listed; resume and steps that go back: a listed step is saved again
/// when it is seen again.
template <std::int64_t... Steps>
struct AtSteps {
    constexpr Answer decide(const auto& at) const noexcept {
        return answer(!at.final && ((at.step == Steps) || ...));
    }
    static_assert(sizeof...(Steps) > 0,
                  "cairn: AtSteps<...> needs at least one step; to save nothing use NoBestSave");
};

}  // namespace CAIRN_NAMESPACE
