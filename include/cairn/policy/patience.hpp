// SPDX-License-Identifier: MIT
#pragma once
// Early stopping: the sister of the saving policies that answers `run.should_stop(row, patience)`.

#include <cairn/policy/best.hpp>
#include <cairn/policy/detail/leaf.hpp>
#include <cairn/policy/detail/parameter.hpp>
#include <cairn/policy/reason.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

/// The type behind `Patience`.
template <class Watch, class Count>
class PatienceOf : detail::Leaf<PatienceOf<Watch, Count>, 0, Watch>,
                   detail::Leaf<PatienceOf<Watch, Count>, 1, Count> {
    using Watches = detail::Leaf<PatienceOf, 0, Watch>;
    using Limit = detail::Leaf<PatienceOf, 1, Count>;

  public:
    using monitor = Watch;

    constexpr PatienceOf() = default;  // NOLINT(*-member-init): what is held initialises itself
    /// `min_delta` in the metric's unit: a gain of exactly that is none.
    constexpr explicit PatienceOf(double min_delta) : min_delta_{min_delta} {}
    /// With the metric and the count as values, for policies that are read from text.
    constexpr PatienceOf(Watch watch, Count limit, double min_delta)
        : Watches{std::move(watch)}, Limit{std::move(limit)}, min_delta_{min_delta} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const {
        watch().check();
        const Reading now = watch().read(at);
        if (now.kind == Reading::Kind::missing) return detail::unknown(now.kind);
        if (improves(now))
            return {Answer::no, Rule::better, now.value, best_.has_value() ? best_.value() : 0};
        const std::int64_t stale = stale_ < limit() ? stale_ + 1 : limit();
        return {answer(stale >= limit()), stale >= limit() ? Rule::out_of_patience : Rule::waiting,
                static_cast<double>(stale), static_cast<double>(limit())};
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const { return reason(at).answer; }

    constexpr void settle(const auto& at, Outcome outcome) {
        if (outcome == Outcome::restored) has_heard_ = true;
        if (outcome == Outcome::annotated || outcome == Outcome::restored) return;
        const Reading now = watch().read(at);
        if (now.kind == Reading::Kind::missing) return;
        has_heard_ = true;
        if (improves(now)) {
            best_ = detail::MaybeNumber{now.value};
            stale_ = 0;
        } else if (stale_ < limit()) {
            ++stale_;
        }
    }

    [[nodiscard]] constexpr detail::RowsHeard rows_heard() const noexcept { return {true, has_heard_}; }
    /// Rows since the best one that had the metric and were no better.
    [[nodiscard]] constexpr std::int64_t stale() const noexcept { return stale_; }
    /// After how many rows that were no better it says stop.
    [[nodiscard]] constexpr std::int64_t limit() const noexcept { return Limit::get().value; }
    /// By how much more than nothing a value must be better.
    [[nodiscard]] constexpr double min_delta() const noexcept { return min_delta_; }
    [[nodiscard]] constexpr const Watch& watch() const noexcept { return Watches::get(); }

  private:
    [[nodiscard]] constexpr bool improves(const Reading& now) const noexcept {
        return detail::compare(watch().direction(), ties::keep_first, best_, now, min_delta_).answer ==
               Answer::yes;
    }

    double min_delta_ = 0;
    detail::MaybeNumber best_;
    std::int64_t stale_ = 0;
    bool has_heard_ = false;  // of a row, or that there is none to hear of

    static_assert(detail::is_at_least<Count>(1), "cairn: Patience<...> needs a number of rows of 1 or more");
};

/// Says when to stop training: when `n` rows in a row that have the metric were no better than the best one
/// before, by more than `min_delta`. `Patience<"val/loss", minimize, 5> patience{0.01};` outside the loop,
/// and `if (run.should_stop(row, patience)) break;` inside.
///
/// The rules are those of `Best`: a tie is no improvement, infinities compare as numbers, 0.0 is a value, a
/// metric that the row's type lacks does not compile. A row without the metric (an empty optional) does not
/// count; a NaN is a row that was no better, so training that has diverged stops. Unlike `Best` it compares
/// with what was *seen*: whether a version was saved makes no difference. Resume: rebuilt from the run's
/// history. Steps that go back: no difference, rows count.
template <detail::FixedString Name, Direction D, std::int64_t n, Nans N = nan::unknown>
using Patience = PatienceOf<detail::Monitor<MetricNamed<Name>, D, N>, detail::FixedCount<n>>;

}  // namespace CAIRN_NAMESPACE
