// SPDX-License-Identifier: MIT
#pragma once
// Metric names as types. `"loss"_m` is a value of the type `Metric<'l','o','s','s'>`, so a name that does not
// exist is a compile error, and every compiler spells it out in its messages (clang 14 prints class-type
// template arguments as numbers). Costs <string_view>.

#include <cairn/config.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

/// A string literal as a template argument.
template <std::size_t N>
struct FixedString {
    char chars[N] = {};
    // Implicit, so that a literal can stand where a name is wanted: Best<"loss", minimize>.
    consteval FixedString(const char (&text)[N]) noexcept {  // NOLINT(google-explicit-constructor)
        for (std::size_t i = 0; i < N; ++i) chars[i] = text[i];
    }
    static constexpr std::size_t size = N - 1;
};

/// FNV-1a, for look-ups by name; computed at compile time where the name is a type.
[[nodiscard]] constexpr std::uint64_t hash_name(std::string_view name) noexcept {
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return hash;
}

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
concept Scalar = std::is_arithmetic_v<T> ||
                 (!std::is_null_pointer_v<T> && std::convertible_to<const T&, std::string_view>);

/// How a row keeps a value: text that the row need not own as a view, everything else as it came.
template <class T>
struct stored {
    using type = std::conditional_t<std::is_pointer_v<T> && Scalar<T>, std::string_view, T>;
};

// Never defined: its name and arguments are the compiler's message.
template <class Name, class T>
struct this_metric_needs_a_number_a_bool_a_text_an_optional_of_one_or_a_rich_value_not;

}  // namespace detail

/// A value that a metric can have: an integer, a float, a bool, a short text, or a `std::optional` of one of
/// them for rows that do not always have it.
template <class T>
concept MetricValue = detail::Scalar<T> || requires {
    requires detail::is_optional<T>;
    requires detail::Scalar<typename T::value_type>;
};

/// A value that is more than a number: an image, a table, a histogram. It tells how many bytes it holds, and
/// is encoded later, once, on a thread of the run; `encode` gives a `cairn::Media`.
template <class T>
concept RichValue = std::move_constructible<T> && requires(const T& value) {
    value.encode();
    { value.memory() } -> std::convertible_to<std::size_t>;
};

/// One named value of a typed row.
template <class Name, class T>
struct Field {
    using metric = Name;  ///< the metric's name, as a type
    T value;              ///< what was logged under it
};

namespace detail {

template <class Name, class T>
constexpr auto make_field(T&& value) {
    using Plain = typename stored<std::decay_t<T>>::type;
    if constexpr (MetricValue<Plain> || RichValue<Plain>) {
        return Field<Name, Plain>{static_cast<Plain>(std::forward<T>(value))};
    } else {
        (void)sizeof(
            this_metric_needs_a_number_a_bool_a_text_an_optional_of_one_or_a_rich_value_not<Name, Plain>);
        return Field<Name, double>{0};
    }
}

}  // namespace detail

/// A metric's name as a type. Write it `"loss"_m` (with `using namespace cairn::literals`).
template <char... Chars>
struct Metric {
    static_assert(sizeof...(Chars) > 0, "cairn: a metric needs a name");
    /// The name, with a zero byte after it.
    static constexpr char chars[sizeof...(Chars) + 1] = {Chars..., '\0'};
    /// The name as text: "loss".
    static constexpr std::string_view name{chars, sizeof...(Chars)};
    /// Of the name, for look-ups at run time; no part of what is stored.
    static constexpr std::uint64_t hash = detail::hash_name(name);

    /// The named value, for `run.log("loss"_m = loss)`. Text is kept as a view until it is logged; pass a
    /// `std::string` by value to keep it longer.
    template <class T>
    constexpr auto operator=(T&& value) const {
        return detail::make_field<Metric>(std::forward<T>(value));
    }
    // Not constexpr for what owns memory: clang 14 crashes when it tries such a call at compile time and
    // fails.
    /// The same for what owns memory, a `std::string`, say.
    template <class T>
        requires(!std::is_trivially_copyable_v<std::decay_t<T>>)
    auto operator=(T&& value) const {
        return detail::make_field<Metric>(std::forward<T>(value));
    }
};

namespace detail {

template <FixedString Text, class = std::make_index_sequence<decltype(Text)::size>>
struct metric_of;
template <FixedString Text, std::size_t... Index>
struct metric_of<Text, std::index_sequence<Index...>> {
    using type = Metric<Text.chars[Index]...>;
};

template <class T>
inline constexpr bool is_metric = false;
template <char... Chars>
inline constexpr bool is_metric<Metric<Chars...>> = true;

}  // namespace detail

/// The type of a metric's name: `MetricNamed<"loss">` is `Metric<'l','o','s','s'>`.
template <detail::FixedString Text>
using MetricNamed = typename detail::metric_of<Text>::type;

/// A type that is a metric's name.
template <class T>
concept MetricName = detail::is_metric<T>;

inline namespace literals {

/// The metric named so: `run.log("loss"_m = 0.5)`, `row["loss"_m]`.
// Not consteval: clang 14 then emits a call in a generic lambda, and the program does not link.
template <detail::FixedString Text>
[[nodiscard]] constexpr auto operator""_m() noexcept {
    return MetricNamed<Text>{};
}

}  // namespace literals

}  // namespace CAIRN_NAMESPACE
