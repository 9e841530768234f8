// SPDX-License-Identifier: MIT
#pragma once
// All that a policy may look at when it decides, so that a decision can be replayed anywhere. Costs
// <optional>.

#include <cairn/core/number.hpp>
#include <cairn/core/row.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace CAIRN_NAMESPACE {

namespace detail {

template <class T>
[[nodiscard]] constexpr auto number_or_nan(const std::optional<T>& value) noexcept {
    if constexpr (std::is_arithmetic_v<T>) {
        return value ? static_cast<double>(*value) : unseen_nan();
    } else {
        return value;
    }
}

}  // namespace detail

/// The moment a policy is asked about: the row, and what is known beside it. A decision is a pure function of
/// this and of the policy's state. `cairn::At{row}` in a test of a policy: all else is as when a run starts.
template <class R>
struct At {
    const R& row;                          ///< the row that is asked about
    std::int64_t step = row.step();        ///< the row's
    std::int64_t time_ns = row.time_ns();  ///< wall time of the row, nanoseconds since the Unix epoch
    double seconds = 0;                    ///< since the run started
    double save_seconds = 0;               ///< spent on saving so far, by this checkpoint
    bool signal = false;                   ///< the process was asked to stop
    bool final = false;                    ///< `checkpoint.finish()` is asking
    bool failure = false;                  ///< an exception is leaving a guarded loop

    /// Asked by a `step`, not by the end of training in one way or the other.
    [[nodiscard]] constexpr bool is_step() const noexcept { return !final && !failure; }

    /// The row's value of a metric: `at["loss"_m]`. Does not compile if the row's type lacks it. An optional
    /// number that is empty reads as NaN, so that no comparison with it is true.
    template <MetricName Name>
    [[nodiscard]] constexpr decltype(auto) operator[](Name name) const {
        if constexpr (detail::is_optional<std::remove_cvref_t<decltype(row[name])>>) {
            return detail::number_or_nan(row[name]);
        } else {
            return row[name];
        }
    }

    /// The metric as missing, NaN or a number.
    template <MetricName Name>
    [[nodiscard]] constexpr Reading reading() const {
        return row.template reading<Name>();
    }
};

template <class R>
At(const R&) -> At<R>;

namespace detail {

/// A metric of any row by a name that is known only at run time.
template <class R>
[[nodiscard]] constexpr Reading reading_of_row(const R& row, std::string_view metric) {
    if constexpr (requires { row.find(metric).reading(); }) {
        return row.find(metric).reading();
    } else {
        Reading found;
        row.for_each([&](auto name, const auto& value) {
            if (decltype(name)::name == metric) found = reading_of(value);
        });
        return found;
    }
}

/// Stands for any row where a policy's shape is checked before there is one.
struct AnyRow {
    static constexpr std::int64_t step() noexcept { return 0; }
    static constexpr std::int64_t time_ns() noexcept { return 0; }
    template <MetricName Name>
    constexpr double operator[](Name) const noexcept {
        return 0;
    }
    template <MetricName Name>
    static constexpr Reading reading() noexcept {
        return {};
    }
};

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
