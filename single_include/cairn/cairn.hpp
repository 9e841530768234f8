// SPDX-License-Identifier: MIT
// cairn 0.1.0, all of <cairn/cairn.hpp> in one file. Needs nlohmann/json on the include path.
// Written by packaging/amalgamate.py from include/; do not edit.
#ifndef CAIRN_SINGLE_INCLUDE
#define CAIRN_SINGLE_INCLUDE 1
#if defined(CAIRN_NAMESPACE)
#error "cairn: a file includes the single header or the headers of include/, not both"
#endif

#include <nlohmann/json.hpp>
#include <signal.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <cmath>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <forward_list>
#include <functional>
#include <initializer_list>
#include <ios>
#include <istream>
#include <iterator>
#include <limits>
#include <locale>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <ostream>
#include <set>
#include <span>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// ---- cairn/version.hpp
// The one place that says which version this is; CMake, Meson, Conan and the port read it here.

#define CAIRN_VERSION_MAJOR 0
#define CAIRN_VERSION_MINOR 1
#define CAIRN_VERSION_PATCH 0
#define CAIRN_VERSION "0.1.0"

// ---- cairn/config.hpp
// The library's few macros. Everything else is a template. None of them changes a public type, so
// translation units with different settings link and work together.

#if defined(min) || defined(max)
#error "cairn: define NOMINMAX before windows.h, whose macros min and max break the standard library's"
#endif
#if defined(CAIRN_SINGLE_HEADER_IS_HERE)
#error "cairn: a file includes the single header or the headers of include/, not both"
#endif
#if defined(Below)
#error "cairn: include it before the headers of X11, whose macros take names that it has"
#endif

/// 1 where the compiler has exceptions. Without them (`core/`, `policy/` and `model/` compile so), what
/// would be thrown ends the program with its message on stderr.
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define CAIRN_HAS_EXCEPTIONS 1
#else
#define CAIRN_HAS_EXCEPTIONS 0
#endif

/// The namespace of the whole library. Inline and versioned: two shared libraries that were built with
/// different versions can live in one process; where they meet is the format on disk, not the ABI. Files
/// without exceptions have one of their own, or the linker might give their functions, which end the program,
/// to the rest. So have files whose nlohmann/json is another one, which is a part of ours.
#if CAIRN_HAS_EXCEPTIONS && defined(JSON_DIAGNOSTICS) && JSON_DIAGNOSTICS
#define CAIRN_NAMESPACE cairn::inline v0_1_json_diagnostics
#elif CAIRN_HAS_EXCEPTIONS && defined(JSON_DIAGNOSTIC_POSITIONS) && JSON_DIAGNOSTIC_POSITIONS
#define CAIRN_NAMESPACE cairn::inline v0_1_json_positions
#elif CAIRN_HAS_EXCEPTIONS
#define CAIRN_NAMESPACE cairn::inline v0_1
#else
#define CAIRN_NAMESPACE cairn::inline v0_1_no_exceptions
#endif

/// On a class that holds the state of the process, or is thrown: there is one of it, also where programs and
/// their shared libraries are compiled with -fvisibility=hidden. Windows has no such thing: each DLL has its
/// own.
#if defined(__GNUC__) && !defined(_WIN32)
#define CAIRN_ONE_IN_PROCESS [[gnu::visibility("default")]]
#else
#define CAIRN_ONE_IN_PROCESS
#endif

/// On a member: it takes no room where it is empty. MSVC ignores the standard's attribute and has its own.
#if defined(_MSC_VER)
#define CAIRN_NO_UNIQUE_ADDRESS [[msvc::no_unique_address]]
#else
#define CAIRN_NO_UNIQUE_ADDRESS [[no_unique_address]]
#endif

/// Of a function whose arguments cost as much as it does: it is compiled into its caller.
#if defined(__GNUC__)
#define CAIRN_INLINE [[gnu::always_inline]] inline
#elif defined(_MSC_VER)
#define CAIRN_INLINE __forceinline
#else
#define CAIRN_INLINE inline
#endif

/// Of a function that is called seldom, and then from where every instruction counts.
#if defined(__GNUC__)
#define CAIRN_COLD [[gnu::cold, gnu::noinline]]
#else
#define CAIRN_COLD
#endif

// ---- cairn/core/bytes.hpp
// What a container holds, as bytes. Costs <span>.

namespace CAIRN_NAMESPACE::detail {

/// The elements of a container that has them in one row, as bytes. Says less than
/// `std::as_bytes(std::span{container})`, whose concepts cost an include a hundredth of its compile time for
/// each type of container.
template <class Container>
[[nodiscard]] std::span<const std::byte> bytes_of(const Container& container) noexcept {
    return {reinterpret_cast<const std::byte*>(container.data()),
            container.size() * sizeof(*container.data())};
}
/// The same, to be written to.
template <class Container>
[[nodiscard]] std::span<std::byte> writable_bytes_of(Container& container) noexcept {
    return {reinterpret_cast<std::byte*>(container.data()), container.size() * sizeof(*container.data())};
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/metric.hpp
// Metric names as types. `"loss"_m` is a value of the type `Metric<'l','o','s','s'>`, so a name that does not
// exist is a compile error, and every compiler spells it out in its messages (clang 14 prints class-type
// template arguments as numbers). Costs <string_view>.

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

// ---- cairn/core/number.hpp
// What a double is, by its bits: -ffast-math takes every number to be finite.

namespace CAIRN_NAMESPACE::detail {

inline constexpr std::uint64_t infinity_bits = 0x7ff0'0000'0000'0000;

// Under -ffast-math clang takes no function to return one of these, and makes anything of one that it sees do
// so. So they are constants, and who returns one reads it from where the compiler cannot look.
inline constexpr double not_a_number = std::bit_cast<double>(infinity_bits | std::uint64_t{1} << 51U);
inline constexpr double infinity = std::bit_cast<double>(infinity_bits), minus_infinity = -infinity;

inline const volatile std::uint64_t nan_in_memory = std::bit_cast<std::uint64_t>(not_a_number);
[[nodiscard]] constexpr double unseen_nan() noexcept {
    return std::is_constant_evaluated() ? not_a_number : std::bit_cast<double>(std::uint64_t{nan_in_memory});
}

// By reference: clang takes a double argument never to be NaN under -ffast-math.
[[nodiscard]] constexpr std::uint64_t magnitude_bits(const double& x) noexcept {
    return std::bit_cast<std::uint64_t>(x) & 0x7fff'ffff'ffff'ffffU;
}
[[nodiscard]] constexpr bool is_nan(const double& x) noexcept { return magnitude_bits(x) > infinity_bits; }
[[nodiscard]] constexpr bool is_finite(const double& x) noexcept { return magnitude_bits(x) < infinity_bits; }

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/time.hpp
// The two clocks of the library, as integers; no <chrono>.

#if defined(_WIN32)
// As windows.h declares them, without its macros.
struct _FILETIME;
union _LARGE_INTEGER;
extern "C" __declspec(dllimport) void __stdcall GetSystemTimeAsFileTime(_FILETIME*);
extern "C" __declspec(dllimport) int __stdcall QueryPerformanceCounter(_LARGE_INTEGER*);
extern "C" __declspec(dllimport) int __stdcall QueryPerformanceFrequency(_LARGE_INTEGER*);
#else
#include <time.h>
#endif

namespace CAIRN_NAMESPACE::detail {

// `clock_ns` is what stamps a row: nanoseconds since the Unix epoch, at the resolution of the scheduler's
// tick (1 to 16 ms); such a coarse clock costs a quarter of a fine one. Steady time never goes back; for
// durations.
#if defined(_WIN32)

[[nodiscard]] inline std::int64_t clock_ns() noexcept {
    std::int64_t now = 0;  // in 100 ns since 1601-01-01
    ::GetSystemTimeAsFileTime(reinterpret_cast<::_FILETIME*>(&now));
    return (now - 116'444'736'000'000'000) * 100;
}
[[nodiscard]] inline std::int64_t steady_ns() noexcept {
    std::int64_t now = 0;
    std::int64_t frequency = 0;
    ::QueryPerformanceCounter(reinterpret_cast<::_LARGE_INTEGER*>(&now));
    ::QueryPerformanceFrequency(reinterpret_cast<::_LARGE_INTEGER*>(&frequency));
    return now / frequency * 1'000'000'000 + now % frequency * 1'000'000'000 / frequency;
}

#else

[[nodiscard]] inline std::int64_t clock_ns() noexcept {
    timespec now;  // NOLINT(cppcoreguidelines-pro-type-member-init): the system fills it
#if defined(CLOCK_REALTIME_COARSE)
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
#else
    ::clock_gettime(CLOCK_REALTIME, &now);
#endif
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
[[nodiscard]] inline std::int64_t steady_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

#endif

/// A time in whole milliseconds: a history keeps no less.
[[nodiscard]] constexpr std::int64_t whole_ms(std::int64_t ns) noexcept { return ns - ns % 1'000'000; }
[[nodiscard]] inline std::int64_t wall_ns() noexcept { return whole_ms(clock_ns()); }

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/row.hpp
// Typed rows: one `log()` whose metric names the compiler knows. Costs <string_view> and <optional>.

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

// ---- cairn/core/short_text.hpp
// Names, which are short: `std::memcpy` and `std::memcmp` are calls of functions that look for the best way
// first, and cost more than the bytes. Two words that may overlap are enough for up to sixteen.

namespace CAIRN_NAMESPACE::detail {

template <class Word>
[[nodiscard]] inline Word word_at(const char* from) noexcept {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
}
template <class Word>
inline void copy_words(char* to, const char* from, std::size_t count) noexcept {
    const auto first = word_at<Word>(from), last = word_at<Word>(from + count - sizeof(Word));
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + count - sizeof(Word), &last, sizeof last);
}
template <class Word>
[[nodiscard]] inline bool are_same_words(std::string_view a, std::string_view b) noexcept {
    const std::size_t last = a.size() - sizeof(Word);  // of both
    return word_at<Word>(&a[0]) == word_at<Word>(&b[0]) && word_at<Word>(&a[last]) == word_at<Word>(&b[last]);
}

/// A call that is not inlined: where it is, and the text's length is known, g++ 12 warns of what never
/// happens.
template <class = void>
CAIRN_COLD void copy_long_text(char* to, const char* from, std::size_t count) noexcept {
    std::memcpy(to, from, count);
}
/// As `std::memcpy`.
inline void copy_text(char* to, const char* from, std::size_t count) noexcept {
    if (count > 16) {
        copy_long_text(to, from, count);
    } else if (count >= 8) {
        copy_words<std::uint64_t>(to, from, count);
    } else if (count >= 4) {
        copy_words<std::uint32_t>(to, from, count);
    } else {
        for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
    }
}
/// As `==`.
[[nodiscard]] inline bool is_same_text(std::string_view a, std::string_view b) noexcept {
    const std::size_t count = a.size();
    if (count != b.size()) return false;
    if (count > 16) return std::memcmp(a.data(), b.data(), count) == 0;
    if (count >= 8) return are_same_words<std::uint64_t>(a, b);
    if (count >= 4) return are_same_words<std::uint32_t>(a, b);
    for (std::size_t i = 0; i < count; ++i) {
        if (a[i] != b[i]) return false;
    }
    return true;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/value.hpp
// A metric's value whose kind is known at run time. Costs <string_view>.

namespace CAIRN_NAMESPACE {

/// An integer, a float, a bool, a short text, or nothing. A view: it does not own its text.
class Value {
  public:
    /// `integer` is signed and `natural` unsigned, of 64 bits; `number` is a double.
    enum class Kind : unsigned char { none, integer, natural, number, boolean, text };

    /// Nothing.
    constexpr Value() noexcept : integer_{0} {}

    /// A number or a bool, of any width; a float becomes a double.
    template <class T>
        requires std::is_arithmetic_v<T>
    constexpr Value(T value) noexcept
        : integer_{0} {  // NOLINT(google-explicit-constructor): a row is written in braces
        if constexpr (std::same_as<T, bool>) {
            kind_ = Kind::boolean;
            integer_ = value ? 1 : 0;
        } else if constexpr (std::floating_point<T>) {
            kind_ = Kind::number;
            number_ = static_cast<double>(value);
        } else if constexpr (std::is_signed_v<T>) {
            kind_ = Kind::integer;
            integer_ = static_cast<std::int64_t>(value);
        } else {
            kind_ = Kind::natural;
            natural_ = static_cast<std::uint64_t>(value);
        }
    }

    /// A text, which must outlive this.
    template <class T>
        requires std::convertible_to<const T&, std::string_view>
    constexpr Value(const T& value) noexcept  // NOLINT(google-explicit-constructor)
        : kind_{Kind::text}, text_{std::string_view{value}} {}

    /// What the optional holds; nothing if it is empty.
    template <class T>
        requires detail::Scalar<T>
    constexpr Value(const std::optional<T>& value) noexcept  // NOLINT(google-explicit-constructor)
        : Value{value ? Value{*value} : Value{}} {}

    /// What it holds.
    [[nodiscard]] constexpr Kind kind() const noexcept { return kind_; }
    /// Whether it is a text.
    [[nodiscard]] constexpr bool is_text() const noexcept { return kind_ == Kind::text; }

    /// The text; empty for any other kind.
    [[nodiscard]] constexpr std::string_view text() const noexcept {
        return is_text() ? text_ : std::string_view{};
    }

    /// The value as a number; NaN for a text and for nothing.
    [[nodiscard]] constexpr double number() const noexcept {
        switch (kind_) {
            case Kind::integer:
            case Kind::boolean: return static_cast<double>(integer_);
            case Kind::natural: return static_cast<double>(natural_);
            case Kind::number: return number_;
            case Kind::none:
            case Kind::text: break;
        }
        return detail::unseen_nan();
    }

    /// The value as a policy sees it: a text has no number to compare.
    [[nodiscard]] constexpr Reading reading() const noexcept {
        return kind_ == Kind::none || is_text() ? Reading{} : Reading::of(number());
    }

    /// What it is in 64 bits, for any kind but a text; a number is its IEEE 754 double.
    [[nodiscard]] constexpr std::uint64_t bits() const noexcept {
        if (kind_ == Kind::number) return std::bit_cast<std::uint64_t>(number_);
        return kind_ == Kind::natural ? natural_ : static_cast<std::uint64_t>(integer_);
    }

    /// The value that `kind` and `bits` describe, as a record on disk keeps it; a number as its IEEE 754
    /// double.
    [[nodiscard]] static constexpr Value from_integer_bits(Kind kind, std::uint64_t bits) noexcept {
        Value value;
        value.kind_ = kind;
        if (kind == Kind::natural)
            value.natural_ = bits;
        else
            value.integer_ = static_cast<std::int64_t>(bits);
        return value;
    }

  private:
    Kind kind_ = Kind::none;
    union {
        std::int64_t integer_;
        std::uint64_t natural_;
        double number_;
        std::string_view text_;
    };
};

/// A named value of a row whose names are known only at run time.
struct NamedValue {
    std::string_view name;  ///< the metric's; not owned
    Value value;            ///< its value; a text is not owned
};

}  // namespace CAIRN_NAMESPACE

// ---- cairn/core/dynamic_row.hpp
// Rows whose metric names are known only at run time. Costs <vector>.

namespace CAIRN_NAMESPACE {
namespace detail {

/// Some `T` that are copied as bytes, of which the first `N` need no allocation. Empty after a move.
template <class T, std::size_t N>
class Few {
  public:
    Few() = default;
    Few(const Few& other) : many_{other.many_} { take_few(other); }
    Few(Few&& other) noexcept : many_{std::move(other.many_)} {
        take_few(other);
        other.count_ = 0;
    }
    Few& operator=(const Few&) = delete;
    Few& operator=(Few&& other) noexcept {
        many_ = std::move(other.many_);
        take_few(other);
        other.count_ = 0;
        return *this;
    }
    ~Few() = default;

    [[nodiscard]] std::size_t size() const noexcept { return count_ == all_are_many ? many_.size() : count_; }
    [[nodiscard]] const T* data() const noexcept {
        return count_ == all_are_many ? many_.data() : reinterpret_cast<const T*>(few_.bytes);
    }
    [[nodiscard]] const T* begin() const noexcept { return data(); }
    [[nodiscard]] const T* end() const noexcept { return data() + size(); }

    void reserve(std::size_t count) {
        if (count > N) many_.reserve(count);
    }
    void append(const T* from, std::size_t count) {
        static_assert(std::is_trivially_copyable_v<T>);
        if (count_ + count > N) return append_to_many(from, count);
        copy_text(reinterpret_cast<char*>(few_.bytes + count_ * sizeof(T)),
                  reinterpret_cast<const char*>(from), count * sizeof(T));
        count_ += count;
    }

  private:
    static constexpr std::size_t all_are_many = N + 1;
    /// Left as it is: to fill it takes a fifth of a row's time.
    union Room {
        Room() noexcept : none{} {}
        char none;
        alignas(T) std::byte bytes[N * sizeof(T)];
    };

    void take_few(const Few& other) noexcept {
        count_ = other.count_;
        if (count_ != all_are_many) std::memcpy(few_.bytes, other.few_.bytes, count_ * sizeof(T));
    }
    /// All go where many are. Not `insert`, of whose ways g++ 12 warns that are never gone.
    CAIRN_COLD void append_to_many(const T* from, std::size_t count) {
        const std::size_t before = size();
        many_.resize(before + count);
        if (count_ != all_are_many && before != 0) std::memcpy(many_.data(), few_.bytes, before * sizeof(T));
        // At once: a loop in what is cold is made small, not fast.
        if (count != 0) std::memcpy(many_.data() + before, from, count * sizeof(T));
        count_ = all_are_many;
    }

    Room few_;
    std::size_t count_ = 0;  // in `few_`, or `all_are_many`
    std::vector<T> many_{};  // all, where they are more than a few
};

}  // namespace detail

/// One `log()` with names known only at run time: `run.log({{"loss", 0.5}, {"epoch", 3}})` returns one. It
/// owns its names and texts. A metric it lacks is missing for a policy (unknown), not an error.
class DynamicRow {
  public:
    DynamicRow() = default;
    DynamicRow(const DynamicRow&) = default;
    DynamicRow(DynamicRow&&) noexcept = default;
    /// Becomes `other`. By value: where memory runs out for a copy, the row stays as it was.
    DynamicRow& operator=(DynamicRow other) noexcept {
        step_ = other.step_;
        time_ns_ = other.time_ns_;
        texts_ = std::move(other.texts_);
        cells_ = std::move(other.cells_);
        return *this;
    }
    ~DynamicRow() = default;

    /// A row of `count` values, whose names and texts are copied; those of kind `none` are left out.
    /// `time_ns` is in nanoseconds since the Unix epoch, 0 if it was never logged.
    template <class = void>
    DynamicRow(std::int64_t step, std::int64_t time_ns, const NamedValue* values, std::size_t count)
        : step_{step}, time_ns_{time_ns} {
        cells_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) add(values[i]);
    }

    /// The user's step, or the logging thread's count of rows.
    [[nodiscard]] std::int64_t step() const noexcept { return step_; }
    /// Nanoseconds since the Unix epoch; 0 for a row that was never logged.
    [[nodiscard]] std::int64_t time_ns() const noexcept { return time_ns_; }
    /// The same, as a typed row has it.
    [[nodiscard]] std::int64_t clock_ns() const noexcept { return time_ns_; }
    /// How many metrics the row has.
    [[nodiscard]] std::size_t size() const noexcept { return cells_.size(); }

    /// The value of a metric; of kind `none` if the row lacks it. The last one wins where a name stands
    /// twice.
    [[nodiscard]] Value find(std::string_view name) const noexcept {
        for (std::size_t i = cells_.size(); i-- > 0;) {
            const Cell& cell = cells_.data()[i];
            if (name_of(cell) == name) return value_of(cell);
        }
        return {};
    }

    /// The metric as a number; NaN if the row lacks it or it is a text.
    [[nodiscard]] double operator[](std::string_view name) const noexcept { return find(name).number(); }
    /// The same by a metric's type, so that code for typed rows takes dynamic ones too.
    template <MetricName Name>
    [[nodiscard]] double operator[](Name) const noexcept {
        return find(Name::name).number();
    }

    /// A metric as a policy sees it: missing, NaN or a number; a text is missing.
    template <MetricName Name>
    [[nodiscard]] Reading reading() const noexcept {
        return find(Name::name).reading();
    }

    /// Calls `f(std::string_view name, Value)` for each metric, in the order they were written.
    template <class F>
    void for_each(F&& f) const {
        for (const Cell& cell : cells_) f(name_of(cell), value_of(cell));
    }

  private:
    struct Cell {
        std::size_t from = 0, name_bytes = 0;  // of the name in `texts_`, which the value's text follows
        Value value;
    };

    template <class = void>
    void add(const NamedValue& named) {
        if (named.value.kind() == Value::Kind::none) return;
        const Cell cell{texts_.size(), named.name.size(), named.value};
        cells_.append(&cell, 1);
        texts_.append(named.name.data(), named.name.size());
        if (named.value.is_text()) texts_.append(named.value.text().data(), named.value.text().size());
    }
    [[nodiscard]] std::string_view name_of(const Cell& cell) const noexcept {
        return {texts_.data() + cell.from, cell.name_bytes};
    }
    // A text's view may point to what is gone: it is rebuilt from what the row owns.
    [[nodiscard]] Value value_of(const Cell& cell) const noexcept {
        if (!cell.value.is_text()) return cell.value;
        return std::string_view{texts_.data() + cell.from + cell.name_bytes, cell.value.text().size()};
    }

    std::int64_t step_ = 0;
    std::int64_t time_ns_ = 0;
    // So much that a row of a few metrics, as a training loop logs them, needs no allocation.
    detail::Few<char, 64> texts_;
    detail::Few<Cell, 4> cells_;
};

namespace detail {

/// A dynamic row as its author wrote it: names and texts are his, nothing is copied.
class GivenRow {
  public:
    GivenRow(std::int64_t step, std::int64_t time_ns, const NamedValue* values, std::size_t count) noexcept
        : step_{step}, time_ns_{time_ns}, values_{values}, count_{count} {}

    [[nodiscard]] std::int64_t step() const noexcept { return step_; }
    [[nodiscard]] std::int64_t time_ns() const noexcept { return time_ns_; }
    [[nodiscard]] std::int64_t clock_ns() const noexcept { return time_ns_; }

    template <class F>
    void for_each(F&& f) const {
        for (std::size_t i = 0; i < count_; ++i) {
            if (values_[i].value.kind() != Value::Kind::none) f(values_[i].name, values_[i].value);
        }
    }
    template <class F>
    void apply(F&& f) const {
        f(step_, time_ns_, values_, count_);
    }
    [[nodiscard]] DynamicRow owned() const { return {step_, time_ns_, values_, count_}; }

  private:
    std::int64_t step_, time_ns_;
    const NamedValue* values_;
    std::size_t count_;
};

/// The same row, with names that only a running program knows.
template <class... Fields>
[[nodiscard]] DynamicRow to_dynamic(const Row<Fields...>& row) {
    std::vector<NamedValue> values;
    values.reserve(sizeof...(Fields));
    row.for_each(
        [&](auto name, const auto& value) { values.push_back({decltype(name)::name, Value{value}}); });
    return {row.step(), row.time_ns(), values.data(), values.size()};
}
template <class = void>
[[nodiscard]] DynamicRow to_dynamic(const DynamicRow& row) {
    return row;
}

}  // namespace detail

/// A dynamic row that is not logged: `cairn::row(cairn::step(3), {{"loss", 0.5}})`.
template <class = void>
[[nodiscard]] DynamicRow row(Step step, std::initializer_list<NamedValue> values) {
    return {step.value, 0, values.begin(), values.size()};
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/core/error.hpp
// What fails and how it says so: `cairn::error` (thrown by opening and configuring) and `cairn::result`
// (returned where a failure is an ordinary outcome). Costs <string>.

#if !CAIRN_HAS_EXCEPTIONS
#include <cstdio>
#include <cstdlib>
#endif

namespace CAIRN_NAMESPACE {

/// What kind of failure it was; stable, so a program can branch on it.
enum class errc : unsigned char {
    invalid_argument,  ///< a value that can never work (shape, option, pattern, config)
    invalid_name,      ///< a project, artifact, part or run name that cannot be stored safely
    not_found,         ///< no such run, artifact, version, alias or file
    already_exists,    ///< what must be new is there already
    busy,              ///< another process or object holds it
    corrupt,           ///< bytes on disk are not what was written
    mismatch,          ///< the model does not fit the file: names, shapes or types
    permission,        ///< the operating system forbids it
    no_space,          ///< the disk or the quota is full
    io,                ///< any other failure of the operating system
    unsupported,       ///< this platform, sink or format version cannot do it
    not_a_number,      ///< a metric is NaN where a policy was told that this is an error
    user,              ///< reported by the user's own code (a sink, a model that streams itself)
};

/// The code's name as it is printed, for example `no_space`.
[[nodiscard]] constexpr std::string_view to_string(errc code) noexcept {
    switch (code) {
        case errc::invalid_argument: return "invalid_argument";
        case errc::invalid_name: return "invalid_name";
        case errc::not_found: return "not_found";
        case errc::already_exists: return "already_exists";
        case errc::busy: return "busy";
        case errc::corrupt: return "corrupt";
        case errc::mismatch: return "mismatch";
        case errc::permission: return "permission";
        case errc::no_space: return "no_space";
        case errc::io: return "io";
        case errc::unsupported: return "unsupported";
        case errc::not_a_number: return "not_a_number";
        case errc::user: return "user";
    }
    return "unknown";
}

namespace detail {

/// `cairn: TRIED: PATH [CODE]; ADVICE`.
template <class = void>
[[nodiscard]] std::string error_line(errc code, std::string_view tried, std::string_view path,
                                     std::string_view advice) {
    std::string line = "cairn: ";
    line += tried;
    if (!path.empty()) (line += ": ") += path;
    ((line += " [") += to_string(code)) += ']';
    if (!advice.empty()) (line += "; ") += advice;
    for (char& c : line) c = c == '\0' ? '?' : c;  // not every library's what() goes on after one
    return line;
}

}  // namespace detail

/// A failure in four parts: a code, what was tried, the path it concerns (may be empty) and what to do.
/// `what()` is one line of all four, where `?` stands for a zero byte. Copying never throws. Threads: a
/// value.
class CAIRN_ONE_IN_PROCESS error : public std::runtime_error {
  public:
    error() : std::runtime_error{""} {}

    /// Composes `what()` of the four; `path` and `advice` may be empty.
    error(errc code, std::string_view tried, std::string_view path, std::string_view advice)
        : std::runtime_error{detail::error_line(code, tried, path, advice)}, code_{code},
          tried_{tried.size()}, path_{path.size()}, advice_{advice.size()} {}

    /// The kind of failure, for a program to branch on.
    [[nodiscard]] errc code() const noexcept { return code_; }
    /// What was tried and why it failed, in one clause.
    [[nodiscard]] std::string tried() const { return part(before_tried, tried_); }
    /// The file, folder or name concerned; empty if there is none.
    [[nodiscard]] std::string path() const { return part(before_tried + tried_ + 2, path_); }
    /// What the user can do about it.
    [[nodiscard]] std::string advice() const {
        const std::size_t size = std::string_view{what()}.size();
        return advice_ <= size ? part(size - advice_, advice_) : std::string{};
    }

  private:
    [[nodiscard]] std::string part(std::size_t at, std::size_t size) const {
        const std::string_view line = what();  // one that was moved from has lost it
        const bool there = at <= line.size() && size <= line.size() - at;
        return there ? std::string{line.substr(at, size)} : std::string{};
    }

    static constexpr std::size_t before_tried = std::string_view{"cairn: "}.size();

    errc code_ = errc::io;
    std::size_t tried_ = 0, path_ = 0, advice_ = 0;  // where the parts are in what(): how long each is
};

namespace detail {

/// Throws `e`; without exceptions, prints it and aborts.
[[noreturn]] inline void raise(error e) {
#if CAIRN_HAS_EXCEPTIONS
    throw e;  // NOLINT(misc-throw-by-value-catch-by-reference): a value, moved into the exception
#else
    std::fputs(e.what(), stderr);
    std::abort();
#endif
}

}  // namespace detail

/// Either a `T` or an `error`. Converts from both; `value()` throws the error, `operator*` requires success.
/// Moves only. Holds a union of its own because `std::optional` and `std::variant` cost a program that
/// includes the library a tenth of its compile time.
template <class T = void>
class [[nodiscard]] result {
  public:
    /// A success.
    // NOLINTNEXTLINE(google-explicit-constructor)
    result(T value) : good_{true}, value_(std::move(value)) {}
    /// A failure.
    // NOLINTNEXTLINE(google-explicit-constructor)
    result(cairn::error failure) : good_{false}, error_{std::move(failure)} {}
    result(result&& other) noexcept : good_{other.good_} { take(other); }
    result& operator=(result&& other) noexcept {
        if (this == &other) return *this;
        drop();
        good_ = other.good_;
        take(other);
        return *this;
    }
    ~result() { drop(); }

    /// Whether there is a value.
    [[nodiscard]] bool has_value() const noexcept { return good_; }
    /// The same, for `if (auto file = read(…))`.
    [[nodiscard]] explicit operator bool() const noexcept { return good_; }
    /// Requires success.
    [[nodiscard]] T& operator*() & noexcept { return value_; }
    ///@{
    /// The value. Requires success; not checked.
    [[nodiscard]] const T& operator*() const& noexcept { return value_; }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(value_); }
    [[nodiscard]] T* operator->() noexcept { return &value_; }
    [[nodiscard]] const T* operator->() const noexcept { return &value_; }
    ///@}
    /// Requires failure.
    [[nodiscard]] const cairn::error& error() const noexcept { return error_; }
    /// The value, or throws the error.
    T value() && {
        if (!good_) detail::raise(std::move(error_));
        return std::move(value_);
    }

  private:
    void take(result& other) noexcept {
        if (good_)
            ::new (static_cast<void*>(&value_)) T(std::move(other.value_));
        else
            ::new (static_cast<void*>(&error_)) cairn::error(std::move(other.error_));
    }
    void drop() noexcept {
        if (good_)
            value_.~T();
        else
            error_.~error();
    }

    bool good_;
    union {
        T value_;
        cairn::error error_;
    };
};

namespace detail {
struct Nothing {};
}  // namespace detail

/// Success, or an `error`. `value()` throws it.
template <>
class [[nodiscard]] result<void> : private result<detail::Nothing> {
    using Base = result<detail::Nothing>;

  public:
    result() : Base{detail::Nothing{}} {}
    /// A failure.
    result(cairn::error failure) : Base{std::move(failure)} {}  // NOLINT(google-explicit-constructor)
    ///@{
    /// Copies too, which a `result` of a value does not.
    result(const result& other) : Base{other ? Base{detail::Nothing{}} : Base{other.error()}} {}
    result(result&&) noexcept = default;
    result& operator=(const result& other) { return *this = result{other}; }
    result& operator=(result&&) noexcept = default;
    ~result() = default;
    ///@}

    using Base::error;
    using Base::has_value;
    using Base::operator bool;
    /// Throws the error, if there is one.
    void value() && { (void)std::move(*this).Base::value(); }
};

namespace detail {
/// Of several things that are all tried, the first failure is told.
inline void keep_first(result<void>& first, const result<void>& next) {
    if (first) first = next;
}
}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/core/read_number.hpp
// Numbers out of texts, where libc++ is as yet without `std::from_chars` for a double. Costs <charconv> and
// <string>.

namespace CAIRN_NAMESPACE::detail {

#if defined(__APPLE__) || (defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 200000)
/// `std::from_chars` for a double, infinite if it is too great, which libc++ has from version 20 on and macOS
/// from 26: C's reader, with the point of the program's locale.
template <class = void>
[[nodiscard]] std::from_chars_result read_number(const char* from, const char* to, double& value) {
    const auto skip_digits = [to](const char* at) {
        while (at != to && *at >= '0' && *at <= '9') ++at;
        return at;
    };
    const char* const whole = from != to && *from == '-' ? from + 1 : from;
    const char* const point = skip_digits(whole);
    const char* const fraction = point != to && *point == '.' ? point + 1 : point;
    const char* end = skip_digits(fraction);
    if (point == whole && end == fraction) return {from, std::errc::invalid_argument};
    if (end != to && (*end == 'e' || *end == 'E')) {
        const bool is_signed = to - end > 1 && (end[1] == '-' || end[1] == '+');
        const char* const exponent = end + (is_signed ? 2 : 1);
        if (const char* const last = skip_digits(exponent); last != exponent) end = last;
    }
    std::string text{from, point};
    if (fraction != point) text += std::localeconv()->decimal_point;
    text.append(fraction, end);
    errno = 0;
    value = std::strtod(text.c_str(), nullptr);
    return {end, value == 0 && errno == ERANGE ? std::errc::result_out_of_range : std::errc{}};
}
#else
[[nodiscard]] inline std::from_chars_result read_number(const char* from, const char* to,
                                                        double& value) noexcept {
    return std::from_chars(from, to, value);
}
#endif
/// The same for an integer.
template <std::integral N>
[[nodiscard]] std::from_chars_result read_number(const char* from, const char* to, N& value) noexcept {
    return std::from_chars(from, to, value);
}

/// The number that a whole text is; nothing if it is none, or more than one.
template <class N>
[[nodiscard]] std::optional<N> whole_number(std::string_view text) {
    N value{};
    const char* const to = text.data() + text.size();
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end goes with it
    const auto [end, problem] = read_number(text.data(), to, value);
    return problem == std::errc{} && end == to ? std::optional{value} : std::nullopt;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/name.hpp
// Names that become folder or file names: one rule for projects, runs, artifacts and parts. Costs <string>.

namespace CAIRN_NAMESPACE::detail {

inline constexpr std::size_t max_name_bytes = 128;

[[nodiscard]] constexpr bool is_name_char(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

#if defined(_WIN32)
/// Why Windows would take `name` for another one, or for none; empty if it would not.
[[nodiscard]] constexpr std::string_view windows_problem(std::string_view name) noexcept {
    if (name.ends_with('.') || name.ends_with(' ')) return "ends in a dot or a blank, which Windows drops";
    if (name.find_first_of("<>:\"|?*\\") != std::string_view::npos)
        return "has a character that Windows does not allow";
    std::string_view stem = name.substr(0, name.find('.'));
    while (stem.ends_with(' ')) stem.remove_suffix(1);
    std::string_view port = stem;  // COM1, LPT1 and so on; superscripts are digits too
    for (const std::string_view digit :
         {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\xC2\xB9", "\xC2\xB2", "\xC2\xB3"}) {
        if (stem.ends_with(digit)) port = stem.substr(0, stem.size() - digit.size());
    }
    const auto is = [](std::string_view text, std::string_view device) {
        if (text.size() != device.size()) return false;
        for (std::size_t i = 0; i < device.size(); ++i) {
            const char c = text[i];
            if ((c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c) != device[i]) return false;
        }
        return true;
    };
    for (const std::string_view device : {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}) {
        if (is(stem, device)) return "is a device of Windows";
    }
    if (port != stem && (is(port, "COM") || is(port, "LPT"))) return "is a device of Windows";
    return {};
}
#endif

/// Why `name` cannot be a file name on this system; empty if it can.
[[nodiscard]] constexpr std::string_view name_problem(std::string_view name) noexcept {
    if (name.empty()) return "is empty";
    if (name.size() > max_name_bytes) return "is longer than 128 bytes";
    if (name.front() == '.') return "starts with a dot";
    for (const char c : name) {
        if (c == '/' || c == '\\') return "contains a path separator";
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "contains a control character";
        if (!is_name_char(c)) return "contains a character other than letters, digits, '.', '_' and '-'";
    }
#if defined(_WIN32)
    return windows_problem(name);
#else
    return {};
#endif
}

/// `name` with every character that is not allowed replaced by `-`, for messages and defaults.
template <class = void>
[[nodiscard]] std::string suggest_name(std::string_view name) {
    std::string out;
    for (const char c : name.substr(0, 64)) out += is_name_char(c) ? c : '-';
    while (!out.empty() && out.front() == '.') out.erase(0, 1);
    return out.empty() ? "unnamed" : out;
}

/// "v3", the name of version 3.
// Appended, not `"v" + …`: g++ 12 -O3 warns of an overlap there that cannot be (its bug 105651), in the
// user's build.
[[nodiscard]] inline std::string version_label(std::uint64_t version) {
    std::string label = "v";
    label += std::to_string(version);
    return label;
}

/// The number of "v3"; nothing for any other text.
template <class = void>
[[nodiscard]] std::optional<std::uint64_t> parse_version_label(std::string_view label) noexcept {
    const bool can_be = label.starts_with('v') && (label.size() == 2 || !label.starts_with("v0"));
    return can_be ? whole_number<std::uint64_t>(label.substr(1)) : std::nullopt;
}

/// Success if `name` can be a `what` ("project", "artifact", …); else `errc::invalid_name` with a valid
/// suggestion.
template <class = void>
result<void> check_name(std::string_view what, std::string_view name) {
    const std::string_view problem = name_problem(name);
    if (problem.empty()) return {};
    return error{errc::invalid_name, std::string{what} + " name " + std::string{problem}, suggest_name(name),
                 "use up to 128 letters, digits, '.', '_' or '-', not starting with '.', for example \"" +
                     suggest_name(name) + "\""};
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/policy/detail/leaf.hpp
// One member of a composed type, without a byte where it is empty. `Owner` and `Index` keep it apart from an
// equal member of what it is composed with: in `a | !a`, `a` stands twice.

namespace CAIRN_NAMESPACE::detail {

// Not a base that is a `T`: what is composed would be one too, and have its names.
template <class Owner, std::size_t Index, class T>
struct Leaf {
    [[nodiscard, gnu::always_inline]] constexpr T& get() noexcept { return value; }
    [[nodiscard, gnu::always_inline]] constexpr const T& get() const noexcept { return value; }

    // Without {}: g++ 12 makes that a hard error where a trait asks whether T can be made of nothing, and it
    // cannot.
    CAIRN_NO_UNIQUE_ADDRESS T value;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/policy/at.hpp
// All that a policy may look at when it decides, so that a decision can be replayed anywhere. Costs
// <optional>.

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

// ---- cairn/policy/direction.hpp
// Which way a metric is better. Costs nothing to include.

namespace CAIRN_NAMESPACE {

/// Which way a metric is better. It is always written, never guessed from the metric's name.
enum class Direction : unsigned char { unspecified, minimize, maximize };
inline constexpr Direction minimize = Direction::minimize;  ///< smaller is better: a loss
inline constexpr Direction maximize = Direction::maximize;  ///< greater is better: an accuracy

/// Whether `a` is strictly better than `b`; false if either is NaN.
[[nodiscard]] constexpr bool is_better(Direction direction, double a, double b) noexcept {
    return direction == Direction::minimize ? a < b : a > b;
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/detail/parameter.hpp
// What a policy is told when it is written: counts, metrics and directions, each known at compile time. The
// same policies take counterparts known at run time, where they are parsed from text (policy/parsed.hpp).

namespace CAIRN_NAMESPACE {

/// What a value that equals the best one is.
enum class Ties : unsigned char { keep_first, keep_newest };
namespace ties {
inline constexpr Ties keep_first = Ties::keep_first;    ///< not better: the first of equals stays
inline constexpr Ties keep_newest = Ties::keep_newest;  ///< better: the newest of equals stays
}  // namespace ties

/// What a NaN is to a policy.
enum class Nans : unsigned char { unknown, error };
namespace nan {
inline constexpr Nans unknown = Nans::unknown;  ///< no number: the policy answers unknown
inline constexpr Nans error = Nans::error;      ///< the same, and the step tells it as a failure
}  // namespace nan

namespace detail {

template <std::int64_t N>
struct FixedCount {
    static constexpr bool is_fixed = true;
    static constexpr std::int64_t value = N;
};
/// A count that the program computes.
struct GivenCount {
    static constexpr bool is_fixed = false;
    std::int64_t value = 0;
};

/// Whether a count is no less than `least`, as far as the compiler knows it; others are looked at where they
/// are given.
template <class Count>
[[nodiscard]] constexpr bool is_at_least(std::int64_t least) noexcept {
    if constexpr (Count::is_fixed) {
        return Count::value >= least;
    } else {
        return true;
    }
}

/// A metric that a policy reads.
template <MetricName Name, Nans N = Nans::unknown>
struct FixedMetric {
    using metric = Name;
    static constexpr std::string_view name() noexcept { return Name::name; }
    static constexpr Nans nans() noexcept { return N; }
    static constexpr Reading read(const auto& at) { return at.template reading<Name>(); }
};

// Never defined: its name is the compiler's message.
template <class Name>
struct this_needs_a_direction_minimize_or_maximize_after_the_metric;

/// A metric that is watched, and which way it is better.
template <MetricName Name, Direction D, Nans N = Nans::unknown>
struct Monitor : FixedMetric<Name, N> {
    static constexpr Direction direction() noexcept { return D; }
    static constexpr void check() noexcept {
        if constexpr (D == Direction::unspecified) {
            (void)sizeof(this_needs_a_direction_minimize_or_maximize_after_the_metric<Name>);
        }
    }
};

/// The metric's name where it is NaN and that is an error; else empty.
[[nodiscard]] constexpr std::string_view nan_to_tell(const auto& metric, const auto& at) {
    const bool is_error =
        metric.nans() == Nans::error && at.is_step() && metric.read(at).kind == Reading::Kind::nan;
    return is_error ? metric.name() : std::string_view{};
}

// Never defined: its name and argument are the compiler's message.
template <class T>
struct this_is_no_rule_for_a_policy_they_are_those_of_ties_and_of_nan;

/// The last rule of the kind of `otherwise` among those that were written, or else `otherwise`.
template <class Rule>
[[nodiscard]] consteval Rule rule_among(Rule otherwise) noexcept {
    return otherwise;
}
template <class Rule, class T, class... Rest>
[[nodiscard]] consteval Rule rule_among(Rule otherwise, T written, Rest... rest) noexcept {
    if constexpr (std::same_as<T, Rule>) {
        return rule_among(written, rest...);
    } else {
        // Said once, though it is looked for twice.
        if constexpr (std::same_as<Rule, Ties> && !std::same_as<T, Nans>)
            (void)sizeof(this_is_no_rule_for_a_policy_they_are_those_of_ties_and_of_nan<T>);
        return rule_among(otherwise, rest...);
    }
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/answer.hpp
// What a policy answers, and the three-valued (Kleene) logic that joins answers. Costs nothing to include.

namespace CAIRN_NAMESPACE {

/// A policy's answer at one row: save, do not, or unknown, with the reason why it is unknown.
enum class Answer : unsigned char {
    no,
    missing,  ///< unknown: the metric it depends on is not in this row
    nan,      ///< unknown: the metric it depends on is not a number here
    yes,
};

/// `yes` or `no`.
[[nodiscard]] constexpr Answer answer(bool save) noexcept { return save ? Answer::yes : Answer::no; }

/// Whether it is neither yes nor no.
[[nodiscard]] constexpr bool is_unknown(Answer a) noexcept {
    return a == Answer::missing || a == Answer::nan;
}

/// Kleene or: a yes decides; else an unknown wins over a no. Of two unknowns, missing is told before NaN.
[[nodiscard]] constexpr Answer operator|(Answer a, Answer b) noexcept {
    if (a == Answer::yes || b == Answer::yes) return Answer::yes;
    if (a == Answer::no) return b;
    if (b == Answer::no) return a;
    return a == b ? a : Answer::missing;
}

/// Kleene and: a no decides; else an unknown wins over a yes.
[[nodiscard]] constexpr Answer operator&(Answer a, Answer b) noexcept {
    if (a == Answer::no || b == Answer::no) return Answer::no;
    if (a == Answer::yes) return b;
    if (b == Answer::yes) return a;
    return a == b ? a : Answer::missing;
}

/// Kleene not: unknown stays unknown, so `!Best` never fires on a missing value.
[[nodiscard]] constexpr Answer operator!(Answer a) noexcept {
    return is_unknown(a) ? a : answer(a == Answer::no);
}

/// Equal, but for why it is unknown.
[[nodiscard]] constexpr bool same_truth(Answer a, Answer b) noexcept {
    return a == b || (is_unknown(a) && is_unknown(b));
}

/// What became of a row that every policy was asked about.
enum class Outcome : unsigned char {
    not_saved,
    saved,      ///< a version was committed, whoever of the composed policies caused it
    failed,     ///< a version was to be saved and could not be
    restored,   ///< this row's version was just restored; training goes on after it
    annotated,  ///< a metric of this row, which was saved before, came late and is in it now
};

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/detail/chance.hpp
// When a policy can say yes, as far as its type tells: what can never do so is a mistake that the compiler
// finds.

namespace CAIRN_NAMESPACE::detail {

/// At steps from `first` to `last`; asked by a step, by the end of training, by a failure.
struct Chance {
    std::int64_t first = INT64_MIN, last = INT64_MAX;
    bool step = true, end = true, failure = true;

    [[nodiscard]] constexpr bool is_none() const noexcept {
        return first > last || !(step || end || failure);
    }
    /// That of two policies of which either will do.
    friend constexpr Chance operator|(const Chance& a, const Chance& b) noexcept {
        if (a.is_none()) return b;
        if (b.is_none()) return a;
        return {a.first < b.first ? a.first : b.first, a.last > b.last ? a.last : b.last, a.step || b.step,
                a.end || b.end, a.failure || b.failure};
    }
    /// That of two policies which must both say yes.
    friend constexpr Chance operator&(const Chance& a, const Chance& b) noexcept {
        return {a.first > b.first ? a.first : b.first, a.last < b.last ? a.last : b.last, a.step && b.step,
                a.end && b.end, a.failure && b.failure};
    }
};

inline constexpr Chance at_steps_only{.end = false, .failure = false};

/// That of a policy: what its `chance` says, or always.
template <class P>
[[nodiscard]] constexpr Chance chance_of() noexcept {
    if constexpr (requires { P::chance; }) {
        return P::chance;
    } else {
        return {};
    }
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/policy/save_policy.hpp
// The concept every policy meets, and what a checkpoint asks of a policy. Costs <concepts>.

namespace CAIRN_NAMESPACE {

/// A small regular type that answers one question at one row: save now?
///
///     constexpr Answer decide(const auto& at) const;            // pure: the same At, the same answer
///     constexpr void settle(const auto& at, Outcome outcome);   // only if it has state
///
/// `decide` names its return type `Answer` (not `auto`). `settle` hears of **every** row, after all policies
/// that are composed with it have decided: whether a version was saved, whoever caused it. It need not be
/// assignable: a lambda that captures is not. Two policies of your own namespace are joined by `cairn::Any{a,
/// b}`, or by `a | b` after `using cairn::operator|;`.
template <class P>
concept SavePolicy = requires(const P policy, const At<detail::AnyRow>& at) {
    { policy.decide(at) } -> std::same_as<Answer>;
    P(policy);  // a copy; the concept of that name would cost every `|` milliseconds
};

/// A policy that remembers something between rows.
template <class P>
concept StatefulPolicy = SavePolicy<P> && requires(P policy, const At<detail::AnyRow>& at) {
    { policy.settle(at, Outcome::saved) } -> std::same_as<void>;
};

/// On what beside a step a policy wants to be asked: when there are no more rows, after a signal, when an
/// exception leaves a guarded loop. A policy says so with `constexpr Wants wants() const noexcept`.
struct Wants {
    /// `checkpoint.finish()` was called; a signal came; an exception flies.
    bool end = false, signal = false, failure = false;

    /// What either wants.
    friend constexpr Wants operator|(Wants a, Wants b) noexcept {
        return {a.end || b.end, a.signal || b.signal, a.failure || b.failure};
    }
};

namespace detail {

/// What the policy wants beside steps, as its function `wants()` says; nothing if it has none.
template <class P>
[[nodiscard]] constexpr Wants wants_of(const P& policy) noexcept {
    if constexpr (requires {
                      { policy.wants() } -> std::same_as<Wants>;
                  }) {
        return policy.wants();
    } else {
        return {};
    }
}

/// The metric that makes this row an error for the policy, as its function `rejected(at)` says; empty if none
/// does.
template <class P, class R>
[[nodiscard]] constexpr std::string_view rejected_by(const P& policy, const At<R>& at) {
    if constexpr (requires {
                      { policy.rejected(at) } -> std::same_as<std::string_view>;
                  }) {
        return policy.rejected(at);
    } else if constexpr (requires { nan_to_tell(policy.watch(), at); }) {
        return nan_to_tell(policy.watch(), at);
    } else {
        return {};
    }
}

// Never defined: their names are the compiler's message.
template <class T>
struct this_is_not_a_policy_it_has_no_decide_that_takes_const_auto_ref_at;
template <class P>
struct this_policys_decide_must_be_const;
template <class P, class Returned>
struct this_policys_decide_must_return_Answer_not;
template <class P>
struct this_policy_cannot_be_copied;
template <class P>
struct this_policys_settle_must_take_const_auto_ref_at_and_Outcome_and_return_void;

/// Says, as one compile error, what `P` lacks to be a policy; nothing if it is one.
template <class P>
constexpr void explain_policy() noexcept {
    using Moment = const At<AnyRow>&;
    if constexpr (SavePolicy<P>) {
        return;
    } else if constexpr (requires(const P& policy, Moment at) { policy.decide(at); }) {
        using Returned = decltype(std::declval<const P&>().decide(std::declval<Moment>()));
        if constexpr (std::same_as<Returned, Answer>) {
            (void)sizeof(this_policy_cannot_be_copied<P>);
        } else {
            (void)sizeof(this_policys_decide_must_return_Answer_not<P, Returned>);
        }
    } else if constexpr (requires(P& policy, Moment at) { policy.decide(at); }) {
        (void)sizeof(this_policys_decide_must_be_const<P>);
    } else {
        (void)sizeof(this_is_not_a_policy_it_has_no_decide_that_takes_const_auto_ref_at<P>);
    }
}

template <class A, class B>
concept OnlyOneIsAPolicy = (SavePolicy<A> != SavePolicy<B>);

// Never defined: its name is the compiler's message.
template <class A, class B>
struct a_retention_and_a_policy_cannot_be_joined;

/// Says why these two cannot be joined. A retention is told by its name here: this layer of it comes later.
template <class A, class B>
constexpr void explain_operands() noexcept {
    if constexpr (requires { &A::mark; } || requires { &B::mark; }) {
        (void)sizeof(a_retention_and_a_policy_cannot_be_joined<A, B>);
    } else {
        explain_policy<A>();
        explain_policy<B>();
    }
}

// A second member called settle makes the name ambiguous, whatever the first one takes and whoever may call
// it.
struct Settler {
    void settle();
};
template <class P>
struct AlsoSettler : P, Settler {};
template <class P>
concept HasMemberSettle = std::is_class_v<P> && !std::is_final_v<P> && !requires { &AlsoSettler<P>::settle; };

template <SavePolicy P, class R>
[[gnu::always_inline]] constexpr void settle(P& policy, const At<R>& at, Outcome outcome) {
    if constexpr (StatefulPolicy<P>) {
        policy.settle(at, outcome);
    } else if constexpr (HasMemberSettle<P>) {  // it would never be called
        (void)sizeof(this_policys_settle_must_take_const_auto_ref_at_and_Outcome_and_return_void<P>);
    }
}

/// Whether a policy counts rows, and whether it has heard of any: a resumed run tells it of those before.
struct RowsHeard {
    bool counts = false, any = false;

    [[nodiscard]] constexpr bool is_fresh() const noexcept { return counts && !any; }
    friend constexpr RowsHeard operator|(RowsHeard a, RowsHeard b) noexcept {
        return {a.counts || b.counts, a.any || b.any};
    }
};
template <class P>
[[nodiscard]] constexpr RowsHeard rows_heard_by(const P& policy) noexcept {
    if constexpr (requires { policy.rows_heard(); }) {
        return policy.rows_heard();
    } else {
        return {};
    }
}

/// A metric that is watched and which way it is better, as far as a running program knows it.
struct Watched {
    std::string_view metric{};  ///< empty: none is
    Direction direction = Direction::unspecified;

    [[nodiscard]] constexpr bool any() const noexcept { return !metric.empty(); }
};

/// No policy of the composition watches a metric.
struct NoMonitor {};
/// A policy whose text says at run time what it watches, if anything.
struct AnyMonitor {};

template <class P>
struct monitor_of {
    using type = NoMonitor;
};
template <class P>
    requires requires { typename P::monitor; }
struct monitor_of<P> {
    using type = typename P::monitor;
};

/// What is composed of many only names them: to find the first out costs each `|` milliseconds.
template <class P>
    requires requires { typename P::monitors; }
struct monitor_of<P> {
    using type = typename P::monitors::type;
};

template <class... Monitors>
struct first_monitor {
    using type = NoMonitor;
};
template <class First, class... Rest>
struct first_monitor<First, Rest...> {
    using type = First;
};
template <class... Rest>
struct first_monitor<NoMonitor, Rest...> : first_monitor<Rest...> {};

/// The first metric that any of these policies or retentions watches, with its direction; or `NoMonitor`.
template <class... Ps>
struct FirstMonitorOf : first_monitor<typename monitor_of<Ps>::type...> {};
template <class... Ps>
using monitor_of_any = typename FirstMonitorOf<Ps...>::type;

/// The same of policies that are there: what is parsed from text says only then what it watches.
template <class... Ps>
[[nodiscard]] constexpr Watched watched_by(const Ps&... policies) noexcept {
    Watched first;
    const auto look = [&](const auto& policy) {
        if constexpr (requires { policy.watched(); }) {
            if (!first.any()) first = policy.watched();
        } else if constexpr (requires { policy.watch().direction(); }) {
            if (!first.any()) first = {policy.watch().name(), policy.watch().direction()};
        }
    };
    (look(policies), ...);
    return first;
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/reason.hpp
// Why a policy answered as it did: what every policy of ours computes instead of a bare answer, so that
// deciding and explaining are one piece of code. Costs nothing beyond the concept.

namespace CAIRN_NAMESPACE {

/// The rule behind an answer. `value` and `reference` of a `Reason` are what the rule compared.
enum class Rule : unsigned char {
    custom,            ///< a policy of the user's own: only its answer is known
    never,             ///< it saves by no rule
    due,               ///< the count (value) is a multiple of the period (reference), or a listed step
    crossed,           ///< a multiple of the period (reference) was passed since the look before
    not_due,           ///< neither
    first_value,       ///< nothing with this metric was saved before
    better,            ///< than the reference, by enough
    tie,               ///< as good as the reference
    worse,             ///< not better than the reference, or not by enough
    below,             ///< the value is below the limit (reference)
    not_below,         ///< it is not
    missing,           ///< the metric is not in the row
    nan,               ///< the metric is not a number
    in_window,         ///< the step (value) is on the right side of the bound (reference)
    before_window,     ///< the step is before it
    after_window,      ///< the step is at or past it
    spent,             ///< as often as it may (reference) it has saved
    elapsed,           ///< so many seconds (value) went by, of so many (reference)
    too_soon,          ///< fewer than that
    in_budget,         ///< saving took so many percent (value) of the time, of so many (reference)
    over_budget,       ///< more than that
    happened,          ///< the event it waits for
    has_not_happened,  ///< not yet
    waiting,           ///< so many rows (value) were no better, of so many (reference)
    out_of_patience,   ///< as many as that
};

/// One policy's answer, and why.
struct Reason {
    Answer answer = Answer::no;  ///< what it decided
    Rule rule = Rule::custom;    ///< why
    double value = 0;            ///< what it looked at; see `Rule`
    double reference = 0;        ///< what it compared that with; see `Rule`
};

/// Where a policy stands in a composition: its place among its sisters, that of what it stands in among its
/// own, and so on, outermost first, counted from 0. What is not composed has no place.
class Path {
  public:
    static constexpr std::size_t deepest = 15;  ///< places that are kept

    /// One place further in. Deeper than `deepest`, only the depth counts on.
    [[nodiscard]] constexpr Path then(std::size_t place) const noexcept {
        Path inner = *this;
        if (depth_ < deepest) inner.places_[depth_] = static_cast<unsigned char>(place < 255 ? place : 255);
        ++inner.depth_;
        return inner;
    }
    /// How deep it stands; 0 if it is not composed.
    [[nodiscard]] constexpr std::size_t depth() const noexcept { return depth_; }
    /// Requires `i < depth()` and `i < deepest`.
    [[nodiscard]] constexpr std::size_t operator[](std::size_t i) const noexcept { return places_[i]; }

  private:
    unsigned char depth_ = 0;
    unsigned char places_[deepest] = {};
};

namespace detail {

/// A policy that says why.
template <class P>
concept Reasoned = requires(const P& policy, const At<AnyRow>& at) {
    { policy.reason(at) } -> std::same_as<Reason>;
};
/// A policy made of others: it passes on the reasons of those that decided.
template <class P>
concept Composed = requires(const P& policy, const At<AnyRow>& at) {
    policy.explain(at, [](const auto&, const Reason&, Path) {}, Path{});
};

/// Calls `tell(leaf, reason, path)` for each of the policies inside `policy` that decided its answer.
template <SavePolicy P, class R, class Tell>
constexpr void explain(const P& policy, const At<R>& at, Tell&& tell, Path path = {}) {
    if constexpr (Composed<P>) {
        policy.explain(at, tell, path);
    } else if constexpr (Reasoned<P>) {
        tell(policy, policy.reason(at), path);
    } else {
        tell(policy, Reason{policy.decide(at), Rule::custom, 0, 0}, path);
    }
}

/// What a reading that is no number makes unknown.
[[nodiscard]] constexpr Reason unknown(Reading::Kind kind) noexcept {
    return kind == Reading::Kind::missing ? Reason{Answer::missing, Rule::missing, 0, 0}
                                          : Reason{Answer::nan, Rule::nan, 0, 0};
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/best.hpp
// Saving by a metric's value: against what was saved so far, or against a limit.

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

// ---- cairn/policy/detail/around.hpp
// The one policy that another is made around, and what passes through unchanged.

namespace CAIRN_NAMESPACE::detail {

template <class Owner, SavePolicy P>
class Around : Leaf<Owner, 0, P> {
    using Held = Leaf<Owner, 0, P>;

  public:
    using monitor = typename monitor_of<P>::type;
    static constexpr Chance chance = chance_of<P>();

    Around() = default;
    constexpr explicit Around(const P& policy) : Held{policy} {}

    [[nodiscard]] constexpr Wants wants() const noexcept { return wants_of(inner()); }
    [[nodiscard]] constexpr Watched watched() const noexcept { return watched_by(inner()); }
    [[nodiscard]] constexpr RowsHeard rows_heard() const noexcept { return rows_heard_by(inner()); }
    [[nodiscard]] constexpr std::string_view rejected(const auto& at) const {
        return rejected_by(inner(), at);
    }
    /// The policy inside.
    [[nodiscard]] constexpr const P& inner() const noexcept { return Held::get(); }

  protected:
    constexpr void settle_inner(const auto& at, Outcome outcome) { detail::settle(Held::get(), at, outcome); }
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/policy/never.hpp
// Policies that save by no rule: not at all, and only by hand.

namespace CAIRN_NAMESPACE {

/// Saves nothing, and costs nothing: a checkpoint with this policy is an empty type, its calls compile to
/// nothing, and the model need not be Serializable. Explicit saving (`cairn::save`, `run.log_model`) still
/// works. Choose `Manual` to keep versions, aliases and restore for saves that you ask for yourself. Step 0,
/// resume, steps that go back: never saves.
struct NoBestSave {
    [[nodiscard]] static constexpr Reason reason(const auto&) noexcept {
        return {Answer::no, Rule::never, 0, 0};
    }
    [[nodiscard]] constexpr Answer decide(const auto&) const noexcept { return Answer::no; }
};

/// Saves only when `checkpoint.save(row, part…)` is called; with retention, aliases and restore. Choose
/// `NoBestSave` to have none of it. Step 0, resume, steps that go back: nothing happens by itself.
struct Manual {
    [[nodiscard]] static constexpr Reason reason(const auto&) noexcept {
        return {Answer::no, Rule::never, 0, 0};
    }
    [[nodiscard]] constexpr Answer decide(const auto&) const noexcept { return Answer::no; }
};

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/clock.hpp
// Saving by time: every so often, at most so often, at most for so much. Takes any duration of <chrono>
// without including it.

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

// ---- cairn/policy/every_n.hpp
// Saving by count: every N steps, and at listed steps.

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

// ---- cairn/policy/retention.hpp
// Which committed versions stay: the concept, the retentions, and `|`.

namespace CAIRN_NAMESPACE {

/// What a retention may know of a committed version.
struct VersionFacts {
    std::uint64_t number = 0;  ///< counts up by one from version to version
    std::int64_t step = 0;     ///< of the row that was saved
    std::int64_t time_ns = 0;  ///< of that row; nanoseconds since the Unix epoch
    std::uint64_t bytes = 0;   ///< logical size, shared objects counted in full
    /// Looks a metric up in what the version recorded; asked through `reading`.
    Reading (*look_up)(const void* source, std::string_view metric) = nullptr;
    const void* source = nullptr;  ///< handed to `look_up`
    /// It stays, whatever a retention says: the newest one, the one that was restored from, one that an alias
    /// names.
    bool held = false;
    bool kept = false;  ///< the mark that a retention sets, through `VersionList`

    /// The metric of the row that was saved, or that came late; missing if there is none.
    [[nodiscard]] constexpr Reading reading(std::string_view metric) const {
        return look_up == nullptr ? Reading{} : look_up(source, metric);
    }
    /// The same by the metric's type.
    template <MetricName Name>
    [[nodiscard]] constexpr Reading reading() const {
        return reading(Name::name);
    }
};

/// The committed versions of one checkpoint, oldest first, each with a mark: keep it?
class VersionList {
  public:
    /// Refers to the versions.
    constexpr VersionList(VersionFacts* versions, std::size_t count) : versions_{versions}, count_{count} {}
    /// How many versions there are.
    [[nodiscard]] constexpr std::size_t size() const noexcept { return count_; }
    /// A version; 0 is the oldest. Requires `i < size()`.
    [[nodiscard]] constexpr const VersionFacts& operator[](std::size_t i) const noexcept {
        return versions_[i];
    }
    /// Marks a version to be kept.
    constexpr void keep(std::size_t i) const noexcept { versions_[i].kept = true; }
    /// For an outer bound alone; a retention that is joined with others must not.
    constexpr void drop(std::size_t i) const noexcept { versions_[i].kept = false; }

  private:
    VersionFacts* versions_;
    std::size_t count_;
};

/// A small regular type that answers one question about the committed versions: which to keep? It marks those
/// it wants and never unmarks, so that retentions join with `|`. It must not depend on anything but the list.
///
///     constexpr void mark(const VersionList& versions) const;
template <class R>
concept RetentionPolicy = requires(const R retention, const VersionList& versions) {
    { retention.mark(versions) } -> std::same_as<void>;
    R(retention);  // a copy
};

/// Keeps every version. The default: nothing is deleted that you did not ask to be.
struct KeepAll {
    constexpr void mark(const VersionList& versions) const {
        for (std::size_t i = 0; i < versions.size(); ++i) versions.keep(i);
    }
};

/// The type behind `KeepLast`.
template <class Count>
class KeepLastOf : detail::Leaf<KeepLastOf<Count>, 0, Count> {
    using Limit = detail::Leaf<KeepLastOf, 0, Count>;

  public:
    constexpr KeepLastOf() = default;
    /// With the count as a value, for retentions that are read from text.
    constexpr explicit KeepLastOf(Count limit) : Limit{std::move(limit)} {}

    constexpr void mark(const VersionList& versions) const {
        const std::size_t count = versions.size(), n = static_cast<std::size_t>(limit());
        for (std::size_t i = count > n ? count - n : 0; i < count; ++i) versions.keep(i);
    }
    /// The `n`.
    [[nodiscard]] constexpr std::int64_t limit() const noexcept { return Limit::get().value; }

  private:
    static_assert(detail::is_at_least<Count>(1),
                  "cairn: KeepLast<n> needs an n of 1 or more; to save nothing use the policy NoBestSave");
};

/// Keeps the `n` newest versions. Join it with `KeepBest` to be able to resume *and* to have the best.
template <std::int64_t n>
using KeepLast = KeepLastOf<detail::FixedCount<n>>;

/// The type behind `KeepEvery`.
template <class Count>
class KeepEveryOf : detail::Leaf<KeepEveryOf<Count>, 0, Count> {
    using Period = detail::Leaf<KeepEveryOf, 0, Count>;

  public:
    constexpr KeepEveryOf() = default;
    /// With the count as a value, for retentions that are read from text.
    constexpr explicit KeepEveryOf(Count period) : Period{std::move(period)} {}

    constexpr void mark(const VersionList& versions) const {
        for (std::size_t i = 0; i < versions.size(); ++i) {
            bool is_first = true;
            for (std::size_t j = 0; j < i && is_first; ++j)
                is_first = stretch(versions[j]) != stretch(versions[i]);
            if (is_first) versions.keep(i);
        }
    }
    /// The `n`, in steps.
    [[nodiscard]] constexpr std::int64_t period() const noexcept { return Period::get().value; }

  private:
    [[nodiscard]] constexpr std::int64_t stretch(const VersionFacts& version) const noexcept {
        return detail::floor_divide(version.step, period());
    }
    static_assert(detail::is_at_least<Count>(1),
                  "cairn: KeepEvery<n> needs an n of 1 or more; to keep all use KeepAll");
};

/// Keeps the first version of every `n` steps: the first one at or after step 0, at or after step `n`, and so
/// on; also where no version has exactly that step. `KeepLast<3>{} | KeepEvery<10000>{}` is a rare permanent
/// trail beside a frequent one that is thrown away. Steps that go back: the version that was there first
/// stays.
template <std::int64_t n>
using KeepEvery = KeepEveryOf<detail::FixedCount<n>>;

/// Keeps the versions that are at most so much older than the newest one: `KeepFor{24h}`. Their rows' wall
/// time counts. A run that stands still loses nothing.
class KeepFor {
  public:
    /// From any duration of the standard library's `<chrono>`.
    template <class D>
        requires(!std::same_as<D, KeepFor>)
    constexpr explicit KeepFor(const D& duration) noexcept : seconds_{detail::seconds_of(duration)} {}

    constexpr void mark(const VersionList& versions) const {
        const std::size_t count = versions.size();
        std::int64_t newest = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (i == 0 || versions[i].time_ns > newest) newest = versions[i].time_ns;
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (static_cast<double>(newest - versions[i].time_ns) / 1e9 <= seconds_) versions.keep(i);
        }
    }
    /// The duration, in seconds.
    [[nodiscard]] constexpr double seconds() const noexcept { return seconds_; }

  private:
    double seconds_;
};

/// The type behind `KeepBest`.
template <class Count, class Watch, Ties T>
class KeepBestOf : detail::Leaf<KeepBestOf<Count, Watch, T>, 0, Count>,
                   detail::Leaf<KeepBestOf<Count, Watch, T>, 1, Watch> {
    using Limit = detail::Leaf<KeepBestOf, 0, Count>;
    using Watches = detail::Leaf<KeepBestOf, 1, Watch>;

  public:
    using monitor = Watch;
    /// A version without the metric stays until this many newer ones were committed. They are counted by
    /// number, since some of them may be gone already.
    static constexpr std::size_t max_pending = 3;

    constexpr KeepBestOf() = default;
    /// With count and metric as values, for retentions that are read from text.
    constexpr KeepBestOf(Count limit, Watch watch) : Limit{std::move(limit)}, Watches{std::move(watch)} {}

    constexpr void mark(const VersionList& versions) const {
        watch().check();
        const std::size_t count = versions.size();
        for (std::size_t i = 0; i < count; ++i) {
            const Reading now = versions[i].reading(watch().name());
            const bool keep =
                now.kind == Reading::Kind::missing
                    ? versions[count - 1].number - versions[i].number < max_pending
                    : now.kind == Reading::Kind::number && is_among_best(versions, i, now.value);
            if (keep) versions.keep(i);
        }
    }
    /// The `n`.
    [[nodiscard]] constexpr std::int64_t limit() const noexcept { return Limit::get().value; }
    [[nodiscard]] constexpr const Watch& watch() const noexcept { return Watches::get(); }

  private:
    /// Whether fewer than `n` versions come before version `i`: better ones, and of equals the one that
    /// stays.
    [[nodiscard]] constexpr bool is_among_best(const VersionList& versions, std::size_t i, double now) const {
        std::int64_t before = 0;
        for (std::size_t j = 0; j < versions.size() && before < limit(); ++j) {
            const Reading other = versions[j].reading(watch().name());
            if (j == i || other.kind != Reading::Kind::number) continue;
            if (is_better(watch().direction(), other.value, now) ||
                (other.value == now && (j < i) == (T == Ties::keep_first)))
                ++before;
        }
        return before < limit();
    }

    static_assert(detail::is_at_least<Count>(1), "cairn: KeepBest<n, ...> needs an n of 1 or more");
};

/// Keeps the `n` best versions by a metric of the row that was saved: `KeepBest<1, "val/loss", minimize>`.
/// Ties: the first of equals stays, with `ties::keep_newest` the newest. A NaN is never among the best. A
/// version that has no such metric yet is kept until the metric comes (`checkpoint.annotate`) or three newer
/// versions were committed. The newest version stays in any case, so one can always resume.
template <std::int64_t n, detail::FixedString Name, Direction D = Direction::unspecified,
          Ties T = ties::keep_first>
using KeepBest = KeepBestOf<detail::FixedCount<n>, detail::Monitor<MetricNamed<Name>, D>, T>;

/// Keeps what either retention wants: `KeepLast<3>{} | KeepBest<1, "val/loss", minimize>{}`.
template <RetentionPolicy A, RetentionPolicy B>
class KeepEither : detail::Leaf<KeepEither<A, B>, 0, A>, detail::Leaf<KeepEither<A, B>, 1, B> {
    using First = detail::Leaf<KeepEither, 0, A>;
    using Second = detail::Leaf<KeepEither, 1, B>;

  public:
    using monitor = detail::monitor_of_any<A, B>;

    KeepEither() = default;
    /// `cairn::KeepEither{a, b}`: the same as `a | b`.
    constexpr KeepEither(A a, B b) : First{std::move(a)}, Second{std::move(b)} {}
    constexpr void mark(const VersionList& versions) const {
        First::get().mark(versions);
        Second::get().mark(versions);
    }
    /// The left one.
    [[nodiscard]] constexpr const A& first() const noexcept { return First::get(); }
    /// The right one.
    [[nodiscard]] constexpr const B& second() const noexcept { return Second::get(); }
    [[nodiscard]] constexpr detail::Watched watched() const noexcept {
        return detail::watched_by(first(), second());
    }
};

namespace detail {

/// Drops the oldest of those that are marked until they are no more than so many bytes.
constexpr void apply_cap(const VersionList& versions, std::uint64_t bytes) noexcept {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < versions.size(); ++i) {
        if (versions[i].kept || versions[i].held) total += versions[i].bytes;
    }
    for (std::size_t i = 0; i < versions.size() && total > bytes; ++i) {
        if (!versions[i].kept || versions[i].held) continue;
        versions.drop(i);
        total -= versions[i].bytes;
    }
}

}  // namespace detail

/// The type behind `capped`.
template <RetentionPolicy R>
class Capped : detail::Leaf<Capped<R>, 0, R> {
    using Inner = detail::Leaf<Capped, 0, R>;

  public:
    using monitor = typename detail::monitor_of<R>::type;

    /// `cairn::Capped{retention, bytes}`: the same as `capped(retention, bytes)`.
    constexpr Capped(R retention, std::uint64_t bytes) : Inner{std::move(retention)}, bytes_{bytes} {}

    constexpr void mark(const VersionList& versions) const {
        Inner::get().mark(versions);
        detail::apply_cap(versions, bytes_);
    }
    /// The bound.
    [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return bytes_; }
    /// The retention that is bounded.
    [[nodiscard]] constexpr const R& inner() const noexcept { return Inner::get(); }
    [[nodiscard]] constexpr detail::Watched watched() const noexcept { return detail::watched_by(inner()); }

  private:
    std::uint64_t bytes_;
};

/// Keeps what a retention wants, and of that no more than so many bytes: `capped(KeepLast<10>{}, 5'000'000)`.
/// Applied last; the oldest go first. Bytes are counted by logical size, files that versions share in full.
/// What must stay (the newest, the one restored from, one that an alias names) stays even so; then the run's
/// health says that the bound is exceeded.
template <RetentionPolicy R>
[[nodiscard]] constexpr auto capped(R retention, std::uint64_t bytes) {
    return Capped<R>{std::move(retention), bytes};
}

namespace detail {

/// How many versions a retention keeps at most, if it says so: by a member `limit`.
template <class R>
[[nodiscard]] constexpr std::optional<std::uint64_t> most_kept_by(const R& retention) {
    if constexpr (requires { retention.first(), retention.second(); }) {
        const auto a = most_kept_by(retention.first()), b = most_kept_by(retention.second());
        return a && b ? std::optional{*a + *b} : std::nullopt;
    } else if constexpr (requires { retention.inner(); }) {
        return most_kept_by(retention.inner());
    } else if constexpr (requires { static_cast<std::uint64_t>(retention.limit()); }) {
        return static_cast<std::uint64_t>(retention.limit());
    } else {
        return std::nullopt;
    }
}

// Never defined: their names are the compiler's message.
template <class A, class B>
struct capped_goes_around_the_whole_retention_write_capped_of_a_or_b;
template <class T>
inline constexpr bool is_capped = false;
template <class R>
inline constexpr bool is_capped<Capped<R>> = true;
template <class T>
struct this_is_not_a_retention_it_has_no_const_mark_that_takes_const_VersionList_ref;

}  // namespace detail

/// `a` or `b`; joining with `KeepAll` is `KeepAll`.
template <class A, class B>
    requires(!SavePolicy<A>) && (!SavePolicy<B>) && RetentionPolicy<A> && RetentionPolicy<B>
[[nodiscard]] constexpr auto operator|(const A& a, const B& b) {
    if constexpr (detail::is_capped<A> || detail::is_capped<B>) {
        (void)sizeof(detail::capped_goes_around_the_whole_retention_write_capped_of_a_or_b<A, B>);
        return KeepAll{};
    } else if constexpr (std::same_as<A, KeepAll> || std::same_as<B, KeepAll>) {
        return KeepAll{};
    } else if constexpr (std::same_as<A, B> && std::is_empty_v<A>) {
        return a;
    } else {
        return KeepEither<A, B>{a, b};
    }
}

/// One operand is a retention and the other is not: the compiler says what it lacks.
template <class A, class B>
    requires(!SavePolicy<A>) && (!SavePolicy<B>) && (RetentionPolicy<A> != RetentionPolicy<B>)
constexpr KeepAll operator|(const A&, const B&) {
    using Other = std::conditional_t<RetentionPolicy<A>, B, A>;
    (void)sizeof(
        detail::this_is_not_a_retention_it_has_no_const_mark_that_takes_const_VersionList_ref<Other>);
    return {};
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/version.hpp
// A committed version of a checkpoint, as a program sees it, and the bytes of its files.

namespace CAIRN_NAMESPACE {

struct Reservation;

/// What a sink is told when a version begins.
struct VersionInfo {
    std::string name;       ///< the checkpoint's
    std::string project{};  ///< of the run
    std::string run{};      ///< the run's id
    DynamicRow row{};       ///< the row that is saved: its step, its time and all of its metrics
    /// What the sink's `reserve` returned for this version; null for a sink that has none.
    const Reservation* reserved = nullptr;
};

/// A committed version: which one, of which row, where.
struct Version {
    std::uint64_t number = 0;      ///< counts up by one from version to version; `v3` is 3
    std::uint64_t bytes = 0;       ///< logical size of all its files
    DynamicRow row{};              ///< the row that was saved, with all of its metrics
    std::filesystem::path path{};  ///< the folder or file that shows it; empty if there is none

    /// The step of the row that was saved.
    [[nodiscard]] std::int64_t step() const noexcept { return row.step(); }
    /// "v3".
    [[nodiscard]] std::string label() const { return detail::version_label(number); }

    /// What a retention may know of it; refers to this version.
    [[nodiscard]] VersionFacts facts() const noexcept {
        return {number,
                row.step(),
                row.time_ns(),
                bytes,
                [](const void* source, std::string_view metric) {
                    return static_cast<const Version*>(source)->row.find(metric).reading();
                },
                this};
    }
};

/// A version that a sink promised before its bytes are written.
struct Reservation {
    Version version{};             ///< its number, and its path if there will be one
    std::shared_ptr<void> hold{};  ///< what the sink keeps for it until it is committed or given up
};

/// The files of a stored version: `find("model.safetensors")` gives its bytes, valid as long as this object.
template <class = void>
class BasicStoredFiles {
  public:
    /// Adds a file with all of its bytes.
    void add(std::string file, std::string bytes) {
        files_.insert_or_assign(std::move(file), std::move(bytes));
    }
    /// The file's bytes; nothing if there is no such file.
    [[nodiscard]] std::optional<std::span<const std::byte>> find(std::string_view file) const {
        const auto found = files_.find(file);
        if (found == files_.end()) return std::nullopt;
        return detail::bytes_of(found->second);
    }

  private:
    std::map<std::string, std::string, std::less<>> files_;
};
using StoredFiles = BasicStoredFiles<>;

}  // namespace CAIRN_NAMESPACE

// ---- cairn/core/function_ref.hpp
// A function that somebody else owns, as an argument of a virtual one.

namespace CAIRN_NAMESPACE::detail {

template <class Signature>
class FunctionRef;

/// Refers to what is called; use it within the call that it is an argument of. (std::function_ref is C++26,
/// std::function owns and costs the compiler ten times as much.)
template <class R, class... Args>
class FunctionRef<R(Args...)> {
  public:
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, FunctionRef>) && std::is_invocable_r_v<R, F&, Args...>
    FunctionRef(F&& f) noexcept  // NOLINT(google-explicit-constructor, cppcoreguidelines-missing-std-forward)
        : object_{const_cast<void*>(static_cast<const void*>(&f))},
          call_{[](void* object, Args... args) -> R {
              return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<Args>(args)...);
          }} {}

    R operator()(Args... args) const { return call_(object_, static_cast<Args>(args)...); }

  private:
    void* object_;
    R (*call_)(void*, Args...);
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/guarded.hpp
// Runs the user's code so that nothing it throws escapes. Costs what core/error.hpp costs.

namespace CAIRN_NAMESPACE::detail {

/// What `body()` returns (a `result`); what it throws becomes an error that says what was `tried`.
template <class Body>
[[nodiscard]] auto guarded(std::string_view tried, Body&& body) -> decltype(body()) {
#if CAIRN_HAS_EXCEPTIONS
    try {
        return body();
    } catch (const error& e) {
        return e;
    } catch (const std::exception& e) {
        return error{errc::user, std::string{tried} + " threw: " + e.what(), "",
                     "mend what it complains about; nothing was changed"};
    } catch (...) {
        return error{errc::user, std::string{tried} + " threw something that is not a std::exception", "",
                     "throw exceptions derived from std::exception, so that they can say why"};
    }
#else
    static_cast<void>(tried);
    return body();
#endif
}

/// `failure` with `path`, if it named none.
template <class = void>
[[nodiscard]] error at_path(const error& failure, std::string_view path) {
    if (!failure.path().empty()) return failure;
    return error{failure.code(), failure.tried(), std::string{path}, failure.advice()};
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/model/detail/text.hpp
// Text that came from elsewhere: is it UTF-8, and how to quote it in a message. Costs <string>.

namespace CAIRN_NAMESPACE::detail {

/// Whether `text` is well-formed UTF-8 (Unicode, table 3-7): no overlong form, no surrogate, nothing cut off.
template <class = void>
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
    const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    for (std::size_t i = 0; i < text.size();) {
        const unsigned lead = at(i);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (lead < 0xc2 || lead > 0xf4 || text.size() - i < length) return false;
        const unsigned second_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        const unsigned second_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (at(i + 1) < second_min || at(i + 1) > second_max) return false;
        for (std::size_t k = 2; k < length; ++k) {
            if ((at(i + k) & 0xc0U) != 0x80) return false;
        }
        i += length;
    }
    return true;
}

/// `text` in quotes, cut to a length a message can carry and without anything a terminal would act on.
template <class = void>
[[nodiscard]] std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest = 80;
    std::string out = "\"";
    for (const char c : text.substr(0, longest)) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    while (text.size() > longest && !is_utf8(out)) out.pop_back();  // not half a character
    return out + (text.size() > longest ? "…\"" : "\"");
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/model/dtype.hpp
// The element types a tensor can have, as the safetensors format names them, and which C++ type is which.
// Costs <optional> and <string_view>.

namespace CAIRN_NAMESPACE {

/// The element type of a tensor. In the order of growing alignment, which is how safetensors files are
/// sorted.
enum class Dtype : unsigned char {
    BOOL,
    U8,
    I8,
    F8_E5M2,
    F8_E4M3,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    F64,
    I64,
    U64,
};

namespace detail {

struct DtypeInfo {
    std::string_view name;
    std::size_t size;
};

inline constexpr std::array<DtypeInfo, 15> dtype_table{{{"BOOL", 1},
                                                        {"U8", 1},
                                                        {"I8", 1},
                                                        {"F8_E5M2", 1},
                                                        {"F8_E4M3", 1},
                                                        {"I16", 2},
                                                        {"U16", 2},
                                                        {"F16", 2},
                                                        {"BF16", 2},
                                                        {"I32", 4},
                                                        {"U32", 4},
                                                        {"F32", 4},
                                                        {"F64", 8},
                                                        {"I64", 8},
                                                        {"U64", 8}}};

/// Numbers with one meaning everywhere. Not the character types (`char` is signed on some systems only) and
/// not `long double` (it is 8, 12 or 16 bytes).
template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                 !std::same_as<T, decltype(u8'x')> && !std::same_as<T, char16_t> &&
                 !std::same_as<T, char32_t> && !std::same_as<T, long double>;

template <Number T>
[[nodiscard]] consteval Dtype number_dtype() noexcept {
    if (std::same_as<T, bool>) return Dtype::BOOL;
    if (std::is_floating_point_v<T>) return sizeof(T) == 4 ? Dtype::F32 : Dtype::F64;
    switch (sizeof(T)) {
        case 1: return std::is_signed_v<T> ? Dtype::I8 : Dtype::U8;
        case 2: return std::is_signed_v<T> ? Dtype::I16 : Dtype::U16;
        case 4: return std::is_signed_v<T> ? Dtype::I32 : Dtype::U32;
        default: return std::is_signed_v<T> ? Dtype::I64 : Dtype::U64;
    }
}

}  // namespace detail

/// The name safetensors gives it, for example `F32`.
[[nodiscard]] constexpr std::string_view to_string(Dtype dtype) noexcept {
    return detail::dtype_table[static_cast<std::size_t>(dtype)].name;
}

/// Bytes per element.
[[nodiscard]] constexpr std::size_t size_of(Dtype dtype) noexcept {
    return detail::dtype_table[static_cast<std::size_t>(dtype)].size;
}

/// The element type called `name`; nothing if there is none.
[[nodiscard]] constexpr std::optional<Dtype> parse_dtype(std::string_view name) noexcept {
    for (std::size_t i = 0; i < detail::dtype_table.size(); ++i) {
        if (detail::dtype_table[i].name == name) return static_cast<Dtype>(i);
    }
    return std::nullopt;
}

/// Specialise for a number type of your own (a half, a bfloat16) with `static constexpr Dtype value`; the
/// type must be trivially copyable and of that dtype's size. The primary template is unspecified.
template <class T>
struct dtype_for;

/// The numbers of C++: `bool`, the integers, `float` and `double`.
template <detail::Number T>
struct dtype_for<T> {
    static constexpr Dtype value = detail::number_dtype<T>();  ///< the type of the same size
};

/// A type whose objects can be the elements of a tensor: `bool`, the integers, `float`, `double`, and
/// whatever `dtype_for` is specialised for.
template <class T>
concept TensorElement = std::is_trivially_copyable_v<T> && requires {
    requires std::same_as<decltype(dtype_for<T>::value), const Dtype>;
    requires size_of(dtype_for<T>::value) == sizeof(T);
};

/// The dtype of a C++ element type.
template <TensorElement T>
inline constexpr Dtype dtype_of = dtype_for<T>::value;

}  // namespace CAIRN_NAMESPACE

// ---- cairn/model/shape.hpp
// The extents of a tensor, written as a list of any integers: {rows, cols}. Costs <string> and <vector>.

namespace CAIRN_NAMESPACE {

namespace detail {

/// The product of `extents`; nothing if it cannot be counted. As in the reference implementation of
/// safetensors, a zero after an overflow does not make up for it.
template <class Extents>
[[nodiscard]] constexpr std::optional<std::uint64_t> product(const Extents& extents) noexcept {
    std::uint64_t out = 1;
    for (const std::uint64_t extent : extents) {
        if (extent != 0 && out > std::numeric_limits<std::uint64_t>::max() / extent) return std::nullopt;
        out *= extent;
    }
    return out;
}

template <class = void>
[[noreturn]] void raise_negative(std::int64_t extent) {
    raise({errc::invalid_argument, "a tensor cannot have the negative extent " + std::to_string(extent), "",
           "write the sizes the data has; -1 is not worked out"});
}

}  // namespace detail

/// One extent of a `Shape`, from an integer of any type, so that `{rows, cols}` never narrows.
/// Fails: throws `cairn::error` (invalid_argument) if negative.
class Extent {
  public:
    /// From any integer but `bool`.
    template <std::integral Integer>
        requires(!std::same_as<Integer, bool>)
    constexpr Extent(Integer value)  // NOLINT(google-explicit-constructor): a list of integers is a shape
        : value_{static_cast<std::uint64_t>(value)} {
        if (std::cmp_less(value, 0)) detail::raise_negative(static_cast<std::int64_t>(value));
    }

    /// How many.
    [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }

  private:
    std::uint64_t value_;
};

/// The extents of a tensor, outermost first; none at all for a scalar. Fails: making one throws
/// `cairn::error` (invalid_argument) for a negative extent, for more than 64 of them, or when there are more
/// elements than can be counted. Cost: one allocation.
template <class = void>
class BasicShape {
  public:
    static constexpr std::size_t max_rank = 64;  ///< the most dimensions

    // All defined below, so that extern.hpp's declaration holds for them too.
    BasicShape() noexcept;
    BasicShape(const BasicShape& other);
    BasicShape(BasicShape&& other) noexcept;
    BasicShape& operator=(const BasicShape& other);
    BasicShape& operator=(BasicShape&& other) noexcept;
    ~BasicShape();

    /// `{rows, columns}`; `{}` is a scalar.
    BasicShape(std::initializer_list<Extent> extents) {
        extents_.reserve(extents.size());
        for (const Extent extent : extents) extents_.push_back(extent.value());
        check();
    }

    /// From any range of integers, for example a `std::vector<std::int64_t>`.
    template <class Range>
        requires requires(const Range& range) { Extent{*range.begin()}, range.end(); }
    BasicShape(const Range& extents) {  // NOLINT(google-explicit-constructor): it is one already
        for (const auto& extent : extents) extents_.push_back(Extent{extent}.value());
        check();
    }

    /// The extents, outermost first.
    [[nodiscard]] std::span<const std::uint64_t> extents() const noexcept {
        return std::span<const std::uint64_t>{extents_.data(), extents_.size()};
    }
    /// How many dimensions; 0 for a scalar.
    [[nodiscard]] std::size_t rank() const noexcept { return extents_.size(); }
    /// How many elements: the product of the extents.
    [[nodiscard]] std::uint64_t elements() const noexcept { return elements_; }

    /// Whether they have the same extents.
    template <std::same_as<BasicShape> S>
    friend bool operator==(const BasicShape& a, const S& b) {
        return a.extents_ == b.extents_;
    }

  private:
    void check() {
        if (extents_.size() > max_rank) {
            detail::raise({errc::invalid_argument,
                           "a tensor cannot have " + std::to_string(extents_.size()) + " dimensions", "",
                           "use at most 64"});
        }
        const std::optional<std::uint64_t> elements = detail::product(extents_);
        if (!elements) {
            detail::raise({errc::invalid_argument, "a tensor cannot have more than 2^64 elements", "",
                           "check the extents: was one of them negative before it became unsigned?"});
        }
        elements_ = *elements;
    }

    std::vector<std::uint64_t> extents_;
    std::uint64_t elements_ = 1;
};
using Shape = BasicShape<>;

template <class T>
BasicShape<T>::BasicShape() noexcept = default;
template <class T>
BasicShape<T>::BasicShape(const BasicShape& other) = default;
template <class T>
BasicShape<T>::BasicShape(BasicShape&& other) noexcept = default;
template <class T>
BasicShape<T>& BasicShape<T>::operator=(const BasicShape& other) = default;
template <class T>
BasicShape<T>& BasicShape<T>::operator=(BasicShape&& other) noexcept = default;
template <class T>
BasicShape<T>::~BasicShape() = default;

/// As Python writes a list: `[2, 10]`.
template <class = void>
[[nodiscard]] std::string to_string(const Shape& shape) {
    std::string out = "[";
    for (const std::uint64_t extent : shape.extents()) {
        if (out.size() > 1) out += ", ";
        out += std::to_string(extent);
    }
    return out + "]";
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/model/tensor.hpp
// A tensor seen from outside: its name, element type, shape and bytes. Costs <memory>, <span>, <string> and
// <vector>.

namespace CAIRN_NAMESPACE {

/// Gets at the elements of a tensor that do not lie one after another in row-major order: in columns, with
/// gaps, on a device. Derive from it where `Fields::tensor` shall take such a tensor. What it throws becomes
/// an error of whoever asked. Threads: one at a time.
class TensorAccess {
  public:
    TensorAccess() = default;
    TensorAccess(const TensorAccess&) = delete;
    TensorAccess& operator=(const TensorAccess&) = delete;
    virtual ~TensorAccess() = default;

    /// Copies all elements to `to`, which has their size: row-major, in the processor's byte order.
    virtual void read(std::span<std::byte> to) = 0;
    /// The way back. Called only once everything that is loaded together has been checked.
    virtual void write(std::span<const std::byte> from) = 0;
    /// Whether it could become a tensor of `shape`, which is not its own; by default it cannot.
    [[nodiscard]] virtual bool takes(const Shape& shape) const {
        static_cast<void>(shape);
        return false;
    }
    /// Becomes a tensor of `shape`, which it takes, or again of its own.
    virtual void resize(const Shape& shape) { static_cast<void>(shape); }
};

/// One tensor of a model or of a file. Does not own its bytes, which are row-major; those of a model are in
/// the processor's byte order, those of a file little-endian.
struct TensorView {
    std::string name;                        ///< UTF-8, "fc.weight"
    Dtype dtype = Dtype::F32;                ///< of its elements
    Shape shape;                             ///< outermost first
    std::span<const std::byte> bytes;        ///< the elements, in row-major order
    std::shared_ptr<TensorAccess> access{};  ///< if not null: `bytes` is empty, and this gets the elements
};

/// The elements of a tensor in row-major order: its own bytes, or where it has an access those that it copies
/// to `buffer`, which may be used again for the next tensor. Throws what the access throws.
template <class = void>
[[nodiscard]] std::span<const std::byte> elements_of(const TensorView& tensor,
                                                     std::vector<std::byte>& buffer) {
    if (tensor.access == nullptr) return tensor.bytes;
    buffer.resize(static_cast<std::size_t>(tensor.shape.elements()) * size_of(tensor.dtype));
    tensor.access->read(buffer);
    return buffer;
}

namespace detail {

/// The key of a safetensors header that is not a tensor.
inline constexpr std::string_view metadata_key = "__metadata__";

/// What is wrong with one tensor on its own; empty if nothing is.
template <class = void>
[[nodiscard]] std::string tensor_problem(const TensorView& tensor) {
    if (tensor.name.empty()) return "has no name";
    if (tensor.name == metadata_key) return "has a name that is reserved";
    if (!is_utf8(tensor.name)) return "has a name that is not UTF-8";
    const std::size_t size = size_of(tensor.dtype);
    if (tensor.access != nullptr) return {};
    if (tensor.bytes.size() % size != 0 || tensor.bytes.size() / size != tensor.shape.elements()) {
        return "has the shape " + to_string(tensor.shape) + ", which is not its " +
               std::to_string(tensor.bytes.size() / size) + " elements";
    }
    return {};
}

/// Success if every tensor can be stored under its name and no two share one.
template <class Tensors>
[[nodiscard]] result<void> check_tensors(const Tensors& tensors) {
    std::vector<std::string_view> names;
    names.reserve(tensors.size());
    for (const TensorView& tensor : tensors) {
        if (const std::string problem = tensor_problem(tensor); !problem.empty()) {
            return error{errc::invalid_argument, "the tensor " + in_quotes(tensor.name) + " " + problem, "",
                         "give every tensor a name of its own and the shape of its data"};
        }
        names.push_back(tensor.name);
    }
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
        return error{errc::invalid_argument, "two tensors are called " + in_quotes(*twice), "",
                     "give every tensor a name of its own"};
    }
    return {};
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/model/describe.hpp
// How a model says what tensors it has: one function `describe`, which serves saving and restoring.
// Costs <memory>, <span>, <string> and <vector>.

namespace CAIRN_NAMESPACE {

class Fields;

/// Specialise for a type that is not yours, with `static void describe(auto& self, auto& fields)`, before its
/// first use. The primary template is unspecified.
template <class T>
struct describe_for;

namespace detail {

// A describe that returns `void` is only declared here: its body is not instantiated by asking.
template <class T>
concept DescribedOutside = requires(T& self, Fields& fields) {
    { describe_for<std::remove_cv_t<T>>::describe(self, fields) } -> std::same_as<void>;
};
template <class T>
concept DescribedByStatic = requires(T& self, Fields& fields) {
    { std::remove_cv_t<T>::describe(self, fields) } -> std::same_as<void>;
};
template <class T>
concept DescribedByMember = requires(T& self, Fields& fields) {
    { self.describe(fields) } -> std::same_as<void>;
};

}  // namespace detail

/// A type that lists its tensors. One of
/// * `void describe(auto& fields)`, a member (on a const object: a const member);
/// * `static void describe(auto& self, auto& fields)`, a static member that serves const objects too;
/// * a specialised `cairn::describe_for<T>` with such a static member.
/// It must list the same names and shapes each time, change nothing, and return void.
template <class T>
concept Describable =
    detail::DescribedOutside<T> || detail::DescribedByStatic<T> || detail::DescribedByMember<T>;

namespace detail {

struct Selection;

/// A described text; `target` is null if it is const.
struct DescribedText {
    std::string name;
    std::string_view value;
    std::string* target = nullptr;
};

/// All tensors of a model, in the order it lists them; `writable[i]` says that `tensors[i]` is not const.
struct Description {
    std::vector<TensorView> tensors;
    std::vector<bool> writable;
    std::vector<DescribedText> texts;
    Selection* selection = nullptr;  // null: all of the model
};

/// A container that is empty and takes the size of what is loaded.
template <class Container>
class EmptyContainer final : public TensorAccess {
  public:
    explicit EmptyContainer(Container& values) : values_{values} {}

    void read(std::span<std::byte>) override {}
    void write(std::span<const std::byte> from) override {
        if (!from.empty()) std::memcpy(values_.data(), from.data(), from.size());
    }
    [[nodiscard]] bool takes(const Shape& shape) const override { return shape.rank() == 1; }
    void resize(const Shape& shape) override { values_.resize(static_cast<std::size_t>(shape.elements())); }

  private:
    Container& values_;
};

template <class T>
inline constexpr bool never = false;
template <class T>
inline constexpr bool is_span = false;
template <class T, std::size_t N>
inline constexpr bool is_span<std::span<T, N>> = true;
template <class T>
inline constexpr bool is_vector_of_bool = false;
template <class Allocator>
inline constexpr bool is_vector_of_bool<std::vector<bool, Allocator>> = true;

/// A container with its elements in one row, which can be a tensor.
template <class T>
concept TensorContainer = requires(T& values) {
    requires std::is_pointer_v<decltype(values.data())>;
    requires TensorElement<std::remove_cv_t<std::remove_pointer_t<decltype(values.data())>>>;
    { values.size() } -> std::convertible_to<std::size_t>;
};

/// An array of numbers of any number of dimensions; else an element of none.
template <class T>
struct NestedArray {
    using Element = T;
    static void extents(std::vector<std::uint64_t>&) {}
};
template <class T, std::size_t N>
struct NestedArray<T[N]> {
    using Element = typename NestedArray<T>::Element;
    static void extents(std::vector<std::uint64_t>& out) {
        out.push_back(N);
        NestedArray<T>::extents(out);
    }
};
template <class T, std::size_t N>
    requires(N > 0)
struct NestedArray<std::array<T, N>> : NestedArray<T[N]> {};
template <class T, std::size_t N>
    requires(N > 0)
struct NestedArray<const std::array<T, N>> : NestedArray<const T[N]> {};

template <class T>
concept ArrayOfArrays = !std::same_as<typename NestedArray<T>::Element, T> &&
                        TensorElement<std::remove_cv_t<typename NestedArray<T>::Element>>;

/// A map from texts, a range of what lives in it (not of ranges of its own kind, without end), and what may
/// hold one value.
template <class T>
concept MemberMap = requires(T& values) {
    { values.begin()->first } -> std::convertible_to<std::string_view>;
    values.begin()->second;
};
template <class T>
concept MemberRange = requires(T& values) {
    requires std::is_lvalue_reference_v<decltype(*values.begin())>;
    requires !std::same_as<std::remove_cvref_t<decltype(*values.begin())>, std::remove_cv_t<T>>;
    values.end();
};
template <class T>
concept MemberHolder = std::is_class_v<T> && requires(T& value) {
    requires std::is_lvalue_reference_v<decltype(*value)>;
    static_cast<bool>(value);
};

template <class = void>
[[nodiscard]] result<Description> description_by(FunctionRef<void(Fields&)> describe);

}  // namespace detail

/// What `describe` is handed: call it once for each tensor, `fields(name, value)` or
/// `fields(name, value, {extents...})`. A value is
/// * a vector, array or span of numbers: a tensor of one dimension unless a shape is given;
/// * an array of arrays, `float w[2][3]` or of std::array: a tensor of as many dimensions;
/// * a number: a tensor of no dimension;
/// * a pointer to numbers, with a shape;
/// * a `std::string` in UTF-8: a text beside the tensors, in the file's `__metadata__`;
/// * another describable object, whose tensors get `name` and a dot in front (an empty name adds nothing);
/// * a range of such values, say a vector of layers: `name.0`, `name.1` and so on; a map from texts:
///   `name.<key>`; a smart pointer or optional: what it has, or nothing.
///
/// A tensor without any name, which is all of a part, is called "value".
///
/// A vector that is empty and has no shape takes, when it is loaded, the size it has in the file.
/// Fails: never here; what is wrong with a tensor is reported by whatever asked for the description.
class Fields {
  public:
    Fields(const Fields&) = delete;
    Fields& operator=(const Fields&) = delete;

    /// One tensor of the shape that the value has, or the tensors of a describable object.
    template <class V>
    void operator()(std::string_view name, V&& value);

    /// One tensor of `shape`, whose elements lie in `value` in row-major order.
    template <class V>
    void operator()(std::string_view name, V&& value, const Shape& shape);

    /// A tensor at `data` whose dtype is known at run time only. It is loaded into unless `data` is const.
    template <class Void>
        requires std::is_void_v<Void>
    void tensor(std::string_view name, Dtype dtype, const Shape& shape, Void* data) {
        add_bytes(name, dtype, data, !std::is_const_v<Void>, shape.elements(), shape);
    }
    /// A tensor whose elements `access` gets, for what does not lie in row-major order. It is loaded into
    /// unless not `writable`. Cost: while it is saved or loaded, a copy of this one tensor.
    template <class = void>
    void tensor(std::string_view name, Dtype dtype, const Shape& shape, std::shared_ptr<TensorAccess> access,
                bool writable = true) {
        add_bytes(name, dtype, nullptr, writable, 0, shape);
        found_.tensors.back().access = std::move(access);
    }

  private:
    template <class T>
    friend result<detail::Description> detail::description_by(detail::FunctionRef<void(Fields&)> describe);

    template <Describable T>
    friend class Partial;

    Fields() = default;

    /// What `body` describes gets `name` and a dot in front.
    template <class Body>
    void inside(std::string_view name, Body&& body);

    template <class Element>
    void add(std::string_view name, Element* data, std::uint64_t elements, const Shape& shape);
    template <class = void>
    void add_bytes(std::string_view name, Dtype dtype, const void* data, bool writable,
                   std::uint64_t elements, const Shape& shape);
    [[nodiscard]] std::string full_name(std::string_view name) const {
        std::string out = prefix_;
        out += name;
        if (!out.empty() && name.empty()) out.pop_back();  // the dot
        if (out.empty()) out = "value";                    // a part that is one tensor
        return out;
    }

    detail::Description found_;
    std::string prefix_;
    result<void> failure_;  // the first
};

namespace detail {

template <class T>
void describe(T& model, Fields& fields) {
    if constexpr (DescribedOutside<T>) {
        describe_for<std::remove_cv_t<T>>::describe(model, fields);
    } else if constexpr (DescribedByStatic<T>) {
        std::remove_cv_t<T>::describe(model, fields);
    } else {
        model.describe(fields);
    }
}

/// Hands `model` its fields; refers to it. (Qualified: a `describe` of the user's is no other way to do so.)
template <class T>
[[nodiscard]] auto describing(T& model) noexcept {
    return [&model](Fields& fields) { detail::describe(model, fields); };
}

/// Says at compile time what a value that cannot be a tensor should have been.
template <class V>
constexpr void check_field() {
    using T = std::remove_cvref_t<V>;
    static_assert(!is_vector_of_bool<T>,
                  "cairn: std::vector<bool> packs its bits, so it has no bytes to save; use "
                  "std::vector<unsigned char> or an array of bool");
    static_assert(
        std::is_lvalue_reference_v<V> || std::is_pointer_v<T> || is_span<T>,
        "cairn: this field is a temporary and would be gone before it is saved; describe a member, a "
        "std::span or a pointer with a shape");
}

}  // namespace detail

template <class V>
void Fields::operator()(std::string_view name, V&& value) {
    using T = std::remove_reference_t<V>;
    detail::check_field<V&&>();
    if constexpr (Describable<T>) {
        inside(name, [&] { detail::describe(value, *this); });
    } else if constexpr (TensorElement<std::remove_cv_t<T>>) {
        add(name, &value, 1, Shape{});
    } else if constexpr (std::same_as<std::remove_const_t<T>, std::string>) {
        found_.texts.push_back({full_name(name), value, nullptr});
        if constexpr (!std::is_const_v<T>) found_.texts.back().target = &value;
    } else if constexpr (detail::ArrayOfArrays<T>) {
        using Element = typename detail::NestedArray<T>::Element;
        std::vector<std::uint64_t> extents;
        detail::NestedArray<T>::extents(extents);
        add(name, reinterpret_cast<Element*>(&value), sizeof(T) / sizeof(Element), Shape{extents});
    } else if constexpr (detail::TensorContainer<T>) {
        const auto size = static_cast<std::size_t>(value.size());
        add(name, value.data(), size, Shape{size});
        if constexpr (requires { value.resize(size); }) {
            if (size == 0) found_.tensors.back().access = std::make_shared<detail::EmptyContainer<T>>(value);
        }
    } else if constexpr (detail::MemberMap<T>) {
        inside(name, [&] {
            for (auto& [key, member] : value) (*this)(key, member);
        });
    } else if constexpr (detail::MemberRange<T>) {
        inside(name, [&] {
            std::size_t number = 0;
            for (auto& member : value) (*this)(std::to_string(number++), member);
        });
    } else if constexpr (detail::MemberHolder<T>) {
        if (value) (*this)(name, *value);
    } else {
        static_assert(!std::is_pointer_v<T>,
                      "cairn: a pointer does not know how many elements it points to; add the shape: "
                      "fields(name, pointer, {rows, columns})");
        static_assert(
            std::is_pointer_v<T> || detail::is_vector_of_bool<std::remove_cv_t<T>> || detail::never<T>,
            "cairn: this field is not a number, a text, nor a contiguous container of numbers, and has no "
            "describe of its own (on a const object, a describe must be const or static)");
    }
}

template <class V>
void Fields::operator()(std::string_view name, V&& value, const Shape& shape) {
    using T = std::remove_cvref_t<V>;
    detail::check_field<V&&>();
    if constexpr (std::is_pointer_v<T>) {
        static_assert(TensorElement<std::remove_cv_t<std::remove_pointer_t<T>>>,
                      "cairn: this pointer does not point to numbers that a tensor can hold");
        add(name, value, shape.elements(), shape);
    } else if constexpr (std::is_bounded_array_v<T>) {
        add(name, value, std::extent_v<T>, shape);
    } else if constexpr (TensorElement<T>) {
        add(name, &value, 1, shape);
    } else if constexpr (detail::TensorContainer<std::remove_reference_t<V>>) {
        add(name, value.data(), static_cast<std::size_t>(value.size()), shape);
    } else {
        static_assert(detail::is_vector_of_bool<T>,
                      "cairn: a shape belongs to a pointer to numbers or to a contiguous container of them");
    }
}

template <class Body>
void Fields::inside(std::string_view name, Body&& body) {
    const std::size_t outer = prefix_.size();
    if (!name.empty()) {
        prefix_ += name;
        prefix_ += '.';
    }
    body();
    prefix_.resize(outer);
}

template <class Element>
void Fields::add(std::string_view name, Element* data, std::uint64_t elements, const Shape& shape) {
    static_assert(!std::is_volatile_v<Element>, "cairn: a volatile object cannot be a tensor");
    add_bytes(name, dtype_of<std::remove_const_t<Element>>, data, !std::is_const_v<Element>, elements, shape);
}

template <class T>
void Fields::add_bytes(std::string_view name, Dtype dtype, const void* data, bool writable,
                       std::uint64_t elements, const Shape& shape) {
    TensorView tensor{full_name(name), dtype, shape, {}};
    const char* problem = nullptr;
    if (elements > std::numeric_limits<std::size_t>::max() / size_of(dtype))
        problem = " is larger than the memory";
    if (data == nullptr && elements != 0) problem = " is a null pointer";
    if (problem != nullptr) {
        if (failure_) {
            failure_ = error{errc::invalid_argument, "the tensor " + detail::in_quotes(tensor.name) + problem,
                             "", "describe the memory the tensor has"};
        }
    } else {
        tensor.bytes = {static_cast<const std::byte*>(data),
                        static_cast<std::size_t>(elements) * size_of(dtype)};
    }
    found_.tensors.push_back(std::move(tensor));
    found_.writable.push_back(writable);
}

template <class T>
result<detail::Description> detail::description_by(FunctionRef<void(Fields&)> describe) {
    Fields fields;
    result<void> described = guarded("describing the model", [&]() -> result<void> {
        describe(fields);
        if (!fields.failure_) return std::move(fields.failure_);
        return check_tensors(fields.found_.tensors);
    });
    if (!described) return described.error();
    return std::move(fields.found_);
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/model/detail/byte_stream.hpp
// Standard streams over bytes in memory, as the (de)serialisers of users get them. Costs <istream>, <ostream>
// and <streambuf>.

namespace CAIRN_NAMESPACE::detail {

/// Collects what is written.
template <class = void>
class BasicOutputBytes final : public std::streambuf {
  public:
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_of(text_); }

  private:
    int_type overflow(int_type c) override {
        if (!traits_type::eq_int_type(c, traits_type::eof())) text_ += traits_type::to_char_type(c);
        return traits_type::not_eof(c);
    }
    std::streamsize xsputn(const char* data, std::streamsize size) override {
        text_.append(data, static_cast<std::size_t>(size));
        return size;
    }

    std::string text_;
};
using OutputBytes = BasicOutputBytes<>;

/// Reads bytes in place. They are never written to.
template <class = void>
class BasicInputBytes final : public std::streambuf {
  public:
    explicit BasicInputBytes(std::span<const std::byte> bytes) {
        char* const begin = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
        setg(begin, begin, begin + bytes.size());
    }

  private:
    pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode which) override {
        const off_type start = from == std::ios_base::beg   ? 0
                               : from == std::ios_base::cur ? gptr() - eback()
                                                            : egptr() - eback();
        if ((which & std::ios_base::in) == 0 || offset < -start || offset > (egptr() - eback()) - start) {
            return pos_type(off_type(-1));
        }
        setg(eback(), eback() + start + offset, egptr());
        return pos_type(start + offset);
    }
    pos_type seekpos(pos_type position, std::ios_base::openmode which) override {
        return seekoff(off_type(position), std::ios_base::beg, which);
    }
};
using InputBytes = BasicInputBytes<>;

/// Numbers look the same in every country, and keep all their digits.
template <class = void>
void prepare_stream(std::ios& stream) {
    stream.imbue(std::locale::classic());
    stream.precision(std::numeric_limits<long double>::max_digits10);
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/model/detail/json_bytes.hpp
// A JSON value as bytes and back: as text where text can hold it, else as CBOR. Costs nlohmann/json.

namespace CAIRN_NAMESPACE::detail {

/// JSON text has no NaN, no infinity, no bytes, and only UTF-8.
template <class Json = nlohmann::json>
[[nodiscard]] bool fits_json_text(const Json& value) {
    switch (value.type()) {
        case Json::value_t::number_float: return is_finite(value.template get_ref<const double&>());
        case Json::value_t::string: return is_utf8(value.template get_ref<const std::string&>());
        case Json::value_t::binary: return false;
        case Json::value_t::array:
            for (const auto& item : value) {
                if (!fits_json_text(item)) return false;
            }
            return true;
        case Json::value_t::object:
            for (const auto& [key, item] : value.template get_ref<const typename Json::object_t&>()) {
                if (!is_utf8(key) || !fits_json_text(item)) return false;
            }
            return true;
        default: return true;
    }
}

/// Stops at a nesting that would exhaust the stack of whoever walks the value; keeps nothing.
template <class = void>
class DepthCheck final : public nlohmann::json_sax<nlohmann::json> {
  public:
    static constexpr int deepest = 500;

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool key(string_t&) override { return true; }
    bool start_object(std::size_t) override { return ++depth_ <= deepest; }
    bool start_array(std::size_t) override { return ++depth_ <= deepest; }
    bool end_object() override { return --depth_ >= 0; }
    bool end_array() override { return --depth_ >= 0; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
        return false;
    }

  private:
    int depth_ = 0;
};

/// The value in `bytes`; a discarded one if they are not one whole value in that format, nested at most 500
/// deep.
template <class Json = nlohmann::json>
[[nodiscard]] Json parse_json(std::span<const std::byte> bytes, typename Json::input_format_t format) {
    const auto* const begin = reinterpret_cast<const char*>(bytes.data());
    const auto* const end = begin + bytes.size();
    DepthCheck<> check;
    nlohmann::json_sax<Json>* const events = &check;
    if (!Json::sax_parse(begin, end, events, format)) return Json::value_t::discarded;
    return format == Json::input_format_t::json ? Json::parse(begin, end, nullptr, false)
                                                : Json::from_cbor(begin, end, true, false);
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/model/serializable.hpp
// What can be a part of a checkpoint, and in which of three ways it is written: as tensors, as JSON or as the
// bytes it streams. Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

/// Specialise for a type that is not yours and is written as bytes, with `static void save(const T& self,
/// std::ostream& out)` and `static void load(T& self, std::istream& in)`, before its first use. The primary
/// template is unspecified.
template <class T>
struct stream_for;

namespace detail {

template <class T>
concept StreamsOutside = requires(const T& self, T& target, std::ostream& out, std::istream& in) {
    { stream_for<T>::save(self, out) } -> std::same_as<void>;
    { stream_for<T>::load(target, in) } -> std::same_as<void>;
};

/// Here every type has operators and JSON functions that take exactly it. One of the user's that takes it
/// through a conversion or a base class loses to these, and would lose data; one that takes the type itself
/// wins or ties.
namespace exact {

struct Lost {};

template <class U>
Lost operator<<(std::ostream&, const U&);
template <class U>
Lost operator>>(std::istream&, U&);
template <class U>
Lost to_json(nlohmann::json&, const U&);
template <class U>
Lost from_json(const nlohmann::json&, U&);

template <class T>
concept StreamLost = requires(std::ostream& out, const T& self) {
    { out << self } -> std::same_as<Lost>;
} || requires(std::istream& in, T& target) {
    { in >> target } -> std::same_as<Lost>;
};

template <class T>
concept JsonLost = requires(nlohmann::json& json, const T& self) {
    { to_json(json, self) } -> std::same_as<Lost>;
} || requires(const nlohmann::json& json, T& target) {
    { from_json(json, target) } -> std::same_as<Lost>;
};

}  // namespace exact

template <class T>
concept StreamsByOperators = requires(const T& self, T& target, std::ostream& out, std::istream& in) {
    { out << self } -> std::convertible_to<std::ostream&>;
    { in >> target } -> std::convertible_to<std::istream&>;
} && !exact::StreamLost<T>;

/// A save or load that takes this too is a template for another library's archives.
struct NotAStream {};

template <class T>
concept StreamsByMembers = requires(const T& self, T& target, std::ostream& out, std::istream& in) {
    self.save(out);
    target.load(in);
} && !requires(const T& self, NotAStream& archive) {
    self.save(archive);
} && !requires(T& target, NotAStream& archive) { target.load(archive); };

/// There is a to_json that the author of T or of its base wrote.
template <class T>
concept HasOwnJson = requires(nlohmann::json& json, const T& self) { to_json(json, self); };

template <class T>
concept JsonByConversion = !std::is_pointer_v<T> && std::constructible_from<nlohmann::json, const T&> &&
                           requires(const nlohmann::json& json, T& target) { json.get_to(target); };

// Two ways in which nlohmann/json would take what is not all of the object: by the functions of a base class,
// and, for a class that can be iterated over, by its elements, although it says itself how it is saved.
template <class T>
concept Json = JsonByConversion<T> && (HasOwnJson<T> ? !exact::JsonLost<T> : !StreamsByMembers<T>);

}  // namespace detail

/// A type that nlohmann/json converts from and to: `nlohmann::json` itself, numbers, `std::string`,
/// containers of such, structs with NLOHMANN_DEFINE_TYPE_* or a `to_json` and `from_json` of their own.
template <class T>
concept JsonSerializable =
    !detail::StreamsOutside<std::remove_const_t<T>> && detail::Json<std::remove_const_t<T>>;

/// A type that writes itself: `save(std::ostream&) const` and `load(std::istream&)`, or the operators `<<`
/// and `>>` for exactly this type; or one for which `stream_for` is specialised. What is loaded must be what
/// was saved; the stream has the classic locale and enough digits.
template <class T>
concept StreamSerializable =
    detail::StreamsOutside<std::remove_const_t<T>> || detail::StreamsByMembers<std::remove_const_t<T>> ||
    detail::StreamsByOperators<std::remove_const_t<T>>;

/// A type that can be a part of a checkpoint. Written as tensors if it is `Describable`, else as JSON if it
/// is `JsonSerializable`, else as the bytes it streams. A const object can be saved, but not loaded into; if
/// it describes itself, then through a const or a static describe.
template <class T>
concept Serializable = !std::is_reference_v<T> && !std::is_volatile_v<T> &&
                       (Describable<T> || (!Describable<std::remove_const_t<T>> &&
                                           (JsonSerializable<T> || StreamSerializable<T>)));

namespace detail {

enum class Encoding : unsigned char { tensors, json, stream };

/// How a T is written; the same for const T.
template <Serializable T>
inline constexpr Encoding encoding_of = Describable<T>        ? Encoding::tensors
                                        : JsonSerializable<T> ? Encoding::json
                                                              : Encoding::stream;

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/model/part.hpp
// One named thing inside a checkpoint: `cairn::part("model", model)`. Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

/// A serializable object under a name; refers to both. Made by `part`.
template <class T>
class Part {
  public:
    using type = T;  ///< const, if the object is

    /// For `part`. Refers to both.
    Part(std::string_view name, T& object) noexcept : name_{name}, object_{&object} {}

    /// The name, as it was given.
    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    /// The object itself.
    [[nodiscard]] T& object() const noexcept { return *object_; }

  private:
    std::string_view name_;
    T* object_;
};

/// `object` under `name`, to be handed to a function that saves or restores; it refers to both, so use it in
/// the same expression. The name becomes a file name: letters, digits, '.', '_' and '-'; it is checked when
/// it is used. A const object can be saved, not restored.
template <class T>
[[nodiscard]] Part<T> part(std::string_view name, T& object) noexcept {
    return Part<T>{name, object};
}

/// A temporary would be gone before it is saved or after it is restored.
template <class T>
void part(std::string_view name, const T&& object) = delete;

namespace detail {

template <class T>
inline constexpr bool is_part = false;
template <class T>
inline constexpr bool is_part<Part<T>> = true;

/// What `cairn::part` makes.
template <class T>
concept AnyPart = is_part<T>;

// Never defined: their names are the compiler's message.
template <class T>
struct this_is_no_part_hand_it_over_as_cairn_part_name_object;
template <class T>
struct this_type_can_be_no_part_it_does_not_describe_itself_nor_stream_nor_convert_to_json;

template <class T>
struct this_model_is_const_and_its_describe_is_not_write_static_void_describe_auto_self_auto_fields;

template <class T>
inline constexpr bool can_be_saved = false;
template <Serializable T>
inline constexpr bool can_be_saved<Part<T>> = true;

/// Parts that can be saved. Where it does not hold, `explain_parts` makes the compiler say why.
template <class... Ts>
concept SavableParts = (can_be_saved<Ts> && ...);

template <class T>
void explain_part() noexcept {
    if constexpr (!AnyPart<T>) {
        (void)sizeof(this_is_no_part_hand_it_over_as_cairn_part_name_object<T>);
    } else if constexpr (Serializable<std::remove_const_t<typename T::type>> && !can_be_saved<T>) {
        (void)sizeof(
            this_model_is_const_and_its_describe_is_not_write_static_void_describe_auto_self_auto_fields<
                typename T::type>);
    } else if constexpr (!can_be_saved<T>) {
        (void)sizeof(this_type_can_be_no_part_it_does_not_describe_itself_nor_stream_nor_convert_to_json<
                     typename T::type>);
    }
}
template <class... Ts>
void explain_parts() noexcept {
    (explain_part<Ts>(), ...);
}

/// Success if every name can be a file's and no two are the same. Sorts them.
template <class = void>
[[nodiscard]] result<void> check_part_names(std::string_view* begin, std::string_view* end) {
    for (const std::string_view* name = begin; name != end; ++name) {
        if (result<void> checked = check_name("part", *name); !checked) return checked;
    }
    std::sort(begin, end);
    if (const auto twice = std::adjacent_find(begin, end); twice != end) {
        return error{errc::invalid_argument, "two parts are called \"" + std::string{*twice} + "\"", "",
                     "give every part a name of its own"};
    }
    return {};
}
template <AnyPart... Parts>
[[nodiscard]] result<void> check_parts(const Parts&... parts) {
    std::string_view names[sizeof...(Parts) + 1] = {parts.name()...};  // there may be none
    return check_part_names(names, names + sizeof...(Parts));
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/model/detail/safetensors_header.hpp
// Reads the JSON header of a safetensors file as a stream of events, so that a hostile one costs no more than
// its own length: nothing is nested, repeated or unexpected that is accepted. Costs nlohmann/json.

namespace CAIRN_NAMESPACE::detail {

struct HeaderEntry {
    std::string name;
    Dtype dtype = Dtype::F32;
    std::vector<std::uint64_t> extents;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

/// A handler for `nlohmann::json::sax_parse`. A template so that only those who read files compile it.
template <class = void>
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
  public:
    std::vector<HeaderEntry> entries;
    std::map<std::string, std::string> metadata;
    /// Why the header was refused.
    std::string problem;

    bool start_object(std::size_t) override {
        if (depth_ == 0) {
            ++depth_;
            return true;
        }
        if (depth_ != 1) return refuse("has an object where a tensor's values belong");
        ++depth_;
        return true;
    }

    bool key(string_t& key) override {
        if (depth_ == 1) {
            in_metadata_ = key == metadata_key;
            if (in_metadata_ && std::exchange(had_metadata_, true)) return refuse("has its metadata twice");
            seen_ = 0;
            numbers_.clear();
            if (!in_metadata_) entries.push_back({std::move(key), {}, {}, 0, 0});
            return true;
        }
        if (in_metadata_) {
            key_ = std::move(key);
            return true;
        }
        field_ = key == "dtype"          ? dtype_field
                 : key == "shape"        ? shape_field
                 : key == "data_offsets" ? offsets_field
                                         : 0U;
        if (field_ == 0) return refuse_tensor("has the unknown key " + in_quotes(key));
        if ((seen_ & field_) != 0) return refuse_tensor("has its " + key + " twice");
        seen_ |= field_;
        return true;
    }

    bool string(string_t& value) override {
        if (depth_ == 2 && in_metadata_) {
            if (metadata.emplace(key_, std::move(value)).second) return true;
            return refuse("has the metadata key " + in_quotes(key_) + " twice");
        }
        if (depth_ != 2 || field_ != dtype_field) return unexpected("a text");
        const std::optional<Dtype> dtype = parse_dtype(value);
        if (!dtype) return refuse_tensor("has the unknown dtype " + in_quotes(value));
        entries.back().dtype = *dtype;
        return true;
    }

    bool start_array(std::size_t) override {
        if (depth_ != 2 || in_metadata_ || field_ == dtype_field) return unexpected("a list");
        ++depth_;
        numbers_.clear();
        return true;
    }

    bool number_unsigned(number_unsigned_t value) override {
        if (depth_ != 3) return unexpected("a number");
        if (numbers_.size() == Shape::max_rank) return refuse_tensor("has more than 64 dimensions");
        numbers_.push_back(value);
        return true;
    }

    bool end_array() override {
        --depth_;
        HeaderEntry& entry = entries.back();
        if (field_ == shape_field) {
            entry.extents = numbers_;
            return true;
        }
        if (numbers_.size() != 2) return refuse_tensor("does not have two data_offsets");
        entry.begin = numbers_[0];
        entry.end = numbers_[1];
        return true;
    }

    bool end_object() override {
        --depth_;
        if (depth_ == 0 || in_metadata_) return true;
        if (seen_ == (dtype_field | shape_field | offsets_field)) return true;
        return refuse_tensor("lacks its dtype, shape or data_offsets");
    }

    bool null() override { return unexpected("a null"); }
    bool boolean(bool) override { return unexpected("a boolean"); }
    bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
    bool number_float(number_float_t, const string_t&) override {
        return unexpected("a number that is not whole or too large");
    }
    bool binary(binary_t&) override { return unexpected("binary data"); }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
        return refuse("is not JSON at byte " + std::to_string(position));
    }

  private:
    static constexpr unsigned dtype_field = 1;
    static constexpr unsigned shape_field = 2;
    static constexpr unsigned offsets_field = 4;

    bool refuse(std::string why) {
        problem = std::move(why);
        return false;
    }
    bool refuse_tensor(const std::string& why) {
        return refuse("says that " + in_quotes(entries.back().name) + " " + why);
    }
    bool unexpected(const std::string& what) { return refuse("has " + what + " in the wrong place"); }

    int depth_ = 0;
    bool in_metadata_ = false;
    bool had_metadata_ = false;
    unsigned field_ = 0;
    unsigned seen_ = 0;
    string_t key_;
    std::vector<std::uint64_t> numbers_;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/model/safetensors.hpp
// The safetensors format (https://github.com/huggingface/safetensors): written byte for byte as its Python
// library does, read without trusting a byte. On a big-endian machine each element is turned around on its
// way. Costs nlohmann/json.

namespace CAIRN_NAMESPACE::safetensors {

/// The texts a file carries about itself.
using Metadata = std::map<std::string, std::string>;

/// The longest header that is read or written: 100 MB, as everywhere.
inline constexpr std::uint64_t max_header_bytes = 100'000'000;

/// A file that was read: what it holds, as views of the bytes it was read from.
struct File {
    std::vector<TensorView> tensors;  ///< sorted by name; their bytes are little-endian, as in the file
    Metadata metadata;                ///< texts under `__metadata__`; empty if there are none

    /// The tensor called `name`, or null.
    [[nodiscard]] const TensorView* find(std::string_view name) const noexcept {
        const auto less = [](const TensorView& tensor, std::string_view key) { return tensor.name < key; };
        const auto found = std::lower_bound(tensors.begin(), tensors.end(), name, less);
        return found != tensors.end() && found->name == name ? &*found : nullptr;
    }
};

}  // namespace CAIRN_NAMESPACE::safetensors

namespace CAIRN_NAMESPACE::detail {

/// Copies elements of `size` bytes between the processor's order and the file's, which is little-endian.
template <class = void>
void copy_elements(std::byte* to, std::span<const std::byte> from, std::size_t size) noexcept {
    if (from.empty()) return;
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(to, from.data(), from.size());
    } else {
        for (std::size_t at = 0; at < from.size(); at += size)
            std::reverse_copy(from.data() + at, from.data() + at + size, to + at);
    }
}

template <class = void>
[[nodiscard]] error bad_safetensors(const std::string& why) {
    return {errc::corrupt, "this is not a whole safetensors file: " + why, "",
            "restore another version, or copy the file again from where it came from"};
}

/// `tensors` in the order in which a file holds them: widest alignment first, then by name.
template <class = void>
[[nodiscard]] std::vector<const TensorView*> file_order(std::span<const TensorView> tensors) {
    std::vector<const TensorView*> order;
    order.reserve(tensors.size());
    for (const TensorView& tensor : tensors) order.push_back(&tensor);
    std::sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) {
        return a->dtype != b->dtype ? a->dtype > b->dtype : a->name < b->name;
    });
    return order;
}

/// The header of a file, its length in front. Requires checked tensors.
template <class = void>
[[nodiscard]] std::string safetensors_header(const std::vector<const TensorView*>& order,
                                             const safetensors::Metadata& metadata) {
    std::string json = "{";
    const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
    const auto comma = [&json] { json += json.back() == '{' ? "" : ","; };
    if (!metadata.empty()) {
        json += "\"__metadata__\":{";
        for (const auto& [key, value] : metadata) {
            comma();
            json += quoted(key) + ":" + quoted(value);
        }
        json += '}';
    }
    std::uint64_t offset = 0;
    for (const TensorView* tensor : order) {
        comma();
        json += quoted(tensor->name) + R"(:{"dtype":")";
        json += to_string(tensor->dtype);
        json += R"(","shape":[)";
        for (const std::uint64_t extent : tensor->shape.extents()) {
            if (json.back() != '[') json += ',';
            json += std::to_string(extent);
        }
        json += R"(],"data_offsets":[)" + std::to_string(offset) + ",";
        offset += tensor->shape.elements() * size_of(tensor->dtype);
        json += std::to_string(offset) + "]}";
    }
    json += '}';
    json.resize((json.size() + 7) / 8 * 8, ' ');

    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        length[i] = static_cast<char>(std::uint64_t{json.size()} >> (8 * i) & 0xffU);
    return length + json;
}

/// Writes one tensor's elements of `size` bytes.
template <class = void>
result<void> write_elements(std::span<const std::byte> bytes, std::size_t size,
                            FunctionRef<result<void>(std::span<const std::byte>)> sink) {
    if (size == 1 || std::endian::native == std::endian::little) return sink(bytes);
    std::vector<std::byte> piece(std::size_t{64} * 1024);  // a multiple of every element's size
    while (!bytes.empty()) {
        const std::size_t n = std::min(bytes.size(), piece.size());
        copy_elements(piece.data(), bytes.first(n), size);
        if (result<void> done = sink(std::span<const std::byte>{piece}.first(n)); !done) return done;
        bytes = bytes.subspan(n);
    }
    return {};
}

/// Success if all of it is UTF-8.
template <class = void>
[[nodiscard]] result<void> check_metadata(const safetensors::Metadata& metadata) {
    for (const auto& [key, value] : metadata) {
        if (is_utf8(key) && is_utf8(value)) continue;
        return error{errc::invalid_argument, "the metadata " + in_quotes(key) + " is not UTF-8", "",
                     "encode binary data as text, or as a tensor of bytes"};
    }
    return {};
}

/// Writes tensors and metadata that were checked.
template <class = void>
result<void> write_safetensors(std::span<const TensorView> tensors, const safetensors::Metadata& metadata,
                               FunctionRef<result<void>(std::span<const std::byte>)> sink) {
    const std::vector<const TensorView*> order = file_order(tensors);
    const std::string header = safetensors_header(order, metadata);
    if (header.size() - 8 > safetensors::max_header_bytes) {
        return error{errc::invalid_argument, "the header of the safetensors file would exceed 100 MB", "",
                     "describe fewer tensors or give them shorter names"};
    }
    if (result<void> done = sink(bytes_of(header)); !done) return done;
    std::vector<std::byte> buffer;
    for (const TensorView* tensor : order) {
        std::span<const std::byte> bytes;
        result<void> done = guarded("reading the tensor " + in_quotes(tensor->name), [&]() -> result<void> {
            bytes = elements_of(*tensor, buffer);
            return {};
        });
        if (done && !bytes.empty()) done = write_elements(bytes, size_of(tensor->dtype), sink);
        if (!done) return done;
    }
    return {};
}

/// The entries of a header as views of `data`, if they cover it exactly.
template <class = void>
[[nodiscard]] result<std::vector<TensorView>> place_tensors(std::vector<HeaderEntry>& entries,
                                                            std::span<const std::byte> data) {
    std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    std::vector<TensorView> tensors;
    tensors.reserve(entries.size());
    std::uint64_t covered = 0;
    for (HeaderEntry& entry : entries) {
        const std::string name = in_quotes(entry.name);
        if (entry.name.empty()) return bad_safetensors("a tensor has no name");
        if (entry.begin != covered) {
            return bad_safetensors("the data of " + name + " leaves a hole or overlaps another tensor's");
        }
        if (entry.end < entry.begin || entry.end > data.size()) {
            return bad_safetensors("the data of " + name + " ends outside the file");
        }
        const std::uint64_t size = entry.end - entry.begin;
        const std::optional<std::uint64_t> elements = product(entry.extents);
        if (!elements || size % size_of(entry.dtype) != 0 || size / size_of(entry.dtype) != *elements) {
            return bad_safetensors("the data of " + name + " is not as long as its shape and dtype say");
        }
        covered = entry.end;
        tensors.push_back(
            {std::move(entry.name), entry.dtype, Shape{entry.extents},
             data.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(size))});
    }
    if (covered != data.size()) return bad_safetensors("there are bytes after the last tensor");
    std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    const auto same = [](const TensorView& a, const TensorView& b) { return a.name == b.name; };
    const auto twice = std::adjacent_find(tensors.begin(), tensors.end(), same);
    if (twice != tensors.end())
        return bad_safetensors("the tensor " + in_quotes(twice->name) + " is in it twice");
    return tensors;
}

/// Reads a header; gives its length, the eight bytes in front included.
template <class = void>
[[nodiscard]] result<std::size_t> read_header(std::span<const std::byte> bytes, HeaderReader<>& reader) {
    if (bytes.size() < 8) return bad_safetensors("it is shorter than 8 bytes");
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < 8; ++i) length |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    if (length > bytes.size() - 8) return bad_safetensors("it ends before its header does");
    if (length > safetensors::max_header_bytes) return bad_safetensors("its header is longer than 100 MB");
    const std::string_view header{reinterpret_cast<const char*>(bytes.data()) + 8,
                                  static_cast<std::size_t>(length)};
    if (header.empty() || header.front() != '{') return bad_safetensors("its header does not begin with '{'");
    // The JSON parser would take a zero byte for the end of its input.
    if (header.find('\0') != std::string_view::npos) return bad_safetensors("its header has a zero byte");

    nlohmann::json_sax<nlohmann::json>* const events = &reader;
    if (!nlohmann::json::sax_parse(header.data(), header.data() + header.size(), events)) {
        return bad_safetensors("its header " + reader.problem);
    }
    return 8 + header.size();
}

}  // namespace CAIRN_NAMESPACE::detail

namespace CAIRN_NAMESPACE::safetensors {

/// Writes a file of `tensors`: calls `sink(std::span<const std::byte>) -> result<void>` for the header, then
/// for each tensor, with the tensor's own bytes. The same content gives the same file, whatever its order
/// here. Fails: invalid_argument for a name that is empty, reserved, not UTF-8 or there twice, or a shape
/// that is not the data's; user if a tensor's access throws; whatever `sink` returns. Cost: no copy of the
/// data on a little-endian machine, but of one tensor at a time where it has an access.
template <class Sink>
    requires std::is_invocable_r_v<result<void>, Sink&, std::span<const std::byte>>
result<void> write(std::span<const TensorView> tensors, const Metadata& metadata, Sink&& sink) {
    if (result<void> checked = detail::check_tensors(tensors); !checked) return checked;
    if (result<void> checked = detail::check_metadata(metadata); !checked) return checked;
    // A plain function is no object that could be referred to.
    const auto pass_on = [&sink](std::span<const std::byte> bytes) -> result<void> { return sink(bytes); };
    return detail::write_safetensors(tensors, metadata, pass_on);
}

/// What the file in `bytes` holds. The views stay valid as long as `bytes` does; the data may not be aligned.
/// Fails: corrupt for anything but a whole, well-formed file: never undefined, whatever the bytes are.
/// Cost: memory for the header alone.
template <class = void>
[[nodiscard]] result<File> parse(std::span<const std::byte> bytes) {
    detail::HeaderReader<> reader;
    const auto length = detail::read_header(bytes, reader);
    if (!length) return length.error();
    auto tensors = detail::place_tensors(reader.entries, bytes.subspan(*length));
    if (!tensors) return tensors.error();
    return File{std::move(*tensors), std::move(reader.metadata)};
}

/// Where the tensors of a file end, in ascending order, counted from the end of its header: from the header
/// alone. Fails: corrupt, if it is no header, or its tensors do not follow one another.
template <class = void>
[[nodiscard]] result<std::vector<std::uint64_t>> tensor_ends(std::span<const std::byte> header) {
    detail::HeaderReader<> reader;
    const auto length = detail::read_header(header, reader);
    if (!length) return length.error();
    std::sort(reader.entries.begin(), reader.entries.end(),
              [](const auto& a, const auto& b) { return a.end < b.end; });
    std::vector<std::uint64_t> ends;
    ends.reserve(reader.entries.size());
    for (const auto& entry : reader.entries) {
        if (entry.begin > entry.end ||
            (entry.begin != entry.end && entry.begin != (ends.empty() ? 0 : ends.back())))
            return detail::bad_safetensors("its tensors leave a hole or overlap");
        ends.push_back(entry.end);
    }
    return ends;
}

}  // namespace CAIRN_NAMESPACE::safetensors

// ---- cairn/model/encode.hpp
// A part as the bytes of a file. Costs nlohmann/json.

namespace CAIRN_NAMESPACE::detail {

/// Takes the next bytes of a file: `emit(std::string_view file, std::span<const std::byte>) -> result<void>`.
using Emit = FunctionRef<result<void>(std::string_view, std::span<const std::byte>)>;

template <class T>
[[nodiscard]] result<void> save_to(const T& object, std::ostream& out) {
    if constexpr (StreamsOutside<T>) {
        stream_for<T>::save(object, out);
    } else if constexpr (StreamsByMembers<T>) {
        if constexpr (std::same_as<decltype(object.save(out)), bool>) {
            if (!object.save(out)) out.setstate(std::ios_base::failbit);
        } else {
            object.save(out);
        }
    } else {
        out << object;
    }
    if (out) return {};
    return error{errc::user, "saving the part left its stream in a failed state", "",
                 "see why its save or operator<< failed"};
}

// Each way of encoding, without the type of what is encoded.

template <class = void>
[[nodiscard]] result<void> emit_tensors(std::string_view name, FunctionRef<void(Fields&)> describe,
                                        Emit put) {
    const std::string file = std::string{name} + ".safetensors";
    result<Description> model = description_by(describe);
    if (!model) return at_path(model.error(), file);
    safetensors::Metadata texts;
    for (DescribedText& text : model->texts) {
        if (texts.emplace(text.name, std::string{text.value}).second) continue;
        return error{errc::invalid_argument, "two texts are called " + in_quotes(text.name), file,
                     "give every text a name of its own"};
    }
    if (result<void> checked = check_metadata(texts); !checked) return at_path(checked.error(), file);
    return write_safetensors(model->tensors, texts, [&](std::span<const std::byte> bytes) -> result<void> {
        return put(file, bytes);
    });
}

template <class = void>
[[nodiscard]] result<void> emit_json(std::string_view name, FunctionRef<nlohmann::json()> convert, Emit put) {
    const std::string part{name};
    std::vector<std::uint8_t> cbor;
    std::string text;
    result<void> converted = guarded("converting the part \"" + part + "\" to JSON", [&]() -> result<void> {
        const nlohmann::json value = convert();
        if (fits_json_text(value)) {
            text = value.dump();
        } else {
            cbor = nlohmann::json::to_cbor(value);
        }
        return {};
    });
    if (!converted) return at_path(converted.error(), part + ".json");
    if (!cbor.empty()) return put(part + ".cbor", bytes_of(cbor));
    return put(part + ".json", bytes_of(text));
}

template <class = void>
[[nodiscard]] result<void> emit_stream(std::string_view name, FunctionRef<result<void>(std::ostream&)> save,
                                       Emit put) {
    const std::string part{name};
    OutputBytes buffer;
    result<void> saved = guarded("saving the part \"" + part + "\"", [&] {
        std::ostream out{&buffer};
        prepare_stream(out);
        return save(out);
    });
    if (!saved) return at_path(saved.error(), part + ".bin");
    return put(part + ".bin", buffer.bytes());
}

/// Emits the file of `part`: `<name>.safetensors`, `.json` (`.cbor` if it holds what JSON text cannot) or
/// `.bin`, in order, in one or more pieces, at least one. Fails: invalid_argument (a model that does not
/// describe itself well), user (its code threw), and whatever `emit` returns. Requires a checked name.
template <class T>
[[nodiscard]] result<void> encode(const Part<T>& part, Emit put) {
    constexpr Encoding encoding = encoding_of<T>;
    if constexpr (encoding == Encoding::tensors) {
        return emit_tensors(part.name(), describing(part.object()), put);
    } else if constexpr (encoding == Encoding::json) {
        return emit_json(part.name(), [&] { return nlohmann::json(part.object()); }, put);
    } else {
        return emit_stream(
            part.name(),
            [&](std::ostream& out) { return save_to<std::remove_const_t<T>>(part.object(), out); }, put);
    }
}

/// The files of all parts, one after another. Fails also if two parts share a name.
template <AnyPart... Parts>
[[nodiscard]] result<void> encode_all(Emit put, const Parts&... parts) {
    result<void> done = check_parts(parts...);
    (void)((done && (done = encode(parts, put), bool{done})) && ...);
    return done;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/deferred.hpp
// A way to spare the compiler what a program does not use.

namespace CAIRN_NAMESPACE::detail {

template <class V, class>
struct DeferredType {
    using type = V;
};
/// V, by a name that depends on T, which is a parameter of a template. What the template does with it the
/// compiler looks into only where that is used, and not in each file that includes it.
template <class V, class T>
using Deferred = typename DeferredType<V, T>::type;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/rich_row.hpp
// Of what was logged together, the row without the rich values. Costs <tuple>.

namespace CAIRN_NAMESPACE::detail {

template <class Name, class T>
[[nodiscard]] constexpr auto if_number(Field<Name, T>& field) {
    if constexpr (RichValue<T>)
        return std::tuple<>{};
    else
        return std::tuple{std::move(field)};
}
/// The row of those fields that are not rich, which are left as they are.
template <class... Names, class... Ts>
[[nodiscard]] constexpr auto row_of_numbers(std::int64_t step, std::int64_t time_ns,
                                            Field<Names, Ts>&&... fields) {
    if constexpr (!(RichValue<Ts> || ...)) {
        return make_row(step, time_ns, std::move(fields)...);
    } else if constexpr (((times_named<Names, Field<Names, Ts>...> == 1) && ...)) {
        return std::apply([&](auto... numbers) { return make_row(step, time_ns, std::move(numbers)...); },
                          std::tuple_cat(if_number(fields)...));
    } else {
        (void)sizeof(this_row_has_the_same_metric_twice<Names...>);
        return Row<>{step, time_ns};
    }
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/fwd.hpp
// Names for headers that only mention them: `void train(cairn::Run& run);`. Costs nothing. A checkpoint is
// not among them, since its type is made of all of its parts: take it as a template's argument.

namespace CAIRN_NAMESPACE {

class DisabledRun;
class DynamicRow;
class Fields;
class LocalStore;
class error;
struct Decision;
struct Health;
struct Options;
struct ServeOptions;
struct Step;
struct TensorView;
struct Version;
struct WatchOptions;
template <class T>
class BasicRun;
using Run = BasicRun<void>;
template <class T>
class Part;
template <class... Fields>
class Row;
template <class T>
class result;

}  // namespace CAIRN_NAMESPACE

// ---- cairn/store/record.hpp
// The records that travel through a ring and lie in the history: rows and the names they use. One encoding
// for both, so that whoever opens a crashed run reads the ring as it reads the file. Little-endian, multiples
// of 8 bytes.
//
//   record  u32 bytes (whole, multiple of 8) · u8 kind · u8 flags · u16 0
//   row     record · u32 cells · u32 0 · i64 step · i64 time_ns · cells × cell
//   event   the same as a row: what a run decided, between the rows of the thread that decided it
//   cell    u32 metric id · u8 value kind · u8[3] 0 · u64 (integer, double's bits, or text length) · text
//           padded to 8 bytes
//   name    record · u32 metric id · u32 length · bytes, padded

namespace CAIRN_NAMESPACE::detail {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big,
              "cairn: a machine of mixed endianness");

/// `value` in the order of bytes on disk, and back.
template <class T>
[[nodiscard]] constexpr T little_endian(T value) noexcept {
    if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1) {
        T swapped = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            swapped =
                static_cast<T>(static_cast<T>(swapped << 8U) | static_cast<T>((value >> (8U * i)) & 0xffU));
        }
        return swapped;
    } else {
        return value;
    }
}

template <class T>
std::byte* put(std::byte* to, T value) noexcept {
    value = little_endian(value);
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

template <class T>
[[nodiscard]] T get(const std::byte* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return little_endian(value);
}

[[nodiscard]] constexpr std::size_t padded(std::size_t bytes) noexcept {
    return (bytes + 7U) & ~std::size_t{7};
}

/// `sample`: as a row, but of the machine and not of the program.
enum class RecordKind : std::uint8_t { padding = 0, row = 1, name = 2, event = 3, sample = 4 };
/// Whether its numbers are values of series.
[[nodiscard]] constexpr bool has_series(RecordKind kind) noexcept {
    return kind == RecordKind::row || kind == RecordKind::sample;
}
/// What the name of a sample begins with.
inline constexpr std::string_view system_prefix = "system/";

/// A row or event that is larger than a record may be goes into several that follow each other in their ring:
/// all but the last continue, all but the first are continued.
inline constexpr std::uint8_t row_continues = 1;
inline constexpr std::uint8_t row_is_continued = 2;

inline constexpr std::size_t record_header_bytes = 8;
inline constexpr std::size_t row_header_bytes = record_header_bytes + 24;
inline constexpr std::size_t cell_bytes = 16;
/// A metric's text is cut to this many bytes.
inline constexpr std::size_t max_text_bytes = 1024;
inline constexpr std::size_t max_metric_name_bytes = 512;

[[nodiscard]] constexpr std::size_t cell_size(const Value& value) noexcept {
    return cell_bytes + padded(value.text().size());
}

inline std::byte* put_record(std::byte* to, std::size_t bytes, RecordKind kind,
                             std::uint8_t flags = 0) noexcept {
    to = put(to, static_cast<std::uint32_t>(bytes));
    return put(to, static_cast<std::uint32_t>(static_cast<std::uint32_t>(kind) | std::uint32_t{flags} << 8U));
}

inline std::byte* put_row_header(std::byte* to, std::size_t bytes, RecordKind kind, std::uint8_t flags,
                                 std::size_t cells, std::int64_t step, std::int64_t time_ns) noexcept {
    to = put_record(to, bytes, kind, flags);
    to = put(to, static_cast<std::uint64_t>(cells));
    to = put(to, static_cast<std::uint64_t>(step));
    return put(to, static_cast<std::uint64_t>(time_ns));
}

inline std::byte* put_cell_head(std::byte* to, std::uint32_t id, Value::Kind kind) noexcept {
    return put(put(to, id), static_cast<std::uint32_t>(kind));
}

template <class = void>
std::byte* put_text_cell(std::byte* to, std::uint32_t id, std::string_view text) noexcept {
    to = put_cell_head(to, id, Value::Kind::text);
    to = put(to, static_cast<std::uint64_t>(text.size()));
    const std::size_t room = padded(text.size());
    if (room != 0) {
        std::memset(to + room - 8, 0, 8);  // the padding, before the text covers what is its own
        std::memcpy(to, text.data(), text.size());
    }
    return to + room;
}

/// Small, so that a row of numbers is a few stores where it is logged.
inline std::byte* put_cell(std::byte* to, std::uint32_t id, const Value& value) noexcept {
    if (value.is_text()) return put_text_cell(to, id, value.text());
    return put(put_cell_head(to, id, value.kind()), value.bits());
}

[[nodiscard]] constexpr std::size_t name_record_size(std::string_view name) noexcept {
    return record_header_bytes + 8 + padded(name.size());
}

template <class = void>
void put_name(std::byte* to, std::uint32_t id, std::string_view name) noexcept {
    const std::size_t bytes = name_record_size(name);
    std::byte* at = put_record(to, bytes, RecordKind::name);
    at = put(at, static_cast<std::uint64_t>(id) | static_cast<std::uint64_t>(name.size()) << 32U);
    if (!name.empty()) {
        std::memset(to + bytes - 8, 0, 8);
        std::memcpy(at, name.data(), name.size());
    }
}

/// One cell as it is read: the metric's id and its value (a text points into the record).
struct Cell {
    std::uint32_t metric = 0;
    Value value;
};

/// Reads records one after the other from bytes that may be damaged: it stops at what cannot be one.
template <class = void>
class BasicRecordReader {
  public:
    explicit BasicRecordReader(std::span<const std::byte> bytes) noexcept : rest_{bytes} {}

    struct Record {
        RecordKind kind{};
        std::uint8_t flags = 0;
        std::span<const std::byte> body;  // after the record's header
    };

    /// The next record; false at the end or at bytes that are no record (then `damaged()`).
    bool next(Record& record) noexcept {
        if (rest_.empty()) return false;
        if (rest_.size() < record_header_bytes) return stop();
        const std::size_t bytes = get<std::uint32_t>(rest_.data());
        const std::uint32_t tag = get<std::uint32_t>(rest_.data() + 4);
        constexpr auto last_kind = static_cast<std::uint32_t>(RecordKind::sample);
        if (bytes < record_header_bytes || bytes % 8 != 0 || bytes > rest_.size() ||
            (tag & 0xffU) > last_kind)
            return stop();
        record = {static_cast<RecordKind>(tag & 0xffU), static_cast<std::uint8_t>(tag >> 8U),
                  rest_.subspan(record_header_bytes, bytes - record_header_bytes)};
        rest_ = rest_.subspan(bytes);
        return true;
    }

    [[nodiscard]] bool damaged() const noexcept { return damaged_; }
    /// How many bytes follow the record that was read last.
    [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

  private:
    bool stop() noexcept {
        damaged_ = true;
        rest_ = {};
        return false;
    }
    std::span<const std::byte> rest_;
    bool damaged_ = false;
};
using RecordReader = BasicRecordReader<>;

/// How many rows end in these records.
template <class = void>
[[nodiscard]] std::uint64_t count_rows(std::span<const std::byte> records) noexcept {
    std::uint64_t rows = 0;
    RecordReader reader{records};
    for (RecordReader::Record record; reader.next(record);)
        rows += record.kind == RecordKind::row && (record.flags & row_continues) == 0 ? 1U : 0U;
    return rows;
}

/// A name record's content; false if it is damaged.
template <class = void>
bool read_name(std::span<const std::byte> body, std::uint32_t& id, std::string_view& name) noexcept {
    if (body.size() < 8) return false;
    const auto head = get<std::uint64_t>(body.data());
    const auto size = static_cast<std::size_t>(head >> 32U);
    if (size > max_metric_name_bytes || size > body.size() - 8) return false;
    id = static_cast<std::uint32_t>(head);
    name = {reinterpret_cast<const char*>(body.data()) + 8, size};
    return true;
}

/// Appends the cells of a row record; false if it is damaged (cells before the damage are there).
template <class Cells>
CAIRN_INLINE bool read_row(std::span<const std::byte> body, std::int64_t& step, std::int64_t& time_ns,
                           Cells& to) {
    if (body.size() < row_header_bytes - record_header_bytes) return false;
    const auto cells = get<std::uint64_t>(body.data());
    step = static_cast<std::int64_t>(get<std::uint64_t>(body.data() + 8));
    time_ns = whole_ms(static_cast<std::int64_t>(get<std::uint64_t>(body.data() + 16)));
    body = body.subspan(24);
    for (std::uint64_t i = 0; i < cells; ++i) {
        if (body.size() < cell_bytes) return false;
        const auto head = get<std::uint64_t>(body.data());
        const auto bits = get<std::uint64_t>(body.data() + 8);
        body = body.subspan(cell_bytes);
        // Made where it stays: a copy waits for the stores of its parts.
        auto& cell = to.emplace_back();
        cell.metric = static_cast<std::uint32_t>(head);
        const auto kind = static_cast<Value::Kind>((head >> 32U) & 0xffU);
        if (kind == Value::Kind::number) [[likely]] {
            cell.value = Value{std::bit_cast<double>(bits)};
        } else if (kind == Value::Kind::text && bits <= body.size()) {
            const auto size = static_cast<std::size_t>(bits);
            cell.value = Value{std::string_view{reinterpret_cast<const char*>(body.data()), size}};
            body = body.subspan(padded(size) <= body.size() ? padded(size) : body.size());
        } else if (kind == Value::Kind::integer || kind == Value::Kind::natural ||
                   kind == Value::Kind::boolean) {
            cell.value = Value::from_integer_bits(kind, bits);
        } else {
            to.pop_back();
            return false;
        }
    }
    return true;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/stored_row.hpp
// A row as a reader of a history has it. Costs <span>.

namespace CAIRN_NAMESPACE::detail {

/// A row or an event as it is read back; refers to what is gone after the call that it is handed to.
struct StoredRow {
    RecordKind kind = RecordKind::row;
    std::uint32_t ring = 0;  ///< each thread writes to one of its own
    std::int64_t step = 0, time_ns = 0;
    std::span<const NamedValue> values;
};

/// The name of the first value of an event, which says what kind it is.
inline constexpr std::string_view event_kind_cell = "kind";
/// What kind of event it is; empty for a row.
[[nodiscard]] inline std::string_view event_kind(const StoredRow& row) noexcept {
    const bool is_event =
        row.kind == RecordKind::event && !row.values.empty() && row.values[0].name == event_kind_cell;
    return is_event ? row.values[0].value.text() : std::string_view{};
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/alert.hpp
// Alerts: what a program wants somebody to hear of. Costs <string>.

namespace CAIRN_NAMESPACE {

/// How bad it is.
enum class AlertLevel : unsigned char { info, warn, error };

/// The level's name: "warn".
[[nodiscard]] constexpr std::string_view to_string(AlertLevel level) noexcept {
    constexpr std::array<std::string_view, 3> names{"info", "warn", "error"};
    return names[static_cast<std::size_t>(level)];
}

/// An alert, as it is recorded and as `Options::on_alert` gets it.
struct Alert {
    std::string title;                    ///< at most 1,024 bytes are kept, as of `text`
    std::string text;                     ///< more than the title says
    AlertLevel level = AlertLevel::info;  ///< how bad it is
    std::int64_t step = 0;                ///< of the newest row that the run has collected
    std::int64_t time_ns = 0;             ///< nanoseconds since the Unix epoch
    std::string project = {};             ///< for `on_alert`; empty in what is read
    std::string run = {};                 ///< the same, its id
};

/// What `run.alert` takes beside a title.
struct AlertOptions {
    std::string text = {};                ///< more than the title says
    AlertLevel level = AlertLevel::info;  ///< how bad it is
    double wait_seconds = 60;             ///< the same title again is held back for so long
};

namespace detail {

/// Holds back what was said a moment ago. Threads: one at a time.
template <class = void>
class BasicAlertGate {
  public:
    /// Whether it may be said now; if so it counts as said.
    bool takes(const std::string& title, std::uint64_t now_ns, double wait_seconds) {
        constexpr std::size_t most_known = 1000;
        if (const auto said = said_ns_.find(title); said != said_ns_.end()) {
            if (static_cast<double>(now_ns - said->second) < wait_seconds * 1e9) return false;
            said->second = now_ns;
            return true;
        }
        if (said_ns_.size() >= most_known) said_ns_.clear();  // all different: a program's mistake
        said_ns_.emplace(title, now_ns);
        return true;
    }

  private:
    std::map<std::string, std::uint64_t> said_ns_;
};

/// The event that keeps an alert.
template <class = void>
[[nodiscard]] DynamicRow to_event(const Alert& alert) {
    const std::array<NamedValue, 4> cells{NamedValue{event_kind_cell, "alert"},
                                          {"title", alert.title},
                                          {"text", alert.text},
                                          {"level", to_string(alert.level)}};
    return {alert.step, alert.time_ns, cells.data(), cells.size()};
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/combine.hpp
// The algebra: `|`, `&` and `!` on policies, and the types Any, All and Not behind them.

namespace CAIRN_NAMESPACE {

namespace detail {

/// Several policies side by side; each decides and settles on every row: no short circuit, no drift. A chain
/// is built around the one without its last member, so that `|` adds one type, however many members there
/// are; and an aggregate, since a constructor costs the compiler more than the type.
template <class Before, class P>
struct PolicyChain : Leaf<PolicyChain<Before, P>, 0, Before>, Leaf<PolicyChain<Before, P>, 1, P> {
    using First = Leaf<PolicyChain, 0, Before>;
    using Last = Leaf<PolicyChain, 1, P>;
    static constexpr std::size_t size = Before::size + 1;

    [[gnu::always_inline]] constexpr void settle(const auto& at, Outcome outcome) {
        First::get().settle(at, outcome);
        detail::settle(Last::get(), at, outcome);
    }

    [[nodiscard]] constexpr Wants wants() const noexcept { return before().wants() | wants_of(last()); }
    [[nodiscard]] constexpr Watched watched() const noexcept {
        const Watched first = before().watched();
        return first.any() ? first : watched_by(last());
    }
    [[nodiscard]] constexpr RowsHeard rows_heard() const noexcept {
        return before().rows_heard() | rows_heard_by(last());
    }
    [[nodiscard]] constexpr std::string_view rejected(const auto& at) const {
        const std::string_view first = before().rejected(at);
        return first.empty() ? rejected_by(last(), at) : first;
    }
    /// `first` joined with every member, in order, by `join`.
    [[gnu::always_inline]] constexpr auto joined_to(const auto& first, auto join) const {
        return join(before().joined_to(first, join), last());
    }
    /// Calls `f` with every member, in order.
    constexpr void for_each(auto&& f) const {
        before().for_each(f);
        f(last());
    }
    /// Those that answered as the whole did decided it.
    constexpr void explain_as(Answer whole, const auto& at, auto&& tell, Path path) const {
        before().explain_as(whole, at, tell, path);
        if (same_truth(last().decide(at), whole)) detail::explain(last(), at, tell, path.then(size - 1));
    }
    [[gnu::always_inline]] constexpr Answer decide_any(const auto& at) const {
        return before().decide_any(at) | last().decide(at);
    }
    [[gnu::always_inline]] constexpr Answer decide_all(const auto& at) const {
        return before().decide_all(at) & last().decide(at);
    }

  private:
    [[nodiscard, gnu::always_inline]] constexpr const Before& before() const noexcept { return First::get(); }
    [[nodiscard, gnu::always_inline]] constexpr const P& last() const noexcept { return Last::get(); }
};

/// The first of them. A constructor that converts, so that a chain begins with a policy as it goes on with a
/// chain.
template <class P>
struct PolicyChain<void, P> : Leaf<PolicyChain<void, P>, 0, P> {
    using Only = Leaf<PolicyChain, 0, P>;
    static constexpr std::size_t size = 1;

    PolicyChain() = default;
    [[gnu::always_inline]] constexpr PolicyChain(const P& only) : Only{only} {}

    [[gnu::always_inline]] constexpr void settle(const auto& at, Outcome outcome) {
        detail::settle(Only::get(), at, outcome);
    }
    [[nodiscard]] constexpr Wants wants() const noexcept { return wants_of(Only::get()); }
    [[nodiscard]] constexpr Watched watched() const noexcept { return watched_by(Only::get()); }
    [[nodiscard]] constexpr RowsHeard rows_heard() const noexcept { return rows_heard_by(Only::get()); }
    [[nodiscard]] constexpr std::string_view rejected(const auto& at) const {
        return rejected_by(Only::get(), at);
    }
    [[gnu::always_inline]] constexpr auto joined_to(const auto& first, auto join) const {
        return join(first, Only::get());
    }
    constexpr void for_each(auto&& f) const { f(Only::get()); }
    constexpr void explain_as(Answer whole, const auto& at, auto&& tell, Path path) const {
        if (same_truth(Only::get().decide(at), whole)) detail::explain(Only::get(), at, tell, path.then(0));
    }
    [[gnu::always_inline]] constexpr Answer decide_any(const auto& at) const {
        return Only::get().decide(at);
    }
    [[gnu::always_inline]] constexpr Answer decide_all(const auto& at) const {
        return Only::get().decide(at);
    }
};

template <class Chain, class... Ps>
struct chain_of {
    using type = Chain;
};
template <class Chain, class P, class... Ps>
struct chain_of<Chain, P, Ps...> : chain_of<PolicyChain<Chain, P>, Ps...> {};
template <class... Ps>
using ChainOf = typename chain_of<void, Ps...>::type;

/// For those who join: an `Any` is made of a chain, but not an `All` of an `Any`, which is one.
struct OfMembers {};

/// `chain`, and these after it.
template <class Chain>
[[nodiscard]] constexpr Chain extended(const Chain& chain) {
    return chain;
}
template <class Chain, class P, class... Ps>
[[nodiscard]] constexpr auto extended(const Chain& chain, const P& next, const Ps&... rest) {
    return extended(PolicyChain<Chain, P>{{chain}, {next}}, rest...);
}
template <class P, class... Ps>
[[nodiscard]] constexpr ChainOf<P, Ps...> chained(const P& first, const Ps&... rest) {
    return extended(PolicyChain<void, P>(first), rest...);
}

}  // namespace detail

/// Saves when any of these policies would: `A{} | B{}`. Unknown only if none says yes and one is unknown.
template <SavePolicy... Ps>
    requires(sizeof...(Ps) > 0)
class Any : public detail::ChainOf<Ps...> {
  public:
    using Members = detail::ChainOf<Ps...>;
    using monitors = detail::FirstMonitorOf<Ps...>;
    static constexpr detail::Chance chance = (detail::chance_of<Ps>() | ...);

    Any() = default;
    /// `cairn::Any{a, b}`: the same as `a | b`.
    constexpr explicit Any(const Ps&... policies) : Members(detail::chained(policies...)) {}
    [[gnu::always_inline]] constexpr Any(detail::OfMembers, const Members& members) : Members(members) {}

    [[gnu::always_inline]] constexpr Answer decide(const auto& at) const { return this->decide_any(at); }
    constexpr void explain(const auto& at, auto&& tell, Path path) const {
        this->explain_as(decide(at), at, tell, path);
    }
};

/// Saves when all of these policies would: `A{} & B{}`. Unknown only if none says no and one is unknown.
template <SavePolicy... Ps>
    requires(sizeof...(Ps) > 0)
class All : public detail::ChainOf<Ps...> {
  public:
    using Members = detail::ChainOf<Ps...>;
    using monitors = detail::FirstMonitorOf<Ps...>;
    static constexpr detail::Chance chance = (detail::chance_of<Ps>() & ...);

    All() = default;
    /// `cairn::All{a, b}`: the same as `a & b`.
    constexpr explicit All(const Ps&... policies) : Members(detail::chained(policies...)) {}
    [[gnu::always_inline]] constexpr All(detail::OfMembers, const Members& members) : Members(members) {}

    [[gnu::always_inline]] constexpr Answer decide(const auto& at) const { return this->decide_all(at); }
    constexpr void explain(const auto& at, auto&& tell, Path path) const {
        this->explain_as(decide(at), at, tell, path);
    }
};

/// Saves when the policy would not: `!A{}`. Unknown stays unknown, so `!Best` never fires on a missing value.
template <SavePolicy P>
class Not : public detail::Around<Not<P>, P> {
  public:
    static constexpr detail::Chance chance{};

    Not() = default;
    /// `cairn::Not{a}`: the same as `!a`.
    constexpr explicit Not(const P& policy) : detail::Around<Not, P>(policy) {}
    constexpr Answer decide(const auto& at) const { return !this->inner().decide(at); }
    constexpr void explain(const auto& at, auto&& tell, Path path) const {
        detail::explain(this->inner(), at, tell, path.then(0));
    }
    constexpr void settle(const auto& at, Outcome outcome) { this->settle_inner(at, outcome); }
};

template <class... Ps>
Any(Ps...) -> Any<Ps...>;
template <class... Ps>
All(Ps...) -> All<Ps...>;
template <class P>
Not(P) -> Not<P>;
// Not{Not{p}} negates twice; without this it would be a copy.
template <SavePolicy P>
Not(Not<P>) -> Not<Not<P>>;

namespace detail {

template <template <class...> class Pack, class P>
inline constexpr bool is_pack = false;
template <template <class...> class Pack, class... Ps>
inline constexpr bool is_pack<Pack, Pack<Ps...>> = true;

template <class P>
inline constexpr bool is_not = false;
template <class P>
inline constexpr bool is_not<Not<P>> = true;

/// `A`, or its members if it is a `Pack`, and then `B`.
template <template <class...> class Pack, class A, class B>
struct Joined {
    using type = Pack<A, B>;
    using Members = PolicyChain<PolicyChain<void, A>, B>;
};
template <template <class...> class Pack, class... As, class B>
struct Joined<Pack, Pack<As...>, B> {
    using type = Pack<As..., B>;
    using Members = PolicyChain<typename Pack<As...>::Members, B>;
};

template <class P>
concept Never = std::same_as<P, NoBestSave>;

/// Two policies that are the same one: `P | P` is then `P`.
template <class A, class B>
concept SamePure = std::same_as<A, B> && std::is_empty_v<A>;

}  // namespace detail

/// `a` or `b`: `Any<A, B>`. Laws that hold as identities of types: `NoBestSave | P` is `P`, `P | P` is `P`
/// for a policy without state, and `(a | b) | c` is `Any<A, B, C>`, as is `a | (b | c)`.
template <SavePolicy A, SavePolicy B>
[[nodiscard, gnu::always_inline]] constexpr auto operator|(const A& a, const B& b) {
    if constexpr (detail::Never<A>) {
        return b;
    } else if constexpr (detail::Never<B> || detail::SamePure<A, B>) {
        return a;
    } else if constexpr (detail::is_pack<Any, B>) {
        return b.joined_to(
            a, [](const auto& before, const auto& member) { return cairn::operator|(before, member); });
    } else {
        using Whole = detail::Joined<Any, A, B>;
        return typename Whole::type(detail::OfMembers{}, typename Whole::Members{{a}, {b}});
    }
}

/// `a` and `b`: `All<A, B>`. `NoBestSave & P` is `NoBestSave`, and the other operand is not looked at.
template <SavePolicy A, SavePolicy B>
[[nodiscard, gnu::always_inline]] constexpr auto operator&(const A& a, const B& b) {
    if constexpr (detail::Never<A> || detail::Never<B>) {
        return NoBestSave{};
    } else if constexpr (detail::SamePure<A, B>) {
        return a;
    } else if constexpr (detail::is_pack<All, B>) {
        return b.joined_to(
            a, [](const auto& before, const auto& member) { return cairn::operator&(before, member); });
    } else {
        using Whole = detail::Joined<All, A, B>;
        return typename Whole::type(detail::OfMembers{}, typename Whole::Members{{a}, {b}});
    }
}

/// One operand is a policy and the other is not: the compiler says what it lacks.
template <class A, class B>
    requires detail::OnlyOneIsAPolicy<A, B>
constexpr NoBestSave operator|(const A&, const B&) {
    detail::explain_operands<A, B>();
    return {};
}
/// The same for `&`.
template <class A, class B>
    requires detail::OnlyOneIsAPolicy<A, B>
constexpr NoBestSave operator&(const A&, const B&) {
    detail::explain_operands<A, B>();
    return {};
}

/// Not `p`: `Not<P>`; `!!p` is `p`.
template <SavePolicy P>
[[nodiscard, gnu::always_inline]] constexpr auto operator!(const P& p) {
    if constexpr (detail::is_not<P>) {
        return p.inner();
    } else {
        return Not<P>(p);
    }
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/event.hpp
// Saving when something happens beside the rows: training ends, a signal comes, an exception flies.

namespace CAIRN_NAMESPACE {

namespace detail {

[[nodiscard]] constexpr Reason reason_of_event(bool happened) noexcept {
    return {answer(happened), happened ? Rule::happened : Rule::has_not_happened, 0, 0};
}

}  // namespace detail

/// Saves when `checkpoint.finish(part…)` is called, since no type can know which row is the last one; a crash
/// saves nothing. Join it with another policy to have both: `EveryN<500>{} | OnFinish{}`. Step 0: no. Resume,
/// steps that go back: no difference, it remembers nothing.
struct OnFinish {
    static constexpr detail::Chance chance{.step = false, .failure = false};
    [[nodiscard]] static constexpr Wants wants() noexcept { return {.end = true}; }
    [[nodiscard]] static constexpr Reason reason(const auto& at) noexcept {
        return detail::reason_of_event(at.final);
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
};

/// Saves at the first `step` after SIGTERM or SIGUSR1: what a cluster sends before it takes the machine away.
/// The handler only sets a flag, so nothing is saved from inside a signal, and a loop that never comes to its
/// next `step` saves nothing; handlers that were there before still run. Where SIGTERM would have ended the
/// program it still does, right after that step, with the same exit status; SIGUSR1 lets it go on. Step 0,
/// resume, steps that go back: no difference, it remembers nothing. Choose `OnFailure` for exceptions.
struct OnSignal {
    static constexpr detail::Chance chance = detail::at_steps_only;
    [[nodiscard]] static constexpr Wants wants() noexcept { return {.signal = true}; }
    [[nodiscard]] static constexpr Reason reason(const auto& at) noexcept {
        return detail::reason_of_event(at.signal && at.is_step());
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
};

/// Saves when an exception leaves the scope of `auto guard = checkpoint.guard(part…)`, under the last row
/// that the checkpoint was stepped with. The parts are saved as they are then, so perhaps from the middle of
/// a step. Where nobody catches the exception the program may end without leaving any scope: catch it in
/// `main`. Step 0, resume, steps that go back: no difference, it remembers nothing.
struct OnFailure {
    static constexpr detail::Chance chance{.step = false, .end = false};
    [[nodiscard]] static constexpr Wants wants() noexcept { return {.failure = true}; }
    [[nodiscard]] static constexpr Reason reason(const auto& at) noexcept {
        return detail::reason_of_event(at.failure);
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }
};

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/patience.hpp
// Early stopping: the sister of the saving policies that answers `run.should_stop(row, patience)`.

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

// ---- cairn/policy/window.hpp
// Windows for any policy: only from a step on, only up to a step, only so often.

namespace CAIRN_NAMESPACE {

namespace detail {

/// A count that the program computes; a negative one is 0.
template <std::integral Integer>
[[nodiscard]] constexpr GivenCount given_count(Integer n) noexcept {
    return {n < Integer{0} ? std::int64_t{0} : static_cast<std::int64_t>(n)};
}

}  // namespace detail

/// The type behind `After` and `Until`.
template <class Count, bool From>
class StepBound : detail::Leaf<StepBound<Count, From>, 0, Count> {
    using Bound = detail::Leaf<StepBound, 0, Count>;

  public:
    static constexpr detail::Chance chance = [] {
        detail::Chance inside;
        if constexpr (Count::is_fixed) (From ? inside.first : inside.last) = Count::value - (From ? 0 : 1);
        return inside;
    }();

    constexpr StepBound() = default;
    /// With the bound as a value, for `after` and `until`.
    constexpr explicit StepBound(const Count& bound) : Bound{bound} {}

    [[nodiscard]] constexpr Reason reason(const auto& at) const noexcept {
        const bool inside = (at.step >= bound()) == From;
        const Rule rule = inside ? Rule::in_window : From ? Rule::before_window : Rule::after_window;
        return {answer(inside), rule, static_cast<double>(at.step), static_cast<double>(bound())};
    }
    [[nodiscard]] constexpr Answer decide(const auto& at) const noexcept { return reason(at).answer; }

    /// The `n`.
    [[nodiscard]] constexpr std::int64_t bound() const noexcept { return Bound::get().value; }

  private:
    static_assert(detail::is_at_least<Count>(0), "cairn: After<n> and Until<n> need an n of 0 or more");
};

/// Yes from step `n` on: `After<100>{} & Best<"loss", minimize>{}`, which `after(100, Best<…>{})` is too. The
/// policy that it is joined with hears of every row, and since references are to what was *saved*, a lucky
/// spike before step `n` spoils nothing. Step 0: `After<1>` leaves it out. Resume, steps that go back: it
/// remembers nothing.
template <std::int64_t n>
using After = StepBound<detail::FixedCount<n>, true>;

/// Yes before step `n`: the rest of `After<n>`.
template <std::int64_t n>
using Until = StepBound<detail::FixedCount<n>, false>;

/// `policy` from step `n` on; `after(n)` is the condition alone.
template <std::integral Integer>
[[nodiscard]] constexpr auto after(Integer n) noexcept {
    return StepBound<detail::GivenCount, true>{detail::given_count(n)};
}
/// The same as `after(n) & policy`.
template <std::integral Integer, class P>
[[nodiscard]] constexpr auto after(Integer n, const P& policy) {
    return after(n) & policy;
}

/// `policy` before step `n`; `until(n)` is the condition alone.
template <std::integral Integer>
[[nodiscard]] constexpr auto until(Integer n) noexcept {
    return StepBound<detail::GivenCount, false>{detail::given_count(n)};
}
/// The same as `until(n) & policy`.
template <std::integral Integer, class P>
[[nodiscard]] constexpr auto until(Integer n, const P& policy) {
    return until(n) & policy;
}

/// The type behind `First`.
template <class Count, SavePolicy P>
class FirstOf : public detail::Around<FirstOf<Count, P>, P>, detail::Leaf<FirstOf<Count, P>, 1, Count> {
    using Limit = detail::Leaf<FirstOf, 1, Count>;
    using Inside = detail::Around<FirstOf, P>;

  public:
    constexpr FirstOf() = default;
    /// For `Once` and `First<k, P>`: `Once<P>{policy}`.
    constexpr explicit FirstOf(const P& policy) : Inside(policy) {}
    /// With the count as a value, for `first`.
    constexpr FirstOf(const Count& limit, const P& policy) : Inside(policy), Limit{limit} {}

    [[nodiscard]] constexpr Answer decide(const auto& at) const {
        return spent_ < limit() ? this->inner().decide(at) : Answer::no;
    }
    constexpr void explain(const auto& at, auto&& tell, Path path) const {
        if (spent_ < limit()) {
            detail::explain(this->inner(), at, tell, path.then(0));
        } else {
            tell(*this,
                 Reason{Answer::no, Rule::spent, static_cast<double>(spent_), static_cast<double>(limit())},
                 path);
        }
    }
    constexpr void settle(const auto& at, Outcome outcome) {
        if (outcome == Outcome::saved && decide(at) == Answer::yes) ++spent_;
        this->settle_inner(at, outcome);
    }

    /// The `k`.
    [[nodiscard]] constexpr std::int64_t limit() const noexcept { return Limit::get().value; }

  private:
    std::int64_t spent_ = 0;

    static_assert(detail::is_at_least<Count>(1),
                  "cairn: First<k, P> needs a k of 1 or more; to save nothing use NoBestSave");
};

/// Lets a policy save `k` times and then no more: `First<3, Best<"loss", minimize>>`, or `first(3, …)`.
/// Counted are the versions that were saved at a row where `P` itself said yes; a save that failed is not, so
/// it may try again. Step 0: as `P`. Resume: the count is rebuilt from what was saved. Steps that go back: no
/// difference.
template <std::int64_t k, SavePolicy P>
using First = FirstOf<detail::FixedCount<k>, P>;

/// Lets a policy save once: `Once<Below<…>>` as a type, `once(Below<"val/loss">{0.1})` as a value.
template <SavePolicy P>
using Once = First<1, P>;

/// Lets `policy` save `k` times: see `First`. A `k` below 1 saves nothing.
template <std::integral Integer, class P>
[[nodiscard]] constexpr auto first(Integer k, const P& policy) {
    if constexpr (SavePolicy<P>) {
        return FirstOf<detail::GivenCount, P>{detail::given_count(k), policy};
    } else {
        detail::explain_policy<P>();
        return NoBestSave{};
    }
}
/// Lets `policy` save once.
template <class P>
[[nodiscard]] constexpr auto once(const P& policy) {
    if constexpr (SavePolicy<P>) {
        return Once<P>(policy);
    } else {
        detail::explain_policy<P>();
        return NoBestSave{};
    }
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/text.hpp
// Policies and retentions as text, the language that `parse_policy` and `parse_retention` read. Costs
// <string> and <charconv>, so it is no part of policy.hpp.

namespace CAIRN_NAMESPACE {

namespace detail {

/// How strongly a policy's text holds together: what binds less than its surroundings stands in parentheses.
enum class Binding : unsigned char { any, all, tight };

/// A text that is being written.
class Text : public std::string {
  public:
    /// A number as it is read back: exactly, and as short as can be.
    template <class Number>
    void add(Number number) {
        char digits[40];
        const auto [end, problem] = std::to_chars(digits, digits + sizeof digits, number);
        append(digits, static_cast<std::size_t>(end - digits));
    }
    /// A metric's name; in quotes if it has a character that means something.
    void add_metric(std::string_view name) {
        if (name.find_first_of(" \t\n\r\"\\(),|&!") == std::string_view::npos && !name.empty()) {
            *this += name;
            return;
        }
        *this += '"';
        for (const char c : name) {
            if (c == '"' || c == '\\') *this += '\\';
            *this += c;
        }
        *this += '"';
    }
    void add_watch(const auto& watch) {
        add_metric(watch.name());
        *this += watch.direction() == Direction::minimize ? ", min" : ", max";
    }
    /// What ends the arguments of a policy with a metric.
    void add_rules(const auto& metric, Ties ties = Ties::keep_first) {
        if (ties == Ties::keep_newest) *this += ", newest";
        if (metric.nans() == Nans::error) *this += ", nan_error";
    }
};

struct RuleText {
    std::string_view name, clause;  // '#' stands for the value, '$' for the reference
};
/// In the order of `Rule`.
inline constexpr RuleText rules[] = {
    {"custom", "it says yes"},
    {"never", "it saves by no rule"},
    {"due", "# is due"},
    {"crossed", "a multiple of $ was passed before #"},
    {"not_due", "# is not due"},
    {"first_value", "# is the first value"},
    {"better", "# beats $"},
    {"tie", "# equals the best"},
    {"worse", "# does not beat $"},
    {"below", "# is below $"},
    {"not_below", "# is not below $"},
    {"missing", "the metric is missing"},
    {"nan", "the metric is NaN"},
    {"in_window", "step # is in the window"},
    {"before_window", "step # is before $"},
    {"after_window", "step # is not before $"},
    {"spent", "it has saved # of $"},
    {"elapsed", "# s went by, of $"},
    {"too_soon", "only # s went by, of $"},
    {"in_budget", "saving took # % of the time, of $"},
    {"over_budget", "saving took # % of the time, more than $"},
    {"happened", "it happened"},
    {"has_not_happened", "it has not happened"},
    {"waiting", "# rows of $ were no better"},
    {"out_of_patience", "$ rows were no better"},
};

template <class P>
[[nodiscard]] Binding binding_of(const P& policy) noexcept {
    if constexpr (requires { policy.binding(); }) {
        return policy.binding();
    } else if constexpr (is_pack<Any, P>) {
        return Binding::any;
    } else if constexpr (is_pack<All, P>) {
        return Binding::all;
    } else {
        return Binding::tight;
    }
}

template <class P>
void spell(Text& out, const P& policy);

/// `policy` among others that are bound so.
template <class P>
void spell_inside(Text& out, const P& policy, Binding around) {
    const bool loose = binding_of(policy) < around;
    if (loose) out += "(";
    spell(out, policy);
    if (loose) out += ")";
}

// One function for each policy; the words are those that the parser knows.

inline void write(Text& out, const NoBestSave&) { out += "never"; }
inline void write(Text& out, const Manual&) { out += "manual"; }
inline void write(Text& out, const OnFinish&) { out += "finish"; }
inline void write(Text& out, const OnSignal&) { out += "signal"; }
inline void write(Text& out, const OnFailure&) { out += "failure"; }
template <class Count, class Counter>
void write(Text& out, const EveryNOf<Count, Counter>& policy) {
    out += "every(";
    out.add(policy.period());
    if constexpr (Counter::repeats) {
        out += ", ";
        out.add_metric(policy.counter().name());
    }
    out += ")";
}
template <std::int64_t First, std::int64_t... Rest>
void write(Text& out, const AtSteps<First, Rest...>&) {
    out += "steps(";
    out.add(First);
    ((out += ", ", out.add(Rest)), ...);
    out += ")";
}
inline void write(Text& out, const EveryDuration& policy) {
    out += "every(";
    out.add(policy.seconds());
    out += "s)";
}
template <class Watch, Ties T, class Margin>
void write(Text& out, const BestOf<Watch, T, Margin>& policy) {
    constexpr bool has_margin = !std::same_as<Margin, NoMargin>;
    out += has_margin ? "improves(" : "best(";
    out.add_watch(policy.watch());
    if constexpr (has_margin) {
        out += ", ";
        out.add(policy.margin());
    }
    out.add_rules(policy.watch(), T);
    out += ")";
}
template <class Held, class Watch>
void write(Text& out, const TopKOf<Held, Watch>& policy) {
    out += "top(";
    out.add(policy.size());
    out += ", ";
    out.add_watch(policy.watch());
    out.add_rules(policy.watch());
    out += ")";
}
template <class Watch, class Count>
void write(Text& out, const PatienceOf<Watch, Count>& policy) {
    out += "patience(";
    out.add_watch(policy.watch());
    out += ", ";
    out.add(policy.limit());
    if (policy.min_delta() != 0) out += ", ", out.add(policy.min_delta());
    out.add_rules(policy.watch());
    out += ")";
}
template <class Watch>
void write(Text& out, const BelowOf<Watch>& policy) {
    out += "below(";
    out.add_metric(policy.watch().name());
    out += ", ";
    out.add(policy.limit());
    out.add_rules(policy.watch());
    out += ")";
}
inline void write(Text& out, const Budget& policy) {
    out += "budget(";
    out.add(policy.percent());
    out += "%)";
}
template <class Count, bool From>
void write(Text& out, const StepBound<Count, From>& policy) {
    out += From ? "after(" : "until(";
    out.add(policy.bound());
    out += ")";
}
template <class Count, class P>
void write(Text& out, const FirstOf<Count, P>& policy) {
    out += "first(";
    out.add(policy.limit());
    out += ", ";
    spell(out, policy.inner());
    out += ")";
}
template <class P>
void write(Text& out, const AtMostEvery<P>& policy) {
    out += "at_most_every(";
    out.add(policy.seconds());
    out += "s, ";
    spell(out, policy.inner());
    out += ")";
}
template <class P>
    requires(is_pack<Any, P> || is_pack<All, P>)
void write(Text& out, const P& policy) {
    std::string_view between;
    policy.for_each([&](const auto& member) {
        out += between;
        between = is_pack<Any, P> ? " | " : " & ";
        spell_inside(out, member, binding_of(policy));
    });
}
template <class P>
void write(Text& out, const Not<P>& policy) {
    out += "!";
    spell_inside(out, policy.inner(), Binding::tight);
}

// The same for retentions.

inline void write(Text& out, const KeepAll&) { out += "all"; }
template <class Count>
void write(Text& out, const KeepLastOf<Count>& retention) {
    out += "last(";
    out.add(retention.limit());
    out += ")";
}
template <class Count>
void write(Text& out, const KeepEveryOf<Count>& retention) {
    out += "every(";
    out.add(retention.period());
    out += ")";
}
inline void write(Text& out, const KeepFor& retention) {
    out += "for(";
    out.add(retention.seconds());
    out += "s)";
}
template <class Count, class Watch, Ties T>
void write(Text& out, const KeepBestOf<Count, Watch, T>& retention) {
    out += "best(";
    out.add(retention.limit());
    out += ", ";
    out.add_watch(retention.watch());
    if (T == Ties::keep_newest) out += ", newest";
    out += ")";
}
template <class A, class B>
void write(Text& out, const KeepEither<A, B>& retention) {
    spell(out, retention.first());
    out += " | ";
    spell(out, retention.second());
}
template <class R>
void write(Text& out, const Capped<R>& retention) {
    out += "capped(";
    spell(out, retention.inner());
    out += ", ";
    out.add(retention.bytes());
    out += ")";
}

template <class P>
void spell(Text& out, const P& policy) {
    if constexpr (requires { policy.spell(out); }) {
        policy.spell(out);
    } else if constexpr (requires { write(out, policy); }) {
        write(out, policy);
    } else {
        out += "custom";  // one of the user's own that does not spell itself
    }
}

}  // namespace detail

/// A rule's name, for records: "better", "not_due".
[[nodiscard]] constexpr std::string_view to_string(Rule rule) noexcept {
    return detail::rules[static_cast<std::size_t>(rule)].name;
}

/// Why a policy answered as it did, as a clause: "0.31 beats 0.4", "1000 is due". Numbers are written so that
/// they can be read back exactly.
template <class = void>
[[nodiscard]] std::string to_text(const Reason& reason) {
    detail::Text out;
    std::string_view clause = detail::rules[static_cast<std::size_t>(reason.rule)].clause;
    if (reason.rule == Rule::custom && reason.answer != Answer::yes)
        clause = reason.answer == Answer::no ? "it says no" : "it does not know";
    for (const char c : clause) {
        if (c == '#')
            out.add(reason.value);
        else if (c == '$')
            out.add(reason.reference);
        else
            out += c;
    }
    return std::string{std::move(out)};
}

/// A policy or a retention as text: `every(500) | best(val/loss, min)`. What a program composes of ours is
/// read back by `parse_policy` or `parse_retention` as the same one; a Predicate, and a policy or retention
/// of one's own, are "custom", unless they have `void spell(auto& out) const`, which appends to `out`.
template <class P>
    requires(SavePolicy<P> || RetentionPolicy<P>)
[[nodiscard]] std::string to_text(const P& policy) {
    detail::Text out;
    detail::spell(out, policy);
    return std::string{std::move(out)};
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/decision.hpp
// What checkpoints decided, as the run records it between its rows: every save, every failure, every removal,
// every change of why nothing is saved. All other decisions follow by replay (checkpoint/detail/replay.hpp).
// Costs <string> and <vector>.

namespace CAIRN_NAMESPACE {

/// One of the policies that decided, and why.
struct Because {
    std::string policy;  ///< as text: "best(val/loss, min)"
    Path path{};         ///< where it stands in the checkpoint's policy
    Reason reason{};     ///< what it answered and compared
};

/// Something that a checkpoint decided, or that happened to one of its versions.
struct Decision {
    /// What happened.
    enum class Kind : unsigned char {
        opened,     ///< the checkpoint was made; `text` is its policy, `retention` its retention
        saved,      ///< a version was committed or, if `queued`, handed to the saving thread
        failed,     ///< a version was to be saved and could not be; `text` says why
        skipped,    ///< from this row on nothing is saved for another reason than before
        asked,      ///< nothing new, but rows went by that the checkpoint was not asked about
        noted,      ///< up to `rows` rows before this record it was asked about each; about no row
        removed,    ///< a version that `retention` does not want any more was deleted
        annotated,  ///< metrics of a version came late; `row` has them all
        restored,   ///< training goes on after a version
        stopped,    ///< a policy said that training should stop; `text` is the policy
        resumed,    ///< another session of the run begins; about no row
        written,    ///< a version that was queued is committed; about no row
        lost,       ///< a version that was queued could not be committed; `text` says why
    };
    Kind kind = Kind::asked;                 ///< what happened
    std::string checkpoint{};                ///< its name
    std::int64_t step = 0;                   ///< of the row that was decided about
    std::int64_t time_ns = 0;                ///< of that row; nanoseconds since the Unix epoch
    std::int64_t recorded_ns = 0;            ///< when it was recorded, likewise
    std::uint64_t order = 0;                 ///< counts what this session of the run recorded
    std::optional<std::uint64_t> version{};  ///< the one that was saved, removed, restored, …; none otherwise
    Answer answer = Answer::no;              ///< what the policy answered
    std::vector<Because> because{};          ///< those of the policies that decided
    /// As text; see `Kind`.
    std::string text{}, retention{};
    DynamicRow row{};  ///< the row that was decided about

    // What a decision depends on beside the row; see `At`.
    /// As in `At`.
    double seconds = 0, save_seconds = 0;
    /// As in `At`.
    bool signal = false, final = false, failure = false;
    bool by_hand = false;    ///< `checkpoint.save`, whatever the policy said
    bool queued = false;     ///< when this was recorded the version was still to be written
    std::uint64_t save = 0;  ///< tells the records of one queued version from all others of the run; or 0
    /// How many rows the thread logged since the checkpoint was last asked, the row itself included; 0: none,
    /// the row was not logged or was asked about again; `another_thread`: that was by another thread.
    std::uint64_t rows = 0;
    /// A value of `rows`.
    static constexpr std::uint64_t another_thread = std::numeric_limits<std::uint64_t>::max();
};

/// The kind's name: "saved".
[[nodiscard]] constexpr std::string_view to_string(Decision::Kind kind) noexcept {
    switch (kind) {
        case Decision::Kind::opened: return "opened";
        case Decision::Kind::saved: return "saved";
        case Decision::Kind::failed: return "failed";
        case Decision::Kind::skipped: return "skipped";
        case Decision::Kind::asked: return "asked";
        case Decision::Kind::noted: return "noted";
        case Decision::Kind::removed: return "removed";
        case Decision::Kind::annotated: return "annotated";
        case Decision::Kind::restored: return "restored";
        case Decision::Kind::stopped: return "stopped";
        case Decision::Kind::resumed: return "resumed";
        case Decision::Kind::written: return "written";
        case Decision::Kind::lost: return "lost";
    }
    return "unknown";
}

namespace detail {

/// What is recorded for replay alone.
[[nodiscard]] constexpr bool is_bookkeeping(Decision::Kind kind) noexcept {
    return kind == Decision::Kind::asked || kind == Decision::Kind::noted ||
           kind == Decision::Kind::resumed || kind == Decision::Kind::written;
}

/// By the time at which they were recorded: those of several threads come one thread after another.
template <class = void>
[[nodiscard]] std::vector<Decision> in_order(std::vector<Decision> decisions) {
    std::vector<Decision*> sorted;  // where one lies decides between equals
    sorted.reserve(decisions.size());
    for (Decision& decision : decisions) sorted.push_back(&decision);
    std::sort(sorted.begin(), sorted.end(), [](const Decision* a, const Decision* b) {
        return std::tuple{a->recorded_ns, a->order, a} < std::tuple{b->recorded_ns, b->order, b};
    });
    std::vector<Decision> out;
    out.reserve(sorted.size());
    for (Decision* decision : sorted) out.push_back(std::move(*decision));
    return out;
}

/// Why a policy answers as it does at this moment, before it hears what became of it.
template <class P, class R>
[[nodiscard]] std::vector<Because> reasons_of(const P& policy, const At<R>& at) {
    std::vector<Because> because;
    detail::explain(policy, at, [&](const auto& leaf, const Reason& reason, Path path) {
        Text text;
        spell(text, leaf);
        because.push_back({std::string{std::move(text)}, path, reason});
    });
    return because;
}

/// The word for an answer in a record and in a line.
[[nodiscard]] constexpr std::string_view answer_word(Answer answer) noexcept {
    switch (answer) {
        case Answer::no: return "no";
        case Answer::missing: return "missing";
        case Answer::nan: return "nan";
        case Answer::yes: return "yes";
    }
    return "no";
}

template <class = void>
[[nodiscard]] std::string path_text(const Path& path) {
    std::string text;
    for (std::size_t i = 0; i < path.depth() && i < Path::deepest; ++i) {
        if (i != 0) text += '.';
        text += std::to_string(path[i]);
    }
    return text;
}
template <class = void>
[[nodiscard]] Path parse_path(std::string_view text) noexcept {
    Path path;
    std::size_t place = 0;
    for (const char c : text) {
        if (c == '.') path = path.then(std::exchange(place, 0));
        if (c >= '0' && c <= '9' && place < 1000) place = place * 10 + static_cast<std::size_t>(c - '0');
    }
    return text.empty() ? path : path.then(place);
}

/// The names of a record's values. A reason is six of them in a row, from `policy` on; those
/// after `row` are the metrics of the row.
namespace field {
inline constexpr std::string_view kind = event_kind_cell, checkpoint = "checkpoint", version = "version",
                                  answer = "answer", text = "text", retention = "retention",
                                  seconds = "seconds", save_seconds = "save_seconds", flags = "flags",
                                  rows = "rows", time = "time_ns", order = "order", save = "save",
                                  policy = "policy", path = "path", rule = "rule", value = "value",
                                  reference = "reference", row = "row";
}  // namespace field

/// A decision as the journal keeps it: an event, of the time at which it is recorded, whose values have these
/// names.
template <class = void>
[[nodiscard]] DynamicRow to_event(const Decision& d, std::int64_t recorded_ns, std::uint64_t order) {
    std::vector<NamedValue> out = {{field::kind, to_string(d.kind)}, {field::checkpoint, d.checkpoint}};
    if (d.version) out.push_back({field::version, *d.version});
    out.push_back({field::answer, answer_word(d.answer)});
    if (!d.text.empty()) out.push_back({field::text, d.text});
    if (!d.retention.empty()) out.push_back({field::retention, d.retention});
    out.push_back({field::seconds, d.seconds});
    out.push_back({field::save_seconds, d.save_seconds});
    const unsigned flags = (d.signal ? 1U : 0U) | (d.final ? 2U : 0U) | (d.failure ? 4U : 0U) |
                           (d.by_hand ? 8U : 0U) | (d.queued ? 16U : 0U);
    out.push_back({field::flags, flags});
    out.push_back({field::rows, d.rows});
    if (d.save != 0) out.push_back({field::save, d.save});
    out.push_back({field::time, d.time_ns});
    out.push_back({field::order, order});
    std::vector<std::string> paths;  // seen until the event is made
    paths.reserve(d.because.size());
    for (const Because& one : d.because) {
        out.push_back({field::policy, one.policy});
        out.push_back({field::path, paths.emplace_back(path_text(one.path))});
        out.push_back({field::rule, to_string(one.reason.rule)});
        out.push_back({field::answer, answer_word(one.reason.answer)});
        out.push_back({field::value, one.reason.value});
        out.push_back({field::reference, one.reason.reference});
    }
    out.push_back({field::row, d.row.size()});
    d.row.for_each([&](std::string_view name, const Value& value) { out.push_back({name, value}); });
    return {d.step, recorded_ns, out.data(), out.size()};
}

/// The decision that an event tells; nothing if it tells none.
template <class = void>
[[nodiscard]] std::optional<Decision> decision_of(const StoredRow& event) {
    Decision d;
    d.kind = Decision::Kind::opened;
    while (event_kind(event) != to_string(d.kind)) {
        if (d.kind == Decision::Kind::lost) return std::nullopt;
        d.kind = static_cast<Decision::Kind>(static_cast<int>(d.kind) + 1);
    }
    d.step = event.step;
    d.time_ns = d.recorded_ns = event.time_ns;
    const auto answer_of = [](std::string_view word) {
        for (const Answer answer : {Answer::missing, Answer::nan, Answer::yes}) {
            if (word == answer_word(answer)) return answer;
        }
        return Answer::no;
    };
    for (std::size_t i = 1; i < event.values.size(); ++i) {
        const auto& [name, value] = event.values[i];
        if (name == field::row) {
            const auto rest = event.values.subspan(i + 1);
            d.row = DynamicRow{event.step, d.time_ns, rest.data(), rest.size()};
            break;
        }
        if (name == field::checkpoint) d.checkpoint = value.text();
        if (name == field::version) d.version = value.bits();
        if (name == field::text) d.text = value.text();
        if (name == field::retention) d.retention = value.text();
        if (name == field::seconds) d.seconds = value.number();
        if (name == field::save_seconds) d.save_seconds = value.number();
        if (name == field::rows) d.rows = value.bits();
        if (name == field::save) d.save = value.bits();
        if (name == field::order) d.order = value.bits();
        if (name == field::time) d.time_ns = static_cast<std::int64_t>(value.bits());
        if (name == field::flags) {
            d.signal = (value.bits() & 1U) != 0;
            d.final = (value.bits() & 2U) != 0;
            d.failure = (value.bits() & 4U) != 0;
            d.by_hand = (value.bits() & 8U) != 0;
            d.queued = (value.bits() & 16U) != 0;
        }
        if (name == field::policy) d.because.push_back({std::string{value.text()}});
        if (d.because.empty()) {
            if (name == field::answer) d.answer = answer_of(value.text());
            continue;
        }
        Because& one = d.because.back();
        if (name == field::path) one.path = parse_path(value.text());
        if (name == field::answer) one.reason.answer = answer_of(value.text());
        if (name == field::value) one.reason.value = value.number();
        if (name == field::reference) one.reason.reference = value.number();
        if (name == field::rule) {
            for (std::size_t r = 0; r < std::size(rules); ++r) {
                if (value.text() == rules[r].name) one.reason.rule = static_cast<Rule>(r);
            }
        }
    }
    return d;
}

}  // namespace detail

/// A decision as one line: "step 500 model: saved v3, best(val/loss, min): 0.31 beats 0.4".
template <class = void>
[[nodiscard]] std::string to_text(const Decision& d) {
    std::string line =
        "step " + std::to_string(d.step) + (d.checkpoint.empty() ? "" : " " + d.checkpoint) + ": ";
    line += to_string(d.kind);
    if (d.version) line += " " + detail::version_label(*d.version);
    if (d.by_hand) line += " by hand";
    switch (d.kind) {
        case Decision::Kind::opened: line += " with " + d.text + ", keeps " + d.retention; break;
        case Decision::Kind::removed: line += ", not wanted by " + d.retention; break;
        case Decision::Kind::failed:
        case Decision::Kind::lost: line += ", " + d.text; break;
        case Decision::Kind::annotated:
            d.row.for_each([&](std::string_view name, const Value& value) {
                detail::Text number;
                number.add(value.number());
                if (!value.is_text()) line += ", " + std::string{name} + " " + number;
            });
            break;
        default: break;
    }
    for (const Because& one : d.because) line += ", " + one.policy + ": " + to_text(one.reason);
    return line;
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/health.hpp
// What a run says of itself: nothing is lost silently. Costs <string> and <vector>.

namespace CAIRN_NAMESPACE {

/// A run's counters and first errors, as `run.health()` gives them. All counts are since this process opened
/// the run.
struct Health {
    std::uint64_t rows_logged = 0;     ///< taken by `log`
    std::uint64_t rows_collected = 0;  ///< in the summary
    std::uint64_t rows_written = 0;    ///< in the history file; those that are not lie in the journal
    std::uint64_t rows_dropped =
        0;  ///< lost: the ring stayed full for too long, or the run was finished or detached
    std::uint64_t texts_cut = 0;  ///< metric texts or names that were longer than may be stored
    std::uint64_t waits = 0;      ///< times `log` waited for room
    std::uint64_t waited_ns = 0;  ///< how long in all
    /// Times that 1 MiB of plain memory took the place of a full ring (a kill loses the rows in it).
    std::uint64_t spills = 0;
    /// What a `log` costs the thread that calls it, in nanoseconds: reading the clock and copying a row, as
    /// measured now and then and typical of the thread where it is dearest; 0 before the first.
    std::uint64_t log_ns = 0;
    std::uint64_t history_bytes = 0;      ///< written to the history file
    std::uint64_t saves_failed = 0;       ///< checkpoints and artifacts that could not be saved
    std::uint64_t saves_passed_over = 0;  ///< not made, because another was being written (`coalesce`)
    std::uint64_t media_written = 0;      ///< images, tables and other rich values
    std::uint64_t media_lost = 0;  ///< rich values that could not be encoded or written, or came too fast
    std::uint64_t alerts_held_back = 0;  ///< said again too soon
    std::uint64_t watches = 0;           ///< samples of watched models
    std::uint64_t watched_ns = 0;        ///< what they cost the threads that log
    std::uint64_t watches_left_out = 0;  ///< samples not taken, because they had cost a twentieth of the time
    bool journal_mapped =
        true;  ///< false: rows lie in plain memory until they are collected; a kill loses them
    std::vector<std::string> errors = {};  ///< the first 16 messages

    /// Nothing was dropped and nothing failed.
    [[nodiscard]] bool ok() const noexcept {
        return rows_dropped == 0 && saves_failed == 0 && media_lost == 0 && errors.empty();
    }
};

}  // namespace CAIRN_NAMESPACE

// ---- cairn/store/detail/os_sys_types.hpp
// What the calls in os_sys_posix.hpp and os_sys_windows.hpp take and give.

namespace CAIRN_NAMESPACE::detail::os {

/// What is at a path. All false and 0 if there is nothing.
struct FileStatus {
    bool exists = false;
    bool is_dir = false;
    bool is_file = false;
    bool is_link = false;
    std::uint64_t size = 0;
    std::uint64_t nlink = 0;
    std::int64_t modified_ns = 0;
    std::uint64_t device = 0;  ///< with `inode`, what tells one file from another
    std::uint64_t inode = 0;
};

}  // namespace CAIRN_NAMESPACE::detail::os

namespace CAIRN_NAMESPACE::detail::os::sys {

/// How a file is opened. Nothing that is opened reaches a program that is executed.
struct Opening {
    bool read = false;
    bool write = false;
    bool create = false;       ///< where it is not there
    bool must_be_new = false;  ///< with `create`: EEXIST if it is there
    bool append = false;       ///< with `write`: always at the end, whoever else writes
    bool folder = false;       ///< ENOTDIR if it is none
    bool follow = true;        ///< otherwise a symbolic link is ELOOP, or ENOTDIR
};
inline constexpr Opening a_folder{.read = true, .folder = true};
inline constexpr Opening a_folder_itself{.read = true, .folder = true, .follow = false};

enum class Locking : unsigned char { alone, shared, none };

/// A part of a file that is locked: one byte, which need not be there, or all of it.
struct LockRange {
    std::uint64_t at = 0;
    bool one_byte = false;
};

/// What the system says of a process: when it began, in the system's own unit, and whether only its entry is
/// left.
struct ProcessTime {
    std::uint64_t start = 0;
    bool ended = false;
};

}  // namespace CAIRN_NAMESPACE::detail::os::sys

// ---- cairn/store/detail/os_sys_posix.hpp
// The calls of Linux, macOS and the BSDs.

#if !defined(_WIN32)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <sys/mount.h>
#include <sys/random.h>
#elif defined(__FreeBSD__)
#include <sys/mount.h>
#include <sys/param.h>
#elif defined(__linux__)
#include <sys/vfs.h>
#endif

namespace CAIRN_NAMESPACE::detail::os {

static_assert(sizeof(::off_t) >= 8,
              "cairn: on this 32-bit system compile with -D_FILE_OFFSET_BITS=64, so that "
              "files may be larger than 2 GiB");

/// What the system calls an open file.
using Handle = int;
inline constexpr Handle no_handle = -1;

}  // namespace CAIRN_NAMESPACE::detail::os

namespace CAIRN_NAMESPACE::detail::os::sys {

[[nodiscard]] constexpr int flags_of(Opening how) noexcept {
    int flags = O_CLOEXEC;
    if (how.write)
        flags |= how.read ? O_RDWR : O_WRONLY;
    else
        flags |= O_RDONLY | O_NONBLOCK;  // a pipe that somebody put there must not hang us
    if (how.create) flags |= O_CREAT;
    if (how.must_be_new) flags |= O_EXCL;
    if (how.append) flags |= O_APPEND;
    if (how.folder) flags |= O_DIRECTORY;
    if (!how.follow) flags |= O_NOFOLLOW;
    return flags;
}

[[nodiscard]] inline int or_link(int fd, [[maybe_unused]] Opening how) noexcept {
#if defined(__FreeBSD__)
    if (fd < 0 && !how.follow && errno == EMLINK) errno = ELOOP;  // its word for a link that is not followed
#endif
    return fd;
}
[[nodiscard]] inline int open(const char* path, Opening how) noexcept {
    return or_link(::open(path, flags_of(how), 0666), how);
}
[[nodiscard]] inline int open_at(int folder, const char* name, Opening how) noexcept {
    return or_link(::openat(folder, name, flags_of(how)), how);
}
inline int close(int fd) noexcept { return ::close(fd); }
[[nodiscard]] inline ::ssize_t read(int fd, void* to, std::size_t n) noexcept { return ::read(fd, to, n); }
[[nodiscard]] inline ::ssize_t write(int fd, const void* from, std::size_t n) noexcept {
    return ::write(fd, from, n);
}
[[nodiscard]] inline ::ssize_t pread(int fd, void* to, std::size_t n, std::uint64_t at) noexcept {
    return ::pread(fd, to, n, static_cast<::off_t>(at));
}
[[nodiscard]] inline ::ssize_t pwrite(int fd, const void* from, std::size_t n, std::uint64_t at) noexcept {
    return ::pwrite(fd, from, n, static_cast<::off_t>(at));
}
[[nodiscard]] inline int ftruncate(int fd, std::uint64_t size) noexcept {
    return ::ftruncate(fd, static_cast<::off_t>(size));
}

[[nodiscard]] inline int read_status(int done, const struct ::stat& from, FileStatus& to) noexcept {
    if (done != 0) return done;
#if defined(__APPLE__)
    const ::timespec modified = from.st_mtimespec;
#else
    const ::timespec modified = from.st_mtim;
#endif
    to.exists = true;
    to.is_dir = S_ISDIR(from.st_mode);
    to.is_file = S_ISREG(from.st_mode);
    to.is_link = S_ISLNK(from.st_mode);
    to.size = static_cast<std::uint64_t>(from.st_size);
    to.nlink = static_cast<std::uint64_t>(from.st_nlink);
    to.modified_ns = static_cast<std::int64_t>(modified.tv_sec) * 1'000'000'000 + modified.tv_nsec;
    to.device = static_cast<std::uint64_t>(from.st_dev);
    to.inode = static_cast<std::uint64_t>(from.st_ino);
    return 0;
}
[[nodiscard]] inline int fstat(int fd, FileStatus& to) noexcept {
    struct ::stat info{};
    return read_status(::fstat(fd, &info), info, to);
}
[[nodiscard]] inline int stat(const char* path, FileStatus& to) noexcept {
    struct ::stat info{};
    return read_status(::stat(path, &info), info, to);
}
/// Of a link itself.
[[nodiscard]] inline int lstat(const char* path, FileStatus& to) noexcept {
    struct ::stat info{};
    return read_status(::lstat(path, &info), info, to);
}
/// Whether a file system, by what Linux calls it (`man 2 statfs`), may lie on another machine.
[[nodiscard]] constexpr bool is_network(std::uint32_t type) noexcept {
    switch (type) {
        case 0x6969:      // NFS
        case 0x517b:      // SMB
        case 0xff534d42:  // CIFS
        case 0xfe534d42:  // SMB 2
        case 0x5346414f:  // AFS, OpenAFS
        case 0x6b414653:  // AFS of the kernel
        case 0x73757245:  // Coda
        case 0x01021997:  // 9P
        case 0x00c36400:  // Ceph
        case 0x0bd00bd0:  // Lustre
        case 0x47504653:  // GPFS
        case 0x19830326:  // BeeGFS
        case 0x65735546:  // FUSE: sshfs, s3fs, …
            return true;
        default: return false;
    }
}
/// Whether an open file lies on this machine, so that a mapping of it can be trusted; also where the system
/// does not tell.
[[nodiscard]] inline bool is_local(int fd) noexcept {
#if defined(__linux__)
    struct ::statfs info{};
    return ::fstatfs(fd, &info) != 0 || !is_network(static_cast<std::uint32_t>(info.f_type));
#elif defined(__APPLE__) || defined(__FreeBSD__)
    struct ::statfs info{};
    return ::fstatfs(fd, &info) != 0 || (info.f_flags & MNT_LOCAL) != 0;
#else
    (void)fd;
    return true;
#endif
}
[[nodiscard]] inline int set_read_only(int fd) noexcept { return ::fchmod(fd, 0444); }
[[nodiscard]] inline int mkdir(const char* path) noexcept { return ::mkdir(path, 0777); }
[[nodiscard]] inline int rename(const char* from, const char* to) noexcept { return std::rename(from, to); }
[[nodiscard]] inline int link(const char* from, const char* to) noexcept { return ::link(from, to); }
inline int unlink(const char* path) noexcept { return ::unlink(path); }
[[nodiscard]] inline int unlink_at(int folder, const char* name) noexcept {
    return ::unlinkat(folder, name, 0);
}
[[nodiscard]] inline int rmdir_at(int folder, const char* name) noexcept {
    return ::unlinkat(folder, name, AT_REMOVEDIR);
}

/// Calls `each(name)` for all that an open folder holds, "." and ".." among it. Takes the handle.
template <class Each>
[[nodiscard]] int list(int folder, Each each) {
    ::DIR* const stream = ::fdopendir(folder);
    if (stream == nullptr) {
        const int number = errno;
        ::close(folder);
        errno = number;
        return -1;
    }
    errno = 0;
    while (const ::dirent* entry = ::readdir(stream)) {
        each(static_cast<const char*>(entry->d_name));
        errno = 0;
    }
    const int number = errno;
    ::closedir(stream);
    errno = number;
    return number == 0 ? 0 : -1;
}

/// To the disk itself, and not only to its cache.
[[nodiscard]] inline int fsync(int fd) noexcept {
#if defined(F_FULLFSYNC)
    if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
    return ::fsync(fd);
}

/// Reserves the blocks of a file, so that no later write through a mapping can fail. Gives the errno, not -1.
[[nodiscard]] inline int reserve(int fd, std::uint64_t size) noexcept {
#if defined(__APPLE__)
    (void)fd, (void)size;
    return EOPNOTSUPP;
#else
    const int number = ::posix_fallocate(fd, 0, static_cast<::off_t>(size));
    return number < 0 ? errno : number;  // it should be the number itself; zig's musl gives -1 and errno
#endif
}

/// The first `size` bytes of a file as memory, or zeros that belong to no file; nullptr on failure.
[[nodiscard]] inline void* map(Handle fd, std::size_t size, bool writable) noexcept {
    const int flags = fd == no_handle ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void* const at = ::mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, flags, fd, 0);
    return at == MAP_FAILED ? nullptr : at;
}
inline void unmap(void* at, std::size_t size) noexcept { (void)::munmap(at, size); }

#if defined(F_OFD_SETLK)
[[nodiscard]] inline struct ::flock flock_of(Locking how, LockRange part) noexcept {
    struct ::flock range{};
    const int type = how == Locking::alone ? F_WRLCK : how == Locking::shared ? F_RDLCK : F_UNLCK;
    range.l_type = static_cast<short>(type);
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<::off_t>(part.at & 0x7fff'ffff'ffff'ffffU);
    range.l_len = part.one_byte ? 1 : 0;
    return range;
}
#endif

inline void sleep_ns(long ns) noexcept {
    const ::timespec time{0, ns};
    ::nanosleep(&time, nullptr);
}
/// Takes a file, or a byte of it, or drops it, for this open file and not for the process: another open file
/// of the same process is kept out too, and closing that one drops nothing. EAGAIN if another has it. Where
/// the system has no such locks, a byte is the whole file.
[[nodiscard]] inline int lock(int fd, Locking how, LockRange part = {}) noexcept {
#if defined(F_OFD_SETLK)
    struct ::flock range = flock_of(how, part);
    if (::fcntl(fd, F_OFD_SETLK, &range) == 0) return 0;
    if (errno == EACCES) errno = EAGAIN;
    if (errno != EINVAL) return -1;
#endif
    (void)part;
    const int what = how == Locking::none ? LOCK_UN : (how == Locking::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
    for (int attempt = 0;; ++attempt) {
        if (::flock(fd, what) == 0) return 0;
        if (errno != EWOULDBLOCK || attempt == 3) return -1;
        sleep_ns(1'000'000);  // who asks by `is_locked` has it for a moment
    }
}

/// 1 if a lock of this kind is impossible because of another, 0 if it is possible, -1 on failure. Nothing is
/// taken where the system can tell.
[[nodiscard]] inline int is_locked(int fd, Locking against, LockRange part = {}) noexcept {
#if defined(F_OFD_SETLK)
    struct ::flock range = flock_of(against, part);
    if (::fcntl(fd, F_OFD_GETLK, &range) == 0) return range.l_type == F_UNLCK ? 0 : 1;
    if (errno != EINVAL) return -1;
#endif
    (void)part;
    if (lock(fd, against) != 0) return errno == EWOULDBLOCK ? 1 : -1;
    return ::flock(fd, LOCK_UN);
}

[[nodiscard]] inline void* open_library(const char* name) noexcept {
    return ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
}
using Function = void (*)();
[[nodiscard]] inline Function find_in_library(void* library, const char* name) noexcept {
    return reinterpret_cast<Function>(::dlsym(library, name));
}
/// What the process has used of all processors; negative if the system does not tell.
[[nodiscard]] inline double process_cpu_seconds() noexcept {
    ::timespec used{};
    if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return -1;
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}
[[nodiscard]] inline std::uint64_t getpid() noexcept { return static_cast<std::uint64_t>(::getpid()); }
/// Whether the process exists, as far as this one may know: 0, or -1 with ESRCH or EPERM.
[[nodiscard]] inline int exists(std::uint64_t pid) noexcept { return ::kill(static_cast<::pid_t>(pid), 0); }
[[nodiscard]] inline std::string host_name() {
    char name[257] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}
/// "Linux 6.1.0 x86_64".
[[nodiscard]] inline std::string system_name() {
    ::utsname name{};
    if (::uname(&name) != 0) return {};
    return std::string{name.sysname} + " " + name.release + " " + name.machine;
}
/// A variable of the environment, empty if there is none.
[[nodiscard]] inline std::string environment(const char* name) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): read when a run is opened
    return value != nullptr ? value : "";
}
[[nodiscard]] inline ::ssize_t readlink(const char* path, char* to, std::size_t n) noexcept {
    return ::readlink(path, to, n);
}
[[nodiscard]] inline int getentropy(void* to, std::size_t n) noexcept { return ::getentropy(to, n); }

}  // namespace CAIRN_NAMESPACE::detail::os::sys

#endif

// ---- cairn/store/detail/os_sys_windows.hpp
// The calls of Windows 10 and later, as POSIX would answer them. Every file is opened so that others may
// read, write, rename and remove it meanwhile, as on the other systems.

#if defined(_WIN32)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <cwchar>
#include <string>
#include <string_view>
#include <vector>

// A program that needs more of windows.h includes it itself, before this.
#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#if !defined(WIN32_LEAN_AND_MEAN)
#define WIN32_LEAN_AND_MEAN
#endif
#if !defined(NOGDI)
#define NOGDI
#endif
#include <windows.h>

// RtlGenRandom, under the name by which it is exported.
extern "C" __declspec(dllimport) unsigned char __stdcall SystemFunction036(void*, unsigned long);
#if defined(_MSC_VER)
#pragma comment(lib, "advapi32")
#endif

namespace CAIRN_NAMESPACE::detail::os {

/// What the system calls an open file.
using Handle = std::intptr_t;
inline constexpr Handle no_handle = -1;

}  // namespace CAIRN_NAMESPACE::detail::os

namespace CAIRN_NAMESPACE::detail::os::sys {

[[nodiscard]] inline ::HANDLE native(Handle handle) noexcept { return reinterpret_cast<::HANDLE>(handle); }

/// The errno for what `GetLastError` says.
[[nodiscard]] inline int errno_of(::DWORD number) noexcept {
    switch (number) {
        // Not a share or a drive that is away just now (EIO): what is only out of reach is not gone.
        case ERROR_FILE_NOT_FOUND:
        case ERROR_PATH_NOT_FOUND: return ENOENT;
        case ERROR_INVALID_NAME:
        case ERROR_BAD_PATHNAME: return EINVAL;
        case ERROR_FILENAME_EXCED_RANGE: return ENAMETOOLONG;
        case ERROR_ACCESS_DENIED:
        case ERROR_PRIVILEGE_NOT_HELD: return EACCES;
        case ERROR_CANT_RESOLVE_FILENAME: return ELOOP;
        case ERROR_FILE_TOO_LARGE: return EFBIG;
        case ERROR_WRITE_PROTECT: return EROFS;
        case ERROR_FILE_EXISTS:
        case ERROR_ALREADY_EXISTS: return EEXIST;
        case ERROR_DIR_NOT_EMPTY: return ENOTEMPTY;
        case ERROR_DIRECTORY: return ENOTDIR;
        case ERROR_DISK_FULL:
        case ERROR_HANDLE_DISK_FULL:
        case 1295: return ENOSPC;  // ERROR_DISK_QUOTA_EXCEEDED, which older headers lack
        case ERROR_TOO_MANY_OPEN_FILES: return EMFILE;
        case ERROR_TOO_MANY_LINKS: return EMLINK;
        case ERROR_NOT_SAME_DEVICE: return EXDEV;
        case ERROR_SHARING_VIOLATION:
        case ERROR_LOCK_VIOLATION:
        case ERROR_DELETE_PENDING:
        case ERROR_USER_MAPPED_FILE: return EBUSY;
        case ERROR_INVALID_FUNCTION:
        case ERROR_NOT_SUPPORTED:
        case ERROR_CALL_NOT_IMPLEMENTED: return ENOSYS;
        case ERROR_INVALID_HANDLE: return EBADF;
        case ERROR_INVALID_PARAMETER: return EINVAL;
        case ERROR_NOT_ENOUGH_MEMORY:
        case ERROR_OUTOFMEMORY:
        case ERROR_COMMITMENT_LIMIT: return ENOMEM;
        default: return EIO;
    }
}
/// -1, and `errno` for the call that failed last.
[[nodiscard]] inline int fail() noexcept {
    errno = errno_of(::GetLastError());
    return -1;
}
[[nodiscard]] inline int done(::BOOL worked) noexcept { return worked != 0 ? 0 : fail(); }
/// The same for a path. One that is too long, a name of it or all of it in a program without a manifest, is
/// "not found" for the system.
[[nodiscard]] inline int done(::BOOL worked, const wchar_t* path) noexcept {
    if (worked != 0) return 0;
    const ::DWORD code = ::GetLastError();
    (void)fail();
    if (code == ERROR_PATH_NOT_FOUND || code == ERROR_FILE_NOT_FOUND) {
        const std::size_t name = std::wstring_view{path}.find_last_of(L"\\/") + 1;  // 0 where there is none
        const bool long_name = std::wcslen(path + name) > 255;
        const bool long_path = std::wcslen(path) >= 248 && std::wcsncmp(path, L"\\\\?\\", 4) != 0;
        if (long_name || (long_path && code == ERROR_PATH_NOT_FOUND)) errno = ENAMETOOLONG;
    }
    return -1;
}
/// Repeats a call that fails because somebody (a virus scanner, an indexer, a backup) has the file open in a
/// way that keeps us out, which passes: for two seconds at most; for an eighth of one where it may just as
/// well be forbidden.
template <class Call>
[[nodiscard]] ::BOOL patiently(Call call, bool though_denied = true) noexcept {
    for (::DWORD pause = 1;; pause *= 2) {
        const ::BOOL worked = call();
        const ::DWORD number = worked != 0 ? 0 : ::GetLastError();
        const bool passes = (number == ERROR_SHARING_VIOLATION && pause <= 1024) ||
                            (number == ERROR_ACCESS_DENIED && though_denied && pause <= 64);
        if (!passes) {
            ::SetLastError(number);
            return worked;
        }
        ::Sleep(pause);
    }
}

inline int close(Handle file) noexcept { return done(::CloseHandle(native(file))); }

/// What an open file is. A link is what stands for another name; what deduplication or a cloud service leaves
/// in a file's place is not one, though the system calls both reparse points.
struct Attributes {
    ::DWORD bits = 0;
    bool is_link = false;
    bool is_folder = false;
};
[[nodiscard]] inline int attributes(::HANDLE file, Attributes& to) noexcept {
    ::FILE_BASIC_INFO info{};
    if (::GetFileInformationByHandleEx(file, FileBasicInfo, &info, sizeof info) == 0) return fail();
    to.bits = info.FileAttributes;
    to.is_link = false;
    if ((to.bits & FILE_ATTRIBUTE_REPARSE_POINT) != 0) {  // FAT has none, and no tags to ask for
        ::FILE_ATTRIBUTE_TAG_INFO tag{};
        if (::GetFileInformationByHandleEx(file, FileAttributeTagInfo, &tag, sizeof tag) == 0) return fail();
        to.is_link = IsReparseTagNameSurrogate(tag.ReparseTag);
    }
    to.is_folder = !to.is_link && (to.bits & FILE_ATTRIBUTE_DIRECTORY) != 0;
    return 0;
}

inline constexpr ::DWORD share_all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/// Opens what is at a path, or makes a file there, as `how` says; with `itself` a link and not what it names.
[[nodiscard]] inline ::HANDLE open_handle(const wchar_t* path, ::DWORD access, bool itself, Attributes& to,
                                          ::DWORD share = share_all, ::DWORD how = OPEN_EXISTING) noexcept {
    // With FILE_FLAG_BACKUP_SEMANTICS a folder can be opened too.
    ::DWORD flags = FILE_FLAG_BACKUP_SEMANTICS | (itself ? FILE_FLAG_OPEN_REPARSE_POINT : 0U);
    while (true) {
        ::HANDLE file = INVALID_HANDLE_VALUE;
        const auto opened = [&] {
            file = ::CreateFileW(path, access, share, nullptr, how, flags, nullptr);
            return ::BOOL{file != INVALID_HANDLE_VALUE};
        };
        if (done(patiently(opened, false), path) != 0) return INVALID_HANDLE_VALUE;
        const int known = attributes(file, to);
        const bool fetched = (flags & FILE_FLAG_OPEN_REPARSE_POINT) != 0 && !to.is_link &&
                             (to.bits & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
        if (known == 0 && !fetched) return file;
        const int number = errno;
        ::CloseHandle(file);
        errno = number;
        if (known != 0) return INVALID_HANDLE_VALUE;
        flags = FILE_FLAG_BACKUP_SEMANTICS;  // no link, but bytes that the system fetches for who opens it
                                             // plainly
    }
}

[[nodiscard]] inline Handle open(const wchar_t* path, Opening how) noexcept {
    ::DWORD access = FILE_READ_ATTRIBUTES | SYNCHRONIZE;
    if (how.read) access |= GENERIC_READ;
    if (how.write) access |= how.append ? FILE_APPEND_DATA : GENERIC_WRITE;
    Attributes is;
    // A folder that is walked through must stay where it is: see `path_in`.
    const bool pinned = how.folder && !how.follow;
    ::HANDLE const file =
        open_handle(path, access, how.must_be_new || !how.follow, is,  // a dangling link is there
                    pinned ? FILE_SHARE_READ | FILE_SHARE_WRITE : share_all,
                    how.must_be_new ? CREATE_NEW
                    : how.create    ? OPEN_ALWAYS
                                    : OPEN_EXISTING);
    if (file == INVALID_HANDLE_VALUE) return no_handle;
    int number = 0;
    if (!how.follow && is.is_link)
        number = ELOOP;
    else if (how.folder && !is.is_folder)
        number = ENOTDIR;
    else if (how.write && is.is_folder)
        number = EISDIR;
    if (number == 0) return reinterpret_cast<Handle>(file);
    ::CloseHandle(file);
    errno = number;
    return no_handle;
}

[[nodiscard]] inline Handle read(Handle file, void* to, std::size_t n) noexcept {
    ::DWORD got = 0;
    if (::ReadFile(native(file), to, static_cast<::DWORD>(n), &got, nullptr) == 0) {
        // The other end of a pipe is gone.
        return ::GetLastError() == ERROR_BROKEN_PIPE ? 0 : fail();
    }
    return static_cast<Handle>(got);
}
[[nodiscard]] inline Handle write(Handle file, const void* from, std::size_t n) noexcept {
    ::DWORD put = 0;
    if (::WriteFile(native(file), from, static_cast<::DWORD>(n), &put, nullptr) == 0) return fail();
    return static_cast<Handle>(put);
}

/// Where a file is read or written by an offset of its own, the system moves its pointer: this puts it back.
class PointerKept {
  public:
    explicit PointerKept(Handle file) noexcept : file_{native(file)} {
        ::SetFilePointerEx(file_, {}, &before_, FILE_CURRENT);
    }
    PointerKept(const PointerKept&) = delete;
    PointerKept& operator=(const PointerKept&) = delete;
    ~PointerKept() { ::SetFilePointerEx(file_, before_, nullptr, FILE_BEGIN); }

  private:
    ::HANDLE file_;
    ::LARGE_INTEGER before_{};
};
[[nodiscard]] inline ::OVERLAPPED overlapped_at(std::uint64_t at) noexcept {
    ::OVERLAPPED place{};
    place.Offset = static_cast<::DWORD>(at);
    place.OffsetHigh = static_cast<::DWORD>(at >> 32U);
    return place;
}
[[nodiscard]] inline Handle pread(Handle file, void* to, std::size_t n, std::uint64_t at) noexcept {
    const PointerKept kept{file};
    ::OVERLAPPED place = overlapped_at(at);
    ::DWORD got = 0;
    if (::ReadFile(native(file), to, static_cast<::DWORD>(n), &got, &place) == 0)
        return ::GetLastError() == ERROR_HANDLE_EOF ? 0 : fail();
    return static_cast<Handle>(got);
}
[[nodiscard]] inline Handle pwrite(Handle file, const void* from, std::size_t n, std::uint64_t at) noexcept {
    const PointerKept kept{file};
    ::OVERLAPPED place = overlapped_at(at);
    ::DWORD put = 0;
    if (::WriteFile(native(file), from, static_cast<::DWORD>(n), &put, &place) == 0) return fail();
    return static_cast<Handle>(put);
}

/// Sets one kind of information of an open file.
template <class Info>
[[nodiscard]] int set_info(::HANDLE file, ::FILE_INFO_BY_HANDLE_CLASS which, Info info) noexcept {
    return done(::SetFileInformationByHandle(file, which, &info, sizeof info));
}

[[nodiscard]] inline int ftruncate(Handle file, std::uint64_t size) noexcept {
    ::FILE_END_OF_FILE_INFO end{};
    end.EndOfFile.QuadPart = static_cast<::LONGLONG>(size);
    return set_info(native(file), FileEndOfFileInfo, end);
}

[[nodiscard]] inline std::uint64_t joined(::DWORD high, ::DWORD low) noexcept {
    return static_cast<std::uint64_t>(high) << 32U | low;
}
[[nodiscard]] inline int fstat(Handle file, FileStatus& to) noexcept {
    ::BY_HANDLE_FILE_INFORMATION info{};
    Attributes is;
    if (::GetFileInformationByHandle(native(file), &info) == 0 || attributes(native(file), is) != 0)
        return fail();
    to.exists = true;
    to.is_link = is.is_link;
    to.is_dir = is.is_folder;
    to.is_file = !to.is_link && !to.is_dir && ::GetFileType(native(file)) == FILE_TYPE_DISK;
    to.size = joined(info.nFileSizeHigh, info.nFileSizeLow);
    to.nlink = info.nNumberOfLinks;
    // In 100 ns since 1601-01-01.
    const std::uint64_t time =
        joined(info.ftLastWriteTime.dwHighDateTime, info.ftLastWriteTime.dwLowDateTime);
    to.modified_ns = (static_cast<std::int64_t>(time) - 116'444'736'000'000'000) * 100;
    to.device = info.dwVolumeSerialNumber;
    to.inode = joined(info.nFileIndexHigh, info.nFileIndexLow);
    return 0;
}
[[nodiscard]] inline int status_of(const wchar_t* path, FileStatus& to, bool itself) noexcept {
    Attributes is;
    const ::HANDLE file = open_handle(path, FILE_READ_ATTRIBUTES, itself, is);
    if (file == INVALID_HANDLE_VALUE) return -1;
    const int got = fstat(reinterpret_cast<Handle>(file), to);
    ::CloseHandle(file);
    return got;
}
[[nodiscard]] inline int stat(const wchar_t* path, FileStatus& to) noexcept {
    return status_of(path, to, false);
}
/// Of a link itself.
[[nodiscard]] inline int lstat(const wchar_t* path, FileStatus& to) noexcept {
    return status_of(path, to, true);
}

/// Whether an open file lies on this machine.
[[nodiscard]] inline bool is_local(Handle file) noexcept {
    ::FILE_REMOTE_PROTOCOL_INFO info{};  // told of files that do not
    return ::GetFileInformationByHandleEx(native(file), ::FileRemoteProtocolInfo, &info, sizeof info) == 0;
}
[[nodiscard]] inline int set_read_only(const wchar_t* path) noexcept {
    const ::DWORD bits = ::GetFileAttributesW(path);
    return done(bits != INVALID_FILE_ATTRIBUTES &&
                    ::SetFileAttributesW(path, bits | FILE_ATTRIBUTE_READONLY) != 0,
                path);
}
[[nodiscard]] inline int set_read_only(Handle file) noexcept {
    Attributes is;
    if (attributes(native(file), is) != 0) return -1;
    ::FILE_BASIC_INFO info{};  // times of 0 stay as they are
    info.FileAttributes = is.bits | FILE_ATTRIBUTE_READONLY;
    return set_info(native(file), FileBasicInfo, info);
}
[[nodiscard]] inline int mkdir(const wchar_t* path) noexcept {
    return done(::CreateDirectoryW(path, nullptr), path);
}
[[nodiscard]] inline int link(const wchar_t* from, const wchar_t* to) noexcept {
    return done(::CreateHardLinkW(to, from, nullptr), to);
}
/// Replaces what is at `to`, though it be open or read-only, as on the other systems.
[[nodiscard]] inline int rename(const wchar_t* from, const wchar_t* to) {
    std::wstring target(::GetFullPathNameW(to, 0, nullptr, nullptr), L'\0');
    const ::DWORD length =
        ::GetFullPathNameW(to, static_cast<::DWORD>(target.size()), target.data(), nullptr);
    if (length == 0) return fail();
    Attributes is;
    const ::HANDLE file = open_handle(from, DELETE | SYNCHRONIZE | FILE_READ_ATTRIBUTES, true, is);
    if (file == INVALID_HANDLE_VALUE) return -1;
    // A FILE_RENAME_INFO holds the name in itself. Its flags: replace, POSIX semantics, even if read-only.
    std::vector<::FILE_RENAME_INFO> room(2 + length * sizeof(wchar_t) / sizeof(::FILE_RENAME_INFO));
    const ::DWORD flags = 0x1 | 0x2 | 0x40;
    std::memcpy(room.data(), &flags, sizeof flags);
    room[0].FileNameLength = static_cast<::DWORD>(length * sizeof(wchar_t));
    std::memcpy(room[0].FileName, target.c_str(), length * sizeof(wchar_t));
    constexpr auto FileRenameInfoEx = static_cast<::FILE_INFO_BY_HANDLE_CLASS>(22);
    const ::BOOL renamed = patiently([&] {
        return ::SetFileInformationByHandle(file, FileRenameInfoEx, room.data(),
                                            static_cast<::DWORD>(room.size() * sizeof(::FILE_RENAME_INFO)));
    });
    const int number = renamed != 0 ? 0 : errno_of(::GetLastError());
    ::CloseHandle(file);
    if (number == ENOSYS || number == EINVAL)  // a file system that knows only the old way
        return done(patiently([&] { return ::MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING); }), to);
    errno = number;
    return number == 0 ? 0 : -1;
}

/// Removes a name, of a file that may be open or read-only, as on the other systems.
[[nodiscard]] inline int remove_name(const wchar_t* path, bool folder) noexcept {
    Attributes is;
    const ::HANDLE file = open_handle(path, DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES, true, is);
    if (file == INVALID_HANDLE_VALUE) return -1;
    int removed = -1;
    if (is.is_folder != folder) {
        errno = folder ? ENOTDIR : EISDIR;
    } else {
        // A FILE_DISPOSITION_INFO_EX: delete, POSIX semantics, even if read-only.
        constexpr auto FileDispositionInfoEx = static_cast<::FILE_INFO_BY_HANDLE_CLASS>(21);
        removed = done(
            // Not though denied: so it is for a file that is mapped, which stays so.
            patiently([&] { return set_info(file, FileDispositionInfoEx, ::DWORD{0x1 | 0x2 | 0x10}) == 0; },
                      false));
        if (removed != 0 &&
            (errno == ENOSYS || errno == EINVAL)) {  // a file system that knows only the old way
            const auto set_bits = [&](::DWORD bits) {
                ::FILE_BASIC_INFO info{};
                info.FileAttributes = bits;
                return set_info(file, FileBasicInfo, info);
            };
            const bool sealed = (is.bits & FILE_ATTRIBUTE_READONLY) != 0;
            const ::DWORD open_bits = is.bits & ~static_cast<::DWORD>(FILE_ATTRIBUTE_READONLY);
            if (sealed) (void)set_bits(open_bits == 0 ? FILE_ATTRIBUTE_NORMAL : open_bits);
            ::FILE_DISPOSITION_INFO gone{};
            gone.DeleteFile = TRUE;
            removed = set_info(file, FileDispositionInfo, gone);
            // Other names of the file stay sealed, and so does this one if it could not be removed.
            const int number = errno;
            if (sealed) (void)set_bits(is.bits);
            errno = number;
        }
    }
    const int number = errno;
    ::CloseHandle(file);
    errno = number;
    return removed;
}
inline int unlink(const wchar_t* path) noexcept { return remove_name(path, false); }

[[nodiscard]] inline std::wstring wide(std::string_view utf8) {
    std::wstring out(utf8.size(), L'\0');
    const int length = static_cast<int>(utf8.size());
    const int n =
        length == 0 ? 0 : ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), length, out.data(), length);
    out.resize(static_cast<std::size_t>(n));
    return out;
}
[[nodiscard]] inline std::string utf8(std::wstring_view wide) {
    std::string out(3 * wide.size(), '\0');  // a unit is three bytes at most
    const int length = static_cast<int>(wide.size());
    const int n = length == 0 ? 0
                              : ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length, out.data(),
                                                      static_cast<int>(out.size()), nullptr, nullptr);
    out.resize(static_cast<std::size_t>(n));
    return out;
}

/// A path to `name` in an open folder; empty, with `errno`, on failure. It means that folder for as long as
/// the handle is open: a folder that is walked through is opened so that nobody can move it.
[[nodiscard]] inline std::wstring path_in(Handle folder, std::string_view name) {
    for (const ::DWORD kind :
         {::DWORD{FILE_NAME_NORMALIZED}, ::DWORD{FILE_NAME_OPENED}}) {  // some shares know only the second
        const ::DWORD room = ::GetFinalPathNameByHandleW(native(folder), nullptr, 0, kind);
        std::wstring path(room, L'\0');
        const ::DWORD n =
            room == 0 ? 0 : ::GetFinalPathNameByHandleW(native(folder), path.data(), room, kind);
        if (n == 0 || n >= path.size()) continue;
        path.resize(n);
        return name == "." ? path : path + L'\\' + wide(name);
    }
    errno = EIO;  // not the system's own number: "not found" would be taken for an empty folder
    return {};
}
[[nodiscard]] inline Handle open_at(Handle folder, const char* name, Opening how) {
    const std::wstring path = path_in(folder, name);
    return path.empty() ? no_handle : open(path.c_str(), how);
}
[[nodiscard]] inline int unlink_at(Handle folder, const char* name) {
    const std::wstring path = path_in(folder, name);
    return path.empty() ? -1 : remove_name(path.c_str(), false);
}
[[nodiscard]] inline int rmdir_at(Handle folder, const char* name) {
    const std::wstring path = path_in(folder, name);
    return path.empty() ? -1 : remove_name(path.c_str(), true);
}

/// Calls `each(name)` for all that an open folder holds, "." and ".." among it. Takes the handle.
template <class Each>
[[nodiscard]] int list(Handle folder, Each each) {
    struct Closed {
        Handle file;
        ~Closed() { close(file); }
    };
    const Closed closed{folder};
    alignas(8) unsigned char room[8192];
    while (::GetFileInformationByHandleEx(native(folder), FileIdBothDirectoryInfo, room, sizeof room) != 0) {
        for (std::size_t at = 0;;) {
            ::FILE_ID_BOTH_DIR_INFO entry{};
            std::memcpy(&entry, room + at, offsetof(::FILE_ID_BOTH_DIR_INFO, FileName));
            std::wstring name(entry.FileNameLength / sizeof(wchar_t), L'\0');
            std::memcpy(name.data(), room + at + offsetof(::FILE_ID_BOTH_DIR_INFO, FileName),
                        entry.FileNameLength);
            each(utf8(name));
            if (entry.NextEntryOffset == 0) break;
            at += entry.NextEntryOffset;
        }
    }
    return ::GetLastError() == ERROR_NO_MORE_FILES ? 0 : fail();
}

/// To the disk itself. Of a folder there is nothing to do: NTFS keeps its names in a journal of its own.
[[nodiscard]] inline int fsync(Handle file) noexcept {
    if (::FlushFileBuffers(native(file)) != 0) return 0;
    const ::DWORD number = ::GetLastError();
    Attributes is;
    if (number == ERROR_ACCESS_DENIED && attributes(native(file), is) == 0 && is.is_folder) return 0;
    errno = errno_of(number);
    return -1;
}

/// Reserves the blocks of a file, so that no later write through a mapping can fail. Gives the errno, not -1.
[[nodiscard]] inline int reserve(Handle file, std::uint64_t size) noexcept {
    FileStatus info;
    if (fstat(file, info) != 0) return errno;
    if (info.size >= size) return 0;
    return ftruncate(file, size) == 0 ? 0 : errno;  // NTFS gives a file its clusters when its end is set
}

/// The first `size` bytes of a file as memory, or zeros that belong to no file; nullptr on failure.
[[nodiscard]] inline void* map(Handle file, std::size_t size, bool writable) noexcept {
    const auto wide = static_cast<std::uint64_t>(size);
    const ::HANDLE section =
        ::CreateFileMappingW(native(file), nullptr, writable ? PAGE_READWRITE : PAGE_READONLY,
                             static_cast<::DWORD>(wide >> 32U), static_cast<::DWORD>(wide), nullptr);
    if (section == nullptr) return (void)fail(), nullptr;
    void* const at =
        ::MapViewOfFile(section, writable ? FILE_MAP_READ | FILE_MAP_WRITE : FILE_MAP_READ, 0, 0, size);
    if (at == nullptr) (void)fail();
    const int number = errno;
    ::CloseHandle(section);  // the view holds it
    errno = number;
    return at;
}
inline void unmap(void* at, std::size_t) noexcept { ::UnmapViewOfFile(at); }

// A lock keeps readers and writers from the bytes it is on: so it is on bytes that no file has.
[[nodiscard]] inline ::OVERLAPPED place_of(LockRange part) noexcept {
    constexpr std::uint64_t beyond = 0x4000'0000'0000'0000U;
    return overlapped_at(part.one_byte ? beyond + 1 + part.at % (beyond - 1) : beyond);
}
[[nodiscard]] inline int try_lock(Handle file, Locking how, LockRange part) noexcept {
    ::OVERLAPPED place = place_of(part);
    const ::DWORD flags = LOCKFILE_FAIL_IMMEDIATELY | (how == Locking::alone ? LOCKFILE_EXCLUSIVE_LOCK : 0U);
    if (::LockFileEx(native(file), flags, 0, 1, 0, &place) != 0) return 0;
    const ::DWORD number = ::GetLastError();
    errno = number == ERROR_LOCK_VIOLATION || number == ERROR_IO_PENDING ? EAGAIN : errno_of(number);
    return -1;
}
/// Takes a file, or a byte of it, or drops it, for this open file and not for the process: another open file
/// of the same process is kept out too. EAGAIN if another has it, for longer than `is_locked` would.
[[nodiscard]] inline int lock(Handle file, Locking how, LockRange part = {}) noexcept {
    if (how == Locking::none) {
        ::OVERLAPPED place = place_of(part);
        return done(::UnlockFileEx(native(file), 0, 1, 0, &place));
    }
    int taken = try_lock(file, how, part);
    for (int i = 0; i < 4 && taken != 0 && errno == EAGAIN; ++i) {
        ::Sleep(5);
        taken = try_lock(file, how, part);
    }
    return taken;
}
/// 1 if a lock of this kind is impossible because of another, 0 if it is possible, -1 on failure. The system
/// cannot tell but by taking it for a moment.
[[nodiscard]] inline int is_locked(Handle file, Locking against, LockRange part = {}) noexcept {
    if (try_lock(file, against, part) != 0) return errno == EAGAIN ? 1 : -1;
    return lock(file, Locking::none, part);
}

[[nodiscard]] inline std::uint64_t getpid() noexcept { return ::GetCurrentProcessId(); }
/// When a process began, in 100 ns since 1601, and whether only handles of it are left.
[[nodiscard]] inline void* open_library(const char* name) noexcept {
    return ::LoadLibraryExA(name, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
}
using Function = void (*)();
[[nodiscard]] inline Function find_in_library(void* library, const char* name) noexcept {
    return reinterpret_cast<Function>(::GetProcAddress(static_cast<::HMODULE>(library), name));
}
/// What the process has used of all processors; negative if the system does not tell.
[[nodiscard]] inline double process_cpu_seconds() noexcept {
    ::FILETIME times[4]{};  // began, ended, in the kernel, outside; in units of 100 ns
    if (::GetProcessTimes(::GetCurrentProcess(), &times[0], &times[1], &times[2], &times[3]) == 0) return -1;
    const auto seconds = [](const ::FILETIME& time) {
        return static_cast<double>(joined(time.dwHighDateTime, time.dwLowDateTime)) / 1e7;
    };
    return seconds(times[2]) + seconds(times[3]);
}
[[nodiscard]] inline int process_time(std::uint64_t pid, ProcessTime& to) noexcept {
    const ::HANDLE process =
        ::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, static_cast<::DWORD>(pid));
    if (process == nullptr) {
        errno = ::GetLastError() == ERROR_INVALID_PARAMETER ? ESRCH : EPERM;
        return -1;
    }
    ::FILETIME began{};
    ::FILETIME other[3]{};
    const ::BOOL known = ::GetProcessTimes(process, &began, &other[0], &other[1], &other[2]);
    to.ended = ::WaitForSingleObject(process, 0) == WAIT_OBJECT_0;
    ::CloseHandle(process);
    to.start = joined(began.dwHighDateTime, began.dwLowDateTime);
    return done(known);
}
/// Whether the process exists, as far as this one may know: 0, or -1 with ESRCH or EPERM.
[[nodiscard]] inline int exists(std::uint64_t pid) noexcept {
    ProcessTime time;
    return process_time(pid, time);
}
[[nodiscard]] inline std::string host_name() {
    wchar_t name[256];
    ::DWORD size = 256;
    return ::GetComputerNameExW(ComputerNameDnsHostname, name, &size) != 0 ? utf8({name, size})
                                                                           : std::string{};
}
[[nodiscard]] inline std::string system_name() { return "Windows"; }
/// A variable of the environment, empty if there is none.
[[nodiscard]] inline std::string environment(const char* name) {
    const std::wstring key = wide(name);
    std::wstring value(::GetEnvironmentVariableW(key.c_str(), nullptr, 0), L'\0');
    value.resize(::GetEnvironmentVariableW(key.c_str(), value.data(), static_cast<::DWORD>(value.size())));
    return utf8(value);
}
[[nodiscard]] inline int getentropy(void* to, std::size_t n) noexcept {
    return ::SystemFunction036(to, static_cast<unsigned long>(n)) != 0 ? 0 : -1;
}
inline void sleep_ns(long ns) noexcept { ::Sleep(static_cast<::DWORD>((ns + 999'999) / 1'000'000)); }

}  // namespace CAIRN_NAMESPACE::detail::os::sys

#endif

// ---- cairn/store/detail/os_sys.hpp
// The calls into the operating system, one thin function for each; nothing else in the library makes one that
// touches a file. They are POSIX's, with its errors in `errno`; each system has them in a file of its own.

namespace CAIRN_NAMESPACE::detail::os::sys {

/// Repeats a call that a signal broke off.
template <class Call>
[[nodiscard]] auto retry(Call call) {
    auto done = call();
    while (done < 0 && errno == EINTR) done = call();
    return done;
}

}  // namespace CAIRN_NAMESPACE::detail::os::sys

// ---- cairn/store/detail/os_error.hpp
// What the operating system's error numbers mean here, and what to do about each.

namespace CAIRN_NAMESPACE::detail::os {

using Path = std::filesystem::path;

/// The path that a name in UTF-8 means: names are that in folders, manifests and the environment.
template <class = void>
[[nodiscard]] Path path_of(std::string_view name) {
#if defined(_WIN32)
    return Path{sys::wide(name)};
#else
    return Path{name};
#endif
}

/// A path as others take it and as it is printed, in UTF-8.
template <class = void>
[[nodiscard]] std::string utf8_of(const Path& path) {
#if defined(_WIN32)
    return sys::utf8(path.native());
#else
    return path.native();
#endif
}

/// A code, and advice that needs no more than the number to be given.
struct Meaning {
    errc code;
    std::string_view advice;
};

template <class = void>
[[nodiscard]] Meaning meaning(int number) noexcept {
    switch (number) {
        case ENOSPC: return {errc::no_space, "free space, or set CAIRN_DIR to a folder on a bigger disk"};
#if defined(EDQUOT)
        case EDQUOT:
            return {errc::no_space, "the quota is used up: free space, or set CAIRN_DIR to another disk"};
#endif
        case EFBIG:
            return {errc::no_space, "the file would be larger than the file system or `ulimit -f` allows"};
        case EACCES:
        case EPERM:
            return {errc::permission, "make it readable and writable for this user, or set CAIRN_DIR"};
        case EROFS:
            return {errc::permission, "the disk is mounted read-only: set CAIRN_DIR to one that is not"};
        case ENOENT: return {errc::not_found, "check the path; a folder above it may be missing"};
        case ENOTDIR:
            return {errc::not_found, "a part of the path is a file and not a folder: move that file away"};
        case EEXIST:
        case ENOTEMPTY: return {errc::already_exists, "choose another name, or remove it first"};
        case EMFILE:
            return {errc::io, "this process has too many open files: close some, or raise `ulimit -n`"};
        case ENFILE: return {errc::io, "the machine has too many open files: close some programs"};
        case ENAMETOOLONG:
            return {errc::invalid_argument, "use a shorter name, or a CAIRN_DIR nearer to the root"};
        case EISDIR: return {errc::invalid_argument, "this is a folder where a file is wanted: name a file"};
        case ELOOP:
            return {errc::invalid_argument,
                    "symbolic links are not followed here: put the file itself there"};
        case EAGAIN:
        case EBUSY:
        case ETXTBSY: return {errc::busy, "another process uses it: wait, or stop that process"};
        case ENOLCK:
        case ENOSYS:
        case EOPNOTSUPP:
            return {errc::unsupported,
                    "this file system lacks what the store needs (locks, for one): set CAIRN_DIR to "
                    "a local disk, or mount it with locks"};
        case EXDEV: return {errc::unsupported, "keep the whole store on one file system"};
        case EMLINK: return {errc::unsupported, "the file has as many links as the file system allows"};
        case ENOMEM: return {errc::io, "memory is short: close programs, or save less at once"};
        case EIO:
            return {errc::io, "the disk reports a failure: look at the system's log and save elsewhere"};
#if defined(ESTALE)
        case ESTALE: return {errc::io, "the network disk lost the file: mount it again"};
#endif
        default: return {errc::io, "look at the system's log; set CAIRN_DIR to try another disk"};
    }
}

/// The error that `number` (an errno) stands for: "cannot <tried>: <the system's words>".
template <class = void>
[[nodiscard]] error failure_of(int number, std::string_view tried, const Path& path) {
    const Meaning what = meaning(number);
    return error{what.code, "cannot " + std::string{tried} + ": " + std::generic_category().message(number),
                 path.string(), std::string{what.advice}};
}

/// The error of the system call that failed last.
template <class = void>
[[nodiscard]] error failure(std::string_view tried, const Path& path) {
    return failure_of(errno, tried, path);
}

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_file.hpp
// An open file: interrupted calls are repeated, short writes continued, and every failure names its path.

namespace CAIRN_NAMESPACE::detail::os {

/// Whether a symbolic link at the end of a path stands for its target.
enum class Links : unsigned char { follow, refuse };

/// Owns a handle: closed when it goes, never inherited by an executed program. Threads: one at a time.
template <class = void>
class BasicFile {
  public:
    BasicFile() = default;
    BasicFile(BasicFile&& other) noexcept
        : handle_{std::exchange(other.handle_, no_handle)}, path_{std::move(other.path_)} {}
    BasicFile& operator=(BasicFile&& other) noexcept {
        if (this != &other) {
            drop();
            handle_ = std::exchange(other.handle_, no_handle);
            path_ = std::move(other.path_);
        }
        return *this;
    }
    ~BasicFile() { drop(); }

    /// An existing regular file, to be read. A folder, a pipe or a device is refused, and never waited for.
    static result<BasicFile> open_read(const Path& path, Links links = Links::follow);
    /// A file that did not exist, to be written. Fails: already_exists.
    static result<BasicFile> create_new(const Path& path) {
        return open(path, {.read = true, .write = true, .create = true, .must_be_new = true}, "create");
    }
    /// A file to be read and written; made if it is not there. A link that somebody put there is refused
    /// unless the path is the caller's own choice: what is written must not go out of a store.
    static result<BasicFile> open_read_write(const Path& path, Links links = Links::refuse) {
        return open(path, {.read = true, .write = true, .create = true, .follow = links == Links::follow},
                    "open");
    }
    /// A file that grows at its end, whoever else writes to it; made if it is not there. No link.
    static result<BasicFile> open_append(const Path& path) {
        return open(path, {.write = true, .create = true, .append = true, .follow = false}, "open");
    }

    /// Writes all of `bytes`, or says why not; what was written before a failure stays in the file.
    result<void> write_all(std::span<const std::byte> bytes) {
        return put(bytes,
                   [this](const std::byte* from, std::size_t n) { return sys::write(handle_, from, n); });
    }
    result<void> write_text(std::string_view text) { return write_all(bytes_of(text)); }
    /// The same at a place, without moving where `write_all` goes on.
    result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
        return put(bytes, [this, &offset](const std::byte* from, std::size_t n) {
            const auto done = sys::pwrite(handle_, from, n, offset);
            if (done > 0) offset += static_cast<std::uint64_t>(done);
            return done;
        });
    }
    /// Reads at most `to.size()` bytes; 0 at the end of the file.
    [[nodiscard]] result<std::size_t> read_some(std::span<std::byte> to) {
        const auto got = sys::retry([&] { return sys::read(handle_, to.data(), chunk(to.size())); });
        if (got < 0) return failure("read", path_);
        return static_cast<std::size_t>(got);
    }
    /// Fills `to` from a place, less only at the end of the file.
    [[nodiscard]] result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const;
    /// The rest of the file. Fails: corrupt if it is longer than `max` bytes.
    [[nodiscard]] result<std::string> read_all(std::uint64_t max);

    [[nodiscard]] result<std::uint64_t> size() const {
        FileStatus info;
        if (sys::fstat(handle_, info) != 0) return failure("look at", path_);
        return info.size;
    }
    result<void> truncate(std::uint64_t size) {
        if (sys::retry([&] { return sys::ftruncate(handle_, size); }) != 0) return failure("resize", path_);
        return {};
    }
    /// Makes it read-only for everybody (the open handle still writes).
    result<void> set_read_only() {
        if (sys::set_read_only(handle_) != 0) return failure("make read-only", path_);
        return {};
    }
    /// Waits until the bytes are on the disk. Cost: milliseconds.
    result<void> sync() {
        if (sys::retry([&] { return sys::fsync(handle_); }) != 0) return failure("sync", path_);
        return {};
    }
    /// Closes it and tells what only closing finds out (a quota on a network disk).
    result<void> close() {
        if (handle_ == no_handle) return {};
        // Not repeated after EINTR: the handle is gone, and its number may be another file's by then.
        if (sys::close(std::exchange(handle_, no_handle)) != 0 && errno != EINTR)
            return failure("close", path_);
        return {};
    }

    [[nodiscard]] bool is_open() const noexcept { return handle_ != no_handle; }
    [[nodiscard]] const Path& path() const noexcept { return path_; }
    [[nodiscard]] Handle native_handle() const noexcept { return handle_; }

  private:
    BasicFile(Handle handle, Path path) : handle_{handle}, path_{std::move(path)} {}

    static result<BasicFile> open(const Path& path, sys::Opening how, std::string_view tried) {
        const Handle handle = sys::retry([&] { return sys::open(path.c_str(), how); });
        if (handle < 0) return failure(tried, path);
        return BasicFile{handle, path};
    }
    // Some systems refuse a call for more than 2 GiB.
    static std::size_t chunk(std::size_t n) noexcept { return n < (1U << 30U) ? n : (1U << 30U); }

    template <class Write>
    result<void> put(std::span<const std::byte> bytes, Write write) {
        while (!bytes.empty()) {
            const auto done = sys::retry([&] { return write(bytes.data(), chunk(bytes.size())); });
            if (done < 0) return failure("write", path_);
            if (done == 0) return failure_of(ENOSPC, "write", path_);
            bytes = bytes.subspan(static_cast<std::size_t>(done));
        }
        return {};
    }
    void drop() noexcept {
        if (handle_ != no_handle) sys::close(std::exchange(handle_, no_handle));
    }

    Handle handle_ = no_handle;
    Path path_;
};
using File = BasicFile<>;

template <class X>
result<BasicFile<X>> BasicFile<X>::open_read(const Path& path, Links links) {
    auto file = open(path, {.read = true, .follow = links == Links::follow}, "open");
    if (!file) return file;
    FileStatus info;
    if (sys::fstat(file->handle_, info) != 0) return failure("look at", path);
    if (!info.is_file) {
        return error{errc::invalid_argument, "cannot read what is not a regular file", path.string(),
                     "put a regular file there"};
    }
    return file;
}

template <class X>
result<std::size_t> BasicFile<X>::read_at(std::uint64_t offset, std::span<std::byte> to) const {
    std::size_t done = 0;
    while (done < to.size()) {
        const auto rest = to.subspan(done);
        const auto got =
            sys::retry([&] { return sys::pread(handle_, rest.data(), chunk(rest.size()), offset + done); });
        if (got < 0) return failure("read", path_);
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

template <class X>
result<std::string> BasicFile<X>::read_all(std::uint64_t max) {
    const auto expected = size();
    if (!expected) return expected.error();
    const auto too_long = [&] {
        return error{errc::corrupt,
                     "the file is longer than the " + std::to_string(max) + " bytes it can have",
                     path_.string(), "restore it from a copy, or remove it"};
    };
    if (*expected > max) return too_long();
    // One byte more than expected, so that the end is seen without growing; files in /proc say 0.
    std::string text(static_cast<std::size_t>(*expected) + 1, '\0');
    std::size_t used = 0;
    while (true) {
        if (used == text.size()) text.resize(text.size() * 2 + 4096);
        const auto got = read_some(writable_bytes_of(text).subspan(used));
        if (!got) return got.error();
        if (*got == 0) break;
        used += *got;
        if (used > max) return too_long();
    }
    text.resize(used);
    return text;
}

/// The text of a file that the kernel makes up; empty if there is none.
template <class = void>
[[nodiscard]] std::string kernel_file(const std::string& path) {
    auto file = File::open_read(path);
    auto text = file ? file->read_all(std::size_t{1} << 20U) : result<std::string>{error{}};
    return text ? std::move(*text) : std::string{};
}

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_folder.hpp
// Folders and names: making, listing, moving and removing. Removal is bounded to a folder and follows no
// link.

namespace CAIRN_NAMESPACE::detail::os {

/// Nothing there is an answer, not a failure.
template <class = void>
[[nodiscard]] result<FileStatus> status(const Path& path, Links links = Links::follow) {
    FileStatus out;
    const int got = links == Links::follow ? sys::stat(path.c_str(), out) : sys::lstat(path.c_str(), out);
    if (got == 0 || errno == ENOENT || errno == ENOTDIR) return out;
    return failure("look at", path);
}

/// How many bytes this user may still write to the file system that has a path. Fails: not_found.
template <class = void>
result<std::uint64_t> free_bytes(const Path& path) {
    std::error_code problem;
    const auto space = std::filesystem::space(path, problem);
    if (!problem) return std::uint64_t{space.available};
    return error{errc::io, "cannot tell how much space is free: " + problem.message(), path.string(), ""};
}

/// Makes one folder. Fails: already_exists.
template <class = void>
result<void> make_dir(const Path& path) {
    if (sys::mkdir(path.c_str()) != 0) return failure("make the folder", path);
    return {};
}

/// Makes a folder and those above it; one that is there is success.
template <class = void>
result<void> make_dirs(const Path& path) {
    if (path.empty() || sys::mkdir(path.c_str()) == 0) return {};
    const int number = errno;
    // Some systems say EROFS, EACCES or EISDIR for a folder that is there already: look before complaining.
    const auto there = os::status(path);  // qualified: std::filesystem has one too
    if (there && there->is_dir) return {};
    if (number == EEXIST) return failure_of(ENOTDIR, "make the folder", path);
    if (number != ENOENT || path.parent_path() == path) return failure_of(number, "make the folder", path);
    if (auto above = make_dirs(path.parent_path()); !above) return above;
    if (sys::mkdir(path.c_str()) == 0 || errno == EEXIST) return {};
    return failure("make the folder", path);
}

/// Moves a file or folder; a file that is at `to` is replaced, in one step that no reader can see half of.
template <class = void>
result<void> rename_replace(const Path& from, const Path& to) {
    if (sys::rename(from.c_str(), to.c_str()) != 0) return failure("rename a file to", to);
    return {};
}

/// Gives a file a second name. Fails: already_exists; unsupported or permission where links are impossible.
template <class = void>
result<void> hard_link(const Path& from, const Path& to) {
    if (sys::link(from.c_str(), to.c_str()) != 0) return failure("link a file to", to);
    return {};
}

/// Removes a file, or a link itself. Fails: not_found.
template <class = void>
result<void> remove_file(const Path& path) {
    if (sys::unlink(path.c_str()) != 0) return failure("remove", path);
    return {};
}

/// Waits until the folder's entries are on the disk, so that a new name outlives a power loss.
template <class = void>
result<void> sync_dir(const Path& path) {
    const Handle fd = sys::retry([&] { return sys::open(path.c_str(), sys::a_folder); });
    if (fd < 0) return failure("open the folder", path);
    const int done = sys::retry([&] { return sys::fsync(fd); });
    const int number = errno;
    sys::close(fd);
    // Some file systems cannot sync a folder; they order names by themselves.
    if (done != 0 && number != EINVAL && number != EOPNOTSUPP)
        return failure_of(number, "sync the folder", path);
    return {};
}

/// The names of an open folder, sorted, without "." and "..". Takes the handle.
template <class = void>
[[nodiscard]] result<std::vector<std::string>> names_in(Handle folder, const Path& path) {
    std::vector<std::string> names;
    const int done = sys::list(folder, [&](std::string_view name) {
        if (name != "." && name != "..") names.emplace_back(name);
    });
    if (done != 0) return failure("list", path);
    std::sort(names.begin(), names.end());
    return names;
}

/// The names in a folder, sorted. Fails: not_found.
template <class = void>
[[nodiscard]] result<std::vector<std::string>> list_dir(const Path& path) {
    const Handle fd = sys::retry([&] { return sys::open(path.c_str(), sys::a_folder); });
    if (fd < 0) return failure("list", path);
    return names_in(fd, path);
}

/// Reads a file in pieces: `f(std::span<const std::byte>) -> result<void>`.
template <class F>
result<void> read_in_pieces(const Path& path, Links links, F&& f) {
    auto file = File::open_read(path, links);
    if (!file) return file.error();
    std::vector<std::byte> buffer(std::size_t{1} << 20U);
    for (std::uint64_t at = 0;;) {
        const auto read = file->read_at(at, writable_bytes_of(buffer));
        if (!read) return read.error();
        if (*read == 0) return {};
        if (auto taken = f(bytes_of(buffer).first(*read)); !taken) return taken;
        at += *read;
    }
}

/// Copies the bytes of a regular file to a new file, which is removed again if that fails.
template <class = void>
result<void> copy_file(const Path& from, const Path& to) {
    auto target = File::create_new(to);
    if (!target) return target.error();
    auto done = read_in_pieces(from, Links::follow,
                               [&](std::span<const std::byte> bytes) { return target->write_all(bytes); });
    if (done) done = target->close();
    if (!done) sys::unlink(to.c_str());
    return done;
}

/// What `remove_inside` may take away.
enum class Removal : unsigned char { file, empty_dir, tree };

inline constexpr int max_tree_depth = 128;

/// Removes everything in an open folder, which it takes. Links are removed, never followed.
template <class = void>
result<void> remove_contents(Handle folder, const Path& path, int depth) {
    if (depth > max_tree_depth) {
        sys::close(folder);
        return error{errc::unsupported, "cannot remove folders that lie so deep in each other", path.string(),
                     "remove it by hand"};
    }
    const Handle listed = sys::retry([&] { return sys::open_at(folder, ".", sys::a_folder); });
    if (listed < 0) {
        const int number = errno;
        sys::close(folder);
        return failure_of(number, "list", path);
    }
    auto names = names_in(listed, path);
    result<void> done;
    if (!names) done = names.error();
    for (std::size_t i = 0; done && i < names->size(); ++i) {
        const std::string& name = (*names)[i];
        if (sys::unlink_at(folder, name.c_str()) == 0 || errno == ENOENT) continue;
        if (errno != EISDIR && errno != EPERM) {  // the two words for "this is a folder"
            done = failure("remove", path / path_of(name));
            break;
        }
        const int number = errno;
        const Handle inner =
            sys::retry([&] { return sys::open_at(folder, name.c_str(), sys::a_folder_itself); });
        if (inner < 0)
            done = failure_of(errno == ENOTDIR ? number : errno, "remove", path / path_of(name));
        else
            done = remove_contents(inner, path / path_of(name), depth + 1);
        if (done && sys::rmdir_at(folder, name.c_str()) != 0) done = failure("remove", path / path_of(name));
    }
    sys::close(folder);
    return done;
}

/// Removes what `relative` names below `root`, going from folder to folder without following a link, so that
/// nothing outside of `root` can be touched. Nothing there is success. Fails: invalid_argument if `relative`
/// could leave `root`, or goes through a link.
template <class = void>
result<void> remove_inside(const Path& root, std::string_view relative, Removal what) {
    const Path path = root / path_of(relative);
    Handle folder = sys::retry([&] { return sys::open(root.c_str(), sys::a_folder); });
    if (folder < 0) return errno == ENOENT ? result<void>{} : failure("open the folder", root);
    while (true) {
        const std::size_t slash = relative.find('/');
        const std::string name{relative.substr(0, slash)};
        const bool separates =
            Path::preferred_separator != '/' && name.find_first_of("\\:") != std::string::npos;
        if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string::npos ||
            separates) {
            sys::close(folder);
            return error{errc::invalid_argument, "cannot remove by a path that may leave its folder",
                         path.string(), "name a file below the folder, without \"..\" or an empty part"};
        }
        const bool last = slash == std::string_view::npos;
        int number = 0;
        if (last && what != Removal::tree) {
            const int done = what == Removal::file ? sys::unlink_at(folder, name.c_str())
                                                   : sys::rmdir_at(folder, name.c_str());
            if (done != 0) number = errno;
        } else if (last && sys::unlink_at(folder, name.c_str()) == 0) {
            number = 0;  // a file, or a link
        } else {
            const Handle inner =
                sys::retry([&] { return sys::open_at(folder, name.c_str(), sys::a_folder_itself); });
            // A link is ELOOP or ENOTDIR, by system.
            if (inner < 0) number = errno == ENOTDIR ? ELOOP : errno;
            if (inner >= 0 && !last) {
                sys::close(std::exchange(folder, inner));
                relative.remove_prefix(slash + 1);
                continue;
            }
            if (inner >= 0) {
                if (auto done = remove_contents(inner, path, 1); !done) {
                    sys::close(folder);
                    return done;
                }
                if (sys::rmdir_at(folder, name.c_str()) != 0) number = errno;
            }
        }
        sys::close(folder);
        if (number == 0 || number == ENOENT) return {};
        return failure_of(number, "remove", path);
    }
}

/// Removes a file or a whole folder below `root`; see `remove_inside`.
template <class = void>
result<void> remove_tree(const Path& root, std::string_view relative) {
    return remove_inside(root, relative, Removal::tree);
}
template <class = void>
result<void> remove_file_inside(const Path& root, std::string_view relative) {
    return remove_inside(root, relative, Removal::file);
}
/// Fails: already_exists if there is still something in it.
template <class = void>
result<void> remove_empty_dir_inside(const Path& root, std::string_view relative) {
    return remove_inside(root, relative, Removal::empty_dir);
}

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_usage.hpp
// What the machine and this process use, as Linux tells it in /proc; of other systems the process's share
// only.

namespace CAIRN_NAMESPACE::detail::os {

/// Counted since the process or the machine began, or as it is now. Empty where the system does not tell.
struct Usage {
    std::optional<double> process_cpu_s{};  ///< on all processors together
    std::optional<double> process_threads{};
    std::optional<double> process_memory{};   ///< bytes that are in memory
    std::optional<double> process_read{};     ///< bytes from disks
    std::optional<double> process_written{};  ///< bytes to disks
    std::optional<double> machine_busy{};     ///< of all processors together; in the unit of `machine_time`
    std::optional<double> machine_time{};
    std::optional<double> memory_total{};      ///< bytes; of the group that the kernel bounds, if it does
    std::optional<double> memory_available{};  ///< bytes
    std::optional<double> received{};          ///< bytes from networks, without the machine's own
    std::optional<double> sent{};              ///< bytes to networks
};

/// The numbers that stand in a text, one after the other. Threads: a value.
class NumbersIn {
  public:
    explicit NumbersIn(std::string_view text) noexcept : rest_{text} {}
    /// The next one; nothing at the end, and where something else stands.
    std::optional<double> next() noexcept {
        const std::size_t from = rest_.find_first_not_of(" \t");
        if (from == std::string_view::npos) return std::nullopt;
        std::uint64_t value = 0;
        const char* const end = rest_.data() + rest_.size();
        const auto read = std::from_chars(rest_.data() + from, end, value);
        if (read.ec != std::errc{}) return std::nullopt;
        rest_ = {read.ptr, static_cast<std::size_t>(end - read.ptr)};
        return static_cast<double>(value);
    }
    void skip(int count) noexcept {
        for (int i = 0; i < count; ++i) (void)next();
    }

  private:
    std::string_view rest_;
};

/// What follows a key in a text of lines.
[[nodiscard]] inline NumbersIn numbers_after(std::string_view text, std::string_view key) noexcept {
    const std::size_t at = text.find(key);
    return NumbersIn{at == std::string_view::npos ? std::string_view{} : text.substr(at + key.size())};
}

/// What a line of /proc/net/dev tells is added to `usage`; the machine's own loop is left out.
inline void add_network(std::string_view line, Usage& usage) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::size_t name = line.find_first_not_of(' ');
    if (line.substr(name, colon - name) == "lo") return;
    NumbersIn numbers{line.substr(colon + 1)};
    const auto received = numbers.next();
    numbers.skip(7);
    const auto sent = numbers.next();
    if (!received || !sent) return;
    usage.received = usage.received.value_or(0) + *received;
    usage.sent = usage.sent.value_or(0) + *sent;
}

/// \param group  the folder of the process's control group, if the kernel bounds its memory; may be empty.
template <class = void>
[[nodiscard]] Usage usage(const std::string& group = {}) {
    Usage out;
    if (const double seconds = sys::process_cpu_seconds(); seconds >= 0) out.process_cpu_s = seconds;
    constexpr double kib = 1024;
    const std::string status = kernel_file("/proc/self/status");
    out.process_threads = numbers_after(status, "\nThreads:").next();
    if (const auto size = numbers_after(status, "\nVmRSS:").next()) out.process_memory = *size * kib;
    const std::string io = kernel_file("/proc/self/io");
    out.process_read = numbers_after(io, "\nread_bytes:").next();
    out.process_written = numbers_after(io, "\nwrite_bytes:").next();

    const std::string processors_used = kernel_file("/proc/stat");
    NumbersIn processors = numbers_after(processors_used, "cpu ");
    double busy = 0, all = 0;
    for (int i = 0; i < 8; ++i) {  // user nice system idle iowait irq softirq steal
        const double ticks = processors.next().value_or(0);
        all += ticks;
        if (i != 3 && i != 4) busy += ticks;
    }
    if (all > 0) out.machine_busy = busy, out.machine_time = all;

    const std::string memory = kernel_file("/proc/meminfo");
    const auto total = numbers_after(memory, "MemTotal:").next();
    const auto available = numbers_after(memory, "MemAvailable:").next();
    if (total && available) out.memory_total = *total * kib, out.memory_available = *available * kib;
    if (!group.empty()) {
        const auto most = NumbersIn{kernel_file(group + "/memory.max")}.next();
        const auto used = NumbersIn{kernel_file(group + "/memory.current")}.next();
        if (most && used && (!total || *most < *total * kib))
            out.memory_total = most, out.memory_available = *most > *used ? *most - *used : 0;
    }

    const std::string network = kernel_file("/proc/net/dev");
    for (std::string_view rest = network; !rest.empty();) {
        const std::size_t end = rest.find('\n');
        add_network(rest.substr(0, end), out);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_crash.hpp
// What is left of a process that died: a mark by its last signal, and what the kernel counts of its group.

#if !defined(_WIN32)
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#endif

namespace CAIRN_NAMESPACE::detail::os {

#if defined(_WIN32)

/// Leaves nothing: there are no such signals.
template <class = void>
class BasicCrashMark {
  public:
    BasicCrashMark() = default;
    explicit BasicCrashMark(const Path&) {}
};

#else

/// While it lives, a signal of a crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) that nobody else handles
/// leaves its number in a file, and then ends the process as it would have. A forked child leaves none.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicCrashMark {
  public:
    BasicCrashMark() = default;
    /// Removes an older mark. Of more than 16 at once the last ones leave none.
    explicit BasicCrashMark(const Path& file) : path_{std::make_unique<std::string>(file.string())} {
        (void)remove_file(file);
        const std::scoped_lock lock{mutex_};
        if (process_.exchange(::getpid()) != ::getpid()) {  // those that there are belong to our parent
            for (auto& slot : paths_) slot = nullptr;
            armed_ = 0;
        }
        for (auto& slot : paths_) {
            const char* none = nullptr;
            if (!slot.compare_exchange_strong(none, path_->c_str())) continue;
            if (armed_++ == 0) install();
            break;
        }
    }
    BasicCrashMark(BasicCrashMark&&) noexcept = default;
    BasicCrashMark& operator=(BasicCrashMark&& other) noexcept {
        if (this != &other) {
            release();
            path_ = std::move(other.path_);
        }
        return *this;
    }
    ~BasicCrashMark() { release(); }

  private:
    static constexpr int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

    void release() noexcept {
        if (!path_) return;
        bool was_armed = false;
        for (auto& slot : paths_) {
            const char* mine = path_->c_str();
            was_armed = was_armed || slot.compare_exchange_strong(mine, nullptr);
        }
        path_.reset();
        // In a forked child the mutex may be held by a thread that is in the parent.
        if (!was_armed || process_ != ::getpid()) return;
        const std::scoped_lock lock{mutex_};
        if (--armed_ == 0) uninstall();
    }

    static void install() noexcept {
        for (const int number : numbers) {
            struct ::sigaction before{};
            if (::sigaction(number, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
            struct ::sigaction mine{};
            mine.sa_handler = &handle;
            mine.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
            (void)::sigaction(number, &mine, nullptr);
        }
    }
    static void uninstall() noexcept {
        for (const int number : numbers) {
            struct ::sigaction now{};
            if (::sigaction(number, nullptr, &now) != 0 || now.sa_handler != &handle) continue;
            struct ::sigaction none{};
            none.sa_handler = SIG_DFL;
            (void)::sigaction(number, &none, nullptr);
        }
    }
    // Only what a handler may call. The disposition is the default again: raised once more, it ends us.
    static void handle(int number) {
        const int before = errno;
        if (process_.load(std::memory_order_relaxed) == ::getpid()) {
            const char digits[] = {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10),
                                   '\n'};
            for (const auto& slot : paths_) {
                const char* const path = slot.load(std::memory_order_relaxed);
                const int file =
                    path == nullptr
                        ? -1
                        : ::open(path, O_CREAT | O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
                if (file < 0) continue;
                (void)!::write(file, digits, sizeof digits);
                ::close(file);
            }
        }
        errno = before;
        (void)::raise(number);
    }

    static inline constinit std::array<std::atomic<const char*>, 16> paths_{};
    static inline constinit std::atomic<::pid_t> process_{0};
    static inline std::mutex mutex_;
    static inline int armed_ = 0;

    std::unique_ptr<std::string> path_;  // where it is stays the same when this moves
};

#endif

using CrashMark = BasicCrashMark<>;

/// How many processes of a group the kernel has killed because there was no memory left; nothing if that is
/// not known.
template <class = void>
[[nodiscard]] std::optional<std::uint64_t> killed_for_memory(const std::string& group) {
    const auto count = numbers_after(kernel_file(group), "oom_kill ").next();
    return count ? std::optional{static_cast<std::uint64_t>(*count)} : std::nullopt;
}

/// The group of processes whose memory is counted together, as a container's: the file with the kernel's
/// counts. Empty where there is none.
template <class = void>
[[nodiscard]] std::string memory_group() {
    const std::string text = kernel_file("/proc/self/cgroup");
    struct Tree {
        std::string_view line, root, counts;
    };
    // Version 1 has a tree for each controller; version 2 has one.
    for (const Tree& tree : {Tree{":memory:/", "/sys/fs/cgroup/memory", "/memory.oom_control"},
                             {"0::/", "/sys/fs/cgroup", "/memory.events"}}) {
        const std::size_t at = text.find(tree.line);
        if (at == std::string::npos) continue;
        const std::size_t path = at + tree.line.size() - 1;  // from the '/' on
        // A container sees its own group as the root, and may not see what it is called outside.
        for (const std::string& name : {text.substr(path, text.find('\n', path) - path), std::string{}}) {
            std::string group = std::string{tree.root} + (name == "/" ? "" : name) + std::string{tree.counts};
            if (killed_for_memory(group)) return group;
        }
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_library.hpp
// Libraries that are loaded while the program runs, if they are there.

namespace CAIRN_NAMESPACE::detail::os {

/// A library that stays loaded: what it began may go on. Threads: any may look things up.
class Library {
  public:
    Library() = default;
    /// Not loaded, if there is none of this name.
    explicit Library(const char* name) noexcept : handle_{sys::open_library(name)} {}

    [[nodiscard]] bool is_loaded() const noexcept { return handle_ != nullptr; }
    /// A function of it, as the type that the caller knows it by; null if it has none of this name.
    template <class F>
    [[nodiscard]] F* find(const char* name) const noexcept {
        return is_loaded() ? reinterpret_cast<F*>(sys::find_in_library(handle_, name)) : nullptr;
    }

  private:
    void* handle_ = nullptr;
};

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_lock.hpp
// A lock between processes, on a file of its own. The kernel drops it when its holder dies, however that
// happens.

namespace CAIRN_NAMESPACE::detail::os {

/// An open file that this process has locked, or one byte of it, from then to destruction. The lock belongs
/// to the open file and not to the process: two on one file exclude each other within a process too, and
/// whoever opens and closes the file beside it drops nothing. A forked child shares it, and would keep it
/// after the parent's death: it calls `forget`.
template <class = void>
class BasicLockedFile {
  public:
    BasicLockedFile() = default;
    /// One that is locked.
    explicit BasicLockedFile(File file, sys::LockRange part = {})
        : file_{std::move(file)}, part_{part}, owner_{sys::getpid()} {}
    BasicLockedFile(BasicLockedFile&& other) noexcept
        : file_{std::move(other.file_)}, part_{other.part_}, owner_{std::exchange(other.owner_, 0)} {}
    BasicLockedFile& operator=(BasicLockedFile&& other) noexcept {
        if (this != &other) {
            release();
            file_ = std::move(other.file_);
            part_ = other.part_;
            owner_ = std::exchange(other.owner_, 0);
        }
        return *this;
    }
    ~BasicLockedFile() { release(); }

    /// Whether anybody, this process included, has a lock of a file that is not possible beside one of this
    /// kind. Takes nothing and drops nothing, makes no file.
    static result<bool> is_locked(const Path& path, sys::Locking against, sys::LockRange part = {}) {
        auto file = File::open_read(path);
        if (!file) return file.error().code() == errc::not_found ? result<bool>{false} : file.error();
        const int taken = sys::retry([&] { return sys::is_locked(file->native_handle(), against, part); });
        if (taken < 0) return failure("look at the lock", path);
        return taken == 1;
    }

    [[nodiscard]] File& file() noexcept { return file_; }
    [[nodiscard]] bool held() const noexcept { return file_.is_open(); }
    /// In a forked child: the lock stays the parent's. Calls only `close`.
    void forget() noexcept {
        file_ = File{};
        owner_ = 0;
    }
    /// Drops the lock, even if a forked child still shares it. In such a child it does what `forget` does.
    void release() noexcept {
        if (held() && owner_ == sys::getpid())
            (void)sys::lock(file_.native_handle(), sys::Locking::none, part_);
        forget();
    }

  private:
    File file_;
    sys::LockRange part_;
    std::uint64_t owner_ = 0;
};
using LockedFile = BasicLockedFile<>;

/// Keeps others out, from acquiring to destruction.
template <class = void>
class BasicLock {
  public:
    BasicLock() = default;

    /// The lock, without waiting; makes the file if need be. Fails: busy if another holds it.
    static result<BasicLock> try_acquire(const Path& path) { return acquire(path, 0); }
    /// The lock, after at most `timeout_ms` milliseconds (looks again every 1 to 20 ms). Fails: busy.
    static result<BasicLock> acquire(const Path& path, std::int64_t timeout_ms);
    /// Whether anybody, this process included, holds it. Takes nothing and drops nothing, makes no file.
    static result<bool> is_held(const Path& path) {
        return LockedFile::is_locked(path, sys::Locking::shared);
    }

    /// Replaces what the lock's file says of its holder, for those that it keeps out. Requires that it is
    /// held.
    result<void> write_note(std::string_view text) {
        if (auto emptied = held_.file().truncate(0); !emptied) return emptied;
        return held_.file().write_at(0, bytes_of(text));
    }

    /// In a forked child: forgets the lock, which stays the parent's. Calls only `close`.
    void close_in_child() noexcept { held_.forget(); }
    /// Gives it back, even if a forked child still shares it. In such a child it does what `close_in_child`
    /// does.
    void release() noexcept { held_.release(); }

  private:
    explicit BasicLock(LockedFile held) : held_{std::move(held)} {}

    LockedFile held_;
};
using Lock = BasicLock<>;

template <class X>
result<BasicLock<X>> BasicLock<X>::acquire(const Path& path, std::int64_t timeout_ms) {
    const std::int64_t end = steady_ns() + timeout_ms * 1'000'000;
    long pause = 1'000'000;
    while (true) {
        auto file = File::open_read_write(path);
        // Busy: somebody keeps all others out of the file (Windows).
        if (!file && file.error().code() != errc::busy) return file.error();
        if (file && sys::retry([&] { return sys::lock(file->native_handle(), sys::Locking::alone); }) == 0) {
            // Somebody may have removed or replaced the file meanwhile; then this lock keeps nobody out.
            FileStatus mine;
            FileStatus there;
            if (sys::fstat(file->native_handle(), mine) == 0 && sys::stat(path.c_str(), there) == 0 &&
                mine.inode == there.inode && mine.device == there.device) {
                return BasicLock{LockedFile{std::move(*file)}};
            }
            if (steady_ns() < end || timeout_ms == 0) continue;
            return error{errc::busy, "the lock's file is replaced again and again", path.string(),
                         "stop the program that removes it"};
        }
        if (file && errno != EAGAIN) return failure("lock", path);
        if (steady_ns() >= end) {
            if (!file) return file.error();
            return error{errc::busy, "another process or object holds the lock", path.string(),
                         "wait until it is done, or stop it"};
        }
        sys::sleep_ns(pause);
        pause = pause < 10'000'000 ? pause * 2 : 20'000'000;
    }
}

/// A mark that somebody is reading: held, with any number of others, on one byte of a file that need not have
/// it. Whoever wants to remove what is read looks with `is_held`. The kernel drops it when its holder dies.
template <class = void>
class BasicLease {
  public:
    BasicLease() = default;

    /// Takes it; makes the file if need be. Fails: permission, not_found, where the file cannot be made.
    static result<BasicLease> take(const Path& path, std::uint64_t number) {
        auto file = File::open_read_write(path);
        if (!file) file = File::open_read(path);
        if (!file) return file.error();
        const sys::LockRange byte{number, true};
        if (sys::retry([&] { return sys::lock(file->native_handle(), sys::Locking::shared, byte); }) != 0)
            return failure("mark as being read", path);
        return BasicLease{LockedFile{std::move(*file), byte}};
    }
    /// Whether anybody, this process included, holds it. Takes nothing, makes no file.
    static result<bool> is_held(const Path& path, std::uint64_t number) {
        return LockedFile::is_locked(path, sys::Locking::alone, {number, true});
    }

    [[nodiscard]] bool held() const noexcept { return held_.held(); }
    /// Gives it back, even if a forked child still shares it; in such a child it is the parent's.
    void release() noexcept { held_.release(); }

  private:
    explicit BasicLease(LockedFile held) : held_{std::move(held)} {}

    LockedFile held_;
};
using Lease = BasicLease<>;

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_mapping.hpp
// Memory that is a file. What is written to a shared mapping is in the system's hands at once: killing the
// process loses none of it.

namespace CAIRN_NAMESPACE::detail::os {

/// Owns a mapping. Threads: as plain memory. Who shortens a mapped file from outside kills those who read it
/// (SIGBUS).
template <class = void>
class BasicMapping {
  public:
    BasicMapping() = default;
    BasicMapping(BasicMapping&& other) noexcept
        : memory_{std::exchange(other.memory_, {})}, writable_{other.writable_}, has_file_{other.has_file_} {}
    BasicMapping& operator=(BasicMapping&& other) noexcept {
        if (this != &other) {
            unmap();
            memory_ = std::exchange(other.memory_, {});
            writable_ = other.writable_;
            has_file_ = other.has_file_;
        }
        return *this;
    }
    ~BasicMapping() { unmap(); }

    /// A new file of `size` zeros, shared and writable. Its blocks are reserved first, so a full disk is an
    /// error here and not a SIGBUS later. Fails: already_exists, no_space; unsupported on another machine's
    /// disk, whose failures would be a SIGBUS too. Then there is no file.
    static result<BasicMapping> create_shared(const Path& path, std::size_t size);
    /// A whole existing file, to be read.
    static result<BasicMapping> open_read(const Path& path);
    /// Zeros that belong to no file; they die with the process.
    static result<BasicMapping> anonymous(std::size_t size) { return map(no_handle, {}, size, true); }

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return memory_; }
    /// The bytes to be changed; empty if the mapping is to be read only.
    [[nodiscard]] std::span<std::byte> writable() const noexcept {
        return writable_ ? memory_ : std::span<std::byte>{};
    }
    [[nodiscard]] std::size_t size() const noexcept { return memory_.size(); }
    /// Whether it has any memory.
    [[nodiscard]] explicit operator bool() const noexcept { return !memory_.empty(); }
    [[nodiscard]] bool has_file() const noexcept { return has_file_; }

    void unmap() noexcept {
        if (!memory_.empty()) sys::unmap(memory_.data(), memory_.size());
        memory_ = {};
    }

  private:
    static result<BasicMapping> map(Handle file, const Path& path, std::uint64_t size, bool writable) {
        BasicMapping out;
        out.writable_ = writable;
        out.has_file_ = file != no_handle;
        if (size == 0) return out;  // the system maps no empty range
        if (size > std::numeric_limits<std::size_t>::max()) return failure_of(EFBIG, "map", path);
        void* const at = sys::map(file, static_cast<std::size_t>(size), writable);
        if (at == nullptr) return failure("map", path);
        out.memory_ = {static_cast<std::byte*>(at), static_cast<std::size_t>(size)};
        return out;
    }
    static result<void> reserve(File& file, std::uint64_t from, std::uint64_t size);

    std::span<std::byte> memory_;
    bool writable_ = false;
    bool has_file_ = false;
};
using Mapping = BasicMapping<>;

template <class X>
result<void> BasicMapping<X>::reserve(File& file, std::uint64_t from, std::uint64_t size) {
    int number = EINTR;
    while (size != 0 && number == EINTR) number = sys::reserve(file.native_handle(), size);
    if (size == 0 || number == 0) return {};
    if (number != EOPNOTSUPP && number != EINVAL && number != ENOSYS) {
        return failure_of(number, "reserve " + std::to_string(size) + " bytes for", file.path());
    }
    static constexpr std::array<std::byte, 65536> zeros{};  // this file system reserves only by writing
    while (from < size) {
        const auto n = std::min<std::uint64_t>(zeros.size(), size - from);
        if (auto put = file.write_at(from, bytes_of(zeros).first(static_cast<std::size_t>(n))); !put)
            return put;
        from += n;
    }
    return {};
}

template <class X>
result<BasicMapping<X>> BasicMapping<X>::create_shared(const Path& path, std::size_t size) {
    auto file = File::create_new(path);
    if (!file) return file.error();
    auto reserved = sys::is_local(file->native_handle())
                        ? reserve(*file, 0, size)
                        : error{errc::unsupported, "map a file that lies on another machine", path.string(),
                                "set CAIRN_DIR to a disk of this machine"};
    auto mapping =
        reserved ? map(file->native_handle(), path, size, true) : result<Mapping>{reserved.error()};
    if (!mapping) sys::unlink(path.c_str());
    return mapping;
}

template <class X>
result<BasicMapping<X>> BasicMapping<X>::open_read(const Path& path) {
    const auto file = File::open_read(path);
    if (!file) return file.error();
    const auto size = file->size();
    if (!size) return size.error();
    return map(file->native_handle(), path, *size, false);
}

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_process.hpp
// Who this process is, so that another, later, can tell whether it still lives; and randomness for ids.

namespace CAIRN_NAMESPACE::detail::os {

/// A process, told apart from every other that has or had its number. Parts that a system does not give are
/// empty.
struct Process {
    std::uint64_t pid = 0;
    std::uint64_t start = 0;  ///< when it began, in the system's own unit, since the machine did
    std::string boot;         ///< this running of the machine
    std::string space;        ///< which numbering of processes (containers have their own)
    std::string host;         ///< for people
};

/// `unknown`: it is or was on another machine or in another container.
enum class Liveness : unsigned char { dead, alive, unknown };

[[nodiscard]] inline std::uint64_t pid() noexcept { return sys::getpid(); }

/// The user's name, or nothing; from the environment, because asking the system can take a network and
/// seconds.
template <class = void>
[[nodiscard]] std::string user_name() {
    for (const char* variable : {"USER", "LOGNAME", "USERNAME"}) {
        if (std::string value = sys::environment(variable); !value.empty()) return value;
    }
    return {};
}

using sys::system_name;
/// The words that the program was called with; none where the system does not tell them in a file.
template <class = void>
[[nodiscard]] std::vector<std::string> command_line() {
    std::vector<std::string> words;
    const std::string text = kernel_file("/proc/self/cmdline");
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\0'), rest.size());
        words.emplace_back(rest.substr(0, end));
        rest = rest.substr(std::min(end + 1, rest.size()));
    }
    return words;
}

using sys::ProcessTime;

/// Nothing where the system does not tell, or there is no such process.
template <class = void>
[[nodiscard]] std::optional<ProcessTime> process_time(std::uint64_t pid) {
#if defined(_WIN32)
    ProcessTime out;
    return sys::process_time(pid, out) == 0 ? std::optional{out} : std::nullopt;
#else
    // Of its first thread, which began when it did: qemu-user makes up what the process is told of itself.
    const std::string number = std::to_string(pid);
    const std::string text = kernel_file("/proc/" + number + "/task/" + number + "/stat");
    // pid (name) state …: the name may hold blanks and brackets, so count from its last one; the start is
    // field 22.
    std::size_t at = text.rfind(") ");
    if (at == std::string::npos || at + 2 >= text.size()) return std::nullopt;
    ProcessTime out;
    const char state = text[at + 2];
    out.ended = state == 'Z' || state == 'X';
    for (int field = 2; field < 22; ++field) {
        at = text.find(' ', at + 1);
        if (at == std::string::npos) return std::nullopt;
    }
    const char* const begin = text.data() + at + 1;
    if (std::from_chars(begin, text.data() + text.size(), out.start).ec != std::errc{}) return std::nullopt;
    return out;
#endif
}

template <class = void>
[[nodiscard]] Process this_process() {
    Process out;
    out.pid = pid();
    if (const auto time = process_time(out.pid)) out.start = time->start;
#if !defined(_WIN32)  // there is no /proc, and whoever made a folder of that name could say anything
    const std::string boot = kernel_file("/proc/sys/kernel/random/boot_id");
    out.boot = boot.substr(0, boot.find('\n'));
    std::array<char, 64> space{};
    if (const auto n = sys::readlink("/proc/self/ns/pid", space.data(), space.size()); n > 0) {
        out.space.assign(space.data(), static_cast<std::size_t>(n));
    }
#endif
    out.host = sys::host_name();
    return out;
}

/// Whether `process` still runs. Cost: reads one file in /proc.
template <class = void>
[[nodiscard]] Liveness liveness(const Process& process) {
    const Process self = this_process();
    if (process.boot != self.boot && process.host == self.host)
        return Liveness::dead;  // the machine was restarted
    if (process.boot != self.boot || process.space != self.space || process.pid == 0)
        return Liveness::unknown;
    if (self.boot.empty() && process.host != self.host) return Liveness::unknown;
    if (sys::exists(process.pid) != 0 && errno == ESRCH) return Liveness::dead;
    if (const auto time = process_time(process.pid)) {
        const bool other =
            process.start != 0 && time->start != process.start;  // its number was given out again
        return other || time->ended ? Liveness::dead : Liveness::alive;
    }
    return Liveness::alive;
}

/// Fills `to` with bytes that nobody can guess.
template <class = void>
void random_bytes(std::span<std::byte> to) noexcept {
    while (!to.empty()) {
        const std::size_t n = std::min<std::size_t>(to.size(), 256);
        // Fails only on kernels without it; then an id has to differ, not to be secret.
        if (sys::getentropy(to.data(), n) != 0) {
            std::uint64_t x = pid() * 0x9e3779b97f4a7c15U ^ reinterpret_cast<std::uintptr_t>(to.data());
            x ^= static_cast<std::uint64_t>(wall_ns()) ^ static_cast<std::uint64_t>(steady_ns()) << 20U;
            for (std::size_t i = 0; i < n; ++i) {  // splitmix64
                std::uint64_t z = x += 0x9e3779b97f4a7c15U;
                z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
                z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
                to[i] = static_cast<std::byte>(z >> 56U);
            }
        }
        to = to.subspan(n);
    }
}

/// `digits` random hexadecimal digits.
template <class = void>
[[nodiscard]] std::string random_hex(std::size_t digits) {
    std::string out(digits, '0');
    random_bytes(writable_bytes_of(out));
    for (char& c : out) c = "0123456789abcdef"[static_cast<unsigned char>(c) & 15U];
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_signal.hpp
// Hearing of signals: a count that a handler raises, and the handlers that were there before.

#if !defined(_WIN32)
#include <sys/types.h>
#include <unistd.h>
#endif

namespace CAIRN_NAMESPACE::detail::os {

/// What ends a job on a cluster: SIGTERM, and SIGUSR1 as the warning before it.
enum class Signal : unsigned char { term, usr1 };
inline constexpr std::size_t signal_count = 2;

#if defined(_WIN32)

/// Counts what ends this process: SIGTERM (which only the process itself can raise), Ctrl-Break, and that its
/// console is closed or the machine goes down. Nothing stands for SIGUSR1. Threads: any; `listen` and
/// `unlisten` one at a time.
template <class = void>
class BasicSignalCounter {
  public:
    /// How many came since `listen`.
    [[nodiscard]] static std::uint32_t count(Signal signal) noexcept {
        return signal == Signal::term ? count_.load(std::memory_order_relaxed) : 0;
    }
    /// Nobody else had a handler: what came would have ended the process.
    [[nodiscard]] static bool would_have_ended(Signal) noexcept {
        return before_[last_.load(std::memory_order_relaxed)] == SIG_DFL;
    }

    /// Counts from 0 again.
    static void listen() noexcept {
        count_.store(0, std::memory_order_relaxed);
        for (std::size_t i = 0; i < 2; ++i) {
            // One that is ours was left under another's: what was before it stands.
            if (const Handler before = ::signal(numbers[i], &handle); before != &handle && before != SIG_ERR)
                before_[i] = before;
        }
        ::SetConsoleCtrlHandler(&console, TRUE);
    }
    /// Puts the handlers from before back, where nobody has put another one over ours.
    static void unlisten() noexcept {
        ::SetConsoleCtrlHandler(&console, FALSE);
        for (std::size_t i = 0; i < 2; ++i) {
            if (const Handler now = ::signal(numbers[i], before_[i]); now != &handle)
                (void)::signal(numbers[i], now);
        }
    }
    /// Ends the process as Ctrl-Break does, as if nobody had listened.
    static void end_by(Signal) noexcept { ::TerminateProcess(::GetCurrentProcess(), 0xC000'013A); }

  private:
    using Handler = void (*)(int);
    static constexpr int numbers[] = {SIGTERM, SIGBREAK};

    static void handle(int signal) {
        (void)::signal(signal, &handle);  // the system took it away
        const std::size_t which = signal == SIGTERM ? 0 : 1;
        last_.store(which, std::memory_order_relaxed);
        const std::uint32_t earlier = count_.fetch_add(1, std::memory_order_relaxed);
        const Handler before = before_[which];
        if (before != SIG_DFL && before != SIG_IGN) return before(signal);
        // Who asks a second time does not want to wait for a step any more.
        if (earlier != 0 && before == SIG_DFL) end_by(Signal::term);
    }
    // On a thread of its own. Ctrl-C is as SIGINT elsewhere: not ours; the log-off of any user is no end.
    static ::BOOL WINAPI console(::DWORD event) {
        if (event != CTRL_CLOSE_EVENT && event != CTRL_SHUTDOWN_EVENT) return FALSE;
        count_.fetch_add(1, std::memory_order_relaxed);
        // The process is ended when this returns, or some seconds later: they are for saving.
        ::Sleep(INFINITE);
        return TRUE;
    }

    static inline constinit std::atomic<std::uint32_t> count_ = 0;
    static inline constinit std::atomic<std::size_t> last_ = 0;
    static inline Handler before_[] = {SIG_DFL, SIG_DFL};
};
using SignalCounter = BasicSignalCounter<>;

#else

/// Counts the signals of this process. A handler can hold nothing but static state; what it does is to add
/// one and to call the handler that was there before. Threads: any; `listen` and `unlisten` one at a time.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicSignalCounter {
  public:
    /// How many came since `listen`.
    [[nodiscard]] static std::uint32_t count(Signal signal) noexcept {
        return counts_[index(signal)].load(std::memory_order_relaxed);
    }
    /// Nobody else had a handler: the signal would have ended the process.
    [[nodiscard]] static bool would_have_ended(Signal signal) noexcept {
        return is_default(before_[index(signal)]);
    }

    /// Counts from 0 again.
    static void listen() noexcept {
        listener_ = ::getpid();
        for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
        for (const Signal signal : {Signal::term, Signal::usr1}) {
            struct ::sigaction before{};
            if (::sigaction(number(signal), nullptr, &before) != 0) continue;
            if (is_ours(before)) continue;  // inherited, or left under another one: what was before it stands
            before_[index(signal)] = before;
            // As the one before in all but the function; where there is none, what the program waits for is
            // not broken off.
            struct ::sigaction mine = before;
            mine.sa_sigaction = &handle;
            mine.sa_flags =
                static_cast<int>(static_cast<unsigned>(is_default(before) ? SA_RESTART : before.sa_flags) &
                                 ~static_cast<unsigned>(SA_RESETHAND)) |
                SA_SIGINFO;
            (void)::sigaction(number(signal), &mine, nullptr);
        }
    }
    /// Puts the handlers from before back, where nobody has put another one over ours.
    static void unlisten() noexcept {
        for (const Signal signal : {Signal::term, Signal::usr1}) {
            struct ::sigaction now{};
            if (::sigaction(number(signal), nullptr, &now) == 0 && is_ours(now))
                (void)::sigaction(number(signal), &before_[index(signal)], nullptr);
        }
    }
    /// Ends the process by the signal, as if nobody had listened.
    static void end_by(Signal signal) noexcept {
        struct ::sigaction plain{};
        plain.sa_handler = SIG_DFL;
        (void)::sigaction(number(signal), &plain, nullptr);
        // It may be blocked: while its handler runs it is.
        ::sigset_t one;
        (void)sigemptyset(&one);  // no "::", because they are macros on macOS
        (void)sigaddset(&one, number(signal));
        (void)::raise(number(signal));
        (void)::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
    }

  private:
    [[nodiscard]] static constexpr std::size_t index(Signal signal) noexcept {
        return static_cast<std::size_t>(signal);
    }
    [[nodiscard]] static int number(Signal signal) noexcept {
        return signal == Signal::term ? SIGTERM : SIGUSR1;
    }
    [[nodiscard]] static bool is_plain(const struct ::sigaction& action) noexcept {
        return (action.sa_flags & SA_SIGINFO) == 0;
    }
    [[nodiscard]] static bool is_default(const struct ::sigaction& action) noexcept {
        return is_plain(action) && action.sa_handler == SIG_DFL;
    }
    [[nodiscard]] static bool is_ours(const struct ::sigaction& action) noexcept {
        return !is_plain(action) && action.sa_sigaction == &handle;
    }

    static void handle(int signal, ::siginfo_t* info, void* context) {
        const std::size_t which = index(signal == SIGTERM ? Signal::term : Signal::usr1);
        const struct ::sigaction& before = before_[which];
        // A forked child has our handler and nobody who listens.
        if (is_default(before) && ::getpid() != listener_) return end_by(static_cast<Signal>(which));
        const std::uint32_t earlier = counts_[which].fetch_add(1, std::memory_order_relaxed);
        if (!is_plain(before)) return before.sa_sigaction(signal, info, context);
        if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return before.sa_handler(signal);
        // Who asks a second time does not want to wait for a step any more.
        if (signal == SIGTERM && earlier != 0 && is_default(before)) end_by(Signal::term);
    }

    static inline constinit std::atomic<std::uint32_t> counts_[signal_count] = {};
    static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
    static inline struct ::sigaction before_[signal_count] = {};
    static inline ::pid_t listener_ = 0;
};
using SignalCounter = BasicSignalCounter<>;

#endif

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_thread.hpp
// A thread that works in the background and the bell that wakes it. Of the system and not of <thread> and
// <condition_variable>, which bring <chrono> and cost a tenth of a second to include.

#if defined(_WIN32)
#include <process.h>
#else
#include <pthread.h>
#include <signal.h>
#include <time.h>
#endif

namespace CAIRN_NAMESPACE::detail::os {

/// Who waits for so long waits until it is rung, and looks again whenever he wakes.
inline constexpr std::int64_t one_hour_ns = 3'600'000'000'000;

#if defined(_WIN32)

/// One thread waits for it, any may ring it; what was rung before the wait is not lost.
template <class = void>
class BasicBell {
  public:
    BasicBell() = default;
    BasicBell(const BasicBell&) = delete;
    BasicBell& operator=(const BasicBell&) = delete;
    ~BasicBell() = default;

    void ring() noexcept {
        ::AcquireSRWLockExclusive(&mutex_);
        rung_ = true;
        ::ReleaseSRWLockExclusive(&mutex_);
        ::WakeConditionVariable(&rang_);
    }

    /// Returns when it is rung, at the latest after `ns` nanoseconds.
    void wait(std::int64_t ns = one_hour_ns) noexcept {
        const std::int64_t end = steady_ns() + ns;
        ::AcquireSRWLockExclusive(&mutex_);
        for (std::int64_t left = ns; !rung_ && left > 0; left = end - steady_ns())
            ::SleepConditionVariableSRW(&rang_, &mutex_, static_cast<::DWORD>((left + 999'999) / 1'000'000),
                                        0);
        rung_ = false;
        ::ReleaseSRWLockExclusive(&mutex_);
    }

  private:
    ::SRWLOCK mutex_ = SRWLOCK_INIT;
    ::CONDITION_VARIABLE rang_ = CONDITION_VARIABLE_INIT;
    bool rung_ = false;
};
using Bell = BasicBell<>;

/// A thread of the library's own.
template <class = void>
class BasicThread {
  public:
    BasicThread() = default;
    BasicThread(const BasicThread&) = delete;
    BasicThread& operator=(const BasicThread&) = delete;
    ~BasicThread() { join(); }

    /// Calls `work(argument)` on a new thread. Requires that none runs. Fails: busy.
    result<void> start(void* (*work)(void*), void* argument) {
        work_ = work;
        argument_ = argument;
        thread_ = ::_beginthreadex(nullptr, 0, &BasicThread::run, this, 0, nullptr);
        if (thread_ != 0) return {};
        return error{errc::busy,
                     std::string{"cannot start a thread: "} + std::generic_category().message(errno), "",
                     "stop other programs of this user"};
    }
    /// Whether it was started and not joined.
    [[nodiscard]] bool is_running() const noexcept { return thread_ != 0; }
    /// Whether the caller is this thread.
    [[nodiscard]] bool is_current() const noexcept {
        return thread_ != 0 && ::GetThreadId(reinterpret_cast<::HANDLE>(thread_)) == ::GetCurrentThreadId();
    }
    /// Waits until the work is done. Does nothing if there is none, or on the thread itself.
    void join() noexcept {
        if (thread_ == 0 || is_current()) return;
        const auto handle = reinterpret_cast<::HANDLE>(thread_);
        thread_ = 0;
        ::WaitForSingleObject(handle, INFINITE);
        ::CloseHandle(handle);
    }
    /// Leaves it to itself: nobody waits for it any more.
    void leave() noexcept {
        if (thread_ != 0) ::CloseHandle(reinterpret_cast<::HANDLE>(thread_));
        thread_ = 0;
    }

  private:
    static unsigned __stdcall run(void* self) {
        auto& thread = *static_cast<BasicThread*>(self);
        (void)thread.work_(thread.argument_);
        return 0;
    }

    void* (*work_)(void*) = nullptr;
    void* argument_ = nullptr;
    std::uintptr_t thread_ = 0;
};
using Thread = BasicThread<>;

#else

/// One thread waits for it, any may ring it; what was rung before the wait is not lost.
template <class = void>
class BasicBell {
  public:
    BasicBell() noexcept {
#if defined(__APPLE__)
        pthread_cond_init(&rang_, nullptr);
#else
        pthread_condattr_t kind;
        pthread_condattr_init(&kind);
        pthread_condattr_setclock(&kind, CLOCK_MONOTONIC);  // setting the clock must not wake or stall us
        pthread_cond_init(&rang_, &kind);
        pthread_condattr_destroy(&kind);
#endif
    }
    BasicBell(const BasicBell&) = delete;
    BasicBell& operator=(const BasicBell&) = delete;
    // Nothing is destroyed: it holds no memory, and in a forked child pthread_cond_destroy would wait for the
    // parent's thread.
    ~BasicBell() = default;

    void ring() noexcept {
        pthread_mutex_lock(&mutex_);
        rung_ = true;
        pthread_mutex_unlock(&mutex_);
        pthread_cond_signal(&rang_);
    }

    /// Returns when it is rung, at the latest after `ns` nanoseconds.
    void wait(std::int64_t ns = one_hour_ns) noexcept {
        constexpr std::int64_t second = 1'000'000'000;
        ::timespec until{};
#if !defined(__APPLE__)
        ::clock_gettime(CLOCK_MONOTONIC, &until);
#endif
        ns += until.tv_nsec;
        until.tv_sec += static_cast<decltype(until.tv_sec)>(ns / second);
        until.tv_nsec = static_cast<decltype(until.tv_nsec)>(ns % second);
        pthread_mutex_lock(&mutex_);
        int waited = 0;
        while (!rung_ && waited == 0) {
#if defined(__APPLE__)
            waited = pthread_cond_timedwait_relative_np(&rang_, &mutex_, &until);
#else
            waited = pthread_cond_timedwait(&rang_, &mutex_, &until);
#endif
        }
        rung_ = false;
        pthread_mutex_unlock(&mutex_);
    }

  private:
    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t rang_{};
    bool rung_ = false;
};
using Bell = BasicBell<>;

/// A thread that gets none of the program's signals: those are for the program's own threads. The child of a
/// fork has none, and waits for none.
template <class = void>
class BasicThread {
  public:
    BasicThread() = default;
    BasicThread(const BasicThread&) = delete;
    BasicThread& operator=(const BasicThread&) = delete;
    ~BasicThread() { join(); }

    /// Calls `work(argument)` on a new thread. Requires that none runs. Fails: busy.
    result<void> start(void* (*work)(void*), void* argument) {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        const int number = pthread_create(&thread_, nullptr, work, argument);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (number != 0) {
            return error{errc::busy,
                         std::string{"cannot start a thread: "} + std::generic_category().message(number), "",
                         "stop other programs of this user, or raise `ulimit -u`"};
        }
        owner_ = sys::getpid();
        return {};
    }
    /// Whether it was started and not joined; not in the child of a fork.
    [[nodiscard]] bool is_running() const noexcept { return owner_ == sys::getpid(); }
    /// Whether the caller is this thread.
    [[nodiscard]] bool is_current() const noexcept {
        return is_running() && pthread_equal(thread_, pthread_self()) != 0;
    }
    /// Waits until the work is done. Does nothing if there is none, or on the thread itself.
    void join() noexcept {
        if (!is_running() || is_current()) return;
        pthread_join(thread_, nullptr);
        owner_ = 0;
    }
    /// Leaves it to itself: nobody waits for it any more.
    void leave() noexcept {
        if (is_running()) pthread_detach(thread_);
        owner_ = 0;
    }

  private:
    pthread_t thread_{};
    std::uint64_t owner_ = 0;  // the process that it is in
};
using Thread = BasicThread<>;

#endif

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/detail/os_thread_data.hpp
// What each thread has one of, and what is done when the thread ends.

namespace CAIRN_NAMESPACE::detail::os {

#if defined(__MINGW32__)

/// A T for each thread; `T::end(T&)` is called when a thread that called `end_with_thread` ends.
///
/// gcc's own `thread_local` will not do on Windows: it frees the memory of a thread before it calls the
/// destructors of what is in it. So this one is the system's. A fiber counts as a thread. Who asks once more
/// after the end (another library that is told of it later) gets a new T, which has no end.
template <class T>
class ThreadData {
  public:
    static T& get() noexcept {
        void* const own = ::FlsGetValue(slot());
        return own != nullptr ? *static_cast<T*>(own) : make();
    }
    static void end_with_thread() noexcept {}  // `get` has seen to it

  private:
    static T& make() noexcept {
        T* const own = new (std::nothrow) T{};
        if (own != nullptr && ::FlsSetValue(slot(), own) != 0) return *own;
        delete own;
        static T ended = [] {  // no memory: as in a thread that is ending
            T none{};
            T::end(none);
            return none;
        }();
        return ended;
    }
    static ::DWORD slot() noexcept {
        static const ::DWORD slot = [] {
            ::HMODULE code{};  // threads will call it, so it must stay
            ::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                                 reinterpret_cast<::LPCWSTR>(&end), &code);
            return ::FlsAlloc(&end);
        }();
        return slot;
    }
    static void CALLBACK end(void* value) noexcept {
        T* const own = static_cast<T*>(value);
        if (own == nullptr) return;
        T::end(*own);
        delete own;
    }
};

#else

/// A T for each thread, without a constructor or a guard in the way; `T::end(T&)` is called when a thread
/// that called `end_with_thread` ends. The T stays, for what the thread still does then.
template <class T>
class CAIRN_ONE_IN_PROCESS ThreadData {
  public:
    static T& get() noexcept { return data_; }
    static void end_with_thread() {
        struct End {
            ~End() { T::end(data_); }
        };
        thread_local const End end;
        (void)end;
    }

  private:
    static inline constinit thread_local T data_{};
};

#endif

}  // namespace CAIRN_NAMESPACE::detail::os

// ---- cairn/store/os.hpp
// The one seam between the library and the operating system: files, folders, locks, mappings, processes,
// threads. Names no POSIX type, so that another system needs only its own detail/os_*.hpp; detail/os_sys*.hpp
// hold every system call. Costs <filesystem>, for its paths.

// ---- cairn/store/atomic_file.hpp
// Whole small files: written so that a reader, a kill or a full disk never sees half of one.

namespace CAIRN_NAMESPACE {

/// What a write has to outlive when it has returned.
enum class Durability : unsigned char {
    process_crash,  ///< any death of the process; costs nothing beyond the write, because the system has the
                    ///< bytes
    power_loss,     ///< the machine's death too: waits for the disk, 1 to 30 ms for each file and each folder
};

namespace detail {

/// Makes a folder and those above it; each new name is synced into the folder that holds it, if it has to be.
template <class = void>
result<void> make_dirs_durably(const os::Path& path, Durability durability) {
    if (durability == Durability::process_crash) return os::make_dirs(path);
    const auto there = os::status(path);
    if (!there) return there.error();
    const os::Path above = path.parent_path();
    if (there->is_dir || path == above) return {};
    if (!above.empty()) {
        if (auto made = make_dirs_durably(above, durability); !made) return made;
    }
    if (auto made = os::make_dirs(path); !made) return made;
    return os::sync_dir(above.empty() ? os::Path{"."} : above);
}

/// Tells the machines, containers and restarts apart whose processes write into one store: 8 hexadecimal
/// digits.
template <class = void>
[[nodiscard]] std::string machine_key(const os::Process& self) {
    std::uint32_t hash = 2166136261U;  // FNV-1a
    for (const std::string& part : {self.host, self.boot, self.space}) {
        for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    std::string out(8, '0');
    for (char& c : out) c = "0123456789abcdef"[hash & 15U], hash >>= 4U;
    return out;
}

/// A name that no process has used: <pid>-<counter>-<machine><random>. Says who made it; see
/// `is_abandoned_temp`.
template <class = void>
[[nodiscard]] std::string temp_name() {
    static std::atomic<std::uint64_t> counter{0};
    return std::to_string(os::pid()) + '-' + std::to_string(counter.fetch_add(1, std::memory_order_relaxed)) +
           '-' + machine_key(os::this_process()) + os::random_hex(8);
}

/// Whether `name` was made by `temp_name` and its maker is dead: at once if it was on this machine; otherwise
/// a day after the last write (0 for `modified_ns`: not known), since nobody here can tell.
template <class = void>
[[nodiscard]] bool is_abandoned_temp(std::string_view name, std::int64_t modified_ns) {
    std::uint64_t pid = 0;
    std::uint64_t counter = 0;
    const char* const end = name.data() + name.size();
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end goes with it
    const auto first = std::from_chars(name.data(), end, pid);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') return false;
    const auto second = std::from_chars(first.ptr + 1, end, counter);
    if (second.ec != std::errc{} || second.ptr == end || *second.ptr != '-') return false;
    const std::string_view token{second.ptr + 1, static_cast<std::size_t>(end - second.ptr - 1)};
    if (token.size() != 16 || token.find_first_not_of("0123456789abcdef") != std::string_view::npos)
        return false;
    os::Process maker = os::this_process();
    if (token.substr(0, 8) != machine_key(maker)) {
        constexpr std::int64_t day_ns = 86'400'000'000'000;
        return modified_ns != 0 && wall_ns() - modified_ns > day_ns;
    }
    maker.pid = pid;
    maker.start = 0;  // a number that was given out again only keeps the file for longer
    return os::liveness(maker) == os::Liveness::dead;
}

/// A temporary file's or folder's name, which is removed with this object unless it was kept. A forked
/// child's copy removes nothing.
template <class = void>
class BasicTempPath {
  public:
    BasicTempPath() = default;
    explicit BasicTempPath(os::Path path) : path_{std::move(path)}, owner_{os::pid()} {}
    BasicTempPath(BasicTempPath&& other) noexcept
        : path_{std::move(other.path_)}, owner_{std::exchange(other.owner_, 0)} {}
    BasicTempPath& operator=(BasicTempPath&& other) noexcept {
        std::swap(path_, other.path_);  // what it had goes with the other
        std::swap(owner_, other.owner_);
        return *this;
    }
    ~BasicTempPath() { remove(); }

    [[nodiscard]] const os::Path& path() const noexcept { return path_; }
    /// It was moved to where it belongs.
    void keep() noexcept { owner_ = 0; }
    void remove() noexcept {
        if (owner_ != 0 && owner_ == os::pid())
            (void)os::remove_tree(path_.parent_path(), path_.filename().string());
        owner_ = 0;
    }

  private:
    os::Path path_;
    std::uint64_t owner_ = 0;
};
using TempPath = BasicTempPath<>;

[[nodiscard]] inline os::Path folder_of(const os::Path& path) {
    return path.has_parent_path() ? path.parent_path() : os::Path{"."};
}
/// Calls `f(folder)`, which makes a temporary there and renames it to `path`: with `temp_dir`, and where that
/// is none or another file system, with the folder of `path`.
template <class F>
result<void> with_temp_dir(const os::Path& path, const os::Path& temp_dir, F&& f) {
    if (!temp_dir.empty()) {
        auto done = f(temp_dir);
        if (done || done.error().code() != errc::unsupported) return done;
    }
    return f(folder_of(path));
}

/// What becomes of a file that is there already.
enum class Existing : unsigned char { replace, refuse };

template <class = void>
result<void> write_via_temp(const os::Path& path, std::string_view bytes, Durability durability,
                            const os::Path& temp_dir, Existing existing) {
    const TempPath temp{temp_dir / ("." + temp_name())};
    auto file = os::File::create_new(temp.path());
    if (!file) return file.error();
    if (auto written = file->write_text(bytes); !written) return written;
    if (durability == Durability::power_loss) {
        if (auto synced = file->sync(); !synced) return synced;
    }
    if (auto closed = file->close(); !closed) return closed;
    if (existing == Existing::replace) return os::rename_replace(temp.path(), path);
    // A link is the one step that names a file only if the name is free, whether or not locks work here.
    auto linked = os::hard_link(temp.path(), path);
    if (linked || linked.error().code() == errc::already_exists || linked.error().code() == errc::no_space) {
        return linked;
    }
    const auto there = os::status(path, os::Links::refuse);
    if (!there) return there.error();
    if (there->exists) return os::failure_of(EEXIST, "create", path);
    return os::rename_replace(temp.path(), path);
}

template <class = void>
result<void> write_atomically(const os::Path& path, std::string_view bytes, Durability durability,
                              const os::Path& temp_dir, Existing existing) {
    auto written = with_temp_dir(path, temp_dir, [&](const os::Path& folder) {
        return write_via_temp(path, bytes, durability, folder, existing);
    });
    if (!written) return written;
    if (durability == Durability::power_loss) return os::sync_dir(folder_of(path));
    return {};
}

/// Writes a file whole: readers see the old bytes or the new ones, and after a failure the old ones. Its
/// temporary lies in `temp_dir` (on the same file system), or beside it. Fails: as the system does; what is
/// at `path` is then what was there, except when the folder's sync fails after the file was replaced.
template <class = void>
result<void> write_file_atomically(const os::Path& path, std::string_view bytes, Durability durability,
                                   const os::Path& temp_dir = {}) {
    return write_atomically(path, bytes, durability, temp_dir, Existing::replace);
}

/// The same for a file that must not be there yet. Fails: already_exists; of two writers exactly one
/// succeeds.
template <class = void>
result<void> write_new_file_atomically(const os::Path& path, std::string_view bytes, Durability durability,
                                       const os::Path& temp_dir = {}) {
    return write_atomically(path, bytes, durability, temp_dir, Existing::refuse);
}

/// A whole file. Fails: not_found; corrupt if it is longer than `max_bytes`; invalid_argument if it is no
/// regular file.
template <class = void>
result<std::string> read_file(const os::Path& path, std::uint64_t max_bytes,
                              os::Links links = os::Links::follow) {
    auto file = os::File::open_read(path, links);
    if (!file) return file.error();
    return file->read_all(max_bytes);
}

/// Calls `f(name)` for the temporaries in `folder` whose makers are dead.
template <class F>
void for_each_abandoned_temp(const os::Path& folder, F&& f) {
    const auto names = os::list_dir(folder);
    if (!names) return;
    for (const std::string& name : *names) {
        const auto there = os::status(folder / name, os::Links::refuse);
        std::string_view made = name;
        if (made.starts_with('.')) made.remove_prefix(1);
        if (there && is_abandoned_temp(made, there->modified_ns)) f(name);
    }
}

/// Removes them. What cannot be removed stays.
template <class = void>
void remove_abandoned_temps(const os::Path& folder) {
    for_each_abandoned_temp(folder, [&](const std::string& name) { (void)os::remove_tree(folder, name); });
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/options.hpp
// What `cairn::init` takes, and how the environment changes it. Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

/// What to do when a run of the wanted id exists: refuse, go on with it, or insist that it exists.
enum class Resume : unsigned char { never, allow, must };

/// Whether the run is recorded at all. `online` has nothing to do with a network: files are local in any
/// case.
enum class Mode : unsigned char { online, disabled };

/// The options of a run. Each may be left out. Where one is empty the environment may fill it (`CAIRN_DIR`,
/// `CAIRN_PROJECT`, `CAIRN_RUN_ID`, `CAIRN_NAME`, `CAIRN_TAGS`, `CAIRN_NOTES`, `CAIRN_GROUP`,
/// `CAIRN_RESUME`, `CAIRN_RANK`); `CAIRN_SYSTEM=off` or a number of seconds says how often the machine's use
/// is recorded, whatever the program says; the three switches `CAIRN_MODE=disabled`, `CAIRN_SAVE=off` and
/// `CAIRN_QUIET=1` turn off what the program has on.
struct Options {
    std::string project = {};  ///< default "uncategorized"
    std::string name = {};     ///< what people call the run; default its id
    std::string id = {};       ///< unique in the project; default 8 random hexadecimal digits
    nlohmann::json config =
        nullptr;  ///< an object: `{{"lr", 1e-3}, {"epochs", 5}}`, or a struct with `to_json`
    std::vector<std::string> tags = {};  ///< words to find the run by
    std::string notes = {};              ///< free text
    std::string group = {};              ///< a word that runs of one experiment share
    std::string job_type = {};           ///< "train", "eval", …
    std::filesystem::path dir = {};      ///< the store; default "cairn" in the working folder
    std::optional<Resume> resume = {};   ///< default `Resume::never`
    std::optional<unsigned> rank = {};   ///< of several processes that write one run; default 0, which saves
    Mode mode = Mode::online;            ///< `disabled`: nothing is written
    bool save = true;                    ///< false: checkpoints of this run save nothing
    double system_seconds = 15;          ///< how often the machine's use is recorded; 0: never
    bool environment = true;  ///< false: machine, command line, compiler and commit are not recorded
    bool quiet = false;       ///< true: no start and end messages on a terminal
    Durability durability = Durability::power_loss;  ///< of versions, artifacts and the run's records
    /// Gets each failure once (the same text is the same failure), in place of the line on stderr, on the
    /// thread on which it came up: it must not block, nor call the run. What it throws is dropped.
    std::function<void(const error&)> on_error = {};
    /// Gets each alert that is not held back, on a thread of its own: it may take a while, and what it throws
    /// is an error of the run. After the run's end it is not called any more.
    std::function<void(const Alert&)> on_alert = {};
};

/// What `cairn::init` opens unless told otherwise.
struct Enabled {};
/// Passed as `cairn::init<cairn::Disabled>(…)`: the run is an empty type and its calls compile to nothing.
struct Disabled {};

namespace detail {

/// The index of `value` among `words`, for variables that take one of a few words.
template <std::size_t N>
std::size_t one_of(const char* variable, const std::string& value, const std::string_view (&words)[N]) {
    std::string expected;
    for (std::size_t i = 0; i < N; ++i) {
        if (value == words[i]) return i;
        expected += (i == 0 ? "" : ", ") + std::string{words[i]};
    }
    raise({errc::invalid_argument, std::string{variable} + " is not one of: " + expected, value,
           "unset " + std::string{variable} + " or set it to one of these"});
}

template <class = void>
[[nodiscard]] bool switch_is_on(const char* variable, const std::string& value) {
    constexpr std::string_view words[] = {"0", "off", "false", "no", "1", "on", "true", "yes"};
    return one_of(variable, value, words) >= 4;
}

template <class = void>
[[nodiscard]] std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        if (!part.empty()) parts.emplace_back(part);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return parts;
}

template <class = void>
[[nodiscard]] unsigned parse_rank(const std::string& text) {
    if (const auto rank = whole_number<unsigned>(text); rank && *rank < 10'000'000) return *rank;
    raise({errc::invalid_argument, "CAIRN_RANK is no number of a process", text,
           "set it to 0, 1, 2, … or unset it"});
}

/// Seconds, or 0 for "off".
template <class = void>
[[nodiscard]] double parse_seconds(const char* variable, const std::string& text) {
    if (text == "off") return 0;
    if (const auto seconds = whole_number<double>(text)) return *seconds;
    raise({errc::invalid_argument, std::string{variable} + " is no number of seconds", text,
           "set it to 15, say, or to off"});
}

/// Refuses a config that is no object, which is what braces make of a single pair.
template <class Json = nlohmann::json>
void check_config(const Json& config) {
    if (config.is_object() || config.is_null()) return;
    std::string shown = config.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (shown.size() > 80) shown = shown.substr(0, 77) + "...";
    raise(
        {errc::invalid_argument, "the config is not an object but " + shown, "",
         R"(write .config = {{"lr", 0.001}, {"epochs", 5}}: a pair of braces for each entry and one around all)"});
}

/// The options with the environment applied and every default filled in, except the id.
template <class GetEnv = decltype(&os::sys::environment)>
[[nodiscard]] Options resolve(Options options, GetEnv&& get = &os::sys::environment) {
    const auto fill = [&](std::string& option, const char* variable) {
        if (option.empty()) option = get(variable);
    };
    fill(options.project, "CAIRN_PROJECT");
    fill(options.name, "CAIRN_NAME");
    fill(options.id, "CAIRN_RUN_ID");
    fill(options.notes, "CAIRN_NOTES");
    fill(options.group, "CAIRN_GROUP");
    if (options.dir.empty()) options.dir = os::path_of(get("CAIRN_DIR"));
    if (options.tags.empty()) options.tags = split_list(get("CAIRN_TAGS"));
    if (const std::string resume = get("CAIRN_RESUME"); !options.resume && !resume.empty()) {
        constexpr std::string_view words[] = {"never", "allow", "must"};
        options.resume = static_cast<Resume>(one_of("CAIRN_RESUME", resume, words));
    }
    if (const std::string rank = get("CAIRN_RANK"); !options.rank && !rank.empty())
        options.rank = parse_rank(rank);
    if (const std::string mode = get("CAIRN_MODE"); !mode.empty()) {
        constexpr std::string_view words[] = {"online", "disabled"};
        if (one_of("CAIRN_MODE", mode, words) == 1) options.mode = Mode::disabled;
    }
    if (const std::string save = get("CAIRN_SAVE"); !save.empty() && !switch_is_on("CAIRN_SAVE", save)) {
        options.save = false;
    }
    if (const std::string quiet = get("CAIRN_QUIET"); !quiet.empty() && switch_is_on("CAIRN_QUIET", quiet)) {
        options.quiet = true;
    }

    if (const std::string system = get("CAIRN_SYSTEM"); !system.empty())
        options.system_seconds = parse_seconds("CAIRN_SYSTEM", system);
    if (!(options.system_seconds == 0 || (options.system_seconds >= 0.1 && options.system_seconds <= 1e6))) {
        raise({errc::invalid_argument, "the machine's use cannot be recorded so often",
               std::to_string(options.system_seconds) + " s", "give 0.1 to 1000000 seconds, or 0 for never"});
    }

    if (options.project.empty()) options.project = "uncategorized";
    if (options.dir.empty()) options.dir = "cairn";
    if (!options.resume) options.resume = Resume::never;
    if (!options.rank) options.rank = 0;
    check_config(options.config);
    if (options.config.is_null()) options.config = nlohmann::json::object();
    check_name("project", options.project).value();
    if (!options.id.empty()) check_name("run", options.id).value();
    if (*options.resume == Resume::must && options.id.empty()) {
        raise({errc::invalid_argument, "resume is \"must\" but no run is named", "",
               "set the option .id or CAIRN_RUN_ID to the run to go on with"});
    }
    if (*options.rank != 0 && options.id.empty()) {
        raise({errc::invalid_argument, "a rank is given but no run: all ranks write one", "",
               "set the option .id or CAIRN_RUN_ID to the same id on every rank"});
    }
    return options;
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/media/media.hpp
// What a rich value becomes: bytes that other programs read too, and a few words about them. Costs
// nlohmann/json.

namespace CAIRN_NAMESPACE {

/// A rich value as a run keeps it.
struct Media {
    std::string kind;  ///< how it is shown: "image", "table", "histogram", "text", "field", "audio", "curve",
                       ///< "blob"; a reader shows one that it does not know as "blob"
    std::string type;  ///< the media type of the bytes: "image/png"
    std::string bytes;                                ///< the value; at most 1 GiB
    nlohmann::json about = nlohmann::json::object();  ///< width, height, caption, …; at most 1 MiB of text
};

/// A type that `run.log("name"_m = value)` takes beside numbers. One's own needs two members: `encode`, which
/// is called once, on another thread, and may throw; and `memory`, about how many bytes it holds.
template <class T>
concept EncodesMedia = RichValue<T> && requires(const T& value) {
    { value.encode() } -> std::same_as<Media>;
};

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/signal_watch.hpp
// A checkpoint that saves on a signal.

namespace CAIRN_NAMESPACE::detail {

/// Listens while it lives. A signal is pending until its watch has answered it.
class SignalWatch {
  public:
    SignalWatch() = default;
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;
    virtual ~SignalWatch() = default;

    /// Whether a signal came that was not answered. Cost: two loads.
    [[nodiscard]] virtual bool pending() const noexcept = 0;
    /// What came so far is answered: a version was saved, or it could not be. Does not return if the signal
    /// is to end the process and this was the last watch that it waited for.
    virtual void answer() = 0;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/metric_cache.hpp
// Which number stands for a metric's name, as far as one thread has used it.

namespace CAIRN_NAMESPACE::detail {

/// The part of the table that one thread has used: names in a small open-addressed table without locks, and
/// in front of it literals, each at one of two places that the compiler knows.
template <class = void>
class BasicMetricCache {
  public:
    /// The number of a metric this thread has used before; `unknown` otherwise.
    static constexpr std::uint32_t unknown = 0xffffffffU;

    [[nodiscard]] std::uint32_t find(std::uint64_t hash, std::string_view name) const noexcept {
        return slots_[place_of(hash, name)].id;
    }
    /// Whether the thread has used it before; then its number. Names follow one another as they did before,
    /// mostly: then none is hashed.
    [[nodiscard]] bool knows(std::string_view name, std::uint32_t& id) noexcept {
        if (name.size() > max_metric_name_bytes) name.remove_suffix(name.size() - max_metric_name_bytes);
        std::uint32_t at = slots_[latest_].next;
        if (slots_[at].id == unknown || !is_same_text(slots_[at].name, name)) {
            at = place_of(hash_name(name), name);
            if (slots_[at].id == unknown) return false;
            slots_[latest_].next = at;
        }
        latest_ = at;
        id = slots_[at].id;
        return true;
    }
    /// The same of a literal, if `keep` had a place for it. By its hash of 64 bits alone: its text was
    /// compared when it was kept, and no other literal of a program has the same.
    template <MetricName Name>
    [[nodiscard]] CAIRN_INLINE bool knows(Name, std::uint32_t& id) const noexcept {
        const Literal& first = literals_[slot(Name::hash)];
        const Literal& second = literals_[second_slot(Name::hash)];
        if (Name::hash == no_hash) return false;
        if (first.hash == Name::hash) [[likely]]
            id = first.id;
        else if (second.hash == Name::hash)
            id = second.id;
        else
            return false;
        return true;
    }
    /// Remembers a literal whose number is known, at one of its two places.
    void keep(std::uint64_t hash, std::uint32_t id) noexcept {
        for (const std::size_t i : {slot(hash), second_slot(hash)}) {
            if (hash == no_hash || (literals_[i].hash != no_hash && literals_[i].hash != hash)) continue;
            literals_[i] = {hash, id};
            return;
        }
    }

    void insert(std::uint64_t hash, std::string_view kept, std::uint32_t id) {
        if ((count_ + 1) * 2 > slots_.size()) grow();
        place({hash, kept, id, 0});
        ++count_;
    }

  private:
    struct Literal {
        std::uint64_t hash = no_hash;
        std::uint32_t id = unknown;
    };
    struct Entry {
        std::uint64_t hash = 0;
        std::string_view name{};
        std::uint32_t id = unknown;
        std::uint32_t next = 0;  // where the name stood that followed it
    };
    static constexpr std::size_t literal_slots = 128;
    static constexpr std::uint64_t no_hash = 0;  // a literal that has it is found by its text

    [[nodiscard]] static constexpr std::size_t slot(std::uint64_t hash) noexcept {
        return static_cast<std::size_t>(hash % literal_slots);
    }
    [[nodiscard]] static constexpr std::size_t second_slot(std::uint64_t hash) noexcept {
        return slot(hash / literal_slots);
    }
    /// Where the name stands; if it does not, where it would.
    [[nodiscard]] std::uint32_t place_of(std::uint64_t hash, std::string_view name) const noexcept {
        for (std::size_t i = static_cast<std::size_t>(hash) & mask_;; i = (i + 1) & mask_) {
            const Entry& entry = slots_[i];
            if (entry.id == unknown || (entry.hash == hash && is_same_text(entry.name, name)))
                return static_cast<std::uint32_t>(i);
        }
    }
    void place(const Entry& entry) { slots_[place_of(entry.hash, entry.name)] = entry; }
    void grow() {
        std::vector<Entry> old(slots_.size() * 2);
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Entry& entry : old) {
            if (entry.id != unknown) place(entry);
        }
    }

    std::array<Literal, literal_slots> literals_{};
    std::vector<Entry> slots_ = std::vector<Entry>(64);
    std::size_t mask_ = 63;
    std::size_t count_ = 0;
    std::uint32_t latest_ = 0;  // where the name stands that was asked for last
};
using MetricCache = BasicMetricCache<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/ring.hpp
// The journal: one ring for each logging thread, in a memory-mapped file of the run's folder. What a commit
// has published is in the page cache, so killing the process loses none of it. One producer, one consumer.

namespace CAIRN_NAMESPACE::detail {

/// The first page of a ring file. Positions count bytes since the ring was made and never wrap; the data that
/// follows is used modulo `capacity`. Numbers are in the order of the machine that wrote it (`byte_order`
/// tells).
struct RingHeader {
    static constexpr char expected_magic[8] = {'C', 'A', 'I', 'R', 'N', 'R', 'N', 'G'};
    static constexpr std::uint32_t current_version = 1;
    static constexpr std::uint32_t expected_byte_order = 0x01020304;

    char magic[8];
    std::uint32_t version;
    std::uint32_t byte_order;
    std::uint64_t capacity;
    std::uint32_t id;
    // Each on its own cache line: the producer writes one, the consumer the other.
    alignas(64) std::atomic<std::uint64_t> head;
    alignas(64) std::atomic<std::uint64_t> tail;
    std::atomic<std::uint64_t> after_memory;  // 1 while rows before these lie in plain memory only

    [[nodiscard]] bool is_valid() const noexcept;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(RingHeader) == 192);

/// The greatest number that a ring may have.
inline constexpr std::uint32_t most_rings = 0x7fffffff;
inline constexpr std::size_t ring_header_bytes = 4096;
inline constexpr std::size_t ring_capacity = std::size_t{1024} * 1024;
inline constexpr std::size_t ring_file_bytes = ring_header_bytes + ring_capacity;
/// As much of a ring is used while the consumer keeps up: it fits the second-level cache beside a training
/// loop's own data, and a ring that leaves it costs four times as much a row.
inline constexpr std::size_t ring_window = std::size_t{64} * 1024;
/// With less room than this a ring is low.
inline constexpr std::size_t ring_reserve = ring_window / 4;

inline bool RingHeader::is_valid() const noexcept {
    return std::memcmp(magic, expected_magic, sizeof magic) == 0 && version == current_version &&
           byte_order == expected_byte_order && std::has_single_bit(capacity) && capacity <= ring_capacity;
}

/// A view of a ring in memory that outlives it. The producer asks `has_room` or `advance`, writes at `end`
/// and calls `commit`; the consumer `readable` and `release`. Neither waits.
class Ring {
  public:
    Ring() = default;

    /// Makes an empty ring of `ring_file_bytes` zeroed bytes, whose positions begin at a multiple of 8.
    static Ring create(std::byte* memory, std::uint32_t id, std::uint64_t position = 0) noexcept {
        auto* header = new (memory) RingHeader{};
        header->version = RingHeader::current_version;
        header->byte_order = RingHeader::expected_byte_order;
        header->capacity = ring_capacity;
        header->id = id;
        Ring ring{header, memory + ring_header_bytes};
        ring.restart_at(position);
        return ring;
    }

    [[nodiscard]] std::uint32_t id() const noexcept { return header_->id; }
    /// The position after what was committed, as the producer knows it.
    [[nodiscard]] std::uint64_t position() const noexcept { return head_; }

    /// Goes on at another position; for a ring that is drained, and whose consumer waits. `after_memory`:
    /// what comes before it lies in plain memory, until `memory_is_written`.
    void restart_at(std::uint64_t position, bool after_memory = false) noexcept {
        // Without its magic it is no ring yet for whoever reads the file of a process that was killed here.
        std::memset(header_->magic, 0, sizeof header_->magic);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        header_->after_memory.store(after_memory ? 1 : 0, std::memory_order_release);
        header_->tail.store(position, std::memory_order_release);
        header_->head.store(position, std::memory_order_release);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        std::memcpy(header_->magic, RingHeader::expected_magic, sizeof header_->magic);
        head_ = limit_ = position;
        window_ = ring_window;
        is_low_ = false;
    }
    /// Makes an `advance` necessary after so many bytes at the latest.
    void look_every(std::size_t bytes) noexcept { stride_ = bytes; }

    /// Whether `bytes` (a multiple of 8, at most half of `ring_window`) can be written at `end` and
    /// committed. If not, that takes an `advance`.
    [[nodiscard]] bool has_room(std::size_t bytes) const noexcept { return head_ + bytes <= limit_; }
    [[nodiscard]] std::byte* end() const noexcept { return data_ + (head_ & mask); }

    /// Makes room, after a look at what the consumer has released; false if the ring is full. At the end of
    /// the window it goes on at the ring's beginning if there is as much room as the window has, nearly;
    /// otherwise the window grows.
    template <class = void>
    [[nodiscard]] bool advance(std::size_t bytes) noexcept {
        const std::uint64_t tail = header_->tail.load(std::memory_order_acquire);
        const std::uint64_t full = tail + ring_capacity;  // the first position that is not free
        const std::uint64_t lap = head_ & ~std::uint64_t{mask};
        const std::uint64_t end = head_ + bytes;
        if (head_ == lap) window_ = ring_window;
        if (end > lap + window_) {
            const std::uint64_t next = lap + ring_capacity;
            const std::uint64_t room = full > next ? full - next : 0;
            if (room >= window_ - window_ / 4 || (end > next && room >= bytes)) {
                put_record(data_ + (head_ & mask), static_cast<std::size_t>(next - head_),
                           RecordKind::padding);
                head_ = next;
                window_ = ring_window;
            } else if (end > next) {
                is_low_ = true;
                return false;
            } else {
                while (end > lap + window_) window_ = std::min(2 * window_, ring_capacity);
            }
        }
        const std::uint64_t window_end = (head_ & ~std::uint64_t{mask}) + window_;
        is_low_ = full < head_ + bytes + ring_reserve;
        // Where it is time to look again: at the end of the window, when the ring becomes low, when it is
        // full.
        limit_ =
            std::min({window_end, is_low_ ? full : full - ring_reserve, head_ + std::max(bytes, stride_)});
        return has_room(bytes);
    }

    /// Publishes `bytes` that were written at `end`. When this returns, a SIGKILL of the process loses none
    /// of them.
    void commit(std::size_t bytes) noexcept { commit_until(head_ + bytes); }
    /// The same up to a position; for who knows it from before he wrote, which may have been anywhere.
    void commit_until(std::uint64_t position) noexcept {
        head_ = position;
        header_->head.store(position, std::memory_order_release);
        std::atomic_signal_fence(std::memory_order_seq_cst);  // a signal that comes now finds it stored
    }

    /// Whether the consumer is to be asked for room, as of the last `advance`.
    [[nodiscard]] bool is_low() const noexcept { return is_low_; }

    struct Readable {
        std::uint64_t from = 0;
        std::span<const std::byte> bytes;  // contiguous; call again for what lies at the ring's beginning
    };
    /// What was committed from a position on, which is not released.
    template <class = void>
    [[nodiscard]] Readable readable(std::uint64_t from) const noexcept {
        const std::uint64_t to = header_->head.load(std::memory_order_acquire);
        const std::size_t offset = from & mask;
        const std::uint64_t size = std::min<std::uint64_t>(to - from, ring_capacity - offset);
        return {from, std::span<const std::byte>{data_ + offset, static_cast<std::size_t>(size)}};
    }
    /// What was committed and is not released.
    template <class = void>
    [[nodiscard]] Readable readable() const noexcept {
        return readable(header_->tail.load(std::memory_order_relaxed));
    }
    void release(std::uint64_t to) noexcept { header_->tail.store(to, std::memory_order_release); }
    /// What came before it is in the history, or is lost.
    void memory_is_written() noexcept { header_->after_memory.store(0, std::memory_order_release); }
    /// Releases what was committed; for a ring that its producer has left.
    void release_all() noexcept { release(header_->head.load(std::memory_order_acquire)); }

  private:
    static constexpr std::size_t mask = ring_capacity - 1;
    static_assert((ring_capacity & mask) == 0);

    Ring(RingHeader* header, std::byte* data) noexcept : header_{header}, data_{data} {}

    RingHeader* header_ = nullptr;
    std::byte* data_ = nullptr;
    std::uint64_t head_ = 0;  // the producer's own: no shared line is read on the fast path
    std::uint64_t limit_ = 0;
    std::size_t window_ = ring_window;
    std::size_t stride_ = ring_capacity;
    bool is_low_ = false;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/lane.hpp
// A thread's way into a run, as the thread sees it: its ring, the names it has used there. What happens
// seldom is virtual, so that a file which logs compiles nothing but the fast path.

namespace CAIRN_NAMESPACE::detail {

/// A value of a typed row under its name, where the row's type does not matter any more.
struct NamedCell {
    std::uint64_t hash = 0;
    std::string_view name{};
    Value value{};
};

/// One producer at a time: the thread that holds it. Others read the counters.
class Lane {
  public:
    struct Counters {
        std::atomic<std::uint64_t> rows{0}, texts_cut{0}, waits{0}, waited_ns{0}, spills{0}, log_ns{0};
    };

    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// Appends a typed or dynamic row, or an event, if there is room for it and this thread has used all its
    /// names; changes nothing otherwise.
    template <class R>
    [[nodiscard]] CAIRN_INLINE bool try_append(const R& row) noexcept {
        std::uint32_t metrics[most_at_once];
        std::size_t cells = 0;
        std::size_t bytes = row_header_bytes;
        bool is_plain = true;
        row.for_each([&](auto name, const auto& value) {
            if (cells == most_at_once) {
                is_plain = false;
                return;
            }
            const Value cell{value};
            is_plain =
                is_plain && known_.knows(name, metrics[cells++]) && cell.text().size() <= max_text_bytes;
            bytes += cell_size(cell);
        });
        if (!is_plain || bytes > max_record_bytes || !ring.has_room(bytes)) return false;
        const std::uint64_t end = ring.position() + bytes;
        std::byte* to =
            put_row_header(ring.end(), bytes, RecordKind::row, 0, cells, row.step(), row.clock_ns());
        const std::uint32_t* metric = metrics;
        row.for_each([&](auto, const auto& value) { to = put_cell(to, *metric++, Value{value}); });
        ring.commit_until(end);
        bump(counters.rows);
        return true;
    }

    /// Appends any row; false if it had to be dropped. Gives names that are new here their numbers, makes
    /// room, cuts what is too long, splits what is too large. May allocate.
    template <class... Fields>
    bool append(const Row<Fields...>& row) {
        NamedCell cells[sizeof...(Fields) + 1];
        NamedCell* end = cells;
        row.for_each([&](auto name, const auto& value) {
            using Name = decltype(name);
            *end++ = {Name::hash, Name::name, Value{value}};
        });
        return append_cells(row.step(), row.time_ns(), cells, end);
    }
    bool append(const DynamicRow& row, RecordKind kind = RecordKind::row) {
        return append_dynamic(kind, row);
    }
    virtual bool append(const GivenRow& row) = 0;

    /// The thread's own count of rows, for rows without a step.
    /// The last step there can be is taken again and again.
    [[nodiscard]] std::int64_t take_step() noexcept {
        return next_step_ == std::numeric_limits<std::int64_t>::max() ? next_step_ : next_step_++;
    }

    /// The thread that holds it needs it no more.
    virtual void let_go() noexcept = 0;
    /// Whether nobody but the thread that holds it knows of it: its run is gone.
    [[nodiscard]] virtual bool is_orphan() const noexcept = 0;

    static void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) noexcept {
        // Only this thread adds: a load and a store, no locked instruction.
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    Ring ring;  // where the thread writes
    Counters counters;

  protected:
    static constexpr std::size_t max_record_bytes = ring_window / 4;
    /// A row of more cells goes the slow way.
    static constexpr std::size_t most_at_once = 64;

    explicit Lane(std::int64_t first_step) : next_step_{first_step} {}
    ~Lane() = default;

    MetricCache known_;
    std::int64_t next_step_;

  private:
    friend class ThreadLanes;

    virtual bool append_cells(std::int64_t step, std::int64_t time_ns, const NamedCell* begin,
                              const NamedCell* end) = 0;
    virtual bool append_dynamic(RecordKind kind, const DynamicRow& row) = 0;

    // What the thread that holds it knows it by.
    std::uint64_t run_ = 0;
    Lane* next_ = nullptr;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/thread_lanes.hpp
// How a thread finds its lane into a run.

namespace CAIRN_NAMESPACE::detail {

/// A thread's lanes, one for each run it logs to. When the thread ends they are free for another.
class CAIRN_ONE_IN_PROCESS ThreadLanes {
  public:
    /// What the fast path looks at.
    struct Latest {
        std::uint64_t run = nobody;
        Lane* lane = nullptr;  // not null for the key of any run
    };
    /// No run's key, which is odd, and not the 0 of one that takes no rows.
    static constexpr std::uint64_t nobody = 2;
    static const Latest& latest() noexcept { return Own::get().latest_; }

    /// The calling thread's lane into run `run`, taken from its journal on first use; null when the thread is
    /// ending or there is none to be had.
    template <class Journal>
    static Lane* find(std::uint64_t run, Journal& journal) noexcept {
        ThreadLanes& mine = Own::get();
        if (mine.ended_) return nullptr;
        Lane* lane = mine.known(run);
        if (lane == nullptr) {
            Own::end_with_thread();
            mine.forget_orphans();
            try {
                lane = journal.acquire();
            } catch (...) {  // no memory: the row is counted as dropped
            }
            if (lane == nullptr) return nullptr;
            lane->run_ = run;
            lane->next_ = mine.first_;
            mine.first_ = lane;
        }
        mine.latest_ = {run, lane};
        return lane;
    }

    /// The calling thread's lane into run `run`, if it has one.
    static const Lane* own(std::uint64_t run) noexcept { return Own::get().known(run); }

  private:
    static void end(ThreadLanes& mine) noexcept {
        mine.ended_ = true;
        mine.latest_ = {};
        while (mine.first_ != nullptr) drop(&mine.first_);
    }
    using Own = os::ThreadData<ThreadLanes>;
    friend Own;

    [[nodiscard]] Lane* known(std::uint64_t run) const noexcept {
        Lane* lane = first_;
        while (lane != nullptr && lane->run_ != run) lane = lane->next_;
        return lane;
    }
    void forget_orphans() noexcept {
        for (Lane** at = &first_; *at != nullptr;) {
            if ((*at)->is_orphan())
                drop(at);
            else
                at = &(*at)->next_;
        }
    }
    static void drop(Lane** at) noexcept {
        Lane* const lane = *at;
        *at = lane->next_;
        lane->let_go();
    }

    Latest latest_;
    Lane* first_ = nullptr;
    bool ended_ = false;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/cpu.hpp
// Which optional instructions this processor has, asked of the processor itself (g++ 12's
// __builtin_cpu_supports does not know "sha", and needs a run-time library that not every compiler has).
// Costs <cpuid.h> on x86-64.

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

namespace CAIRN_NAMESPACE::detail {

struct CpuFeatures {
    bool sha = false;    // SHA-NI, and the SSSE3 and SSE4.1 that code for it also uses
    bool sse42 = false;  // the crc32 instruction
    bool avx2 = false;   // and a system that keeps its registers
};

[[nodiscard]] inline CpuFeatures detect_cpu() noexcept {
    CpuFeatures found;
#if defined(__x86_64__) && defined(__GNUC__)
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return found;
    const bool ssse3 = (ecx >> 9U & 1U) != 0;
    const bool sse41 = (ecx >> 19U & 1U) != 0;
    found.sse42 = (ecx >> 20U & 1U) != 0;
    const bool has_osxsave = (ecx >> 27U & 1U) != 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return found;
    found.sha = ssse3 && sse41 && (ebx >> 29U & 1U) != 0;
    if (has_osxsave) {
        unsigned kept = 0;
        __asm__("xgetbv" : "=a"(kept), "=d"(edx) : "c"(0));
        found.avx2 = (kept & 6U) == 6 && (ebx >> 5U & 1U) != 0;
    }
#endif
    return found;
}

/// What this processor has; asked once.
[[nodiscard]] inline const CpuFeatures& cpu() noexcept {
    static const CpuFeatures found = detect_cpu();
    return found;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/detail/sha256_block.hpp
// The SHA-256 compression function (FIPS 180-4, section 6.2) in plain C++: what every platform has, and what
// the hardware versions are tested against. Costs nothing to include.

namespace CAIRN_NAMESPACE::detail {

struct Sha256State {
    std::uint32_t word[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

inline constexpr std::size_t sha256_block_bytes = 64;

inline constexpr std::uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

[[nodiscard]] constexpr std::uint32_t rotate_right(std::uint32_t x, unsigned n) noexcept {
    return x >> n | x << (32U - n);
}

inline void sha256_blocks_portable(Sha256State& state, const std::byte* data, std::size_t blocks) noexcept {
    for (; blocks != 0; --blocks, data += sha256_block_bytes) {
        std::uint32_t w[64];
        for (std::size_t i = 0; i < 16; ++i) {
            w[i] = static_cast<std::uint32_t>(data[4 * i]) << 24U |
                   static_cast<std::uint32_t>(data[4 * i + 1]) << 16U |
                   static_cast<std::uint32_t>(data[4 * i + 2]) << 8U |
                   static_cast<std::uint32_t>(data[4 * i + 3]);
        }
        for (std::size_t i = 16; i < 64; ++i) {
            const std::uint32_t p = w[i - 15];
            const std::uint32_t q = w[i - 2];
            w[i] = w[i - 16] + w[i - 7] + (rotate_right(p, 7) ^ rotate_right(p, 18) ^ p >> 3U) +
                   (rotate_right(q, 17) ^ rotate_right(q, 19) ^ q >> 10U);
        }
        auto [a, b, c, d, e, f, g, h] = state.word;
        for (std::size_t i = 0; i < 64; ++i) {
            const std::uint32_t t1 = h + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) +
                                     ((e & f) ^ (~e & g)) + sha256_constants[i] + w[i];
            const std::uint32_t t2 = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) +
                                     ((a & b) ^ (a & c) ^ (b & c));
            h = g;
            g = f;
            f = e;
            e = d + t1;
            d = c;
            c = b;
            b = a;
            a = t1 + t2;
        }
        const std::uint32_t sum[8] = {a, b, c, d, e, f, g, h};
        for (std::size_t i = 0; i < 8; ++i) state.word[i] += sum[i];
    }
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/detail/sha256_arm.hpp
// The SHA-256 compression function with the SHA instructions of ARMv8, compiled where the target is said to
// have them (-march=armv8-a+crypto, every Apple processor). Inline assembly, because the builtins behind
// <arm_neon.h> have other names in every compiler and the header is slow.

#if defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__) &&                                  \
    (defined(__ARM_FEATURE_SHA2) || defined(__ARM_FEATURE_CRYPTO))

namespace CAIRN_NAMESPACE::detail {

using Words = std::uint32_t __attribute__((vector_size(16)));

/// Four words of a block, which are big-endian there.
inline Words sha256_load(const std::byte* data) noexcept {
    using Bytes = unsigned char __attribute__((vector_size(16)));
    Bytes raw;
    __builtin_memcpy(&raw, data, sizeof raw);
    return reinterpret_cast<Words>(
        __builtin_shufflevector(raw, raw, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

/// Message words plus the constants of rounds 4*i to 4*i+3.
inline Words sha256_keyed(Words message, std::size_t i) noexcept {
    Words constants;
    __builtin_memcpy(&constants, sha256_constants + 4 * i, sizeof constants);
    return message + constants;
}

/// Rounds 4*i to 4*i+3.
inline void sha256_rounds(Words& abcd, Words& efgh, Words message, std::size_t i) noexcept {
    const Words keyed = sha256_keyed(message, i);
    const Words before = abcd;
    asm("sha256h %q0, %q1, %2.4s" : "+w"(abcd) : "w"(efgh), "w"(keyed));
    asm("sha256h2 %q0, %q1, %2.4s" : "+w"(efgh) : "w"(before), "w"(keyed));
}

/// The four message words that follow the sixteen in w0 to w3.
inline Words sha256_next(Words w0, Words w1, Words w2, Words w3) noexcept {
    asm("sha256su0 %0.4s, %1.4s" : "+w"(w0) : "w"(w1));
    asm("sha256su1 %0.4s, %1.4s, %2.4s" : "+w"(w0) : "w"(w2), "w"(w3));
    return w0;
}

inline void sha256_blocks_arm(Sha256State& state, const std::byte* data, std::size_t blocks) noexcept {
    Words high;
    Words low;
    __builtin_memcpy(&high, state.word, sizeof high);
    __builtin_memcpy(&low, state.word + 4, sizeof low);
    for (; blocks != 0; --blocks, data += sha256_block_bytes) {
        Words abcd = high;
        Words efgh = low;
        Words w0 = sha256_load(data);
        Words w1 = sha256_load(data + 16);
        Words w2 = sha256_load(data + 32);
        Words w3 = sha256_load(data + 48);
        for (std::size_t i = 0; i < 12; i += 4) {
            sha256_rounds(abcd, efgh, w0, i);
            w0 = sha256_next(w0, w1, w2, w3);
            sha256_rounds(abcd, efgh, w1, i + 1);
            w1 = sha256_next(w1, w2, w3, w0);
            sha256_rounds(abcd, efgh, w2, i + 2);
            w2 = sha256_next(w2, w3, w0, w1);
            sha256_rounds(abcd, efgh, w3, i + 3);
            w3 = sha256_next(w3, w0, w1, w2);
        }
        sha256_rounds(abcd, efgh, w0, 12);
        sha256_rounds(abcd, efgh, w1, 13);
        sha256_rounds(abcd, efgh, w2, 14);
        sha256_rounds(abcd, efgh, w3, 15);
        high += abcd;
        low += efgh;
    }
    __builtin_memcpy(state.word, &high, sizeof high);
    __builtin_memcpy(state.word + 4, &low, sizeof low);
}

}  // namespace CAIRN_NAMESPACE::detail

#endif

// ---- cairn/core/detail/sha256_x86.hpp
// The SHA-256 compression function with the SHA instructions of x86-64, for processors that have them: see
// cpu().sha. Vector extensions and builtins, because <immintrin.h> costs a third of a second to include.

#if defined(__x86_64__) && defined(__GNUC__)

namespace CAIRN_NAMESPACE::detail {

using Words = std::uint32_t __attribute__((vector_size(16)));

/// Four words of a block, which are big-endian there.
[[gnu::target("sha,sse4.1")]] inline Words sha256_load(const std::byte* data) noexcept {
    using Bytes = unsigned char __attribute__((vector_size(16)));
    Bytes raw;
    __builtin_memcpy(&raw, data, sizeof raw);
    return reinterpret_cast<Words>(
        __builtin_shufflevector(raw, raw, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

/// Message words plus the constants of rounds 4*i to 4*i+3.
[[gnu::target("sha,sse4.1")]] inline Words sha256_keyed(Words message, std::size_t i) noexcept {
    Words constants;
    __builtin_memcpy(&constants, sha256_constants + 4 * i, sizeof constants);
    return message + constants;
}

/// Rounds 4*i to 4*i+3. The instructions want the state as (f, e, b, a) and (h, g, d, c), lowest lane first.
[[gnu::target("sha,sse4.1")]] inline void sha256_rounds(Words& feba, Words& hgdc, Words message,
                                                        std::size_t i) noexcept {
    using Signed = std::int32_t __attribute__((vector_size(16)));
    const auto keyed = reinterpret_cast<Signed>(sha256_keyed(message, i));
    auto high = reinterpret_cast<Signed>(feba);
    auto low = reinterpret_cast<Signed>(hgdc);
    low = __builtin_ia32_sha256rnds2(low, high, keyed);
    high = __builtin_ia32_sha256rnds2(high, low, __builtin_shufflevector(keyed, keyed, 2, 3, 2, 3));
    feba = reinterpret_cast<Words>(high);
    hgdc = reinterpret_cast<Words>(low);
}

/// The four message words that follow the sixteen in w0 to w3.
[[gnu::target("sha,sse4.1")]] inline Words sha256_next(Words w0, Words w1, Words w2, Words w3) noexcept {
    using Signed = std::int32_t __attribute__((vector_size(16)));
    const auto first = __builtin_ia32_sha256msg1(reinterpret_cast<Signed>(w0), reinterpret_cast<Signed>(w1));
    const Words sum = reinterpret_cast<Words>(first) + __builtin_shufflevector(w2, w3, 1, 2, 3, 4);
    return reinterpret_cast<Words>(
        __builtin_ia32_sha256msg2(reinterpret_cast<Signed>(sum), reinterpret_cast<Signed>(w3)));
}

/// Requires cpu().sha.
[[gnu::target("sha,sse4.1")]] inline void sha256_blocks_x86(Sha256State& state, const std::byte* data,
                                                            std::size_t blocks) noexcept {
    const auto& s = state.word;
    Words high = {s[5], s[4], s[1], s[0]};
    Words low = {s[7], s[6], s[3], s[2]};
    for (; blocks != 0; --blocks, data += sha256_block_bytes) {
        Words feba = high;
        Words hgdc = low;
        Words w0 = sha256_load(data);
        Words w1 = sha256_load(data + 16);
        Words w2 = sha256_load(data + 32);
        Words w3 = sha256_load(data + 48);
        for (std::size_t i = 0; i < 12; i += 4) {
            sha256_rounds(feba, hgdc, w0, i);
            w0 = sha256_next(w0, w1, w2, w3);
            sha256_rounds(feba, hgdc, w1, i + 1);
            w1 = sha256_next(w1, w2, w3, w0);
            sha256_rounds(feba, hgdc, w2, i + 2);
            w2 = sha256_next(w2, w3, w0, w1);
            sha256_rounds(feba, hgdc, w3, i + 3);
            w3 = sha256_next(w3, w0, w1, w2);
        }
        sha256_rounds(feba, hgdc, w0, 12);
        sha256_rounds(feba, hgdc, w1, 13);
        sha256_rounds(feba, hgdc, w2, 14);
        sha256_rounds(feba, hgdc, w3, 15);
        high += feba;
        low += hgdc;
    }
    state = {{high[3], high[2], low[3], low[2], high[1], high[0], low[1], low[0]}};
}

}  // namespace CAIRN_NAMESPACE::detail

#endif

// ---- cairn/core/sha256.hpp
// SHA-256 digests, which name the objects of a store. Uses the processor's SHA instructions where it has
// them (about 5 times faster). Costs <string>, <optional> and <span>.

namespace CAIRN_NAMESPACE {

namespace detail {

/// The compression function this processor runs fastest, and what to call it in a report.
struct Sha256Engine {
    void (*blocks)(Sha256State&, const std::byte*, std::size_t) noexcept;
    std::string_view name;
};

[[nodiscard]] inline Sha256Engine sha256_engine() noexcept {
#if defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__) &&                                  \
    (defined(__ARM_FEATURE_SHA2) || defined(__ARM_FEATURE_CRYPTO))
    return {&sha256_blocks_arm, "armv8"};
#elif defined(__x86_64__) && defined(__GNUC__)
    if (cpu().sha) return {&sha256_blocks_x86, "sha-ni"};
#endif
    return {&sha256_blocks_portable, "portable"};
}

[[nodiscard]] constexpr int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace detail

/// The 32 bytes of a SHA-256.
struct Digest {
    std::array<std::byte, 32> bytes{};  ///< the first byte of the digest first

    /// 64 lower-case hexadecimal digits.
    [[nodiscard]] std::string hex() const {
        constexpr std::string_view digits = "0123456789abcdef";
        std::string out;
        out.reserve(2 * bytes.size());
        for (const std::byte b : bytes) {
            out += digits[static_cast<unsigned char>(b) >> 4U];
            out += digits[static_cast<unsigned char>(b) & 15U];
        }
        return out;
    }

    /// The digest that `hex()` wrote; nothing if `text` is not exactly 64 lower-case hexadecimal digits.
    [[nodiscard]] static constexpr std::optional<Digest> from_hex(std::string_view text) noexcept {
        Digest out;
        if (text.size() != 2 * out.bytes.size()) return std::nullopt;
        for (std::size_t i = 0; i < out.bytes.size(); ++i) {
            const int high = detail::hex_digit(text[2 * i]);
            const int low = detail::hex_digit(text[2 * i + 1]);
            if (high < 0 || low < 0) return std::nullopt;
            out.bytes[i] = static_cast<std::byte>(high * 16 + low);
        }
        return out;
    }

    /// Whether all 32 bytes are equal.
    friend bool operator==(const Digest&, const Digest&) = default;
};

/// A SHA-256 of bytes that come in pieces. Threads: a value; one thread at a time. Cost: no allocation;
/// 0.5 to 2 GB/s with the processor's help, 0.2 to 0.4 GB/s without.
template <class = void>
class BasicSha256 {
  public:
    BasicSha256() noexcept : blocks_{detail::sha256_engine().blocks} {}

    /// Appends `data` to what is hashed.
    void update(std::span<const std::byte> data) noexcept {
        if (data.empty()) return;
        total_ += data.size();
        if (pending_ != 0) {
            data = data.subspan(fill(data));
            if (pending_ != buffer_.size()) return;
            blocks_(state_, buffer_.data(), 1);
            pending_ = 0;
        }
        const std::size_t whole = data.size() / buffer_.size();
        blocks_(state_, data.data(), whole);
        data = data.subspan(whole * buffer_.size());
        fill(data);
    }

    /// The digest of everything so far; the object then starts anew.
    [[nodiscard]] Digest finish() noexcept {
        const std::uint64_t bits = total_ * 8;
        std::array<std::byte, detail::sha256_block_bytes + 8> tail{std::byte{0x80}};
        const std::size_t zeros = (buffer_.size() + 55 - pending_) % buffer_.size();
        for (std::size_t i = 0; i < 8; ++i)
            tail[1 + zeros + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
        update(detail::bytes_of(tail).first(1 + zeros + 8));

        Digest out;
        for (std::size_t i = 0; i < out.bytes.size(); ++i) {
            out.bytes[i] = static_cast<std::byte>(state_.word[i / 4] >> (24 - 8 * (i % 4)));
        }
        *this = BasicSha256{};
        return out;
    }

  private:
    /// Moves what fits into the buffer and says how much that was.
    std::size_t fill(std::span<const std::byte> data) noexcept {
        const std::size_t room = buffer_.size() - pending_;
        const std::size_t taken = data.size() < room ? data.size() : room;
        for (std::size_t i = 0; i < taken; ++i) buffer_[pending_ + i] = data[i];
        pending_ += taken;
        return taken;
    }

    void (*blocks_)(detail::Sha256State&, const std::byte*, std::size_t) noexcept;
    detail::Sha256State state_;
    std::array<std::byte, detail::sha256_block_bytes> buffer_{};
    std::size_t pending_ = 0;
    std::uint64_t total_ = 0;
};
using Sha256 = BasicSha256<>;

/// The SHA-256 of `data`.
template <class = void>
[[nodiscard]] Digest sha256(std::span<const std::byte> data) noexcept {
    Sha256 hash;
    hash.update(data);
    return hash.finish();
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/store/json_depth.hpp
// How deep the JSON of others may be nested, before it is parsed.

namespace CAIRN_NAMESPACE::detail {

/// JSON that is nested deeper is refused: who copies or prints it needs stack for each level.
inline constexpr std::size_t most_json_depth = 1000;
/// How deep the arrays and objects of a text are nested.
template <class = void>
[[nodiscard]] std::size_t json_depth(std::string_view text) noexcept {
    std::size_t depth = 0, most = 0;
    bool in_text = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_text && c == '\\')
            ++i;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '[' || c == '{'))
            most = std::max(most, ++depth);
        else if (!in_text && (c == ']' || c == '}') && depth != 0)
            --depth;
    }
    return most;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/json_field.hpp
// A field of an object that others may have written.

namespace CAIRN_NAMESPACE::detail {

/// The value of a field in `to`; false if it is missing or of another type.
template <class T, class Json>
[[nodiscard]] bool get_field(const Json& in, const char* key, T& to) {
    const auto found = in.find(key);
    if (found == in.end()) return false;
    if constexpr (std::is_same_v<T, std::string>) {
        if (!found->is_string()) return false;
    } else if constexpr (std::is_unsigned_v<T>) {
        if (!found->is_number_unsigned()) return false;
    } else if constexpr (std::is_integral_v<T>) {
        if (!found->is_number_integer()) return false;
    }
    found->get_to(to);
    return true;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/manifest.hpp
// The manifest of a version: what it holds and where it came from. A version without one does not exist.
// Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

/// An object of the store.
struct ObjectEntry {
    std::string digest;      ///< SHA-256 as 64 hexadecimal digits
    std::uint64_t size = 0;  ///< bytes
};

/// One file of a version: an object of the store, several one after another, or a reference to something
/// outside it.
struct FileEntry {
    std::string path;                   ///< relative, with '/'
    std::uint64_t size = 0;             ///< bytes; 0 for a reference
    std::string digest{};               ///< SHA-256 as 64 hexadecimal digits; empty for pieces and references
    std::string reference{};            ///< a URI; empty for a stored file
    std::vector<ObjectEntry> pieces{};  ///< what the file is made of; empty if it is one object

    /// Whether the store has its bytes.
    [[nodiscard]] bool is_stored() const noexcept { return reference.empty(); }
    /// The objects that it is made of, in their order.
    [[nodiscard]] std::vector<ObjectEntry> objects() const {
        if (!is_stored() || !pieces.empty()) return pieces;
        return {{digest, size}};
    }
};

namespace detail {

/// Success if `path` names something below the folder it is read in, on every system.
template <class Json = nlohmann::json>
[[nodiscard]] result<void> check_relative_path(std::string_view path) {
    const auto bad = [&](const char* why) {
        return error{errc::invalid_name, std::string{"a file's path inside an artifact "} + why,
                     suggest_name(path), "use a relative path like \"data/train.csv\""};
    };
    if (path.empty()) return bad("is empty");
    if (path.size() > 1024) return bad("is longer than 1024 bytes");
    for (const char c : path) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return bad("has a control character");
        if (c == '\\' || c == ':') return bad("has a backslash or a colon");
    }
    for (std::size_t from = 0; from <= path.size();) {
        const std::size_t to = std::min(path.find('/', from), path.size());
        const std::string_view component = path.substr(from, to - from);
        if (component.empty()) return bad("is absolute or has an empty component");
        if (component == "." || component == "..") return bad("has a component . or ..");
        if (component.size() > 255) return bad("has a component longer than 255 bytes");
#if defined(_WIN32)
        if (!windows_problem(component).empty()) return bad("has a component that Windows takes for another");
#endif
        from = to + 1;
    }
    // JSON holds UTF-8 only. Its writer knows what that is: what it would replace is what it would leave out.
    using handler = typename Json::error_handler_t;
    const Json text = std::string{path};
    if (text.dump(-1, ' ', false, handler::replace) != text.dump(-1, ' ', false, handler::ignore))
        return bad("is no UTF-8");
    return {};
}

}  // namespace detail

/// A number as JSON keeps it: JSON has no NaN and no infinity, so these are the words that JavaScript uses.
template <class Json = nlohmann::json>
[[nodiscard]] Json metric_to_json(const double& x) {
    if (detail::is_nan(x)) return "NaN";
    if (!detail::is_finite(x)) return x > 0 ? "Infinity" : "-Infinity";
    return x;
}
/// The number that `metric_to_json` wrote; nothing for any other value.
template <class Json = nlohmann::json>
[[nodiscard]] std::optional<double> metric_from_json(const std::type_identity_t<Json>& value) {
    if (value.is_number()) return value.template get<double>();
    if (!value.is_string()) return std::nullopt;
    const auto& word = value.template get_ref<const std::string&>();
    if (word == "NaN") return detail::not_a_number;
    if (word == "Infinity") return detail::infinity;
    if (word == "-Infinity") return detail::minus_infinity;
    return std::nullopt;
}

/// All that is known of a version.
struct Manifest {
    static constexpr std::uint64_t format = 1;  ///< the version of the format on disk

    /// Names, and the id of the run that made the version; the description is free text.
    std::string project{}, artifact{}, type{}, run{}, description{};
    std::uint64_t version = 0;           ///< its number; `v3` is 3
    std::int64_t created_ns = 0;         ///< nanoseconds since the Unix epoch
    std::optional<std::int64_t> step{};  ///< of the row that was saved; none if it is no checkpoint
    nlohmann::json metadata{};           ///< null is written as {}
    nlohmann::json metrics{};            ///< the same; of the row that was saved; see `metric_to_json`
    std::vector<FileEntry> files{};      ///< what it holds, in the order it was added

    /// SHA-256 over the files' paths, sizes and digests: equal for equal content.
    template <class Json = nlohmann::json>
    [[nodiscard]] std::string content_digest() const {
        std::vector<const FileEntry*> sorted;
        sorted.reserve(files.size());
        for (const FileEntry& file : files) sorted.push_back(&file);
        std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->path < b->path; });
        Json all = Json::array();
        for (const FileEntry* file : sorted) {
            all.push_back({file->path, file->size, file->digest, file->reference});
            for (const ObjectEntry& piece : file->pieces) all.back().push_back(piece.digest);
        }
        const std::string text = all.dump(-1, ' ', true, Json::error_handler_t::replace);
        return sha256(detail::bytes_of(text)).hex();
    }
    /// The size of all files together, in bytes; what versions share is counted in full.
    [[nodiscard]] std::uint64_t logical_size() const noexcept {
        std::uint64_t size = 0;
        for (const FileEntry& file : files) size += file.size;
        return size;
    }
    /// The file at `path`; null if there is none.
    [[nodiscard]] const FileEntry* find(std::string_view path) const noexcept {
        for (const FileEntry& file : files) {
            if (file.path == path) return &file;
        }
        return nullptr;
    }
    /// "v3".
    [[nodiscard]] std::string label() const { return detail::version_label(version); }
};

namespace detail {

inline constexpr std::size_t max_manifest_bytes = std::size_t{256} << 20U;
inline constexpr std::size_t max_manifest_depth = 64;
inline constexpr std::string_view checksum_key = "\"checksum\": \"";
inline constexpr std::size_t digest_digits = 64;

/// Where the checksum's digits lie in a manifest's text; the name of the artifact, the one field before it,
/// holds no '"'.
template <class = void>
[[nodiscard]] std::size_t checksum_at(std::string_view text) noexcept {
    const std::size_t at = text.find(checksum_key);
    if (at == std::string_view::npos || text.size() - at < checksum_key.size() + digest_digits)
        return std::string::npos;
    return at + checksum_key.size();
}
/// SHA-256 of a text in which the 64 digits from `at` on count as zeros: over bytes, so that nothing but the
/// very text that was written is accepted, and any tool can check it without our JSON writer.
template <class = void>
[[nodiscard]] std::string checksum_of(std::string_view text, std::size_t at) {
    Sha256 hash;
    const std::string zeros(digest_digits, '0');
    for (const std::string_view part :
         {text.substr(0, at), std::string_view{zeros}, text.substr(at + digest_digits)}) {
        hash.update(bytes_of(part));
    }
    return hash.finish().hex();
}

/// Whether objects and arrays lie in each other no deeper than `depth`.
template <class Json = nlohmann::json>
[[nodiscard]] bool is_shallow(const Json& value, int depth) {
    if (!value.is_structured()) return true;
    return depth > 0 && std::all_of(value.begin(), value.end(),
                                    [&](const Json& inner) { return is_shallow(inner, depth - 1); });
}

/// Whether the pieces of a file are objects, and together as long as it is.
template <class = void>
[[nodiscard]] bool are_whole(const FileEntry& file) {
    std::uint64_t left = file.size;
    for (const ObjectEntry& piece : file.pieces) {
        if (!Digest::from_hex(piece.digest) || piece.size > left) return false;
        left -= piece.size;
    }
    return left == 0 && !file.pieces.empty();
}

/// The paths of a version: each once, none of them a folder of another.
template <class String = std::string>
class PathSet {
  public:
    result<void> add(const String& path) {
        if (auto checked = check_relative_path(path); !checked) return checked;
        bool clash = !paths_.insert(path).second || folders_.count(path) != 0;
        for (std::size_t to = path.find('/'); to != String::npos; to = path.find('/', to + 1)) {
            folders_.insert(path.substr(0, to));
            clash = clash || paths_.count(path.substr(0, to)) != 0;
        }
        if (!clash) return {};
        return error{errc::invalid_argument,
                     "two files of the artifact have one path, or one is the folder of another", path,
                     "give each file a path of its own"};
    }

  private:
    std::set<String> paths_, folders_;
};

}  // namespace detail

/// The manifest as it lies on disk, with a checksum over all of it. Text that is no UTF-8 is replaced by
/// marks. Fails: invalid_name for a path it must not hold, invalid_argument for what could not be read again.
template <class Json = nlohmann::json>
[[nodiscard]] result<std::string> to_text(const Manifest& m) {
    detail::PathSet<typename Json::string_t> paths;
    Json files = Json::array();
    for (const FileEntry& file : m.files) {
        if (auto added = paths.add(file.path); !added) return added.error();
        Json entry = {{"path", file.path}};
        if (!file.reference.empty() && file.digest.empty()) {
            entry["reference"] = file.reference;
        } else if (file.reference.empty() && Digest::from_hex(file.digest) && file.pieces.empty()) {
            entry.update({{"size", file.size}, {"digest", file.digest}});
        } else if (file.reference.empty() && file.digest.empty() && detail::are_whole(file)) {
            Json pieces = Json::array();
            for (const ObjectEntry& piece : file.pieces) pieces.push_back({piece.digest, piece.size});
            entry.update({{"size", file.size}, {"pieces", std::move(pieces)}});
        } else {
            return error{errc::invalid_argument,
                         "a file of the artifact has neither a digest nor a reference, or both", file.path,
                         "give it a SHA-256 of 64 lower-case hexadecimal digits, or a reference"};
        }
        files.push_back(std::move(entry));
    }
    if (!detail::is_shallow(m.metadata, detail::max_manifest_depth - 2) ||
        !(m.metrics.is_object() || m.metrics.is_null()) || !detail::is_shallow(m.metrics, 1)) {
        return error{errc::invalid_argument,
                     "the metadata of the artifact is nested too deeply, or the metrics are no numbers",
                     m.artifact,
                     "keep metadata below 60 levels; keep large structures in a file of the artifact"};
    }
    const Json out = {{"format", Manifest::format},
                      {"checksum", std::string(detail::digest_digits, '0')},
                      {"project", m.project},
                      {"artifact", m.artifact},
                      {"type", m.type},
                      {"run", m.run},
                      {"description", m.description},
                      {"version", m.version},
                      {"created_ns", m.created_ns},
                      {"step", m.step ? Json(*m.step) : Json()},
                      {"metadata", m.metadata.is_null() ? Json::object() : m.metadata},
                      {"metrics", m.metrics.is_null() ? Json::object() : m.metrics},
                      {"files", std::move(files)}};
    std::string text = out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
    const std::size_t at = detail::checksum_at(text);
    if (at == std::string::npos || text.size() > detail::max_manifest_bytes) {
        return error{errc::invalid_argument, "the manifest of the artifact would be too long", m.artifact,
                     "pack the files into fewer ones, or keep large metadata in a file of the artifact"};
    }
    return text.replace(at, detail::digest_digits, detail::checksum_of(text, at));
}

namespace detail {

template <class Json>
[[nodiscard]] bool read_pieces(const Json& entry, FileEntry& file) {
    Json pieces;
    if (!get_field(entry, "pieces", pieces) || !pieces.is_array()) return false;
    for (const Json& piece : pieces) {
        if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number_unsigned())
            return false;
        file.pieces.push_back({piece[0].template get<std::string>(), piece[1].template get<std::uint64_t>()});
    }
    return are_whole(file);
}

template <class Json = nlohmann::json>
[[nodiscard]] bool read_manifest(const Json& in, Manifest& m) {
    Json step, files;
    if (!get_field(in, "project", m.project) || !get_field(in, "artifact", m.artifact) ||
        !get_field(in, "type", m.type) || !get_field(in, "run", m.run) ||
        !get_field(in, "description", m.description) || !get_field(in, "version", m.version) ||
        !get_field(in, "created_ns", m.created_ns) || !get_field(in, "step", step) ||
        !get_field(in, "metadata", m.metadata) || !get_field(in, "metrics", m.metrics) ||
        !get_field(in, "files", files) || !m.metrics.is_object() || !files.is_array()) {
        return false;
    }
    if (step.is_number_integer())
        m.step = step.template get<std::int64_t>();
    else if (!step.is_null())
        return false;
    PathSet<typename Json::string_t> paths;
    for (const Json& entry : files) {
        FileEntry file{};
        if (!entry.is_object() || !get_field(entry, "path", file.path) || !paths.add(file.path)) return false;
        if (!get_field(entry, "reference", file.reference)) {
            if (!get_field(entry, "size", file.size)) return false;
            if (get_field(entry, "digest", file.digest) ? !Digest::from_hex(file.digest)
                                                        : !read_pieces(entry, file))
                return false;
        }
        m.files.push_back(std::move(file));
    }
    return true;
}

}  // namespace detail

/// A manifest from its text. Fails: corrupt, if a single bit is not as it was written; unsupported, if it is
/// from a newer version (whose checksum is made in the same way).
template <class Json = nlohmann::json>
[[nodiscard]] result<Manifest> parse_manifest(std::string_view text, const std::string& path) {
    const error corrupt{errc::corrupt, "the manifest of this version is damaged", path,
                        "use another version, or restore the file from a copy of the store"};
    const std::size_t at = detail::checksum_at(text);
    if (at == std::string::npos || text.size() > detail::max_manifest_bytes) return corrupt;
    if (detail::checksum_of(text, at) != text.substr(at, detail::digest_digits)) return corrupt;
    // A checksum is no signature: from here on, whoever made the file may have meant harm.
    if (detail::json_depth(text) > detail::max_manifest_depth) return corrupt;
    const Json in = Json::parse(text, nullptr, false);
    std::uint64_t format = 0;
    if (!in.is_object() || !detail::get_field(in, "format", format) || format == 0) return corrupt;
    if (format > Manifest::format) {
        return error{errc::unsupported, "the manifest was written by a newer version of cairn", path,
                     "read it with that version"};
    }
    Manifest manifest;
    if (!detail::read_manifest(in, manifest)) return corrupt;
    return manifest;
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/store/rank_dir.hpp
// The folders of a run: one for each rank, each with a writer of its own.

namespace CAIRN_NAMESPACE::detail {

/// The folder of a run that holds those of its other ranks.
inline constexpr const char* ranks_folder = "ranks";
/// In the folder of a rank: what its one writer has locked.
inline constexpr const char* run_lock_file = "lock";
/// A rank's folder in that of its run, which is rank 0's.
template <class = void>
[[nodiscard]] std::filesystem::path rank_dir(const std::filesystem::path& run_dir, unsigned rank) {
    return rank == 0 ? run_dir : run_dir / ranks_folder / std::to_string(rank);
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/store.hpp
// The store: a folder that holds projects, runs, artifacts and objects. Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

/// A store on disk: where its things lie. A value that is cheap to copy. Threads: any.
template <class Json = nlohmann::json>
class BasicStore {
  public:
    static constexpr std::uint64_t format = 1;  ///< the version of the format on disk

    /// The store at `root`, made if it is not there; of two processes that make it, both succeed. Removes
    /// temporaries whose processes are dead. Fails: permission, no_space, unsupported (a newer format).
    static result<BasicStore> open(std::filesystem::path root,
                                   Durability durability = Durability::power_loss) {
        BasicStore store{std::move(root), durability};
        if (auto made = detail::make_dirs_durably(store.temp_dir(), durability); !made) return made.error();
        auto known = store.check_format();
        if (!known && known.error().code() == errc::not_found) {
            const std::string text = Json{{"format", format}}.dump() + "\n";
            auto written =
                detail::write_new_file_atomically(store.format_path(), text, durability, store.temp_dir());
            if (!written && written.error().code() != errc::already_exists) return written.error();
            known = store.check_format();  // another process may have made it meanwhile
        }
        if (!known) return known.error();
        detail::remove_abandoned_temps(store.temp_dir());
        return store;
    }

    /// A store that is there; for readers, so it changes nothing. Fails: not_found, unsupported.
    static result<BasicStore> open_existing(std::filesystem::path root) {
        BasicStore store{std::move(root), Durability::power_loss};
        auto known = store.check_format();
        if (known) return store;
        if (known.error().code() != errc::not_found) return known.error();
        return error{errc::not_found, "there is no store here", store.root().string(),
                     "name the folder that a run was recorded in (--dir or CAIRN_DIR)"};
    }

    /// Where the store lies.
    [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
    /// What its writes outlive.
    [[nodiscard]] Durability durability() const noexcept { return durability_; }
    /// Where files are written before they are renamed; never backed up.
    [[nodiscard]] std::filesystem::path temp_dir() const { return root_ / "tmp"; }
    /// Where a project's runs and artifacts lie.
    [[nodiscard]] std::filesystem::path project_dir(std::string_view project) const {
        return root_ / "projects" / project;
    }
    /// A run's folder; that of another rank than 0 lies inside it and is made alike.
    [[nodiscard]] std::filesystem::path run_dir(std::string_view project, std::string_view run,
                                                unsigned rank = 0) const {
        return detail::rank_dir(project_dir(project) / "runs" / run, rank);
    }
    /// Where an artifact's record and versions lie.
    [[nodiscard]] std::filesystem::path artifact_dir(std::string_view project,
                                                     std::string_view artifact) const {
        return project_dir(project) / "artifacts" / artifact;
    }
    /// Where the object of this digest lies. Requires 64 hexadecimal digits.
    [[nodiscard]] std::filesystem::path object_path(std::string_view digest) const {
        return root_ / "objects" / digest.substr(0, 2) / digest.substr(2);
    }
    /// A fresh name in `temp_dir()`; no file is made.
    [[nodiscard]] std::filesystem::path new_temp_path() const { return temp_dir() / detail::temp_name(); }

    /// Names, sorted; none yet is an empty list. What is no folder, or lacks the record, is not ours and
    /// passed over.
    [[nodiscard]] result<std::vector<std::string>> projects() const {
        return names_in(root_ / "projects", {});
    }
    /// The same for the runs of a project, by their ids.
    [[nodiscard]] result<std::vector<std::string>> runs(std::string_view project) const {
        return names_in(project_dir(project) / "runs", "run.json");
    }
    /// The same for the artifacts of a project.
    [[nodiscard]] result<std::vector<std::string>> artifacts(std::string_view project) const {
        return names_in(project_dir(project) / "artifacts", "artifact.json");
    }

    /// The short lock of commits, aliases and removals. Fails: busy after a minute.
    [[nodiscard]] result<detail::os::Lock> lock() const {
        return detail::os::Lock::acquire(root_ / "lock", lock_timeout_ms);
    }

  private:
    static constexpr std::int64_t lock_timeout_ms = 60'000;

    BasicStore(std::filesystem::path root, Durability durability) : durability_{durability} {
        std::error_code failed;  // absolute: the program may change its working folder
        root_ = std::filesystem::absolute(root, failed);
        if (failed) root_ = std::move(root);
    }

    [[nodiscard]] std::filesystem::path format_path() const { return root_ / "store.json"; }

    [[nodiscard]] result<void> check_format() const {
        const auto text = detail::read_file(format_path(), 4096);
        if (!text) return text.error();
        const auto about = Json::parse(*text, nullptr, false);
        if (!about.is_object() || !about.contains("format") || !about["format"].is_number_unsigned()) {
            return error{errc::corrupt, "the store's description cannot be read", format_path().string(),
                         R"(if this is a store of cairn, write {"format":1} into it)"};
        }
        if (about["format"].template get<std::uint64_t>() > format) {
            return error{errc::unsupported, "the store was made by a newer version of cairn", root_.string(),
                         "use that version, or another store (CAIRN_DIR)"};
        }
        return {};
    }

    static result<std::vector<std::string>> names_in(const std::filesystem::path& folder,
                                                     std::string_view record) {
        auto names = detail::os::list_dir(folder);
        if (!names && names.error().code() == errc::not_found) return std::vector<std::string>{};
        if (!names) return names;
        std::erase_if(*names, [&](const std::string& name) {
            if (!detail::name_problem(name).empty()) return true;
            const auto there = detail::os::status(record.empty() ? folder / name : folder / name / record);
            return !there || !(record.empty() ? there->is_dir : there->is_file);
        });
        return names;
    }

    std::filesystem::path root_;
    Durability durability_;
};
using Store = BasicStore<>;

}  // namespace CAIRN_NAMESPACE

// ---- cairn/store/detail/references.hpp
// Which objects the manifests of a store name: what decides whether an object may be removed.

namespace CAIRN_NAMESPACE::detail {

inline constexpr std::string_view manifest_suffix = ".json";
inline constexpr std::string_view removal_suffix = ".removing";
inline constexpr std::string_view damaged_version_suffix = ".damaged";  // set aside: no version, but kept
/// Beside the folder of the manifests: each version has a byte there that its readers hold a lease on.
inline constexpr const char* lease_file = "leases";

/// The number of a file "v3<suffix>"; nothing for any other name.
template <class = void>
[[nodiscard]] std::optional<std::uint64_t> version_of_file(std::string_view name,
                                                           std::string_view suffix) noexcept {
    if (!name.ends_with(suffix)) return std::nullopt;
    name.remove_suffix(suffix.size());
    return parse_version_label(name);
}

/// Calls `f` with everything in `text` that could be a digest in quotes. Works on a damaged manifest, too.
template <class F>
void for_each_digest(std::string_view text, F&& f) {
    for (std::size_t at = text.find('"'); at != std::string_view::npos; at = text.find('"', at + 1)) {
        const std::string_view candidate = text.substr(at + 1, digest_digits);
        if (Digest::from_hex(candidate)) f(std::string{candidate});
    }
}

/// The entries of a folder, none if there is no such folder. Fails if that cannot be told, as with a link to
/// a disk that is not there now.
template <class = void>
[[nodiscard]] result<std::vector<std::string>> entries_or_none(const os::Path& folder) {
    auto names = os::list_dir(folder);
    if (names || names.error().code() != errc::not_found) return names;
    for (os::Path path = folder; path != path.parent_path(); path = path.parent_path()) {
        const auto there = os::status(path, os::Links::refuse);
        if (!there) return there.error();
        const auto target = os::status(path);
        if (!target) return target.error();
        if (there->is_link && !target->exists) return names;
    }
    return std::vector<std::string>{};
}

/// Takes out of `digests` what any manifest of the store names. Fails if a single one cannot be read, since
/// then nothing is sure. Requires the store's lock. Cost: reads every manifest, about 10 µs each.
template <class = void>
result<void> keep_used(const Store& store, std::set<std::string>& digests) {
    const os::Path projects_dir = store.root() / "projects";
    const auto projects = entries_or_none(projects_dir);
    if (!projects) return projects.error();
    for (const std::string& project : *projects) {
        const os::Path artifacts_dir = projects_dir / project / "artifacts";
        const auto artifacts = entries_or_none(artifacts_dir);
        if (!artifacts) return artifacts.error();
        for (const std::string& artifact : *artifacts) {
            const os::Path versions_dir = artifacts_dir / artifact / "versions";
            const auto versions = entries_or_none(versions_dir);
            if (!versions) return versions.error();
            for (const std::string& version : *versions) {
                if (digests.empty()) return {};
                if (!version_of_file(version, manifest_suffix) &&
                    !version_of_file(version, damaged_version_suffix))
                    continue;
                const auto text = read_file(versions_dir / version, max_manifest_bytes);
                if (!text) return text.error();
                for_each_digest(*text, [&](const std::string& digest) { digests.erase(digest); });
            }
        }
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/detail/removal.hpp
// Ending the removal of versions of an artifact. All of it requires the store's lock.

namespace CAIRN_NAMESPACE::detail {

/// Removes the files of a plain path, and the folders that are empty then; what others put there stays, a
/// link in a folder's place, say. Fails for a file that cannot go now, because another program has it open
/// (Windows), or the disk reports a failure: the removal is then tried again.
template <class = void>
[[nodiscard]] result<void> hide_files(const os::Path& dir, const Manifest& manifest,
                                      const std::string& folder) {
    result<void> first;
    std::set<std::string> folders{folder};
    const auto keep = [&](const result<void>& gone) {
        const errc why = gone ? errc::not_found : gone.error().code();
        const bool is_of_others =
            why == errc::not_found || why == errc::invalid_argument || why == errc::already_exists;
        if (!is_of_others) keep_first(first, gone);
    };
    for (const FileEntry& file : manifest.files) {
        keep(os::remove_file_inside(dir, folder + "/" + file.path));
        for (std::size_t to = file.path.find('/'); to != std::string::npos;
             to = file.path.find('/', to + 1)) {
            folders.insert(folder + "/" + file.path.substr(0, to));
        }
    }
    for (auto empty = folders.end(); empty != folders.begin();)
        keep(os::remove_empty_dir_inside(dir, *--empty));  // an inner one comes before its outer one
    return first;
}

/// An object has one link of its own and one for each plain path: with another link it is in use; without,
/// every manifest of the store is asked, since a plain path may be a copy or may be gone.
template <class = void>
[[nodiscard]] result<void> remove_unused_objects(const Store& store, const Manifest& removed) {
    std::set<std::string> unused;
    for (const FileEntry& file : removed.files) {
        for (const ObjectEntry& object : file.objects()) {
            const auto there = os::status(store.object_path(object.digest), os::Links::refuse);
            if (there && there->exists && there->nlink <= 1) unused.insert(object.digest);
        }
    }
    if (unused.empty()) return {};
    if (auto asked = keep_used(store, unused); !asked) return asked;
    result<void> first;
    for (const std::string& digest : unused) keep_first(first, os::remove_file(store.object_path(digest)));
    return first;
}

/// Ends one of them.
template <class = void>
[[nodiscard]] result<void> finish_removal(const Store& store, const os::Path& dir, const os::Path& path,
                                          std::uint64_t version) {
    const auto text = read_file(path, max_manifest_bytes, os::Links::refuse);
    if (!text && text.error().code() != errc::corrupt && text.error().code() != errc::invalid_argument)
        return text.error();  // later, perhaps
    if (text) {
        if (const auto manifest = parse_manifest(*text, path.string())) {
            if (auto hidden = hide_files(dir, *manifest, version_label(version)); !hidden) return hidden;
            if (auto freed = remove_unused_objects(store, *manifest); !freed) return freed;
        }
    }
    // Otherwise a loss of power could keep the plain path, and not what tells that it is to go.
    if (store.durability() == Durability::power_loss) {
        if (auto synced = os::sync_dir(dir); !synced) return synced;
    }
    return os::remove_file(path);
}

/// Ends the removals that were begun: the manifest, under a name by which no version exists, tells what goes.
template <class = void>
[[nodiscard]] result<void> finish_removals(const Store& store, const os::Path& dir) {
    const auto names = os::list_dir(dir / "versions");
    if (!names) return names.error();
    result<void> first;
    for (const std::string& name : *names) {
        const auto version = version_of_file(name, removal_suffix);
        if (!version) continue;
        if (const auto read = os::Lease::is_held(dir / lease_file, *version); !read || *read) continue;
        keep_first(first, finish_removal(store, dir, dir / "versions" / name, *version));
    }
    return first;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/object.hpp
// Objects: blobs named by their SHA-256, shared by all versions of a store that have the same bytes.

namespace CAIRN_NAMESPACE {

namespace detail {

/// What is wrong with an object, in the words of the version that needs it.
template <class = void>
[[nodiscard]] error object_missing(const os::Path& path) {
    return {errc::not_found, "an object of this version is missing", path.string(),
            "use another version, or restore the file from a copy of the store"};
}
template <class = void>
[[nodiscard]] error object_damaged(const os::Path& path) {
    return {errc::corrupt, "an object of this version is damaged: its bytes are not those that were saved",
            path.string(), "use another version, or restore the file from a copy of the store"};
}

/// Gives an object's bytes to `f` in pieces, and fails at the end if they are not those of the digest. Fails:
/// not_found, corrupt.
template <class F>
result<void> read_object(const Store& store, const std::string& digest, F&& f) {
    const os::Path path = store.object_path(digest);
    Sha256 hash;
    auto read =
        os::read_in_pieces(path, os::Links::refuse, [&](std::span<const std::byte> bytes) -> result<void> {
            hash.update(bytes);
            return f(bytes);
        });
    if (!read && read.error().path() != path.string()) return read;  // what `f` did with the bytes
    if (!read && read.error().code() == errc::not_found) return object_missing(path);
    // A link or a folder in an object's place is damage like any other.
    if (!read && read.error().code() != errc::invalid_argument) return read;
    if (read && hash.finish().hex() == digest) return read;
    return object_damaged(path);
}

/// Hashes the object of a digest. Fails: not_found, corrupt.
template <class = void>
[[nodiscard]] result<void> verify_object(const Store& store, const std::string& digest) {
    return read_object(store, digest, [](std::span<const std::byte>) { return result<void>{}; });
}

}  // namespace detail

/// Bytes that lie whole in the store's `tmp/`, waiting for a commit; removed with this object if there is
/// none.
template <class = void>
class BasicStagedObject {
  public:
    /// For `BasicObjectWriter`.
    BasicStagedObject(Digest digest, std::uint64_t size, detail::TempPath temp, bool is_spare = false)
        : digest_{digest}, size_{size}, temp_{std::move(temp)}, is_spare_{is_spare} {}

    /// The SHA-256 of the bytes, which is the object's name.
    [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
    /// How many bytes.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// Where it lies until then.
    [[nodiscard]] const std::filesystem::path& temp_path() const noexcept { return temp_.path(); }
    /// Makes it durable where it lies, so that another process may install it. Fails: no_space, io.
    result<void> seal() {
        if (!is_spare_) return {};
        auto file = detail::os::File::open_read_write(temp_.path());
        if (!file) return file.error();
        if (auto sealed = file->set_read_only(); !sealed) return sealed;
        if (auto synced = file->sync(); !synced) return synced;
        is_spare_ = false;
        return file->close();
    }
    /// Another process installs or removes it.
    void hand_over() noexcept { temp_.keep(); }

    /// Puts the object where it belongs; one that is there already is read and shared, or, if it is damaged,
    /// replaced. True if there was none. Requires the store's lock.
    result<bool> install(const Store& store) {
        const std::filesystem::path path = store.object_path(digest_.hex());
        const auto there = detail::os::status(path, detail::os::Links::refuse);
        if (!there) return there.error();
        if (there->is_file && there->size == size_) {
            if (is_spare_) return false;
            const auto whole = detail::verify_object(store, digest_.hex());
            if (whole) return false;
            if (whole.error().code() != errc::corrupt) return whole.error();
        }
        if (auto sealed = seal(); !sealed) return sealed.error();
        const std::filesystem::path folder = path.parent_path();
        if (auto made = detail::make_dirs_durably(folder, store.durability()); !made) return made.error();
        if (auto moved = detail::os::rename_replace(temp_.path(), path); !moved) return moved.error();
        temp_.keep();
        const bool is_new = !there->exists;
        if (store.durability() == Durability::process_crash) return is_new;
        if (auto synced = detail::os::sync_dir(folder); !synced) {
            if (is_new) (void)detail::os::remove_file(path);  // not durable: as if it had never come
            return synced.error();
        }
        return is_new;
    }

  private:
    Digest digest_;
    std::uint64_t size_;
    detail::TempPath temp_;
    bool is_spare_;  // the store had it, whole, when it was staged: it is not durable
};
using StagedObject = BasicStagedObject<>;

namespace detail {

/// Hashes beside whatever its owner does, on a thread of its own that starts with the first of much. One
/// thread for all pieces: a new one for each is put on the writer's processor first, and costs a quarter of
/// the speed. It sleeps by bells: `std::atomic::wait` of GCC 12 loses a wakeup where there is no futex.
template <class = void>
class BasicHashing {
  public:
    BasicHashing() = default;
    BasicHashing(const BasicHashing&) = delete;
    BasicHashing& operator=(const BasicHashing&) = delete;
    ~BasicHashing() {
        wait();
        if (has_thread()) tell(Turn::end);
    }

    /// Begins with bytes, which must stay until `wait` has returned.
    void begin(std::span<const std::byte> bytes) {
        constexpr std::size_t worth_a_thread = std::size_t{1} << 20U;
        if (bytes.size() < worth_a_thread || (!has_thread() && !start())) return hash_.update(bytes);
        bytes_ = bytes;
        tell(Turn::hash);
    }
    void wait() noexcept {
        if (has_thread()) await(Turn::hash, helper_->rested);
    }
    /// Of all bytes. Requires that none are being hashed.
    [[nodiscard]] Digest finish() { return hash_.finish(); }

  private:
    enum class Turn : int { rest, hash, end };
    struct Helper {
        os::Bell told, rested;  // the thread's, the owner's
        os::Thread thread;      // last: it is joined before the rest goes
    };

    /// Not in the child of a fork.
    [[nodiscard]] bool has_thread() const noexcept { return helper_ && helper_->thread.is_running(); }
    /// With new bells: in the child of a fork somebody who is gone sleeps by the old ones.
    [[nodiscard]] bool start() {
        helper_.emplace();
        turn_.store(Turn::rest, std::memory_order_relaxed);
        return helper_->thread.start(&run, this).has_value();
    }
    /// To the thread.
    void tell(Turn turn) noexcept {
        turn_.store(turn, std::memory_order_release);
        helper_->told.ring();
    }
    /// Until the turn is another, which a bell tells.
    Turn await(Turn past, os::Bell& bell) noexcept {
        for (;;) {
            if (const Turn now = turn_.load(std::memory_order_acquire); now != past) return now;
            bell.wait();
        }
    }
    static void* run(void* self) noexcept {
        auto& mine = *static_cast<BasicHashing*>(self);
        while (mine.await(Turn::rest, mine.helper_->told) == Turn::hash) {
            mine.hash_.update(mine.bytes_);
            mine.turn_.store(Turn::rest, std::memory_order_release);
            mine.helper_->rested.ring();
        }
        return nullptr;
    }

    Sha256 hash_;
    std::span<const std::byte> bytes_;
    std::atomic<Turn> turn_{Turn::rest};
    std::optional<Helper> helper_;  // last: its thread is joined before the rest goes
};
using Hashing = BasicHashing<>;

}  // namespace detail

/// Writes one object, hashing on the way, both at once if there is much. What is not finished is removed.
template <class = void>
class BasicObjectWriter {
  public:
    /// A new temporary in the store. Fails: no_space, permission.
    static result<BasicObjectWriter> create(const Store& store) {
        detail::TempPath temp{store.new_temp_path()};
        auto file = detail::os::File::create_new(temp.path());
        if (!file) return file.error();
        return BasicObjectWriter{std::move(temp), std::move(*file), store};
    }

    /// Appends bytes; a failure is kept, and `finish` has it too. Fails: no_space, io.
    result<void> write(std::span<const std::byte> bytes) {
        if (failed_) return *failed_;
        size_ += bytes.size();
        const struct Hashed {  // also if an error's text finds no memory: the bytes are the caller's
            detail::Hashing& hash;
            ~Hashed() { hash.wait(); }
        } hashed{*hash_};
        hash_->begin(bytes);
        result<void> written = file_.write_all(bytes);
        if (!written) failed_ = written.error();
        return written;
    }

    /// The object, under its temporary name: durable and read-only, unless the store has it already, whole.
    /// Fails: as the first `write` that failed, too.
    result<StagedObject> finish() {
        if (failed_) return *failed_;
        const Digest digest = hash_->finish();
        const auto there = detail::os::status(store_.object_path(digest.hex()), detail::os::Links::refuse);
        if (there && there->is_file && there->size == size_ && detail::verify_object(store_, digest.hex())) {
            if (auto closed = file_.close(); !closed) return closed.error();
            return StagedObject{digest, size_, std::move(temp_), true};
        }
        if (auto sealed = file_.set_read_only(); !sealed) return sealed.error();
        if (store_.durability() == Durability::power_loss) {
            if (auto synced = file_.sync(); !synced) return synced.error();
        }
        if (auto closed = file_.close(); !closed) return closed.error();
        return StagedObject{digest, size_, std::move(temp_)};
    }

  private:
    BasicObjectWriter(detail::TempPath temp, detail::os::File file, Store store)
        : temp_{std::move(temp)}, file_{std::move(file)}, store_{std::move(store)} {}

    detail::TempPath temp_;
    detail::os::File file_;
    Store store_;
    std::unique_ptr<detail::Hashing> hash_ = std::make_unique<detail::Hashing>();
    std::uint64_t size_ = 0;
    std::optional<error> failed_;
};
using ObjectWriter = BasicObjectWriter<>;

/// Stages bytes, or a copy of a file, as an object.
template <class = void>
result<StagedObject> stage_bytes(const Store& store, std::span<const std::byte> bytes) {
    auto writer = ObjectWriter::create(store);
    if (!writer) return writer.error();
    if (auto written = writer->write(bytes); !written) return written.error();
    return writer->finish();
}
/// Stages a copy of a file. Fails: not_found, no_space, permission.
template <class = void>
result<StagedObject> stage_file(const Store& store, const std::filesystem::path& path) {
    auto writer = ObjectWriter::create(store);
    if (!writer) return writer.error();
    auto copied =
        detail::os::read_in_pieces(path, detail::os::Links::follow,
                                   [&](std::span<const std::byte> bytes) { return writer->write(bytes); });
    if (!copied) return copied.error();
    return writer->finish();
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/store/detail/version_files.hpp
// The files of a version: checking that they are there, showing them under a plain path, copying them out.

namespace CAIRN_NAMESPACE::detail {

/// That an entry, which may come from anywhere, cannot name a path outside of where it belongs.
template <class = void>
[[nodiscard]] result<void> check_entry(const FileEntry& file) {
    if (file.pieces.empty() ? Digest::from_hex(file.digest).has_value() : are_whole(file))
        return check_relative_path(file.path);
    return error{errc::invalid_argument, "a file of the manifest has no valid digest", file.path,
                 "use a manifest that this store gave"};
}

/// An object's bytes, verified. Fails: not_found, corrupt.
template <class = void>
[[nodiscard]] result<std::string> object_bytes(const Store& store, const ObjectEntry& object) {
    const os::Path path = store.object_path(object.digest);
    auto bytes = read_file(path, object.size, os::Links::refuse);
    if (bytes && sha256(bytes_of(*bytes)).hex() == object.digest) return bytes;
    if (auto whole = verify_object(store, object.digest); !whole) return whole.error();
    return bytes ? object_damaged(path) : bytes.error();
}

/// That the store has the objects which a draft names.
template <class = void>
[[nodiscard]] result<void> check_objects(const Store& store, const Manifest& draft) {
    for (const FileEntry& file : draft.files) {
        if (!file.is_stored()) continue;
        if (auto known = check_entry(file); !known) return known;
        for (const ObjectEntry& object : file.objects()) {
            const os::Path path = store.object_path(object.digest);
            const auto there = os::status(path, os::Links::refuse);
            if (!there) return there.error();
            if (!there->exists) return object_missing(path);
            if (!there->is_file || there->size != object.size) return object_damaged(path);
        }
    }
    return {};
}

/// Shows the files under their own names, all at once: a hard link to the object, a copy where there are no
/// links. A file of several objects is not shown: it would cost its bytes once more.
template <class = void>
[[nodiscard]] result<void> show_files(const Store& store, const Manifest& manifest, const os::Path& to) {
    const TempPath temp{store.new_temp_path()};
    bool any = false;
    for (const FileEntry& file : manifest.files) {
        if (!file.is_stored() || !file.pieces.empty()) continue;
        any = true;
        const os::Path path = temp.path() / os::path_of(file.path);
        if (auto made = os::make_dirs(path.parent_path()); !made) return made;
        const os::Path object = store.object_path(file.digest);
        auto linked = os::hard_link(object, path);
        if (!linked) linked = os::copy_file(object, path);
        if (!linked) return linked;
    }
    if (!any) return {};
    return os::rename_replace(temp.path(), to);
}

/// Copies an object to a new file. Fails: not_found, corrupt.
template <class = void>
[[nodiscard]] result<void> copy_verified(const Store& store, const FileEntry& file, const os::Path& to) {
    auto out = os::File::create_new(to);
    if (!out) return out.error();
    for (const ObjectEntry& object : file.objects()) {
        auto copied = read_object(store, object.digest,
                                  [&](std::span<const std::byte> bytes) { return out->write_all(bytes); });
        if (!copied) return copied;
    }
    return out->close();
}

/// Makes the folders of `relative` below `root`, none of which may be a link.
template <class = void>
result<void> make_folders_of(os::Path root, std::string_view relative) {
    for (std::size_t slash = relative.find('/'); slash != std::string_view::npos;
         slash = relative.find('/')) {
        root /= os::path_of(relative.substr(0, slash));
        relative.remove_prefix(slash + 1);
        const auto there = os::status(root, os::Links::refuse);
        if (!there) return there.error();
        if (there->is_link) {
            return error{errc::invalid_argument, "a symbolic link lies where a folder is to be made",
                         root.string(), "download into another folder, or remove the link"};
        }
        if (there->is_dir) continue;
        if (auto made = os::make_dirs(root); !made) return made;
    }
    return {};
}

/// Copies every stored file of a version below `to`; see `ArtifactStore::download`.
template <class = void>
[[nodiscard]] result<void> download_files(const Store& store, const Manifest& manifest, const os::Path& to) {
    if (auto made = os::make_dirs(to); !made) return made;
    const TempPath temp{to / ("." + temp_name())};
    if (auto made = os::make_dir(temp.path()); !made) return made;
    std::vector<const FileEntry*> files;
    for (const FileEntry& file : manifest.files) {
        if (!file.is_stored()) continue;
        if (auto known = check_entry(file); !known) return known;
        if (auto copied = copy_verified(store, file, temp.path() / std::to_string(files.size())); !copied)
            return copied;
        files.push_back(&file);
    }
    for (const FileEntry* file : files) {
        if (auto made = make_folders_of(to, file->path); !made) return made;
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        auto placed = os::rename_replace(temp.path() / std::to_string(i), to / os::path_of(files[i]->path));
        if (!placed) return placed;
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/artifact_store.hpp
// The versions of one artifact: committing, finding, verifying, removing. Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

/// A file of a version that is about to be committed.
struct StagedFile {
    std::string path;                     ///< under which the version has it; relative, with '/'
    StagedObject object;                  ///< its bytes
    std::vector<StagedObject> rest = {};  ///< those that follow, if it is made of several objects
};

/// The number of a version that is committed later: nobody else gets it while this lives, nor once the
/// process that has it is dead. Where the file system has no locks, two may get the same; the one that
/// commits last is then given another.
struct ReservedNumber {
    std::uint64_t number = 0;      ///< for `CommitOptions::number`
    detail::os::Lease lease = {};  ///< what tells others that it is taken
};

/// How a version is committed.
struct CommitOptions {
    bool skip_identical = false;               ///< if the newest version has the same content, make none
    std::vector<std::string> aliases = {};     ///< to point to the version
    std::optional<std::uint64_t> number = {};  ///< one that was reserved for it; default: the next
};

/// What a commit made.
struct Committed {
    Manifest manifest;                 ///< of the version; an older one, if `created` is false
    bool created = true;               ///< false: it was the newest version already
    std::vector<error> warnings = {};  ///< the version is committed, but an alias or its plain path is not
};

/// The versions of an artifact.
struct Listing {
    std::vector<Manifest> versions;  ///< oldest first
    std::vector<error> damaged;      ///< of versions whose manifest cannot be read
};

/// One artifact of a project. A value that is cheap to copy. Commits, aliases and removals of a store take
/// turns by an OS lock. Threads: any.
template <class Json = nlohmann::json>
class BasicArtifactStore {
  public:
    /// The artifact `name`; made if `type` is given. Fails: invalid_name, not_found, mismatch (it has another
    /// type).
    static result<BasicArtifactStore> open(const Store& store, const std::string& project,
                                           const std::string& name, const std::string& type = {}) {
        if (auto checked = detail::check_name("project", project); !checked) return checked.error();
        if (auto checked = detail::check_name("artifact", name); !checked) return checked.error();
        BasicArtifactStore artifact{store, project, name};
        if (auto opened = artifact.open_record(type); !opened) return opened.error();
        return artifact;
    }

    /// Makes a version of a draft and its files: objects first, then the manifest in one atomic step, then
    /// aliases and the plain path. A kill or a failure at any moment leaves the versions before it whole, and
    /// a failure leaves nothing behind. `draft.files` may hold references, and files whose objects the store
    /// has; project, artifact, type, version and (if 0) the time are filled in. Fails: no_space, permission,
    /// invalid_name, invalid_argument, not_found.
    result<Committed> commit(Manifest draft, std::vector<StagedFile> files,
                             const CommitOptions& options = {}) const {
        for (const std::string& alias : options.aliases)
            if (auto checked = check_alias(alias); !checked) return checked.error();
        draft.project = project_;
        draft.artifact = name_;
        draft.type = type_;
        if (draft.created_ns == 0) draft.created_ns = detail::wall_ns();
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        std::vector<error> warnings;
        if (auto finished = detail::finish_removals(store_, dir_); !finished)
            warnings.push_back(finished.error());
        if (auto there = detail::check_objects(store_, draft); !there)
            return there.error();  // before those of `files` join them
        for (const StagedFile& file : files) draft.files.push_back(entry_of(file));
        const auto number = options.number ? result<std::uint64_t>{*options.number} : next_version();
        if (!number) return number.error();
        draft.version = *number;
        if (auto valid = to_text(draft); !valid) return valid.error();
        Manifest newest;
        const auto same = options.skip_identical ? is_as_newest(draft, newest) : result<bool>{false};
        if (!same) return same.error();

        std::vector<std::string> installed;
        result<void> placed;
        const auto place = [&](StagedObject& object) {
            const auto is_new = placed ? object.install(store_) : placed.error();
            if (!is_new)
                placed = is_new.error();
            else if (*is_new)
                installed.push_back(object.digest().hex());
        };
        for (StagedFile& file : files) {
            place(file.object);
            for (StagedObject& piece : file.rest) place(piece);
        }
        if (placed && !*same) placed = write_manifest(draft);
        if (!placed) {
            for (const std::string& digest : installed)
                (void)detail::os::remove_file(store_.object_path(digest));
            return placed.error();
        }
        Committed done{*same ? std::move(newest) : std::move(draft), !*same, std::move(warnings)};
        set_aliases(done.manifest.version, options.aliases, done.warnings);
        if (!done.created) return done;
        if (auto shown = detail::show_files(store_, done.manifest, plain_path(done.manifest.version)); !shown)
            done.warnings.push_back(shown.error());
        return done;
    }

    /// The next number, for a version whose files are still to be written. Fails: busy, permission.
    [[nodiscard]] result<ReservedNumber> reserve() const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        const auto next = next_version();
        if (!next) return next.error();
        ReservedNumber reserved{*next};
        if (auto taken = lease(*next)) reserved.lease = std::move(*taken);
        return reserved;
    }

    /// A version's manifest. Fails: not_found, corrupt.
    [[nodiscard]] result<Manifest> get(std::uint64_t version) const {
        const std::filesystem::path path = manifest_path(version);
        const auto text = detail::read_file(path, detail::max_manifest_bytes, detail::os::Links::refuse);
        if (!text && text.error().code() == errc::not_found)
            return no_version(detail::version_label(version));
        if (!text && text.error().code() == errc::invalid_argument) {
            return error{errc::corrupt, "a folder, a pipe or a link lies where a manifest should",
                         path.string(), "move it away, or restore the manifest from a copy of the store"};
        }
        if (!text) return text.error();
        auto manifest = parse_manifest(*text, path.string());
        if (manifest && (manifest->version != version || manifest->artifact != name_))
            return error{errc::corrupt, "this is the manifest of another version", path.string(),
                         "restore the right one"};
        return manifest;
    }

    /// The version that "v3", "latest" (the newest) or an alias names. Fails: not_found, saying what there
    /// is.
    [[nodiscard]] result<Manifest> resolve(const std::string& label) const {
        if (const auto number = detail::parse_version_label(label)) return get(*number);
        if (label == "latest") {
            const auto numbers = versions();
            if (!numbers) return numbers.error();
            if (numbers->empty()) return no_version(label);
            return get(numbers->back());
        }
        for (std::uint64_t gone = ~std::uint64_t{0};;) {
            const auto known = aliases();
            if (!known) return known.error();
            const auto named = known->find(label);
            if (named == known->end()) return no_version(label);
            auto version = get(named->second);
            if (version || version.error().code() != errc::not_found || named->second == gone) return version;
            gone = named->second;  // removed since the alias was read, which names another by now
        }
    }

    /// All versions; those whose manifest is damaged apart.
    [[nodiscard]] result<Listing> list() const {
        const auto numbers = versions();
        if (!numbers) return numbers.error();
        Listing listing;
        for (const std::uint64_t number : *numbers) {
            auto manifest = get(number);
            if (manifest)
                listing.versions.push_back(std::move(*manifest));
            else if (manifest.error().code() != errc::not_found)  // pruned by another process meanwhile
                listing.damaged.push_back(manifest.error());
        }
        return listing;
    }

    /// The numbers of the versions that exist, ascending.
    [[nodiscard]] result<std::vector<std::uint64_t>> versions() const {
        std::vector<std::uint64_t> numbers;
        const auto names = detail::os::list_dir(dir_ / "versions");
        if (!names && names.error().code() == errc::not_found) return numbers;
        if (!names) return names.error();
        for (const std::string& name : *names)
            if (const auto number = detail::version_of_file(name, detail::manifest_suffix))
                numbers.push_back(*number);
        std::sort(numbers.begin(), numbers.end());
        return numbers;
    }

    /// The aliases that were set, and the versions they name. "latest" is not among them: it is the newest
    /// version.
    [[nodiscard]] result<std::map<std::string, std::uint64_t>> aliases() const {
        std::map<std::string, std::uint64_t> out;
        const std::filesystem::path path = dir_ / "aliases.json";
        const auto read = detail::read_file(path, max_record_bytes, detail::os::Links::refuse);
        if (!read && read.error().code() == errc::not_found) return out;
        if (!read) return read.error();
        const auto all = Json::parse(*read, nullptr, false);
        if (!all.is_object()) {
            return error{errc::corrupt, "the aliases of this artifact cannot be read", path.string(),
                         "delete the file and set them anew"};
        }
        for (const auto& [alias, label] : all.items()) {
            const std::string text = label.is_string() ? label.template get<std::string>() : "";
            if (const auto number = detail::parse_version_label(text)) out[alias] = *number;
        }
        return out;
    }

    /// Adds metrics that came after the version was saved: an object of numbers, bools and texts. A metric
    /// that is there already, and is no NaN, keeps its value. Replaces the manifest in one step. Fails:
    /// not_found, corrupt; already_exists for a metric that has another value.
    result<Manifest> annotate(std::uint64_t version, const Json& metrics) const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        auto manifest = get(version);
        if (!manifest) return manifest;
        if (manifest->metrics.is_null()) manifest->metrics = Json::object();
        for (const auto& [name, value] : metrics.items()) {
            Json& held = manifest->metrics[name];
            if (!held.is_null() && held != "NaN" && held != value) {
                return error{errc::already_exists,
                             manifest->label() + " of " + name_ + " has another value of this metric already",
                             name, "log it under another name"};
            }
            held = value;
        }
        const auto text = to_text(*manifest);
        if (!text) return text.error();
        auto written = detail::write_file_atomically(manifest_path(version), *text, store_.durability(),
                                                     store_.temp_dir());
        if (!written) return written.error();
        return manifest;
    }

    /// Keeps a version from being removed for as long as the lease is held, and not longer than this process
    /// lives. Take it before the manifest is read. Fails: permission, where nothing can be written here; then
    /// reading works without.
    [[nodiscard]] result<detail::os::Lease> lease(std::uint64_t version) const {
        return detail::os::Lease::take(lease_path(), version);
    }

    /// Whether anybody holds a lease on a version.
    [[nodiscard]] result<bool> is_read(std::uint64_t version) const {
        return detail::os::Lease::is_held(lease_path(), version);
    }

    /// Points an alias to a version. Fails: not_found, corrupt, invalid_name.
    result<void> set_alias(const std::string& alias, std::uint64_t version) const {
        return move_alias(alias, version, [](const Manifest&) { return true; });
    }
    /// The same, if the version that it names now, where there is one, is to give way: `gives_way(Manifest)`.
    /// Nobody else moves it meanwhile.
    template <class F>
    result<void> move_alias(const std::string& alias, std::uint64_t version, F&& gives_way) const {
        if (auto checked = check_alias(alias); !checked) return checked;
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        if (const auto manifest = get(version); !manifest) return manifest.error();
        return change_aliases([&](auto& known) {
            const auto [named, is_first] = known.try_emplace(alias, version);
            const auto held = is_first ? result<Manifest>{error{}} : get(named->second);
            if (!held || gives_way(*held)) named->second = version;
        });
    }
    /// Removes an alias; one that is not there is no failure. Fails: as the disk does.
    result<void> remove_alias(const std::string& alias) const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        return change_aliases([&](auto& known) { known.erase(alias); });
    }

    /// Hashes every object of a version. Fails: not_found, corrupt; at the first that is not whole.
    [[nodiscard]] result<void> verify(const Manifest& manifest) const {
        for (const FileEntry& file : manifest.files) {
            if (!file.is_stored()) continue;
            if (auto known = detail::check_entry(file); !known) return known;
            for (const ObjectEntry& object : file.objects())
                if (auto whole = detail::verify_object(store_, object.digest); !whole) return whole;
        }
        return {};
    }

    /// A file's bytes, verified. Fails: not_found, corrupt.
    [[nodiscard]] result<std::string> read(const Manifest& manifest, std::string_view path) const {
        const FileEntry* file = manifest.find(path);
        if (file == nullptr || !file->is_stored()) {
            return error{errc::not_found, manifest.label() + " of " + name_ + " holds no such file",
                         std::string{path}, "see what it holds with: cairn show"};
        }
        if (auto known = detail::check_entry(*file); !known) return known.error();
        if (file->pieces.empty()) return detail::object_bytes(store_, {file->digest, file->size});
        std::string all;
        for (const ObjectEntry& piece : file->pieces) {
            const auto bytes = detail::object_bytes(store_, piece);
            if (!bytes) return bytes.error();
            all += *bytes;
        }
        return all;
    }

    /// Copies every stored file of a version below `to`, and nothing outside of it; links there are not
    /// followed. References are passed over. Meanwhile it is not removed. Fails: not_found, corrupt, and then
    /// nothing was placed; or as the disk does.
    [[nodiscard]] result<void> download(const Manifest& manifest, const std::filesystem::path& to) const {
        const auto reading = lease(manifest.version);
        if (const auto there = get(manifest.version); !there) return there.error();  // removed meanwhile
        return detail::download_files(store_, manifest, to);
    }

    /// Removes a version: the manifest first, in one step, then its plain path, then the objects that no
    /// other version has. What a kill breaks off is finished by the next removal or commit. Works on a
    /// damaged version; its objects are then left to `collect_garbage`. Fails: not_found; busy if an alias
    /// names it, if it is being read (`lease`), or if it is the newest (so a number is never given twice).
    result<void> remove(std::uint64_t version) const { return remove(version, Newest::stays); }

    /// Takes back a version that was committed a moment ago, as `remove` does, though it be the newest.
    result<void> undo(std::uint64_t version) const { return remove(version, Newest::may_go); }

    /// The folder that shows a version's files under their own names.
    [[nodiscard]] std::filesystem::path plain_path(std::uint64_t version) const {
        return dir_ / detail::version_label(version);
    }
    /// The store it lies in.
    [[nodiscard]] const Store& store() const noexcept { return store_; }
    /// Its name in its project.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Its type: "dataset", "model", …
    [[nodiscard]] const std::string& type() const noexcept { return type_; }

  private:
    enum class Newest : unsigned char { stays, may_go };
    static constexpr std::uint64_t max_record_bytes = std::uint64_t{4} << 20U;

    BasicArtifactStore(Store store, std::string project, std::string name)
        : store_{std::move(store)}, project_{std::move(project)}, name_{std::move(name)},
          dir_{store_.artifact_dir(project_, name_)} {}

    result<void> remove(std::uint64_t version, Newest newest) const {
        const auto lock = store_.lock();
        if (!lock) return lock.error();
        const auto numbers = versions();
        if (!numbers) return numbers.error();
        if (!std::binary_search(numbers->begin(), numbers->end(), version))
            return no_version(detail::version_label(version));
        const auto known = aliases();
        if (!known) return known.error();
        for (const auto& [alias, number] : *known)
            if (number == version) return is_named(version, alias);
        if (newest == Newest::stays && numbers->back() == version) return is_named(version, "latest");
        if (const auto read = is_read(version); read && *read) return being_read(version);
        const std::filesystem::path path = manifest_path(version);
        std::filesystem::path gone = path;
        gone.replace_extension(detail::removal_suffix);
        if (auto renamed = detail::os::rename_replace(path, gone); !renamed) return renamed;
        // Asked again, now that no new reader finds it: who came before holds a lease.
        if (const auto read = is_read(version); !read || *read) {
            if (auto back = detail::os::rename_replace(gone, path); !back) return back;
            return read ? being_read(version) : read.error();
        }
        const bool is_to_last = store_.durability() == Durability::power_loss;
        auto done = is_to_last ? detail::os::sync_dir(path.parent_path()) : result<void>{};
        // At once, whoever looks whether it is there: who takes a lease from here on finds no manifest.
        if (done) done = detail::finish_removal(store_, dir_, gone, version);
        return done ? detail::finish_removals(store_, dir_) : done;
    }

    [[nodiscard]] std::filesystem::path manifest_path(std::uint64_t version) const {
        return dir_ / "versions" / (detail::version_label(version) + ".json");
    }
    [[nodiscard]] std::filesystem::path record_path() const { return dir_ / "artifact.json"; }
    [[nodiscard]] std::filesystem::path lease_path() const { return dir_ / detail::lease_file; }

    result<void> open_record(const std::string& type) {
        auto text = detail::read_file(record_path(), max_record_bytes);
        if (!text && text.error().code() == errc::not_found && !type.empty()) {
            if (auto checked = detail::check_name("artifact type", type); !checked) return checked;
            if (auto made = detail::make_dirs_durably(dir_ / "versions", store_.durability()); !made)
                return made;
            const Json record = {{"format", 1}, {"name", name_}, {"type", type}};
            auto written = write_new(record_path(), record.dump() + "\n");
            if (!written && written.error().code() != errc::already_exists) return written;
            text = detail::read_file(record_path(), max_record_bytes);
        }
        if (!text && text.error().code() == errc::not_found) {
            return error{errc::not_found, "there is no such artifact in the project " + project_, name_,
                         "see which there are with: cairn artifact ls"};
        }
        if (!text) return text.error();
        const auto record = Json::parse(*text, nullptr, false);
        if (!record.is_object() || !record.contains("type") || !record["type"].is_string()) {
            return error{errc::corrupt, "the record of this artifact cannot be read", record_path().string(),
                         R"(write {"format":1,"name":…,"type":…} into it)"};
        }
        if (const auto written = record.value("name", name_); written != name_) {
            return error{errc::mismatch, "the artifact " + name_ + " is there under another spelling",
                         written, "use that one, or a name that differs in more than its case"};
        }
        type_ = record["type"].template get<std::string>();
        if (type.empty() || type == type_) return {};
        return error{errc::mismatch, "the artifact " + name_ + " is of type " + type_ + ", not " + type,
                     dir_.string(), "give this one another name, or use its type"};
    }

    result<void> write_new(const std::filesystem::path& path, std::string_view text) const {
        return detail::write_new_file_atomically(path, text, store_.durability(), store_.temp_dir());
    }

    static result<void> check_alias(const std::string& alias) {
        if (auto checked = detail::check_name("alias", alias); !checked) return checked;
        if (alias != "latest" && !detail::parse_version_label(alias)) return {};
        return error{errc::invalid_name, "an alias cannot be \"latest\" or look like a version", alias,
                     "\"latest\" is always the newest version; choose another word"};
    }

    template <class F>
    result<void> change_aliases(F&& change) const {
        const auto before = aliases();
        if (!before) return before.error();
        auto known = *before;
        change(known);
        if (known == *before) return {};
        Json all = Json::object();
        for (const auto& [alias, number] : known) all[alias] = detail::version_label(number);
        return detail::write_file_atomically(dir_ / "aliases.json", all.dump() + "\n", store_.durability(),
                                             store_.temp_dir());
    }
    void set_aliases(std::uint64_t version, const std::vector<std::string>& wanted,
                     std::vector<error>& warnings) const {
        if (wanted.empty()) return;
        auto set = change_aliases([&](auto& known) {
            for (const std::string& alias : wanted) known[alias] = version;
        });
        if (!set) warnings.push_back(set.error());
    }

    [[nodiscard]] static FileEntry entry_of(const StagedFile& file) {
        const auto object_of = [](const StagedObject& object) {
            return ObjectEntry{object.digest().hex(), object.size()};
        };
        const ObjectEntry first = object_of(file.object);
        FileEntry entry{file.path, first.size};
        if (file.rest.empty()) {
            entry.digest = first.digest;
            return entry;
        }
        entry.pieces.push_back(first);
        for (const StagedObject& piece : file.rest) {
            entry.pieces.push_back(object_of(piece));
            entry.size += piece.size();
        }
        return entry;
    }

    // ---- committing; all of this requires the store's lock

    /// One more than any number that was given: the newest version stays, and what has a version's name is
    /// stepped over, and so is what is reserved.
    [[nodiscard]] result<std::uint64_t> next_version() const {
        std::uint64_t next = 0;
        for (const std::filesystem::path& folder : {dir_, dir_ / "versions"}) {
            const auto names = detail::os::list_dir(folder);
            if (!names) return names.error();
            for (const std::string& name : *names) {
                const auto number = detail::parse_version_label(name.substr(0, name.find('.')));
                if (number && *number >= next && *number < std::numeric_limits<std::uint64_t>::max())
                    next = *number + 1;
            }
        }
        const auto is_reserved = [&] {
            const auto taken = is_read(next);
            return taken && *taken;
        };
        while (is_reserved()) ++next;
        return next;
    }

    [[nodiscard]] result<bool> is_as_newest(const Manifest& draft, Manifest& newest) const {
        const auto numbers = versions();
        if (!numbers) return numbers.error();
        if (numbers->empty()) return false;
        auto found = get(numbers->back());  // a damaged one is like no other
        if (!found || found->content_digest() != draft.content_digest()) return false;
        newest = std::move(*found);
        return true;
    }

    /// Makes the version exist, under the next number that is free; where locks do not work, another may have
    /// taken one.
    result<void> write_manifest(Manifest& draft) const {
        while (true) {
            const auto text = to_text(draft);
            if (!text) return text.error();
            auto written = write_new(manifest_path(draft.version), *text);
            if (written) return written;
            if (written.error().code() != errc::already_exists) {
                const auto there =
                    detail::read_file(manifest_path(draft.version), text->size(), detail::os::Links::refuse);
                // It got its name, but is not durable: as if it had never come.
                if (there && *there == *text) (void)detail::os::remove_file(manifest_path(draft.version));
                return written;
            }
            ++draft.version;
        }
    }

    [[nodiscard]] error is_named(std::uint64_t version, const std::string& alias) const {
        return {errc::busy, "the alias " + alias + " names v" + std::to_string(version) + " of " + name_,
                dir_.string(),
                alias == "latest" ? "commit a newer version first"
                                  : "point the alias to another version first"};
    }

    [[nodiscard]] error being_read(std::uint64_t version) const {
        return {errc::busy, "v" + std::to_string(version) + " of " + name_ + " is being read", dir_.string(),
                "wait until whoever reads it is done"};
    }

    [[nodiscard]] error no_version(const std::string& label) const {
        std::string there;
        if (const auto numbers = versions()) {
            for (const std::uint64_t number : *numbers) {
                if (there.size() < 200) there += (there.empty() ? "v" : ", v") + std::to_string(number);
            }
        }
        if (const auto known = aliases()) {
            for (const auto& [alias, number] : *known) {
                if (there.size() < 300) there += ", " + alias;
            }
        }
        return {errc::not_found,
                "the artifact " + name_ + " has no version \"" + detail::suggest_name(label) + "\"",
                dir_.string(), there.empty() ? "it has no version yet" : "it has: " + there + ", latest"};
    }

    Store store_;
    std::string project_, name_, type_;
    std::filesystem::path dir_;
};
using ArtifactStore = BasicArtifactStore<>;

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/version_store.hpp
// The versions of one artifact of a run's store, as checkpoints use them. What does it is in
// run_versions.hpp, which only the file that calls `init` instantiates.

namespace CAIRN_NAMESPACE::detail {

/// Whole files named by their SHA-256, shared by versions that have the same content. One thread at a time.
class VersionStore {
  public:
    VersionStore() = default;
    VersionStore(const VersionStore&) = delete;
    VersionStore& operator=(const VersionStore&) = delete;
    virtual ~VersionStore() = default;

    /// The number of the next version. Threads: may be called while another one writes.
    virtual result<Reservation> reserve() const = 0;
    virtual result<void> begin(const VersionInfo& info) = 0;
    virtual result<void> write(std::string_view file, std::span<const std::byte> bytes) = 0;
    virtual result<Version> commit() = 0;
    /// The two halves of it: the files that were written, and a version of files.
    virtual result<std::vector<StagedFile>> stage() = 0;
    virtual result<Version> commit(std::vector<StagedFile> staged) = 0;
    virtual void abort() noexcept = 0;

    /// The files of a version; with a folder, those in it, by their names there.
    virtual result<StoredFiles> open(const Version& version, std::string_view folder) = 0;
    virtual result<void> remove(const Version& version) = 0;
    virtual result<void> undo(const Version& version) = 0;

    [[nodiscard]] virtual result<Manifest> manifest(const Version& version) const = 0;
    /// A version by its number. Fails: not_found, corrupt.
    [[nodiscard]] virtual result<Version> version(std::uint64_t number) const = 0;
    /// The versions that exist, oldest first: those of this run, or of any. Throws `cairn::error`.
    [[nodiscard]] virtual std::vector<Version> versions(bool any_run) = 0;

    /// Adds metrics that came late to a version.
    virtual result<void> annotate(const Version& version, const DynamicRow& metrics) = 0;
    /// Whether a version must stay for another reason than a retention: an alias names it, or it is being
    /// read.
    [[nodiscard]] virtual bool is_held(const Version& version) const = 0;
    /// How much room there is for it; nothing if the system does not tell.
    [[nodiscard]] virtual std::optional<std::uint64_t> free_bytes() const = 0;
    /// Makes `best` name a version, unless it names a better one already (of another run, say).
    virtual void mark_best(const Version& version, const Watched& by) = 0;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/share.hpp
// What versions share.

namespace CAIRN_NAMESPACE {

/// What versions have in common on the disk: files that are equal, or also the tensors of their safetensors
/// files that are.
enum class Share : unsigned char { files, tensors };
/// `LocalStore{cairn::share::tensors}`.
namespace share {
inline constexpr Share files = Share::files;      ///< each file is one object
inline constexpr Share tensors = Share::tensors;  ///< a frozen layer costs its bytes once
}  // namespace share

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/run_core.hpp
// What a run is for its handles, its checkpoints and its artifacts. What is not the fast path is virtual and
// lies in run_engine.hpp: only the file that calls `init` instantiates it, the others compile calls of it.

namespace CAIRN_NAMESPACE {

/// When `run.save(pattern)` copies: now, at the end of the run, or both and whenever asked again.
enum class When : unsigned char { now, end, live };

/// What `define_metric` declares of a metric.
struct MetricOptions {
    Direction goal =
        Direction::unspecified;    ///< which way it is better; checked against policies and retentions
    std::string step_metric = {};  ///< the metric it is drawn over, for example "epoch"
    std::string unit = {};         ///< shown beside the value
};

namespace detail {

template <class T>
class BasicSaver;

/// Where a rich value was logged.
struct MediaPlace {
    std::string metric;
    std::int64_t step = 0;
    std::int64_t time_ns = 0;
};

// Never defined: its name is the compiler's message.
template <class N>
struct write_this_step_as_cairn_step_of_n;

/// A run that was opened. Threads: any, unless said otherwise.
template <class T = void>
class BasicRunCore {
  public:
    using Json = Deferred<nlohmann::json, T>;

    BasicRunCore(const BasicRunCore&) = delete;
    BasicRunCore& operator=(const BasicRunCore&) = delete;

    // ---- logging

    /// The calling thread's lane; null if the run takes no more rows.
    [[nodiscard]] Lane* lane() noexcept {
        const ThreadLanes::Latest& latest = ThreadLanes::latest();
        return is_ours(latest) ? latest.lane : find_lane();
    }

    /// Takes a row; never throws, never waits for a disk.
    template <class R>
    CAIRN_INLINE void append(const R& row) noexcept {
        const ThreadLanes::Latest& latest = ThreadLanes::latest();
        if (is_ours(latest) && latest.lane->try_append(row)) [[likely]]
            return;
        if constexpr (std::is_trivially_copyable_v<R>)
            row.apply([this](auto... parts) { this->template append_parts<R>(parts...); });
        else
            append_slowly(row);
    }

    /// Takes a rich value, to be encoded and written on the saver's thread; never throws, never waits.
    template <EncodesMedia V>
    CAIRN_COLD void keep(std::string_view metric, std::int64_t step, std::int64_t time_ns, V value) noexcept {
        try {
            const std::size_t memory = value.memory();
            keep_media({std::string{metric}, step, time_ns}, memory,
                       [kept = std::make_shared<const V>(std::move(value))] { return kept->encode(); });
        } catch (...) {  // no memory
            media_lost_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    /// The same of a value that is behind a function.
    virtual void keep_media(MediaPlace place, std::size_t memory, std::function<Media()> encode) = 0;
    /// A rich value came to nothing.
    virtual void note_lost_media(const error& failure) noexcept = 0;

    /// From now on `look(step, time_ns)` is called after each row that the calling thread logs; returns what
    /// `unwatch` wants. All rows of the run then go the slow way.
    [[nodiscard]] virtual std::uint64_t watch(std::function<void(std::int64_t, std::int64_t)> look) = 0;
    virtual void unwatch(std::uint64_t id) noexcept = 0;
    /// A sample of a model cost so much, or was left out because they cost too much.
    void count_watched(std::uint64_t ns, bool is_left_out) noexcept {
        watched_ns_.fetch_add(ns, std::memory_order_relaxed);
        (is_left_out ? watches_left_out_ : watches_made_).fetch_add(1, std::memory_order_relaxed);
    }

    /// Records a decision between the rows of the calling thread, as `append` does. After the end of the run
    /// nothing is recorded any more.
    virtual void record(const Decision& decision) noexcept = 0;

    /// Records an alert, and hands it on, unless the same title was said less than so many seconds ago.
    virtual void alert(Alert alert, double wait_seconds) noexcept = 0;

    /// The calling thread's lane, if it is not the latest that it used; one of its own if it has none.
    virtual Lane* find_lane() noexcept = 0;

    // ---- what is known of the run

    [[nodiscard]] const Options& options() const noexcept { return options_; }
    [[nodiscard]] const Store& store() const noexcept { return store_; }
    [[nodiscard]] unsigned rank() const noexcept { return options_.rank.value_or(0); }
    [[nodiscard]] const std::filesystem::path& dir() const noexcept { return dir_; }
    [[nodiscard]] std::int64_t started_ns() const noexcept { return started_ns_; }
    [[nodiscard]] bool resumed() const noexcept { return resumed_; }
    /// One more than the greatest step of the sessions before; 0 for a new run.
    [[nodiscard]] std::int64_t first_step() const noexcept { return first_step_; }
    [[nodiscard]] bool is_open() const noexcept { return open_as_.load(std::memory_order_relaxed) != 0; }
    [[nodiscard]] bool has_ended() const noexcept { return ended_.load(std::memory_order_relaxed); }
    /// Whether it ended before all was written: nobody waits for the rest.
    [[nodiscard]] bool has_given_up() const noexcept { return has_ended() && (!are_saved_ || is_left_); }
    [[nodiscard]] bool is_detached() const noexcept { return detached_.load(std::memory_order_relaxed); }

    [[nodiscard]] virtual Health health() const = 0;
    /// Keeps a failure and says it once on stderr. Never throws.
    virtual void note_failure(const error& failure, bool of_a_save) noexcept = 0;
    /// Throws if the run has ended: it may have another writer by now.
    virtual void check_open(const char* tried) const = 0;

    /// Makes the caller the only one in this run who decides for a checkpoint of this name, until `release`.
    /// Throws busy if there is one.
    virtual void claim(const std::string& checkpoint) = 0;
    virtual void release(const std::string& checkpoint) noexcept = 0;

    [[nodiscard]] virtual std::unique_ptr<SignalWatch> watch_signals() = 0;

    /// Where checkpoints are written beside the loop, until the run ends.
    [[nodiscard]] virtual BasicSaver<T>& saver() noexcept = 0;
    /// A number that no other save of the run has, in whatever session.
    [[nodiscard]] std::uint64_t new_save() noexcept {
        return static_cast<std::uint64_t>(started_ns_) + saves_.fetch_add(1, std::memory_order_relaxed);
    }
    /// Counts a version that was not saved because another was being written.
    void count_passed_over() noexcept { passed_over_.fetch_add(1, std::memory_order_relaxed); }

    // ---- what it has written

    /// The versions of an artifact of its store. Throws `cairn::error`.
    [[nodiscard]] virtual std::unique_ptr<VersionStore> open_versions(std::string_view name, Share share) = 0;

    /// What `f(row, decision)` is called with: for an event that is a decision, that; otherwise null.
    using EachRow = FunctionRef<void(const StoredRow&, const Decision*)>;
    /// Every row and event of a run's folder once, in the order of each thread.
    virtual result<void> read_rows(const std::filesystem::path& run_dir, EachRow f) const = 0;

    // ---- config, summary, description

    [[nodiscard]] virtual Json config() const = 0;
    /// Merges an object into the config, nested objects too, and writes it. Throws on a value that is no
    /// object.
    virtual void update_config(const Json& patch) = 0;
    [[nodiscard]] virtual Json summary() const = 0;
    virtual void set_summary(std::string key, Json value) = 0;
    /// The run's own record (`run.json`).
    [[nodiscard]] virtual Json about() const = 0;
    /// Changes it and writes it, for a run that is known to be open.
    virtual result<void> try_describe(FunctionRef<void(Json&)> change) = 0;
    virtual void define_metric(std::string_view name, const MetricOptions& options) = 0;
    virtual void set_notes(const std::string& notes) = 0;
    virtual void add_tag(const std::string& tag) = 0;
    /// The declared direction of a metric, if `define_metric` gave one.
    [[nodiscard]] virtual Direction goal_of(std::string_view metric) const = 0;
    /// Copies what a pattern matches into the run's folder.
    virtual void save_files(const std::filesystem::path& pattern, When when) = 0;

    // ---- ends

    /// Ends the run once: waits for what is being saved, at most so long; drains, writes summary and state,
    /// lets go of the lock, says so. The first failure is returned and kept.
    virtual result<void> end(std::string_view status, const std::string& why,
                             std::int64_t most_ns) noexcept = 0;

  protected:
    [[nodiscard]] bool is_ours(const ThreadLanes::Latest& latest) const noexcept {
        return latest.run == open_as_.load(std::memory_order_relaxed);
    }
    /// Part by part: a row whose address is taken would not stay in registers.
    template <class R, class... Parts>
    CAIRN_COLD void append_parts(Parts... parts) noexcept {
        append_slowly(R{parts...});
    }
    template <class R>
    void append_slowly(const R& row) noexcept {
        try {
            Lane* const mine = lane();
            if (mine != nullptr && mine->append(row)) {
                if (open_as_.load(std::memory_order_relaxed) == watched_key())
                    tell_watches(row.step(), row.time_ns());
                return;
            }
        } catch (...) {  // no memory
        }
        dropped_.fetch_add(1, std::memory_order_relaxed);
    }

    /// In the place of the key while somebody watches: no thread's latest lane has it.
    /// After a row of the calling thread.
    virtual void tell_watches(std::int64_t step, std::int64_t time_ns) = 0;
    [[nodiscard]] std::uint64_t watched_key() const noexcept { return key_ ^ 2U; }

    BasicRunCore(Options options, Store store, std::filesystem::path dir, bool resumed, std::uint64_t key,
                 std::int64_t started_ns)
        : options_{std::move(options)}, store_{std::move(store)}, dir_{std::move(dir)}, resumed_{resumed},
          key_{key}, started_ns_{started_ns} {}
    ~BasicRunCore() = default;

    Options options_;
    Store store_;
    std::filesystem::path dir_;
    bool resumed_;
    std::uint64_t key_;  // tells this run from all others that a thread may log to; never 0
    std::int64_t started_ns_;
    std::int64_t first_step_ = 0;
    std::atomic<std::uint64_t> open_as_{0};  // the key, while the run takes rows
    std::atomic<bool> detached_{false};
    std::atomic<bool> ended_{false};
    std::atomic<bool> are_saved_{true};  // what the saver was given
    std::atomic<bool> is_left_{false};   // the disk did not answer in time when the end was written
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<std::uint64_t> passed_over_{0};
    std::atomic<std::uint64_t> media_lost_{0};
    std::atomic<std::uint64_t> saves_{0};
    std::atomic<std::uint64_t> watched_ns_{0}, watches_made_{0}, watches_left_out_{0};
};
using RunCore = BasicRunCore<>;

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/detail/stopping.hpp
// What stands behind `run.should_stop`: asking a policy whether training should stop.

namespace CAIRN_NAMESPACE::detail {

/// Whether a row has the metric.
template <class = void>
[[nodiscard]] bool is_watched(const StoredRow& row, const Watched& watched) {
    if (!watched.any()) return true;
    return std::any_of(row.values.begin(), row.values.end(), [&](const NamedValue& value) {
        return value.name == watched.metric && value.value.reading().kind != Reading::Kind::missing;
    });
}

/// Whether it tells that another session of the run begins.
[[nodiscard]] inline bool begins_session(const Decision* decision) noexcept {
    return decision != nullptr && decision->kind == Decision::Kind::resumed;
}

// Never defined: their names are the compiler's message.
template <class P>
struct keep_this_policy_in_a_variable_outside_the_loop_it_remembers_rows;
template <class R>
struct a_disabled_run_keeps_no_dynamic_rows_so_stop_by_a_typed_row;

/// Tells a policy of the rows that the sessions before logged, up to where each one after them went on and up
/// to `step`: rows that a resume went back over are not among them.
template <class P>
void tell_earlier_rows(RunCore& core, P& policy, std::int64_t step) {
    const Watched watched = watched_by(policy);
    std::vector<std::int64_t> ends;  // of each session: the first step of the next that the policy watches
    bool begins = false;
    auto read = core.read_rows(core.dir(), [&](const StoredRow& stored, const Decision* decision) {
        if (begins_session(decision)) {
            if (begins) ends.push_back(std::numeric_limits<std::int64_t>::max());  // nothing to watch in it
            begins = true;
        } else if (stored.kind == RecordKind::row && begins && is_watched(stored, watched)) {
            ends.push_back(stored.step);
            begins = false;
        }
    });
    // The steps that a session may tell of end where any session after it began.
    ends.push_back(step);
    if (begins) ends.push_back(step);
    for (std::size_t i = ends.size() - 1; i-- > 0;) ends[i] = std::min(ends[i], ends[i + 1]);

    DynamicRow last{std::max(step, std::numeric_limits<std::int64_t>::min() + 1) - 1, 0, nullptr, 0};
    std::size_t session = 0;
    if (read) {
        read = core.read_rows(core.dir(), [&](const StoredRow& stored, const Decision* decision) {
            if (begins_session(decision)) ++session;
            if (stored.kind != RecordKind::row || session >= ends.size() || stored.step >= ends[session])
                return;
            last = DynamicRow{stored.step, stored.time_ns, stored.values.data(), stored.values.size()};
            detail::settle(policy, At<DynamicRow>{last}, Outcome::not_saved);
        });
    }
    if (!read) core.note_failure(read.error(), false);
    detail::settle(policy, At<DynamicRow>{last}, Outcome::restored);  // it knows now, and is not told again
}

/// Whether the policy says that training should stop at this row; it then hears of the row.
template <class R, class P>
bool ask_to_stop(const R& row, P& policy) {
    const At<R> now{row};
    const bool stop = policy.decide(now) == Answer::yes;
    detail::settle(policy, now, Outcome::not_saved);
    return stop;
}

/// The same, for a run that is recorded.
template <class R, class P>
bool ask_to_stop(RunCore& core, const R& row, P& policy) {
    if (core.resumed() && rows_heard_by(policy).is_fresh()) tell_earlier_rows(core, policy, row.step());
    const At<R> now{row};
    if (const std::string_view nan = rejected_by(policy, now); !nan.empty()) {
        core.note_failure({errc::not_a_number,
                           "a metric is NaN, and the policy that stops training takes that for an error",
                           std::string{nan}, "see in the run's history since when"},
                          false);
    }
    const bool stop = policy.decide(now) == Answer::yes;
    if (stop) {
        core.record({.kind = Decision::Kind::stopped,
                     .step = now.step,
                     .time_ns = now.time_ns,
                     .answer = Answer::yes,
                     .because = reasons_of(policy, now),
                     .text = to_text(policy),
                     .row = to_dynamic(row)});
    }
    detail::settle(policy, now, Outcome::not_saved);
    return stop;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/run.hpp
// `cairn::init` and the handle it returns. `init` is defined in run/init.hpp, checkpoints and artifacts in
// checkpoint/; `cairn/cairn.hpp` includes all of them.

namespace CAIRN_NAMESPACE {

/// What `log` takes beside a row whose names are known at run time.
struct LogOptions {
    std::optional<std::int64_t> step = {};  ///< default: the calling thread's own count of rows
};

/// A run that is being recorded. A movable handle: when the last of it goes, the run is finished (failed, if
/// an exception is on its way). `log` may be called from any thread; the rest from one thread at a time.
template <class T = void>
class BasicRun {
    using Json = detail::Deferred<nlohmann::json, T>;

  public:
    /// A run that records nothing, as `CAIRN_MODE=disabled` makes it.
    BasicRun() = default;
    /// For `init`.
    explicit BasicRun(std::shared_ptr<detail::RunCore> core) : core_{std::move(core)} {}
    ~BasicRun() { close(); }
    BasicRun(BasicRun&&) noexcept = default;
    /// Ends the run that the handle had, and takes over the other's.
    BasicRun& operator=(BasicRun&& other) noexcept {
        if (this != &other) {
            close();
            core_ = std::move(other.core_);
            exceptions_ = other.exceptions_;
        }
        return *this;
    }

    // ---- logging

    /// Logs one row at a step: `run.log(cairn::step(epoch), "loss"_m = loss)`. Returns the row, for a
    /// checkpoint; rich values (see `EncodesMedia`) are kept beside it, at its step. Fails: never; a row that
    /// cannot be kept is counted in `health()`. Threads: any. Cost: tens of nanoseconds; no lock, no system
    /// call. When it returns, a SIGKILL of the process loses no value.
    template <class... Names, class... Ts>
    CAIRN_INLINE auto log(Step step, Field<Names, Ts>... fields) noexcept {
        return log_fields(step.value, std::move(fields)...);
    }

    /// Does not compile: a step is `cairn::step(n)`.
    template <std::integral N, class... Names, class... Ts>
    void log(N, const Field<Names, Ts>&...) {
        (void)sizeof(detail::write_this_step_as_cairn_step_of_n<N>);
    }

    /// Logs one row; its step is the calling thread's own count of rows.
    template <class... Names, class... Ts>
        requires(sizeof...(Names) > 0)
    CAIRN_INLINE auto log(Field<Names, Ts>... fields) noexcept {
        return log_fields(own_step(), std::move(fields)...);
    }

    /// Logs a rich value under a name that is known only at run time: `run.log(name,
    /// cairn::Histogram{samples},
    /// {.step = n})`. Without a step it is the calling thread's count of rows, which a row without numbers
    /// is.
    template <EncodesMedia V>
    void log(std::string_view metric, V value, LogOptions options = {}) noexcept {
        const std::int64_t step = options.step ? *options.step : own_step();
        const auto row = detail::make_row(step, detail::wall_ns());
        if (!core_) return;
        core_->append(row);
        core_->keep(metric, step, row.time_ns(), std::move(value));
    }

    /// Logs a row whose names are known only at run time: `run.log({{"loss", loss}, {"epoch", epoch}}, {.step
    /// = n})`.
    DynamicRow log(std::initializer_list<NamedValue> values, LogOptions options = {}) {
        return log_values(values, options);
    }
    /// The same for values that are made in a loop.
    DynamicRow log(std::span<const NamedValue> values, LogOptions options = {}) {
        return log_values(values, options);
    }

    // ---- saving (defined in checkpoint/)

    /// A checkpoint that saves by a policy, as types: `run.checkpoint<cairn::EveryN<2>>("model")`. Retention
    /// and sink may follow, as values, in any order. Throws `cairn::error` on a bad name, or where directions
    /// disagree.
    template <class Policy, class... Rest>
    [[nodiscard]] auto checkpoint(std::string_view name, Rest... rest);

    /// The same with the policy as a value, anywhere among policy, retention and sink:
    /// `run.checkpoint("model", Best<"val/loss", minimize>{} | EveryN<500>{}, KeepLast<3>{})`.
    template <class... Parts>
    [[nodiscard]] auto checkpoint(std::string_view name, Parts... parts);

    /// Commits an artifact as a new version, or finds that its newest version is the same. Throws
    /// `cairn::error`.
    template <class A>
    auto log_artifact(const A& artifact, std::initializer_list<std::string_view> aliases = {});

    /// An artifact's version, by "name:alias" or "name:v3"; "name" is "name:latest". Throws
    /// `errc::not_found`.
    template <class Text>
    [[nodiscard]] auto use_artifact(const Text& spec);

    /// Saves parts as a new version of a model artifact, whatever the policies say: `run.log_model("model",
    /// cairn::part("model", model))`. Throws `cairn::error`.
    template <class... Parts>
    auto log_model(std::string_view name, const Parts&... parts);

    /// Copies the files that match a pattern (`*` and `?` in file names) into the run's folder. With
    /// `When::end` at the end of the run; with `When::live` now and at the end. Throws `cairn::error` if a
    /// copy made now fails, or if the run has ended.
    void save(const std::filesystem::path& pattern, When when = When::live) {
        if (core_) core_->save_files(pattern, when);
    }

    /// Watches a model that lists its tensors: histograms of its parameters, and of its gradients if it tells
    /// them, every `log_freq` rows that this thread logs, as long as what this gives lives: `auto watch =
    /// run.watch(model, {.log = cairn::watch::all});`. Throws invalid_argument. Cost: a pass over the tensors
    /// now and then, on this thread, a twentieth of the time at most; every row takes some tens of
    /// nanoseconds more while a model is watched, and none otherwise. Defined in run/watch.hpp.
    template <class M, class Options = WatchOptions>
    [[nodiscard]] auto watch(M& model, Options options = {});

    /// Tells somebody: `run.alert("the loss is NaN", {.text = "...", .level = cairn::AlertLevel::error})`. It
    /// is recorded between the rows, and handed to `Options::on_alert`; the same title is held back for a
    /// minute. Never throws; what was held back is counted in `health()`. Threads: any.
    void alert(std::string title, AlertOptions options = {}) noexcept {
        if (core_)
            core_->alert({std::move(title), std::move(options.text), options.level}, options.wait_seconds);
    }

    // ---- deciding

    /// Whether training should stop at this row, by `Patience` or any other policy:
    /// `if (run.should_stop(row, patience)) break;`. The policy is kept outside the loop and hears of the
    /// row; in a resumed run it first hears of the rows that were logged before this step. Works the same in
    /// a run that records nothing. A stop is recorded, with its reason. Cost: a comparison.
    template <class R, class P>
        requires SavePolicy<std::remove_cvref_t<P>>
    bool should_stop(const R& row, P&& policy) {
        if constexpr (StatefulPolicy<std::remove_cvref_t<P>> &&
                      (!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>)) {
            (void)sizeof(detail::keep_this_policy_in_a_variable_outside_the_loop_it_remembers_rows<
                         std::remove_cvref_t<P>>);
            return false;
        } else {
            return core_ ? detail::ask_to_stop(*core_, row, policy) : detail::ask_to_stop(row, policy);
        }
    }

    /// What was decided so far and recorded, in the order of time: every save, failure and removal,
    /// and every change of why nothing is saved. `to_text` makes a line of one. `checkpoint.decisions()` has
    /// those about all other rows too. Throws if the history cannot be read. Cost: one pass over it.
    template <class D = Decision>
    [[nodiscard]] std::vector<D> decisions() const {
        std::vector<D> all;
        const auto keep = [&](const detail::StoredRow&, const Decision* decision) {
            if (decision != nullptr && !detail::is_bookkeeping(decision->kind)) all.push_back(*decision);
        };
        if (core_) core_->read_rows(core_->dir(), keep).value();
        return detail::in_order(std::move(all));
    }

    // ---- seeing (defined in serve/server.hpp, which is opt-in)

    /// Shows the run's store in a browser while it trains, until what this gives is destroyed: `auto
    /// dashboard = run.serve({.port = 6006});`. Training waits for no viewer. Throws busy, if the port is
    /// taken.
    template <class Options = ServeOptions>
    [[nodiscard]] auto serve(Options options = {});

    // ---- what is recorded beside rows

    /// The config as it stands; a nested value is `config()["optimizer"]["lr"]`.
    [[nodiscard]] Json config() const { return core_ ? core_->config() : Json::object(); }
    /// Merges an object into the config, nested objects too. Throws `cairn::error` on anything else.
    void update_config(const Json& patch) {
        if (core_) core_->update_config(patch);
    }

    /// For each metric last, min, max, mean, count and where they were, under "metrics"; the same of what the
    /// machine did, under "system"; what was set, under "user". Rows that are not collected yet (some
    /// milliseconds) are not in it.
    [[nodiscard]] Json summary() const { return core_ ? core_->summary() : Json::object(); }
    /// Sets a value of one's own in the summary.
    void set_summary(std::string key, Json value) {
        if (core_) core_->set_summary(std::move(key), std::move(value));
    }

    /// Declares a metric: which way it is better, over what it is drawn. Throws `cairn::error` if it cannot
    /// be written.
    void define_metric(std::string_view name, const MetricOptions& options) {
        if (core_) core_->define_metric(name, options);
    }
    /// Sets the run's notes, free text. Throws `cairn::error` if it cannot be written.
    void set_notes(const std::string& notes) {
        if (core_) core_->set_notes(notes);
    }
    /// Adds a tag; one that is there is not added twice. Throws `cairn::error` if it cannot be written.
    void add_tag(const std::string& tag) {
        if (core_) core_->add_tag(tag);
    }

    // ---- the run itself

    /// Unique in the project; empty if the run is disabled.
    [[nodiscard]] std::string id() const { return core_ ? core_->options().id : std::string{}; }
    /// The project it belongs to; empty if the run is disabled.
    [[nodiscard]] std::string project() const { return core_ ? core_->options().project : std::string{}; }
    /// What people call it; empty if the run is disabled.
    [[nodiscard]] std::string name() const {
        return core_ ? core_->about().value("name", "") : std::string{};
    }
    /// The run's folder.
    [[nodiscard]] std::filesystem::path dir() const { return core_ ? core_->dir() : std::filesystem::path{}; }
    /// Whether nothing is recorded.
    [[nodiscard]] bool disabled() const noexcept { return core_ == nullptr; }
    /// The run existed before; then `first_step` is one more than the greatest step it had logged.
    [[nodiscard]] bool resumed() const noexcept { return core_ != nullptr && core_->resumed(); }
    /// Where training goes on: 0, but in a resumed run one more than the greatest step it had logged.
    [[nodiscard]] std::int64_t first_step() const noexcept { return core_ ? core_->first_step() : 0; }
    /// What was logged, collected, waited for, dropped; which saves failed.
    [[nodiscard]] Health health() const { return core_ ? core_->health() : Health{}; }

    /// Ends the run: writes what is left, the summary and the state "finished". The handle then only counts
    /// what it is given. Waits for versions that are still being written, unless nothing was written for five
    /// minutes. The result has the first thing that could not be written; a version that was lost is one.
    result<void> finish() noexcept { return end("finished", {}); }
    /// The same, but waits no longer than this for versions that are still being written: `finish(20s)`.
    /// Fails, busy, naming those that are not durable by then; one of them may be yet. For the run's own end
    /// it waits what is left of the time, a second at least: on a disk that does not answer that is left to a
    /// thread.
    template <class D>
    result<void> finish(const D& at_most) noexcept {
        constexpr double longest = 9e9;  // seconds; in nanoseconds it fits an integer
        const double seconds = std::max(0.0, std::min(detail::seconds_of(at_most), longest));  // of NaN: 0
        return end("finished", {}, static_cast<std::int64_t>(seconds * 1e9));
    }
    /// Ends the run as failed, with the reason.
    result<void> fail(const std::string& why) noexcept { return end("failed", why); }

    /// For the layers below.
    [[nodiscard]] const std::shared_ptr<detail::RunCore>& core() const noexcept { return core_; }

  private:
    result<void> end(std::string_view status, const std::string& why,
                     std::int64_t most_ns = std::numeric_limits<std::int64_t>::max()) noexcept {
        if (!core_) return {};
        return core_->end(status, why, most_ns);
    }
    /// The calling thread's own count of rows.
    [[nodiscard]] CAIRN_INLINE std::int64_t own_step() noexcept {
        detail::Lane* const lane = core_ ? core_->lane() : nullptr;
        return lane != nullptr ? lane->take_step() : 0;
    }
    template <class... Names, class... Ts>
    CAIRN_INLINE auto log_fields(std::int64_t step, Field<Names, Ts>... fields) noexcept {
        const auto row = detail::row_of_numbers(step, detail::clock_ns(), std::move(fields)...);
        if (core_) {
            core_->append(row);
            (keep_if_rich(row, fields), ...);
        }
        return row;
    }
    template <class R, class Name, class V>
    CAIRN_INLINE void keep_if_rich([[maybe_unused]] const R& row,
                                   [[maybe_unused]] Field<Name, V>& field) noexcept {
        if constexpr (RichValue<V>)
            core_->keep(Name::name, row.step(), row.time_ns(), std::move(field.value));
    }
    template <class Values>
    DynamicRow log_values(const Values& values, const LogOptions& options) {
        const std::int64_t step = options.step ? *options.step : own_step();
        const detail::GivenRow row{step, detail::wall_ns(), std::data(values), values.size()};
        if (core_) core_->append(row);
        return row.owned();
    }
    void close() noexcept {
        if (!core_) return;
        if (std::uncaught_exceptions() > exceptions_) {
            (void)end("failed", "an exception left the run's scope");
        } else {
            (void)end("finished", {});
        }
    }

    std::shared_ptr<detail::RunCore> core_;
    int exceptions_ = std::uncaught_exceptions();
};
using Run = BasicRun<>;

/// Opens a run: `auto run = cairn::init({.project = "mnist", .config = {{"lr", 1e-3}, {"epochs", 5}}});`
/// Throws `cairn::error` if the store cannot be written, a name is bad, the run exists or does not (see
/// `Resume`), or another process writes it.
template <std::same_as<Enabled> = Enabled>
[[nodiscard]] Run init(Options options = {});

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/saver.hpp
// The thread on which a run's checkpoints and rich values are written.

namespace CAIRN_NAMESPACE::detail {

/// Does work in the order in which it comes. The thread starts with the first piece of it. Threads: any.
template <class = void>
class BasicSaver {
  public:
    BasicSaver() = default;
    ~BasicSaver() { stop(); }
    BasicSaver(const BasicSaver&) = delete;
    BasicSaver& operator=(const BasicSaver&) = delete;

    /// Takes work that never throws, and what to call it; returns its place in the order. Fails: busy, if the
    /// system gives no thread, or after `stop`.
    result<std::uint64_t> post(std::string name, std::function<void()> work) {
        const std::scoped_lock lock{mutex_};
        if (stopping_) return error{errc::busy, "the run has ended", "", ""};
        if (!running_) {
            if (auto started = thread_.start(&run, this); !started) return started.error();
            running_ = true;
        }
        queue_.push_back({std::move(name), std::move(work)});
        wake_.notify_all();
        return posted_++;
    }

    /// Waits until a piece of work is done.
    void wait(std::uint64_t place) {
        std::unique_lock lock{mutex_};
        wake_.wait(lock, [&] { return done_ > place; });
    }
    /// Waits until all that was posted so far is done; false if that takes longer than `most_ns`, or the work
    /// does not get on for five minutes. On the thread itself it waits for nothing.
    bool drain(std::int64_t most_ns = std::numeric_limits<std::int64_t>::max()) {
        constexpr std::int64_t patience_ns = 300'000'000'000;
        const std::int64_t began = steady_ns();
        std::uint64_t seen = moves_.load(std::memory_order_relaxed);
        const std::uint64_t wanted = posted();  // what comes after it may come for ever
        for (std::int64_t since = began; !is_done(wanted);) {
            const std::int64_t now = steady_ns();
            if (now - began >= most_ns || now - since >= patience_ns) return false;
            os::sys::sleep_ns(200'000);
            if (std::exchange(seen, moves_.load(std::memory_order_relaxed)) != seen) since = now;
        }
        return true;
    }
    /// What is still to be done: "v3 of model, v4 of model"; the first of it, if it is much.
    [[nodiscard]] std::string unfinished() {
        constexpr std::size_t most_named = 16;
        const std::scoped_lock lock{mutex_};
        std::string names = current_;
        const std::size_t waiting = queue_.size() - next_, named = std::min(waiting, most_named);
        for (std::size_t i = next_; i < next_ + named; ++i)
            names += (names.empty() ? "" : ", ") + queue_[i].name;
        return waiting > named ? names + " and " + std::to_string(waiting - named) + " more" : names;
    }
    /// Ends the thread once it has no more to do. No more is taken.
    void stop() {
        {
            const std::scoped_lock lock{mutex_};
            stopping_ = true;
            if (!running_ || thread_.is_current()) return;
            wake_.notify_all();
        }
        thread_.join();
    }

    /// Whether the caller is its thread.
    [[nodiscard]] bool is_current() {
        const std::scoped_lock lock{mutex_};
        return running_ && thread_.is_current();
    }
    /// Of one that the last piece of its own work destroys: it ends, and then itself, when that is done.
    static void destroy_after_work(std::unique_ptr<BasicSaver> saver) {
        const std::scoped_lock lock{saver->mutex_};
        saver->stopping_ = saver->is_orphan_ = true;
        (void)saver.release();
    }
    /// For the work: it gets on, however slowly.
    void moved() noexcept { moves_.fetch_add(1, std::memory_order_relaxed); }

  private:
    struct Work {
        std::string name;
        std::function<void()> work;
    };

    static void* run(void* self) noexcept {
        auto* const saver = static_cast<BasicSaver*>(self);
        if (saver->work()) {
            saver->thread_.leave();
            delete saver;
        }
        return nullptr;
    }
    /// True if nobody has it any more.
    [[nodiscard]] bool work() {
        std::unique_lock lock{mutex_};
        while (true) {
            wake_.wait(lock, [&] { return stopping_ || next_ < queue_.size(); });
            if (next_ == queue_.size()) return is_orphan_;
            {
                const Work next = take();
                current_ = next.name;
                lock.unlock();
                next.work();
                moved();
            }  // what the work held is gone before it counts as done
            lock.lock();
            current_.clear();
            ++done_;
            wake_.notify_all();
        }
    }
    /// What was taken leaves the queue when that is half of it: not one by one from its beginning.
    [[nodiscard]] Work take() {
        Work next = std::move(queue_[next_]);
        if (++next_ * 2 >= queue_.size()) {
            queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(next_));
            next_ = 0;
        }
        return next;
    }
    [[nodiscard]] std::uint64_t posted() {
        const std::scoped_lock lock{mutex_};
        return posted_;
    }
    /// On the thread itself there is nothing to wait for.
    [[nodiscard]] bool is_done(std::uint64_t posted) {
        const std::scoped_lock lock{mutex_};
        return done_ >= posted || (running_ && thread_.is_current());
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Work> queue_;
    std::size_t next_ = 0;  // in the queue
    std::string current_;
    std::uint64_t posted_ = 0, done_ = 0;
    std::atomic<std::uint64_t> moves_{0};
    bool running_ = false, stopping_ = false, is_orphan_ = false;
    os::Thread thread_;
};
using Saver = BasicSaver<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/detail/tensor_cuts.hpp
// Where a safetensors file is cut, so that versions can share its tensors. Costs nlohmann/json.

namespace CAIRN_NAMESPACE::detail {

/// Cuts a safetensors file, as its bytes come by, after its header and around each large tensor; small ones
/// stay together until they are large. What is no such file is not cut.
template <class = void>
class BasicTensorCuts {
  public:
    explicit BasicTensorCuts(std::string_view file) : is_over_{!file.ends_with(".safetensors")} {}

    /// How many of `bytes`, the next ones, lie before the next cut.
    [[nodiscard]] std::size_t take(std::span<const std::byte> bytes) {
        const std::uint64_t most = is_over_ ? bytes.size() : next_ - at_;
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(most, bytes.size()));
        at_ += count;
        if (!is_over_ && cuts_.empty()) read_header(bytes.first(count));
        return count;
    }
    /// Whether the file is to be cut here.
    [[nodiscard]] bool is_due() {
        if (is_over_ || cuts_.empty() || at_ != next_) return false;
        is_over_ = ++passed_ == cuts_.size();
        if (!is_over_) next_ = cuts_[passed_];
        return true;
    }

  private:
    static constexpr std::uint64_t large = std::uint64_t{1} << 20U, length_bytes = 8;

    void read_header(std::span<const std::byte> bytes) {
        header_.insert(header_.end(), bytes.begin(), bytes.end());
        if (at_ != next_) return;
        if (at_ == length_bytes) {
            std::uint64_t length = 0;
            for (std::size_t i = 0; i < length_bytes; ++i)
                length |= static_cast<std::uint64_t>(header_[i]) << (8 * i);
            is_over_ = length == 0 || length > safetensors::max_header_bytes;
            next_ += length;
            return;
        }
        const auto ends = safetensors::tensor_ends(header_);
        is_over_ = !ends;
        if (!ends) return;
        cuts_ = {at_};  // the header's end
        for (std::size_t i = 0; i < ends->size(); ++i) {
            const std::uint64_t begin = at_ + (i == 0 ? 0 : (*ends)[i - 1]), end = at_ + (*ends)[i];
            if (end - begin >= large && begin > cuts_.back()) cuts_.push_back(begin);
            if (end - cuts_.back() >= large) cuts_.push_back(end);
        }
        header_ = {};
    }

    std::vector<std::byte> header_;
    std::vector<std::uint64_t> cuts_;  // once the header is there
    std::size_t passed_ = 0;
    std::uint64_t at_ = 0, next_ = length_bytes;
    bool is_over_;  // there are no more cuts
};
using TensorCuts = BasicTensorCuts<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/file_batch.hpp
// Several files that become visible together: as objects of a store, or at paths of their own.

namespace CAIRN_NAMESPACE::detail {

/// Files written one after the other, piece by piece, into a store's temporaries. What is not finished is
/// removed.
template <class = void>
class BasicObjectBatch {
  public:
    explicit BasicObjectBatch(Share share = Share::files) : share_{share} {}

    result<void> write(const Store& store, std::string_view file, std::span<const std::byte> bytes) {
        if (!cuts_ || file != file_) {
            if (auto closed = close(); !closed) return closed;
            file_ = file;
            cuts_.emplace(share_ == Share::tensors ? file : std::string_view{});
        }
        do {  // an empty file is one, too
            if (!writer_) {
                auto writer = ObjectWriter::create(store);
                if (!writer) return writer.error();
                writer_.emplace(std::move(*writer));
            }
            const std::size_t count = cuts_->take(bytes);
            if (auto written = writer_->write(bytes.first(count)); !written) return written;
            bytes = bytes.subspan(count);
            if (cuts_->is_due()) {
                if (auto cut = end_object(); !cut) return cut;
            }
        } while (!bytes.empty());
        return {};
    }

    /// The files, durable and ready to be committed; the batch is empty again.
    result<std::vector<StagedFile>> finish() {
        if (auto closed = close(); !closed) return closed.error();
        return std::exchange(staged_, {});
    }

    void clear() noexcept {
        writer_.reset();
        cuts_.reset();
        staged_.clear();
        objects_.clear();
    }

  private:
    result<void> end_object() {
        if (!writer_) return {};
        auto object = writer_->finish();
        writer_.reset();
        if (!object) return object.error();
        objects_.push_back(std::move(*object));
        return {};
    }
    result<void> close() {
        if (auto ended = end_object(); !ended) return ended;
        cuts_.reset();
        if (objects_.empty()) return {};
        StagedFile file{file_, std::move(objects_.front())};
        objects_.erase(objects_.begin());
        file.rest = std::exchange(objects_, {});
        staged_.push_back(std::move(file));
        return {};
    }

    Share share_;
    std::vector<StagedFile> staged_;
    // Of the file that is being written:
    std::string file_;
    std::optional<TensorCuts> cuts_;
    std::vector<StagedObject> objects_;
    std::optional<ObjectWriter> writer_;
};
using ObjectBatch = BasicObjectBatch<>;

/// Files written one after the other beside their places, and renamed when all of them are whole.
template <class = void>
class BasicPathBatch {
  public:
    result<void> write(const std::filesystem::path& path, std::span<const std::byte> bytes) {
        if (files_.empty() || files_.back().path != path) {
            if (auto closed = close(); !closed) return closed;
            const std::filesystem::path folder = folder_of(path);
            if (auto made = os::make_dirs(folder); !made) return made;
            TempPath temp{folder / ("." + temp_name())};
            auto created = os::File::create_new(temp.path());
            if (!created) return created.error();
            file_ = std::move(*created);
            files_.push_back({std::move(temp), path});
        }
        return file_.write_all(bytes);
    }

    /// Puts the files in their places, durably. Fails: as the disk does; then those not yet renamed are
    /// removed.
    result<std::vector<std::filesystem::path>> place() {
        std::vector<std::filesystem::path> placed;
        result<void> done = close();
        for (File& file : files_) {
            if (done) done = os::rename_replace(file.temp.path(), file.path);
            if (!done) break;
            file.temp.keep();
            placed.push_back(file.path);
            done = os::sync_dir(folder_of(file.path));
        }
        files_.clear();
        if (!done) return done.error();
        return placed;
    }

    void clear() noexcept {
        file_ = os::File{};
        files_.clear();
    }

  private:
    struct File {
        TempPath temp;
        std::filesystem::path path;
    };

    static std::filesystem::path folder_of(const std::filesystem::path& path) {
        return path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
    }
    result<void> close() {
        if (!file_.is_open()) return {};
        if (auto synced = file_.sync(); !synced) return synced;
        return file_.close();
    }

    os::File file_;
    std::vector<File> files_;
};
using PathBatch = BasicPathBatch<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/artifact.hpp
// Artifacts: named, typed, versioned, immutable sets of files. Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

/// What is to become a version of an artifact: files, bytes and references under paths of their own. Nothing
/// is read or copied before `run.log_artifact`.
template <class Json = nlohmann::json>
class BasicArtifact {
  public:
    /// Throws `errc::invalid_name`. `type` is any word: "dataset", "model", …
    BasicArtifact(std::string name, std::string type) : name_{std::move(name)}, type_{std::move(type)} {
        detail::check_name("artifact", name_).value();
        detail::check_name("artifact type", type_).value();
    }

    /// Adds a file, under its own file name or under `as`. Throws `errc::not_found` if it is not there.
    BasicArtifact& add_file(const std::filesystem::path& file, std::string as = {}) {
        const auto status = detail::os::status(file).value();
        if (!status.is_file) {
            detail::raise({errc::not_found, "there is no such file to add", file.string(), "check the path"});
        }
        return add(as.empty() ? file.filename().generic_string() : std::move(as), {.file = file});
    }
    /// Adds every file below a folder, under its path in it (below `prefix`, if given). Links are not
    /// followed.
    BasicArtifact& add_dir(const std::filesystem::path& dir, const std::string& prefix = {}) {
        const auto names = detail::os::list_dir(dir).value();
        for (const std::string& name : names) {
            std::string inside = prefix;
            if (!inside.empty()) inside += '/';
            inside += name;
            const auto path = dir / detail::os::path_of(name);
            const auto status = detail::os::status(path, detail::os::Links::refuse).value();
            if (status.is_dir) {
                add_dir(path, inside);
            } else if (status.is_file) {
                add(inside, {.file = path});
            }
        }
        return *this;
    }
    /// Adds bytes as a file; they are copied now.
    BasicArtifact& add_bytes(std::string as, std::span<const std::byte> bytes) {
        return add(std::move(as), {.bytes{reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
    }
    /// Adds a text as a file; it is copied now.
    BasicArtifact& add_bytes(std::string as, std::string_view bytes) {
        return add(std::move(as), {.bytes = std::string{bytes}});
    }
    /// Adds a URI that is recorded and never fetched.
    BasicArtifact& add_reference(const std::string& uri, std::string as = {}) {
        if (uri.empty()) {
            detail::raise({errc::invalid_argument, "a reference needs a URI", as, "write where the data is"});
        }
        if (as.empty()) as = uri.substr(uri.find_last_of('/') + 1);
        return add(std::move(as), {.reference = uri});
    }

    Json metadata = Json::object();  ///< anything to be kept with the version
    std::string description = {};    ///< in words, for people

    /// The artifact's name in its project.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Its type, as it was given.
    [[nodiscard]] const std::string& type() const noexcept { return type_; }

    /// Copies and hashes the files into a store, as the files of `draft`.
    [[nodiscard]] result<std::vector<StagedFile>> stage(const Store& store, Manifest& draft) const {
        std::vector<StagedFile> staged;
        for (const auto& [path, content] : entries_) {
            if (!content.reference.empty()) {
                draft.files.push_back({path, 0, {}, content.reference});
                continue;
            }
            auto object = content.file.empty() ? stage_bytes(store, detail::bytes_of(content.bytes))
                                               : stage_file(store, content.file);
            if (!object) return object.error();
            staged.push_back({path, std::move(*object)});
        }
        return staged;
    }

  private:
    /// What a file of the artifact is made of: one of the three.
    struct Content {
        std::filesystem::path file{};
        std::string reference{};
        std::string bytes{};
    };

    BasicArtifact& add(std::string path, Content content) {
        detail::check_relative_path(path).value();
        for (const auto& [known, any] : entries_) {
            if (known == path) {
                detail::raise({errc::already_exists, "the artifact has a file of this path", path,
                               "give it another path"});
            }
        }
        entries_.emplace_back(std::move(path), std::move(content));
        return *this;
    }

    std::string name_, type_;
    std::vector<std::pair<std::string, Content>> entries_;
};
using Artifact = BasicArtifact<>;

/// A version of an artifact that exists: what it holds, and how to get at it.
template <class Json = nlohmann::json>
class BasicStoredArtifact {
  public:
    /// What logging gives where nothing is recorded: it has no files, and `exists` is false.
    BasicStoredArtifact() = default;
    /// A version that a store has; for `run.log_artifact` and `run.use_artifact`.
    BasicStoredArtifact(ArtifactStore store, Manifest manifest)
        : store_{std::move(store)}, manifest_{std::move(manifest)} {}

    /// False for what a disabled run "logged"; then `download`, `read` and `verify` fail with
    /// `errc::unsupported`.
    [[nodiscard]] bool exists() const noexcept { return store_.has_value(); }
    /// The artifact's name in its project.
    [[nodiscard]] const std::string& name() const noexcept { return manifest_.artifact; }
    /// Its type: "dataset", "model", …
    [[nodiscard]] const std::string& type() const noexcept { return manifest_.type; }
    /// The version's number; `v3` is 3.
    [[nodiscard]] std::uint64_t version() const noexcept { return manifest_.version; }
    /// "v3".
    [[nodiscard]] std::string label() const { return manifest_.label(); }
    /// What was kept with the version; an object.
    [[nodiscard]] const Json& metadata() const noexcept { return manifest_.metadata; }
    /// Its files and references, with sizes in bytes and digests.
    [[nodiscard]] const std::vector<FileEntry>& files() const noexcept { return manifest_.files; }
    /// All that is known of the version.
    [[nodiscard]] const Manifest& manifest() const noexcept { return manifest_; }
    /// The folder that shows the files under their own names; read them, do not change them.
    [[nodiscard]] std::filesystem::path path() const {
        return store_ ? store_->plain_path(manifest_.version) : std::filesystem::path{};
    }

    /// Copies the files into a folder, verified, and returns it. Throws `errc::not_found`, `errc::corrupt`,
    /// or what the disk says. References are not fetched.
    std::filesystem::path download(const std::filesystem::path& to) const {
        stored().download(manifest_, to).value();
        return to;
    }
    /// A file's bytes, verified. Throws `errc::not_found`, `errc::corrupt`.
    [[nodiscard]] std::string read(std::string_view file) const {
        return stored().read(manifest_, file).value();
    }
    /// Hashes every file. Fails: not_found, corrupt.
    [[nodiscard]] result<void> verify() const { return stored().verify(manifest_); }
    /// Points an alias to this version. Throws `errc::invalid_name`.
    void add_alias(const std::string& alias) const {
        if (store_) store_->set_alias(alias, manifest_.version).value();
    }

  private:
    [[nodiscard]] const ArtifactStore& stored() const {
        if (!store_) {
            detail::raise({errc::unsupported, "this artifact was logged by a run that records nothing", "",
                           "unset CAIRN_MODE=disabled, or ask exists() first"});
        }
        return *store_;
    }

    std::optional<ArtifactStore> store_;
    Manifest manifest_;
};
using StoredArtifact = BasicStoredArtifact<>;

namespace detail {

/// Throws if the run has ended.
template <class = void>
[[nodiscard]] bool records(const std::shared_ptr<RunCore>& core, const char* tried) {
    if (core == nullptr || core->is_detached()) return false;
    core->check_open(tried);
    return true;
}

/// Remembers in the run's record that it made or used a version. The version exists: a record that cannot be
/// written is a failure of the run, not of the call.
template <class Json = nlohmann::json>
void link_artifact(RunCore& core, const char* list, const Manifest& manifest) {
    const auto recorded = core.try_describe([&](Json& about) {
        const std::string label = manifest.artifact + ":" + manifest.label();
        for (const Json& known : about[list]) {
            if (known == label) return;
        }
        about[list].push_back(label);
    });
    if (!recorded) core.note_failure(recorded.error(), false);
}

/// Commits a draft and returns what is there then.
template <class = void>
StoredArtifact commit_artifact(RunCore& core, const std::string& name, const std::string& type,
                               Manifest draft, std::vector<StagedFile> staged, const CommitOptions& options) {
    const auto store = ArtifactStore::open(core.store(), core.options().project, name, type).value();
    draft.run = core.options().id;
    auto committed = store.commit(std::move(draft), std::move(staged), options).value();
    for (const error& warning : committed.warnings) core.note_failure(warning, false);
    link_artifact(core, "logged_artifacts", committed.manifest);
    return {store, std::move(committed.manifest)};
}

}  // namespace detail

template <class T>
template <class A>
auto BasicRun<T>::log_artifact(const A& artifact, std::initializer_list<std::string_view> aliases) {
    static_assert(std::same_as<A, Artifact>, "cairn: log_artifact takes a cairn::Artifact");
    if (!detail::records(core_, "logging an artifact")) return StoredArtifact{};
    detail::RunCore& core = *core_;
    Manifest draft;
    draft.metadata = artifact.metadata;
    draft.description = artifact.description;
    auto staged = artifact.stage(core.store(), draft).value();
    CommitOptions options{.skip_identical = true};
    for (const std::string_view alias : aliases) options.aliases.emplace_back(alias);
    return detail::commit_artifact(core, artifact.name(), artifact.type(), std::move(draft),
                                   std::move(staged), options);
}

template <class T>
template <class Text>
auto BasicRun<T>::use_artifact(const Text& spec) {
    if (!detail::records(core_, "using an artifact")) {
        detail::raise({errc::unsupported, "use_artifact needs a run that records: it has no store to look in",
                       "", "unset CAIRN_MODE=disabled, or ask run.disabled() first"});
    }
    detail::RunCore& core = *core_;
    (void)core.saver().drain();  // what this run saved a moment ago is there
    const std::string_view text{spec};
    const std::size_t colon = text.rfind(':');
    const std::string name{text.substr(0, colon)};
    const std::string label{colon == std::string_view::npos ? "latest" : text.substr(colon + 1)};
    const auto store = ArtifactStore::open(core.store(), core.options().project, name).value();
    StoredArtifact found{store, store.resolve(label).value()};
    detail::link_artifact(core, "used_artifacts", found.manifest());
    return found;
}

template <class T>
template <class... Parts>
auto BasicRun<T>::log_model(std::string_view name, const Parts&... parts) {
    if constexpr (!detail::SavableParts<Parts...>) {
        detail::explain_parts<Parts...>();
        return StoredArtifact{};
    } else {
        if (!detail::records(core_, "logging a model")) return StoredArtifact{};
        detail::RunCore& core = *core_;
        detail::check_parts(parts...).value();
        detail::ObjectBatch batch;
        const auto put = [&](std::string_view file, std::span<const std::byte> bytes) {
            return batch.write(core.store(), file, bytes);
        };
        (detail::encode(parts, put).value(), ...);
        auto staged = batch.finish().value();
        return detail::commit_artifact(core, std::string{name}, "model", {}, std::move(staged),
                                       CommitOptions{.skip_identical = true});
    }
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/checkpoint/detail/decision_log.hpp
// What a checkpoint writes into its run's journal of what it decides.

namespace CAIRN_NAMESPACE::detail {

/// Knows what is news and what follows by replay. One thread at a time, as the checkpoint.
template <class = void>
class BasicDecisionLog {
  public:
    BasicDecisionLog() = default;
    BasicDecisionLog(BasicDecisionLog&&) noexcept = default;
    BasicDecisionLog& operator=(BasicDecisionLog&&) noexcept = default;
    ~BasicDecisionLog() { note(); }

    /// The first record of a session. With `claims` throws busy while another object decides for this
    /// checkpoint; one that saves by hand alone does not.
    void open(std::shared_ptr<RunCore> core, std::string_view checkpoint, bool claims,
              const std::string& policy, std::string retention, double seconds, double save_seconds) {
        checkpoint_ = checkpoint;
        if (claims) claim_ = std::make_unique<Claim>(core, checkpoint_);
        core_ = std::move(core);
        retention_ = std::move(retention);
        take_rows();
        write({.kind = Decision::Kind::opened,
               .time_ns = core_->started_ns(),
               .text = policy,
               .retention = retention_,
               .seconds = seconds,
               .save_seconds = save_seconds});
    }

    /// How many rows the calling thread logged since the last look. Cost: a few loads.
    std::uint64_t take_rows() noexcept {
        Lane* const lane = core_->lane();
        if (lane == nullptr) return 0;
        const std::uint64_t rows = lane->counters.rows.load(std::memory_order_relaxed);
        const std::uint64_t since = lane == lane_ ? rows - seen_ : Decision::another_thread;
        lane_ = lane;
        seen_ = rows;
        return since;
    }

    /// Tells a reader which of the rows so far were asked about, where he could only guess.
    void note() noexcept {
        if (core_ == nullptr || lane_ == nullptr || lane_ != core_->lane()) return;
        is_noted_ = true;  // the next look is recorded, whatever comes of it
        try {
            write({.kind = Decision::Kind::noted,
                   .time_ns = wall_ns(),
                   .rows = lane_->counters.rows.load(std::memory_order_relaxed) - seen_});
        } catch (...) {  // no memory: he guesses
        }
    }

    /// Whether a reader knows by himself of a row at which nothing is saved. Cost: a comparison.
    [[nodiscard]] bool is_told(Answer answer, std::uint64_t rows, bool signal) const noexcept {
        return last_skip_ == answer && rows == 1 && signal == signal_ && !is_noted_;
    }
    /// Records one that he could not know of; `why()` gives the reasons.
    void skipped(const At<DynamicRow>& at, Answer answer, std::uint64_t rows,
                 FunctionRef<std::vector<Because>()> why) {
        const bool is_news = last_skip_ != answer;
        last_skip_ = answer;
        Decision decision = about(at, is_news ? Decision::Kind::skipped : Decision::Kind::asked, rows);
        decision.answer = answer;
        if (is_news) decision.because = why();
        write(std::move(decision));
    }

    /// A record about a row that was asked about.
    [[nodiscard]] Decision about(const At<DynamicRow>& at, Decision::Kind kind, std::uint64_t rows) {
        signal_ = at.signal;
        is_noted_ = false;
        return {.kind = kind,
                .step = at.step,
                .time_ns = at.time_ns,
                .row = at.row,
                .seconds = at.seconds,
                .save_seconds = at.save_seconds,
                .signal = at.signal,
                .final = at.final,
                .failure = at.failure,
                .rows = rows};
    }
    /// A record about a version.
    void write(Decision::Kind kind, std::uint64_t version, const DynamicRow& row, double seconds = 0,
               double save_seconds = 0) {
        write({.kind = kind,
               .step = row.step(),
               .time_ns = row.time_ns(),
               .version = version,
               .retention = kind == Decision::Kind::removed ? retention_ : std::string{},
               .row = kind == Decision::Kind::removed ? DynamicRow{} : row,
               .seconds = seconds,
               .save_seconds = save_seconds});
    }
    void write(Decision decision) {
        decision.checkpoint = checkpoint_;
        core_->record(decision);
    }

  private:
    /// Of the name, in the run.
    struct Claim {
        Claim(std::shared_ptr<RunCore> of, std::string checkpoint)
            : core{std::move(of)}, name{std::move(checkpoint)} {
            core->claim(name);
        }
        ~Claim() { core->release(name); }
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;
        std::shared_ptr<RunCore> core;
        std::string name;
    };

    std::unique_ptr<Claim> claim_;
    std::shared_ptr<RunCore> core_;
    std::string checkpoint_, retention_;
    Lane* lane_ = nullptr;  // of the thread that asked last
    std::uint64_t seen_ = 0;
    std::optional<Answer> last_skip_;
    bool is_noted_ = false;  // a note came after the last look
    bool signal_ = false;    // as a reader takes it to be until he is told otherwise
};
using DecisionLog = BasicDecisionLog<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/copy.hpp
// Copying what is not looked at again soon. Builtins, because <immintrin.h> costs a third of a second to
// include.

namespace CAIRN_NAMESPACE::detail {

#if defined(__SSE2__) && defined(__GNUC__)

/// Copies as `std::memcpy` does. Much at once is written past the cache: a line that is overwritten whole
/// need not be fetched first, which is a third of all that goes over the memory's bus, and what the caller
/// works with stays in the cache. `std::memcpy` does so too, from a size on that tensors seldom have.
template <class = void>
void copy_past_cache(std::byte* to, const std::byte* from, std::size_t count) noexcept {
    constexpr std::size_t much = std::size_t{256} << 10U, line = 64;
    using Vector = long long __attribute__((vector_size(16), may_alias));
    if (count >= much) {
        const std::size_t head = (line - reinterpret_cast<std::uintptr_t>(to) % line) % line;
        std::memcpy(to, from, head);
        to += head, from += head, count -= head;
        for (; count >= sizeof(Vector); count -= sizeof(Vector)) {
            Vector value;
            std::memcpy(&value, from, sizeof value);
#if defined(__clang__)
            __builtin_nontemporal_store(value, reinterpret_cast<Vector*>(to));
#else
            __builtin_ia32_movntdq(reinterpret_cast<Vector*>(to), value);
#endif
            to += sizeof value, from += sizeof value;
        }
        __builtin_ia32_sfence();  // such stores are not ordered before what tells another thread of them
    }
    std::memcpy(to, from, count);
}

#else

/// Copies as `std::memcpy` does.
template <class = void>
void copy_past_cache(std::byte* to, const std::byte* from, std::size_t count) noexcept {
    std::memcpy(to, from, count);
}

#endif

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/detail/snapshot.hpp
// A copy of what a checkpoint saves, so that training can go on while it is written.

namespace CAIRN_NAMESPACE::detail {

/// Files in memory. The memory is kept from one version to the next: touching it the first time costs several
/// times the copy.
template <class = void>
class BasicSnapshot {
  public:
    /// Appends to a file; the pieces of a file follow one another. False if there is no memory for it.
    [[nodiscard]] bool write(std::string_view file, std::span<const std::byte> bytes) {
        if (files_.empty() || files_.back().name != file) files_.push_back({std::string{file}});
        files_.back().bytes += bytes.size();
        bytes_ += bytes.size();
        while (!bytes.empty()) {
            if (block_ == blocks_.size() && !grow(bytes.size())) return false;
            Block& block = blocks_[block_];
            const std::size_t count = std::min(bytes.size(), block.size - block.used);
            copy_past_cache(block.bytes.get() + block.used, bytes.data(), count);
            block.used += count;
            bytes = bytes.subspan(count);
            if (block.used == block.size) ++block_;
        }
        return true;
    }

    /// How many bytes the files have together.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

    /// Gives the files on, in the order in which they came. Fails: as `emit` does.
    [[nodiscard]] result<void> read(Emit put) const {
        std::size_t block = 0, at = 0;
        for (const File& file : files_) {
            std::uint64_t left = file.bytes;
            do {  // an empty file is one, too
                if (left != 0 && at == blocks_[block].used) ++block, at = 0;
                const std::size_t count =
                    left == 0
                        ? 0
                        : static_cast<std::size_t>(std::min<std::uint64_t>(left, blocks_[block].used - at));
                const auto piece = left == 0
                                       ? std::span<const std::byte>{}
                                       : std::span<const std::byte>{blocks_[block].bytes.get() + at, count};
                if (auto taken = put(file.name, piece); !taken) return taken;
                at += count;
                left -= count;
            } while (left != 0);
        }
        return {};
    }

    /// Forgets the files and keeps their memory.
    void clear() noexcept {
        files_.clear();
        for (Block& block : blocks_) block.used = 0;
        block_ = 0;
        bytes_ = 0;
    }
    /// Gives the memory back, too.
    void release() noexcept {
        clear();
        blocks_.clear();
    }

  private:
    struct File {
        std::string name;
        std::uint64_t bytes = 0;
    };
    struct Block {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size = 0, used = 0;
    };

    /// Adds a block for at least so many bytes. Blocks grow with what there is, so that they are few and the
    /// last one wastes little.
    [[nodiscard]] bool grow(std::size_t bytes) {
        constexpr std::uint64_t least = std::uint64_t{64} << 10U;
        const auto size = static_cast<std::size_t>(std::max<std::uint64_t>({bytes, least, bytes_ / 16}));
        std::unique_ptr<std::byte[]> memory{new (std::nothrow) std::byte[size]};
        if (!memory) return false;
        blocks_.push_back({std::move(memory), size});
        return true;
    }

    std::vector<File> files_;
    std::vector<Block> blocks_;
    std::size_t block_ = 0;  // that is being filled
    std::uint64_t bytes_ = 0;
};
using Snapshot = BasicSnapshot<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/save_result.hpp
// What `step`, `save` and `finish` of a checkpoint answer.

namespace CAIRN_NAMESPACE {

/// Why nothing was saved at a row.
enum class SkipReason : unsigned char {
    not_due,         ///< the policy said no
    missing_metric,  ///< the policy's metric is not in this row
    nan,             ///< the policy's metric is not a number at this row
    other_rank,      ///< rank 0 saves for all ranks, and this is another one
    off,             ///< saving is switched off (`NoBestSave`, `CAIRN_SAVE=off`, a disabled run)
    busy,            ///< an earlier version is still being written, and `SaveOptions::coalesce` is set
};

/// The reason's name: "not due".
[[nodiscard]] constexpr std::string_view to_string(SkipReason reason) noexcept {
    switch (reason) {
        case SkipReason::not_due: return "not due";
        case SkipReason::missing_metric: return "metric missing";
        case SkipReason::nan: return "metric is NaN";
        case SkipReason::other_rank: return "rank 0 saves";
        case SkipReason::off: return "saving is off";
        case SkipReason::busy: return "another version is being written";
    }
    return "unknown";
}

/// Nothing was saved. What a checkpoint that is off at compile time always answers.
struct Skipped {
    SkipReason reason = SkipReason::off;  ///< why

    ///@{
    /// No version came of it, and that is no failure.
    constexpr explicit operator bool() const noexcept { return false; }
    [[nodiscard]] static constexpr bool saved() noexcept { return false; }
    [[nodiscard]] static constexpr bool failed() noexcept { return false; }
    ///@}
    /// The final answer; there is nothing to wait for.
    [[nodiscard]] constexpr Skipped wait() const noexcept { return *this; }
};

namespace detail {

/// A version on its way to the disk: what the checkpoint's thread and that which writes tell each other.
template <class = void>
class BasicTicket {
  public:
    enum class State : unsigned char { queued, saved, failed };

    explicit BasicTicket(Version expected) : version_{std::move(expected)} {}
    explicit BasicTicket(const result<Version>& done) { finish(done); }

    [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_acquire); }
    /// The one that was promised or, once it is saved, that came of it.
    [[nodiscard]] const Version& version() const noexcept {
        return state() == State::saved ? *done_ : version_;
    }
    /// Requires the state `failed`.
    [[nodiscard]] const error& failure() const noexcept { return done_.error(); }

    void finish(const result<Version>& done) {
        const std::scoped_lock lock{mutex_};
        done_ = done ? result<Version>{*done} : done.error();
        state_.store(done ? State::saved : State::failed, std::memory_order_release);
        finished_.notify_all();
    }
    void wait() const {
        std::unique_lock lock{mutex_};
        finished_.wait(lock, [&] { return state() != State::queued; });
    }

  private:
    Version version_;
    result<Version> done_ = error{};  // once the state says so
    std::atomic<State> state_{State::queued};
    mutable std::mutex mutex_;
    mutable std::condition_variable finished_;
};
using Ticket = BasicTicket<>;

}  // namespace detail

/// Saved, queued, skipped or failed. May be ignored: a failure is also kept in the run's health and said once
/// on stderr. A copy is cheap and tells the same. Threads: any.
template <class = void>
class BasicSaveResult {
  public:
    // NOLINTBEGIN(google-explicit-constructor)
    /// Nothing was saved.
    BasicSaveResult(Skipped skipped) noexcept : reason_{skipped.reason} {}
    /// A version was saved.
    BasicSaveResult(Version version) : BasicSaveResult{result<Version>{std::move(version)}} {}
    /// A version was to be saved and could not be.
    BasicSaveResult(cairn::error failure) : BasicSaveResult{result<Version>{std::move(failure)}} {}
    /// One of the two.
    BasicSaveResult(const result<Version>& done) : ticket_{std::make_shared<const detail::Ticket>(done)} {}
    /// For the checkpoint: a version that is being written.
    BasicSaveResult(std::shared_ptr<const detail::Ticket> ticket) noexcept : ticket_{std::move(ticket)} {}
    // NOLINTEND(google-explicit-constructor)

    /// A version exists, and is durable.
    [[nodiscard]] bool saved() const noexcept { return is(State::saved); }
    /// The state was copied and is being written; it turns into `saved` or `failed`.
    [[nodiscard]] bool queued() const noexcept { return is(State::queued); }
    /// Nothing was saved, and that is no failure.
    [[nodiscard]] bool skipped() const noexcept { return ticket_ == nullptr; }
    /// A version was to be saved and could not be; the ones before it are whole.
    [[nodiscard]] bool failed() const noexcept { return is(State::failed); }
    /// Saved, or queued so far: `if (auto saved = checkpoint.step(…))`.
    [[nodiscard]] explicit operator bool() const noexcept { return !skipped() && !failed(); }

    /// The version; one that is queued has its number already. Requires `saved()` or `queued()`.
    [[nodiscard]] const Version& version() const noexcept { return ticket_->version(); }
    /// Why nothing was saved. Requires `skipped()`.
    [[nodiscard]] SkipReason reason() const noexcept { return reason_; }
    /// What failed. Requires `failed()`.
    [[nodiscard]] const cairn::error& error() const noexcept { return ticket_->failure(); }
    /// Waits until the version is durable or has failed; this is then the final answer. Not for the child of
    /// a fork: what is in flight is the parent's.
    const BasicSaveResult& wait() const {
        if (queued()) ticket_->wait();
        return *this;
    }

  private:
    using State = detail::Ticket::State;
    [[nodiscard]] bool is(State state) const noexcept {
        return ticket_ != nullptr && ticket_->state() == state;
    }

    std::shared_ptr<const detail::Ticket> ticket_;
    SkipReason reason_ = SkipReason::not_due;
};
using SaveResult = BasicSaveResult<>;

namespace detail {

[[nodiscard]] constexpr SkipReason skip_reason(Answer answer) noexcept {
    switch (answer) {
        case Answer::missing: return SkipReason::missing_metric;
        case Answer::nan: return SkipReason::nan;
        case Answer::no:
        case Answer::yes: break;
    }
    return SkipReason::not_due;
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/checkpoint/detail/flights.hpp
// The versions of a checkpoint that are being written beside the loop.

namespace CAIRN_NAMESPACE::detail {

/// A version on its way: the copy of its parts, and what else is needed to write it.
struct Flight {
    Snapshot copy;
    VersionInfo info;
    Reservation reserved;
    std::shared_ptr<Ticket> ticket{};
    std::uint64_t save = 0;   ///< as in `Decision`
    std::uint64_t place = 0;  ///< among the work of the saving thread
    bool is_out = false;      ///< the saving thread has it
    bool is_too_big = false;  ///< there is no memory for the copy
    /// The saving thread is at it, or will be: until what the retention removes for it is gone.
    std::atomic<bool> is_flying{false};
};

/// Those that are out, and those whose memory is kept for the next. Threads: the checkpoint's.
template <class = void>
class BasicFlights {
  public:
    /// One, and so many more that wait.
    explicit BasicFlights(std::size_t depth) : depth_{depth} {}

    [[nodiscard]] bool any_is_out() const noexcept {
        return std::any_of(all_.begin(), all_.end(), [](const auto& one) { return one->is_out; });
    }
    /// One that is not out; null if all are.
    [[nodiscard]] Flight* find_free(Saver& saver) {
        for (const auto& flight : all_) {
            if (flight->is_flying.load(std::memory_order_acquire)) continue;
            wait(*flight, saver);  // it is about to let go, if it has not
            return flight.get();
        }
        if (all_.size() > depth_) return nullptr;
        return all_.emplace_back(std::make_unique<Flight>()).get();
    }
    /// The one that lands first. Requires that all are out.
    [[nodiscard]] Flight& wait_for_first(Saver& saver) {
        Flight& first = **std::min_element(all_.begin(), all_.end(),
                                           [](const auto& a, const auto& b) { return a->place < b->place; });
        wait(first, saver);
        return first;
    }
    void wait_for_all(Saver& saver) {
        for (const auto& flight : all_) wait(*flight, saver);
    }

  private:
    static void wait(Flight& flight, Saver& saver) {
        if (flight.is_out) saver.wait(flight.place);
        flight.is_out = false;
    }

    std::size_t depth_;
    std::vector<std::unique_ptr<Flight>> all_;
};
using Flights = BasicFlights<>;

/// What the saving thread could not save, for the checkpoint's thread. Threads: any.
template <class = void>
class BasicLosses {
  public:
    void add(const error& why) {
        constexpr std::size_t most = 16;  // the run's health counts all
        const std::scoped_lock lock{mutex_};
        if (untold_.size() < most) untold_.push_back(why);
        is_news_.store(true, std::memory_order_release);
    }
    /// Whether there were any since `take_news`. Cost: a load.
    [[nodiscard]] bool is_news() const noexcept { return is_news_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool take_news() noexcept { return is_news_.exchange(false, std::memory_order_acquire); }
    /// The first that was not taken yet.
    [[nodiscard]] std::optional<error> take() {
        const std::scoped_lock lock{mutex_};
        if (untold_.empty()) return std::nullopt;
        error first = std::move(untold_.front());
        untold_.erase(untold_.begin());
        return first;
    }

  private:
    std::mutex mutex_;
    std::vector<error> untold_;
    std::atomic<bool> is_news_{false};
};
using Losses = BasicLosses<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/sink.hpp
// Where a checkpoint's bytes go: the concept, and the sinks that need no store.

namespace CAIRN_NAMESPACE {

/// A place for versions. A checkpoint calls, on one thread: `begin`, then `write` for each piece of each file
/// (a file's pieces follow one another), then `commit`, or `abort` after a failure of any of them. A version
/// exists once `commit` has returned it, and not before. Fifteen lines are enough for one of your own:
///
///     struct MySink {
///         cairn::result<void> begin(const cairn::VersionInfo& info);
///         cairn::result<void> write(std::string_view file, std::span<const std::byte> bytes);
///         cairn::result<cairn::Version> commit();
///         void abort() noexcept;
///     };
template <class S>
concept ArtifactSink = std::movable<S> && requires(S sink, const VersionInfo& info, std::string_view file,
                                                   std::span<const std::byte> bytes) {
    { sink.begin(info) } -> std::same_as<result<void>>;
    { sink.write(file, bytes) } -> std::same_as<result<void>>;
    { sink.commit() } -> std::same_as<result<Version>>;
    { sink.abort() } noexcept -> std::same_as<void>;
};

/// A sink one can restore from: `result<StoredFiles> open(const Version&)`.
template <class S>
concept ReadableSink = ArtifactSink<S> && requires(S sink, const Version& version) {
    { sink.open(version) } -> std::same_as<result<StoredFiles>>;
};

/// A sink that may be written on another thread than the one that trains: `result<Reservation> reserve(const
/// VersionInfo&)` gives the next version's number, on the training thread, while the sink may be writing the
/// one before. All of its other functions are called by one thread at a time.
template <class S>
concept AsyncSink = ArtifactSink<S> && requires(S sink, const VersionInfo& info) {
    { sink.reserve(info) } -> std::same_as<result<Reservation>>;
};

/// A sink that all ranks of a run write together: every rank hears of the same moment, so that all decide
/// alike. See `Sharded`.
template <class S>
concept CollectiveSink =
    ArtifactSink<S> && requires(S sink, const At<DynamicRow>& at, const result<void>& done, bool& may_pass) {
        sink.share(at).value();
        { sink.agree(done, may_pass) } -> std::same_as<result<void>>;
    };

/// A sink that can delete a version, so that a retention can prune: `result<void> remove(const Version&)`.
template <class S>
concept PrunableSink = ArtifactSink<S> && requires(S sink, const Version& version) {
    { sink.remove(version) } -> std::same_as<result<void>>;
};

namespace detail {

/// Takes back a version that was committed a moment ago. A sink that keeps its newest version from `remove`
/// has an `undo` beside it. Fails: unsupported, for one that has neither.
template <class S>
result<void> take_back(S& sink, const Version& version) {
    if constexpr (requires { sink.undo(version); }) {
        return sink.undo(version);
    } else if constexpr (PrunableSink<S>) {
        return sink.remove(version);
    } else {
        return error{errc::unsupported, "this sink can take no version back", version.label(),
                     "give it a function remove"};
    }
}

}  // namespace detail

/// Takes everything and keeps nothing: measures what saving costs without a disk.
template <class = void>
class BasicNull {
  public:
    result<void> begin(const VersionInfo& info) {
        pending_ = {};
        pending_.row = info.row;
        return {};
    }
    result<void> write(std::string_view, std::span<const std::byte> bytes) {
        pending_.bytes += bytes.size();
        return {};
    }
    result<Version> commit() {
        pending_.number = count_++;
        return std::move(pending_);
    }
    void abort() noexcept {}
    result<void> remove(const Version&) { return {}; }

  private:
    Version pending_;
    std::uint64_t count_ = 0;
};
using Null = BasicNull<>;

/// Keeps versions in memory: for tests, and for going back to an earlier state within one process.
template <class = void>
class BasicMemory {
  public:
    result<void> begin(const VersionInfo& info) {
        pending_ = {};
        pending_.row = info.row;
        files_.clear();
        return {};
    }
    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        files_[std::string{file}].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        pending_.bytes += bytes.size();
        return {};
    }
    result<Version> commit() {
        pending_.number = next_++;
        StoredFiles& stored = versions_[pending_.number];
        for (auto& [file, bytes] : files_) stored.add(file, std::move(bytes));
        files_.clear();
        return std::move(pending_);
    }
    void abort() noexcept { files_.clear(); }

    result<StoredFiles> open(const Version& version) {
        const auto found = versions_.find(version.number);
        if (found == versions_.end()) {
            return error{errc::not_found, "no such version in memory", version.label(),
                         "it was pruned or never saved"};
        }
        return found->second;
    }
    result<void> remove(const Version& version) {
        versions_.erase(version.number);
        return {};
    }

  private:
    Version pending_;
    std::map<std::string, std::string> files_;
    std::map<std::uint64_t, StoredFiles> versions_;
    std::uint64_t next_ = 0;
};
using Memory = BasicMemory<>;

/// Writes every version to two sinks or more; a version exists when all of them have it. Restores from the
/// first that can be read. The first sink numbers the versions.
template <ArtifactSink First, ArtifactSink Second>
class Tee {
  public:
    Tee() = default;
    /// Takes both sinks; more are nested: `Tee{a, Tee{b, c}}`.
    Tee(First first, Second second) : first_{std::move(first)}, second_{std::move(second)} {}

    /// For the run: what a sink that lies in its store wants to know.
    void bind(const auto& core, std::string_view name) {
        if constexpr (requires { first_.bind(core, name); }) first_.bind(core, name);
        if constexpr (requires { second_.bind(core, name); }) second_.bind(core, name);
    }
    /// The versions that the first of the two that keeps a list has.
    [[nodiscard]] auto versions(bool any_run)
        requires requires(First& first) { first.versions(any_run); }
    {
        return first_.versions(any_run);
    }
    void mark_best(const Version& version, const detail::Watched& by)
        requires requires(First& first) { first.mark_best(version, by); }
    {
        first_.mark_best(version, by);
    }
    /// How much room the first sink says it has.
    [[nodiscard]] std::optional<std::uint64_t> free_bytes()
        requires requires(First& first) { first.free_bytes(); }
    {
        return first_.free_bytes();
    }
    [[nodiscard]] bool is_held(const Version& version) const
        requires requires(const First& first) { first.is_held(version); }
    {
        return first_.is_held(version);
    }
    /// Adds metrics that came late to the version in both sinks, as far as they can. The first failure is
    /// returned.
    result<void> annotate(const Version& version, const DynamicRow& metrics) {
        result<void> done;
        if constexpr (requires { first_.annotate(version, metrics); })
            done = first_.annotate(version, metrics);
        if constexpr (requires { second_.annotate(version, metrics); }) {
            if (const auto pair = pairs_.find(version.number); done && pair != pairs_.end())
                done = second_.annotate(pair->second, metrics);
        }
        return done;
    }

    /// A number in each; they may differ.
    result<Reservation> reserve(const VersionInfo& info)
        requires(AsyncSink<First> && AsyncSink<Second>)
    {
        auto first = first_.reserve(info);
        if (!first) return first;
        auto second = second_.reserve(info);
        if (!second) return second;
        Reservation both{first->version};
        both.hold =
            std::make_shared<std::pair<Reservation, Reservation>>(std::move(*first), std::move(*second));
        return both;
    }
    result<void> begin(const VersionInfo& info) {
        VersionInfo mine = info, other = info;
        if (info.reserved != nullptr) {
            const auto& both =
                *static_cast<const std::pair<Reservation, Reservation>*>(info.reserved->hold.get());
            mine.reserved = &both.first;
            other.reserved = &both.second;
        }
        if (auto begun = first_.begin(mine); !begun) return begun;
        return second_.begin(other);
    }
    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        if (auto written = first_.write(file, bytes); !written) return written;
        return second_.write(file, bytes);
    }
    result<Version> commit() {
        auto second = second_.commit();
        if (!second) return second;
        auto first = first_.commit();
        if (first) {
            pairs_[first->number] = *second;
            return first;
        }
        // A version exists in all sinks or in none.
        const auto undone = detail::take_back(second_, *second);
        if (undone) return first;
        return error{first.error().code(),
                     first.error().tried() + " (and the other sink keeps it as " + second->label() + ": " +
                         undone.error().what() + ")",
                     first.error().path(), first.error().advice()};
    }
    void abort() noexcept {
        first_.abort();
        second_.abort();
    }

    result<StoredFiles> open(const Version& version)
        requires ReadableSink<First>
    {
        return first_.open(version);
    }
    result<StoredFiles> open(const Version& version)
        requires(!ReadableSink<First> && ReadableSink<Second>)
    {
        const auto pair = pairs_.find(version.number);
        if (pair != pairs_.end()) return second_.open(pair->second);
        return error{errc::not_found, "the sink that can be read has no such version", version.label(),
                     "restore one that this program saved"};
    }
    result<void> undo(const Version& version) {
        auto first = detail::take_back(first_, version);
        const auto pair = pairs_.find(version.number);
        if (pair == pairs_.end()) return first;
        auto second = detail::take_back(second_, pair->second);
        pairs_.erase(pair);
        return first ? std::move(second) : std::move(first);
    }
    result<void> remove(const Version& version)
        requires(PrunableSink<First> || PrunableSink<Second>)
    {
        result<void> first, second;
        if constexpr (PrunableSink<First>) {
            first = first_.remove(version);
            // What is gone from one sink is still to go from the other.
            if (!first && first.error().code() != errc::not_found) return first;
        }
        if constexpr (PrunableSink<Second>) {
            if (const auto pair = pairs_.find(version.number); pair != pairs_.end())
                second = second_.remove(pair->second);
        }
        if (!second && second.error().code() != errc::not_found) return second;
        pairs_.erase(version.number);
        return first;
    }

    /// The sink that numbers the versions.
    [[nodiscard]] First& first() noexcept { return first_; }
    /// The other sink.
    [[nodiscard]] Second& second() noexcept { return second_; }

  private:
    First first_;
    Second second_;
    std::map<std::uint64_t, Version> pairs_;  // the second sink's version for each of the first's
};

template <class First, class Second>
Tee(First, Second) -> Tee<First, Second>;

}  // namespace CAIRN_NAMESPACE

// ---- cairn/checkpoint/detail/held.hpp
// A checkpoint's policy, retention and sink behind one type each, for all that happens seldom: so the
// machinery of checkpoints is compiled once and not once for each policy.

namespace CAIRN_NAMESPACE::detail {

/// What stays where it is.
class Held {
  public:
    Held() = default;
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    virtual ~Held() = default;
};

/// A policy with its state. Whether it saves is not asked here: it may know only typed rows.
class HeldPolicy : public Held {
  public:
    [[nodiscard]] virtual std::unique_ptr<HeldPolicy> copy() const = 0;
    /// Takes over the state of another of the same type.
    virtual void become(const HeldPolicy& other) = 0;
    virtual void settle(const At<DynamicRow>& at, Outcome outcome) = 0;
    [[nodiscard]] virtual std::string text() const = 0;
    /// The metric that it watches; refers to this.
    [[nodiscard]] virtual Watched watched() const = 0;
};

template <SavePolicy P>
class PolicyHolder final : public HeldPolicy {
  public:
    explicit PolicyHolder(const P& of) : policy_(of) {}  // no braces: they could make a list of one

    [[nodiscard]] std::unique_ptr<HeldPolicy> copy() const override {
        return std::make_unique<PolicyHolder>(policy());
    }
    void become(const HeldPolicy& other) override {
        const P& from = static_cast<const PolicyHolder&>(other).policy();
        if constexpr (is_plain) {
            policy_ = from;
        } else {
            P copy(from);  // if this throws, the old one is whole
            policy_.emplace(std::move(copy));
        }
    }
    void settle(const At<DynamicRow>& at, Outcome outcome) override { detail::settle(policy(), at, outcome); }
    [[nodiscard]] std::string text() const override { return to_text(policy()); }
    [[nodiscard]] Watched watched() const override { return watched_by(policy()); }

    [[nodiscard]] P& policy() noexcept { return const_cast<P&>(std::as_const(*this).policy()); }
    [[nodiscard]] const P& policy() const noexcept {
        if constexpr (is_plain)
            return policy_;
        else
            return *policy_;
    }

  private:
    // It is replaced where it lies. Any other assignment need not compile, nor copy all of the policy.
    static constexpr bool is_plain = std::is_trivially_copy_assignable_v<P>;

    std::conditional_t<is_plain, P, std::optional<P>> policy_;
};

class HeldRetention : public Held {
  public:
    HeldRetention(bool all, std::optional<std::uint64_t> bytes, std::optional<std::uint64_t> count)
        : keeps_all{all}, at_most{bytes}, most{count} {}

    virtual void mark(const VersionList& versions) const = 0;
    [[nodiscard]] virtual std::string text() const = 0;
    [[nodiscard]] virtual Watched watched() const = 0;

    const bool keeps_all;
    const std::optional<std::uint64_t> at_most;  ///< the bytes that it is bound to, if it is
    const std::optional<std::uint64_t> most;     ///< how many versions it keeps, if it can say
};

template <RetentionPolicy R>
class RetentionHolder final : public HeldRetention {
  public:
    explicit RetentionHolder(const R& of)
        : HeldRetention{std::same_as<R, KeepAll>, bound_of(of), most_kept_by(of)}, retention_(of) {}

    void mark(const VersionList& versions) const override { retention_.mark(versions); }
    [[nodiscard]] std::string text() const override { return to_text(retention_); }
    [[nodiscard]] Watched watched() const override { return watched_by(retention_); }

  private:
    [[nodiscard]] static std::optional<std::uint64_t> bound_of(const R& of) {
        if constexpr (is_capped<R>) return of.bytes();
        return std::nullopt;
    }

    R retention_;
};

/// What a sink can do beside taking versions.
struct SinkTalents {
    bool lists, marks_best, prunes, is_collective, is_async;
};

class HeldSink : public Held {
  public:
    explicit HeldSink(SinkTalents of) : can{of} {}

    virtual void bind(const std::shared_ptr<RunCore>& core, std::string_view name) = 0;
    virtual result<Reservation> reserve(const VersionInfo& info) = 0;
    /// Where the bytes go; nothing if the sink does not tell.
    [[nodiscard]] virtual std::optional<std::uint64_t> free_bytes() = 0;
    virtual result<void> begin(const VersionInfo& info) = 0;
    virtual result<void> write(std::string_view file, std::span<const std::byte> bytes) = 0;
    virtual result<Version> commit() = 0;
    virtual void abort() noexcept = 0;
    virtual result<StoredFiles> open(const Version& version) = 0;
    virtual result<void> remove(const Version& version) = 0;
    [[nodiscard]] virtual std::vector<Version> versions(bool any_run) = 0;
    [[nodiscard]] virtual bool is_held(const Version& version) = 0;
    virtual void mark_best(const Version& version, const Watched& by) = 0;
    virtual result<void> annotate(const Version& version, const DynamicRow& metrics) = 0;
    virtual result<void> agree(const result<void>& mine, bool& may_pass) = 0;

    const SinkTalents can;
};

template <ArtifactSink S>
class SinkHolder final : public HeldSink {
    static constexpr bool lists = requires(S& s) { s.versions(false); };
    static constexpr bool marks_best =
        requires(S& s, const Version& v, const Watched& w) { s.mark_best(v, w); };

  public:
    explicit SinkHolder(S of)
        : HeldSink{{lists, marks_best, PrunableSink<S>, CollectiveSink<S>, AsyncSink<S>}},
          sink(std::move(of)) {}

    void bind(const std::shared_ptr<RunCore>& core, std::string_view name) override {
        if constexpr (requires { sink.bind(core, name); }) sink.bind(core, name);
    }
    result<void> begin(const VersionInfo& info) override { return sink.begin(info); }
    result<void> write(std::string_view file, std::span<const std::byte> bytes) override {
        return sink.write(file, bytes);
    }
    result<Version> commit() override { return sink.commit(); }
    void abort() noexcept override { sink.abort(); }
    [[nodiscard]] std::optional<std::uint64_t> free_bytes() override {
        if constexpr (requires { sink.free_bytes(); })
            return sink.free_bytes();
        else
            return std::nullopt;
    }
    // A checkpoint asks only for what the sink can.
    result<Reservation> reserve(const VersionInfo& info) override {
        if constexpr (AsyncSink<S>)
            return sink.reserve(info);
        else
            return error{};
    }
    result<StoredFiles> open(const Version& version) override {
        if constexpr (ReadableSink<S>)
            return sink.open(version);
        else
            return error{};
    }
    result<void> remove(const Version& version) override {
        if constexpr (PrunableSink<S>)
            return sink.remove(version);
        else
            return error{};
    }
    [[nodiscard]] std::vector<Version> versions(bool any_run) override {
        if constexpr (lists)
            return sink.versions(any_run);
        else
            return {};
    }
    [[nodiscard]] bool is_held(const Version& version) override {
        if constexpr (requires { sink.is_held(version); })
            return sink.is_held(version);
        else
            return false;
    }
    void mark_best(const Version& version, const Watched& by) override {
        if constexpr (marks_best) sink.mark_best(version, by);
    }
    result<void> annotate(const Version& version, const DynamicRow& metrics) override {
        if constexpr (requires { sink.annotate(version, metrics); })
            return sink.annotate(version, metrics);
        else
            return {};
    }
    result<void> agree(const result<void>& mine, bool& may_pass) override {
        if constexpr (CollectiveSink<S>)
            return sink.agree(mine, may_pass);
        else
            return mine;
    }

    S sink;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/detail/ranking.hpp
// Versions in the order of a metric, and which way that is.

namespace CAIRN_NAMESPACE::detail {

/// Those that have the metric as a number, best first; of equals, the older first.
template <class = void>
[[nodiscard]] std::vector<Version> by_value(std::vector<Version> versions, const Watched& watched) {
    const auto value = [&](const Version& version) { return version.row.find(watched.metric).reading(); };
    std::erase_if(versions,
                  [&](const Version& version) { return value(version).kind != Reading::Kind::number; });
    std::sort(versions.begin(), versions.end(), [&](const Version& a, const Version& b) {
        const double x = value(a).value, y = value(b).value;
        return x == y ? a.number < b.number : is_better(watched.direction, x, y);
    });
    return versions;
}

/// Policy, retention and `define_metric` must agree which way a metric is better. Throws invalid_argument.
template <class = void>
void check_directions(const RunCore& core, const Watched& saves, const Watched& keeps) {
    const auto disagree = [](const char* who, const Watched& metric) {
        raise({errc::invalid_argument, std::string{who} + " disagree on which way this metric is better",
               std::string{metric.metric}, "write the same direction in both"});
    };
    for (const Watched& one : {saves, keeps}) {
        const Direction goal = one.any() ? core.goal_of(one.metric) : Direction::unspecified;
        if (goal != Direction::unspecified && goal != one.direction)
            disagree("define_metric and the checkpoint", one);
    }
    if (saves.any() && saves.metric == keeps.metric && saves.direction != keeps.direction)
        disagree("the policy and the retention", saves);
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/detail/replay.hpp
// The state of a policy, rebuilt from what a run recorded: its rows and its decisions, in their order. Costs
// what decision.hpp costs.

namespace CAIRN_NAMESPACE::detail {

/// Which of the rows that each thread logged a checkpoint was asked about. A decision is recorded between the
/// rows of its thread, with the number of rows since the look before; looks that need no record follow one
/// another row by row.
template <class = void>
class BasicAskedRows {
  public:
    void row(std::uint32_t ring) { ++rings_[ring].rows; }

    void decided(std::uint32_t ring, const Decision& decision) {
        Ring& thread = rings_[ring];
        const std::uint64_t pending = thread.rows - thread.settled;
        switch (decision.kind) {
            case Decision::Kind::opened:  // what came after the last record of the session before
                end_session();
                break;
            case Decision::Kind::asked:
            case Decision::Kind::noted:
            case Decision::Kind::skipped:
            case Decision::Kind::saved:
            case Decision::Kind::failed:
                thread.ask(decision.rows < pending ? pending - decision.rows : 0);
                break;
            default: return;  // it is about no row
        }
        // One look each row: so it is taken to go on. After a note the next look is recorded.
        thread.follows =
            is_look(decision.kind) && (decision.rows == 1 || decision.rows == Decision::another_thread);
    }

    /// After the last row: those that came after the last record.
    void end() {
        end_session();
        for (auto& [ring, thread] : rings_) thread.rows = 0;
    }

    /// Going through the rows again: whether the next one of this thread is one that it was asked about, and
    /// that no record tells of.
    [[nodiscard]] bool take(std::uint32_t ring) {
        Ring& thread = rings_[ring];
        const std::uint64_t row = thread.rows++;
        while (thread.next < thread.asked.size() && row >= thread.asked[thread.next].second) ++thread.next;
        return thread.next < thread.asked.size() && row >= thread.asked[thread.next].first;
    }

  private:
    [[nodiscard]] static constexpr bool is_look(Decision::Kind kind) noexcept {
        return kind != Decision::Kind::opened && kind != Decision::Kind::noted;
    }
    void end_session() {
        for (auto& [ring, thread] : rings_) {
            thread.ask(thread.follows ? thread.rows - thread.settled : 0);
            thread.follows = false;
        }
    }

    struct Ring {
        /// The first `count` of the rows that are pending were asked about.
        void ask(std::uint64_t count) {
            if (count != 0) asked.emplace_back(settled, settled + count);
            settled = rows;
        }
        std::uint64_t rows = 0, settled = 0;
        bool follows = false;  // the next row is taken to be asked about, unless a record says otherwise
        std::vector<std::pair<std::uint64_t, std::uint64_t>> asked{};
        std::size_t next = 0;
    };
    std::map<std::uint32_t, Ring> rings_;
};
using AskedRows = BasicAskedRows<>;

/// A policy that hears again of every row that its checkpoint was asked about.
template <class = void>
class BasicReplay {
  public:
    /// What the policy knew, and what stood beside it, right after a version was saved.
    struct State {
        std::unique_ptr<HeldPolicy> policy;
        double seconds = 0, save_seconds = 0;
        std::size_t session = 0;      ///< of the run, counted from 1
        std::size_t annotations = 0;  ///< how many it had heard of

        [[nodiscard]] State copy() const {
            return {policy->copy(), seconds, save_seconds, session, annotations};
        }
    };
    /// What is called with the policy, the moment and the decision.
    using OnLook = FunctionRef<void(const HeldPolicy&, const At<DynamicRow>&, const Decision&)>;

    /// `committed`: the versions that exist; one whose record a kill prevented is found among them.
    BasicReplay(const HeldPolicy& initial, std::string_view checkpoint, const std::vector<Version>& committed)
        : initial_{&initial}, checkpoint_{checkpoint}, committed_{&committed}, now_{initial.copy()} {}

    /// Goes through a run. Calls `on_look(policy, at, decision)` for each row that was asked about, before
    /// the policy hears what became of it; `decision` is what was recorded, or only says that it was skipped.
    result<void> go(const RunCore& core, const std::filesystem::path& run_dir, OnLook on_look) {
        AskedRows asked;
        for (const Version& version : *committed_) unrecorded_.emplace(version.number, &version);
        auto read = core.read_rows(run_dir, [&](const StoredRow& row, const Decision* decision) {
            if (row.kind == RecordKind::row) return asked.row(row.ring);
            if (!is_mine(decision)) return;
            asked.decided(row.ring, *decision);
            take_proof(*decision);
        });
        if (!read) return read.error();
        prove();
        asked.end();
        read = core.read_rows(run_dir, [&](const StoredRow& row, const Decision* decision) {
            if (row.kind == RecordKind::row) return take_row(row, asked.take(row.ring), on_look);
            if (is_mine(decision)) take_decision(*decision, on_look);
        });
        if (!read) return read.error();
        // Of rows that were never logged: nothing but the versions tells of them.
        for (const auto& [number, version] : std::exchange(unrecorded_, {}))
            look(moment(version->row), saved(number), on_look);
        // Metrics that a version has and no record tells of: a kill came between the two.
        for (const Version& version : *committed_) {
            const auto known = rows_.find(version.number);
            if (known != rows_.end() && has_more(version.row, known->second))
                take_annotation(version.number, version.row);
        }
        return {};
    }

    /// The records that are missing of versions that are there.
    [[nodiscard]] std::vector<Decision> take_unproven() noexcept { return std::move(unproven_); }
    /// As it is after the last row.
    [[nodiscard]] const State& now() const noexcept { return now_; }

    /// As it was right after a version was saved, and what came late for it and for the versions before it;
    /// for a version that is not in the run's history, as the versions up to it tell.
    [[nodiscard]] State after(std::uint64_t version) const {
        if (const auto known = after_.find(version); known != after_.end()) {
            State state = known->second.copy();
            for (std::size_t i = state.annotations; i < annotations_.size(); ++i) {
                const Version& late = annotations_[i];
                if (late.number <= version)
                    state.policy->settle(At<DynamicRow>{late.row}, Outcome::annotated);
            }
            return state;
        }
        State state{initial_->copy()};
        for (const Version& earlier : *committed_) {
            if (earlier.number <= version) state.policy->settle(moment(earlier.row), Outcome::saved);
        }
        return state;
    }

  private:
    [[nodiscard]] bool is_mine(const Decision* decision) const noexcept {
        return decision != nullptr && decision->checkpoint == checkpoint_;
    }

    /// The moment of a row, of which no record tells more.
    [[nodiscard]] At<DynamicRow> moment(const DynamicRow& row) const {
        At<DynamicRow> at{row};
        at.seconds = seconds_before_ + static_cast<double>(row.time_ns() - started_ns_) / 1e9;
        at.save_seconds = now_.save_seconds;
        at.signal = signal_;
        return at;
    }

    /// The record that is not there of a version that is.
    [[nodiscard]] Decision saved(std::uint64_t version) const {
        return {.kind = Decision::Kind::saved, .version = version, .save_seconds = now_.save_seconds};
    }

    void take_row(const StoredRow& stored, bool is_asked, OnLook on_look) {
        if (!is_asked && unrecorded_.empty()) return;
        const DynamicRow row{stored.step, stored.time_ns, stored.values.data(), stored.values.size()};
        for (const auto& [number, version] : unrecorded_) {
            if (version->row.step() != row.step() || version->row.time_ns() != row.time_ns()) continue;
            const Decision unrecorded = saved(number);
            unrecorded_.erase(*unrecorded.version);
            return look(moment(row), unrecorded, on_look);
        }
        if (is_asked) look(moment(row), {.kind = Decision::Kind::skipped}, on_look);
    }

    void take_decision(const Decision& decision, OnLook on_look) {
        switch (decision.kind) {
            case Decision::Kind::opened:
                started_ns_ = decision.time_ns;
                seconds_before_ = decision.seconds;
                signal_ = false;
                now_.save_seconds = decision.save_seconds;
                ++now_.session;
                break;
            case Decision::Kind::asked:
            case Decision::Kind::skipped:
            case Decision::Kind::saved:
            case Decision::Kind::failed: {
                At<DynamicRow> at{decision.row};
                at.seconds = decision.seconds;
                at.save_seconds = now_.save_seconds;
                at.signal = signal_ = decision.signal;
                at.final = decision.final;
                at.failure = decision.failure;
                look(at, decision, on_look);
                break;
            }
            case Decision::Kind::annotated:
                if (decision.version) take_annotation(*decision.version, decision.row);
                break;
            case Decision::Kind::restored: {
                if (!decision.version) break;
                State state = after(*decision.version);
                state.session = now_.session;
                state.save_seconds = decision.save_seconds;
                state.annotations = annotations_.size();
                seconds_before_ = decision.seconds;
                state.policy->settle(moment(decision.row), Outcome::restored);
                now_ = std::move(state);
                break;
            }
            case Decision::Kind::noted:
            case Decision::Kind::removed:
            case Decision::Kind::stopped:
            case Decision::Kind::written:
            case Decision::Kind::lost:
            case Decision::Kind::resumed: break;
        }
    }

    void take_annotation(std::uint64_t version, const DynamicRow& row) {
        now_.policy->settle(At<DynamicRow>{row}, Outcome::annotated);
        annotations_.push_back({.number = version, .row = row});
        rows_.insert_or_assign(version, row);
    }
    /// Whether a metric has a number in the one that is none in the other.
    [[nodiscard]] static bool has_more(const DynamicRow& row, const DynamicRow& known) {
        bool more = false;
        row.for_each([&](std::string_view name, const Value& value) {
            more = more || (value.reading().kind == Reading::Kind::number &&
                            known.find(name).reading().kind != Reading::Kind::number);
        });
        return more;
    }

    /// What came of the versions that were queued.
    void take_proof(const Decision& decision) {
        if (!decision.version) return;
        if (decision.kind == Decision::Kind::written)
            written_.insert_or_assign(decision.save, *decision.version);
        if (decision.kind == Decision::Kind::lost) lost_.insert_or_assign(decision.save, decision.text);
        if (decision.kind != Decision::Kind::saved) return;
        if (decision.queued)
            queued_.insert_or_assign({*decision.version, decision.step, decision.time_ns}, decision.save);
        else
            unrecorded_.erase(*decision.version);
    }
    /// A kill may have come between a version and the record that it is there.
    void prove() {
        for (const Version& version : *committed_) {
            const auto known = queued_.find({version.number, version.row.step(), version.row.time_ns()});
            if (known == queued_.end() || lost_.contains(known->second)) continue;
            if (written_.try_emplace(known->second, version.number).second)
                unproven_.push_back({.kind = Decision::Kind::written,
                                     .step = version.row.step(),
                                     .time_ns = version.row.time_ns(),
                                     .version = version.number,
                                     .save = known->second});
        }
        for (const auto& [save, number] : written_) unrecorded_.erase(number);
    }

    void look(const At<DynamicRow>& at, const Decision& recorded, OnLook on_look) {
        Decision decision = recorded;
        if (recorded.kind == Decision::Kind::saved && recorded.queued) {
            const auto there = written_.find(recorded.save);
            if (there != written_.end()) {
                decision.version = there->second;
            } else {
                const auto why = lost_.find(recorded.save);
                decision.kind = Decision::Kind::failed;
                decision.text =
                    why != lost_.end() ? why->second : "it was being written when the program ended";
            }
        }
        on_look(*now_.policy, at, decision);
        const Outcome outcome = decision.kind == Decision::Kind::saved    ? Outcome::saved
                                : decision.kind == Decision::Kind::failed ? Outcome::failed
                                                                          : Outcome::not_saved;
        if (outcome != Outcome::not_saved) now_.save_seconds = decision.save_seconds;
        now_.policy->settle(at, outcome);
        if (outcome != Outcome::saved || !decision.version) return;
        State state = now_.copy();
        state.seconds = at.seconds;
        state.annotations = annotations_.size();
        rows_.insert_or_assign(*decision.version, at.row);
        after_.erase(*decision.version);
        after_.emplace(*decision.version, std::move(state));
    }

    const HeldPolicy* initial_;
    std::string checkpoint_;
    const std::vector<Version>* committed_;
    State now_;
    std::map<std::uint64_t, State> after_;
    std::map<std::uint64_t, const Version*> unrecorded_;
    std::vector<Version> annotations_;  // number and row
    // Of the versions that were queued, by `save`: their numbers, and why there is none.
    std::map<std::uint64_t, std::uint64_t> written_;
    std::map<std::uint64_t, std::string> lost_;
    std::map<std::tuple<std::uint64_t, std::int64_t, std::int64_t>, std::uint64_t>
        queued_;  // number, step, time
    std::vector<Decision> unproven_;
    std::map<std::uint64_t, DynamicRow> rows_;  // of the versions, as far as the records tell
    std::int64_t started_ns_ = 0;
    double seconds_before_ = 0;
    bool signal_ = false;
};
using Replay = BasicReplay<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/detail/shelf.hpp
// The versions of one checkpoint in its sink: which there are, which is the best, which stay.

namespace CAIRN_NAMESPACE::detail {

/// One thread at a time, as the checkpoint.
template <class = void>
class BasicShelf {
  public:
    BasicShelf(const HeldRetention& retention, HeldSink& sink, std::uint64_t reserve)
        : retention_{&retention}, sink_{&sink}, reserve_{reserve} {}

    using Gone = FunctionRef<void(const Version&)>;

    /// Binds the sink to a run and looks which versions of it are there.
    void open(std::shared_ptr<RunCore> core, std::string_view name, const Watched& watched) {
        core_ = std::move(core);
        name_ = name;
        watched_ = watched;
        sink_->bind(core_, name_);
        versions_ = sink_->versions(false);
    }

    [[nodiscard]] HeldSink& sink() const noexcept { return *sink_; }
    [[nodiscard]] const HeldRetention& retention() const noexcept { return *retention_; }
    [[nodiscard]] const Watched& watched() const noexcept { return watched_; }
    /// Those of this run, oldest first.
    [[nodiscard]] const std::vector<Version>& versions() const noexcept { return versions_; }
    /// Those that one may restore from, oldest first: of this run, or, if it is new and has none, of any.
    [[nodiscard]] result<std::vector<Version>> candidates() {
        if (!core_) return versions_;
        const bool any_run = versions_.empty() && !core_->resumed();
        // Several ranks go through the same ones.
        return any_run || sink_->can.is_collective ? listed(any_run) : versions_;
    }
    [[nodiscard]] result<std::vector<Version>> of_any_run() { return listed(true); }

    /// Training went on after this version: a retention does not remove it.
    void hold(std::uint64_t version) noexcept { restored_ = version; }

    /// Fails, no_space, if a version of so many bytes would leave less free than is to stay free.
    [[nodiscard]] result<void> check_room(std::uint64_t bytes) const {
        if (reserve_ == 0) return {};
        const auto free = sink_->free_bytes();
        if (!free || (*free >= reserve_ && *free - reserve_ >= bytes)) return {};
        return error{errc::no_space,
                     "a version of " + std::to_string(bytes) + " bytes would leave less than " +
                         std::to_string(reserve_) + " of the " + std::to_string(*free) + " bytes free here",
                     name_, "free space, or lower SaveOptions::reserve"};
    }

    /// A version that was committed just now.
    void add(Version version) {
        versions_.push_back(std::move(version));
        guard([&] { mark_best(); });
    }
    /// Removes what the retention does not want, now that there is one more. Calls `gone(version)` for each.
    void clear_out(Gone gone) {
        guard([&] { prune(gone); });
        guard([&] { tell_if_filling(versions_.back().bytes); });
    }
    /// After what is known of a version changed.
    void tidy(Gone gone) {
        guard([&] { mark_best(); });
        guard([&] { prune(gone); });
    }

    /// Gives a version metrics that came late. Fails: not_found; already_exists for a metric that has another
    /// value; as the sink does.
    result<Version> annotate(std::string_view label, const DynamicRow& late) {
        const auto version = std::find_if(versions_.begin(), versions_.end(),
                                          [&](const Version& one) { return one.label() == label; });
        result<DynamicRow> row = none_like(label, versions_);
        if (version != versions_.end()) row = merged(*version, late);
        result<void> done = row ? result<void>{} : row.error();
        if (done) done = sink_->annotate(*version, late);
        bool may_pass = false;
        done = sink_->agree(done, may_pass);
        if (!done) return done.error();
        version->row = std::move(*row);
        return *version;
    }

    [[nodiscard]] error none_like(std::string_view label, const std::vector<Version>& existing) const {
        std::string there;
        for (const Version& version : existing) {
            if (there.size() < 200) there += (there.empty() ? "" : ", ") + version.label();
        }
        return {errc::not_found, "there is no version \"" + suggest_name(label) + "\"", name_,
                there.empty() ? "nothing was saved yet" : "there is: " + there};
    }
    [[nodiscard]] error none_to_restore() const {
        return {errc::not_found, "there is no version to restore", name_, "start without restoring"};
    }

  private:
    /// A sink and a retention of the user's may throw.
    template <class F>
    void guard(F&& f) {
        const result<void> done = guarded("looking after the versions", [&]() -> result<void> {
            f();
            return {};
        });
        if (!done) core_->note_failure(done.error(), false);
    }

    [[nodiscard]] result<std::vector<Version>> listed(bool any_run) {
        if (!core_ || !sink_->can.lists) return versions_;
        return guarded("listing the versions",
                       [&]() -> result<std::vector<Version>> { return sink_->versions(any_run); });
    }

    /// A metric that is a number keeps its value.
    [[nodiscard]] static result<DynamicRow> merged(const Version& version, const DynamicRow& late) {
        std::vector<NamedValue> all;
        const auto is_number = [](const Value& value) {
            return value.reading().kind == Reading::Kind::number;
        };
        version.row.for_each([&](std::string_view name, const Value& value) {
            if (is_number(value) || late.find(name).kind() == Value::Kind::none) all.push_back({name, value});
        });
        std::string_view taken;
        late.for_each([&](std::string_view name, const Value& value) {
            const Value held = version.row.find(name);
            if (!is_number(held)) return all.push_back({name, value});
            if (!is_number(value) || held.number() != value.number()) taken = name;
        });
        if (taken.empty())
            return DynamicRow{version.row.step(), version.row.time_ns(), all.data(), all.size()};
        return error{errc::already_exists, version.label() + " has another value of this metric already",
                     std::string{taken}, "log it under another name"};
    }

    void mark_best() {
        if (!sink_->can.marks_best || !watched_.any()) return;
        const std::vector<Version> ranked = by_value(versions_, watched_);
        if (!ranked.empty()) sink_->mark_best(ranked.front(), watched_);
    }

    /// Removes what no retention wants, except what was restored from, what an alias names, what is being
    /// read and the newest.
    void prune(Gone gone) {
        if (!sink_->can.prunes || retention_->keeps_all) return;
        const std::size_t count = versions_.size();
        std::vector<VersionFacts> facts;
        facts.reserve(count);
        for (const Version& version : versions_) {
            facts.push_back(version.facts());
            facts.back().held = version.number == restored_ || version.number == versions_.back().number;
            // So that a bound removes others in their place.
            if (retention_->at_most) facts.back().held = facts.back().held || sink_->is_held(version);
        }
        retention_->mark(VersionList{facts.data(), count});
        const bool is_blind = is_without_its_metric();
        std::vector<Version> kept;
        for (std::size_t i = 0; i < count; ++i) {
            if (facts[i].kept || facts[i].held || !remove(versions_[i]))
                kept.push_back(std::move(versions_[i]));
            else
                gone(versions_[i]);
        }
        versions_ = std::move(kept);
        if (is_blind && versions_.size() < count) tell_that_it_is_blind();
        if (retention_->at_most) tell_if_over(*retention_->at_most);
    }
    /// Whether it is gone.
    [[nodiscard]] bool remove(const Version& version) {
        const result<void> removed = guarded("removing a version", [&] { return sink_->remove(version); });
        // Somebody else removed it: it is gone, as was wanted.
        if (removed || removed.error().code() == errc::not_found) return true;
        if (removed.error().code() != errc::busy) core_->note_failure(removed.error(), false);
        return false;
    }

    /// Whether the retention is to keep the best by a metric that no version has.
    [[nodiscard]] bool is_without_its_metric() const {
        const Watched by = retention_->watched();
        return by.any() && std::none_of(versions_.begin(), versions_.end(), [&](const Version& one) {
                   return one.row.find(by.metric).kind() != Value::Kind::none;
               });
    }
    /// Says so once.
    void tell_that_it_is_blind() {
        if (std::exchange(told_blind_, true)) return;
        core_->note_failure({errc::not_found,
                             "versions are removed, and none has the metric \"" +
                                 std::string{retention_->watched().metric} +
                                 "\" by which the best are to stay",
                             name_,
                             "log it in the rows that are saved, or before three more versions are there; or "
                             "mend its name in the retention"},
                            false);
    }

    void tell_if_over(std::uint64_t most) {
        std::uint64_t bytes = 0;
        for (const Version& version : versions_) bytes += version.bytes;
        if (bytes <= most || told_over_) return;
        told_over_ = true;
        core_->note_failure({errc::no_space,
                             "the versions that must stay are " + std::to_string(bytes) +
                                 " bytes, more than the bound of " + std::to_string(most),
                             name_, "raise the bound, or take aliases off versions that are not needed"},
                            false);
    }

    /// Says once, while there is time to do something, that the disk will be full before this retention
    /// removes anything; or, where it is not known to, that three more versions do not fit.
    void tell_if_filling(std::uint64_t bytes) {
        const auto free = bytes == 0 || told_filling_ ? std::nullopt : sink_->free_bytes();
        if (!free) return;
        const std::uint64_t room = (*free - std::min(*free, reserve_)) / bytes;
        std::uint64_t wanted = 3;
        if (retention_->most || retention_->at_most) {
            constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();
            const std::uint64_t most =
                std::min(retention_->most.value_or(any), retention_->at_most.value_or(any) / bytes);
            // The next one is written before one is removed.
            wanted = most - std::min<std::uint64_t>(most, versions_.size()) + 1;
        }
        if (room >= wanted) return;
        told_filling_ = true;
        core_->note_failure({errc::no_space,
                             "the disk has room for only " + std::to_string(room) + " more versions of " +
                                 std::to_string(bytes) + " bytes; at least " + std::to_string(wanted) +
                                 " more are to come",
                             name_, "free space, or keep fewer versions"},
                            false);
    }

    std::shared_ptr<RunCore> core_;
    std::string name_;
    const HeldRetention* retention_;
    HeldSink* sink_;
    Watched watched_;
    std::vector<Version> versions_;
    std::optional<std::uint64_t> restored_;
    std::uint64_t reserve_;  // bytes that are to stay free
    bool told_over_ = false, told_filling_ = false, told_blind_ = false;
};
using Shelf = BasicShelf<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/save_options.hpp
// How a checkpoint saves, beside when, what stays and where.

namespace CAIRN_NAMESPACE {

/// Given to `run.checkpoint` among policy, retention and sink:
/// `run.checkpoint<EveryN<500>>("model", cairn::SaveOptions{.depth = 1})`.
struct SaveOptions {
    /// The parts are copied and training goes on while the copy is hashed, written and committed by the run's
    /// saving thread. Costs memory: the size of the state. False, or a sink that has no `reserve`: all of it
    /// is done before `step` returns.
    bool async = true;
    /// How many versions may wait while one is being written; each costs memory for another copy. A save that
    /// finds no place waits for one.
    unsigned depth = 0;
    /// Instead of waiting for a place a save is skipped (`SkipReason::busy`) and counted in the run's health.
    bool coalesce = false;
    /// `step`, `save`, `finish` and `annotate` throw a failure as `cairn::error`; one of the saving thread
    /// at the next call.
    bool strict = false;
    /// A version that would leave fewer bytes free on the disk is not begun, and fails with `errc::no_space`.
    std::uint64_t reserve = 0;
};

}  // namespace CAIRN_NAMESPACE

// ---- cairn/model/detail/selection.hpp
// Which names of a model are loaded, and what became of them. Costs <string> and <vector>.

namespace CAIRN_NAMESPACE {

/// What a load did: names of tensors, sorted, and then of texts, as the model lists them.
struct LoadReport {
    std::vector<std::string> loaded;      ///< what now has the file's content
    std::vector<std::string> missing;     ///< in the model, not in the file: left as it was
    std::vector<std::string> unexpected;  ///< in the file, not in the model: passed over
    std::vector<std::string> different;   ///< of another shape or dtype in the file: left as it was
};

namespace detail {

/// Some of a model's names, or all of them if `only` is empty.
struct Selection {
    std::vector<std::string> only;
    bool strict = true;
    LoadReport report;

    [[nodiscard]] static bool fits(std::string_view pattern, std::string_view name) noexcept {
        return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1))
                                      : name == pattern;
    }
    [[nodiscard]] bool has(std::string_view name) const noexcept {
        return only.empty() || std::any_of(only.begin(), only.end(),
                                           [name](const auto& pattern) { return fits(pattern, name); });
    }
};

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/model/detail/load.hpp
// Loads the tensors of a file into a model that describes itself, in two phases: a model that does not fit is
// untouched. Costs what model/safetensors.hpp costs.

namespace CAIRN_NAMESPACE::detail {

/// A list for a message: the first few items, then how many more.
template <class = void>
class BasicShortList {
  public:
    void add(const std::string& item) {
        if (++count_ > shown) return;
        text_ += (count_ > 1 ? ", " : "") + item;
    }
    /// `title: items`, or nothing if there are none; `out` collects such lists.
    void append_to(std::string& out, const std::string& title) const {
        if (count_ == 0) return;
        if (!out.empty()) out += "; ";
        out += title + ": " + text_;
        if (count_ > shown) out += " and " + std::to_string(count_ - shown) + " more";
    }

  private:
    static constexpr std::size_t shown = 5;
    std::string text_;
    std::size_t count_ = 0;
};
using ShortList = BasicShortList<>;

template <class = void>
[[nodiscard]] std::string type_and_shape(const TensorView& tensor) {
    return std::string{to_string(tensor.dtype)} + to_string(tensor.shape);
}

/// Whether `found` can be loaded into `wanted`.
template <class = void>
[[nodiscard]] bool fits(const TensorView& wanted, const TensorView& found) {
    return wanted.dtype == found.dtype &&
           (wanted.shape == found.shape || (wanted.access != nullptr && wanted.access->takes(found.shape)));
}

/// Which bytes go where. Use: prepare, reserve, write.
template <class = void>
class TensorLoad {
  public:
    /// Pairs every tensor and text of the model with one of the file. Fails: mismatch, which lists what is
    /// missing, unexpected or of another shape; corrupt for a bool that is neither 0 nor 1.
    [[nodiscard]] static result<TensorLoad> prepare(Description model, const safetensors::File& file) {
        TensorLoad load;
        load.selection_ = model.selection;
        ShortList misfits;
        if (result<void> paired = load.pair_tensors(model, file, misfits); !paired) return paired.error();
        load.pair_texts(model, file.metadata);
        if (load.selection_ != nullptr && !load.selection_->strict) return load;

        std::string text;
        list(load.report_.missing).append_to(text, "missing from the file");
        list(load.report_.unexpected).append_to(text, "not in the model");
        misfits.append_to(text, "different");
        if (text.empty()) return load;
        return error{errc::mismatch, "the model does not fit the file; " + text, "",
                     "build the model as it was when it was saved; nothing was changed"};
    }

    /// Gives the tensors that take the file's size that size. Fails: user, for lack of memory; then `undo`
    /// it.
    [[nodiscard]] result<void> reserve() {
        return guarded("resizing a tensor of the model", [this]() -> result<void> {
            for (const Copy& copy : copies_) {
                if (copy.resizes()) copy.to.access->resize(copy.from.shape);
            }
            return {};
        });
    }

    /// Takes back what `reserve` did.
    void undo() {
        for (const Copy& copy : copies_) {
            if (copy.resizes()) copy.to.access->resize(copy.to.shape);
        }
    }

    /// Copies the bytes and the texts. Requires a successful reserve(). Throws what an access throws.
    void write() {
        std::vector<std::byte> buffer;
        for (const Copy& copy : copies_) copy.write(buffer);
        for (auto& [target, value] : texts_) *target = std::move(value);
        if (selection_ != nullptr) selection_->report = std::move(report_);
    }

  private:
    struct Copy {
        TensorView to;
        TensorView from;

        [[nodiscard]] bool resizes() const { return to.access != nullptr && !(to.shape == from.shape); }
        void write(std::vector<std::byte>& buffer) const {
            const std::size_t size = size_of(to.dtype);
            if (to.access == nullptr) {
                // It was handed over so: `pair_tensors` looked.
                copy_elements(const_cast<std::byte*>(to.bytes.data()), from.bytes, size);
            } else if constexpr (std::endian::native == std::endian::little) {
                to.access->write(from.bytes);
            } else {
                buffer.resize(from.bytes.size());
                copy_elements(buffer.data(), from.bytes, size);
                to.access->write(buffer);
            }
        }
    };

    result<void> pair_tensors(Description& model, const safetensors::File& file, ShortList& misfits) {
        std::vector<std::size_t> order(model.tensors.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return model.tensors[a].name < model.tensors[b].name;
        });
        auto next = file.tensors.begin();
        const auto skip_to = [&](const std::string* name) {
            for (; next != file.tensors.end() && (name == nullptr || next->name < *name); ++next) {
                if (selection_ == nullptr || selection_->has(next->name))
                    report_.unexpected.push_back(next->name);
            }
        };
        for (const std::size_t i : order) {
            TensorView& wanted = model.tensors[i];
            skip_to(&wanted.name);
            if (next == file.tensors.end() || next->name != wanted.name) {
                report_.missing.push_back(wanted.name);
                continue;
            }
            const TensorView& found = *next++;
            if (!model.writable[i]) return is_const("tensor", wanted.name);
            if (!fits(wanted, found)) {
                report_.different.push_back(wanted.name);
                misfits.add(in_quotes(wanted.name) + " is " + expected(wanted) + " in the model, " +
                            type_and_shape(found) + " in the file");
                continue;
            }
            if (found.dtype == Dtype::BOOL && std::any_of(found.bytes.begin(), found.bytes.end(),
                                                          [](std::byte b) { return b > std::byte{1}; })) {
                return bad_safetensors("the tensor " + in_quotes(found.name) +
                                       " has a bool that is neither 0 nor 1");
            }
            if (selection_ != nullptr) report_.loaded.push_back(wanted.name);
            copies_.push_back({std::move(wanted), found});
        }
        skip_to(nullptr);
        for (const DescribedText& text : model.texts) {
            if (text.target == nullptr) return is_const("text", text.name);
        }
        return {};
    }

    // What else the metadata says is no concern of the model's: Python writes who made the file.
    void pair_texts(const Description& model, const safetensors::Metadata& metadata) {
        for (const DescribedText& text : model.texts) {
            const auto found = metadata.find(text.name);
            if (found == metadata.end()) {
                report_.missing.push_back(text.name);
                continue;
            }
            if (selection_ != nullptr) report_.loaded.push_back(text.name);
            texts_.emplace_back(text.target, found->second);
        }
    }

    static error is_const(const std::string& kind, const std::string& name) {
        return {errc::invalid_argument, "the " + kind + " " + in_quotes(name) + " of the model is const", "",
                "load into an object that may change"};
    }
    static std::string expected(const TensorView& wanted) {
        const bool grows = wanted.access != nullptr && wanted.shape.elements() == 0;
        return grows ? std::string{to_string(wanted.dtype)} + "[any size]" : type_and_shape(wanted);
    }
    static ShortList list(const std::vector<std::string>& names) {
        ShortList out;
        for (const std::string& name : names) out.add(in_quotes(name));
        return out;
    }

    std::vector<Copy> copies_;
    std::vector<std::pair<std::string*, std::string>> texts_;
    Selection* selection_ = nullptr;
    LoadReport report_;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/model/decode.hpp
// Parts from the bytes of files: all of them, or none is touched. Costs nlohmann/json.

namespace CAIRN_NAMESPACE::detail {

/// Gives the bytes of a file, or nothing if there is none: `find_file(std::string_view file)`. The bytes stay
/// valid until decode returns.
using FindFile = FunctionRef<std::optional<std::span<const std::byte>>(std::string_view)>;

/// Why a part has no file of its kind: there is none at all, or one that was written by another kind of type.
template <class = void>
[[nodiscard]] error missing_part(std::string_view name, std::string_view extension, FindFile find_file) {
    for (const std::string_view other : {".safetensors", ".json", ".cbor", ".bin"}) {
        std::string file{name};
        file += other;
        if (!find_file(file)) continue;
        return error{errc::mismatch, "the part \"" + std::string{name} + "\" was saved in another way", file,
                     "restore it into the type it was saved from, or give it another name"};
    }
    return error{errc::not_found, "no part \"" + std::string{name} + "\" was saved",
                 std::string{name} + std::string{extension}, "name the parts as when they were saved"};
}

/// What a part becomes, before it becomes it.
class StagedPart {
  public:
    /// Reads the part's file and checks it.
    virtual result<void> stage(FindFile find_file) = 0;
    /// Takes what memory is needed; `undo` gives it back.
    virtual result<void> reserve() { return {}; }
    virtual void undo() {}
    /// Changes the object.
    virtual void commit() = 0;

  protected:
    ~StagedPart() = default;
};

template <class T, Encoding = encoding_of<T>>
class Staged;

/// The tensors of a file, checked against those that a model describes.
template <class = void>
[[nodiscard]] result<TensorLoad<>> stage_tensors(std::string_view part, FunctionRef<void(Fields&)> describe,
                                                 FindFile find_file) {
    const std::string name = std::string{part} + ".safetensors";
    const std::optional<std::span<const std::byte>> bytes = find_file(name);
    if (!bytes) return missing_part(part, ".safetensors", find_file);
    result<safetensors::File> file = safetensors::parse(*bytes);
    if (!file) return at_path(file.error(), name);
    result<Description> model = description_by(describe);
    if (!model) return at_path(model.error(), name);
    auto load = TensorLoad<>::prepare(std::move(*model), *file);
    if (!load) return at_path(load.error(), name);
    return load;
}

template <class T>
class Staged<T, Encoding::tensors> final : public StagedPart {
  public:
    explicit Staged(const Part<T>& part) : part_{part} {}

    result<void> stage(FindFile find_file) override {
        auto load = stage_tensors(part_.name(), describing(part_.object()), find_file);
        if (!load) return load.error();
        load_ = std::move(*load);
        return {};
    }
    result<void> reserve() override { return load_.reserve(); }
    void undo() override { load_.undo(); }
    void commit() override { load_.write(); }

  private:
    Part<T> part_;
    TensorLoad<> load_;
};

/// A second object, to be moved into the first.
template <class T>
class Replacement : public StagedPart {
  public:
    void commit() final { part_.object() = std::move(*fresh_); }

  protected:
    static_assert(
        std::copy_constructible<T> || std::default_initializable<T>,
        "cairn: restoring a part needs a second object to load into, so that a failure leaves the first "
        "untouched; make the type copyable or give it a default constructor");
    static_assert(std::is_move_assignable_v<T>, "cairn: restoring a part needs a type that can be assigned");

    explicit Replacement(const Part<T>& part) : part_{part} {}
    ~Replacement() = default;

    [[nodiscard]] std::string_view name() const noexcept { return part_.name(); }
    T& fresh() {
        if constexpr (std::copy_constructible<T>)
            return fresh_.emplace(std::as_const(part_.object()));
        else
            return fresh_.emplace();
    }

  private:
    Part<T> part_;
    std::optional<T> fresh_;
};

template <class T>
class Staged<T, Encoding::json> final : public Replacement<T> {
  public:
    explicit Staged(const Part<T>& part) : Replacement<T>{part} {}

    result<void> stage(FindFile find_file) override {
        auto format = nlohmann::json::input_format_t::json;
        std::string name = std::string{this->name()} + ".json";
        std::optional<std::span<const std::byte>> bytes = find_file(name);
        if (!bytes) {
            format = nlohmann::json::input_format_t::cbor;
            name = std::string{this->name()} + ".cbor";
            bytes = find_file(name);
        }
        if (!bytes) return missing_part(this->name(), ".json", find_file);
        nlohmann::json value = parse_json(*bytes, format);
        if (value.is_discarded()) {
            return error{errc::corrupt, "this is not one whole JSON value", name,
                         "restore another version, or copy the file again from where it came from"};
        }
        result<void> done = guarded("converting the part from JSON", [&]() -> result<void> {
            T& target = this->fresh();
            if constexpr (std::same_as<T, nlohmann::json>)
                target = std::move(value);
            else
                value.get_to(target);
            return {};
        });
        if (done) return done;
        return at_path(done.error(), name);
    }
};

template <class T>
class Staged<T, Encoding::stream> final : public Replacement<T> {
  public:
    explicit Staged(const Part<T>& part) : Replacement<T>{part} {}

    result<void> stage(FindFile find_file) override {
        const std::string name = std::string{this->name()} + ".bin";
        const std::optional<std::span<const std::byte>> bytes = find_file(name);
        if (!bytes) return missing_part(this->name(), ".bin", find_file);
        result<void> done = guarded("loading the part", [&]() -> result<void> {
            InputBytes buffer{*bytes};
            std::istream in{&buffer};
            prepare_stream(in);
            return load_from(this->fresh(), in);
        });
        if (done) return done;
        return at_path(done.error(), name);
    }

  private:
    static result<void> load_from(T& object, std::istream& in) {
        if constexpr (StreamsOutside<T>) {
            stream_for<T>::load(object, in);
        } else if constexpr (StreamsByMembers<T>) {
            if constexpr (std::same_as<decltype(object.load(in)), bool>) {
                if (!object.load(in)) in.setstate(std::ios_base::failbit);
            } else {
                object.load(in);
            }
        } else {
            in >> object;
        }
        if (!in.fail()) return {};
        return error{errc::user, "loading the part left its stream in a failed state", "",
                     "see whether its load or operator>> reads what its save or operator<< writes"};
    }
};

template <class = void>
[[nodiscard]] result<void> decode_all(StagedPart* const* begin, StagedPart* const* end, FindFile find_file) {
    for (auto part = begin; part != end; ++part) {
        if (result<void> done = (*part)->stage(find_file); !done) return done;
    }
    for (auto part = begin; part != end; ++part) {
        if (result<void> done = (*part)->reserve(); !done) {
            for (auto each = begin; each != end; ++each) (*each)->undo();
            return done;
        }
    }
    return guarded("assigning the loaded parts", [&]() -> result<void> {
        for (auto part = begin; part != end; ++part) (*part)->commit();
        return {};
    });
}

/// Loads every part from its file. First all files are read and checked; only then is any object changed, so
/// after a failure all are as before. Fails: not_found, mismatch, corrupt, invalid_name, invalid_argument,
/// user. (What an assignment operator throws in the second phase is reported as user, and parts before it are
/// changed.)
template <AnyPart... Parts>
[[nodiscard]] result<void> decode(FindFile find_file, const Parts&... parts) {
    static_assert((!std::is_const_v<typename Parts::type> && ...),
                  "cairn: a const object cannot be restored; hand over one that may change");
    if (result<void> checked = check_parts(parts...); !checked) return checked;
    const auto decode_each = [&](Staged<typename Parts::type>&&... staged) {
        StagedPart* const all[sizeof...(Parts) + 1] = {&staged...};  // there may be none
        return decode_all(all, all + sizeof...(Parts), find_file);
    };
    return decode_each(Staged<typename Parts::type>{parts}...);
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/detail/checkpoint_core.hpp
// What a checkpoint does when it does something: write a version, restore one, rebuild its policy's state.
// Knows no type of the user's, so it is compiled once. Costs nlohmann/json.

namespace CAIRN_NAMESPACE::detail {

/// What a policy says of itself once.
struct PolicyTraits {
    Wants wants{};
    bool is_manual = false;
};

/// The same moment with a row whose type is gone.
template <class R>
[[nodiscard]] At<DynamicRow> with_row(const At<R>& now, const DynamicRow& row) {
    return {row, now.step, now.time_ns, now.seconds, now.save_seconds, now.signal, now.final, now.failure};
}

/// The row with a time, if it has none: one that was never logged.
template <class = void>
[[nodiscard]] DynamicRow dated(DynamicRow row, std::int64_t time_ns) {
    if (row.time_ns() != 0) return row;
    std::vector<NamedValue> values;
    row.for_each([&](std::string_view name, const Value& value) { values.push_back({name, value}); });
    return {row.step(), time_ns, values.data(), values.size()};
}

/// One thread at a time, as the checkpoint. While a version is in flight the sink and the shelf are the
/// saving thread's; whatever needs them waits until it has landed.
template <class = void>
class BasicCheckpointCore {
  public:
    /// Writes the files of all parts.
    using Encode = FunctionRef<result<void>(Emit)>;
    /// Reads the files of all parts.
    using Decode = FunctionRef<result<void>(FindFile)>;
    /// Why the policy answers as it does, at the row that is at hand.
    using Why = FunctionRef<std::vector<Because>()>;
    /// Tells the policy, which may know only typed rows, what became of it.
    using Settle = FunctionRef<void(Outcome)>;
    /// Sets a decision's answer and its reasons.
    using Explain = FunctionRef<void(const HeldPolicy&, const At<DynamicRow>&, Decision&)>;

    BasicCheckpointCore(std::shared_ptr<RunCore> core, std::string_view name, HeldPolicy& policy,
                        const HeldRetention& retention, HeldSink& sink, const PolicyTraits& traits,
                        const SaveOptions& options)
        : core_{std::move(core)}, name_{name}, initial_{policy.copy()}, policy_{&policy},
          shelf_{retention, sink, options.reserve}, options_{options}, flights_{options.depth} {
        if (!core_) return;
        check_name("checkpoint", name_).value();
        const Watched saves = initial_->watched(), keeps = shelf_.retention().watched();
        check_directions(*core_, saves, keeps);
        if (!core_->has_ended() && !core_->is_detached())
            (void)core_->saver().drain();  // what another checkpoint saved a moment ago is there
        shelf_.open(core_, name_, saves.any() ? saves : keeps);
        if (!is_on()) return;
        if (is_collective() || core_->resumed() || !versions().empty()) catch_up();
        wants_ = traits.wants;
        if (wants_.signal) signals_ = core_->watch_signals();
        log_.open(core_, name_, !traits.is_manual, initial_->text(), shelf_.retention().text(),
                  seconds_before_, save_seconds_);
        for (Decision& missing : unproven_) log_.write(std::move(missing));
        unproven_.clear();
    }

    BasicCheckpointCore(const BasicCheckpointCore&) = delete;
    BasicCheckpointCore& operator=(const BasicCheckpointCore&) = delete;
    ~BasicCheckpointCore();  // defined below, so that extern.hpp's declaration holds for it too

    [[nodiscard]] bool is_on() const noexcept {
        return core_ && core_->options().save && !core_->is_detached() &&
               (is_collective() || core_->rank() == 0);
    }
    [[nodiscard]] SkipReason off_reason() const noexcept {
        return core_ && core_->rank() != 0 && !is_collective() ? SkipReason::other_rank : SkipReason::off;
    }
    [[nodiscard]] bool is_strict() const noexcept { return options_.strict; }
    [[nodiscard]] HeldSink& sink() const noexcept { return shelf_.sink(); }
    /// Requires that nothing is in flight: `land` sees to it.
    [[nodiscard]] const std::vector<Version>& versions() const noexcept { return shelf_.versions(); }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] Wants wants() const noexcept { return wants_; }
    [[nodiscard]] std::uint64_t bytes_avoided() const noexcept {
        return bytes_avoided_ + skipped_ * last_bytes_;
    }

    template <class R>
    [[nodiscard]] At<R> at(const R& row) const {
        At<R> now{row};
        if (now.time_ns == 0) now.time_ns = wall_ns();  // a row that was never logged
        now.seconds = seconds_before_ + static_cast<double>(now.time_ns - core_->started_ns()) / 1e9;
        now.save_seconds = save_seconds_;
        now.signal = signals_ && signals_->pending();
        return now;
    }

    // ---- saving

    /// A row at which the policy does not say yes. Cost: a comparison, unless it is news or the policy asks
    /// once more after the last row, which is a copy of the row.
    template <class R>
    void skip(const At<R>& now, Answer answer, Why why) {
        const std::uint64_t rows = log_.take_rows();
        if (wants_.end || wants_.failure) last_row_ = to_dynamic(now.row);
        count_skipped();
        if (log_.is_told(answer, rows, now.signal)) return;
        const DynamicRow row = to_dynamic(now.row);
        log_.skipped(with_row(now, row), answer, rows, why);
    }

    /// Saves one version, or hands it to the saving thread; on any failure the sink forgets it and the
    /// versions before it are whole. One for which nobody will be there later is waited for.
    SaveResult write(const At<DynamicRow>& now, bool by_hand, Why why, Settle settle, Encode encode) {
        const std::uint64_t rows = log_.take_rows();
        const std::int64_t began = steady_ns();
        Flight* flight = nullptr;
        if (writes_beside()) {
            flight = flights_.find_free(core_->saver());
            if (flight == nullptr && options_.coalesce) return pass_over(now, rows, why, settle);
            if (flight == nullptr) flight = &flights_.wait_for_first(core_->saver());
        }
        std::vector<Because> because;
        if (!by_hand) because = why();
        last_row_ = now.row;
        last_row_is_saved_ = false;
        result<Version> version = error{};
        bool is_queued = flight != nullptr;
        if (is_queued) {
            version = take_off(*flight, now.row, encode);
            is_queued = !flight->is_too_big;
        }
        if (!is_queued) {
            flights_.wait_for_all(core_->saver());  // and hear later of what was lost: the policy was asked
                                                    // about this row already
            version = commit(info_of(now.row), last_bytes_, encode);
        }
        save_seconds_ += static_cast<double>(steady_ns() - began) / 1e9;

        Decision decision = log_.about(now, version ? Decision::Kind::saved : Decision::Kind::failed, rows);
        decision.answer = Answer::yes;
        decision.because = std::move(because);
        decision.by_hand = by_hand;
        decision.save_seconds = save_seconds_;
        decision.queued = is_queued && version;
        if (decision.queued) decision.save = flight->save;
        if (version)
            decision.version = version->number;
        else
            decision.text = version.error().what();
        log_.write(std::move(decision));
        settle(version ? Outcome::saved : Outcome::failed);
        SaveResult answer{version};
        if (version) {
            count_bytes(version->bytes);
            last_row_is_saved_ = true;
            if (is_queued) {
                last_save_ = launch(*flight, *std::move(version));
                answer = SaveResult{last_save_};
            } else {
                last_save_ = nullptr;
                shelf_.add(*std::move(version));
                shelf_.clear_out(tell_removal());
            }
        } else {
            core_->note_failure(version.error(), true);
        }
        if (now.signal || now.final || now.failure) land();
        if (now.signal && signals_) signals_->answer();  // which may end the process
        return answer;
    }

    /// Waits until nothing is in flight. If something was lost, the policy is then as if it had never been
    /// saved.
    void land() {
        if (!core_ || core_->is_detached()) return;  // what is in flight is the parent's
        flights_.wait_for_all(core_->saver());
        if (!losses_.take_news()) return;
        if (last_save_ && last_save_->state() == Ticket::State::failed) last_row_is_saved_ = false;
        log_.note();
        catch_up();
    }
    /// Hears of versions that were lost since the last call. Cost: a load, if there was none.
    void hear() {
        if (losses_.is_news()) land();
    }
    /// Takes the first loss that was not told yet.
    [[nodiscard]] std::optional<error> take_loss() { return losses_.take(); }
    /// Before this goes. False if the saving thread may still use it: it makes no headway, or it is in the
    /// parent of a fork.
    [[nodiscard]] bool close() noexcept {
        if (!flights_.any_is_out()) return true;
        if (core_->is_detached()) return false;
        return core_->has_given_up() ? core_->saver().drain(0) : core_->saver().drain();
    }

    /// What a policy is asked about after the last row; empty if there was none.
    [[nodiscard]] DynamicRow last_row() const { return last_row_.value_or(DynamicRow{}); }
    [[nodiscard]] bool last_row_is_saved() const noexcept { return last_row_is_saved_; }
    /// Without a row nothing was trained yet.
    [[nodiscard]] bool has_seen_a_row() const noexcept { return last_row_ || !versions().empty(); }

    SaveResult annotate(std::string_view label, const DynamicRow& late) {
        land();
        auto version = shelf_.annotate(label, late);
        if (!version) return failed(version.error());
        log_.write(Decision::Kind::annotated, version->number, version->row);
        policy_->settle(at(version->row), Outcome::annotated);
        shelf_.tidy(tell_removal());
        return *std::move(version);
    }

    SaveResult failed(const error& failure, bool of_a_save = false) {
        core_->note_failure(failure, of_a_save);
        return failure;
    }
    [[nodiscard]] static error nan_error(std::string_view metric) {
        return {errc::not_a_number,
                "a metric is NaN, and the policy of this checkpoint takes that for an error",
                std::string{metric}, "see in the run's history since when, and restore a version before it"};
    }

    // ---- restoring

    result<Version> restore_latest(Decode decode) {
        land();
        auto candidates = shelf_.candidates();
        if (!candidates) return candidates.error();
        std::reverse(candidates->begin(), candidates->end());
        return restore_first(*candidates, decode);
    }
    result<Version> restore_best(Decode decode) {
        land();
        auto candidates = shelf_.candidates();
        if (!candidates) return candidates.error();
        const std::vector<Version> ranked = by_value(*candidates, shelf_.watched());
        if (ranked.empty() && !candidates->empty()) {
            return error{errc::not_found, "no version has a number of the metric that says which is best",
                         std::string{shelf_.watched().metric},
                         "restore the latest one, or one by its number"};
        }
        return restore_first(ranked, decode);
    }
    result<Version> restore(std::string_view label, Decode decode) {
        land();
        auto wanted = shelf_.of_any_run();
        if (!wanted) return wanted.error();
        const error none = shelf_.none_like(label, *wanted);
        std::erase_if(*wanted, [&](const Version& version) { return version.label() != label; });
        if (wanted->empty()) return none;
        return restore_first(*wanted, decode);
    }

    [[nodiscard]] std::vector<Decision> decisions(Explain explain) {
        std::vector<Decision> all;
        if (!core_) return all;
        land();
        log_.note();
        Replay replay{*initial_, name_, versions()};
        const auto keep = [&](const HeldPolicy& policy, const At<DynamicRow>& now, const Decision& recorded) {
            Decision decision = recorded;
            decision.checkpoint = name_;
            decision.step = now.step;
            decision.time_ns = now.time_ns;
            decision.row = now.row;
            explain(policy, now, decision);
            all.push_back(std::move(decision));
        };
        replay.go(*core_, log_dir(), keep).value();
        return all;
    }

  private:
    [[nodiscard]] bool is_collective() const noexcept { return shelf_.sink().can.is_collective; }

    void count_skipped() noexcept {
        ++skipped_;
        last_row_is_saved_ = false;
    }
    void count_bytes(std::uint64_t bytes) noexcept {
        bytes_avoided_ += skipped_ * (last_bytes_ != 0 ? last_bytes_ : bytes);
        skipped_ = 0;
        last_bytes_ = bytes;
    }

    [[nodiscard]] VersionInfo info_of(const DynamicRow& row) const {
        return {name_, core_->options().project, core_->options().id, row};
    }
    [[nodiscard]] bool writes_beside() const noexcept {
        return options_.async && sink().can.is_async && !core_->has_ended();
    }

    /// Writes a version, of about so many bytes, through the sink. Never throws.
    result<Version> commit(const VersionInfo& info, std::uint64_t bytes, Encode encode) {
        result<Version> version =
            guarded("saving a version", [&]() -> result<Version> {  // a sink of the user's may throw
                if (auto room = shelf_.check_room(bytes); !room) return room.error();
                result<void> written = sink().begin(info);
                if (written) {
                    written = encode([this](std::string_view file, std::span<const std::byte> piece) {
                        return sink().write(file, piece);
                    });
                }
                if (!written) return written.error();
                return sink().commit();
            });
        if (!version) sink().abort();
        return version;
    }

    // ---- saving beside the loop

    /// A yes for which there is no place.
    SaveResult pass_over(const At<DynamicRow>& now, std::uint64_t rows, Why why, Settle settle) {
        if (wants_.end || wants_.failure) last_row_ = now.row;
        count_skipped();
        core_->count_passed_over();
        log_.skipped(now, Answer::yes, rows, why);
        settle(Outcome::not_saved);
        return Skipped{SkipReason::busy};
    }

    /// Copies the parts and asks the sink for a number. Fails: as the parts and the sink do; if it is too
    /// big.
    [[nodiscard]] result<Version> take_off(Flight& flight, const DynamicRow& row, Encode encode) {
        flight.copy.clear();
        flight.is_too_big = false;
        flight.info = info_of(row);
        result<Reservation> reserved = guarded("saving a version", [&]() -> result<Reservation> {
            auto copied =
                encode([&](std::string_view file, std::span<const std::byte> bytes) -> result<void> {
                    flight.is_too_big = !flight.copy.write(file, bytes);
                    return flight.is_too_big ? result<void>{error{}} : result<void>{};
                });
            if (!copied) return copied.error();
            return sink().reserve(flight.info);
        });
        if (!reserved) {
            if (flight.is_too_big) flight.copy.release();
            return reserved.error();
        }
        flight.save = core_->new_save();
        flight.reserved = *std::move(reserved);
        Version version = flight.reserved.version;
        version.bytes = flight.copy.bytes();
        version.row = row;
        return version;
    }
    /// Hands it to the saving thread.
    [[nodiscard]] std::shared_ptr<const Ticket> launch(Flight& flight, Version version) {
        flight.ticket = std::make_shared<Ticket>(std::move(version));
        flight.info.reserved = &flight.reserved;
        flight.is_flying.store(true, std::memory_order_relaxed);
        const auto place = core_->saver().post(version_label(flight.reserved.version.number) + " of " + name_,
                                               [this, &flight] { fly(flight); });
        flight.is_out = place.has_value();
        if (place) {
            flight.place = *place;
        } else {  // no thread: here and now
            flights_.wait_for_all(core_->saver());
            fly(flight);
        }
        return flight.ticket;
    }
    /// On the saving thread.
    void fly(Flight& flight) noexcept {
        // In pieces, so that one can see that it gets on.
        constexpr std::size_t most = std::size_t{16} << 20U;
        const auto encode = [&](Emit write) {
            return flight.copy.read([&](std::string_view file, std::span<const std::byte> bytes) {
                result<void> written;
                do {
                    const auto piece = bytes.first(std::min(bytes.size(), most));
                    written = write(file, piece);
                    core_->saver().moved();
                    bytes = bytes.subspan(piece.size());
                } while (written && !bytes.empty());
                return written;
            });
        };
        result<Version> version = commit(flight.info, flight.copy.bytes(), encode);
        if (version) {
            record(Decision::Kind::written, flight, version->number, {});
            shelf_.add(*version);
        } else {
            lose(flight, version.error());
        }
        flight.reserved = {};
        flight.ticket->finish(version);
        if (version) shelf_.clear_out(tell_removal());
        flight.is_flying.store(false, std::memory_order_release);
    }
    /// What became of it.
    void record(Decision::Kind kind, const Flight& flight, std::uint64_t version, std::string text) {
        const DynamicRow& row = flight.info.row;
        log_.write({.kind = kind,
                    .step = row.step(),
                    .time_ns = row.time_ns(),
                    .version = version,
                    .text = std::move(text),
                    .save = flight.save});
    }
    void lose(const Flight& flight, const error& why) noexcept {
        core_->note_failure(why, true);
        record(Decision::Kind::lost, flight, flight.reserved.version.number, why.what());
        losses_.add(why);
    }

    [[nodiscard]] auto tell_removal() {
        return [this](const Version& version) {
            log_.write(Decision::Kind::removed, version.number, version.row);
        };
    }

    /// Restores from the first of `wanted` (in order of preference) that is whole.
    result<Version> restore_first(const std::vector<Version>& wanted, Decode decode) {
        error damage = shelf_.none_to_restore();
        for (const Version& version : wanted) {
            auto files = sink().open(version);
            result<void> done = files ? decode([&](std::string_view file) { return files->find(file); })
                                      : result<void>{files.error()};
            // Passed over is what is damaged or gone: not a version that is whole but does not fit what was
            // asked, nor one that cannot be read just now, for want of a permission, say.
            bool may_pass = !done && (done.error().code() == errc::corrupt ||
                                      (!files && done.error().code() == errc::not_found));
            done = sink().agree(done, may_pass);
            if (done) {
                resume_after(version);
                return version;
            }
            damage = done.error();
            if (!may_pass) return damage;
            if (core_) core_->note_failure(damage, false);
        }
        return damage;
    }

    /// Puts the policy into the state that it had when a version was saved.
    void resume_after(const Version& version) {
        shelf_.hold(version.number);
        last_row_ = version.row;
        last_row_is_saved_ = !versions().empty() && versions().back().number == version.number;
        Replay replay{*initial_, name_, versions()};
        (void)look_back(replay);
        auto then = replay.after(version.number);
        policy_->become(*then.policy);
        // What an earlier session spent counts on.
        if (then.session != 0 && then.session < replay.now().session) {
            seconds_before_ = then.seconds;
            save_seconds_ = then.save_seconds;
        }
        policy_->settle(at(version.row), Outcome::restored);
        if (is_on())
            log_.write(Decision::Kind::restored, version.number, version.row, seconds_before_, save_seconds_);
    }

    /// Lets the policy hear what the sessions before decided, if there were any.
    void catch_up() {
        Replay replay{*initial_, name_, versions()};
        const bool whole = look_back(replay);
        if (whole || versions().empty())
            policy_->become(*replay.now().policy);
        else
            policy_->become(*replay.after(versions().back().number).policy);
    }
    /// Where the decisions of this checkpoint are recorded: with a sink that several ranks share, by rank 0.
    [[nodiscard]] std::filesystem::path log_dir() const {
        if (is_collective()) return core_->store().run_dir(core_->options().project, core_->options().id);
        return core_->dir();
    }
    /// False if the run's history cannot be read; then the versions alone tell what was saved.
    bool look_back(Replay& replay) {
        if (!core_) return false;
        result<void> gone =
            replay.go(*core_, log_dir(), [](const HeldPolicy&, const At<DynamicRow>&, const Decision&) {});
        bool may_pass = false;  // rank 0 logs nothing more until all have read
        gone = sink().agree(gone, may_pass);
        if (!gone) core_->note_failure(gone.error(), false);
        unproven_ = replay.take_unproven();
        return gone.has_value();
    }

    std::shared_ptr<RunCore> core_;
    std::string name_;
    std::unique_ptr<HeldPolicy> initial_;
    HeldPolicy* policy_;
    Wants wants_;
    Shelf shelf_;
    std::optional<DynamicRow> last_row_;
    bool last_row_is_saved_ = false;
    double seconds_before_ = 0, save_seconds_ = 0;
    std::uint64_t skipped_ = 0, last_bytes_ = 0, bytes_avoided_ = 0;
    DecisionLog log_;
    std::unique_ptr<SignalWatch> signals_;  // only of a policy that wants to know

    SaveOptions options_;
    std::vector<Decision> unproven_;  // records that a kill prevented
    Flights flights_;
    Losses losses_;
    std::shared_ptr<const Ticket> last_save_;  // of the last row, if it was queued
};
using CheckpointCore = BasicCheckpointCore<>;

template <class T>
BasicCheckpointCore<T>::~BasicCheckpointCore() = default;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/detail/guard.hpp
// What is called when an exception leaves a scope.

namespace CAIRN_NAMESPACE::detail {

/// Calls `f` where it ends because of an exception that was not there when it was made.
template <class F>
class OnException {
  public:
    explicit OnException(F f) : f_{std::move(f)} {}
    OnException(const OnException&) = delete;
    OnException& operator=(const OnException&) = delete;
    ~OnException() {
        if (std::uncaught_exceptions() <= exceptions_) return;
        try {
            f_();
        } catch (...) {  // no memory to tell of a failure: that is no reason to end the program
        }
    }

  private:
    F f_;
    int exceptions_ = std::uncaught_exceptions();
};

/// The guard of a checkpoint that is off.
struct [[maybe_unused]] NoGuard {};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/local_store.hpp
// The default sink: versions of an artifact in the run's own store.

namespace CAIRN_NAMESPACE {

/// Saves into the run's store: whole files named by their SHA-256, shared by versions that have the same
/// content, shown under a plain path (`artifacts/<name>/v3/model.safetensors`). A commit is atomic and
/// durable: objects first, then the version's manifest. Only versions of this run are pruned.
class LocalStore {
  public:
    LocalStore() = default;
    /// `LocalStore{cairn::share::tensors}`: versions also share the tensors that are equal. A file is then
    /// cut into several objects, and is not shown under a plain path.
    explicit LocalStore(Share share) : share_{share} {}

    /// Called by the run that makes the checkpoint.
    void bind(const std::shared_ptr<detail::RunCore>& core, std::string_view name) {
        versions_ = core->open_versions(name, share_);
    }

    /// The next number of the artifact; nobody else gets it.
    result<Reservation> reserve(const VersionInfo&) { return versions_->reserve(); }
    result<void> begin(const VersionInfo& info) { return versions_->begin(info); }
    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        return versions_->write(file, bytes);
    }
    result<Version> commit() { return versions_->commit(); }
    void abort() noexcept {
        if (versions_) versions_->abort();
    }

    result<StoredFiles> open(const Version& version) { return versions_->open(version, {}); }
    result<void> remove(const Version& version) { return versions_->remove(version); }
    result<void> undo(const Version& version) { return versions_->undo(version); }

    /// The versions that exist, oldest first: those of this run, or of any run if this one has none.
    [[nodiscard]] std::vector<Version> versions(bool any_run) { return versions_->versions(any_run); }
    /// Adds metrics that came late to a version.
    result<void> annotate(const Version& version, const DynamicRow& metrics) {
        return versions_->annotate(version, metrics);
    }
    /// How much room the store's disk has.
    [[nodiscard]] std::optional<std::uint64_t> free_bytes() const { return versions_->free_bytes(); }
    [[nodiscard]] bool is_held(const Version& version) const { return versions_->is_held(version); }
    void mark_best(const Version& version, const detail::Watched& by) { versions_->mark_best(version, by); }

  private:
    Share share_ = Share::files;
    std::unique_ptr<detail::VersionStore> versions_;
};

}  // namespace CAIRN_NAMESPACE

// ---- cairn/checkpoint/checkpoint.hpp
// `Checkpoint`: asks the policy, writes the parts, commits a version, prunes. Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

/// The newest version that is whole: `checkpoint.restore(cairn::latest, part…)`.
struct LatestVersion {};
inline constexpr LatestVersion latest{};  ///< for `restore` and `try_restore`
/// The version whose row has the best value of the metric that the checkpoint's policy or retention watches.
struct BestVersion {};
inline constexpr BestVersion best{};  ///< for `restore` and `try_restore`

namespace detail {

template <class Policy, class Retention>
struct no_policy_or_retention_of_this_checkpoint_watches_a_metric_so_there_is_no_best;
template <class Sink>
struct an_exception_on_one_rank_cannot_make_the_others_save_so_there_is_no_guard;

/// What a checkpoint that was moved from restores.
template <class = void>
[[nodiscard]] error nothing_left() {
    return {errc::not_found, "this checkpoint was moved from, so it has no versions", "",
            "ask the one that it was moved into"};
}

/// Two monitors watch one metric in opposite directions.
template <class A, class B>
inline constexpr bool directions_differ = false;
template <class Name, Direction D, Direction E, Nans N, Nans M>
inline constexpr bool directions_differ<Monitor<Name, D, N>, Monitor<Name, E, M>> = D != E;

}  // namespace detail

/// Saves the parts that it is handed when its policy says so, and keeps the versions its retention wants.
/// Made by `run.checkpoint`. One thread at a time; it may outlive the run's handle. One that was moved from
/// has no versions and does nothing; it must not be asked for its policy or sink.
template <SavePolicy Policy, RetentionPolicy Retention = KeepAll, ArtifactSink Sink = LocalStore>
class Checkpoint {
    using Monitor = detail::monitor_of_any<Policy, Retention>;
    using HeldPolicy = detail::PolicyHolder<Policy>;
    static_assert(
        !detail::directions_differ<detail::monitor_of_any<Policy>, detail::monitor_of_any<Retention>>,
        "cairn: the policy and the retention of this checkpoint disagree on which way their metric is "
        "better; "
        "write minimize in both, or maximize in both");

  public:
    /// For `run.checkpoint`, which checks the name and binds the sink.
    Checkpoint(std::shared_ptr<detail::RunCore> core, std::string_view name, const Policy& policy,
               const Retention& retention, Sink sink, const SaveOptions& options)
        : state_{new State(std::move(core), name, policy, retention, std::move(sink), options)} {}

    /// Asks the policy about a row and, on a yes, saves the parts as a new version and prunes. With a sink
    /// that can (`LocalStore`, `Directory`) it copies the parts and returns; the copy is written beside the
    /// loop, see `SaveOptions`. What the sink or the disk does is in the result and is not thrown, unless the
    /// options say `strict`. Cost: a no is a comparison, nothing was serialised; a yes is a copy of the parts
    /// and, if the version before is still being written, what is left of that.
    template <class R, class... Parts>
    SaveResult step(const R& row, const Parts&... parts) {
        if (!is_on()) return Skipped{off_reason()};
        hear();
        return told(together(core().at(row), [&](const auto& now) { return ask(now, parts...); }));
    }

    /// Saves now, whatever the policy says; the policy hears of it.
    template <class R, class... Parts>
    SaveResult save(const R& row, const Parts&... parts) {
        if (!is_on()) return Skipped{off_reason()};
        hear();
        return told(together(core().at(row), [&](const auto& now) { return write(now, true, parts...); }));
    }

    /// Says that there are no more rows, and waits until all that was saved is durable: a policy with
    /// `OnFinish` saves now, under the last row that was seen; if that row is saved already, its version is
    /// the answer. Other policies are not asked. A version that was lost meanwhile is the answer otherwise.
    template <class... Parts>
    SaveResult finish(const Parts&... parts) {
        if (!is_on()) return Skipped{off_reason()};
        core().land();
        SaveResult last = Skipped{SkipReason::not_due};
        if (core().wants().end) last = ask_once_more(false, parts...);
        last = told(std::move(last));
        if (auto lost = core().take_loss(); lost && last.skipped()) last = *std::move(lost);
        return last;
    }

    /// While what it returns lives, an exception that leaves its scope is asked of the policy, which saves
    /// the parts if it has an `OnFailure`: `auto guard = checkpoint.guard(part…);`. It refers to the
    /// checkpoint and to what the parts refer to: declare it after them. Never throws itself.
    template <class... Parts>
    [[nodiscard]] auto guard(const Parts&... parts) {
        if constexpr (CollectiveSink<Sink>) {
            (void)sizeof(
                detail::an_exception_on_one_rank_cannot_make_the_others_save_so_there_is_no_guard<Sink>);
            return detail::NoGuard{};
        } else {
            return detail::OnException{[this, parts...] { fail(parts...); }};
        }
    }

    /// Gives a version metrics that came after it was saved, a validation score, say:
    /// `checkpoint.annotate(version, "val/loss"_m = loss)`. The policy and the retention take them into
    /// account from now on, and `best` moves. Fails, as `step` does, with not_found for a version that is
    /// gone and with already_exists for a metric that has another value.
    template <class... Names, class... Ts>
    SaveResult annotate(std::string_view label, Field<Names, Ts>... metrics) {
        if (!is_on()) return Skipped{off_reason()};
        hear();
        const auto late = detail::to_dynamic(detail::make_row(0, 0, std::move(metrics)...));
        return told(together(At<DynamicRow>{late},
                             [&](const auto& shared) { return core().annotate(label, shared.row); }));
    }
    /// The same for a version that a `step` returned.
    template <class... Names, class... Ts>
    SaveResult annotate(const Version& version, Field<Names, Ts>... metrics) {
        return annotate(version.label(), std::move(metrics)...);
    }

    /// Puts the parts into the state of a version and returns it; training goes on at `version.step() + 1`,
    /// and the policy decides as if it had never stopped. A damaged version is reported and passed over.
    /// Looks at the versions of this run; a new run, which has none, looks at all versions of this name.
    /// Throws `errc::not_found` if there is none, `errc::mismatch` if a part does not fit; then no part was
    /// changed. Cost: beside the parts, one pass over the run's history, for the policy.
    template <class Which, class... Parts>
        requires ReadableSink<Sink>
    Version restore(const Which& which, const Parts&... parts) {
        if constexpr (detail::SavableParts<Parts...>) {
            return try_restore(which, parts...).value();
        } else {
            detail::explain_parts<Parts...>();
            return {};
        }
    }

    /// The same as a `result`: for programs that start from nothing the first time.
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(LatestVersion, const Parts&... parts) {
        return state_ ? core().restore_latest(decoding(parts...)) : detail::nothing_left();
    }
    /// The best version by the metric that the policy or the retention watches; does not compile where
    /// neither watches one. Fails: not_found, mismatch.
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(BestVersion, const Parts&... parts) {
        if constexpr (std::same_as<Monitor, detail::NoMonitor>) {
            (void)sizeof(
                detail::no_policy_or_retention_of_this_checkpoint_watches_a_metric_so_there_is_no_best<
                    Policy, Retention>);
            return error{};
        } else {
            return state_ ? core().restore_best(decoding(parts...)) : detail::nothing_left();
        }
    }
    /// The version of that label, "v3"; no other is tried. Fails: not_found, mismatch, corrupt.
    template <detail::AnyPart... Parts>
        requires ReadableSink<Sink>
    result<Version> try_restore(std::string_view label, const Parts&... parts) {
        return state_ ? core().restore(label, decoding(parts...)) : detail::nothing_left();
    }

    /// Every decision so far about a row that this checkpoint was asked about, with its reasons, in the order
    /// of the rows; of all sessions of the run. Those that the run did not record are made again by the
    /// policy as it is now. Throws if the history cannot be read. Cost: two passes over it.
    [[nodiscard]] std::vector<Decision> decisions() {
        if (!state_) return {};
        return core().decisions(
            [](const detail::HeldPolicy& then, const At<DynamicRow>& now, Decision& decision) {
                const Policy& policy = static_cast<const HeldPolicy&>(then).policy();
                decision.answer = policy.decide(now);
                decision.because = detail::reasons_of(policy, now);
            });
    }

    /// The versions of this checkpoint that exist, oldest first. Waits for those that are being written.
    [[nodiscard]] const std::vector<Version>& versions() const {
        static const std::vector<Version> none;
        if (!state_) return none;
        core().land();
        return core().versions();
    }
    /// The policy in its present state.
    [[nodiscard]] const Policy& policy() const noexcept { return held(); }
    /// Waits until nothing is being written.
    void wait() {
        if (state_) core().land();
    }
    /// Where the bytes go. Waits for what is being written.
    [[nodiscard]] Sink& sink() {
        core().land();
        return state_->sink.sink;
    }
    /// The checkpoint's name, which is that of its artifact.
    [[nodiscard]] const std::string& name() const noexcept {
        static const std::string none;
        return state_ ? core().name() : none;
    }
    /// What this object did not write because its policy said no: for each such row the size of the version
    /// before it, or of the first one.
    [[nodiscard]] std::uint64_t bytes_avoided() const noexcept { return state_ ? core().bytes_avoided() : 0; }

  private:
    /// What stays where it is when the checkpoint is moved: the core refers to the rest.
    struct State {
        State(std::shared_ptr<detail::RunCore> run, std::string_view name, const Policy& saves,
              const Retention& keeps, Sink to, const SaveOptions& options)
            : policy{saves}, retention{keeps}, sink{std::move(to)},
              core{std::move(run), name, policy,
                   retention,      sink, {detail::wants_of(saves), std::same_as<Policy, Manual>},
                   options} {}

        HeldPolicy policy;
        detail::RetentionHolder<Retention> retention;
        detail::SinkHolder<Sink> sink;
        detail::CheckpointCore core;
    };

    /// Waits for what is being written. What the saving thread may still use after that stays for ever.
    struct Close {
        void operator()(State* state) const noexcept {
            if (state->core.close()) delete state;
        }
    };

    [[nodiscard]] detail::CheckpointCore& core() const noexcept { return state_->core; }
    [[nodiscard]] Policy& held() const noexcept { return state_->policy.policy(); }
    [[nodiscard]] bool is_on() const noexcept { return state_ && core().is_on(); }  // null: moved from
    [[nodiscard]] SkipReason off_reason() const noexcept {
        return state_ ? core().off_reason() : SkipReason::off;
    }

    /// Hears of versions that the saving thread lost since the last call.
    void hear() {
        core().hear();
        if (!core().is_strict()) return;
        if (auto lost = core().take_loss()) detail::raise(*std::move(lost));
    }
    /// What is returned or, with `strict`, thrown.
    SaveResult told(SaveResult answer) {
        if (!core().is_strict()) return answer;
        if (auto lost = core().take_loss()) detail::raise(*std::move(lost));
        if (answer.failed()) detail::raise(answer.error());
        return answer;
    }

    /// Calls `f` with the moment; with a sink that several ranks share, with that of rank 0 on every one.
    template <class R, class F>
    SaveResult together(const At<R>& mine, F&& f) {
        if constexpr (CollectiveSink<Sink>) {
            const DynamicRow row = detail::to_dynamic(mine.row);
            auto shared = sink().share(detail::with_row(mine, row));
            return shared ? f(shared->at()) : core().failed(shared.error(), true);
        } else {
            return f(mine);
        }
    }

    template <class R, class... Parts>
    SaveResult ask(const At<R>& now, const Parts&... parts) {
        Policy& policy = held();
        const Answer decision = policy.decide(now);
        const std::string_view nan = detail::rejected_by(policy, now);
        if (decision == Answer::yes) {
            if (!nan.empty()) (void)core().failed(core().nan_error(nan));
            return write(now, false, parts...);
        }
        core().skip(now, decision, [&] { return detail::reasons_of(policy, now); });
        detail::settle(policy, now, Outcome::not_saved);
        if (!nan.empty()) return core().failed(core().nan_error(nan));
        return Skipped{detail::skip_reason(decision)};
    }
    /// For `guard`.
    template <class... Parts>
    void fail(const Parts&... parts) {
        if (state_) core().land();
        if (is_on() && core().wants().failure && core().has_seen_a_row()) (void)ask_once_more(true, parts...);
    }
    /// About the last row, of which the policy heard already, for a failure or for the end.
    template <class... Parts>
    SaveResult ask_once_more(bool failure, const Parts&... parts) {
        if (core().last_row_is_saved()) return versions().back();
        const DynamicRow row = core().last_row();
        At<DynamicRow> now = core().at(row);
        now.failure = failure;
        now.final = !failure;
        return together(now, [&](const auto& shared) -> SaveResult {
            const Answer decision = held().decide(shared);
            if (decision == Answer::yes) return write(shared, false, parts...);
            return Skipped{detail::skip_reason(decision)};
        });
    }

    // What is handed on is no type of the user's: a row without its type, and a function for the parts.
    template <class R, class... Parts>
    SaveResult write(const At<R>& now, bool by_hand, const Parts&... parts) {
        const DynamicRow row = detail::dated(detail::to_dynamic(now.row), now.time_ns);
        const auto why = [&] { return detail::reasons_of(held(), now); };
        const auto settle = [&](Outcome outcome) { detail::settle(held(), now, outcome); };
        return core().write(detail::with_row(now, row), by_hand, why, settle, encoding(parts...));
    }
    template <class... Parts>
    [[nodiscard]] static auto encoding(const Parts&... parts) {
        return [&](detail::Emit put) -> result<void> {
            if constexpr (detail::SavableParts<Parts...>)
                return detail::encode_all(put, parts...);
            else
                return detail::explain_parts<Parts...>(), result<void>{};
        };
    }
    template <class... Parts>
    [[nodiscard]] static auto decoding(const Parts&... parts) {
        return [&](detail::FindFile find_file) { return detail::decode(find_file, parts...); };
    }

    std::unique_ptr<State, Close> state_;
};

/// A checkpoint that is off: an empty type whose calls compile to nothing. It has no `save` and no `restore`;
/// explicit saving is `cairn::save`, `cairn::load` and `run.log_model`. The model need not be Serializable.
template <RetentionPolicy Retention, ArtifactSink Sink>
class Checkpoint<NoBestSave, Retention, Sink> {
  public:
    ///@{
    /// Does nothing, and says `SkipReason::off`.
    constexpr Skipped step(const auto&, const auto&...) const noexcept { return {}; }
    constexpr Skipped finish(const auto&...) const noexcept { return {}; }
    constexpr void wait() const noexcept {}
    [[nodiscard]] constexpr detail::NoGuard guard(const auto&...) const noexcept { return {}; }
    ///@}
};

}  // namespace CAIRN_NAMESPACE

// ---- cairn/checkpoint/directory.hpp
// A sink of plain files in a folder of one's own.

namespace CAIRN_NAMESPACE {

/// Writes each file of a version to a path made from a pattern:
/// `Directory{"checkpoints/{name}-{step}.{file}"}`. `{name}` is the checkpoint's, `{step}` the row's,
/// `{version}` counts from 0, `{run}` is the run's id, `{file}` the file ("model.safetensors"); the pattern
/// must hold `{file}`. A pattern with neither `{step}` nor `{version}` is a slot: each version replaces the
/// one before, which then cannot be restored. Files are written beside their place and renamed when all are
/// whole.
template <class = void>
class BasicDirectory {
  public:
    /// Throws `errc::invalid_argument` for a pattern without `{file}` or with an unknown field.
    explicit BasicDirectory(std::string pattern) : pattern_{std::move(pattern)} {
        if (pattern_.find("{file}") == std::string::npos) {
            detail::raise({errc::invalid_argument, "the pattern of a Directory sink has no {file}", pattern_,
                           "write for example \"checkpoints/{name}-{step}.{file}\""});
        }
        (void)expand("model.bin").value();
    }
    /// The same, from a path: `Directory{folder / "{step}.{file}"}`; braces in the folder are fields too.
    template <std::same_as<std::filesystem::path> Path>
    explicit BasicDirectory(const Path& pattern) : BasicDirectory{pattern.string()} {}

    /// The next number. One whose version fails is not given again.
    result<Reservation> reserve(const VersionInfo&) {
        Reservation reserved;
        reserved.version.number = next_++;
        return reserved;
    }
    result<void> begin(const VersionInfo& info) {
        abort();
        info_ = info;
        pending_ = {};
        pending_.row = info.row;
        pending_.number = info.reserved != nullptr ? info.reserved->version.number : next_++;
        return {};
    }

    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        auto path = expand(file);
        if (!path) return path.error();
        if (written_.empty() || written_.back().file != file) written_.push_back({std::string{file}, *path});
        pending_.bytes += bytes.size();
        return batch_.write(*path, bytes);
    }

    result<Version> commit() {
        const auto placed = batch_.place();
        if (!placed) return placed.error();
        if (!written_.empty()) pending_.path = written_.front().path;
        for (auto& [number, earlier] : versions_) {
            for (const Written& file : written_) {
                if (!earlier.replaced_by && earlier.has(file.path)) earlier.replaced_by = pending_.number;
            }
        }
        versions_[pending_.number].files = std::exchange(written_, {});
        return std::move(pending_);
    }

    void abort() noexcept {
        batch_.clear();
        written_.clear();
    }

    /// Fails: unsupported, if a newer version was written to the same path; not_found, if the version was
    /// removed, or written by another process.
    result<StoredFiles> open(const Version& version) {
        const auto known = versions_.find(version.number);
        if (known == versions_.end()) {
            return error{errc::not_found, "this Directory sink has no such version", version.label(),
                         "cairn::load reads its files by their paths"};
        }
        if (known->second.replaced_by) {
            return error{errc::unsupported,
                         version.label() + " was written over by v" +
                             std::to_string(*known->second.replaced_by),
                         known->second.files.front().path.string(),
                         "give each version a path of its own, with {version} in the pattern"};
        }
        StoredFiles files;
        for (const Written& file : known->second.files) {
            auto bytes = detail::read_file(file.path, max_bytes);
            if (!bytes) return bytes.error();
            files.add(file.file, std::move(*bytes));
        }
        return files;
    }

    /// How much room there is where the files go.
    [[nodiscard]] std::optional<std::uint64_t> free_bytes() const {
        std::filesystem::path folder =
            std::filesystem::path{pattern_.substr(0, pattern_.find('{'))}.parent_path();
        auto free = detail::os::free_bytes(folder.empty() ? "." : folder);
        while (!free && folder.has_relative_path()) {
            folder = folder.parent_path();
            free = detail::os::free_bytes(folder.empty() ? "." : folder);
        }
        return free ? std::optional{*free} : std::nullopt;
    }
    result<void> remove(const Version& version) {
        const auto known = versions_.find(version.number);
        if (known == versions_.end()) return {};
        const std::vector<Written> files = std::move(known->second.files);
        versions_.erase(known);
        for (const Written& file : files) {
            if (is_used(file.path)) continue;  // a slot: a newer version lies there
            if (auto removed = detail::os::remove_file(file.path);
                !removed && removed.error().code() != errc::not_found) {
                return removed;
            }
        }
        return {};
    }

  private:
    struct Written {
        std::string file;
        std::filesystem::path path;
    };
    struct Stored {
        std::vector<Written> files{};
        std::optional<std::uint64_t> replaced_by{};

        [[nodiscard]] bool has(const std::filesystem::path& path) const {
            for (const Written& file : files) {
                if (file.path == path) return true;
            }
            return false;
        }
    };
    static constexpr std::uint64_t max_bytes = std::uint64_t{1} << 40U;

    [[nodiscard]] bool is_used(const std::filesystem::path& path) const {
        for (const auto& [number, stored] : versions_) {
            if (stored.has(path)) return true;
        }
        return false;
    }

    [[nodiscard]] result<std::filesystem::path> expand(std::string_view file) const {
        std::string out;
        for (std::size_t i = 0; i < pattern_.size();) {
            const std::size_t open = pattern_.find('{', i);
            out += pattern_.substr(i, open - i);
            if (open == std::string::npos) break;
            const std::size_t close = pattern_.find('}', open);
            const std::string field =
                close == std::string::npos ? "" : pattern_.substr(open + 1, close - open - 1);
            if (field == "name") {
                out += info_.name;
            } else if (field == "run") {
                out += info_.run;
            } else if (field == "step") {
                out += std::to_string(info_.row.step());
            } else if (field == "version") {
                out += std::to_string(pending_.number);
            } else if (field == "file") {
                out += file;
            } else {
                return error{errc::invalid_argument, "the pattern of a Directory sink has an unknown field",
                             pattern_, "use {name}, {run}, {step}, {version} and {file}"};
            }
            i = close + 1;
        }
        return std::filesystem::path{out};
    }

    std::string pattern_;
    VersionInfo info_;
    Version pending_;
    detail::PathBatch batch_;
    std::vector<Written> written_;
    std::map<std::uint64_t, Stored> versions_;
    std::uint64_t next_ = 0;
};
using Directory = BasicDirectory<>;

}  // namespace CAIRN_NAMESPACE

// ---- cairn/checkpoint/disabled.hpp
// A run that is off at compile time: `cairn::init<cairn::Disabled>(…)`. An empty type with the interface of
// `Run`, whose calls compile to nothing.

namespace CAIRN_NAMESPACE {

/// What a dynamic `log` of a disabled run returns: a row that holds nothing, since an owning one is not free.
struct NoRow {
    ///@{
    /// As those of `DynamicRow`: the row is empty.
    static constexpr std::int64_t step() noexcept { return 0; }
    static constexpr std::int64_t time_ns() noexcept { return 0; }
    template <MetricName Name>
    static constexpr Reading reading() noexcept {
        return {};
    }
    ///@}
};

/// What ending a disabled run gives: a `result<void>` that is always a success and holds no room for an
/// error.
struct [[nodiscard]] Done {
    ///@{
    /// As those of `result<void>`: it succeeded.
    constexpr explicit operator bool() const noexcept { return true; }
    [[nodiscard]] static constexpr bool has_value() noexcept { return true; }
    constexpr void value() const noexcept {}
    ///@}
};

/// What watches no model.
struct NoWatch {
    /// Nothing is watched anyway.
    static constexpr void unwatch() noexcept {}
};

/// The dashboard of a run that records nothing: there is none.
struct NoDashboard {
    /// As that of `Dashboard`.
    [[nodiscard]] static std::string url() { return {}; }
};

/// A run that records nothing. Arguments are evaluated as ever; nothing is done with them.
class DisabledRun {
  public:
    ///@{
    /// The row, as `run.log` gives it; it is not recorded. Cost: none.
    template <class... Names, class... Ts>
    constexpr auto log(Step step, Field<Names, Ts>... fields) const noexcept {
        return detail::row_of_numbers(step.value, 0, std::move(fields)...);
    }
    template <class... Names, class... Ts>
        requires(sizeof...(Names) > 0)
    constexpr auto log(Field<Names, Ts>... fields) const noexcept {
        return detail::row_of_numbers(0, 0, std::move(fields)...);
    }
    template <EncodesMedia V>
    constexpr void log(std::string_view, const V&, const LogOptions& = {}) const noexcept {}
    constexpr NoRow log(std::initializer_list<NamedValue>, const LogOptions& = {}) const noexcept {
        return {};
    }
    constexpr NoRow log(std::span<const NamedValue>, const LogOptions& = {}) const noexcept { return {}; }
    ///@}

    /// An empty checkpoint, whatever the policy.
    template <class Policy, class... Rest>
    [[nodiscard]] constexpr auto checkpoint(std::string_view, const Rest&...) const noexcept {
        return Checkpoint<NoBestSave>{};
    }
    /// The same with policy, retention and sink as values.
    template <class... Parts>
    [[nodiscard]] constexpr auto checkpoint(std::string_view, const Parts&...) const noexcept {
        return Checkpoint<NoBestSave>{};
    }

    /// Decides as ever: when training stops does not depend on whether it is recorded.
    template <class R, class P>
        requires SavePolicy<std::remove_cvref_t<P>>
    constexpr bool should_stop(const R& row, P&& policy) const {
        if constexpr (std::same_as<R, NoRow>) {
            (void)sizeof(detail::a_disabled_run_keeps_no_dynamic_rows_so_stop_by_a_typed_row<R>);
            return false;
        } else {
            return detail::ask_to_stop(row, policy);
        }
    }
    ///@{
    /// What `Run` has under the same name, for a run that records nothing: takes what it is given, gives
    /// what is empty, and never fails. Cost: none.
    [[nodiscard]] static std::vector<Decision> decisions() { return {}; }
    /// Watches nothing, whatever the model is.
    void alert(const std::string&, const AlertOptions& = {}) const noexcept {}
    template <class M, class Options = WatchOptions>
    constexpr NoWatch watch(const M&, const Options&) const noexcept {
        return {};
    }
    constexpr NoWatch watch(const auto&) const noexcept { return {}; }

    template <class Options = ServeOptions>
    [[nodiscard]] static NoDashboard serve(const Options& = {}) noexcept {
        return {};
    }

    template <class A>
    constexpr void log_artifact(const A&, std::initializer_list<std::string_view> = {}) const noexcept {}
    template <class... Parts>
    constexpr void log_model(std::string_view, const Parts&...) const noexcept {}
    void save(const auto&, When = When::live) const noexcept {}

    template <class Json = nlohmann::json>
    [[nodiscard]] static Json config() {
        return Json::object();
    }
    void update_config(const nlohmann::json&) const noexcept {}
    template <class Json = nlohmann::json>
    [[nodiscard]] static Json summary() {
        return Json::object();
    }
    void set_summary(const std::string&, const nlohmann::json&) const noexcept {}
    void define_metric(std::string_view, const MetricOptions&) const noexcept {}
    void set_notes(const std::string&) const noexcept {}
    void add_tag(const std::string&) const noexcept {}

    [[nodiscard]] static std::string id() { return {}; }
    [[nodiscard]] static std::string project() { return {}; }
    [[nodiscard]] static std::string name() { return {}; }
    [[nodiscard]] static std::filesystem::path dir() { return {}; }
    [[nodiscard]] static constexpr bool disabled() noexcept { return true; }
    [[nodiscard]] static constexpr bool resumed() noexcept { return false; }
    [[nodiscard]] static constexpr std::int64_t first_step() noexcept { return 0; }
    [[nodiscard]] static Health health() { return {}; }
    static constexpr Done finish(const auto&...) noexcept { return {}; }
    static constexpr Done fail(const std::string&) noexcept { return {}; }
    ///@}
};

/// `init<Disabled>(options)`: a run that is off at compile time. The options are made and not looked at;
/// without any, nothing is made either.
template <std::same_as<Disabled> Off>
[[nodiscard]] constexpr DisabledRun init() noexcept {
    return {};
}
/// The same with options, which are not looked at.
template <std::same_as<Disabled> Off>
[[nodiscard]] constexpr DisabledRun init(const Options&) noexcept {
    return {};
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/checkpoint/detail/roles.hpp
// Which of a checkpoint's arguments is the policy, which the retention, which the sink, which the options.

namespace CAIRN_NAMESPACE::detail {

// Never defined: their names are the compiler's message.
template <class T>
struct this_is_no_policy_no_retention_no_sink_and_no_SaveOptions;
template <class... Ts>
struct give_a_checkpoint_one_policy_and_at_most_one_retention_one_sink_and_one_SaveOptions;
template <class P>
struct this_policy_can_never_save_its_parts_never_say_yes_at_the_same_time;

template <class T>
inline constexpr bool is_options = std::same_as<T, SaveOptions>;

template <class T>
inline constexpr bool has_role = SavePolicy<T> || RetentionPolicy<T> || ArtifactSink<T> || is_options<T>;

/// Says, as one compile error, what `T` lacks to be handed to a checkpoint; nothing if it lacks nothing.
template <class T>
constexpr void explain_role() {
    if constexpr (requires(T part) { part.decide(AnyRow{}); } || requires { &T::decide; }) {
        explain_policy<T>();
    } else if constexpr (!has_role<T>) {
        (void)sizeof(this_is_no_policy_no_retention_no_sink_and_no_SaveOptions<T>);
    }
}

/// The first argument of which `is` holds.
template <class Is, class First, class... Rest>
constexpr auto& pick_first(Is is, First& first, Rest&... rest) {
    if constexpr (Is{}.template operator()<First>()) {
        return first;
    } else {
        return pick_first(is, rest...);
    }
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/checkpoint/make.hpp
// `run.checkpoint(…)`: makes a checkpoint of a policy, a retention and a sink in any order.

namespace CAIRN_NAMESPACE {

namespace detail {

/// Sorts policy, retention and sink out of arguments in any order and makes the checkpoint of them. With
/// `NoBestSave` nothing is touched, not even the run's count of owners: that is what makes it free.
template <class... Ts>
[[nodiscard]] auto make_checkpoint(const std::shared_ptr<RunCore>& core, std::string_view name,
                                   Ts&... arguments) {
    constexpr auto policies = (0 + ... + (SavePolicy<Ts> ? 1 : 0));
    constexpr auto retentions = (0 + ... + (RetentionPolicy<Ts> ? 1 : 0));
    constexpr auto options = (0 + ... + (is_options<Ts> ? 1 : 0));
    constexpr auto sinks = (0 + ... + (ArtifactSink<Ts> ? 1 : 0));
    if constexpr (!(has_role<Ts> && ...)) {
        (explain_role<Ts>(), ...);
        return Checkpoint<NoBestSave>{};  // for the compiler, which is to say nothing but the line above
    } else if constexpr (policies != 1 || retentions > 1 || sinks > 1 || options > 1) {
        (void)sizeof(
            give_a_checkpoint_one_policy_and_at_most_one_retention_one_sink_and_one_SaveOptions<Ts...>);
        return Checkpoint<NoBestSave>{};
    } else if constexpr (((SavePolicy<Ts> && chance_of<Ts>().is_none()) || ...)) {
        const auto name_it = []<class T>() {
            if constexpr (SavePolicy<T> && chance_of<T>().is_none())
                (void)sizeof(this_policy_can_never_save_its_parts_never_say_yes_at_the_same_time<T>);
        };
        (name_it.template operator()<Ts>(), ...);
        return Checkpoint<NoBestSave>{};
    } else {
        // The defaults stand last, so that they are taken only where nothing was given.
        KeepAll keep_all;
        auto& policy = pick_first([]<class T>() { return SavePolicy<T>; }, arguments...);
        auto& retention = pick_first([]<class T>() { return RetentionPolicy<T>; }, arguments..., keep_all);
        // A lambda within decltype, read from a precompiled header, makes clang 14 crash.
        const auto of_sinks = []<class T>() { return ArtifactSink<T>; };
        if constexpr (std::same_as<std::remove_reference_t<decltype(policy)>, NoBestSave>) {
            using SinkType = decltype(pick_first(of_sinks, arguments..., std::declval<LocalStore&>()));
            return Checkpoint<NoBestSave, std::remove_reference_t<decltype(retention)>,
                              std::remove_reference_t<SinkType>>{};
        } else {
            LocalStore local_store;
            auto& sink = pick_first(of_sinks, arguments..., local_store);
            SaveOptions defaults;
            const auto& how = pick_first([]<class T>() { return is_options<T>; }, arguments..., defaults);
            return Checkpoint{core, name, std::move(policy), std::move(retention), std::move(sink), how};
        }
    }
}

}  // namespace detail

template <class T>
template <class Policy, class... Rest>
auto BasicRun<T>::checkpoint(std::string_view name, Rest... rest) {
    Policy policy{};
    return detail::make_checkpoint(core_, name, policy, rest...);
}

template <class T>
template <class... Parts>
auto BasicRun<T>::checkpoint(std::string_view name, Parts... parts) {
    return detail::make_checkpoint(core_, name, parts...);
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/checkpoint/save.hpp
// `cairn::save` and `cairn::load`: parts to and from a path of one's own, with or without a run. What
// torch.save is in Python. Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

namespace detail {

inline constexpr std::uint64_t max_part_bytes = std::uint64_t{1} << 44U;

/// The encodings a part may have had when it was saved.
inline constexpr std::string_view part_extensions[] = {".safetensors", ".json", ".cbor", ".bin"};

/// Writes the files of parts where `place(file)` says.
template <class Place, class... Parts>
result<void> save_parts(Place&& place, const Parts&... parts) {
    PathBatch batch;
    const auto put = [&](std::string_view file, std::span<const std::byte> bytes) {
        return batch.write(place(file), bytes);
    };
    if (auto done = encode_all(put, parts...); !done) return done;
    const auto placed = batch.place();
    return placed ? result<void>{} : result<void>{placed.error()};
}

}  // namespace detail

/// Saves parts to a path: one part is the file `path` itself (a model that describes itself: safetensors),
/// several are files of their own names in the folder `path`. Each file is written beside its place, synced
/// and renamed: the old one stays whole on any failure. Throws `cairn::error`; `try_save` returns it. Needs
/// no run and no store.
template <class... Parts>
    requires(sizeof...(Parts) > 0)
result<void> try_save(const std::filesystem::path& path, const Parts&... parts) {
    if constexpr (!detail::SavableParts<Parts...>) {
        detail::explain_parts<Parts...>();
        return {};
    } else if constexpr (sizeof...(Parts) == 1) {
        return detail::save_parts([&](std::string_view) { return path; }, parts...);
    } else {
        auto saved = detail::save_parts(
            [&](std::string_view file) { return path / detail::os::path_of(file); }, parts...);
        if (!saved) return saved;
        // A part that was JSON before may be CBOR now: its older file must not be what is loaded.
        const auto drop_stale = [&](std::string_view name) {
            const std::filesystem::path json = path / (std::string{name} + ".json");
            const std::filesystem::path cbor = path / (std::string{name} + ".cbor");
            const auto a = detail::os::status(json), b = detail::os::status(cbor);
            if (a && b && a->exists && b->exists)
                (void)detail::os::remove_file(a->modified_ns < b->modified_ns ? json : cbor);
        };
        (drop_stale(parts.name()), ...);
        return saved;
    }
}
/// `try_save` that throws `cairn::error`.
template <class... Parts>
void save(const std::filesystem::path& path, const Parts&... parts) {
    try_save(path, parts...).value();
}

/// Loads what `save` wrote, also without a run: for inference. Throws `errc::not_found`, `errc::corrupt`, or
/// `errc::mismatch` with the names, shapes and types that do not fit; then no part was changed.
template <class... Parts>
    requires(sizeof...(Parts) > 0)
result<void> try_load(const std::filesystem::path& path, const Parts&... parts) {
    std::map<std::string, std::string, std::less<>> files;
    if constexpr (!detail::SavableParts<Parts...>) {
        detail::explain_parts<Parts...>();
        return {};
    } else if constexpr (sizeof...(Parts) == 1) {
        auto bytes = detail::read_file(path, detail::max_part_bytes);
        if (!bytes) return bytes.error();
        // The file's own name says nothing of how it was written: it is what the part's type reads.
        std::optional<std::span<const std::byte>> whole = detail::bytes_of(*bytes);
        const bool is_json = nlohmann::json::accept(*bytes);
        return detail::decode(
            [&](std::string_view file) -> std::optional<std::span<const std::byte>> {
                if (file.ends_with(".json") && !is_json) return std::nullopt;
                return whole;
            },
            parts...);
    } else {
        for (const std::string_view name : {parts.name()...}) {
            for (const std::string_view extension : detail::part_extensions) {
                std::string file = std::string{name} + std::string{extension};
                auto bytes = detail::read_file(path / detail::os::path_of(file), detail::max_part_bytes);
                if (bytes) {
                    files.emplace(std::move(file), std::move(*bytes));
                } else if (bytes.error().code() != errc::not_found) {
                    return bytes.error();
                }
            }
        }
        return detail::decode(
            [&](std::string_view file) -> std::optional<std::span<const std::byte>> {
                const auto found = files.find(file);
                if (found == files.end()) return std::nullopt;
                return detail::bytes_of(found->second);
            },
            parts...);
    }
}
/// `try_load` that throws `cairn::error`.
template <class... Parts>
void load(const std::filesystem::path& path, const Parts&... parts) {
    try_load(path, parts...).value();
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/model/model.hpp
// The model layer: what can be saved, how it says so, and how it becomes bytes. Costs nlohmann/json.

// ---- cairn/policy/predicate.hpp
// Saving by any callable.

namespace CAIRN_NAMESPACE {

namespace detail {

// Never defined: their names are the compiler's message.
template <class F, class At>
struct this_predicate_cannot_be_called_with_const_auto_ref_at;
template <class F, class Returned>
struct this_predicate_must_return_bool_or_Answer_not;

}  // namespace detail

/// Saves when `f(at)` says so: `cairn::Predicate{[](const auto& at) { return at.step % 2 == 0; }}`. The
/// callable takes `const auto& at` (see `At`) and returns `bool` or `Answer`; it must be pure. Metrics are
/// read as `at["loss"_m]`. Step 0, resume, steps that go back: as the callable says. Choose a named policy
/// where one fits: it can be printed, parsed and compared.
template <class F>
class Predicate : detail::Leaf<Predicate<F>, 0, F> {
    using Held = detail::Leaf<Predicate, 0, F>;

  public:
    Predicate() = default;
    /// Keeps a copy of the callable.
    constexpr explicit Predicate(F f) : Held{std::move(f)} {}

    template <class R>
    constexpr Answer decide(const At<R>& at) const {
        if constexpr (!std::is_invocable_v<const F&, const At<R>&>) {
            (void)sizeof(detail::this_predicate_cannot_be_called_with_const_auto_ref_at<F, At<R>>);
            return Answer::no;
        } else {
            using Returned = std::invoke_result_t<const F&, const At<R>&>;
            if constexpr (std::same_as<Returned, Answer>) {
                return this->get()(at);
            } else if constexpr (std::same_as<Returned, bool>) {
                return answer(this->get()(at));
            } else {
                (void)sizeof(detail::this_predicate_must_return_bool_or_Answer_not<F, Returned>);
                return Answer::no;
            }
        }
    }

  private:
    using Held::get;
};

template <class F>
Predicate(F) -> Predicate<F>;

}  // namespace CAIRN_NAMESPACE

// ---- cairn/policy/policy.hpp
// All policies and retentions, for those who want nothing else of the library: no JSON, no file, no thread.

// ---- cairn/api.hpp
// All that `cairn/cairn.hpp` has but what records a run, behind `cairn::init`: what most files of a program
// that consists of several need (see extern.hpp).

// ---- cairn/run/thumbnail.hpp
// A metric's curve in a few characters, for the message at the end of a run.

namespace CAIRN_NAMESPACE::detail {

/// From `width` to twice as many means of equally long stretches of a series of any length. Cost: O(1)
/// amortised.
class Thumbnail {
  public:
    static constexpr std::size_t width = 12;

    void add(const double& x) noexcept {
        if (!is_finite(x)) return;
        mean_ += x * share_;  // never beyond the greatest number, as a sum can be
        if (++in_bucket_ < per_bucket_) return;
        buckets_[filled_++] = mean_;
        mean_ = 0;
        in_bucket_ = 0;
        if (filled_ == buckets_.size()) halve();
    }

    /// The curve as block characters (UTF-8), lowest to highest of this series; empty if there is no number.
    [[nodiscard]] std::string text() const {
        static constexpr const char* blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
        double low = 0, high = 0;
        for (std::size_t i = 0; i < filled_; ++i) {
            if (i == 0 || buckets_[i] < low) low = buckets_[i];
            if (i == 0 || buckets_[i] > high) high = buckets_[i];
        }
        const double range = high / 2 - low / 2;  // 0 of the least numbers, too
        std::string out;
        for (std::size_t i = 0; i < filled_; ++i) {
            const double share = range > 0 ? (buckets_[i] / 2 - low / 2) / range : 0.0;
            out += blocks[static_cast<std::size_t>(std::lround(share * 7.0))];
        }
        return out;
    }

  private:
    void halve() noexcept {
        for (std::size_t i = 0; i < width; ++i) buckets_[i] = buckets_[2 * i] / 2 + buckets_[2 * i + 1] / 2;
        filled_ = width;
        per_bucket_ *= 2;
        share_ /= 2;
    }

    std::array<double, 2 * width> buckets_{};
    std::size_t filled_ = 0;
    std::uint64_t per_bucket_ = 1;
    double share_ = 1;  // of one value in a bucket
    std::uint64_t in_bucket_ = 0;
    double mean_ = 0;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/summary.hpp
// The summary of a run: for each metric its last, least, greatest and mean value, and where they were. Costs
// nlohmann/json.

namespace CAIRN_NAMESPACE {

/// What is known of one metric over a whole run. Infinities count as numbers; NaNs are counted apart.
struct MetricSummary {
    std::uint64_t count = 0;             ///< values, NaNs and texts included
    std::uint64_t numbers = 0;           ///< values that are numbers, infinities included
    std::uint64_t nans = 0;              ///< values that are not a number
    double last = detail::not_a_number;  ///< the last value that is no text; NaN if there
                                         ///< is none, as for the next three
    double min = detail::not_a_number;   ///< the least number
    double max = detail::not_a_number;   ///< the greatest number
    double mean = detail::not_a_number;  ///< of the finite numbers
    std::int64_t last_step = 0;          ///< the step of the last value
    std::int64_t min_step = 0;           ///< the first step that had the least value
    std::int64_t max_step = 0;           ///< the first step that had the greatest value
    std::string text = {};               ///< the last text, for metrics that are texts

    /// Takes one more value in. Cost: a few comparisons.
    void add(std::int64_t step, const Value& value) {
        ++count;
        last_step = step;
        if (value.is_text()) {
            text = value.text();
            return;
        }
        last = value.number();
        if (detail::is_nan(last)) {
            ++nans;
            return;
        }
        if (numbers == 0 || last < min) min = last, min_step = step;
        if (numbers == 0 || last > max) max = last, max_step = step;
        ++numbers;
        if (detail::is_finite(last)) {
            ++finite_;
            mean = finite_ == 1 ? last : mean + (last - mean) / static_cast<double>(finite_);
        }
    }

  private:
    std::uint64_t finite_ = 0;
};

namespace detail {

/// A metric's summary and its curve in small.
struct MetricView {
    MetricSummary summary;
    Thumbnail curve;

    void add(std::int64_t step, const Value& value) {
        summary.add(step, value);
        if (!value.is_text()) curve.add(value.number());
    }
};
using MetricViews = std::map<std::string, MetricView, std::less<>>;
using MetricSummaries = std::map<std::string, MetricSummary, std::less<>>;

/// Which way a metric is to go, by what `define_metric` left in a run's record.
template <class Json>
[[nodiscard]] Direction goal_in(const Json& record, std::string_view metric) {
    const Json* at = &record;
    for (const std::string_view key : {std::string_view{"metrics"}, metric, std::string_view{"goal"}}) {
        const auto found = at->find(key);  // the end, too, of what is no object
        if (found == at->end()) return Direction::unspecified;
        at = &*found;
    }
    return *at == "minimize" ? minimize : *at == "maximize" ? maximize : Direction::unspecified;
}

/// Takes a row in, into `MetricViews` or `MetricSummaries`.
template <class Metrics>
void take_in(Metrics& metrics, std::int64_t step, std::span<const NamedValue> values) {
    for (const NamedValue& named : values) {
        auto metric = metrics.find(named.name);
        if (metric == metrics.end()) metric = metrics.try_emplace(std::string{named.name}).first;
        metric->second.add(step, named.value);
    }
}

template <class Json = nlohmann::json>
[[nodiscard]] Json to_json(const MetricSummary& m) {
    Json out = {{"count", m.count}, {"last_step", m.last_step}};
    if (!m.text.empty()) out["text"] = m.text;
    if (m.nans != 0) out["nans"] = m.nans;
    if (m.numbers + m.nans != 0) out["last"] = metric_to_json(m.last);
    if (m.numbers != 0) {
        out.update({{"min", metric_to_json(m.min)},
                    {"max", metric_to_json(m.max)},
                    {"mean", metric_to_json(m.mean)},
                    {"min_step", m.min_step},
                    {"max_step", m.max_step}});
    }
    return out;
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE

// ---- cairn/run/detail/metric_board.hpp
// The metrics of a run as the collector sees them: by the numbers that the journal gives them.

namespace CAIRN_NAMESPACE::detail {

/// Names and summaries by number. Threads: one at a time.
template <class T = void>
class BasicMetricBoard {
  public:
    /// Takes over the summaries of the sessions before, and of what was sampled. Before anything is named.
    void remember(Deferred<MetricViews, T> earlier, Deferred<MetricSummaries, T> samples) {
        views_ = std::move(earlier);
        samples_ = std::move(samples);
    }

    /// Says whose number that is; saying it again changes nothing.
    void name(std::uint32_t metric, std::string_view name) {
        if (metric >= entries_.size()) entries_.resize(metric + std::size_t{1});
        Entry& entry = entries_[metric];
        if (entry.is_named) return;
        entry.name = name;
        entry.is_named = true;
        if (const auto earlier = views_.find(name); earlier != views_.end()) {
            entry.view = std::move(earlier->second);
            views_.erase(earlier);
        }
    }
    [[nodiscard]] std::string_view name_of(std::uint32_t metric) const noexcept {
        return metric < entries_.size() ? std::string_view{entries_[metric].name} : std::string_view{};
    }

    /// Takes note of a row's step.
    void saw(std::int64_t step) noexcept { latest_step_ = step; }
    /// The step of the latest row; 0 before the first.
    [[nodiscard]] std::int64_t latest_step() const noexcept { return latest_step_; }

    /// Takes a value in, of a row or of what the run sampled by itself.
    void add(RecordKind kind, std::uint32_t metric, std::int64_t step, const Value& value) {
        if (kind == RecordKind::sample) return samples_[std::string{name_of(metric)}].add(step, value);
        if (metric < entries_.size()) entries_[metric].view.add(step, value);
    }

    [[nodiscard]] const Deferred<MetricSummaries, T>& samples() const noexcept { return samples_; }
    [[nodiscard]] Deferred<MetricViews, T> views() const {
        Deferred<MetricViews, T> all = views_;
        for (const Entry& entry : entries_) {
            if (entry.view.summary.count != 0) all.insert_or_assign(entry.name, entry.view);
        }
        return all;
    }

  private:
    struct Entry {
        std::string name{};
        MetricView view{};
        bool is_named = false;  // a name may be empty
    };
    std::vector<Entry> entries_;  // as many as there are names: numbers are given in order
    std::int64_t latest_step_ = 0;
    Deferred<MetricViews, T> views_;  // of metrics that this session has not named
    Deferred<MetricSummaries, T> samples_;
};
using MetricBoard = BasicMetricBoard<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/byte_stream.hpp
// Numbers and texts as bytes, one after another: what formats are made of.

namespace CAIRN_NAMESPACE::detail {

/// Appends to bytes.
template <class = void>
class BasicByteWriter {
  public:
    explicit BasicByteWriter(std::vector<std::byte>& to) noexcept : to_{&to} {}

    void byte(std::uint64_t value) { to_->push_back(static_cast<std::byte>(value)); }
    /// Seven bits a byte, lowest first; the highest bit says that more follow.
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7U) byte(value | 0x80U);
        byte(value);
    }
    /// Small where the value is near to 0.
    void signed_varint(std::int64_t value) {
        varint((static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63U));
    }
    template <class T>
    void fixed(T value) {
        const std::size_t at = to_->size();
        to_->resize(at + sizeof value);
        put(to_->data() + at, value);
    }
    void text(std::string_view value) {
        const auto bytes = bytes_of(value);
        to_->insert(to_->end(), bytes.data(), bytes.data() + bytes.size());
    }

  private:
    std::vector<std::byte>* to_;
};
using ByteWriter = BasicByteWriter<>;

/// Reads what a `ByteWriter` wrote, from bytes that may be damaged: past their end it reads zeros and is not
/// `ok`.
template <class = void>
class BasicByteReader {
  public:
    explicit BasicByteReader(std::span<const std::byte> from) noexcept : rest_{from} {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] std::span<const std::byte> rest() const noexcept { return rest_; }

    std::uint64_t byte() noexcept {
        const std::span<const std::byte> one = bytes(1);
        return one.empty() ? 0 : std::to_integer<std::uint64_t>(one[0]);
    }
    std::uint64_t varint() noexcept {
        if (!rest_.empty() && std::to_integer<unsigned>(rest_[0]) < 0x80) return byte();  // as most are
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 70; shift += 7) {
            const std::uint64_t next = byte();
            value |= shift < 64 ? (next & 0x7fU) << shift : 0;
            if (next < 0x80) return value;
        }
        ok_ = false;
        return 0;
    }
    std::int64_t signed_varint() noexcept {
        const std::uint64_t value = varint();
        return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
    }
    template <class T>
    T fixed() noexcept {
        const std::span<const std::byte> some = bytes(sizeof(T));
        return some.empty() ? T{} : get<T>(some.data());
    }
    /// The next `count` bytes; none if there are fewer.
    std::span<const std::byte> bytes(std::size_t count) noexcept {
        if (count > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const auto some = rest_.first(count);
        rest_ = rest_.subspan(count);
        return some;
    }

  private:
    std::span<const std::byte> rest_;
    bool ok_ = true;
};
using ByteReader = BasicByteReader<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/core/crc32c.hpp
// CRC-32C (Castagnoli), which guards the records of a history. Uses the SSE4.2 instruction where the
// processor has it; eight table look-ups for eight bytes otherwise. Costs <array> and <span>.

namespace CAIRN_NAMESPACE {

namespace detail {

using Crc32cTables = std::array<std::array<std::uint32_t, 256>, 8>;

/// Row 0 advances the CRC by one byte; row `k` by that byte and `k` zero bytes after it.
template <class = void>
[[nodiscard]] constexpr Crc32cTables make_crc32c_tables() noexcept {
    constexpr std::uint32_t reversed_polynomial = 0x82f63b78;
    Crc32cTables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? reversed_polynomial : 0U);
        tables[0][byte] = crc;
    }
    for (std::size_t row = 1; row < 8; ++row) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[row - 1][byte];
            tables[row][byte] = before >> 8U ^ tables[0][before & 0xffU];
        }
    }
    return tables;
}

// Depends on its argument, so that a program that needs no table does not pay for computing it.
template <class X>
inline constexpr Crc32cTables crc32c_tables = make_crc32c_tables<X>();

/// `crc` is the register itself, neither inverted before nor after.
template <class X = void>
[[nodiscard]] constexpr std::uint32_t crc32c_portable(std::uint32_t crc, const std::byte* data,
                                                      std::size_t size) noexcept {
    const auto& t = crc32c_tables<X>;
    const auto at = [&data](std::size_t i) { return static_cast<std::uint32_t>(data[i]); };
    for (; size >= 8; size -= 8, data += 8) {
        const std::uint32_t low = crc ^ (at(0) | at(1) << 8U | at(2) << 16U | at(3) << 24U);
        crc = t[7][low & 0xffU] ^ t[6][low >> 8U & 0xffU] ^ t[5][low >> 16U & 0xffU] ^ t[4][low >> 24U] ^
              t[3][at(4)] ^ t[2][at(5)] ^ t[1][at(6)] ^ t[0][at(7)];
    }
    for (; size != 0; --size, ++data) crc = crc >> 8U ^ t[0][(crc ^ at(0)) & 0xffU];
    return crc;
}

#if defined(__x86_64__) && defined(__GNUC__)
/// Requires cpu().sse42.
[[nodiscard, gnu::target("sse4.2,crc32")]] inline std::uint32_t
crc32c_sse42(std::uint32_t crc, const std::byte* data, std::size_t size) noexcept {
    std::uint64_t wide = crc;
    for (; size >= 8; size -= 8, data += 8) {
        std::uint64_t word = 0;
        __builtin_memcpy(&word, data, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = static_cast<std::uint32_t>(wide);
    for (; size != 0; --size, ++data) crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(*data));
    return crc;
}
#endif

}  // namespace detail

/// The CRC-32C of `data`. With the CRC of what came before as `seed`, that of the two together:
/// `crc32c(b, crc32c(a))` is the CRC of `a` followed by `b`. Cost: some 0.1 ns a byte with SSE4.2.
template <class X = void>
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t seed = 0) noexcept {
#if defined(__x86_64__) && defined(__GNUC__)
    if (detail::cpu().sse42) return ~detail::crc32c_sse42(~seed, data.data(), data.size());
#endif
    return ~detail::crc32c_portable<X>(~seed, data.data(), data.size());
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/store/frame.hpp
// The history file: append-only frames, each with its length and CRC-32C, so a torn tail is cut and damage in
// the middle costs no more than its frame. A frame is a stretch of one ring: a fold of the rings counts no
// row twice. Readable while it is written.
//
//   file   "CAIRNHST" · u32 version · u32 0
//   frame  u32 "FRAM", "ROWS" or "PACK" · u32 payload bytes · u32 CRC-32C of what follows it · u32 ring
//          · u64 from · u64 to · payload
//   FRAM   records (record.hpp)
//   ROWS   varint names · names (packed_frame.hpp) · varint bytes · block (row_block.hpp). The names
//          are those that the stretch defines or uses: it can be read alone.
//   PACK   the same with whole names, which version 2 wrote
//
// Little-endian; a payload is filled up with zeros to a multiple of 8 bytes, `from` and `to` are the ring's
// positions.

namespace CAIRN_NAMESPACE::detail {

inline constexpr const char* history_file = "history.cairn";
inline constexpr std::string_view history_magic = "CAIRNHST";
inline constexpr std::uint32_t history_version = 3;
inline constexpr std::size_t history_header_bytes = 16;
inline constexpr std::uint64_t max_history_bytes = std::uint64_t{1} << 40U;
inline constexpr std::size_t frame_header_bytes = 32;
/// More than a whole ring takes.
inline constexpr std::size_t max_frame_bytes = std::size_t{4} << 20U;

enum class FrameKind : std::uint32_t {
    records = 0x4d415246,      // "FRAM"
    packed = 0x53574f52,       // "ROWS"
    whole_names = 0x4b434150,  // "PACK"
};

struct Frame {
    FrameKind kind = FrameKind::records;
    std::uint32_t ring = 0;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::span<const std::byte> payload;

    /// Whether it has rows column by column.
    [[nodiscard]] bool is_packed() const noexcept {
        return kind == FrameKind::packed || kind == FrameKind::whole_names;
    }
    [[nodiscard]] bool is_valid() const noexcept { return kind == FrameKind::records || is_packed(); }
};

/// Where a frame lies in the history.
struct FramePlace {
    std::uint64_t at = 0;
    std::uint32_t bytes = 0;  ///< with its header
    std::uint32_t crc = 0;    ///< as its header has it
    std::uint32_t ring = 0;   ///< whose stretch it is
    std::uint64_t from = 0;   ///< where that begins
    std::uint64_t to = 0;     ///< and ends
};

/// What the head of a frame says; without the payload.
template <class = void>
[[nodiscard]] Frame frame_head(const std::byte* head) noexcept {
    return {FrameKind{get<std::uint32_t>(head)},
            get<std::uint32_t>(head + 12),
            get<std::uint64_t>(head + 16),
            get<std::uint64_t>(head + 24),
            {}};
}
template <class = void>
[[nodiscard]] std::uint32_t frame_crc(const std::byte* head) noexcept {
    return get<std::uint32_t>(head + 8);
}

/// Walks the frames of a history that may be torn or damaged. After damage it goes on at the next whole
/// frame.
template <class = void>
class BasicFrameReader {
  public:
    /// Of the whole file, or of its part from a frame on, which begins at `from` in `file`.
    explicit BasicFrameReader(std::span<const std::byte> file,
                              std::size_t from = history_header_bytes) noexcept
        : file_{file}, at_{from}, end_{from}, budget_{(std::uint64_t{64} << 20U) + 8 * file.size()} {}

    bool next(Frame& frame) noexcept {
        while (at_ + frame_header_bytes <= file_.size() && budget_ != 0) {
            if (parse(frame)) {
                at_ += frame_header_bytes + frame.payload.size();
                if (skipping_) ++gaps_;
                skipping_ = false;
                end_ = at_;
                return true;
            }
            skipping_ = true;
            at_ += 8;  // frames are multiples of 8 bytes
        }
        return false;
    }

    /// Where `frame`, the one that was read last, lies in a file in which ours begins at `base`.
    [[nodiscard]] FramePlace place(const Frame& frame, std::uint64_t base = 0) const noexcept {
        const std::size_t bytes = frame_header_bytes + frame.payload.size(), at = end_ - bytes;
        return {base + at,
                static_cast<std::uint32_t>(bytes),
                frame_crc(file_.data() + at),
                frame.ring,
                frame.from,
                frame.to};
    }
    /// Where the last whole frame ends: what follows is a torn tail.
    [[nodiscard]] std::size_t whole_bytes() const noexcept { return end_; }
    /// The header of the frame that a torn tail begins with, without its payload; false if there is none.
    [[nodiscard]] bool torn(Frame& frame) const noexcept {
        if (file_.size() - end_ < frame_header_bytes) return false;
        frame = frame_head(file_.data() + end_);
        return frame.is_valid();
    }
    /// Damaged stretches between whole frames.
    [[nodiscard]] std::size_t gaps() const noexcept { return gaps_; }

  private:
    bool parse(Frame& frame) noexcept {
        const std::byte* head = file_.data() + at_;
        const Frame read = frame_head(head);
        if (!read.is_valid()) return false;
        const std::size_t bytes = get<std::uint32_t>(head + 4);
        if (bytes % 8 != 0 || bytes > max_frame_bytes || bytes > file_.size() - at_ - frame_header_bytes ||
            read.ring > most_rings)
            return false;
        if (crc32c(file_.subspan(at_ + 12, frame_header_bytes - 12 + bytes)) != frame_crc(head)) {
            budget_ -= std::min<std::uint64_t>(budget_, frame_header_bytes + bytes);
            return false;
        }
        frame = read;
        frame.payload = file_.subspan(at_ + frame_header_bytes, bytes);
        return true;
    }

    std::span<const std::byte> file_;
    std::size_t at_, end_;
    std::uint64_t budget_;  // of bytes under wrong checksums: a hostile file must not keep us for hours
    std::size_t gaps_ = 0;
    bool skipping_ = false;
};
using FrameReader = BasicFrameReader<>;

/// Appends frames. A frame that cannot be written whole is taken back.
template <class = void>
class BasicHistoryWriter {
  public:
    /// Opens the history for appending after its first `whole_bytes`; 0 makes a new one.
    static result<BasicHistoryWriter> open(const std::filesystem::path& path, std::size_t whole_bytes) {
        auto file = os::File::open_read_write(path);
        if (!file) return file.error();
        BasicHistoryWriter writer{std::move(*file)};
        // Also of one that an older version began: from here on it has what that does not know.
        std::byte header[history_header_bytes] = {};
        std::memcpy(header, history_magic.data(), history_magic.size());
        put(header + history_magic.size(), history_version);
        if (auto written = writer.file_.write_at(0, header); !written) return written.error();
        writer.end_ = std::max(whole_bytes, history_header_bytes);
        if (auto cut = writer.file_.truncate(writer.end_); !cut) return cut.error();
        return writer;
    }

    /// Appends a frame; its payload is filled up to a multiple of 8 bytes, and at most `max_frame_bytes`.
    result<FramePlace> append(const Frame& frame) {
        const std::size_t bytes = padded(frame.payload.size());
        if (bytes > max_frame_bytes) {
            return error{errc::invalid_argument, "a frame of the history would be larger than can be read",
                         "", "report this as a defect of cairn"};
        }
        buffer_.assign(frame_header_bytes + bytes, std::byte{0});
        std::byte* head = buffer_.data();
        put(head, static_cast<std::uint32_t>(frame.kind));
        put(head + 4, static_cast<std::uint32_t>(bytes));
        put(head + 12, frame.ring);
        put(head + 16, frame.from);
        put(head + 24, frame.to);
        if (!frame.payload.empty())
            std::memcpy(head + frame_header_bytes, frame.payload.data(), frame.payload.size());
        put(head + 8, crc32c(bytes_of(buffer_).subspan(12)));
        auto written = file_.write_at(end_, buffer_);
        if (!written) {
            (void)file_.truncate(end_);  // if this fails too, readers skip the torn frame
            return written.error();
        }
        const FramePlace place{
            end_,    static_cast<std::uint32_t>(buffer_.size()), frame_crc(head), frame.ring, frame.from,
            frame.to};
        end_ += buffer_.size();
        return place;
    }

    /// Bytes of the file.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return end_; }
    result<void> sync() { return file_.sync(); }
    /// Nothing can be appended any more.
    void close() noexcept { file_ = {}; }

  private:
    explicit BasicHistoryWriter(os::File file) : file_{std::move(file)} {}

    os::File file_;
    std::uint64_t end_ = 0;
    std::vector<std::byte> buffer_;
};
using HistoryWriter = BasicHistoryWriter<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/packed_frame.hpp
// What a frame of packed rows has before its block: the names of its metrics.

namespace CAIRN_NAMESPACE::detail {

/// The greatest number that a metric may have.
inline constexpr std::uint64_t most_metrics = std::numeric_limits<std::uint32_t>::max();

// Metrics by number and name, as frames and their index have them, in the order of the numbers.
//
//   name   varint metric, over the one after that of the name before · varint how many bytes it has in common
//          with that · varint bytes of the rest · the rest

/// Writes names; keeps its memory for the next ones.
template <class = void>
class BasicNameWriter {
  public:
    void restart() noexcept {
        before_.clear();
        least_ = 0;
    }
    void put(ByteWriter& out, std::uint32_t metric, std::string_view name) {
        out.varint(metric - least_);
        least_ = std::uint64_t{metric} + 1;
        std::size_t common = 0;
        while (common < name.size() && common < before_.size() && name[common] == before_[common]) ++common;
        out.varint(common);
        out.varint(name.size() - common);
        out.text(name.substr(common));
        before_ = name;
    }

  private:
    std::string before_;
    std::uint64_t least_ = 0;  // that the next number may be
};

/// Reads names. `are_whole`: as version 2 wrote them, varint metric · varint bytes · bytes.
template <class = void>
class BasicNameReader {
  public:
    explicit BasicNameReader(bool are_whole = false) noexcept : are_whole_{are_whole} {}

    /// Reads the next one. False if it is damaged.
    [[nodiscard]] bool next(ByteReader& from) noexcept {
        const std::uint64_t number = from.varint() + (are_whole_ ? 0 : least_);
        const std::uint64_t common = are_whole_ ? 0 : from.varint(), more = from.varint();
        if (number < least_ || number > most_metrics || common > bytes_ ||
            more > max_metric_name_bytes - common)
            return false;
        whole_ += common + more;  // what a name shares costs no byte here, but one of whoever keeps it
        if (whole_ > max_frame_bytes) return false;
        metric_ = static_cast<std::uint32_t>(number);
        least_ = number + 1;
        const auto rest = from.bytes(static_cast<std::size_t>(more));
        if (!rest.empty()) std::memcpy(name_ + common, rest.data(), rest.size());
        bytes_ = static_cast<std::size_t>(common) + rest.size();
        return from.ok();
    }
    [[nodiscard]] std::uint32_t metric() const noexcept { return metric_; }
    /// Good until the next call.
    [[nodiscard]] std::string_view name() const noexcept { return {name_, bytes_}; }

  private:
    bool are_whole_;
    std::uint64_t least_ = 0, whole_ = 0;
    std::uint32_t metric_ = 0;
    std::size_t bytes_ = 0;
    char name_[max_metric_name_bytes] = {};
};

/// The block in a frame of packed rows, after `f(metric, name)` for each name it brings, which is good as
/// long as the call; empty if the bytes are damaged.
template <class F>
[[nodiscard]] std::span<const std::byte> block_of(const Frame& frame, F&& f) {
    ByteReader from{frame.payload};
    BasicNameReader<> names{frame.kind == FrameKind::whole_names};
    for (std::uint64_t left = from.varint(); left > 0; --left) {
        if (!names.next(from)) return {};
        f(names.metric(), names.name());
    }
    const std::uint64_t size = from.varint();
    return from.ok() && size <= from.rest().size() ? from.bytes(static_cast<std::size_t>(size))
                                                   : std::span<const std::byte>{};
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/alike_rows.hpp
// A stretch of rows of one shape as it lies in a ring: compared as words, and read column by column, with no
// cell made of each value.

namespace CAIRN_NAMESPACE::detail {

/// The first eight bytes of a cell in a record, as one number.
[[nodiscard]] constexpr std::uint64_t cell_head(std::uint32_t metric, Value::Kind kind) noexcept {
    return metric | static_cast<std::uint64_t>(kind) << 32U;
}
/// Rows of one kind and of the same metrics with values of the same kinds, none of them a text, as they
/// follow each other in a ring.
struct AlikeRows {
    RecordKind kind{};
    std::size_t cells = 0;  ///< of each row
    std::span<const std::byte> bytes{};

    [[nodiscard]] std::size_t row_bytes() const noexcept { return row_header_bytes + cells * cell_bytes; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes.size() / row_bytes(); }
    [[nodiscard]] std::int64_t step(std::size_t row) const noexcept {
        return static_cast<std::int64_t>(word(row, 16));
    }
    [[nodiscard]] std::int64_t time_ns(std::size_t row) const noexcept {
        return static_cast<std::int64_t>(word(row, 24));
    }
    [[nodiscard]] std::uint32_t metric(std::size_t cell) const noexcept {
        return static_cast<std::uint32_t>(head(cell));
    }
    [[nodiscard]] std::uint64_t bits(std::size_t row, std::size_t cell) const noexcept {
        return word(row, row_header_bytes + cell * cell_bytes + 8);
    }
    [[nodiscard]] Value value(std::size_t row, std::size_t cell) const noexcept {
        const auto of = static_cast<Value::Kind>(head(cell) >> 32U);
        if (of == Value::Kind::number) return Value{std::bit_cast<double>(bits(row, cell))};
        return Value::from_integer_bits(of, bits(row, cell));
    }

  private:
    [[nodiscard]] std::uint64_t word(std::size_t row, std::size_t at) const noexcept {
        return get<std::uint64_t>(bytes.data() + row * row_bytes() + at);
    }
    [[nodiscard]] std::uint64_t head(std::size_t cell) const noexcept {
        return word(0, row_header_bytes + cell * cell_bytes);
    }
};

/// The rows that `records` begins with, if their cells begin with `heads`, `most` at the most.
template <class Heads>
[[nodiscard]] AlikeRows alike_rows(std::span<const std::byte> records, RecordKind kind, const Heads& heads,
                                   std::size_t most) noexcept {
    AlikeRows rows{kind, heads.size()};
    const std::size_t size = rows.row_bytes();
    const std::uint64_t record = size | static_cast<std::uint64_t>(kind) << 32U;
    const std::byte* at = records.data();
    const auto is_one = [&] {
        if (get<std::uint64_t>(at) != record || get<std::uint64_t>(at + 8) != heads.size()) return false;
        const std::byte* cell = at + row_header_bytes;
        for (const std::uint64_t head : heads) {
            if (get<std::uint64_t>(cell) != head) return false;
            cell += cell_bytes;
        }
        return true;
    };
    std::size_t found = 0;
    for (std::size_t left = records.size(); found < most && left >= size && is_one(); left -= size)
        ++found, at += size;
    rows.bytes = records.first(found * size);
    return rows;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/packed.hpp
// Columns of numbers in few bytes, without loss. A column is turned into integers; what is packed is these,
// their differences or the differences of those, whichever takes least: each as the distance from a base in
// as many bits as nearly all need (frame of reference), the others beside them.
//
//   integers  u8 order (0 to 2) · u8 bits each (0 to 64) · varint exceptions
//             · order × zigzag varint: the values that the differences begin with
//             · zigzag varint base · exceptions × (varint distance from the one before · varint of 64 bits)
//             · the others' bits, lowest first, to the end of a byte
//   numbers   u8 form · [u8 decimals] · integers · [varint count · count × (varint distance · u64 bits)]
//
// After "The FastLanes Compression Layout" (Afroozeh, Boncz, 2023) and "ALP: Adaptive Lossless floating-Point
// Compression" (Afroozeh, Kuffo, Boncz, 2023), without their layouts for wide registers.

namespace CAIRN_NAMESPACE::detail {

/// The bits that a value needs.
[[nodiscard]] constexpr unsigned bits_of(std::uint64_t value) noexcept {
    return 64U - static_cast<unsigned>(std::countl_zero(value));
}
[[nodiscard]] constexpr std::uint64_t low_bits(unsigned bits) noexcept {
    return bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// How numbers became integers.
enum class Form : std::uint8_t {
    decimal,  ///< as so many units of a power of ten
    single,   ///< by the bits of a float, which holds each of them
    full      ///< by their own bits
};
inline constexpr unsigned most_decimals = 15;
inline constexpr std::array<double, most_decimals + 1> powers_of_ten = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/// The bits of a floating-point number as an integer that is the greater the greater the number is; its own
/// inverse.
template <class Bits>
[[nodiscard]] constexpr Bits in_order(Bits bits) noexcept {
    return bits < 0 ? bits ^ std::numeric_limits<Bits>::max() : bits;
}

/// So many units of 10^-decimals. The division is IEEE 754's everywhere, since writer and reader must come to
/// the same bits: also in a program built with -ffast-math, which may else multiply by a rounded reciprocal,
/// and on i686, whose x87 would round twice.
#if defined(__i386__) && defined(__GNUC__) && !defined(__clang__)
[[gnu::target("sse2,fpmath=sse")]]
#endif
[[nodiscard]] inline double
from_units(std::int64_t count, unsigned decimals) noexcept {
    const volatile double divisor = powers_of_ten[decimals];
    return static_cast<double>(count) / divisor;
}
/// The bits of a number, and a number of these bits. Not by value: x87 makes a quiet NaN of a signalling one
/// that it loads.
[[nodiscard]] inline std::uint64_t bits_in(const double& number) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &number, sizeof bits);
    return bits;
}
inline void set_bits(double& to, std::uint64_t bits) noexcept { std::memcpy(&to, &bits, sizeof bits); }

/// `value` as a count of units of 10^-decimals, if that gives it back bit for bit.
[[nodiscard]] inline std::optional<std::int64_t> to_units(const double& value, unsigned decimals) noexcept {
    const double scaled = value * powers_of_ten[decimals];
    if (!(std::fabs(scaled) < 9007199254740992.0)) return std::nullopt;  // 2^53; and NaN
    const std::int64_t count = std::llrint(scaled);
    if (bits_in(from_units(count, decimals)) != bits_in(value)) return std::nullopt;
    return count;
}
/// Whether a float holds it bit for bit, and not as a denormal, which some programs take for 0.
[[nodiscard]] inline bool is_single(const double& value) noexcept {
    const auto single = static_cast<float>(value);
    const auto bits = std::bit_cast<std::uint32_t>(single);
    return bits_in(static_cast<double>(single)) == bits_in(value) &&
           ((bits & 0x7f800000U) != 0 || bits << 1U == 0);
}

/// Packs columns of up to 65,536 values; keeps its memory for the next one. Threads: one at a time.
template <class T = void>
class BasicPacker {
    using Unsigned = Deferred<std::uint64_t, T>;
    using Integer = Deferred<std::int64_t, T>;
    using Number = Deferred<double, T>;
    using Bytes = std::vector<Deferred<std::byte, T>>;

  public:
    static constexpr std::size_t most = 65536;

    /// Appends integers. Cost: 3 to 6 ns a value.
    void pack(std::span<const Integer> values, Bytes& to) {
        values_.assign(values.begin(), values.end());
        write(plan(), to);
    }

    /// Appends numbers, bit for bit.
    void pack(std::span<const Number> values, Bytes& to) {
        ByteWriter out{to};
        if (const auto decimals = try_decimals(values)) {
            out.byte(static_cast<std::uint64_t>(Form::decimal));
            out.byte(*decimals);
            pack(std::span<const Integer>{integers_}, to);
            out.varint(strangers_.size());
            std::size_t before = 0;
            for (const std::size_t at : strangers_) {
                out.varint(at - before);
                out.fixed(bits_in(values[at]));
                before = at;
            }
            return;
        }
        const bool single = std::all_of(values.begin(), values.end(), is_single);
        out.byte(static_cast<std::uint64_t>(single ? Form::single : Form::full));
        integers_.resize(values.size());
        for (std::size_t i = 0; i < values.size(); ++i)
            integers_[i] = single ? in_order(std::bit_cast<std::int32_t>(static_cast<float>(values[i])))
                                  : in_order(static_cast<std::int64_t>(bits_in(values[i])));
        pack(std::span<const Integer>{integers_}, to);
    }

  private:
    struct Plan {
        unsigned order = 0, bits = 64;
        std::uint64_t base = 0, cost = std::numeric_limits<std::uint64_t>::max();
        std::size_t exceptions = 0;
    };
    static constexpr std::uint64_t exception_bits = 80;  // about what one takes
    static constexpr std::uint64_t first_bits = 64;  // about what a value takes that differences begin with
    static constexpr std::size_t sample = 64, few = 16;

    /// With how many decimals nearly all values can be written, if there is such a number: then they are in
    /// `integers_`, as that many units, and the places of the others in `strangers_`.
    [[nodiscard]] std::optional<unsigned> try_decimals(std::span<const Number> values) {
        unsigned decimals = 0;
        const std::size_t stride = std::max<std::size_t>(1, values.size() / 32);
        const std::size_t looks = (values.size() + stride - 1) / stride;
        std::size_t failed = 0;
        for (std::size_t i = 0; i < values.size(); i += stride) {
            unsigned needed = decimals;
            while (needed < most_decimals && !to_units(values[i], needed)) ++needed;
            if (to_units(values[i], needed))
                decimals = needed;
            else if (++failed * 8 > looks)
                return std::nullopt;
        }
        integers_.resize(values.size());
        strangers_.clear();
        std::int64_t last = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (const auto count = to_units(values[i], decimals))
                last = *count;
            else
                strangers_.push_back(i);
            integers_[i] = last;  // a stranger costs no bits here
        }
        if (strangers_.size() * 8 > values.size()) return std::nullopt;
        return decimals;
    }

    /// Which differences take least is tried on some stretches, how to pack those on all.
    [[nodiscard]] Plan plan() {
        const std::span<const Unsigned> all{values_};
        unsigned order = 0;
        if (all.size() > 2) {
            const std::size_t stretches = all.size() > sample ? 4 : 1;
            const std::size_t size = std::min(all.size(), sample) / stretches;
            std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
            for (unsigned tried = 0; tried < 3; ++tried) {
                trial_.clear();
                for (std::size_t n = 0; n < stretches; ++n) {
                    const std::size_t from = stretches == 1 ? 0 : n * (all.size() - size) / (stretches - 1);
                    for (std::size_t i = from + 2; i < from + size; ++i)
                        trial_.push_back(difference(all, i, tried));
                }
                const std::uint64_t cost =
                    plan_for(trial_, 0, few).cost + first_bits * tried * trial_.size() / all.size();
                if (cost < least) {
                    least = cost;
                    order = tried;
                }
            }
        }
        for (unsigned k = 1; k <= order; ++k) differences(values_, k);
        const std::span<const Unsigned> rest = all.subspan(order);
        const Plan sampled = plan_by_sample(rest, order);
        return sampled.bits < 64 ? sampled : plan_for(rest, order, sample);
    }
    /// What is best for some of many, if all take about as much as these let expect; else 64 bits each.
    [[nodiscard]] Plan plan_by_sample(std::span<const Unsigned> values, unsigned order) {
        constexpr std::size_t some = 128;
        if (values.size() < 4 * some) return {};
        take_some(values, some, trial_);
        Plan plan = plan_for(trial_, order, sample);
        if (plan.bits == 0) return {};
        const std::uint64_t head = first_bits * order, mask = low_bits(plan.bits);
        const std::uint64_t expected = head + (plan.cost - head) * values.size() / trial_.size();
        plan.exceptions = 0;
        for (const std::uint64_t value : values) plan.exceptions += value - plan.base > mask ? 1U : 0U;
        plan.cost = head + plan.bits * values.size() + plan.exceptions * exception_bits;
        return plan.cost <= expected + expected / 32 ? plan : Plan{};
    }
    /// About so many of the values, each from anywhere in its stretch: of what repeats, the first of each
    /// would be all the same.
    static void take_some(std::span<const Unsigned> values, std::size_t about, std::vector<Unsigned>& to) {
        const std::size_t stretch = std::max<std::size_t>(1, values.size() / about);
        std::uint64_t random = 0;
        to.clear();
        for (std::size_t i = 0; i + stretch <= values.size(); i += stretch) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            to.push_back(values[i + static_cast<std::size_t>(((random >> 32U) * stretch) >> 32U)]);
        }
    }
    [[nodiscard]] static std::uint64_t difference(std::span<const Unsigned> of, std::size_t i,
                                                  unsigned order) noexcept {
        if (order == 0) return of[i];
        return order == 1 ? of[i] - of[i - 1] : of[i] - 2 * of[i - 1] + of[i - 2];
    }
    /// From the differences of one order to those of the next; the values that they begin with stay.
    static void differences(std::vector<Unsigned>& values, unsigned order) noexcept {
        for (std::size_t i = values.size(); i-- > order;) values[i] -= values[i - 1];
    }

    /// The median is that of about `looked_at` values.
    [[nodiscard]] Plan plan_for(std::span<const Unsigned> values, unsigned order, std::size_t looked_at) {
        const std::uint64_t head = first_bits * order;
        if (values.empty()) return {order, 0, 0, head};
        const auto less = [](std::uint64_t a, std::uint64_t b) {
            return static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b);
        };
        std::uint64_t least = values.front(), greatest = least;
        // As the differences of regular steps; others are told by their first values.
        if (std::all_of(values.begin(), values.end(), [&](std::uint64_t value) { return value == least; }))
            return {order, 0, least, head};
        for (const std::uint64_t value : values) {  // half the time of std::minmax_element
            least = std::min(least, value, less);
            greatest = std::max(greatest, value, less);
        }
        const unsigned all = bits_of(greatest - least);
        Plan plan{order, all, least, head + std::uint64_t{all} * values.size()};
        // Around about the median, with exceptions on both sides.
        take_some(values, looked_at, some_);
        const auto middle = some_.begin() + static_cast<std::ptrdiff_t>(some_.size() / 2);
        std::nth_element(some_.begin(), middle, some_.end(), less);
        const std::uint64_t median = *middle;
        // So many bits, at least. Two counts in turns: one would wait for itself, mostly.
        std::array<std::array<std::uint32_t, 66>, 2> needing{};
        std::size_t turn = 0;
        for (const std::uint64_t value : values) {
            const std::uint64_t distance = value - median;
            // In `bits` lie the distances from -2^(bits-1) to 2^(bits-1) - 1.
            const bool is_below = static_cast<std::int64_t>(distance) < 0;
            ++needing[turn][bits_of(is_below ? ~distance : distance) + 1];
            turn ^= 1U;
        }
        std::size_t exceptions = values.size();
        for (unsigned bits = 1; bits < all; ++bits) {
            exceptions -= needing[0][bits] + needing[1][bits];
            const std::uint64_t cost =
                head + std::uint64_t{bits} * values.size() + exceptions * exception_bits;
            if (cost < plan.cost)
                plan = {order, bits, median - (std::uint64_t{1} << (bits - 1)), cost, exceptions};
        }
        return plan;
    }

    void write(const Plan& plan, Bytes& to) {
        const std::span<const Unsigned> values{values_}, packed = values.subspan(plan.order);
        const std::uint64_t mask = low_bits(plan.bits);
        exceptions_.clear();
        for (std::size_t i = 0; exceptions_.size() < plan.exceptions; ++i) {
            if (packed[i] - plan.base > mask) exceptions_.push_back(i);
        }
        ByteWriter out{to};
        out.byte(plan.order);
        out.byte(plan.bits);
        out.varint(exceptions_.size());
        for (const std::uint64_t first : values.first(plan.order))
            out.signed_varint(static_cast<std::int64_t>(first));
        out.signed_varint(static_cast<std::int64_t>(plan.base));
        std::size_t before = 0;
        for (const std::size_t at : exceptions_) {
            out.varint(at - before);
            out.signed_varint(static_cast<std::int64_t>(packed[at]));
            before = at;
        }
        if (plan.bits == 0) return;
        const std::size_t at = to.size(), bytes = (packed.size() * plan.bits + 7) / 8;
        to.resize(at + bytes + sizeof(std::uint64_t));  // the last word is written whole
        std::byte* word = to.data() + at;
        std::uint64_t pending = 0;
        unsigned filled = 0;
        for (const std::uint64_t value : packed) {
            const std::uint64_t bits = (value - plan.base) & mask;
            pending |= bits << filled;
            filled += plan.bits;
            if (filled < 64) continue;
            put(word, pending);
            word += sizeof pending;
            filled -= 64;
            pending = filled == 0 ? 0 : bits >> (plan.bits - filled);
        }
        put(word, pending);
        to.resize(at + bytes);
    }

    std::vector<Unsigned> values_, trial_, some_;
    std::vector<Deferred<std::size_t, T>> exceptions_, strangers_;
    std::vector<Integer> integers_;
};
using Packer = BasicPacker<>;

/// Reads as many integers as `values` has room for. False if the bytes are damaged; what `values` holds then
/// is of no use. Cost: about 1 ns a value.
template <class = void>
[[nodiscard]] bool unpack(ByteReader& from, std::span<std::int64_t> values) noexcept {
    const std::uint64_t order = from.byte(), bits = from.byte(), exceptions = from.varint();
    if (!from.ok() || order > 2 || order > values.size() || bits > 64 || exceptions > values.size())
        return false;
    for (std::size_t i = 0; i < order; ++i) values[i] = from.signed_varint();
    const auto base = static_cast<std::uint64_t>(from.signed_varint());
    const std::span<std::int64_t> packed = values.subspan(static_cast<std::size_t>(order));
    ByteReader patches = from;
    for (std::uint64_t i = 0; i < exceptions; ++i) {
        (void)from.varint();
        (void)from.varint();
    }
    const std::span<const std::byte> data =
        from.bytes(static_cast<std::size_t>((packed.size() * bits + 7) / 8));
    if (!from.ok()) return false;
    const std::uint64_t mask = low_bits(static_cast<unsigned>(bits));
    // What can be loaded as a word at once, and what lies at the end.
    const auto read_by = [&](auto&& bits_at) {
        std::byte tail[32] = {};
        const std::size_t safe = data.size() < 9 ? 0
                                                 : static_cast<std::size_t>(std::min<std::uint64_t>(
                                                       packed.size(), (data.size() - 9) * 8 / bits + 1));
        for (std::size_t i = 0; i < safe; ++i)
            packed[i] = static_cast<std::int64_t>(base + bits_at(data.data(), i * bits));
        const std::size_t from_byte = static_cast<std::size_t>(safe * bits / 8);
        std::memcpy(tail, data.data() + from_byte, data.size() - from_byte);
        for (std::size_t i = safe; i < packed.size(); ++i)
            packed[i] = static_cast<std::int64_t>(base + bits_at(tail, i * bits - from_byte * 8));
    };
    const auto word_at = [](const std::byte* at, std::uint64_t bit) {
        return get<std::uint64_t>(at + bit / 8) >> (bit % 8);
    };
    std::uint64_t sums = order;
    if (bits == 0 && order != 0 && exceptions == 0) {  // each is as much greater than the one before
        auto value = static_cast<std::uint64_t>(values[static_cast<std::size_t>(order - 1)]);
        for (std::int64_t& next : packed) next = static_cast<std::int64_t>(value += base);
        --sums;
    } else if (bits == 0 || packed.empty()) {
        std::fill(packed.begin(), packed.end(), static_cast<std::int64_t>(base));
    } else if (bits <= 57) {
        read_by([&](const std::byte* at, std::uint64_t bit) { return word_at(at, bit) & mask; });
    } else {
        read_by([&](const std::byte* at, std::uint64_t bit) {
            const std::uint64_t high = std::to_integer<std::uint64_t>(at[bit / 8 + 8]);
            return (word_at(at, bit) | (bit % 8 == 0 ? 0 : high << (64 - bit % 8))) & mask;
        });
    }
    std::uint64_t at = 0;
    for (std::uint64_t i = 0; i < exceptions; ++i) {
        at += patches.varint();
        if (at >= packed.size()) return false;
        packed[static_cast<std::size_t>(at)] = patches.signed_varint();
    }
    for (; sums > 0; --sums) {
        auto sum = static_cast<std::uint64_t>(values[static_cast<std::size_t>(sums - 1)]);
        for (std::int64_t& value : values.subspan(static_cast<std::size_t>(sums)))
            value = static_cast<std::int64_t>(sum += static_cast<std::uint64_t>(value));
    }
    return true;
}

/// The same for numbers.
template <class = void>
[[nodiscard]] bool unpack(ByteReader& from, std::vector<double>& values,
                          std::vector<std::int64_t>& integers) {
    const std::uint64_t form = from.byte();
    const std::uint64_t decimals = form == static_cast<std::uint64_t>(Form::decimal) ? from.byte() : 0;
    integers.resize(values.size());
    if (decimals > most_decimals || !unpack(from, std::span{integers})) return false;
    switch (static_cast<Form>(form)) {
        case Form::decimal: {
            for (std::size_t i = 0; i < values.size(); ++i)
                values[i] = from_units(integers[i], static_cast<unsigned>(decimals));
            std::uint64_t at = 0;
            for (std::uint64_t left = from.varint(); left > 0; --left) {
                at += from.varint();
                if (!from.ok() || at >= values.size()) return false;
                set_bits(values[static_cast<std::size_t>(at)], from.template fixed<std::uint64_t>());
            }
            return from.ok();
        }
        case Form::single:
            for (std::size_t i = 0; i < values.size(); ++i)
                values[i] = static_cast<double>(
                    std::bit_cast<float>(in_order(static_cast<std::int32_t>(integers[i]))));
            return true;
        case Form::full:
            for (std::size_t i = 0; i < values.size(); ++i)
                set_bits(values[i], static_cast<std::uint64_t>(in_order(integers[i])));
            return true;
    }
    return false;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/series_node.hpp
// What is kept of many values of one metric, so that a question about all of them need not look at each.

namespace CAIRN_NAMESPACE::detail {

inline constexpr std::int64_t ns_per_ms = 1'000'000;
/// The latest time that can be told in nanoseconds too; the earliest is as far from the epoch.
inline constexpr std::int64_t most_ms = std::numeric_limits<std::int64_t>::max() / ns_per_ms;

/// A stretch of a series, column by column: as many of each.
struct SeriesValues {
    std::span<const std::int64_t> steps{}, ms{};  ///< of the rows; milliseconds since the Unix epoch
    std::span<const double> numbers{};
};

/// Exact least, greatest and last finite value of a stretch of a series, and where it lies. Requires a value,
/// for what lies where.
struct SeriesNode {
    std::uint64_t finite = 0, nans = 0, infinities = 0;  ///< how many of each
    std::uint64_t restarts = 0;                          ///< how often the step repeated or went back
    std::int64_t first_step = 0, last_step = 0;
    std::int64_t min_step = 0, max_step = 0;
    std::int64_t min_ms = 0, max_ms = 0;  ///< since the Unix epoch
    double min = detail::not_a_number;
    double max = detail::not_a_number;
    double last = detail::not_a_number;  ///< in the order they were logged

    [[nodiscard]] std::uint64_t count() const noexcept { return finite + nans + infinities; }
    friend bool operator==(const SeriesNode&, const SeriesNode&) = default;

    // By reference: clang takes a double argument never to be NaN under -ffast-math.
    void add(std::int64_t step, std::int64_t ms, const double& value) noexcept {
        if (count() == 0) {
            first_step = min_step = max_step = step;
            min_ms = max_ms = ms;
        } else {
            restarts += step <= last_step ? 1U : 0U;
            min_step = std::min(min_step, step);
            max_step = std::max(max_step, step);
            min_ms = std::min(min_ms, ms);
            max_ms = std::max(max_ms, ms);
        }
        last_step = step;
        if (!is_finite(value)) {
            ++(is_nan(value) ? nans : infinities);
            return;
        }
        if (finite == 0 || value < min) min = value;
        if (finite == 0 || value > max) max = value;
        last = value;
        ++finite;
    }

    /// Adds those of a stretch from one number to another, column by column: a third of what one by one
    /// costs.
    void add(const SeriesValues& values, std::size_t from, std::size_t to) noexcept {
        if (to - from < 4) {
            for (; from != to; ++from) add(values.steps[from], values.ms[from], values.numbers[from]);
            return;
        }
        SeriesNode all;
        all.first_step = all.min_step = values.steps[from];
        all.last_step = all.max_step = values.steps[to - 1];
        all.min_ms = values.ms[from];
        all.max_ms = values.ms[to - 1];
        bool goes_back = false;  // then the ends are not the extremes
        for (std::size_t i = from + 1; i < to; ++i) {
            all.restarts += values.steps[i] <= values.steps[i - 1] ? 1U : 0U;
            goes_back |= values.ms[i] < values.ms[i - 1];
        }
        for (std::size_t i = from; (goes_back || all.restarts != 0) && i < to; ++i) {
            all.min_step = std::min(all.min_step, values.steps[i]);
            all.max_step = std::max(all.max_step, values.steps[i]);
            all.min_ms = std::min(all.min_ms, values.ms[i]);
            all.max_ms = std::max(all.max_ms, values.ms[i]);
        }
        double least = std::numeric_limits<double>::max(), greatest = std::numeric_limits<double>::lowest();
        std::size_t last_finite = to;
        for (std::size_t i = from; i < to; ++i) {
            const double& value = values.numbers[i];
            if (!is_finite(value)) {
                ++(is_nan(value) ? all.nans : all.infinities);
                continue;
            }
            least = value < least ? value : least;
            greatest = value > greatest ? value : greatest;
            last_finite = i;
        }
        all.finite = to - from - all.nans - all.infinities;
        if (all.finite != 0) all.min = least, all.max = greatest, all.last = values.numbers[last_finite];
        merge(all);
    }

    /// Takes in what follows it.
    void merge(const SeriesNode& next) noexcept {
        if (next.count() == 0) return;
        if (count() == 0) {
            *this = next;
            return;
        }
        restarts += next.restarts + (next.first_step <= last_step ? 1U : 0U);
        last_step = next.last_step;
        min_step = std::min(min_step, next.min_step);
        max_step = std::max(max_step, next.max_step);
        min_ms = std::min(min_ms, next.min_ms);
        max_ms = std::max(max_ms, next.max_ms);
        if (next.finite != 0) {
            if (finite == 0 || next.min < min) min = next.min;
            if (finite == 0 || next.max > max) max = next.max;
            last = next.last;
        }
        finite += next.finite;
        nans += next.nans;
        infinities += next.infinities;
    }
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/row_block.hpp
// Rows column by column: what was logged with the same metrics stands together, so that each column is packed
// well. The order of the rows is kept.
//
//   block   varint rows · if there are any: integers steps · integers times in ms · varint groups
//           · integers groups of the rows, if there are several · groups
//   group   u8 record kind · varint cells · cells × (varint metric id · u8 value kind) · cells × column
//   column  numbers; or integers, also for true and false; or integers lengths · the texts
//
// `integers` and `numbers` are of packed.hpp.

namespace CAIRN_NAMESPACE::detail {

/// A block has no more rows and no more cells than this: a hostile one must not make us allocate.
inline constexpr std::size_t max_block_rows = BasicPacker<>::most;
inline constexpr std::size_t max_block_cells = 4 * max_block_rows;

/// What the rows of a group have in common: each cell's metric and the kind of its value.
using RowShape = std::vector<std::pair<std::uint32_t, Value::Kind>>;

/// The values of one metric in the rows of a group.
struct BlockColumn {
    std::vector<double> numbers{};
    std::vector<std::int64_t> integers{};  ///< whole numbers; or the lengths of texts
    std::string text{};
};

/// A value of a column that is no text, as a number.
template <class Column>
[[nodiscard]] double number_in(const Column& column, Value::Kind kind, std::size_t row) {
    if (kind == Value::Kind::number) return column.numbers[row];
    return Value::from_integer_bits(kind, static_cast<std::uint64_t>(column.integers[row])).number();
}

/// Collects rows and writes them as a block; keeps its memory for the next one. Threads: one at a time.
template <class T = void>
class BasicBlockWriter {
    using Integers = std::vector<Deferred<std::int64_t, T>>;
    using Shape = Deferred<RowShape, T>;
    using Column = Deferred<BlockColumn, T>;
    using Cells = std::vector<Deferred<Cell, T>>;
    using Node = Deferred<SeriesNode, T>;

  public:
    [[nodiscard]] std::size_t rows() const noexcept { return steps_.size(); }
    /// Whether another row of so many cells fits.
    [[nodiscard]] bool has_room(std::size_t cells) const noexcept {
        return rows() < max_block_rows && cells_ + cells <= max_block_cells;
    }

    /// Takes a row for which there is room. True if it is the first with just these metrics. After an
    /// exception `clear`.
    bool add(RecordKind kind, std::int64_t step, std::int64_t time_ns, const Cells& cells) {
        const std::size_t groups = groups_.size();
        repeats_ = last_ < groups && groups_[last_].takes(kind, cells);
        if (!repeats_) last_ = find_group(kind, cells);
        Group& group = groups_[last_];
        count_rows(1, cells.size());
        steps_.push_back(step);
        times_.push_back(time_ns / ns_per_ms);
        for (std::size_t i = 0; i < cells.size(); ++i) put_value(group.columns[i], cells[i].value);
        return groups_.size() != groups;
    }
    /// Takes the rows that `records` begins with and that are like the row before, without a text, if that
    /// was like the one before it; as many as there is room for, `most` at the most. That is what most rows
    /// are, and half of what `add` takes. After an exception `clear`.
    AlikeRows add_alike(std::span<const std::byte> records, std::size_t most) {
        if (!repeats_ || groups_[last_].has_text) return {};
        Group& group = groups_[last_];
        const std::size_t cells = group.heads.size();
        most = std::min(
            {most, max_block_rows - rows(), (max_block_cells - cells_) / std::max<std::size_t>(cells, 1)});
        const AlikeRows taken = alike_rows(records, group.kind, group.heads, most);
        if (taken.size() == 0) return taken;
        count_rows(taken.size(), cells);
        fill(steps_, taken.size(), [&](std::size_t row) { return taken.step(row); });
        fill(times_, taken.size(), [&](std::size_t row) { return taken.time_ns(row) / ns_per_ms; });
        for (std::size_t i = 0; i < cells; ++i) {
            Column& column = group.columns[i];
            const auto bits = [&](std::size_t row) { return taken.bits(row, i); };
            if (group.shape[i].second == Value::Kind::number) {
                fill(column.numbers, taken.size(), bits);
            } else {
                fill(column.integers, taken.size(), bits);
            }
        }
        return taken;
    }

    /// How many cells the row has that was added last; 0 of none.
    [[nodiscard]] std::size_t last_cells() const noexcept {
        return groups_.empty() ? 0 : groups_[last_].heads.size();
    }

    /// What it has of each metric that is a number: calls `f(metric, SeriesNode)`, in the order of their
    /// numbers. Not of events.
    template <class F>
    void summarize(F&& f) const {
        struct Kept {
            Node node{};
            std::size_t columns = 0;  // that have the metric
        };
        std::map<std::uint32_t, Kept> metrics;  // its values stay where they are
        std::vector<std::vector<Kept*>> of_column(groups_.size());
        std::size_t left = 0;  // columns
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            for (const auto& [metric, kind] : groups_[i].shape) {
                const bool counts = has_series(groups_[i].kind) && kind != Value::Kind::text;
                Kept* const kept = counts ? &metrics[metric] : nullptr;
                of_column[i].push_back(kept);
                if (kept != nullptr) ++kept->columns, ++left;
            }
        }
        // Mostly all rows are alike, and a metric's values are one column: a sixth of what row by row costs.
        for (std::size_t i = 0; groups_.size() == 1 && i < of_column[0].size(); ++i) {
            Kept*& kept = of_column[0][i];
            if (kept == nullptr || kept->columns != 1 || groups_[0].shape[i].second != Value::Kind::number)
                continue;
            kept->node.add(SeriesValues{steps_, times_, groups_[0].columns[i].numbers}, 0, rows());
            kept = nullptr;
            --left;
        }
        std::vector<std::size_t> next(groups_.size());
        for (std::size_t row = 0; left != 0 && row < rows(); ++row) {
            const std::size_t of = of_row_.empty() ? 0 : static_cast<std::size_t>(of_row_[row]);
            const Group& group = groups_[of];
            const std::size_t at = next[of]++;
            for (std::size_t i = 0; i < group.shape.size(); ++i) {
                if (Kept* const kept = of_column[of][i])
                    kept->node.add(steps_[row], times_[row],
                                   number_in(group.columns[i], group.shape[i].second, at));
            }
        }
        for (const auto& [metric, kept] : metrics) f(metric, kept.node);
    }

    /// Forgets the rows.
    void clear() noexcept {
        groups_.clear();
        known_.clear();
        repeats_ = false;
        steps_.clear();
        times_.clear();
        of_row_.clear();
        cells_ = 0;
    }

    /// Appends the block and forgets its rows.
    void write(std::vector<std::byte>& to) {
        ByteWriter out{to};
        out.varint(rows());
        if (rows() != 0) {
            packer_.pack(std::span<const Deferred<std::int64_t, T>>{steps_}, to);
            packer_.pack(std::span<const Deferred<std::int64_t, T>>{times_}, to);
            out.varint(groups_.size());
            if (groups_.size() > 1) packer_.pack(std::span<const Deferred<std::int64_t, T>>{of_row_}, to);
            for (const Group& group : groups_) write_group(group, to);
        }
        clear();
    }

  private:
    struct Group {
        RecordKind kind{};
        Shape shape{};
        std::vector<Column> columns{};
        std::vector<std::uint64_t> heads{};  // of its cells
        bool has_text = false;

        [[nodiscard]] bool takes(RecordKind of, const Cells& cells) const noexcept {
            if (of != kind || cells.size() != shape.size()) return false;
            for (std::size_t i = 0; i < cells.size(); ++i) {
                if (cells[i].metric != shape[i].first || cells[i].value.kind() != shape[i].second)
                    return false;
            }
            return true;
        }
    };

    [[nodiscard]] CAIRN_COLD std::size_t find_group(RecordKind kind, const Cells& cells) {
        Shape shape;
        for (const Cell& cell : cells) shape.emplace_back(cell.metric, cell.value.kind());
        const auto [at, is_new] = known_.try_emplace({kind, shape}, groups_.size());
        if (!is_new) return at->second;
        Group& group = groups_.emplace_back();
        group.kind = kind;
        group.columns.resize(cells.size());
        for (const auto& [metric, of] : shape) {
            group.heads.push_back(cell_head(metric, of));
            group.has_text = group.has_text || of == Value::Kind::text;
        }
        group.shape = std::move(shape);
        return at->second;
    }
    /// Of so many rows of the group at hand, before they are put in.
    void count_rows(std::size_t count, std::size_t cells) {
        // Mostly there is one group, and nothing to say of a row.
        if (groups_.size() > 1) {
            of_row_.resize(rows());
            for (std::size_t i = 0; i < count; ++i) of_row_.push_back(static_cast<std::int64_t>(last_));
        }
        cells_ += count * cells;
    }
    template <class V, class F>
    static void fill(std::vector<V>& column, std::size_t rows, F&& value) {
        const std::size_t before = column.size();
        column.resize(before + rows);
        V* to = column.data() + before;
        for (std::size_t row = 0; row < rows; ++row) to[row] = std::bit_cast<V>(value(row));
    }
    static void put_value(Column& column, const Value& value) {
        switch (value.kind()) {
            case Value::Kind::number: column.numbers.push_back(value.number()); break;
            case Value::Kind::text:
                column.integers.push_back(static_cast<std::int64_t>(value.text().size()));
                column.text += value.text();
                break;
            default: column.integers.push_back(static_cast<std::int64_t>(value.bits()));
        }
    }
    void write_group(const Group& group, std::vector<std::byte>& to) {
        ByteWriter out{to};
        out.byte(static_cast<std::uint64_t>(group.kind));
        out.varint(group.shape.size());
        for (const auto& [metric, kind] : group.shape) {
            out.varint(metric);
            out.byte(static_cast<std::uint64_t>(kind));
        }
        for (std::size_t i = 0; i < group.shape.size(); ++i) {
            const Column& column = group.columns[i];
            if (group.shape[i].second == Value::Kind::number) {
                packer_.pack(std::span<const Deferred<double, T>>{column.numbers}, to);
            } else {
                packer_.pack(std::span<const Deferred<std::int64_t, T>>{column.integers}, to);
                out.text(column.text);
            }
        }
    }

    BasicPacker<T> packer_;
    Integers steps_, times_, of_row_;
    std::vector<Group> groups_;
    std::map<std::pair<RecordKind, Shape>, std::size_t> known_;
    std::size_t last_ = 0, cells_ = 0;
    bool repeats_ = false;  // the last row had the group of the one before
};
using BlockWriter = BasicBlockWriter<>;

/// Reads blocks; keeps its memory for the next one. Threads: one at a time.
template <class T = void>
class BasicBlockReader {
    using Integers = std::vector<Deferred<std::int64_t, T>>;
    using Numbers = std::vector<Deferred<double, T>>;
    using Reader = Deferred<ByteReader, T>;

  public:
    /// Calls `f(kind, step, time_ns, const std::vector<Cell>&)` for each row, in their order; texts point
    /// into `block`. False, before any call, if the bytes are damaged.
    template <class F>
    [[nodiscard]] bool read(std::span<const std::byte> block, F&& f) {
        if (!decode(block, [](const auto&...) { return false; })) return false;
        for (std::size_t row = 0; row < steps_.size(); ++row) {
            Group& group = group_of(row);
            cells_.clear();
            for (Column& column : group.columns) cells_.push_back({column.metric, next(column, group.row)});
            ++group.row;
            f(group.kind, steps_[row], times_[row] * ns_per_ms, std::as_const(cells_));
        }
        return true;
    }

  protected:
    struct Column {
        std::uint32_t metric = 0;
        Value::Kind kind{};
        Numbers numbers{};
        Integers integers{};
        std::string_view text{};
    };
    struct Group {
        RecordKind kind{};
        std::size_t rows = 0, row = 0;
        std::vector<Column> columns{};
    };

    /// Reads the columns, but those that `pass_over(from, column, rows)` has passed over.
    template <class PassOver>
    [[nodiscard]] bool decode(std::span<const std::byte> block, PassOver&& pass_over) {
        Reader from{block};
        const std::uint64_t rows = from.varint();
        if (rows > max_block_rows) return false;
        for (auto* column : {&steps_, &times_}) column->resize(static_cast<std::size_t>(rows));
        of_row_.clear();
        if (rows == 0) {
            groups_.clear();  // of the block before
            return from.ok() && from.rest().empty();
        }
        if (!unpack(from, std::span{steps_}) || !unpack(from, std::span{times_})) return false;
        if (!are_times(times_)) return false;
        const std::uint64_t groups = from.varint();
        if (groups == 0 || groups > rows) return false;
        if (groups > 1) {
            of_row_.resize(steps_.size());
            if (!unpack(from, std::span{of_row_})) return false;
        }
        groups_.resize(static_cast<std::size_t>(groups));
        for (Group& group : groups_) group.rows = group.row = 0;
        if (groups == 1) groups_[0].rows = steps_.size();
        for (const std::int64_t of : of_row_) {
            const auto group = static_cast<std::uint64_t>(of);
            if (group >= groups) return false;
            ++groups_[static_cast<std::size_t>(group)].rows;
        }
        std::size_t room = max_block_cells;
        for (Group& group : groups_) {
            if (!decode_group(from, group, room, pass_over)) return false;
        }
        return from.ok() && from.rest().empty();
    }

    template <class PassOver>
    [[nodiscard]] bool decode_group(Reader& from, Group& group, std::size_t& room, PassOver&& pass_over) {
        const std::uint64_t kind = from.byte(), cells = from.varint();
        group.kind = static_cast<RecordKind>(kind);
        if (!has_series(group.kind) && group.kind != RecordKind::event) return false;
        if (group.rows == 0 || cells > room / group.rows) return false;
        room -= static_cast<std::size_t>(cells) * group.rows;
        group.columns.resize(static_cast<std::size_t>(cells));
        for (Column& column : group.columns) {
            column.metric = static_cast<std::uint32_t>(from.varint());
            const std::uint64_t of = from.byte();
            column.kind = static_cast<Value::Kind>(of);
            if (of > static_cast<std::uint64_t>(Value::Kind::text) || column.kind == Value::Kind::none)
                return false;
        }
        for (Column& column : group.columns) {
            if (pass_over(from, column, group.rows)) continue;
            if (column.kind == Value::Kind::number) {
                column.numbers.resize(group.rows);
                if (!unpack(from, column.numbers, scratch_)) return false;
                continue;
            }
            column.integers.resize(group.rows);
            if (!unpack(from, std::span{column.integers})) return false;
            if (column.kind == Value::Kind::text && !decode_text(from, column)) return false;
        }
        return true;
    }
    [[nodiscard]] static bool decode_text(Reader& from, Column& column) {
        std::uint64_t bytes = 0;
        for (const std::int64_t length : column.integers) {
            if (length < 0 || static_cast<std::uint64_t>(length) > from.rest().size() - bytes) return false;
            bytes += static_cast<std::uint64_t>(length);
        }
        const auto text = from.bytes(static_cast<std::size_t>(bytes));
        column.text = {reinterpret_cast<const char*>(text.data()), text.size()};
        return true;
    }

    [[nodiscard]] static bool are_times(const Integers& ms) noexcept {
        // Within 2^43 ms, as they are till the year 2248: a question that is put to several at once.
        std::uint64_t bits = 0;
        for (const std::int64_t at : ms) bits |= static_cast<std::uint64_t>(at) + (std::uint64_t{1} << 43U);
        return bits >> 44U == 0 || std::all_of(ms.begin(), ms.end(), [](std::int64_t at) {
                   return at >= -most_ms && at <= most_ms;
               });
    }
    [[nodiscard]] Group& group_of(std::size_t row) noexcept {
        return groups_[of_row_.empty() ? 0 : static_cast<std::size_t>(of_row_[row])];
    }
    [[nodiscard]] static Value next(Column& column, std::size_t row) noexcept {
        switch (column.kind) {
            case Value::Kind::number: return Value{column.numbers[row]};
            case Value::Kind::text: {
                const auto size = static_cast<std::size_t>(column.integers[row]);
                const std::string_view text = column.text.substr(0, size);
                column.text.remove_prefix(size);
                return Value{text};
            }
            default:
                return Value::from_integer_bits(column.kind,
                                                static_cast<std::uint64_t>(column.integers[row]));
        }
    }

    Integers steps_, times_, scratch_;
    Integers of_row_;  // the groups of the rows, if there are several
    std::vector<Group> groups_;
    std::vector<Deferred<Cell, T>> cells_;
};
using BlockReader = BasicBlockReader<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/intake.hpp
// What the collector has seen of one ring and has not written yet. The rows stay in the ring until they are
// in the history, so none is lost with the process; meanwhile they are summed up and sorted into columns,
// because many rows together take few bytes each.

namespace CAIRN_NAMESPACE::detail {

/// Turns the stretches of one ring into frames: of packed rows; or of records as they lie in the ring, where
/// a row has several and not all of them are there, or where there is no time to pack. Threads: one at a
/// time.
template <class T = void>
class BasicIntake {
  public:
    /// A frame has this many rows, or is made of this much.
    static constexpr std::size_t frame_rows = 1024;
    static constexpr std::uint64_t frame_bytes = ring_capacity / 4;
    /// Of fewer bytes each row is taken by itself: they are few.
    static constexpr std::size_t worth_together = 512;
    /// Rows of so many cells have few values of a metric in a frame: packing takes several times what keeping
    /// them as they are does.
    static constexpr std::size_t wide = 256;
    /// And no more names than this: what a frame may have is far above it, by more than one record's names.
    static constexpr std::uint64_t frame_name_bytes = max_frame_bytes / 2;

    /// Sees what the ring has, up to a frame's worth. Returns how many rows that were. `is_pressed`: somebody
    /// waits for the room; then wide rows are not packed. After an exception (no memory) `restart`.
    template <class Rings>
    std::uint64_t look(const Rings& ring, BasicMetricBoard<T>& board, bool is_pressed = false) {
        const std::uint64_t before = summed_rows_;
        fewest_kept_ = is_pressed ? wide : std::numeric_limits<std::size_t>::max();
        while (!is_full()) {
            const Ring::Readable piece = ring.readable(seen_);
            if (piece.bytes.empty()) break;
            seen_ = piece.from;  // there may be a hole before it
            if (!take(piece, board)) break;
        }
        return summed_rows_ - before;
    }
    /// Forgets what was seen and is not written; it is seen once more, but not summed up again.
    void restart() noexcept {
        block_.clear();
        forget();
        seen_ = from_;
    }

    /// How much of the ring was seen and is not released.
    [[nodiscard]] std::uint64_t waiting() const noexcept { return seen_ - from_; }
    /// Whether it is time to write.
    [[nodiscard]] bool is_full() const noexcept {
        return is_closed_ || block_.rows() >= frame_rows || bytes_ >= frame_bytes ||
               name_bytes_ >= frame_name_bytes;
    }

    /// Rows that were seen and are not written.
    [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

    /// What was seen, as a frame: the same one until it is `written`. After an exception `restart`.
    [[nodiscard]] Frame frame(std::uint32_t ring, const BasicMetricBoard<T>& board) {
        if (payload_.empty()) encode(board);
        is_closed_ = true;
        const FrameKind kind = records_.empty() ? FrameKind::packed : FrameKind::records;
        return {kind, ring, from_, seen_, payload_};
    }
    /// What the frame has of each metric that it names, until the next one is made; nothing of records.
    [[nodiscard]] const std::vector<std::pair<std::uint32_t, Deferred<SeriesNode, T>>>&
    nodes() const noexcept {
        return nodes_;
    }
    /// The frame is in the history. Returns up to where the ring can be released.
    std::uint64_t written() noexcept {
        forget();
        return from_ = seen_;
    }

  private:
    void forget() noexcept {
        payload_.clear();
        records_.clear();
        named_.clear();
        is_closed_ = false;
        rows_ = bytes_ = name_bytes_ = 0;
    }

    /// False if the frame has to be written before the rest is taken.
    bool take(const Ring::Readable& piece, BasicMetricBoard<T>& board) {
        while (!is_full()) {
            const auto rest = piece.bytes.subspan(static_cast<std::size_t>(seen_ - piece.from));
            if (rest.size() >= worth_together && block_.last_cells() < fewest_kept_ &&
                take_alike(rest, board))
                continue;
            RecordReader reader{rest};
            RecordReader::Record record;
            const bool is_record = reader.next(record);
            std::size_t size = rest.size() - reader.left();
            if (is_record && record.kind == RecordKind::name) {
                take_name(record.body, board);
            } else if (is_record && record.kind != RecordKind::padding) {
                if (!take_row(record, rest, size, board)) return false;
                bytes_ += size;
            } else if (reader.damaged()) {
                // Something wrote over the ring. It is kept as it is, so that the history says so.
                if (!begin_records()) return false;
                keep(rest);
            } else if (!is_record) {
                break;
            }
            seen_ += size;
        }
        return true;
    }
    /// Takes the rows that are like the one before, all together, up to a frame's worth. False if there is
    /// none.
    bool take_alike(std::span<const std::byte> records, BasicMetricBoard<T>& board) {
        if (!records_.empty()) return false;
        const auto room = static_cast<std::size_t>(frame_bytes - bytes_);
        const AlikeRows rows =
            block_.add_alike(records.first(std::min(records.size(), room)), frame_rows - block_.rows());
        if (rows.size() == 0) return false;
        bytes_ += rows.bytes.size();
        seen_ += rows.bytes.size();
        if (!has_series(rows.kind)) return true;
        const bool is_sample = rows.kind == RecordKind::sample;
        if (!is_sample) rows_ += rows.size();
        if (seen_ <= summed_to_) return true;
        const auto to_sum = static_cast<std::size_t>(seen_ - summed_to_) + rows.row_bytes() - 1;
        std::size_t row = rows.size() - std::min(to_sum / rows.row_bytes(), rows.size());
        summed_to_ = seen_;
        if (!is_sample) summed_rows_ += rows.size() - row;
        for (; row < rows.size(); ++row) {
            if (!is_sample) board.saw(rows.step(row));
            for (std::size_t i = 0; i < rows.cells; ++i)
                board.add(rows.kind, rows.metric(i), rows.step(row), rows.value(row, i));
        }
        return true;
    }
    void take_name(std::span<const std::byte> body, BasicMetricBoard<T>& board) {
        std::uint32_t metric = 0;
        std::string_view name;
        if (!read_name(body, metric, name)) return;
        board.name(metric, name);
        need_name(metric, board);
    }
    /// Takes the row that `rest` begins with, whose first record has `size`; that becomes the size of what it
    /// took.
    bool take_row(const RecordReader::Record& record, std::span<const std::byte> rest, std::size_t& size,
                  BasicMetricBoard<T>& board) {
        std::int64_t step = 0, time_ns = 0;
        const std::size_t whole = read_whole(rest, step, time_ns, board);
        size = std::max(size, whole);
        if (whole == 0) [[unlikely]] {  // its first record, then
            cells_.clear();
            (void)read_row(record.body, step, time_ns, cells_);
        }
        if (whole != 0 && cells_.size() < fewest_kept_) [[likely]] {
            is_closed_ = !records_.empty() || !block_.has_room(cells_.size());
            if (is_closed_) return false;
            if (block_.add(record.kind, step, time_ns, cells_)) need_names(board);
        } else {
            if (!begin_records()) return false;
            need_names(board);
            keep(rest.first(size));
        }
        if (!has_series(record.kind)) return true;
        const bool is_sample = record.kind == RecordKind::sample;
        // A row counts at its end.
        const std::uint64_t row = !is_sample && (whole != 0 || (record.flags & row_continues) == 0);
        rows_ += row;
        if (const std::uint64_t end = seen_ + size; end > summed_to_) {
            summed_to_ = end;
            summed_rows_ += row;
            if (!is_sample) board.saw(step);
            for (const Cell& cell : cells_) board.add(record.kind, cell.metric, step, cell.value);
        }
        return true;
    }
    /// Reads the row that `records` begin with, in as many of them as it has. Returns their bytes; 0 if it is
    /// damaged, if not all of it is there, if a part was summed up without the rest, or if it is too large
    /// for a frame.
    std::size_t read_whole(std::span<const std::byte> records, std::int64_t& step, std::int64_t& time_ns,
                           const BasicMetricBoard<T>& board) {
        cells_.clear();
        RecordReader reader{records};
        RecordReader::Record part;
        RecordKind kind{};
        std::uint8_t expected = 0;
        while (reader.next(part)) {
            std::int64_t of_step = 0, of_time_ns = 0;
            if ((part.flags & row_is_continued) != expected ||
                !read_row(part.body, of_step, of_time_ns, cells_))
                return 0;
            const std::size_t size = records.size() - reader.left();
            if (expected == 0) {
                step = of_step, time_ns = of_time_ns, kind = part.kind;
            } else if (of_step != step || of_time_ns != time_ns || part.kind != kind || size > frame_bytes) {
                return 0;
            }
            if ((part.flags & row_continues) == 0) {
                const bool is_one = expected == 0 || is_one_for_frame(size, board);
                return is_one ? size : 0;
            }
            expected = row_is_continued;
        }
        return 0;
    }
    CAIRN_COLD bool is_one_for_frame(std::size_t size, const BasicMetricBoard<T>& board) const {
        if (summed_to_ > seen_ && summed_to_ < seen_ + size) return false;
        std::uint64_t names = 0;
        for (const Cell& cell : cells_) names += name_record_size(board.name_of(cell.metric));
        return names <= frame_name_bytes / 2;
    }
    CAIRN_COLD void need_names(const BasicMetricBoard<T>& board) {
        for (const Cell& cell : cells_) need_name(cell.metric, board);
    }
    void need_name(std::uint32_t metric, const BasicMetricBoard<T>& board) {
        named_.push_back(metric);
        name_bytes_ += name_record_size(board.name_of(metric));
    }
    /// A frame has packed rows or records, never both.
    bool begin_records() noexcept {
        is_closed_ = block_.rows() != 0;
        return !is_closed_;
    }
    CAIRN_COLD void keep(std::span<const std::byte> records) {
        records_.insert(records_.end(), records.begin(), records.end());
    }

    void encode(const BasicMetricBoard<T>& board) {
        nodes_.clear();
        std::sort(named_.begin(), named_.end());
        named_.erase(std::unique(named_.begin(), named_.end()), named_.end());
        if (!records_.empty()) {
            for (const std::uint32_t metric : named_) {
                const std::size_t at = payload_.size();
                payload_.resize(at + name_record_size(board.name_of(metric)));
                put_name(payload_.data() + at, metric, board.name_of(metric));
            }
            payload_.insert(payload_.end(), records_.begin(), records_.end());
            return;
        }
        for (const std::uint32_t metric : named_) nodes_.emplace_back(metric, SeriesNode{});
        block_.summarize([&, at = nodes_.begin()](std::uint32_t metric, const SeriesNode& node) mutable {
            while (at->first != metric) ++at;  // both are in the order of their numbers
            at->second = node;
        });
        packed_.clear();
        block_.write(packed_);
        ByteWriter out{payload_};
        out.varint(named_.size());
        names_.restart();
        for (const std::uint32_t metric : named_) names_.put(out, metric, board.name_of(metric));
        out.varint(packed_.size());
        payload_.insert(payload_.end(), packed_.begin(), packed_.end());
    }

    BasicBlockWriter<T> block_;
    std::vector<std::byte> records_;    // instead of a block
    std::vector<std::uint32_t> named_;  // the metrics whose names the frame needs
    std::vector<std::pair<std::uint32_t, Deferred<SeriesNode, T>>> nodes_;
    std::vector<std::byte> payload_, packed_;
    BasicNameWriter<T> names_;
    std::vector<Deferred<Cell, T>> cells_;
    std::uint64_t from_ = 0, seen_ = 0;
    std::uint64_t rows_ = 0, bytes_ = 0;  // seen, without padding
    std::uint64_t name_bytes_ = 0;
    std::uint64_t summed_to_ = 0, summed_rows_ = 0;
    std::size_t fewest_kept_ = 0;  // a row of so many cells is kept as it lies in the ring
    bool is_closed_ = false;       // nothing is added to the frame any more
};
using Intake = BasicIntake<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/metric_table.hpp
// Which number stands for which metric name in a run's records.

namespace CAIRN_NAMESPACE::detail {

/// The run's names, shared by its threads. Threads: any; a thread asks once for each name, then its lane
/// remembers.
template <class = void>
class BasicMetricTable {
  public:
    /// The number of a name, given on first sight. Names are kept for as long as the table.
    std::pair<std::uint32_t, std::string_view> id_of(std::string_view name) {
        const std::scoped_lock lock{mutex_};
        auto found = ids_.find(name);
        if (found == ids_.end()) found = ids_.emplace(name, static_cast<std::uint32_t>(ids_.size())).first;
        return {found->second, found->first};
    }

  private:
    std::mutex mutex_;
    std::map<std::string, std::uint32_t, std::less<>> ids_;
};
using MetricTable = BasicMetricTable<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/ring_chain.hpp
// A thread's ring, and the plain memory that follows it while it is full.

namespace CAIRN_NAMESPACE::detail {

/// How many rings of plain memory a run may take beside its journal while the disk takes nothing. Threads:
/// any.
class SpareRings {
  public:
    explicit SpareRings(unsigned most = 64) : most_{most} {}

    [[nodiscard]] bool take() noexcept {
        if (taken_.fetch_add(1, std::memory_order_relaxed) < most_) return true;
        give_back();
        return false;
    }
    void give_back() noexcept { taken_.fetch_sub(1, std::memory_order_relaxed); }

  private:
    unsigned most_;
    std::atomic<unsigned> taken_{0};
};

/// A ring of its own, and while that is full others in plain memory. Positions go on from one to the next:
/// for its consumer, and in the history, it is one ring with holes. The producer returns to its own as soon
/// as that is drained.
template <class = void>
class BasicRingChain {
  public:
    BasicRingChain(os::Mapping memory, std::uint32_t id, SpareRings& spares)
        : own_memory_{std::move(memory)}, own_{Ring::create(own_memory_.writable().data(), id)},
          spares_{&spares} {
        links_.push_back({own_, 0, {}});
    }
    BasicRingChain(const BasicRingChain&) = delete;
    BasicRingChain& operator=(const BasicRingChain&) = delete;

    // ---- the producer

    /// The ring to begin with.
    [[nodiscard]] Ring own() const noexcept { return own_; }
    /// Goes on in plain memory; false if there is no more to be had.
    [[nodiscard]] bool extend(Ring& writing) noexcept {
        if (!spares_->take()) return false;
        try {
            if (auto memory = os::Mapping::anonymous(ring_file_bytes)) {
                // At the beginning of a lap, or a part of the ring would be of no use.
                const std::uint64_t from =
                    (writing.position() + ring_capacity - 1) / ring_capacity * ring_capacity;
                Ring next = Ring::create(memory->writable().data(), own_.id(), from);
                next.look_every(memory_stride);
                const std::scoped_lock lock{mutex_};
                links_.push_back({next, from, std::move(*memory)});
                writing = next;
                is_in_memory_ = true;
                return true;
            }
        } catch (...) {  // no memory
        }
        spares_->give_back();
        return false;
    }
    /// Leaves the plain memory once its own ring is drained.
    void return_home(Ring& writing) noexcept {
        if (!is_in_memory_) return;  // mostly, and then without the lock
        const std::scoped_lock lock{mutex_};
        if (std::any_of(links_.begin(), links_.end(), [](const Link& link) { return !link.memory; })) return;
        const bool after_memory = !all_drained();
        try {
            links_.push_back({own_, writing.position(), {}});
        } catch (...) {  // no memory: the next time
            return;
        }
        own_.restart_at(writing.position(), after_memory);
        links_.back().ring = writing = own_;
        is_in_memory_ = false;
    }

    // ---- the consumer

    /// What was committed from a position on, which is not released: a contiguous part of it. It may begin
    /// after a hole.
    [[nodiscard]] Ring::Readable readable(std::uint64_t from) const noexcept {
        const std::scoped_lock lock{mutex_};
        std::size_t i = links_.size() - 1;
        while (i > 0 && from < links_[i].from) --i;
        Ring::Readable piece;
        for (; i < links_.size() && piece.bytes.empty(); ++i)
            piece = links_[i].ring.readable(std::max(from, links_[i].from));
        return piece;
    }
    void release(std::uint64_t to) noexcept {
        const std::scoped_lock lock{mutex_};
        while (links_.size() > 1 &&
               (to >= links_[1].from ||
                (to >= links_.front().from && links_.front().ring.readable(to).bytes.empty()))) {
            links_.front().ring.release_all();
            give_back(links_.front());
            links_.erase(links_.begin());
            if (!links_.front().memory) own_.memory_is_written();
        }
        if (to > links_.front().from) links_.front().ring.release(to);
    }

    // ---- either

    /// Whether all that is in it outlives the process.
    [[nodiscard]] bool outlives_process() const noexcept {
        const std::scoped_lock lock{mutex_};
        return own_memory_.has_file() && links_.size() == 1 && !links_.front().memory;
    }
    /// Whether its own ring lies in a file.
    [[nodiscard]] bool has_file() const noexcept { return own_memory_.has_file(); }
    [[nodiscard]] bool is_drained() const noexcept {
        const std::scoped_lock lock{mutex_};
        return all_drained();
    }
    /// Lets go of what lies in plain memory only. Returns how many rows that were.
    std::uint64_t drop_memory() noexcept {
        const std::scoped_lock lock{mutex_};
        std::uint64_t rows = 0;
        for (Link& link : links_) {
            if (own_memory_.has_file() && !link.memory) continue;
            for (auto piece = link.ring.readable(); !piece.bytes.empty(); piece = link.ring.readable()) {
                rows += count_rows(piece.bytes);
                link.ring.release(piece.from + piece.bytes.size());
            }
        }
        own_.memory_is_written();  // or never will be
        return rows;
    }
    /// Gives up its own ring, whose file can be removed then. Nobody may use the chain any more.
    void unmap() noexcept { own_memory_.unmap(); }

  private:
    /// While it writes to plain memory the producer looks this often whether it can return.
    static constexpr std::size_t memory_stride = 4096;

    struct Link {
        Ring ring{};
        std::uint64_t from = 0;
        os::Mapping memory{};  // none if it is the chain's own ring
    };
    /// Requires the lock.
    [[nodiscard]] bool all_drained() const noexcept {
        return std::all_of(links_.begin(), links_.end(),
                           [](const Link& link) { return link.ring.readable().bytes.empty(); });
    }
    void give_back(const Link& link) noexcept {
        if (link.memory) spares_->give_back();
    }

    os::Mapping own_memory_;
    Ring own_;
    SpareRings* spares_;
    bool is_in_memory_ = false;  // the producer's own
    mutable std::mutex mutex_;
    std::vector<Link> links_;  // the first is the one that is drained, the last the one that is written
};
using RingChain = BasicRingChain<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/journal_lane.hpp
// A lane with its rings, and what it does seldom.

namespace CAIRN_NAMESPACE::detail {

/// What a lane asks of its run when the ring has no room. Implemented by the collector.
class Pressure {
  public:
    /// Sees to it that the ring is drained soon. Cheap when it was said already.
    virtual void nudge() noexcept = 0;
    /// Waits for the collector a little; false when there is no use in waiting longer.
    virtual bool wait_for_room(std::int64_t waiting_since_ns) noexcept = 0;

  protected:
    ~Pressure() = default;
};

/// Held by the journal, and by the thread that logs into it.
template <class T = void>
class BasicJournalLane final : public Lane, public std::enable_shared_from_this<BasicJournalLane<T>> {
  public:
    BasicJournalLane(os::Mapping memory, std::uint32_t id, std::int64_t first_step,
                     BasicMetricTable<T>& names, SpareRings& spares, Pressure& pressure)
        : Lane{first_step}, id_{id}, rings_{std::move(memory), id, spares}, names_{&names},
          pressure_{&pressure} {
        ring = rings_.own();
    }

    /// Gives it to the calling thread, unless another has it.
    bool take(std::int64_t first_step) {
        bool taken = false;
        if (!taken_.compare_exchange_strong(taken, true, std::memory_order_acquire)) return false;
        held_ = this->shared_from_this();
        rings_.return_home(ring);  // as the thread before may not have
        next_step_ = first_step;
        return true;
    }
    [[nodiscard]] bool is_taken() const noexcept { return taken_.load(std::memory_order_acquire); }
    using Lane::append;
    bool append(const GivenRow& row) override { return append_named(RecordKind::row, row); }
    void let_go() noexcept override {
        const auto held = std::move(held_);  // it may be the last that does
        taken_.store(false, std::memory_order_release);
    }
    [[nodiscard]] bool is_orphan() const noexcept override { return held_.use_count() == 1; }

    /// The number of its ring.
    [[nodiscard]] std::uint32_t id() const noexcept { return id_; }
    /// What it has written, for the collector.
    [[nodiscard]] BasicRingChain<T>& rings() noexcept { return rings_; }

    /// Gives up the ring and removes its file. Nobody may log into it any more.
    void remove_file(const os::Path& path) {
        if (!rings_.has_file()) return;
        rings_.unmap();  // first: no file goes while it is mapped (Windows)
        (void)os::remove_file(path);
    }

  private:
    bool append_cells(std::int64_t step, std::int64_t time_ns, const NamedCell* begin,
                      const NamedCell* end) override {
        cells_.clear();
        for (const NamedCell* cell = begin; cell != end; ++cell) {
            if (!add(cell->hash, true, cell->name, cell->value)) return false;
        }
        return append_pieces(RecordKind::row, step, time_ns);
    }
    bool append_dynamic(RecordKind kind, const DynamicRow& row) override { return append_named(kind, row); }
    template <class R>
    bool append_named(RecordKind kind, const R& row) {
        cells_.clear();
        bool done = true;
        row.for_each([&](std::string_view name, const Value& value) {
            done = done && add(hash_name(name), false, name, value);
        });
        return done && append_pieces(kind, row.step(), row.time_ns());
    }

    /// A name that this lane uses for the first time goes into the ring ahead of the row that uses it.
    bool add(std::uint64_t hash, bool is_literal, std::string_view name, const Value& value) {
        const bool is_cut = name.size() > max_metric_name_bytes;
        if (is_cut) {
            name = name.substr(0, max_metric_name_bytes);
            hash = hash_name(name);
            is_literal = false;
        }
        std::uint32_t id = known_.find(hash, name);
        if (id == MetricCache::unknown) {
            if (is_cut) bump(counters.texts_cut);  // once for each name and lane, not once for each row
            const auto [number, kept] = names_->id_of(name);
            const std::size_t bytes = name_record_size(kept);
            if (!has_room(bytes)) return false;
            put_name(ring.end(), number, kept);
            ring.commit(bytes);
            known_.insert(hash, kept, number);
            id = number;
        }
        if (is_literal) known_.keep(hash, id);
        cells_.push_back({id, shortened(value)});
        return true;
    }
    /// The value with its text cut to what may be stored, at the boundary of a UTF-8 character.
    [[nodiscard]] Value shortened(const Value& value) noexcept {
        const std::string_view text = value.text();
        if (text.size() <= max_text_bytes) return value;
        bump(counters.texts_cut);
        std::size_t size = max_text_bytes;
        while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
        return Value{text.substr(0, size)};
    }

    /// A row that is too large for one record goes into several that belong together.
    bool append_pieces(RecordKind kind, std::int64_t step, std::int64_t time_ns) {
        std::size_t i = 0;
        do {
            std::size_t bytes = row_header_bytes;
            std::size_t end = i;
            while (end < cells_.size() && bytes + cell_size(cells_[end].value) <= max_record_bytes)
                bytes += cell_size(cells_[end++].value);
            if (!has_room(bytes)) return false;
            const unsigned flags =
                (end < cells_.size() ? row_continues : 0U) | (i > 0 ? row_is_continued : 0U);
            const CallTimer timer;
            std::byte* to = put_row_header(ring.end(), bytes, kind, static_cast<std::uint8_t>(flags), end - i,
                                           step, time_ns);
            for (; i < end; ++i) to = put_cell(to, cells_[i].metric, cells_[i].value);
            ring.commit(bytes);
            timer.stop(counters.log_ns);
        } while (i < cells_.size());
        if (kind == RecordKind::row) bump(counters.rows);
        return true;
    }

    /// Times what the fast path does, here, where it need not be fast: about once in a thousand rows.
    class CallTimer {
      public:
        CallTimer() noexcept { (void)clock_ns(); }  // as `log` does
        /// Moves what is typical towards what it took, net of the clock.
        void stop(std::atomic<std::uint64_t>& typical) const noexcept {
            const auto took = static_cast<std::uint64_t>(
                std::max<std::int64_t>(steady_ns() - begun_ - (begun_ - before_), 1));
            const std::uint64_t known = typical.load(std::memory_order_relaxed);
            const std::uint64_t by = known / 8 + 1;
            const std::uint64_t next = known == 0     ? took
                                       : took > known ? known + by
                                                      : known - std::min(by, known - 1);
            typical.store(next, std::memory_order_relaxed);
        }

      private:
        std::int64_t before_ = steady_ns(), begun_ = steady_ns();
    };

    [[nodiscard]] bool has_room(std::size_t bytes) noexcept {
        return ring.has_room(bytes) || make_room(bytes);
    }
    /// Moves on in the ring. While it is full waits for the collector, then goes on in plain memory; false if
    /// there is no more of that.
    [[nodiscard]] bool make_room(std::size_t bytes) noexcept {
        rings_.return_home(ring);
        bool is_there = ring.advance(bytes);
        if (ring.is_low()) pressure_->nudge();
        if (is_there) return true;
        const std::int64_t since = steady_ns();
        bump(counters.waits);
        while (!is_there && pressure_->wait_for_room(since)) {
            pressure_->nudge();
            is_there = ring.advance(bytes);
        }
        bump(counters.waited_ns, static_cast<std::uint64_t>(steady_ns() - since));
        if (!is_there && rings_.extend(ring)) {
            bump(counters.spills);
            is_there = ring.advance(bytes);
        }
        return is_there;
    }

    std::uint32_t id_;
    BasicRingChain<T> rings_;
    BasicMetricTable<T>* names_;
    Pressure* pressure_;
    std::vector<Cell> cells_;  // of the row that is appended; keeps its memory
    std::atomic<bool> taken_{false};
    std::shared_ptr<BasicJournalLane> held_;  // itself, for the thread that has taken it
};
using JournalLane = BasicJournalLane<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/ring_file.hpp
// The ring files of a run as a reader sees them: what they still hold, copied while their writer may go on.

namespace CAIRN_NAMESPACE::detail {

/// The folder of a run that holds its ring files.
inline constexpr const char* journal_folder = "journal";
inline constexpr std::string_view ring_suffix = ".ring";
/// What `recover_history` appends to the name of a ring file that is no ring any more: kept, never read.
inline constexpr std::string_view damaged_suffix = ".damaged";

/// The name of a ring's file.
template <class = void>
[[nodiscard]] std::string ring_file_name(std::uint32_t id) {
    return std::to_string(id) + std::string{ring_suffix};
}

/// The number that a ring file's name begins with, be it damaged or not: no other ring may have it.
template <class = void>
[[nodiscard]] std::optional<std::uint32_t> ring_of_file(std::string_view name) noexcept {
    if (name.ends_with(damaged_suffix)) name.remove_suffix(damaged_suffix.size());
    if (!name.ends_with(ring_suffix)) return std::nullopt;
    name.remove_suffix(ring_suffix.size());
    const auto id = whole_number<std::uint32_t>(name);
    const bool is_one = id && *id <= most_rings && (name.size() == 1 || !name.starts_with('0'));
    return is_one ? id : std::nullopt;
}

/// What a ring file still holds: a copy, so that its writer may go on.
struct RingRest {
    std::uint32_t id = 0;
    std::uint64_t from = 0;
    std::vector<std::byte> bytes;
    bool after_memory = false;  // its writer's process has rows that come before these
};

/// Copies what the file of ring `id` has not released yet. Safe while it is written: what the writer releases
/// during the copy is dropped from it, and is in the history by then. A file that never became a ring is an
/// empty one, and so is one that its writer has just removed. Fails: corrupt, unsupported, permission, io.
template <class = void>
[[nodiscard]] result<RingRest> copy_ring(const std::filesystem::path& path, std::uint32_t id,
                                         unsigned attempts = 3) {
    RingRest rest{id, 0, {}, false};
    auto file = os::File::open_read(path);
    if (!file && file.error().code() == errc::not_found) return rest;
    if (!file) return file.error();
    // The head is read before the data and the tail once more after it: what lies between is whole. With the
    // tail comes whether there is memory before it, which is in the history if there is none now.
    std::vector<std::byte> bytes(ring_file_bytes);
    const auto read = file->read_at(0, writable_bytes_of(bytes));
    if (!read) return read.error();
    alignas(RingHeader) std::byte head[sizeof(RingHeader)];
    std::memcpy(head, bytes.data(), sizeof head);
    const auto* header = reinterpret_cast<const RingHeader*>(head);
    const auto corrupt = [&](const char* why) {
        return error{errc::corrupt, std::string{"the newest rows of this run cannot be read: "} + why,
                     path.string(), "restore the file from a copy, or go on without them"};
    };
    // Its writer was killed before it wrote the magic, which comes last.
    if (std::all_of(header->magic, std::end(header->magic), [](char c) { return c == 0; })) return rest;
    if (std::memcmp(header->magic, RingHeader::expected_magic, sizeof header->magic) != 0)
        return corrupt("this is no ring");
    if (header->version > RingHeader::current_version ||
        header->byte_order != RingHeader::expected_byte_order) {
        return error{errc::unsupported,
                     "the newest rows of this run were written by a newer version of cairn or a machine of "
                     "another byte order",
                     path.string(), "resume the run with that version, on such a machine"};
    }
    if (!header->is_valid() || header->id != id || *read != ring_header_bytes + header->capacity)
        return corrupt("the file is cut or its head is damaged");
    const std::uint64_t from = header->tail.load(std::memory_order_relaxed);
    const std::uint64_t to = header->head.load(std::memory_order_relaxed);
    std::byte later[16];
    const auto reread = file->read_at(offsetof(RingHeader, tail), later);
    if (!reread) return reread.error();
    if (to < from && attempts > 1) return copy_ring<>(path, id, attempts - 1);  // just moved to another place
    static_assert(offsetof(RingHeader, after_memory) == offsetof(RingHeader, tail) + 8);
    std::uint64_t released = 0, after_memory = 0;
    std::memcpy(&released, later, sizeof released);
    std::memcpy(&after_memory, later + 8, sizeof after_memory);
    const bool is_of_records = (from | to | released) % 8 == 0;  // whose sizes are multiples of it
    if (*reread != sizeof later || to < from || to - from > header->capacity || released < from ||
        !is_of_records)
        return corrupt("its positions are none that a ring can have");
    rest.after_memory = after_memory != 0;
    rest.from = std::min(released, to);
    rest.bytes.resize(static_cast<std::size_t>(to - rest.from));
    const auto capacity = static_cast<std::size_t>(header->capacity);  // an older version's is smaller
    for (std::size_t i = 0; i < rest.bytes.size();) {
        const std::size_t offset = static_cast<std::size_t>(rest.from + i) & (capacity - 1);
        const std::size_t piece = std::min(rest.bytes.size() - i, capacity - offset);
        std::memcpy(rest.bytes.data() + i, bytes.data() + ring_header_bytes + offset, piece);
        i += piece;
    }
    return rest;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/journal.hpp
// The lanes of a run.

namespace CAIRN_NAMESPACE::detail {

/// Makes lanes, hands them to threads, takes them back when a thread ends.
template <class T = void>
class BasicJournal {
  public:
    BasicJournal(std::filesystem::path dir, std::uint32_t next_ring, std::int64_t first_step,
                 Pressure& pressure)
        : dir_{std::move(dir)}, next_ring_{next_ring}, first_step_{first_step}, pressure_{&pressure} {}

    /// A lane for the calling thread: one that an ended thread left, or a new one; null once the journal is
    /// closed. The thread lets go of it. Throws only `std::bad_alloc`.
    Lane* acquire() {
        const std::scoped_lock lock{mutex_};
        if (closed_) return nullptr;
        for (const auto& lane : lanes_) {
            if (lane->take(first_step_)) return lane.get();
        }
        const std::uint32_t id = next_ring_++;
        auto memory = os::Mapping::create_shared(path_of(id), ring_file_bytes);
        if (!memory) {
            mapped_ = false;
            // On a network's disk nothing has failed, but a kill can lose what was not collected.
            if (first_failure_.empty() && memory.error().code() != errc::unsupported)
                first_failure_ = memory.error().what();
            memory = os::Mapping::anonymous(ring_file_bytes);
            if (!memory) throw std::bad_alloc{};
        }
        // Threads after the first count their rows from 0, unless the run is resumed.
        const auto& made = lanes_.emplace_back(std::make_shared<BasicJournalLane<T>>(
            std::move(*memory), id, first_step_, names_, spares_, *pressure_));
        made->take(first_step_);
        return made.get();
    }

    /// The lanes as they are now; a lane stays valid as long as someone holds it.
    [[nodiscard]] std::vector<std::shared_ptr<BasicJournalLane<T>>> lanes() const {
        const std::scoped_lock lock{mutex_};
        return lanes_;
    }

    /// False once a ring had to be made in plain memory; then `failure` says why.
    [[nodiscard]] bool mapped() const {
        const std::scoped_lock lock{mutex_};
        return mapped_;
    }
    [[nodiscard]] std::string failure() const {
        const std::scoped_lock lock{mutex_};
        return first_failure_;
    }

    /// What could not be drained when the run ended.
    struct Left {
        bool in_files = false;   ///< rows that lie in ring files: a resume finds them
        std::uint64_t lost = 0;  ///< rows that lay in plain memory
    };
    /// Removes the files of rings that are drained and that no other thread can still write to; gives out
    /// none after.
    Left close(const Lane* own) {
        const std::scoped_lock lock{mutex_};
        closed_ = true;
        Left left;
        for (const auto& lane : lanes_) {
            const bool writable = lane.get() != own && lane->is_taken();
            left.lost += lane->rings().drop_memory();
            const bool is_drained = lane->rings().is_drained();
            left.in_files = left.in_files || (lane->rings().has_file() && !is_drained);
            if (is_drained && !writable) lane->remove_file(path_of(lane->id()));
        }
        return left;
    }

  private:
    [[nodiscard]] std::filesystem::path path_of(std::uint32_t id) const { return dir_ / ring_file_name(id); }

    std::filesystem::path dir_;
    mutable std::mutex mutex_;
    BasicMetricTable<T> names_;
    SpareRings spares_;
    std::vector<std::shared_ptr<BasicJournalLane<T>>> lanes_;
    std::uint32_t next_ring_;
    std::int64_t first_step_;
    Pressure* pressure_;
    bool mapped_ = true;
    bool closed_ = false;
    std::string first_failure_;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/gpus.hpp
// What NVIDIA's GPUs do, as the driver's own library tells it (NVML, loaded if it is there; its functions and
// structs as its reference has them, of NVML 11 and newer).

namespace CAIRN_NAMESPACE::detail {

/// The GPUs of this machine; none without the driver. Threads: one at a time. Cost: the library is loaded,
/// and the driver begun, with the first question.
template <class = void>
class BasicGpus {
  public:
    /// Calls `f(index, what, value)` for each thing that each GPU tells; `what` as W&B calls it.
    template <class F>
    void each(F&& f) {
        if (!is_begun_) begin();
        for (unsigned index = 0; index < count_; ++index) {
            Device device = nullptr;
            if (handle_(index, &device) != success) continue;
            if (Utilization use{}; use_ != nullptr && use_(device, &use) == success) {
                f(index, "gpu", static_cast<double>(use.gpu));
                f(index, "memory", static_cast<double>(use.memory));
            }
            if (Memory memory{};
                memory_ != nullptr && memory_(device, &memory) == success && memory.total != 0) {
                const auto used = static_cast<double>(memory.used);
                f(index, "memoryAllocatedBytes", used);
                f(index, "memoryAllocated", 100 * used / static_cast<double>(memory.total));
            }
            unsigned value = 0;
            if (temperature_ != nullptr && temperature_(device, on_die, &value) == success)
                f(index, "temp", static_cast<double>(value));
            double watts = 0;
            if (power_ != nullptr && power_(device, &value) == success) {
                watts = value / 1000.0;
                f(index, "powerWatts", watts);
            }
            if (power_limit_ != nullptr && power_limit_(device, &value) == success && value != 0) {
                f(index, "enforcedPowerLimitWatts", value / 1000.0);
                if (watts > 0) f(index, "powerPercent", 100 * watts / (value / 1000.0));
            }
            if (clock_ != nullptr && clock_(device, of_processors, &value) == success)
                f(index, "smClock", static_cast<double>(value));
            if (clock_ != nullptr && clock_(device, of_memory, &value) == success)
                f(index, "memoryClock", static_cast<double>(value));
        }
    }

  private:
    using Device = void*;
    struct Utilization {
        unsigned gpu, memory;  // percent
    };
    struct Memory {
        unsigned long long total, free, used;  // bytes
    };
    static constexpr int success = 0, on_die = 0, of_processors = 1, of_memory = 2;

    void begin() noexcept {
        is_begun_ = true;
#if defined(_WIN32)
        const os::Library nvml{"nvml.dll"};
#else
        const os::Library nvml{"libnvidia-ml.so.1"};
#endif
        const auto init = nvml.find<int()>("nvmlInit_v2");
        const auto count = nvml.find<int(unsigned*)>("nvmlDeviceGetCount_v2");
        handle_ = nvml.find<int(unsigned, Device*)>("nvmlDeviceGetHandleByIndex_v2");
        use_ = nvml.find<int(Device, Utilization*)>("nvmlDeviceGetUtilizationRates");
        memory_ = nvml.find<int(Device, Memory*)>("nvmlDeviceGetMemoryInfo");
        temperature_ = nvml.find<int(Device, int, unsigned*)>("nvmlDeviceGetTemperature");
        power_ = nvml.find<int(Device, unsigned*)>("nvmlDeviceGetPowerUsage");
        power_limit_ = nvml.find<int(Device, unsigned*)>("nvmlDeviceGetEnforcedPowerLimit");
        clock_ = nvml.find<int(Device, int, unsigned*)>("nvmlDeviceGetClockInfo");
        if (init == nullptr || count == nullptr || handle_ == nullptr || init() != success) return;
        if (count(&count_) != success) count_ = 0;
    }

    bool is_begun_ = false;
    unsigned count_ = 0;
    int (*handle_)(unsigned, Device*) = nullptr;
    int (*use_)(Device, Utilization*) = nullptr;
    int (*memory_)(Device, Memory*) = nullptr;
    int (*temperature_)(Device, int, unsigned*) = nullptr;
    int (*power_)(Device, unsigned*) = nullptr;
    int (*power_limit_)(Device, unsigned*) = nullptr;
    int (*clock_)(Device, int, unsigned*) = nullptr;
};

/// Asks them on a thread of its own, because a driver may hang. Threads: one at a time.
template <class T = void>
class BasicGpuProbe {
  public:
    BasicGpuProbe() = default;
    BasicGpuProbe(const BasicGpuProbe&) = delete;
    BasicGpuProbe& operator=(const BasicGpuProbe&) = delete;
    /// Leaves the thread to a driver that does not answer.
    ~BasicGpuProbe() {
        if (!shared_) return;
        shared_->is_over.store(true, std::memory_order_relaxed);
        shared_->bell.ring();
        if (shared_->is_asking.load(std::memory_order_acquire))
            thread_.leave();
        else
            thread_.join();
    }

    /// What they told when they were asked the last time, `f(index, what, value)`; and asks again.
    template <class F>
    void each(F&& f) {
        if (!shared_ && !start()) return;
        {
            const std::scoped_lock lock{shared_->mutex};
            for (const Told& told : shared_->told) f(told.index, told.what, told.value);
        }
        shared_->is_asking.store(true, std::memory_order_release);
        shared_->bell.ring();
    }

  private:
    struct Told {
        unsigned index = 0;
        std::string_view what{};  // a literal
        double value = 0;
    };
    struct Shared {
        std::mutex mutex{};
        std::vector<Told> told{};
        os::Bell bell{};
        std::atomic<bool> is_asking{false}, is_over{false};
    };

    [[nodiscard]] bool start() {
        auto shared = std::make_shared<Shared>();
        auto own = std::make_unique<std::shared_ptr<Shared>>(shared);  // the thread's
        if (!thread_.start(&work, own.get())) return false;
        (void)own.release();
        shared_ = std::move(shared);
        return true;
    }
    static void* work(void* given) noexcept {
        const std::unique_ptr<std::shared_ptr<Shared>> own{static_cast<std::shared_ptr<Shared>*>(given)};
        Shared& shared = **own;
        BasicGpus<T> gpus;
        while (!shared.is_over.load(std::memory_order_relaxed)) {
            shared.bell.wait();
            if (!shared.is_asking.load(std::memory_order_acquire)) continue;
            try {
                std::vector<Told> told;
                gpus.each([&](unsigned index, std::string_view what, double value) {
                    told.push_back({index, what, value});
                });
                const std::scoped_lock lock{shared.mutex};
                shared.told.swap(told);
            } catch (...) {  // no memory: what was told before stands
            }
            shared.is_asking.store(false, std::memory_order_release);
        }
        return nullptr;
    }

    std::shared_ptr<Shared> shared_;
    os::Thread thread_;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/system_sampler.hpp
// What the machine does while a run goes on, as metrics under "system/". Their names are W&B's, where it has
// one.

namespace CAIRN_NAMESPACE::detail {

/// Threads: one at a time. Cost: reads some files of /proc and asks the driver of each GPU, some tenths of a
/// millisecond.
template <class T = void>
class BasicSystemSampler {
  public:
    /// \param seconds  from one sample to the next; the first comes after so many. \param store  of whose
    /// disk it
    ///                 tells how full it is.
    BasicSystemSampler(double seconds, std::filesystem::path store)
        : every_ns_{static_cast<std::int64_t>(seconds * 1e9)}, next_ns_{steady_ns() + every_ns_},
          store_{std::move(store)} {}

    /// Takes note of how it is before: what is counted is counted from here on.
    void begin() {
        group_ = folder_of(os::memory_group());
        first_ = before_ = os::usage(group_);
        before_ns_ = steady_ns();
    }

    /// Whether it is time; the next time is then a whole interval away.
    [[nodiscard]] bool is_due(std::int64_t now_ns) noexcept {
        if (now_ns < next_ns_) return false;
        next_ns_ += (now_ns - next_ns_) / every_ns_ * every_ns_ + every_ns_;
        return true;
    }

    /// What there is to say now; shares are those since the time before. Good until the next call.
    [[nodiscard]] const std::vector<NamedValue>& values() {
        values_.clear();
        const os::Usage now = os::usage(group_);
        const std::int64_t now_ns = steady_ns();
        const double seconds = static_cast<double>(std::max<std::int64_t>(now_ns - before_ns_, 1)) / 1e9;
        const double processors = std::max(1U, std::thread::hardware_concurrency());
        constexpr double mib = 1024.0 * 1024.0, gib = 1024 * mib, percent = 100;
        add("system/cpu", grown(now.process_cpu_s, before_.process_cpu_s), percent / seconds / processors);
        if (const auto time = grown(now.machine_time, before_.machine_time); time && *time > 0)
            add("system/cpu.host", grown(now.machine_busy, before_.machine_busy), percent / *time);
        add("system/proc.cpu.threads", now.process_threads);
        add("system/proc.memory.rssMB", now.process_memory, 1 / mib);
        add("system/proc.memory.availableMB", now.memory_available, 1 / mib);
        if (now.memory_total && *now.memory_total > 0) {
            add("system/proc.memory.percent", now.process_memory, percent / *now.memory_total);
            if (now.memory_available)
                add("system/memory_percent", *now.memory_total - *now.memory_available,
                    percent / *now.memory_total);
        }
        add("system/proc.disk.in", grown(now.process_read, first_.process_read), 1 / mib);
        add("system/proc.disk.out", grown(now.process_written, first_.process_written), 1 / mib);
        add("system/network.recv", grown(now.received, first_.received));
        add("system/network.sent", grown(now.sent, first_.sent));
        std::error_code failed;
        if (const auto space = std::filesystem::space(store_, failed); !failed && space.capacity != 0) {
            // What is kept for the administrator is gone for the user, too.
            add("system/disk.store.usagePercent", static_cast<double>(space.capacity - space.available),
                percent / static_cast<double>(space.capacity));
            add("system/disk.store.usageGB", static_cast<double>(space.capacity - space.free), 1 / gib);
        }
        gpus_.each(
            [&](unsigned index, std::string_view what, double value) { add(gpu_name(index, what), value); });
        before_ = now;
        before_ns_ = now_ns;
        return values_;
    }

  private:
    /// Where the numbers of the group lie, beside the file that counts who was killed.
    [[nodiscard]] static std::string folder_of(const std::string& file) {
        const std::size_t end = file.rfind('/');
        return end == std::string::npos ? std::string{} : file.substr(0, end);
    }
    [[nodiscard]] static std::optional<double> grown(std::optional<double> now,
                                                     std::optional<double> before) {
        return now && before ? std::optional{std::max(0.0, *now - *before)} : std::nullopt;
    }
    void add(std::string_view name, std::optional<double> value, double unit = 1) {
        if (value) values_.push_back({name, *value * unit});
    }
    /// "system/gpu.0.temp", kept as long as this.
    [[nodiscard]] std::string_view gpu_name(unsigned index, std::string_view what) {
        std::string name = "system/gpu." + std::to_string(index) + ".";
        name += what;
        for (const std::string& known : names_) {
            if (known == name) return known;
        }
        return names_.emplace_front(std::move(name));
    }

    std::int64_t every_ns_, next_ns_;
    std::filesystem::path store_;
    std::string group_;
    os::Usage first_, before_;
    std::int64_t before_ns_ = 0;
    BasicGpuProbe<T> gpus_;
    std::forward_list<std::string> names_;
    std::vector<NamedValue> values_;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/history_index.hpp
// The index of a history: what each frame of packed rows has of each metric, so that a curve of any length is
// drawn without reading all of it. It can be lost: what it does not cover is read in the history.
//
//   file   "CAIRNIDX" · u32 version · u32 0
//   entry  u32 payload bytes · u32 CRC-32C of the payload · payload
//   payload u64 where the frame lies in the history · u32 its bytes · u32 its CRC-32C · u32 its ring
//          · u64, u64 where its stretch of that begins and ends · varint nodes · nodes
//   node   name (packed_frame.hpp) · u8 form, of NodeForm; then as that says
//          one    zigzag step, zigzag time in ms, each over that of the node before · value
//          many   varints: finite values, NaNs, infinities, restarts · zigzag least step, over that of
//                 the node before · varints over it: first, last, greatest step · zigzag least time in ms,
//                 over that of the node before · varint over it: greatest time · least, greatest, last
//                 finite value
//          a value is an f64, or an f32 if the form says so
//
// Little-endian.

namespace CAIRN_NAMESPACE::detail {

inline constexpr const char* index_file = "history.index";
inline constexpr std::string_view index_magic = "CAIRNIDX";
inline constexpr std::uint32_t index_version = 2;
inline constexpr std::size_t index_header_bytes = 16;

/// How a node stands in an entry.
struct NodeForm {
    static constexpr unsigned none = 0;    ///< it has no value
    static constexpr unsigned one = 1;     ///< it has one, a finite one
    static constexpr unsigned many = 2;    ///< any other
    static constexpr unsigned floats = 4;  ///< added, if its values are those of floats, bit for bit

    template <class = void>
    [[nodiscard]] static unsigned of(const SeriesNode& node) noexcept {
        if (node.count() == 0) return none;
        SeriesNode single;
        single.add(node.first_step, node.min_ms, node.last);
        const bool are_floats = is_single(node.min) && is_single(node.max) && is_single(node.last);
        return (single.finite == 1 && single == node ? one : many) + (are_floats ? floats : 0);
    }
};

/// Builds the payload of an entry.
template <class = void>
class BasicIndexEntry {
  public:
    /// Of a frame that has so many metrics, which are added next.
    void begin(const FramePlace& frame, std::size_t nodes) {
        bytes_.clear();
        names_.restart();
        step_ = ms_ = 0;
        ByteWriter out{bytes_};
        out.fixed(frame.at);
        out.fixed(frame.bytes);
        out.fixed(frame.crc);
        out.fixed(frame.ring);
        out.fixed(frame.from);
        out.fixed(frame.to);
        out.varint(nodes);
    }
    /// A metric that the frame names, in the order of their numbers; an empty node if it has no number of it.
    void add(std::uint32_t metric, std::string_view name, const SeriesNode& node) {
        ByteWriter out{bytes_};
        names_.put(out, metric, name);
        const unsigned form = NodeForm::of(node);
        out.byte(form);
        if (form == NodeForm::none) return;
        const bool is_one = (form & NodeForm::one) != 0;
        const auto over = [](std::int64_t value, std::int64_t base) {
            return static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(base);
        };
        if (!is_one) {
            for (const std::uint64_t count : {node.finite, node.nans, node.infinities, node.restarts})
                out.varint(count);
        }
        out.signed_varint(static_cast<std::int64_t>(over(node.min_step, step_)));
        if (!is_one) {
            for (const std::int64_t step : {node.first_step, node.last_step, node.max_step})
                out.varint(over(step, node.min_step));
        }
        out.signed_varint(static_cast<std::int64_t>(over(node.min_ms, ms_)));
        if (!is_one) out.varint(over(node.max_ms, node.min_ms));
        step_ = node.min_step;
        ms_ = node.min_ms;
        const double values[] = {node.min, node.max, node.last};
        for (std::size_t i = 0; i < (is_one ? 1U : 3U); ++i) {
            const double& value = values[i];
            if ((form & NodeForm::floats) != 0) {
                out.fixed(std::bit_cast<std::uint32_t>(static_cast<float>(value)));
            } else {
                out.fixed(std::bit_cast<std::uint64_t>(value));
            }
        }
    }
    [[nodiscard]] std::span<const std::byte> payload() const noexcept { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
    BasicNameWriter<> names_;
    std::int64_t step_ = 0, ms_ = 0;  // least of the last node that has values
};
using IndexEntry = BasicIndexEntry<>;

/// The frame that an entry is of; the nodes follow in it.
template <class = void>
[[nodiscard]] FramePlace frame_of_entry(ByteReader& from) noexcept {
    FramePlace frame;
    frame.at = from.fixed<std::uint64_t>();
    frame.bytes = from.fixed<std::uint32_t>();
    frame.crc = from.fixed<std::uint32_t>();
    frame.ring = from.fixed<std::uint32_t>();
    frame.from = from.fixed<std::uint64_t>();
    frame.to = from.fixed<std::uint64_t>();
    return frame;
}

/// Walks the entries of an index; after damage there is no next one.
template <class = void>
class BasicIndexReader {
  public:
    explicit BasicIndexReader(std::span<const std::byte> file) noexcept : file_{file} {
        if (file.size() >= index_header_bytes &&
            std::memcmp(file.data(), index_magic.data(), index_magic.size()) == 0 &&
            get<std::uint32_t>(file.data() + 8) == index_version)
            at_ = index_header_bytes;
    }
    /// Whether it is an index of this version.
    [[nodiscard]] bool is_valid() const noexcept { return at_ != 0; }
    [[nodiscard]] std::size_t position() const noexcept { return at_; }

    bool next(std::span<const std::byte>& payload) noexcept {
        if (!is_valid() || file_.size() - at_ < 8) return false;
        const std::size_t bytes = get<std::uint32_t>(file_.data() + at_);
        if (bytes > file_.size() - at_ - 8) return false;
        payload = file_.subspan(at_ + 8, bytes);
        if (crc32c(payload) != get<std::uint32_t>(file_.data() + at_ + 4)) return false;
        at_ += 8 + bytes;
        return true;
    }

  private:
    std::span<const std::byte> file_;
    std::size_t at_ = 0;
};
using IndexReader = BasicIndexReader<>;

/// Appends entries. Fails as writing a file does; then the index ends there, and the history is read instead.
template <class = void>
class BasicIndexWriter {
  public:
    /// Opens the index of a history that has `whole_bytes`: entries of what lies behind them are cut.
    static result<BasicIndexWriter> open(const std::filesystem::path& path, std::uint64_t whole_bytes) {
        auto file = os::File::open_read_write(path);
        if (!file) return file.error();
        BasicIndexWriter writer{std::move(*file)};
        const auto size = writer.file_.size();
        if (!size) return size.error();
        std::vector<std::byte> bytes(static_cast<std::size_t>(*size));
        const auto read = writer.file_.read_at(0, writable_bytes_of(bytes));
        if (!read) return read.error();
        bytes.resize(*read);
        IndexReader reader{bytes};
        if (reader.is_valid()) {
            writer.end_ = reader.position();
            for (std::span<const std::byte> payload; reader.next(payload);) {
                ByteReader from{payload};
                const FramePlace frame = frame_of_entry(from);
                if (!from.ok() || frame.bytes > whole_bytes || frame.at > whole_bytes - frame.bytes) break;
                writer.end_ = reader.position();
            }
        } else {
            std::byte header[index_header_bytes] = {};
            std::memcpy(header, index_magic.data(), index_magic.size());
            put(header + index_magic.size(), index_version);
            if (auto written = writer.file_.write_at(0, header); !written) return written.error();
            writer.end_ = index_header_bytes;
        }
        if (auto cut = writer.file_.truncate(writer.end_); !cut) return cut.error();
        return writer;
    }

    result<void> append(const IndexEntry& entry) {
        const auto payload = entry.payload();
        buffer_.resize(8 + payload.size());
        put(buffer_.data(), static_cast<std::uint32_t>(payload.size()));
        put(buffer_.data() + 4, crc32c(payload));
        std::memcpy(buffer_.data() + 8, payload.data(), payload.size());
        auto written = file_.write_at(end_, buffer_);
        if (written) end_ += buffer_.size();
        return written;
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return end_; }
    /// Nothing can be appended any more.
    void close() noexcept { file_ = {}; }

  private:
    explicit BasicIndexWriter(os::File file) : file_{std::move(file)} {}

    os::File file_;
    std::uint64_t end_ = 0;
    std::vector<std::byte> buffer_;
};
using IndexWriter = BasicIndexWriter<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/collector.hpp
// The collector: one thread for each run that drains the rings into the history and keeps the summary.

namespace CAIRN_NAMESPACE::detail {

/// Drains, writes, sums up. It polls: every 5 ms while rows come, less and less often down to 250 ms while
/// none do. A logging thread wakes it only when its ring is nearly full.
template <class T = void>
class BasicCollector final : public Pressure {
  public:
    BasicCollector(BasicHistoryWriter<T> history, BasicIndexWriter<T> index)
        : history_{std::move(history)}, index_{std::move(index)} {}

    ~BasicCollector() { stop(); }
    BasicCollector(const BasicCollector&) = delete;
    BasicCollector& operator=(const BasicCollector&) = delete;

    /// With a sampler it records what that sees of the machine. Throws `cairn::error` if the system gives no
    /// thread.
    void start(BasicJournal<T>& journal, std::unique_ptr<BasicSystemSampler<T>> sampler = {}) {
        journal_ = &journal;
        sampler_ = std::move(sampler);
        thread_.start(&run, this).value();
    }

    /// Drains what is there and ends the thread. Does nothing the second time.
    void stop() noexcept {
        stopping_.store(true, std::memory_order_relaxed);
        bell_.ring();
        thread_.join();
        // A run that has ended keeps no file from being removed (Windows).
        history_.close();
        index_.close();
    }

    void nudge() noexcept override {
        if (!nudged_.exchange(true, std::memory_order_relaxed)) bell_.ring();
    }

    /// At most 100 ms in all; not at all while it is known to be stuck.
    bool wait_for_room(std::int64_t waiting_since_ns) noexcept override {
        constexpr std::int64_t patience_ns = 100'000'000;
        const std::uint64_t drained = drained_.load(std::memory_order_relaxed);
        if (stuck_at_.load(std::memory_order_relaxed) == drained + 1) return false;
        if (steady_ns() - waiting_since_ns > patience_ns) {
            stuck_at_.store(drained + 1, std::memory_order_relaxed);
            return false;
        }
        os::sys::sleep_ns(100'000);
        return true;
    }

    /// Takes over the summaries of the sessions before, and their greatest step. Before `start`.
    void remember(MetricViews earlier, MetricSummaries samples, std::int64_t latest_step) {
        board_.remember(std::move(earlier), std::move(samples));
        board_.saw(latest_step);
    }

    [[nodiscard]] MetricViews views() const {
        const std::scoped_lock lock{board_mutex_};
        return board_.views();
    }
    /// Of what the run sampled by itself.
    [[nodiscard]] MetricSummaries samples() const {
        const std::scoped_lock lock{board_mutex_};
        return board_.samples();
    }
    /// The step of the newest row that was collected; 0 before the first.
    [[nodiscard]] std::int64_t latest_step() const {
        const std::scoped_lock lock{board_mutex_};
        return board_.latest_step();
    }
    /// How many rows are in the summary.
    [[nodiscard]] std::uint64_t rows() const noexcept { return rows_.load(std::memory_order_relaxed); }
    /// How many of these are in the history too.
    [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
    /// Why the history cannot be written now; empty while it can.
    [[nodiscard]] std::string failure() const {
        const std::scoped_lock lock{board_mutex_};
        return failure_;
    }

    /// Why the history could not be written when that happened first; empty if it always could.
    [[nodiscard]] std::string first_failure() const {
        const std::scoped_lock lock{board_mutex_};
        return first_failure_;
    }

  private:
    static constexpr std::int64_t turn_ns = 20'000'000;  // for one ring, while others wait

    static void* run(void* self) noexcept {
        static_cast<BasicCollector*>(self)->work();
        return nullptr;
    }

    void work() noexcept {
        constexpr std::int64_t shortest_ns = 5'000'000, longest_ns = 250'000'000;
        std::int64_t pause = shortest_ns;
        if (sampler_) begin_sampling();
        for (bool last = false; !last;) {
            bell_.wait(pause);
            last = stopping_.load(std::memory_order_relaxed);  // the bell orders what was before `stop`
            is_low_ = nudged_.exchange(false, std::memory_order_relaxed);
            bool busy = false;
            try {
                if (sampler_ && !last) sample();
                busy = drain(last ? 0 : is_low_ ? ring_reserve : ring_capacity);
            } catch (
                const std::exception& failure) {  // out of memory: rows stay in their rings, we try again
                fail(failure.what());
            }
            pause = busy ? shortest_ns : std::min(pause * 2, longest_ns);
        }
        (void)history_.sync();
        if (system_lane_ != nullptr) system_lane_->let_go();
    }

    void begin_sampling() noexcept {
        try {
            sampler_->begin();
        } catch (const std::exception& failure) {  // no memory: the run goes on without
            fail(failure.what());
            sampler_.reset();
        }
    }
    /// Records what the machine does, when it is time, in a lane of its own.
    void sample() {
        if (!sampler_->is_due(steady_ns())) return;
        if (system_lane_ == nullptr) system_lane_ = journal_->acquire();
        if (system_lane_ == nullptr) return;
        const std::vector<NamedValue>& values = sampler_->values();
        const DynamicRow row{latest_step(), wall_ns(), values.data(), values.size()};
        (void)system_lane_->append(row, RecordKind::sample);
    }

    /// Sees what is new in the rings, and writes what fills a frame, or waits with more than `at_most` bytes
    /// in its ring.
    bool drain(std::uint64_t at_most) {
        bool any = false;
        for (const auto& lane : journal_->lanes()) {
            BasicIntake<T>& intake = intakes_[lane->id()];
            try {
                any = drain(*lane, intake, at_most) || any;
            } catch (...) {
                intake.restart();
                throw;
            }
        }
        return any;
    }
    bool drain(BasicJournalLane<T>& lane, BasicIntake<T>& intake, std::uint64_t at_most) {
        // What a kill would lose does not wait.
        const std::uint64_t keep = lane.rings().outlives_process() ? at_most : 0;
        bool any = false;
        // A thread that never pauses must not keep us from the others.
        for (const std::int64_t since = steady_ns();;) {
            const bool is_pressed = is_low_ || nudged_.load(std::memory_order_relaxed);
            std::uint64_t rows = 0;
            {
                const std::scoped_lock lock{board_mutex_};
                rows = intake.look(lane.rings(), board_, is_pressed);
            }
            any = any || rows != 0;
            rows_.fetch_add(rows, std::memory_order_relaxed);
            if (!intake.is_full() && intake.waiting() <= keep) break;
            if (!write(lane, intake)) break;
            if (at_most != 0 && steady_ns() - since >= turn_ns) break;
        }
        return any;
    }

    /// Puts what waits of a lane into the history and releases its ring; false if the history takes no more.
    bool write(BasicJournalLane<T>& lane, BasicIntake<T>& intake) {
        const auto place = history_.append(intake.frame(lane.id(), board_));
        if (!place) {
            fail(place.error().what());
            return false;
        }
        written_.fetch_add(intake.rows(), std::memory_order_relaxed);
        lane.rings().release(intake.written());  // before anything can throw: no row goes into two frames
        drained_.fetch_add(1, std::memory_order_relaxed);
        bytes_.store(history_.bytes(), std::memory_order_relaxed);
        {
            const std::scoped_lock lock{board_mutex_};
            failure_.clear();
        }
        if (!intake.nodes().empty()) {
            entry_.begin(*place, intake.nodes().size());
            for (const auto& [metric, node] : intake.nodes())
                entry_.add(metric, board_.name_of(metric), node);
            (void)index_.append(entry_);  // what it lacks is read in the history
        }
        return true;
    }

    void fail(std::string why) {
        const std::scoped_lock lock{board_mutex_};
        if (first_failure_.empty()) first_failure_ = why;
        failure_ = std::move(why);
    }

    BasicHistoryWriter<T> history_;
    BasicIndexWriter<T> index_;
    BasicIndexEntry<T> entry_;
    std::map<std::uint32_t, BasicIntake<T>> intakes_;  // of the rings
    BasicJournal<T>* journal_ = nullptr;

    std::unique_ptr<BasicSystemSampler<T>> sampler_;
    Lane* system_lane_ = nullptr;

    os::Bell bell_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> nudged_{false};
    bool is_low_ = false;  // whether it was when this round began; of the thread alone
    std::atomic<std::uint64_t> drained_{0};
    std::atomic<std::uint64_t> stuck_at_{0};

    mutable std::mutex board_mutex_;
    BasicMetricBoard<T> board_;
    std::string failure_, first_failure_;
    std::atomic<std::uint64_t> rows_{0}, written_{0};
    std::atomic<std::uint64_t> bytes_{0};

    os::Thread thread_;  // last: it ends before what it uses goes
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/git_commit.hpp
// Which commit a working tree of git is at, read from git's own files; git need not be there
// (gitrepository-layout(5)).

namespace CAIRN_NAMESPACE::detail {

/// A commit that is checked out.
struct GitCommit {
    std::string commit;          ///< 40 or 64 hexadecimal digits; empty before the first commit
    std::string branch;          ///< empty if none is checked out
    std::filesystem::path root;  ///< of the working tree
};

/// The first line of a small file; empty if it cannot be read.
template <class = void>
[[nodiscard]] std::string first_line(const std::filesystem::path& path) {
    const auto text = read_file(path, 64U << 10U);
    if (!text) return {};
    std::string line = text->substr(0, text->find_first_of("\r\n"));
    while (line.ends_with(' ')) line.pop_back();
    return line;
}
template <class = void>
[[nodiscard]] bool is_commit(std::string_view text) noexcept {
    return (text.size() == 40 || text.size() == 64) &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
/// What a packed reference points to; empty if there is none of this name.
template <class = void>
[[nodiscard]] std::string packed_ref(const std::filesystem::path& file, std::string_view name) {
    const auto text = read_file(file, 64U << 20U);
    if (!text) return {};
    const std::string wanted = " " + std::string{name};
    for (std::string_view rest = *text; !rest.empty();) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        if (line.ends_with(wanted) && is_commit(line.substr(0, line.size() - wanted.size())))
            return std::string{line.substr(0, line.size() - wanted.size())};
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    }
    return {};
}

/// Of the working tree that a folder lies in; nothing if it lies in none.
template <class = void>
[[nodiscard]] std::optional<GitCommit> git_commit_at(std::filesystem::path folder) {
    constexpr int most_folders = 64;
    for (int i = 0; i < most_folders && !folder.empty(); ++i, folder = folder.parent_path()) {
        std::filesystem::path git = folder / ".git";
        const auto status = os::status(git);
        if (!status || !status->exists) {
            if (folder == folder.parent_path()) break;
            continue;
        }
        if (status->is_file) {  // of a second working tree, or of a submodule
            const std::string line = first_line(git);
            if (!line.starts_with("gitdir: ")) return std::nullopt;
            git = folder / os::path_of(line.substr(8));
        }
        GitCommit found;
        found.root = folder;
        const std::string head = first_line(git / "HEAD");
        if (is_commit(head)) {
            found.commit = head;
            return found;
        }
        constexpr std::string_view to_branch = "ref: ", branches = "refs/heads/";
        // A name with a step upwards leads out of git's own folder: it is none of git's.
        if (!head.starts_with(to_branch) || head.find("..") != std::string::npos) return std::nullopt;
        const std::string ref = head.substr(to_branch.size());
        if (!ref.starts_with("refs/")) return std::nullopt;
        if (ref == "refs/heads/.invalid") return found;  // where references are no files but a table
        found.branch = ref.starts_with(branches) ? ref.substr(branches.size()) : ref;
        const std::string common_line = first_line(git / "commondir");
        const std::filesystem::path common = common_line.empty() ? git : git / os::path_of(common_line);
        for (const std::filesystem::path& of : {git / os::path_of(ref), common / os::path_of(ref)}) {
            if (std::string commit = first_line(of); is_commit(commit)) {
                found.commit = std::move(commit);
                return found;
            }
        }
        found.commit = packed_ref(common / "packed-refs", ref);
        return found;
    }
    return std::nullopt;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/environment.hpp
// Where a run was made: machine, program, compiler, commit.

/// What the program was built with, if its build tells: `-DCAIRN_BUILD_FLAGS='"-O3 -march=native"'`.
#if !defined(CAIRN_BUILD_FLAGS)
#define CAIRN_BUILD_FLAGS ""
#endif

namespace CAIRN_NAMESPACE::detail {

/// Whether a name is one of what is to be kept from others: "--api-key", "DB_PASSWORD". Rather one too many.
template <class = void>
[[nodiscard]] bool names_a_secret(std::string_view name) {
    std::string small{name};
    std::transform(small.begin(), small.end(), small.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    constexpr std::array<std::string_view, 9> secrets{"key",    "token",      "secret", "pass",  "pwd",
                                                      "bearer", "credential", "auth",   "cookie"};
    return std::any_of(secrets.begin(), secrets.end(),
                       [&](std::string_view secret) { return small.find(secret) != std::string::npos; });
}

/// Where in a word a secret begins that its name stands before ("token=", "\"api_key\": ", "--key:"), or that
/// its own first letters tell; the word's end if there is none.
template <class = void>
[[nodiscard]] std::size_t secret_in(std::string_view word) {
    constexpr std::string_view of_names =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. \"'";
    for (std::size_t at = word.find_first_of("=:"); at != std::string_view::npos;
         at = word.find_first_of("=:", at + 1)) {
        const std::size_t before = word.substr(0, at).find_last_not_of(of_names);
        const std::size_t from = before == std::string_view::npos ? 0 : before + 1;
        if (names_a_secret(word.substr(from, at - from))) return at + 1;
    }
    std::size_t first = word.size();
    for (const std::string_view begins :
         {"hf_", "sk-", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "AKIA", "eyJ"}) {
        const std::size_t at = word.find(begins);
        const bool is_begin =
            at == 0 || (at != std::string_view::npos &&
                        std::string_view{"=: \"'"}.find(word[at - 1]) != std::string_view::npos);
        if (is_begin) first = std::min(first, at);
    }
    return first;
}

/// A command line without what is or may be secret: the values of options whose names say so, what stands
/// between
/// "://" and "@", what follows the "?" of an address, and what looks like a token. A secret that nothing
/// tells is not known.
template <class = void>
[[nodiscard]] std::vector<std::string> without_secrets(std::vector<std::string> words) {
    constexpr const char* hidden = "***";
    constexpr std::size_t most_bytes = 16 << 10;
    bool is_value = false;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string& word = words[i];
        if (std::exchange(is_value, false)) {
            word = hidden;
            continue;
        }
        for (std::size_t at = word.find("://"); at != std::string::npos; at = word.find("://", at + 3)) {
            const std::size_t end = std::min(word.find_first_of(" \t\"'", at), word.size());
            if (const std::size_t user = word.rfind('@', end - 1); user != std::string::npos && user > at)
                word.replace(at + 3, user - at - 3, hidden);
            const std::size_t query = word.find('?', at);
            if (query != std::string::npos) word.replace(query + 1, std::string::npos, hidden);
        }
        if (const std::size_t from = i == 0 ? word.size() : secret_in(word); from < word.size())
            word.replace(from, std::string::npos, hidden);
        is_value = i != 0 && word.starts_with('-') && word.find_first_of("=:") == std::string::npos &&
                   names_a_secret(word);
        bytes += word.size();
        if (bytes <= most_bytes) continue;
        words.resize(i + 1);
        word = "...";
    }
    return words;
}

/// Variables that tell of the machine's share and of the other processes: these and no others.
inline constexpr std::array<const char*, 24> told_variables{"CUDA_VISIBLE_DEVICES",
                                                            "OMP_NUM_THREADS",
                                                            "RANK",
                                                            "WORLD_SIZE",
                                                            "LOCAL_RANK",
                                                            "LOCAL_WORLD_SIZE",
                                                            "NODE_RANK",
                                                            "MASTER_ADDR",
                                                            "MASTER_PORT",
                                                            "OMPI_COMM_WORLD_RANK",
                                                            "OMPI_COMM_WORLD_SIZE",
                                                            "OMPI_COMM_WORLD_LOCAL_RANK",
                                                            "PMI_RANK",
                                                            "PMI_SIZE",
                                                            "SLURM_JOB_ID",
                                                            "SLURM_JOB_NAME",
                                                            "SLURM_JOB_PARTITION",
                                                            "SLURM_JOB_NODELIST",
                                                            "SLURM_NNODES",
                                                            "SLURM_NTASKS",
                                                            "SLURM_PROCID",
                                                            "SLURM_LOCALID",
                                                            "SLURM_ARRAY_JOB_ID",
                                                            "SLURM_ARRAY_TASK_ID"};

/// The compiler of the file that opens the run.
[[nodiscard]] inline std::string compiler_name() {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "g++ " __VERSION__;
#elif defined(_MSC_VER)
    return "MSVC " + std::to_string(_MSC_FULL_VER);
#else
    return {};
#endif
}

/// The first of what stands behind a key in a text of lines "key : value".
template <class = void>
[[nodiscard]] std::string line_after(std::string_view text, std::string_view key) {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return {};
    std::string_view rest = text.substr(at + key.size());
    rest = rest.substr(std::min(rest.find_first_not_of(" \t:"), rest.size()));
    return std::string{rest.substr(0, rest.find('\n'))};
}

/// A commit as a run's record has it.
template <class Json>
[[nodiscard]] Json commit_record(const GitCommit& git) {
    Json out = {{"commit", git.commit}, {"root", os::utf8_of(git.root)}};
    if (!git.branch.empty()) out["branch"] = git.branch;
    return out;
}

/// What is known without asking anybody but the system. Cost: reads some ten small files.
template <class Json = nlohmann::json>
[[nodiscard]] Json environment_of_run() {
    Json out = {{"command", without_secrets(os::command_line())},
                {"host", os::this_process().host},
                {"user", os::user_name()},
                {"os", os::system_name()},
                {"processors", std::thread::hardware_concurrency()},
                {"compiler", compiler_name()},
                {"library", CAIRN_VERSION}};
    std::error_code failed;
    const std::filesystem::path folder = std::filesystem::current_path(failed);
    if (!failed) out["folder"] = os::utf8_of(folder);
    if (const std::string_view flags = CAIRN_BUILD_FLAGS; !flags.empty()) out["flags"] = flags;
    if (std::string model = line_after(os::kernel_file("/proc/cpuinfo"), "model name"); !model.empty())
        out["processor"] = std::move(model);
    if (const auto kib = os::numbers_after(os::kernel_file("/proc/meminfo"), "MemTotal:").next())
        out["memory"] = static_cast<std::uint64_t>(*kib) * 1024;
    // An empty folder, which there is where it cannot be told, lies in no tree.
    if (const auto git = git_commit_at(folder)) out["git"] = commit_record<Json>(*git);
    Json& variables = out["variables"] = Json::object();
    for (const char* name : told_variables) {
        if (std::string value = os::sys::environment(name); !value.empty())
            variables[name] = std::move(value);
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/media_file.hpp
// The rich values of a run, one behind the other in one file. A value is found by its place; what was torn
// off or damaged is passed over.
//
//   file   "CAIRNMED" · u32 version · u32 0
//   entry  u32 "MEDI" · u32 CRC-32C of what follows up to the value · u32 bytes of the text · u32 CRC-32C of
//   the
//          value · u64 bytes of the value · text (JSON), filled up with zeros · value, filled up with zeros
//
// Little-endian; everything is a multiple of 8 bytes.

namespace CAIRN_NAMESPACE::detail {

inline constexpr const char* media_file = "media.cairn";
inline constexpr std::string_view media_magic = "CAIRNMED";
inline constexpr std::string_view media_entry_magic = "MEDI";
inline constexpr std::uint32_t media_version = 1;
inline constexpr std::uint64_t media_header_bytes = 16;
inline constexpr std::size_t media_head_bytes = 24;  // of an entry, before its text
inline constexpr std::size_t most_media_text = std::size_t{1} << 20U;
inline constexpr std::uint64_t most_media_bytes = std::uint64_t{1} << 30U;

/// An entry without its value.
struct MediaEntry {
    std::string text;         ///< JSON
    std::uint64_t at = 0;     ///< where the entry begins in the file; it never moves
    std::uint64_t value = 0;  ///< where its value begins
    std::uint64_t bytes = 0;  ///< of the value
    std::uint32_t crc = 0;    ///< CRC-32C of the value
};

/// Walks the entries of a file as long as it is, without reading the values. Threads: one at a time.
template <class = void>
class BasicMediaReader {
  public:
    /// Fails: not_found; corrupt, if it is no such file; unsupported, if a newer version wrote it.
    static result<BasicMediaReader> open(const std::filesystem::path& path) {
        auto file = os::File::open_read(path);
        if (!file) return file.error();
        const auto size = file->size();
        if (!size) return size.error();
        BasicMediaReader reader{std::move(*file), *size};
        std::byte header[media_header_bytes] = {};
        const auto got = reader.file_.read_at(0, header);
        if (!got) return got.error();
        if (*got == 0) return reader;  // made, and then the writer died
        if (*got < sizeof header || std::memcmp(header, media_magic.data(), media_magic.size()) != 0) {
            return error{errc::corrupt, "this is no file of rich values", path.string(),
                         "restore it from a copy, or delete it"};
        }
        if (get<std::uint32_t>(header + 8) > media_version) {
            return error{errc::unsupported, "the rich values were written by a newer version of cairn",
                         path.string(), "read them with that version"};
        }
        return reader;
    }

    /// The next entry that is whole; false at the end. Fails: io.
    result<bool> next(MediaEntry& entry) {
        while (at_ + media_head_bytes <= size_) {
            const auto is_whole = parse(entry);
            if (!is_whole) return is_whole.error();
            if (*is_whole) {
                if (std::exchange(is_skipping_, false)) ++gaps_;
                at_ = end_ = entry.value + padded(static_cast<std::size_t>(entry.bytes));
                return true;
            }
            is_skipping_ = true;
            if (auto found = skip(); !found) return found.error();
        }
        return false;
    }
    /// The entry at a place that an earlier walk told. Fails: not_found, io.
    result<MediaEntry> entry_at(std::uint64_t at) {
        MediaEntry entry;
        at_ = at;
        const bool can_be =
            at >= media_header_bytes && at % 8 == 0 && at < size_ && size_ - at >= media_head_bytes;
        const auto is_whole = can_be ? parse(entry) : result<bool>{false};
        if (!is_whole) return is_whole.error();
        if (*is_whole) return entry;
        return error{errc::not_found, "no rich value begins there", std::to_string(at),
                     "take a place that was told"};
    }
    /// The value of an entry. Fails: corrupt, io.
    [[nodiscard]] result<std::string> read(const MediaEntry& entry) const {
        std::string bytes(static_cast<std::size_t>(entry.bytes), '\0');
        const auto got = file_.read_at(entry.value, writable_bytes_of(bytes));
        if (!got) return got.error();
        if (*got == bytes.size() && crc32c(bytes_of(bytes)) == entry.crc) return bytes;
        return error{errc::corrupt, "a rich value is damaged", file_.path().string(),
                     "the others can be read"};
    }

    /// Where the last whole entry ends: what follows is torn.
    [[nodiscard]] std::uint64_t whole_bytes() const noexcept { return end_; }
    /// Where entries begin that are longer than the file: they would be read if it grew.
    [[nodiscard]] const std::vector<std::uint64_t>& overlong() const noexcept { return overlong_; }
    /// Damaged stretches between whole entries.
    [[nodiscard]] std::size_t gaps() const noexcept { return gaps_; }
    /// Bytes of the file when it was opened.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return size_; }
    /// Goes on there, which an earlier reader's `whole_bytes` told.
    void go_on_from(std::uint64_t at) noexcept { at_ = end_ = std::max(at, media_header_bytes); }

  private:
    BasicMediaReader(os::File file, std::uint64_t size) : file_{std::move(file)}, size_{size} {}

    result<bool> parse(MediaEntry& entry) {
        std::byte head[media_head_bytes];
        const auto got = file_.read_at(at_, head);
        if (!got) return got.error();
        if (*got < sizeof head || std::memcmp(head, media_entry_magic.data(), media_entry_magic.size()) != 0)
            return false;
        const std::size_t text = get<std::uint32_t>(head + 8);
        const auto value = get<std::uint64_t>(head + 16);
        const std::uint64_t left = size_ - at_ - media_head_bytes;
        if (text > most_media_text || padded(text) > left || text > budget_) return false;
        std::vector<std::byte> whole(media_head_bytes + padded(text));
        const auto read = file_.read_at(at_, whole);
        if (!read) return read.error();
        if (*read < whole.size() ||
            crc32c(std::span{whole}.subspan(8)) != get<std::uint32_t>(whole.data() + 4)) {
            budget_ -= text;
            return false;
        }
        if (value > most_media_bytes || padded(static_cast<std::size_t>(value)) > left - padded(text)) {
            budget_ -= text;
            overlong_.push_back(at_);
            return false;
        }
        entry.text.assign(reinterpret_cast<const char*>(whole.data()) + media_head_bytes, text);
        entry.at = at_;
        entry.value = at_ + whole.size();
        entry.bytes = value;
        entry.crc = get<std::uint32_t>(head + 12);
        return true;
    }
    /// Goes to what may be the next entry.
    result<void> skip() {
        for (at_ += 8; at_ + media_head_bytes <= size_; at_ += 8) {
            if (at_ < piece_at_ || at_ - piece_at_ >= piece_.size()) {
                piece_.resize(std::size_t{64} << 10U);
                const auto got = file_.read_at(piece_at_ = at_, piece_);
                piece_.resize(got ? *got / 8 * 8 : 0);
                if (!got) return got.error();
                if (piece_.empty()) break;
            }
            if (std::memcmp(piece_.data() + (at_ - piece_at_), media_entry_magic.data(),
                            media_entry_magic.size()) == 0)
                return {};
        }
        at_ = size_;
        return {};
    }

    os::File file_;
    std::uint64_t size_;
    std::uint64_t at_ = media_header_bytes, end_ = media_header_bytes;
    std::vector<std::byte> piece_;  // of the file, in which the next entry is looked for
    std::uint64_t piece_at_ = 0;
    std::uint64_t budget_ = std::uint64_t{64} << 20U;  // of bytes of no whole entry, as of a hostile file
    std::vector<std::uint64_t> overlong_;
    std::size_t gaps_ = 0;
    bool is_skipping_ = false;
};
using MediaReader = BasicMediaReader<>;

/// Appends entries. One that cannot be written whole is taken back. Only for the run's one writer.
template <class = void>
class BasicMediaWriter {
  public:
    /// Goes on behind the last whole entry; makes the file if it is not there. Fails as the disk does, and on
    /// a file that is none of this kind.
    static result<BasicMediaWriter> open(const std::filesystem::path& path) {
        std::uint64_t end = media_header_bytes;
        std::vector<std::uint64_t> overlong;
        if (auto reader = MediaReader::open(path)) {
            MediaEntry entry;
            for (auto more = reader->next(entry); !more || *more; more = reader->next(entry)) {
                if (!more) return more.error();
            }
            end = reader->whole_bytes();
            overlong = reader->overlong();
        } else if (reader.error().code() != errc::not_found) {
            return reader.error();
        }
        auto file = os::File::open_read_write(path);
        if (!file) return file.error();
        BasicMediaWriter writer{std::move(*file), end};
        std::byte header[media_header_bytes] = {};
        std::memcpy(header, media_magic.data(), media_magic.size());
        put(header + media_magic.size(), media_version);
        if (auto written = writer.file_.write_at(0, header); !written) return written.error();
        if (auto cut = writer.file_.truncate(end); !cut) return cut.error();
        constexpr std::byte nothing[media_entry_magic.size()] = {};
        for (const std::uint64_t at : overlong) {
            if (at >= end) continue;  // cut off
            if (auto undone = writer.file_.write_at(at, nothing); !undone) return undone.error();
        }
        return writer;
    }

    /// Fails: invalid_argument, if it is larger than can be read; no_space, io.
    result<void> append(std::string_view text, std::span<const std::byte> value) {
        if (text.size() > most_media_text || value.size() > most_media_bytes) {
            return error{errc::invalid_argument, "a rich value is too large",
                         std::to_string(text.size()) + " bytes of text, " + std::to_string(value.size()) +
                             " of value",
                         "at most 1 MiB of text and 1 GiB of value"};
        }
        std::vector<std::byte> head(media_head_bytes + padded(text.size()));
        std::memcpy(head.data(), media_entry_magic.data(), media_entry_magic.size());
        put(head.data() + 8, static_cast<std::uint32_t>(text.size()));
        put(head.data() + 12, crc32c(value));
        put(head.data() + 16, static_cast<std::uint64_t>(value.size()));
        std::memcpy(head.data() + media_head_bytes, text.data(), text.size());
        put(head.data() + 4, crc32c(std::span<const std::byte>{head}.subspan(8)));
        const std::uint64_t value_at = end_ + head.size();
        // The value first: an entry whose head is there is whole, whenever the process dies.
        auto written = file_.write_at(value_at, value);
        constexpr std::byte zeros[8] = {};
        if (written) {
            const std::size_t fill = padded(value.size()) - value.size();
            written = file_.write_at(value_at + value.size(), {zeros, fill});
        }
        if (written) written = file_.write_at(end_, head);
        if (!written) {
            (void)file_.truncate(end_);  // if this fails too, readers pass over it
            return written;
        }
        end_ = value_at + padded(value.size());
        return {};
    }

    /// Bytes of the file.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return end_; }
    result<void> sync() { return file_.sync(); }

  private:
    BasicMediaWriter(os::File file, std::uint64_t end) : file_{std::move(file)}, end_{end} {}

    os::File file_;
    std::uint64_t end_;
};
using MediaWriter = BasicMediaWriter<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/media_keeper.hpp
// Where a run's rich values go: encoded and written on the thread that writes checkpoints, in order.

namespace CAIRN_NAMESPACE::detail {

/// Threads: any.
template <class T = void>
class BasicMediaKeeper {
    using Json = Deferred<nlohmann::json, T>;

  public:
    /// Memory that values which wait may have in all.
    static constexpr std::size_t most_waiting = std::size_t{256} << 20U;
    /// What one takes that has nothing in it: its place in the queue, its name, the call of its encode().
    static constexpr std::size_t least_memory = 512;

    /// The file is made with the first value.
    explicit BasicMediaKeeper(std::filesystem::path file) : path_{std::move(file)} {}

    /// Hands a value to the saver; `core` hears if it comes to nothing. Fails: busy, if those that wait have
    /// all the memory they may, or there is no thread.
    result<void> take(const std::shared_ptr<RunCore>& core, const MediaPlace& place, std::size_t own_memory,
                      std::function<Media()> encode) {
        const std::size_t memory = std::max(own_memory, least_memory);
        const std::size_t before = waiting_.fetch_add(memory, std::memory_order_relaxed);
        if (before != 0 && (memory > most_waiting || before > most_waiting - memory)) {
            waiting_.fetch_sub(memory, std::memory_order_relaxed);
            return error{errc::busy, "images, tables and the like come faster than they can be written",
                         place.metric, "log them less often"};
        }
        const auto work = [this, core, place, memory, encode = std::move(encode)] {
            auto written = write(place, encode);
            waiting_.fetch_sub(memory, std::memory_order_relaxed);
            pending_.fetch_sub(1, std::memory_order_relaxed);
            if (!written && !is_closed()) core->note_lost_media(written.error());
        };
        pending_.fetch_add(1, std::memory_order_relaxed);
        const auto posted = core->saver().post(place.metric + " of step " + std::to_string(place.step), work);
        if (posted) return {};
        waiting_.fetch_sub(memory, std::memory_order_relaxed);
        pending_.fetch_sub(1, std::memory_order_relaxed);
        return posted.error();
    }
    /// Makes durable what is written, and writes no more: the run may have another writer soon. Returns how
    /// many values were still to be written. Fails: io.
    result<std::uint64_t> close() {
        const std::scoped_lock lock{mutex_};
        is_closed_ = true;
        if (file_) {
            if (auto synced = file_->sync(); !synced) return synced.error();
            file_.reset();
        }
        return pending_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }

  private:
    [[nodiscard]] bool is_closed() {
        const std::scoped_lock lock{mutex_};
        return is_closed_;
    }
    result<void> write(const MediaPlace& place, const std::function<Media()>& encode) noexcept {
        const auto failed = [&](const char* why) {
            return error{errc::invalid_argument, std::string{"a rich value could not be encoded: "} + why,
                         place.metric, "see what its encode() needs"};
        };
        try {
            if (is_closed()) return error{errc::busy, "the run has ended", place.metric, "finish it later"};
            const Media media = encode();
            const Json about = {{"metric", place.metric}, {"step", place.step}, {"time_ns", place.time_ns},
                                {"kind", media.kind},     {"type", media.type}, {"about", media.about}};
            const std::string text = about.dump(-1, ' ', false, Json::error_handler_t::replace);
            if (json_depth(text) > most_json_depth) return failed("its description is nested too deep");
            const std::scoped_lock lock{mutex_};
            if (is_closed_) return error{errc::busy, "the run has ended", place.metric, "finish it later"};
            if (!file_) {
                auto opened = BasicMediaWriter<T>::open(path_);
                if (!opened) return opened.error();
                file_.emplace(std::move(*opened));
            }
            auto done = file_->append(text, bytes_of(media.bytes));
            if (done) written_.fetch_add(1, std::memory_order_relaxed);
            return done;
        } catch (const error& e) {
            return e;
        } catch (const std::exception& e) {
            return failed(e.what());
        } catch (...) {
            return failed("it threw something that is no std::exception");
        }
    }

    std::filesystem::path path_;
    std::mutex mutex_;
    std::optional<BasicMediaWriter<T>> file_;
    bool is_closed_ = false;
    std::atomic<std::size_t> waiting_{0};  // bytes of memory
    std::atomic<std::uint64_t> written_{0}, pending_{0};
};
using MediaKeeper = BasicMediaKeeper<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/process.hpp
// The ends of a process that no destructor sees: an uncaught exception, exit(), fork().

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace CAIRN_NAMESPACE::detail {

/// Something that wants to hear of the process's end. All calls come on some thread of the process, once at
/// most.
class Endable {
  public:
    virtual void on_terminate(const std::string& why) noexcept = 0;
    virtual void on_exit() noexcept = 0;
    /// In the child of a fork: only atomics and file descriptors may be touched.
    virtual void on_fork_child() noexcept = 0;

  protected:
    ~Endable() = default;
};

/// The open runs of this process. The one thing that is not held by a run; never destroyed, so that it
/// outlives every static object. A second copy in a shared library is harmless: each knows its own runs and
/// calls the one before it.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicProcess {
  public:
    static BasicProcess& instance() {
        static auto* const process = new BasicProcess;  // reachable for ever: not a leak
        return *process;
    }

    void add(std::weak_ptr<Endable> run) {
        const std::scoped_lock lock{mutex_};
        std::erase_if(runs_, [](const auto& known) { return known.expired(); });
        runs_.push_back(std::move(run));
    }

    /// Ends all open runs as failed, because the process is about to go.
    void end_runs(const std::string& why) noexcept {
        each([&](Endable& run) { run.on_terminate(why); });
    }

  private:
    BasicProcess() : previous_{std::set_terminate([] { instance().terminate(); })} {
        (void)std::atexit([] { instance().each([](Endable& run) { run.on_exit(); }); });
#if !defined(_WIN32)
        ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                         [] {
                             for (const auto& known : instance().runs_) {
                                 if (const auto run = known.lock()) run->on_fork_child();
                             }
                             instance().mutex_.unlock();
                         });
#endif
    }

    [[noreturn]] void terminate() noexcept {
        const std::string why = current_exception_text();
        end_runs(why);
        if (previous_ != nullptr) previous_();
        std::abort();
    }

    static std::string current_exception_text() {
        try {
            if (const std::exception_ptr current = std::current_exception()) std::rethrow_exception(current);
        } catch (const std::exception& e) {
            return e.what();
        } catch (...) {
            return "an exception that is no std::exception";
        }
        return "std::terminate was called";
    }

    template <class F>
    void each(F&& f) {
        std::vector<std::shared_ptr<Endable>> runs;  // held, so that none goes away meanwhile
        {
            const std::scoped_lock lock{mutex_};
            for (const auto& known : runs_) {
                if (auto run = known.lock()) runs.push_back(std::move(run));
            }
        }
        for (const auto& run : runs) f(*run);
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<Endable>> runs_;
    std::terminate_handler previous_ = nullptr;
};
using Process = BasicProcess<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/process_signals.hpp
// The watches of a process, and what becomes of a signal when all have answered it.

namespace CAIRN_NAMESPACE::detail {

/// When all watches of the process have answered a SIGTERM that would have ended the process, it does.
template <class = void>
class CAIRN_ONE_IN_PROCESS BasicProcessSignals final : public SignalWatch {
  public:
    BasicProcessSignals() {
        Hub& hub = Hub::instance();
        const std::scoped_lock lock{hub.mutex};
        hub.all.push_back(&mine_);  // first: without memory nothing has changed
        if (hub.all.size() == 1) os::SignalCounter::listen();
        mine_ = {now(os::Signal::term), now(os::Signal::usr1)};
    }
    ~BasicProcessSignals() override {
        Hub& hub = Hub::instance();
        const bool asked = now(os::Signal::term) != mine_.term;
        {
            const std::scoped_lock lock{hub.mutex};
            std::erase(hub.all, &mine_);
        }
        if (asked) hub.end_if_due();  // nobody will answer it any more
        const std::scoped_lock lock{hub.mutex};
        if (hub.all.empty()) os::SignalCounter::unlisten();
    }

    [[nodiscard]] bool pending() const noexcept override {
        return now(os::Signal::term) != mine_.term || now(os::Signal::usr1) != mine_.usr1;
    }

    void answer() override {
        if (!pending()) return;
        Hub& hub = Hub::instance();
        {
            const std::scoped_lock lock{hub.mutex};
            mine_ = {now(os::Signal::term), now(os::Signal::usr1)};
        }
        hub.end_if_due();
    }

  private:
    /// How many of each had come when it answered last.
    struct Answered {
        std::uint32_t term = 0, usr1 = 0;
    };

    [[nodiscard]] static std::uint32_t now(os::Signal signal) noexcept {
        return os::SignalCounter::count(signal);
    }

    /// All watches of the process; never destroyed, as the list of runs.
    struct Hub {
        static Hub& instance() {
            static std::atomic<Hub*> latest{nullptr};
            Hub* hub = latest.load(std::memory_order_acquire);
            if (hub != nullptr && hub->process == os::pid()) return *hub;
            // A forked child begins anew: the watches, and a mutex that may be held, are its parent's.
            auto mine = std::make_unique<Hub>();
            if (latest.compare_exchange_strong(hub, mine.get(), std::memory_order_acq_rel))
                hub = mine.release();
            return *hub;
        }
        void end_if_due() {
            {
                const std::scoped_lock lock{mutex};
                if (now(os::Signal::term) == 0 || !os::SignalCounter::would_have_ended(os::Signal::term))
                    return;
                for (const Answered* one : all) {
                    if (one->term != now(os::Signal::term)) return;
                }
            }
            Process::instance().end_runs("the process was asked to stop (SIGTERM)");
            os::SignalCounter::end_by(os::Signal::term);
        }
        const std::uint64_t process = os::pid();
        std::mutex mutex;
        std::vector<Answered*> all;
    };

    Answered mine_;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/metrics_table.hpp
// The metrics of a run as text for a terminal. Costs nlohmann/json.

namespace CAIRN_NAMESPACE::detail {

/// `text` without what could move the cursor: names and notes are the user's data.
template <class = void>
[[nodiscard]] std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return out;
}

/// A number in at most ten characters.
template <class = void>
[[nodiscard]] std::string short_number(double x) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.5g", x);
    return buffer;
}

/// `text` filled up or cut to `width` columns (of bytes: for names).
template <class = void>
[[nodiscard]] std::string column(std::string text, std::size_t width) {
    if (text.size() > width) text = text.substr(0, width - 1) + "~";
    text.resize(width, ' ');
    return text;
}

/// The table of a run's metrics: name, curve, last value, best value and where it was. `goal_of(name)` says
/// which way a metric is better.
template <class GoalOf>
[[nodiscard]] std::string metrics_table(const MetricViews& views, GoalOf&& goal_of,
                                        std::size_t max_rows = 20) {
    std::string out;
    std::size_t shown = 0;
    for (const auto& [name, view] : views) {
        if (shown++ == max_rows) {
            out += "       ... and " + std::to_string(views.size() - max_rows) + " more\n";
            break;
        }
        const MetricSummary& m = view.summary;
        out += "       " + column(printable(name), 18) + " ";
        if (m.numbers + m.nans == 0) {
            out += printable(m.text.substr(0, 60)) + "\n";
            continue;
        }
        const std::string curve = view.curve.text();
        out += curve;
        out.append(2 * Thumbnail::width - curve.size() / 3, ' ');  // a block is three bytes
        out += " last " + column(short_number(m.last), 11);
        const Direction goal = goal_of(name);
        if (m.numbers != 0 && goal != maximize) {
            out += " min " + column(short_number(m.min) + " @" + std::to_string(m.min_step), 18);
        }
        if (m.numbers != 0 && goal != minimize)
            out += " max " + short_number(m.max) + " @" + std::to_string(m.max_step);
        if (m.nans != 0) out += " NaN x" + std::to_string(m.nans);
        out += "\n";
    }
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/report.hpp
// What a run says on a terminal when it starts and when it ends: where it is, and its metrics in small.

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace CAIRN_NAMESPACE::detail {

[[nodiscard]] inline bool is_terminal(std::FILE* file) noexcept {
#if defined(_WIN32)
    return ::_isatty(::_fileno(file)) != 0;
#else
    return ::isatty(::fileno(file)) != 0;
#endif
}

template <class = void>
[[nodiscard]] bool may_talk(const RunCore& core) {
    return !core.options().quiet && is_terminal(stderr);
}

template <class = void>
void report_start(const RunCore& core) {
    if (!may_talk(core)) return;
    std::fprintf(stderr, "cairn: %s %s/%s, recorded in %s\n", core.resumed() ? "going on with" : "run",
                 core.options().project.c_str(), core.options().id.c_str(),
                 printable(core.dir().string()).c_str());
}

/// `views()` gives the metrics, if they are to be shown.
template <class Json = nlohmann::json, class Views>
void report_end(const RunCore& core, Views&& views) noexcept {
    try {
        if (!may_talk(core) || core.is_detached()) return;
        const Json about = core.about();
        const double seconds = static_cast<double>(wall_ns() - core.started_ns()) / 1e9;
        std::fprintf(
            stderr, "cairn: run %s/%s %s after %.1f s\n%s", core.options().project.c_str(),
            core.options().id.c_str(), about.value("status", "").c_str(), seconds,
            metrics_table(views(), [&](std::string_view name) { return core.goal_of(name); }).c_str());
        const Health health = core.health();
        if (health.rows_dropped != 0) {
            std::fprintf(stderr, "cairn: %llu rows were lost\n",
                         static_cast<unsigned long long>(health.rows_dropped));
        }
        std::fprintf(stderr, "cairn: see it with: cairn show %s --dir %s\n", core.options().id.c_str(),
                     printable(core.store().root().string()).c_str());
    } catch (...) {  // a message that cannot be made is no reason to end a program
    }
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/run_versions.hpp
// The versions of an artifact, for a run that is recorded. Costs nlohmann/json.

namespace CAIRN_NAMESPACE::detail {

/// A row as a manifest keeps it, and back.
template <class Json = nlohmann::json>
[[nodiscard]] Json metrics_of(const DynamicRow& row) {
    Json metrics = Json::object();
    row.for_each([&](std::string_view name, const Value& value) {
        Json& to = metrics[std::string{name}];
        switch (value.kind()) {
            case Value::Kind::text: to = std::string{value.text()}; break;
            case Value::Kind::integer: to = static_cast<std::int64_t>(value.bits()); break;
            case Value::Kind::natural: to = value.bits(); break;
            case Value::Kind::boolean: to = value.bits() != 0; break;
            default: to = metric_to_json(value.number()); break;
        }
    });
    return metrics;
}

template <class = void>
[[nodiscard]] DynamicRow row_of(const Manifest& manifest) {
    std::vector<NamedValue> values;
    for (const auto& [name, value] : manifest.metrics.items()) {
        if (value.is_boolean()) {
            values.push_back({name, value.template get<bool>()});
        } else if (value.is_number_unsigned()) {
            values.push_back({name, value.template get<std::uint64_t>()});
        } else if (value.is_number_integer()) {
            values.push_back({name, value.template get<std::int64_t>()});
        } else if (const auto number = metric_from_json(value)) {
            values.push_back({name, *number});
        } else if (value.is_string()) {
            values.push_back({name, std::string_view{value.template get_ref<const std::string&>()}});
        }
    }
    return {manifest.step.value_or(0), manifest.created_ns, values.data(), values.size()};
}

template <class = void>
[[nodiscard]] Version version_of(const Manifest& manifest, const ArtifactStore& artifacts) {
    const bool is_shown =
        std::any_of(manifest.files.begin(), manifest.files.end(),
                    [](const FileEntry& file) { return file.is_stored() && file.pieces.empty(); });
    return {manifest.version, manifest.logical_size(), row_of(manifest),
            is_shown ? artifacts.plain_path(manifest.version) : std::filesystem::path{}};
}

/// Shown under a plain path (`artifacts/<name>/v3/model.safetensors`). A commit is atomic and durable:
/// objects first, then the version's manifest.
template <class = void>
class BasicRunVersions final : public VersionStore {
  public:
    /// Makes the artifact if it is not there. Throws `cairn::error`.
    BasicRunVersions(std::shared_ptr<RunCore> core, std::string_view name, Share share)
        : core_{std::move(core)},
          artifacts_{ArtifactStore::open(core_->store(), core_->options().project, std::string{name}, "model")
                         .value()},
          share_{share}, batch_{share} {}

    result<Reservation> reserve() const override {
        auto reserved = artifacts_.reserve();
        if (!reserved) return reserved.error();
        const std::scoped_lock lock{mutex_};
        // Without locks nobody sees what this process has promised.
        if (!reserved->lease.held()) reserved->number = std::max(reserved->number, next_);
        next_ = std::max(next_, reserved->number + 1);
        Reservation out;
        out.version.number = reserved->number;
        if (share_ == Share::files) out.version.path = artifacts_.plain_path(reserved->number);
        const auto hold = std::make_shared<ReservedNumber>(std::move(*reserved));
        std::erase_if(promised_, [](const auto& known) { return known.second.expired(); });
        promised_[hold->number] = hold;
        out.hold = hold;
        return out;
    }

    result<void> begin(const VersionInfo& info) override {
        abort();
        number_.reset();
        if (info.reserved != nullptr) number_ = info.reserved->version.number;
        draft_ = {};
        draft_.run = info.run;
        draft_.step = info.row.step();
        draft_.created_ns = info.row.time_ns();
        draft_.metrics = metrics_of(info.row);
        return {};
    }

    result<void> write(std::string_view file, std::span<const std::byte> bytes) override {
        return batch_.write(core_->store(), file, bytes);
    }

    result<Version> commit() override {
        auto staged = batch_.finish();
        if (!staged) return staged.error();
        return commit(std::move(*staged));
    }
    result<std::vector<StagedFile>> stage() override {
        auto staged = batch_.finish();
        if (!staged) return staged;
        for (StagedFile& file : *staged) {
            if (auto sealed = file.object.seal(); !sealed) return sealed.error();
            for (StagedObject& piece : file.rest) {
                if (auto sealed = piece.seal(); !sealed) return sealed.error();
            }
        }
        return staged;
    }
    result<Version> commit(std::vector<StagedFile> staged) override {
        auto committed = artifacts_.commit(std::move(draft_), std::move(staged), {.number = number_});
        if (!committed) return committed.error();
        if (number_)
            give_up(*number_);  // the manifest says that it is taken, and a lease that it is being read
        for (const error& warning : committed->warnings) core_->note_failure(warning, false);
        return version_of(committed->manifest, artifacts_);
    }

    void abort() noexcept override { batch_.clear(); }

    result<StoredFiles> open(const Version& version, std::string_view folder) override {
        const auto reading = artifacts_.lease(version.number);  // until all of it is in memory
        auto manifest = artifacts_.get(version.number);
        if (!manifest) return manifest.error();
        StoredFiles files;
        for (const FileEntry& entry : manifest->files) {
            if (!entry.is_stored() || !entry.path.starts_with(folder)) continue;
            auto bytes = artifacts_.read(*manifest, entry.path);
            if (!bytes) return bytes.error();
            files.add(entry.path.substr(folder.size()), std::move(*bytes));
        }
        return files;
    }

    result<void> remove(const Version& version) override { return artifacts_.remove(version.number); }
    result<void> undo(const Version& version) override { return artifacts_.undo(version.number); }

    [[nodiscard]] result<Manifest> manifest(const Version& version) const override {
        return artifacts_.get(version.number);
    }
    [[nodiscard]] result<Version> version(std::uint64_t number) const override {
        const auto manifest = artifacts_.get(number);
        if (!manifest) return manifest.error();
        return version_of(*manifest, artifacts_);
    }

    [[nodiscard]] std::vector<Version> versions(bool any_run) override {
        auto listing = artifacts_.list();
        if (!listing) raise(listing.error());
        for (const error& damaged : listing->damaged) core_->note_failure(damaged, false);
        std::vector<Version> versions;
        for (const Manifest& manifest : listing->versions) {
            if (any_run || manifest.run == core_->options().id) {
                versions.push_back(version_of(manifest, artifacts_));
            }
        }
        return versions;
    }

    result<void> annotate(const Version& version, const DynamicRow& metrics) override {
        auto done = artifacts_.annotate(version.number, metrics_of(metrics));
        return done ? result<void>{} : result<void>{done.error()};
    }

    [[nodiscard]] bool is_held(const Version& version) const override {
        if (const auto aliases = artifacts_.aliases()) {
            for (const auto& [alias, number] : *aliases)
                if (number == version.number) return true;
        }
        const auto read = artifacts_.is_read(version.number);
        return read && *read;
    }

    [[nodiscard]] std::optional<std::uint64_t> free_bytes() const override {
        const auto free = os::free_bytes(core_->store().root());
        return free ? std::optional{*free} : std::nullopt;
    }

    void mark_best(const Version& version, const Watched& by) override {
        const auto is_worse = [&](const Manifest& named) {
            const Reading held = row_of(named).find(by.metric).reading();
            const Reading now = version.row.find(by.metric).reading();
            return held.kind != Reading::Kind::number || is_better(by.direction, now.value, held.value);
        };
        if (auto set = artifacts_.move_alias("best", version.number, is_worse); !set)
            core_->note_failure(set.error(), false);
    }

  private:
    void give_up(std::uint64_t number) {
        const std::scoped_lock lock{mutex_};
        const auto known = promised_.find(number);
        if (known == promised_.end()) return;
        if (const auto hold = known->second.lock()) hold->lease.release();
        promised_.erase(known);
    }

    std::shared_ptr<RunCore> core_;
    ArtifactStore artifacts_;
    // What was promised, on the training thread, and not yet kept, on the saving thread.
    mutable std::mutex mutex_;
    mutable std::map<std::uint64_t, std::weak_ptr<ReservedNumber>> promised_;
    mutable std::uint64_t next_ = 0;
    Manifest draft_;
    std::optional<std::uint64_t> number_;  // that was reserved for the draft
    Share share_;
    ObjectBatch batch_;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/detail/watches.hpp
// Who looks at a run's rows as they are logged, on the thread that logs them.

namespace CAIRN_NAMESPACE::detail {

/// Threads: any. Whoever is removed is not called any more when `remove` returns.
class Watches {
  public:
    /// Called with the step and the time of a row.
    using Look = std::function<void(std::int64_t, std::int64_t)>;

    /// From now on `look` is called after each row of the calling thread. Returns what `remove` wants.
    /// `while_any()` is called before anybody else can remove it.
    template <class F>
    std::uint64_t add(Look look, F&& while_any) {
        const auto entry = std::make_shared<Entry>();
        entry->thread = this_thread();
        entry->look = std::make_shared<const Look>(std::move(look));
        const std::scoped_lock lock{mutex_};
        entry->id = ++last_id_;
        entries_.push_back(entry);
        while_any();
        return entry->id;
    }
    /// Waits while it is being called, unless it is that which removes itself. `when_none()` is called if it
    /// was the last, before anybody else can be added.
    template <class F>
    void remove(std::uint64_t id, F&& when_none) {
        std::shared_ptr<Entry> removed;
        {
            const std::scoped_lock lock{mutex_};
            const auto found = std::find_if(entries_.begin(), entries_.end(),
                                            [&](const auto& entry) { return entry->id == id; });
            if (found == entries_.end()) return;
            removed = *found;
            entries_.erase(found);
            if (entries_.empty()) when_none();
        }
        const std::scoped_lock lock{removed->mutex};
        removed->look = nullptr;
    }
    /// After a row of the calling thread.
    void look(std::int64_t step, std::int64_t time_ns) {
        const std::uint64_t thread = this_thread();
        std::vector<std::shared_ptr<Entry>> mine;
        {
            const std::scoped_lock lock{mutex_};
            for (const auto& entry : entries_) {
                if (entry->thread == thread) mine.push_back(entry);
            }
        }
        for (const auto& entry : mine) {
            const std::scoped_lock lock{entry->mutex};
            // Held: it may remove itself.
            if (const auto look = entry->look) (*look)(step, time_ns);
        }
    }

  private:
    struct Entry {
        std::uint64_t id = 0;
        std::uint64_t thread = 0;
        std::recursive_mutex mutex{};  // what looks may unwatch itself
        std::shared_ptr<const Look> look{};
    };
    /// A number that no other thread has or had.
    [[nodiscard]] static std::uint64_t this_thread() noexcept {
        static std::atomic<std::uint64_t> last{0};
        thread_local const std::uint64_t mine = last.fetch_add(1, std::memory_order_relaxed) + 1;
        return mine;
    }

    std::mutex mutex_;
    std::vector<std::shared_ptr<Entry>> entries_;
    std::uint64_t last_id_ = 0;
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/row_assembler.hpp
// From the payloads of frames and from what a ring holds to the rows that were logged.

namespace CAIRN_NAMESPACE::detail {

/// What is known after all rows of a run were read.
struct HistoryReport {
    std::size_t whole_bytes = 0;    ///< of the history file
    std::size_t torn_bytes = 0;     ///< after it
    std::size_t settled_bytes = 0;  ///< the same, before what the rings held was appended
    std::size_t damaged = 0;        ///< stretches that could not be read
    std::uint64_t rows = 0;
    std::uint64_t folded = 0;     ///< of these, rows that were still in a ring
    std::uint32_t next_ring = 0;  ///< a number that no ring of this run has had
    std::vector<error> unread{};  ///< for each ring that could not be read, why

    /// What could not be read, of the run in a folder.
    [[nodiscard]] std::vector<error> errors(const std::string& run_dir) const {
        std::vector<error> all = unread;
        if (damaged != 0) {
            all.emplace_back(errc::corrupt,
                             std::to_string(damaged) + " stretches of a run's history cannot be read",
                             run_dir, "restore it from a copy; the rows around them are whole");
        }
        return all;
    }
};

/// Whether a receiver of rows wants only those that have a value of one name, `wanted`.
template <class F>
concept HasWanted = requires(const F& f) {
    { f.wanted } -> std::convertible_to<std::string_view>;
};

/// Turns what lies in the rings and in the history into rows and events: keeps the names, joins what
/// continues. `f` is called as `f(StoredRow)` for each row and event; or, if that is what it takes, as
/// `f(step, time_ns, std::span<const NamedValue>)` for each row. An `f` that `HasWanted` may be spared rows
/// and events that have no value of the name that it wants.
template <class T = void>
class BasicRowAssembler {
  public:
    /// Takes the next records of a ring.
    template <class F>
    void feed(std::uint32_t ring, std::span<const std::byte> records, HistoryReport& report, F&& f) {
        Lane& lane = lanes_[ring];
        RecordReader reader{records};
        for (RecordReader::Record record; reader.next(record);) {
            if (record.kind == RecordKind::name) {
                keep_name(lane, record.body, report);
            } else if (record.kind != RecordKind::padding) {
                take_record(ring, lane, record, report, f);
            }
        }
        if (reader.damaged()) ++report.damaged;
    }

    /// Takes over a name that a frame defined, instead of that frame.
    void define(std::uint32_t ring, std::uint32_t metric, std::string_view name) {
        lanes_[ring].names.insert_or_assign(metric, std::string{name});
    }

    /// Takes the payload of a frame, which follows what was taken of its ring before.
    template <class F>
    void feed(const Frame& frame, HistoryReport& report, F&& f) {
        if (frame.kind == FrameKind::records) return feed(frame.ring, frame.payload, report, f);
        Lane& lane = lanes_[frame.ring];
        lane.begun.reset();  // its end was dropped
        bool is_wanted = !HasWanted<std::remove_cvref_t<F>>;
        const auto block = block_of(frame, [&](std::uint32_t metric, std::string_view name) {
            std::string& known = lane.names[metric];
            if (known != name) known = name;
            if constexpr (HasWanted<std::remove_cvref_t<F>>) is_wanted = is_wanted || name == f.wanted;
        });
        if (!is_wanted) return;  // a frame brings the names of all that is in it
        const bool is_whole = blocks_.read(block, [&](RecordKind kind, std::int64_t step,
                                                      std::int64_t time_ns, const std::vector<Cell>& cells) {
            hand_on({kind, frame.ring, step, time_ns, {}}, lane, cells, report, f);
        });
        if (!is_whole) ++report.damaged;
    }

  private:
    /// The first records of a row that goes on in the next one; owns what it refers to.
    struct Begun {
        RecordKind kind{};
        std::int64_t step = 0, time_ns = 0;
        std::vector<Deferred<Cell, T>> cells{};
        std::forward_list<Deferred<std::string, T>> texts{};
    };
    /// Each thread defines a name in its own ring before it uses it, so every ring has numbers of its own.
    struct Lane {
        std::map<std::uint32_t, Deferred<std::string, T>> names{};
        std::optional<Begun> begun{};
    };

    static void keep_name(Lane& lane, std::span<const std::byte> body, HistoryReport& report) {
        std::uint32_t id = 0;
        std::string_view name;
        if (!read_name(body, id, name)) {
            ++report.damaged;
            return;
        }
        lane.names.insert_or_assign(id, std::string{name});
    }

    template <class F>
    void take_record(std::uint32_t ring, Lane& lane, const RecordReader::Record& record,
                     HistoryReport& report, F&& f) {
        cells_.clear();
        StoredRow row{record.kind, ring, 0, 0, {}};
        if (!read_row(record.body, row.step, row.time_ns, cells_)) ++report.damaged;
        const bool continues = (record.flags & row_continues) != 0;
        const bool is_continued = (record.flags & row_is_continued) != 0;
        // What lacks its beginning or its end was dropped, and counted, by its writer; or lies in a gap.
        if (!is_continued || (lane.begun && !belong_together(*lane.begun, row))) lane.begun.reset();
        if (!continues && !is_continued) return hand_on(row, lane, cells_, report, f);
        if (!is_continued) lane.begun.emplace(Begun{row.kind, row.step, row.time_ns});
        if (!lane.begun) return;
        Begun& begun = *lane.begun;
        for (Cell cell : cells_) {
            if (continues && cell.value.is_text())
                cell.value = Value{begun.texts.emplace_front(cell.value.text())};
            begun.cells.push_back(cell);
        }
        if (continues) return;
        hand_on({begun.kind, ring, begun.step, begun.time_ns, {}}, lane, begun.cells, report, f);
        lane.begun.reset();
    }

    [[nodiscard]] static bool belong_together(const Begun& begun, const StoredRow& row) noexcept {
        return begun.kind == row.kind && begun.step == row.step && begun.time_ns == row.time_ns;
    }
    template <class F>
    void hand_on(StoredRow row, const Lane& lane, const std::vector<Cell>& cells, HistoryReport& report,
                 F&& f) {
        values_.clear();
        for (const Cell& cell : cells) {
            const auto name = lane.names.find(cell.metric);
            if (name != lane.names.end()) values_.push_back({name->second, cell.value});
        }
        row.values = {values_.data(), values_.size()};
        if (row.kind == RecordKind::row) ++report.rows;
        if constexpr (std::is_invocable_v<F&, const StoredRow&>) {
            f(row);
        } else if (row.kind == RecordKind::row) {
            f(row.step, row.time_ns, row.values);
        }
    }

    std::map<std::uint32_t, Lane> lanes_;
    std::vector<Deferred<Cell, T>> cells_;
    std::vector<Deferred<NamedValue, T>> values_;
    BasicBlockReader<T> blocks_;
};
using RowAssembler = BasicRowAssembler<>;

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/history.hpp
// All rows of a run: those in its history file and those that its rings still hold.

namespace CAIRN_NAMESPACE::detail {

/// Who reads: the run's one writer, or anybody beside it.
enum class Reader : bool { writer, other };

/// What the rings of a run hold; the report gets which ring number is free, and which ring cannot be read.
/// While their writer lives, a reader does not get rows ahead of those that come before them: they wait in
/// the writer's memory, and are in the history soon.
template <class = void>
[[nodiscard]] std::vector<RingRest> copy_rings(const std::filesystem::path& run_dir, HistoryReport& report,
                                               Reader reader = Reader::other) {
    std::vector<RingRest> rings;
    const std::filesystem::path journal = run_dir / journal_folder;
    const auto names = os::list_dir(journal);
    if (!names) {
        if (names.error().code() != errc::not_found) report.unread.push_back(names.error());
        return rings;
    }
    for (const std::string& name : *names) {
        const auto id = ring_of_file(name);
        if (!id) continue;
        report.next_ring = std::max(report.next_ring, *id + 1);
        if (name.ends_with(damaged_suffix)) continue;  // said when it was found
        auto rest = copy_ring(journal / name, *id);
        if (!rest) {
            report.unread.push_back(rest.error());
            continue;
        }
        if (rest->after_memory && reader == Reader::other) {
            const auto is_held = os::Lock::is_held(run_dir / run_lock_file);
            if (is_held && *is_held) continue;
        }
        rings.push_back(std::move(*rest));
    }
    return rings;
}

/// Up to where each ring was seen: so that nothing is seen twice, and what is missing is noticed.
template <class = void>
class BasicRingPositions {
  public:
    /// Whether a stretch of a ring is new.
    bool take(std::uint32_t ring, std::uint64_t from, std::uint64_t to) {
        std::uint64_t& seen = seen_[ring];
        if (to <= seen) return false;
        if (from > seen) ++missing_;
        seen = to;
        return true;
    }
    /// Drops from what a ring holds what was seen; false if nothing is left.
    bool take(RingRest& ring) {
        const std::uint64_t before = seen_[ring.id], end = ring.from + ring.bytes.size();
        if (!take(ring.id, ring.from, end)) return false;
        if (before <= ring.from) return true;
        const auto seen = static_cast<std::ptrdiff_t>(before - ring.from);
        ring.bytes.erase(ring.bytes.begin(), ring.bytes.begin() + seen);
        ring.from = before;
        return true;
    }
    /// How many stretches are missing, as far as what comes after them tells.
    [[nodiscard]] std::size_t missing() const noexcept { return missing_; }

  private:
    std::map<std::uint32_t, std::uint64_t> seen_;
    std::size_t missing_ = 0;
};
using RingPositions = BasicRingPositions<>;

/// Whether what is torn off a history lies in a ring still, as it does after a kill.
template <class = void>
[[nodiscard]] bool is_in_a_ring(const FrameReader& frames, const std::vector<RingRest>& rings) {
    Frame torn;
    if (!frames.torn(torn))  // less than a frame's head
        return std::any_of(rings.begin(), rings.end(),
                           [](const RingRest& ring) { return !ring.bytes.empty(); });
    return std::any_of(rings.begin(), rings.end(), [&](const RingRest& ring) {
        return ring.id == torn.ring && ring.from <= torn.from && torn.from < ring.from + ring.bytes.size();
    });
}

/// Whether a file begins as a history does. Fails: corrupt, unsupported.
template <class = void>
[[nodiscard]] result<void> check_history(std::span<const std::byte> bytes,
                                         const std::filesystem::path& path) {
    if (bytes.size() < history_header_bytes ||
        std::memcmp(bytes.data(), history_magic.data(), history_magic.size()) != 0) {
        return error{errc::corrupt, "this is not a history", path.string(),
                     "restore it from a copy, or delete it"};
    }
    if (get<std::uint32_t>(bytes.data() + 8) > history_version) {
        return error{errc::unsupported, "the history was written by a newer version of cairn", path.string(),
                     "read it with that version"};
    }
    return {};
}

/// Every row of a run once: the history, then what its rings still hold. Calls
/// `f(step, time_ns, std::span<const NamedValue>)`, or `f(StoredRow)` for events too, in the order of each
/// thread. Fails if the history is from
/// a newer version or cannot be read; a run without one has no rows. A ring that cannot be read is in the
/// report, beside the rows of all others. `rests`, if given, gets what only the rings hold.
template <class F>
result<HistoryReport> read_history(const std::filesystem::path& run_dir, F&& f, Reader reader = Reader::other,
                                   std::vector<RingRest>* rests = nullptr) {
    HistoryReport report;
    // Rings first: what leaves them while we read is in the history when we come to it.
    std::vector<RingRest> rings = copy_rings(run_dir, report, reader);
    BasicRowAssembler<Deferred<void, F>> assembler;
    BasicRingPositions<Deferred<void, F>> positions;
    std::size_t gaps = 0;
    const std::filesystem::path path = run_dir / history_file;
    // A writer may be at its last frame: what is torn is read twice.
    bool is_torn = true;
    for (std::size_t from = 0, attempts = 0; is_torn && attempts < 2; ++attempts) {
        if (attempts != 0) os::sys::sleep_ns(1'000'000);
        const auto file = read_file(path, max_history_bytes);
        if (!file && file.error().code() != errc::not_found) return file.error();
        if (!file || file->empty()) break;
        const std::span<const std::byte> bytes = bytes_of(*file);
        if (auto is_ours = check_history(bytes, path); !is_ours) return is_ours.error();
        FrameReader frames{bytes, std::max(from, history_header_bytes)};
        for (Frame frame; frames.next(frame);) {
            if (positions.take(frame.ring, frame.from, frame.to)) assembler.feed(frame, report, f);
            report.next_ring = std::max(report.next_ring, frame.ring + 1);
        }
        from = report.whole_bytes = report.settled_bytes = frames.whole_bytes();
        report.torn_bytes = bytes.size() - from;
        gaps += frames.gaps();
        is_torn = report.torn_bytes != 0 && !is_in_a_ring(frames, rings);
    }
    if (is_torn && report.torn_bytes != 0) ++gaps;
    for (RingRest& ring : rings) {
        if (!positions.take(ring)) continue;
        const std::uint64_t before = report.rows;
        assembler.feed(ring.id, bytes_of(ring.bytes), report, f);
        report.folded += report.rows - before;
        if (rests != nullptr) rests->push_back(ring);
    }
    report.damaged += std::max(gaps, positions.missing());  // the same ones, seen from two sides
    return report;
}

/// Reads like `read_history`, and leaves a history that is whole: what only the rings held is appended, a
/// torn tail is cut, the rings are removed. A ring file that is damaged is kept beside them under another
/// name. Only for the run's one writer. Fails, and changes nothing, if a ring cannot be read for now: its
/// rows may be there when the reason is gone.
template <class F>
result<HistoryReport> recover_history(const std::filesystem::path& run_dir, F&& f) {
    std::vector<RingRest> rests;
    auto report = read_history(run_dir, f, Reader::writer, &rests);
    if (!report) return report;
    for (const error& unread : report->unread) {
        if (unread.code() != errc::corrupt) return unread;
    }
    auto writer = HistoryWriter::open(run_dir / history_file, report->whole_bytes);
    if (!writer) return writer.error();
    for (const RingRest& rest : rests) {
        const Frame frame{FrameKind::records, rest.id, rest.from, rest.from + rest.bytes.size(),
                          bytes_of(rest.bytes)};
        if (auto appended = writer->append(frame); !appended) return appended.error();
    }
    if (auto synced = writer->sync(); !synced) return synced.error();
    report->whole_bytes = static_cast<std::size_t>(writer->bytes());
    for (const error& unread : report->unread) {
        const std::string kept = unread.path() + std::string{damaged_suffix};
        if (auto moved = os::rename_replace(unread.path(), kept); !moved) return moved.error();
    }
    const std::filesystem::path journal = run_dir / journal_folder;
    if (auto names = os::list_dir(journal)) {
        for (const std::string& name : *names) {
            if (ring_of_file(name) && !name.ends_with(damaged_suffix)) (void)os::remove_file(journal / name);
        }
    }
    return report;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/store/run_folder.hpp
// The folder of a run: its one writer, its record, its state. Costs nlohmann/json.

namespace CAIRN_NAMESPACE {

namespace detail {

template <class Json = nlohmann::json>
[[nodiscard]] Json to_json(const os::Process& p) {
    return {{"pid", p.pid}, {"start", p.start}, {"boot", p.boot}, {"space", p.space}, {"host", p.host}};
}
template <class Json = nlohmann::json>
[[nodiscard]] os::Process process_from(const Json& in) {
    os::Process out;
    (void)get_field(in, "pid", out.pid);
    (void)get_field(in, "start", out.start);
    (void)get_field(in, "boot", out.boot);
    (void)get_field(in, "space", out.space);
    (void)get_field(in, "host", out.host);
    return out;
}

/// Beside the record: the signal by which the process died, if it did.
inline constexpr const char* crash_file = "signal";
/// What the program printed, if it was to be kept.
inline constexpr const char* output_file = "output.log";
/// What the program's source differed in from its commit, if it was to be kept.
inline constexpr const char* git_diff_file = "diff.patch";

}  // namespace detail

/// One run's folder, open for its one writer; for readers see run_reader.hpp.
template <class Json = nlohmann::json>
class BasicRunFolder {
  public:
    /// Makes the folder if it is not there and takes the writer's lock; each rank has its own. Fails: busy,
    /// naming who holds it.
    static result<BasicRunFolder> open_writer(const Store& store, const std::string& project,
                                              const std::string& run, unsigned rank = 0) {
        if (auto checked = detail::check_name("project", project); !checked) return checked.error();
        if (auto checked = detail::check_name("run", run); !checked) return checked.error();
        BasicRunFolder folder{store, store.run_dir(project, run, rank)};
        if (auto made = detail::make_dirs_durably(folder.path_, store.durability()); !made)
            return made.error();
        auto lock = detail::os::Lock::try_acquire(folder.lock_path());
        if (!lock) return lock.error().code() == errc::busy ? folder.held_by_another() : lock.error();
        folder.lock_ = std::move(*lock);
        const std::string writer = detail::to_json(detail::os::this_process()).dump();
        if (auto noted = folder.lock_.write_note(writer); !noted) return noted.error();
        const auto record = detail::os::status(folder.path_ / "run.json");
        if (!record) return record.error();
        folder.is_new_ = !record->exists;
        return folder;
    }

    /// Where the folder lies.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    /// It had no record when it was opened.
    [[nodiscard]] bool is_new() const noexcept { return is_new_; }

    /// A JSON file of the run. Fails: not_found, corrupt.
    [[nodiscard]] result<Json> read_json(std::string_view name) const {
        const std::filesystem::path path = path_ / name;
        const auto text = detail::read_file(path, max_json_bytes);
        if (!text) return text.error();
        if (detail::json_depth(*text) <= detail::most_json_depth) {
            auto value = Json::parse(*text, nullptr, false);
            if (!value.is_discarded()) return value;
        }
        return error{errc::corrupt, "this file of the run is no JSON", path.string(),
                     "restore it from a copy, or delete it"};
    }
    /// Replaces a JSON file of the run in one step.
    result<void> write_json(std::string_view name, const Json& value) const {
        const std::string text = value.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
        return detail::write_file_atomically(path_ / name, text, durability_, temp_dir_);
    }
    /// The run's record. Fails: corrupt, if it is no object.
    [[nodiscard]] result<Json> read_run() const {
        auto record = read_json("run.json");
        if (!record || record->is_object()) return record;
        return error{errc::corrupt, "the run's record is no object", (path_ / "run.json").string(),
                     "restore it from a copy"};
    }
    /// Writes the record, with the process that writes it.
    result<void> write_run(Json record) const {
        record["process"] = detail::to_json(detail::os::this_process());
        return write_json("run.json", record);
    }

    /// In a forked child: the lock stays the parent's.
    void close_in_child() noexcept { lock_.close_in_child(); }
    /// Lets another writer in.
    void release() noexcept { lock_.release(); }

  protected:
    /// Of a run that may not be there.
    BasicRunFolder(const Store& store, std::filesystem::path path)
        : path_{std::move(path)}, temp_dir_{store.temp_dir()}, durability_{store.durability()} {}

    /// The file whose lock the writer holds.
    [[nodiscard]] std::filesystem::path lock_path() const { return path_ / detail::run_lock_file; }

  private:
    static constexpr std::size_t max_json_bytes = std::size_t{256} << 20U;

    [[nodiscard]] error held_by_another() const {
        const auto note = detail::read_file(lock_path(), 4096);
        const auto holder = detail::process_from(Json::parse(note ? *note : "", nullptr, false));
        const std::string who = holder.pid == 0
                                    ? " that does not say who it is"  // it took the lock just now
                                    : ": process " + std::to_string(holder.pid) + " on " + holder.host;
        return {errc::busy, "another writer has this run open" + who, path_.string(),
                "stop that process, or give this one another run id (CAIRN_RUN_ID)"};
    }

    std::filesystem::path path_;
    std::filesystem::path temp_dir_;
    Durability durability_;
    detail::os::Lock lock_;
    bool is_new_ = false;
};
using RunFolder = BasicRunFolder<>;

}  // namespace CAIRN_NAMESPACE

// ---- cairn/store/saved_files.hpp
// Copies files that match a pattern into a run's folder. Costs nothing but <filesystem>.

namespace CAIRN_NAMESPACE::detail {

/// Whether a file name matches a pattern of `*` (any characters) and `?` (one character).
[[nodiscard]] constexpr bool matches(std::string_view name, std::string_view pattern) noexcept {
    std::size_t n = 0, p = 0, star = std::string_view::npos, resume = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = n;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++resume;  // let the star take one character more
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

/// The files that match `pattern`, sorted; `*` and `?` may stand in any of its components.
template <class = void>
[[nodiscard]] std::vector<std::filesystem::path> matching_files(const std::filesystem::path& pattern) {
    std::vector<std::filesystem::path> found{pattern.root_path()};
    for (const std::filesystem::path& component : pattern.relative_path()) {
        std::vector<std::filesystem::path> next;
        const std::string text = component.string();
        for (const std::filesystem::path& base : found) {
            if (text.find_first_of("*?") == std::string::npos) {
                next.push_back(base / component);
            } else if (auto names = os::list_dir(base.empty() ? "." : base)) {
                for (const std::string& name : *names) {
                    if (matches(name, text)) next.push_back(base / os::path_of(name));
                }
            }
        }
        found = std::move(next);
    }
    std::erase_if(found, [](const std::filesystem::path& path) {
        const auto status = os::status(path);
        return !status || !status->is_file;
    });
    return found;
}

/// Copies the files that match into `dir`, under their file names; a newer copy replaces an older one whole,
/// made in `temp_dir` before.
/// A pattern without `*` and `?` must name a file. The first failure is returned, after all others were
/// tried.
template <class = void>
[[nodiscard]] result<void> save_files(const std::filesystem::path& pattern, const std::filesystem::path& dir,
                                      const os::Path& temp_dir) {
    const auto files = matching_files(pattern);
    const std::string text = pattern.string();
    if (files.empty() && text.find_first_of("*?") == std::string::npos) {
        return error{errc::not_found, "the file to save does not exist", text,
                     "check the path; it is read as it stands"};
    }
    if (files.empty()) return {};
    if (auto made = os::make_dirs(dir); !made) return made;
    result<void> first;
    for (const std::filesystem::path& file : files) {
        const std::filesystem::path to = dir / file.filename();
        keep_first(first, with_temp_dir(to, temp_dir, [&](const os::Path& folder) {
                       const TempPath temp{folder / ("." + temp_name())};
                       const auto copied = os::copy_file(file, temp.path());
                       return copied ? os::rename_replace(temp.path(), to) : copied;
                   }));
    }
    return first;
}

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/run_engine.hpp
// What records a run, behind `RunCore`: the folder, the journal, the collector, config, summary and state.

namespace CAIRN_NAMESPACE::detail {

/// Opened by `init`, ended once. Threads: any, unless said otherwise.
template <class T = void>
class BasicRunEngine final : public RunCore,
                             public Endable,
                             public std::enable_shared_from_this<BasicRunEngine<T>> {
    using Json = Deferred<nlohmann::json, T>;

  public:
    /// Opens or resumes a run. Throws `cairn::error`; nothing half-made is left behind but the store's own
    /// folders.
    static std::shared_ptr<BasicRunEngine> open(Options options) {
        const Store store = Store::open(options.dir, options.durability).value();
        if (options.id.empty()) options.id = os::random_hex(8);
        const std::filesystem::path dir = store.run_dir(options.project, options.id, *options.rank);
        const bool exists = os::status(dir / "run.json").value().exists;
        if (exists && *options.resume == Resume::never) {
            raise({errc::already_exists, "a run of this id exists", dir.string(),
                   "set .resume = cairn::Resume::allow (or CAIRN_RESUME=allow) to go on with it, or choose "
                   "another id"});
        }
        if (!exists && *options.resume == Resume::must) {
            raise({errc::not_found, "resume is \"must\" but there is no such run", dir.string(),
                   "check the id, the project and CAIRN_DIR, or use resume \"allow\" to start it"});
        }
        auto folder = RunFolder::open_writer(store, options.project, options.id, *options.rank).value();
        // Asked again under the run's lock: another program may have made the run meanwhile.
        if (!folder.is_new() && *options.resume == Resume::never) {
            raise({errc::already_exists, "another program has just made a run of this id", dir.string(),
                   "choose another id, or none"});
        }
        auto core =
            std::shared_ptr<BasicRunEngine>{new BasicRunEngine{std::move(options), store, std::move(folder)}};
        Process::instance().add(core);
        if (core->resumed_) {
            core->record(
                {.kind = Decision::Kind::resumed, .step = core->first_step_, .time_ns = core->started_ns_});
        }
        report_start(*core);
        return core;
    }

    ~BasicRunEngine() {
        (void)end_quietly("finished", {});
        // In the child of a fork its thread is in the parent: nothing there may be waited for or destroyed.
        if (is_detached()) (void)live_.release();
        let_go(std::move(saver_), are_saved_);
        let_go(std::move(teller_), are_told_);
    }
    /// Of what is done with, or stuck, or what destroys us.
    void let_go(std::unique_ptr<BasicSaver<T>> saver, bool is_done) const {
        if (is_detached() || (!is_done && !saver->is_current()))
            (void)saver.release();
        else if (saver->is_current())
            BasicSaver<T>::destroy_after_work(std::move(saver));
    }
    BasicRunEngine(const BasicRunEngine&) = delete;
    BasicRunEngine& operator=(const BasicRunEngine&) = delete;

    // ---- logging

    CAIRN_COLD Lane* find_lane() noexcept override {
        return is_open() ? ThreadLanes::find(key_, live_->journal) : nullptr;
    }

    void record(const Decision& decision) noexcept override {
        if (!is_open()) return;
        try {
            const DynamicRow event = to_event(decision, wall_ns(), recorded_++);
            Lane* const mine = lane();
            if (mine != nullptr && mine->append(event, RecordKind::event)) return;
        } catch (...) {  // no memory
        }
        dropped_.fetch_add(1, std::memory_order_relaxed);
    }

    void alert(Alert alert, double wait_seconds) noexcept override {
        if (!is_open()) return;
        try {
            alert.time_ns = wall_ns();
            alert.project = options_.project;
            alert.run = options_.id;
            alert.step = live_->collector.latest_step();
            if (const std::scoped_lock lock{mutex_};
                !alerts_.takes(alert.title, static_cast<std::uint64_t>(steady_ns()), wait_seconds)) {
                ++alerts_held_back_;
                return;
            }
            Lane* const mine = lane();
            const bool is_kept = mine != nullptr && mine->append(to_event(alert), RecordKind::event);
            if (!is_kept) dropped_.fetch_add(1, std::memory_order_relaxed);
            if (!options_.on_alert) return;
            const auto tell = [this, self = this->shared_from_this(), alert = std::move(alert)] {
                if (has_ended()) return;  // what the handler looks at may be gone
                try {
                    options_.on_alert(alert);
                } catch (const std::exception& failure) {
                    note_failure(
                        {errc::user, std::string{"telling of an alert: "} + failure.what(), alert.title, ""},
                        false);
                } catch (...) {
                    note_failure({errc::user, "telling of an alert failed", alert.title, ""}, false);
                }
            };
            if (auto posted = teller_->post("an alert", tell); !posted) note_failure(posted.error(), false);
        } catch (...) {  // no memory
            dropped_.fetch_add(1, std::memory_order_relaxed);
        }
    }

    void keep_media(MediaPlace place, std::size_t memory, std::function<Media()> encode) override {
        if (!is_open()) {
            media_lost_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        const auto taken = media_.take(this->shared_from_this(), place, memory, std::move(encode));
        if (!taken) note_lost_media(taken.error());
    }

    // ---- what is known of the run

    [[nodiscard]] MetricViews views() const { return has_live() ? live_->collector.views() : MetricViews{}; }

    [[nodiscard]] Health health() const override {
        Health health;
        if (has_live()) {
            for (const auto& lane : live_->journal.lanes()) {
                health.rows_logged += lane->counters.rows.load(std::memory_order_relaxed);
                health.texts_cut += lane->counters.texts_cut.load(std::memory_order_relaxed);
                health.waits += lane->counters.waits.load(std::memory_order_relaxed);
                health.waited_ns += lane->counters.waited_ns.load(std::memory_order_relaxed);
                health.spills += lane->counters.spills.load(std::memory_order_relaxed);
                health.log_ns =
                    std::max(health.log_ns, lane->counters.log_ns.load(std::memory_order_relaxed));
            }
            health.rows_collected = live_->collector.rows();
            health.rows_written = live_->collector.written();
            health.history_bytes = live_->collector.bytes();
            health.journal_mapped = live_->journal.mapped();
        }
        health.rows_dropped = dropped_.load(std::memory_order_relaxed);
        health.watched_ns = watched_ns_.load(std::memory_order_relaxed);
        health.watches = watches_made_.load(std::memory_order_relaxed);
        health.watches_left_out = watches_left_out_.load(std::memory_order_relaxed);
        health.media_written = media_.written();
        health.media_lost = media_lost_.load(std::memory_order_relaxed);
        health.saves_passed_over = passed_over_.load(std::memory_order_relaxed);
        const std::scoped_lock lock{mutex_};
        health.saves_failed = saves_failed_;
        health.alerts_held_back = alerts_held_back_;
        health.errors = errors_;
        if (has_live()) {
            for (std::string text : {live_->journal.failure(), live_->collector.first_failure()})
                if (!text.empty()) health.errors.push_back(std::move(text));
        }
        return health;
    }

    void note_failure(const error& failure, bool of_a_save) noexcept override {
        try {
            {
                const std::scoped_lock lock{mutex_};
                if (of_a_save) ++saves_failed_;
                if (of_a_save && !first_loss_) first_loss_ = failure;
                for (const std::string& known : errors_)
                    if (known == failure.what()) return;
                if (errors_.size() < 16) errors_.emplace_back(failure.what());
            }
            if (is_left_ || (has_ended() && !are_saved_)) return;  // what the handler looks at may be gone
            if (options_.on_error)
                options_.on_error(failure);
            else
                std::fprintf(stderr, "%s\n", failure.what());
        } catch (...) {  // no memory to keep a text: the count above stands
        }
    }

    void note_lost_media(const error& failure) noexcept override {
        media_lost_.fetch_add(1, std::memory_order_relaxed);
        if (const std::scoped_lock lock{mutex_}; !first_loss_) first_loss_ = failure;
        note_failure(failure, false);
    }
    void check_open(const char* tried) const override {
        if (has_ended()) raise(after_end(tried));
    }

    void claim(const std::string& checkpoint) override {
        // Not thrown under the lock: an exception that nobody catches ends the run, which takes it.
        if (const std::scoped_lock lock{mutex_}; checkpoints_.insert(checkpoint).second) return;
        raise({errc::busy, "this run has a checkpoint of this name already", checkpoint,
               "use that one, or give this one another name"});
    }
    void release(const std::string& checkpoint) noexcept override {
        if (is_detached()) return;  // the mutex may be held by a thread that is in the parent
        const std::scoped_lock lock{mutex_};
        checkpoints_.erase(checkpoint);
    }

    // ---- config, summary, description

    [[nodiscard]] Json config() const override {
        const std::scoped_lock lock{mutex_};
        return config_;
    }
    void update_config(const Json& patch) override {
        check_config(patch);
        change_in_turn("change the config", [&]() -> result<void> {
            Json merged = config();
            merge(merged, patch);
            const auto written = is_detached() ? result<void>{} : folder_.write_json("config.json", merged);
            const std::scoped_lock lock{mutex_};
            if (written) config_ = std::move(merged);  // in memory only what is on disk
            return written;
        }).value();
    }
    void set_summary(std::string key, Json value) override {
        change_in_turn("set a summary value", [&]() -> result<void> {
            {
                const std::scoped_lock lock{mutex_};
                user_summary_[std::move(key)] = std::move(value);
            }
            // Now, so that a kill does not lose it; the metrics beside it are those collected so far.
            return is_detached() ? result<void>{} : folder_.write_json("summary.json", summary());
        }).value();
    }
    result<void> try_describe(FunctionRef<void(Json&)> change) override {
        return change_in_turn("change the run's record", [&]() -> result<void> {
            {
                const std::scoped_lock lock{mutex_};
                change(about_);
            }
            return is_detached() ? result<void>{} : folder_.write_run(about());
        });
    }
    void define_metric(std::string_view name, const MetricOptions& options) override {
        describe([&](Json& about) {
            Json& metric = about["metrics"][std::string{name}];
            if (!metric.is_object()) metric = Json::object();
            if (options.goal != Direction::unspecified)
                metric["goal"] = options.goal == minimize ? "minimize" : "maximize";
            if (!options.step_metric.empty()) metric["step_metric"] = options.step_metric;
            if (!options.unit.empty()) metric["unit"] = options.unit;
        });
    }
    void set_notes(const std::string& notes) override {
        describe([&](Json& about) { about["notes"] = notes; });
    }
    void add_tag(const std::string& tag) override {
        describe([&](Json& about) {
            for (const Json& known : about["tags"])
                if (known == tag) return;
            about["tags"].push_back(tag);
        });
    }
    [[nodiscard]] Json about() const override {
        const std::scoped_lock lock{mutex_};
        return about_;
    }
    [[nodiscard]] Json summary() const override {
        Json metrics = Json::object();
        for (const auto& [name, view] : views()) metrics[name] = to_json(view.summary);
        Json system = Json::object();
        if (has_live()) {
            for (const auto& [name, samples] : live_->collector.samples()) system[name] = to_json(samples);
        }
        const std::scoped_lock lock{mutex_};
        return {{"metrics", std::move(metrics)}, {"system", std::move(system)}, {"user", user_summary_}};
    }

    [[nodiscard]] Direction goal_of(std::string_view metric) const override {
        const std::scoped_lock lock{mutex_};
        return goal_in(about_, metric);
    }

    void save_files(const std::filesystem::path& pattern, When when) override {
        if (is_detached()) return;
        check_open("saving files");
        if (when != When::now) {
            std::filesystem::path whole = std::filesystem::absolute(pattern);  // throws: before the lock
            const std::scoped_lock lock{mutex_};
            at_end_.push_back(std::move(whole));
        }
        if (when != When::end) detail::save_files(pattern, dir() / "files", store_.temp_dir()).value();
    }

    // Here and not where they are called: a library that watched may be gone before the run is.
    [[nodiscard]] std::uint64_t watch(Watches::Look look) override {
        return watches_.add(std::move(look), [this] {
            std::uint64_t open = key_;
            open_as_.compare_exchange_strong(open, watched_key());
        });
    }
    void unwatch(std::uint64_t id) noexcept override {
        if (is_detached()) return;
        watches_.remove(id, [this] {
            std::uint64_t open = watched_key();
            open_as_.compare_exchange_strong(open, key_);
        });
    }
    void tell_watches(std::int64_t step, std::int64_t time_ns) override { watches_.look(step, time_ns); }

    [[nodiscard]] std::unique_ptr<SignalWatch> watch_signals() override {
        return std::make_unique<BasicProcessSignals<T>>();
    }
    [[nodiscard]] BasicSaver<T>& saver() noexcept override { return *saver_; }
    [[nodiscard]] std::unique_ptr<VersionStore> open_versions(std::string_view name, Share share) override {
        return std::make_unique<BasicRunVersions<T>>(this->shared_from_this(), name, share);
    }
    result<void> read_rows(const std::filesystem::path& run_dir, RunCore::EachRow f) const override {
        const auto read = read_history(run_dir, [&](const StoredRow& row) {
            const auto decision = decision_of(row);
            f(row, decision ? &*decision : nullptr);
        });
        return read ? result<void>{} : read.error();
    }

    // ---- ends

    result<void> end(std::string_view status, const std::string& why,
                     std::int64_t most_ns) noexcept override {
        if (has_ended()) return is_left_ ? result<void>{is_not_written()} : result<void>{};
        auto ended = end_quietly(status, why, most_ns);
        if (!is_left_) report_end(*this, [&] { return views(); });
        return ended;
    }

    void on_terminate(const std::string& why) noexcept override { (void)end_quietly("failed", why); }
    void on_exit() noexcept override {
        (void)end_quietly("exited", "exit() was called before the run was finished");
    }
    void on_fork_child() noexcept override {
        open_as_.store(0, std::memory_order_relaxed);
        detached_.store(true, std::memory_order_relaxed);
        folder_.close_in_child();
    }

  private:
    static constexpr std::int64_t no_deadline = std::numeric_limits<std::int64_t>::max();

    result<void> end_quietly(std::string_view status, const std::string& why,
                             std::int64_t most_ns = no_deadline) noexcept {
        const std::int64_t began = steady_ns();
        // Before the end, so that what comes of it is recorded.
        if (!has_ended() && !is_detached()) {
            are_saved_ = saver_->drain(most_ns);
            constexpr std::int64_t patience_ns = 30'000'000'000;  // nobody waits longer for who does not hear
            are_told_ = teller_->drain(
                std::min(patience_ns, std::max(most_ns - (steady_ns() - began), std::int64_t{0})));
        }
        if (ended_.exchange(true)) return {};
        mark_ = {};
        End end{std::string{status}, why,
                dropped_.load(std::memory_order_relaxed),  // later ones came after it
                ThreadLanes::own(key_)};
        open_as_.store(0, std::memory_order_relaxed);
        if (is_detached()) return {};
        if (most_ns >= os::one_hour_ns || saver_->is_current() || teller_->is_current())
            return write_end(end);
        constexpr std::int64_t least = 1'000'000'000;  // for a disk that is well it is plenty
        return write_end_within(std::max(most_ns - (steady_ns() - began), least), std::move(end));
    }

    [[nodiscard]] error after_end(const char* tried) const {
        return {errc::invalid_argument, std::string{tried} + " after the run has ended", dir().string(),
                "do it before run.finish(), or resume the run"};
    }
    /// To change what is written of the run and to write it: no older one is written over a newer. A forked
    /// child, where nobody might end another's turn, writes none.
    [[nodiscard]] std::unique_lock<std::mutex> turn() {
        return is_detached() ? std::unique_lock<std::mutex>{} : std::unique_lock{turn_};
    }
    /// `change()` in turn, unless the run has ended: then another may be writing it.
    template <class F>
    result<void> change_in_turn(const char* tried, F&& change) {
        const auto in_turn = turn();
        return has_ended() ? after_end(tried) : change();
    }
    /// How a run ends.
    struct End {
        std::string status, why;
        std::uint64_t dropped = 0;   // rows
        const Lane* lane = nullptr;  // of the thread that ends it
    };
    /// Writes it on a thread of its own: where the disk hangs, that thread and what it needs are left to it.
    result<void> write_end_within(std::int64_t most_ns, End end) noexcept {
        enum class State : int { writing, done, left };
        struct Writing {
            std::shared_ptr<BasicRunEngine> run{};
            End end{};
            result<void> written{};
            std::atomic<State> state{State::writing};
            os::Bell done{};
            os::Thread thread{};
        };
        std::unique_ptr<Writing> writing{new (std::nothrow) Writing};
        if (!writing) return write_end(end);
        writing->run = this->shared_from_this();
        writing->end = std::move(end);
        const auto write = [](void* self) noexcept -> void* {
            auto& mine = *static_cast<Writing*>(self);
            mine.written = mine.run->write_end(mine.end);
            if (mine.state.exchange(State::done) == State::left)
                mine.run->is_left_ = false;
            else
                mine.done.ring();
            return nullptr;
        };
        if (!writing->thread.start(write, writing.get())) return write_end(writing->end);
        writing->done.wait(most_ns);
        if (State state = State::writing; !writing->state.compare_exchange_strong(state, State::left)) {
            writing->thread.join();
            return writing->written;
        }
        writing->thread.leave();
        const Writing& left = *writing.release();
        const error e = is_not_written();
        note_failure(e, false);
        is_left_ = true;
        if (left.state == State::done) is_left_ = false;  // just now
        return e;
    }
    [[nodiscard]] error is_not_written() const {
        return {errc::busy, "the run's end is not written: the disk does not answer", dir().string(),
                "what was logged is in the journal; resume the run when the disk is well"};
    }
    result<void> write_end(const End& end) noexcept {
        try {
            return try_write_end(end);
        } catch (const error& failure) {
            note_failure(failure, false);
            return failure;
        } catch (const std::exception& failure) {
            error e{errc::io, std::string{"ending the run: "} + failure.what(), dir().string(), ""};
            note_failure(e, false);
            return e;
        }
    }

    /// Changes the run's own record and writes it. Throws if the run has ended.
    void describe(FunctionRef<void(Json&)> change) { try_describe(change).value(); }

    static std::uint64_t random_key() noexcept {
        std::uint64_t key = 0;
        os::random_bytes({reinterpret_cast<std::byte*>(&key), sizeof key});
        return key | 1U;  // never the 0 that stands for no run
    }

    /// In the child of a fork, a thread that is not there may hold their mutexes.
    [[nodiscard]] bool has_live() const noexcept { return live_ != nullptr && !is_detached(); }

    /// What lives only while the run is recorded by this process.
    struct Live {
        Live(BasicHistoryWriter<T> history, BasicIndexWriter<T> index, const HistoryReport& known,
             const std::filesystem::path& journal_dir, std::int64_t first_step)
            : collector{std::move(history), std::move(index)},
              journal{journal_dir, known.next_ring, first_step, collector} {}
        BasicCollector<T> collector;
        BasicJournal<T> journal;
    };

    BasicRunEngine(Options options, const Store& store, RunFolder folder)
        : RunCore{std::move(options), store, folder.path(), !folder.is_new(), random_key(), wall_ns()},
          folder_{std::move(folder)} {
        read_earlier();
        open_journal();
        write_start();
        std::unique_ptr<BasicSystemSampler<T>> sampler;
        if (options_.system_seconds != 0)
            sampler = std::make_unique<BasicSystemSampler<T>>(options_.system_seconds, store_.root());
        live_->collector.start(live_->journal, std::move(sampler));
        open_as_.store(key_, std::memory_order_relaxed);
    }

    /// What a resumed run already has: its record, its config, what the user set in its summary.
    void read_earlier() {
        about_ = {{"format", 1}, {"metrics", Json::object()}};
        config_ = options_.config;
        user_summary_ = Json::object();
        if (!resumed_) return;
        about_ = folder_.read_run().value();
        for (auto& [key, kind] : {std::pair{"metrics", Json::object()},
                                  {"tags", Json::array()},
                                  {"logged_artifacts", Json::array()},
                                  {"used_artifacts", Json::array()},
                                  {"name", Json("")},
                                  {"sessions", Json(0U)}}) {
            if (!about_.contains(key)) about_[key] = kind;
            if (about_[key].type() == kind.type()) continue;
            raise({errc::corrupt, "the run's record has a wrong \"" + std::string{key} + "\"",
                   (dir() / "run.json").string(), "restore it from a copy"});
        }
        Json earlier = read_object("config.json");
        merge(earlier, config_);
        config_ = std::move(earlier);
        if (Json summary = read_object("summary.json"); summary["user"].is_object()) {
            user_summary_ = std::move(summary["user"]);
        }
    }
    /// Takes over the keys of an object; where both have an object, its keys. (nlohmann's `update` throws
    /// where only one of the two has an object.)
    static void merge(Json& into, const Json& from) {
        if (!from.is_object()) return;
        if (!into.is_object()) into = Json::object();
        for (const auto& [key, value] : from.items()) {
            if (value.is_object())
                merge(into[key], value);
            else
                into[key] = value;
        }
    }
    /// Empty if there is no such file: a crash may have come before it. What is damaged is not written over.
    [[nodiscard]] Json read_object(std::string_view name) const {
        auto read = folder_.read_json(name);
        if (!read && read.error().code() == errc::not_found) return Json::object();
        auto value = std::move(read).value();
        if (value.is_object()) return value;
        raise({errc::corrupt, "this file of the run is no object", (dir() / name).string(),
               "restore it from a copy, or delete it"});
    }

    /// Folds what a crash left in the rings into the history, cuts its torn tail, and makes the new journal.
    void open_journal() {
        const std::filesystem::path journal_dir = dir() / journal_folder;
        HistoryReport known;
        std::optional<std::int64_t> greatest;
        MetricViews earlier;
        MetricSummaries samples;
        // A run whose record was lost may still have its rows.
        if (resumed_ || os::status(dir() / history_file).value().exists) {
            known = recover_history(dir(), [&](const StoredRow& row) {
                        if (row.kind == RecordKind::sample) take_in(samples, row.step, row.values);
                        if (row.kind != RecordKind::row) return;
                        greatest = greatest ? std::max(*greatest, row.step) : row.step;
                        take_in(earlier, row.step, row.values);
                    }).value();
        }
        for (const error& damage : known.errors(dir().string())) note_failure(damage, false);
        // Saturated: a step may be any integer.
        first_step_ =
            !greatest ? 0 : *greatest + (*greatest < std::numeric_limits<std::int64_t>::max() ? 1 : 0);
        os::make_dirs(journal_dir).value();
        auto history = HistoryWriter::open(dir() / history_file, known.whole_bytes).value();
        auto index = IndexWriter::open(dir() / index_file, known.settled_bytes).value();
        live_ = std::make_unique<Live>(std::move(history), std::move(index), known, journal_dir, first_step_);
        live_->collector.remember(std::move(earlier), std::move(samples), greatest.value_or(0));
    }

    void write_start() {
        const auto set = [&](const char* key, const auto& value) {
            if (!value.empty() || !about_.contains(key)) about_[key] = value;
        };
        about_["id"] = options_.id;
        about_["project"] = options_.project;
        set("name", options_.name);
        if (about_.value("name", "").empty()) about_["name"] = options_.id;
        set("group", options_.group);
        set("job_type", options_.job_type);
        set("notes", options_.notes);
        set("tags", options_.tags);
        if (!about_.contains("created_ns")) about_["created_ns"] = started_ns_;
        about_["started_ns"] = started_ns_;
        about_["sessions"] = about_.value("sessions", 0U) + 1;
        about_["status"] = "running";
        about_["library"] = CAIRN_VERSION;
        about_.erase("environment");
        if (resumed_) (void)os::remove_file(dir() / git_diff_file);  // that was the session before
        if (options_.environment) about_["environment"] = environment_of_run();
        if (const std::string group = os::memory_group(); const auto killed = os::killed_for_memory(group))
            about_["memory"] = {{"group", group}, {"killed", *killed}};
        about_.erase("ended_ns");
        about_.erase("why");
        folder_.write_json("config.json", config_).value();
        folder_.write_run(about_).value();
        mark_ = os::CrashMark{dir() / crash_file};
    }

    result<void> try_write_end(const End& end) {
        const auto& [status, why, dropped, lane] = end;
        if (are_saved_) saver_->stop();  // it lets go of its lane
        if (are_told_) teller_->stop();
        const auto unwritten = media_.close();
        if (unwritten) media_lost_.fetch_add(*unwritten, std::memory_order_relaxed);
        live_->collector.stop();
        const typename BasicJournal<T>::Left left = live_->journal.close(lane);
        dropped_.fetch_add(left.lost, std::memory_order_relaxed);
        const auto patterns = [&] {
            const std::scoped_lock lock{mutex_};
            return at_end_;
        }();
        result<void> first;
        const auto keep = [&](const result<void>& done) {
            if (done) return;
            note_failure(done.error(), false);
            detail::keep_first(first, done);
        };
        if (!are_saved_) {
            keep(error{errc::busy,
                       "the run ended before all was written: not yet durable is " + saver_->unfinished(),
                       dir().string(), "give finish() more time, or see why the disk is slow"});
        }
        if (!unwritten) keep(unwritten.error());
        if (!are_told_)
            note_failure({errc::busy, "the run ended before all alerts were told", dir().string(),
                          "see what on_alert waits for"},
                         false);
        const std::string why_not = live_->collector.failure();
        if (left.in_files && !why_not.empty()) {
            keep(error{errc::io,
                       "the last rows are in the journal only, the history took no more: " + why_not,
                       dir().string(), "make room, then resume the run: it folds them in"});
        }
        if (left.lost != 0 && !why_not.empty()) {  // or a thread logged while the run ended
            keep(error{errc::io,
                       std::to_string(left.lost) +
                           " rows were lost: neither the history nor a ring file of "
                           "the journal could be written: " +
                           why_not,
                       dir().string(), "make room before the next run"});
        }
        if (const std::string since = live_->collector.first_failure(); dropped != 0) {
            const error told{errc::io,
                             std::to_string(dropped) + " rows were dropped: " +
                                 (since.empty() ? "they came faster than they could be written, or from a "
                                                  "thread that was ending"
                                                : since),
                             dir().string(),
                             since.empty() ? "log less often, and not while a thread ends"
                                           : "make room before the next run"};
            if (since.empty())
                note_failure(told, false);  // all that was taken is written
            else
                keep(told);
        }
        for (const std::filesystem::path& pattern : patterns)
            keep(detail::save_files(pattern, dir() / "files", store_.temp_dir()));
        // Who set something before the end has written it now. What fails is told of out of turn: who hears
        // of it may want to set a value.
        (void)turn();
        keep(folder_.write_json("summary.json", summary()));
        {
            const std::scoped_lock lock{mutex_};
            about_["status"] = status;
            about_["ended_ns"] = wall_ns();
            if (!why.empty()) about_["why"] = why;
        }
        keep(folder_.write_run(about()));
        folder_.release();
        if (const std::scoped_lock lock{mutex_}; first && first_loss_) first = *first_loss_;
        return first;
    }

    RunFolder folder_;
    os::CrashMark mark_;
    std::unique_ptr<Live> live_;
    BasicMediaKeeper<T> media_{dir() / media_file};
    std::unique_ptr<BasicSaver<T>> saver_ = std::make_unique<BasicSaver<T>>();
    std::unique_ptr<BasicSaver<T>> teller_ = std::make_unique<BasicSaver<T>>();  // of alerts
    std::atomic<bool> are_told_{true};

    mutable std::mutex mutex_;
    Json about_;
    Json config_;
    Json user_summary_;
    std::mutex turn_;
    std::vector<std::filesystem::path> at_end_;
    std::vector<std::string> errors_;
    std::set<std::string> checkpoints_;  // those that live
    BasicAlertGate<T> alerts_;
    Watches watches_;
    std::uint64_t saves_failed_ = 0, alerts_held_back_ = 0;
    std::atomic<std::uint64_t> recorded_{0};  // decisions
    std::optional<error> first_loss_;         // of a version or an artifact
};

}  // namespace CAIRN_NAMESPACE::detail

// ---- cairn/run/init.hpp
// What `cairn::init` does. Whoever includes it compiles all that records a run.

namespace CAIRN_NAMESPACE {

template <std::same_as<Enabled> E>
[[nodiscard]] Run init(Options options) {
    options = detail::resolve(std::move(options));
    if (options.mode == Mode::disabled) return Run{};
    return Run{detail::BasicRunEngine<detail::Deferred<void, E>>::open(std::move(options))};
}

}  // namespace CAIRN_NAMESPACE

// ---- cairn/cairn.hpp
// The library: runs, policies, checkpoints, artifacts. Needs nlohmann/json and nothing else. The command
// line, the queries and the adapters are headers of their own.

#define CAIRN_SINGLE_HEADER_IS_HERE
#endif  // CAIRN_SINGLE_INCLUDE
