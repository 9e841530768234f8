// SPDX-License-Identifier: MIT
#pragma once
// Typed rows: one `log()` whose metric names the compiler knows. Costs <string_view> and <optional>.

#include <cairn/core/metric.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/time.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

/// A row's explicit step: `run.log(cairn::step(epoch), "loss"_m = loss)`.
struct Step {
    std::int64_t value;  ///< as the user counts: epochs, batches, …; may repeat, go back and be negative
};

/// The step `n` of a row, from any integer.
template <std::integral Integer>
[[nodiscard]] constexpr Step step(Integer n) noexcept {
    return {static_cast<std::int64_t>(n)};
}

/// What a policy finds when it looks for a metric in a row.
struct Reading {
    /// `missing`: the row lacks it, or it is no number; `nan`: it is there and not a number.
    enum class Kind : unsigned char { missing, nan, number };
    Kind kind = Kind::missing;  ///< whether there is a number
    double value = 0;           ///< the number; meaningless unless `kind` says so

    /// Infinities are numbers, 0.0 is a value, a NaN is neither.
    // By reference: clang takes a double argument never to be NaN under -ffast-math.
    [[nodiscard]] static constexpr Reading of(const double& x) noexcept {
        return {detail::is_nan(x) ? Kind::nan : Kind::number, x};
    }
};

namespace detail {

template <class T>
[[nodiscard]] constexpr Reading reading_of(const T& value) noexcept {
    if constexpr (is_optional<T>) {
        return value ? reading_of(*value) : Reading{};
    } else if constexpr (std::is_arithmetic_v<T>) {
        return Reading::of(static_cast<double>(value));
    } else {
        return {};  // a text has no number to compare
    }
}

// Never defined: its name and arguments are the compiler's message.
template <class Name, class... InTheRow>
struct this_row_has_no_metric_named;
template <class... InTheRow>
struct this_row_has_the_same_metric_twice;

template <class Name, class... Fields>
inline constexpr int times_named = (0 + ... + (std::same_as<Name, typename Fields::metric> ? 1 : 0));

// A field's place among a row's bases.
template <class Name, class T>
[[nodiscard]] constexpr const Field<Name, T>& field_named(const Field<Name, T>& field) noexcept {
    return field;  // NOLINT(bugprone-return-const-ref-from-parameter): a base of the row it was given
}

}  // namespace detail

/// One `log()`: a step, a time and named values. A metric that the row's type lacks does not compile.
/// Threads: a value. Cost: the values themselves.
template <class... Fields>
class Row : Fields... {
  public:
    /// Made by `run.log` and `cairn::row`.
    constexpr explicit Row(std::int64_t step, std::int64_t time_ns, Fields... fields)
        : Fields(std::move(fields))..., step_{step}, time_ns_{time_ns} {}

    /// The user's step, or the logging thread's count of rows.
    [[nodiscard]] constexpr std::int64_t step() const noexcept { return step_; }
    /// Nanoseconds since the Unix epoch, in whole milliseconds, as a history keeps it; 0 for a row that was
    /// never logged.
    [[nodiscard]] constexpr std::int64_t time_ns() const noexcept { return detail::whole_ms(time_ns_); }
    /// As the clock told it. For the journal: rounding costs as much as a cell.
    [[nodiscard]] constexpr std::int64_t clock_ns() const noexcept { return time_ns_; }

    /// The value of a metric of this row: `row["loss"_m]`.
    template <MetricName Name>
    [[nodiscard]] constexpr const auto& operator[](Name) const noexcept {
        if constexpr (has<Name>) {
            return detail::field_named<Name>(*this).value;
        } else {
            (void)sizeof(detail::this_row_has_no_metric_named<Name, typename Fields::metric...>);
            return step_;  // for the compiler, which is to say nothing but the line above
        }
    }

    /// A metric as a policy sees it.
    template <MetricName Name>
    [[nodiscard]] constexpr Reading reading() const noexcept {
        return detail::reading_of((*this)[Name{}]);
    }

    /// Calls `f(name, value)` for each metric, in the order they were written; an empty optional is passed
    /// over.
    template <class F>
    CAIRN_INLINE constexpr void for_each(F&& f) const {
        (visit_field(f, static_cast<const Fields&>(*this)), ...);
    }

    /// Calls `f(step, clock_ns, fields...)`, of which another such row can be made.
    template <class F>
    constexpr void apply(F&& f) const {
        f(step_, time_ns_, static_cast<const Fields&>(*this)...);
    }

    /// Whether the row's type has the metric; an optional one counts.
    template <MetricName Name>
    static constexpr bool has = detail::times_named<Name, Fields...> > 0;

    /// How many metrics the row's type has, optional ones that are empty included.
    static constexpr std::size_t size() noexcept { return sizeof...(Fields); }

  private:
    template <class F, class Name, class T>
    CAIRN_INLINE static constexpr void visit_field(F& f, const Field<Name, T>& field) {
        if constexpr (detail::is_optional<T>) {
            if (field.value) f(Name{}, *field.value);
        } else {
            f(Name{}, field.value);
        }
    }

    std::int64_t step_;
    std::int64_t time_ns_;
};

namespace detail {

/// The row of these fields; a metric that is named twice does not compile.
template <class... Names, class... Ts>
[[nodiscard]] constexpr auto make_row(std::int64_t step, std::int64_t time_ns, Field<Names, Ts>... fields) {
    if constexpr (((times_named<Names, Field<Names, Ts>...> == 1) && ...)) {
        return Row<Field<Names, Ts>...>{step, time_ns, std::move(fields)...};
    } else {
        (void)sizeof(this_row_has_the_same_metric_twice<Names...>);
        return Row<>{step, time_ns};
    }
}

}  // namespace detail

/// A row that is not logged, for policies and tests: `cairn::row(cairn::step(3), "loss"_m = 0.5)`.
template <class... Names, class... Ts>
[[nodiscard]] constexpr auto row(Step step, Field<Names, Ts>... fields) {
    return detail::make_row(step.value, 0, std::move(fields)...);
}

/// A row that is not logged, at step 0.
template <class... Names, class... Ts>
[[nodiscard]] constexpr auto row(Field<Names, Ts>... fields) {
    return row(Step{0}, std::move(fields)...);
}

}  // namespace CAIRN_NAMESPACE
