// SPDX-License-Identifier: MIT
#pragma once
// Saving by time: every so often, at most so often, at most for so much. Takes any duration of <chrono>
// without including it.

#include <cairn/policy/detail/around.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/reason.hpp>

#include <concepts>
#include <cstdint>
#include <limits>

namespace CAIRN_NAMESPACE {

namespace detail {

/// A duration of <chrono>: a count of `num / den` seconds.
template <class D>
concept Duration = requires(const D d) {
    static_cast<double>(d.count());
    { D::period::num } -> std::convertible_to<std::int64_t>;
    { D::period::den } -> std::convertible_to<std::int64_t>;
};

/// A negative one is 0, as with counts; an infinite one is the longest there is.
template <Duration D>
[[nodiscard]] constexpr double seconds_of(const D& duration) noexcept {
    constexpr double longest = std::numeric_limits<double>::max();
    const double seconds = static_cast<double>(duration.count()) * static_cast<double>(D::period::num) /
                           static_cast<double>(D::period::den);
    return seconds > 0 ? (seconds < longest ? seconds : longest) : 0;
}

// Never defined: its name is the compiler's message.
template <class T>
struct this_needs_a_duration_with_its_unit_like_30min_of_std_chrono_literals_not;

/// The same for what has no unit: the compiler says so.
template <class T>
    requires(!Duration<T>)
[[nodiscard]] constexpr double seconds_of(const T&) noexcept {
    (void)sizeof(this_needs_a_duration_with_its_unit_like_30min_of_std_chrono_literals_not<T>);
    return 0;
}

/// When the last version was saved.
class TimeOfLast {
  public:
    /// Seconds since the last version, or since the run started if there is none. A clock that was set back
    /// counts as no time.
    [[nodiscard]] constexpr double since(const auto& at) const noexcept {
        const double elapsed =
            has_one_ ? static_cast<double>(at.time_ns - last_ns_) / 1e9 : static_cast<double>(at.seconds);
        return elapsed > 0 ? elapsed : 0;
    }
    [[nodiscard]] constexpr bool has_one() const noexcept { return has_one_; }
    constexpr void set(const auto& at) noexcept {
        last_ns_ = at.time_ns;
        has_one_ = true;
    }

  private:
    std::int64_t last_ns_ = 0;
    bool has_one_ = false;
};

}  // namespace detail

/// Saves when so much time went by since the last version, whoever caused it, or since the run started:
/// `EveryDuration{30min}`. A crash then never costs more than that and the time between two rows.
///
/// It looks at the rows' wall time: a clock that is set back counts as no time, one that is set forward as
/// time. Step 0: no. Resume: it counts from the last version on, and the pause counts. Steps that go back: no
/// difference. A save that failed is tried again at the next row. Choose `EveryN` where the steps all take as
/// long, `at_most_every` to hold another policy back.
class EveryDuration {
  public:
    static constexpr detail::Chance chance = detail::at_steps_only;

    /// From any duration of the standard library's `<chrono>`.
    template <class D>
        requires(!std::same_as<D, EveryDuration>)
    constexpr explicit EveryDuration(const D& duration) noexcept : seconds_{detail::seconds_of(duration)} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const noexcept {
        const double elapsed = last_.since(at);
        const bool due = at.is_step() && elapsed >= seconds_;
        return {answer(due), due ? Rule::elapsed : Rule::too_soon, elapsed, seconds_};
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
    constexpr void settle(const auto& at, Outcome outcome) noexcept {
        if (outcome == Outcome::saved || outcome == Outcome::restored) last_.set(at);
    }
    /// The duration, in seconds.
    [[nodiscard]] constexpr double seconds() const noexcept { return seconds_; }

  private:
    double seconds_;
    detail::TimeOfLast last_;
};

/// The type behind `at_most_every`.
template <SavePolicy P>
class AtMostEvery : public detail::Around<AtMostEvery<P>, P> {
  public:
    /// `duration` is any of the standard library's `<chrono>`.
    template <class D>
    constexpr AtMostEvery(const D& duration, const P& policy)
        : detail::Around<AtMostEvery, P>(policy), seconds_{detail::seconds_of(duration)} {}

    [[nodiscard]] constexpr Answer decide(const auto& at) const {
        return is_open(at) ? this->inner().decide(at) : Answer::no;
    }
    constexpr void explain(const auto& at, auto&& tell, Path path) const {
        if (is_open(at)) {
            detail::explain(this->inner(), at, tell, path.then(0));
        } else {
            tell(*this, Reason{Answer::no, Rule::too_soon, last_.since(at), seconds_}, path);
        }
    }
    constexpr void settle(const auto& at, Outcome outcome) {
        if (outcome == Outcome::saved && decide(at) == Answer::yes) last_.set(at);
        this->settle_inner(at, outcome);
    }

    /// The duration, in seconds.
    [[nodiscard]] constexpr double seconds() const noexcept { return seconds_; }

  private:
    [[nodiscard]] constexpr bool is_open(const auto& at) const noexcept {
        return !last_.has_one() || last_.since(at) >= seconds_;
    }

    double seconds_;
    detail::TimeOfLast last_;
};

/// Holds a policy back after each of its saves: `at_most_every(30min, Best<"loss", minimize>{})`. Counted are
/// the versions saved at a row where the policy itself said yes; what the window turned down is lost, not
/// made up for. Step 0: as the policy. Resume: rebuilt from what was saved, the pause counts. Steps that go
/// back: no difference, the clock counts.
template <class D, class P>
[[nodiscard]] constexpr auto at_most_every(const D& duration, const P& policy) {
    if constexpr (SavePolicy<P>) {
        return AtMostEvery<P>{duration, policy};
    } else {
        detail::explain_policy<P>();
        return NoBestSave{};
    }
}

/// Yes while saving has cost at most so many percent of the time since the run started: `EveryN<10>{} &
/// Budget{1}` saves every 10 steps, or as often as one percent of the time allows. It is exceeded by one save
/// at most, since nobody knows what the next one will cost. It remembers nothing: step 0, resume and steps
/// that go back make no difference.
class Budget {
  public:
    /// `percent` of the time since the run started: `Budget{1}` is a hundredth.
    constexpr explicit Budget(double percent) noexcept : percent_{percent} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const noexcept {
        const bool fits = at.save_seconds * 100 <= percent_ * at.seconds || at.save_seconds == 0;
        const double spent = at.seconds > 0 ? at.save_seconds * 100 / at.seconds : 0;
        return {answer(fits), fits ? Rule::in_budget : Rule::over_budget, spent, percent_};
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
    /// The bound.
    [[nodiscard]] constexpr double percent() const noexcept { return percent_; }

  private:
    double percent_;
};

}  // namespace CAIRN_NAMESPACE
