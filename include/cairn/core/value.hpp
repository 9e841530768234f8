// SPDX-License-Identifier: MIT
#pragma once
// A metric's value whose kind is known at run time. Costs <string_view>.

#include <cairn/core/metric.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/row.hpp>

#include <bit>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

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
