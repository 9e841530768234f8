// SPDX-License-Identifier: MIT
#pragma once
// The extents of a tensor, written as a list of any integers: {rows, cols}. Costs <string> and <vector>.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

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
