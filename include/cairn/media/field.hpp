// SPDX-License-Identifier: MIT
#pragma once
// Fields over a plane, as a simulation has them. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/media/media.hpp>

#include <nlohmann/json.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE {

/// What is said of a field.
struct FieldOptions {
    /// Shown below it.
    std::string caption = {};
    /// Of its values.
    std::string unit = {};
};

/// Numbers on a grid of `height` rows of `width`: `run.log("temperature"_m = cairn::Field2D{t, nx, ny})`.
/// They are kept as 32-bit floats and drawn by who looks, in colours for the range that he chooses.
class Field2D {
  public:
    /// Of values row by row, the first row on top; they are copied. Throws invalid_argument, unless they
    ///                are width × height and some.
    template <std::floating_point T>
    Field2D(std::span<const T> values, std::size_t width, std::size_t height, FieldOptions options = {})
        : width_{width}, height_{height}, options_{std::move(options)} {
        if (width == 0 || height == 0 || values.size() / width != height || values.size() % width != 0) {
            detail::raise({errc::invalid_argument, "a field has width x height values",
                           std::to_string(values.size()) + " values, " + std::to_string(width) + " x " +
                               std::to_string(height),
                           "give as many values, row by row"});
        }
        bytes_.reserve(values.size() * 4);
        for (const T value : values) {
            const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
            for (unsigned shift = 0; shift < 32; shift += 8)
                bytes_ += static_cast<char>((bits >> shift) & 0xffU);
        }
    }
    /// The same of a vector or an array.
    template <class Container>
        requires std::floating_point<typename Container::value_type>
    Field2D(const Container& values, std::size_t width, std::size_t height, FieldOptions options = {})
        : Field2D{std::span<const typename Container::value_type>{values}, width, height,
                  std::move(options)} {}

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept { return bytes_.size(); }
    /// Little-endian floats.
    [[nodiscard]] Media encode() const {
        nlohmann::json about = {{"width", width_}, {"height", height_}, {"dtype", "F32"}};
        if (!options_.caption.empty()) about["caption"] = options_.caption;
        if (!options_.unit.empty()) about["unit"] = options_.unit;
        return {"field", "application/octet-stream", bytes_, std::move(about)};
    }

  private:
    std::size_t width_, height_;
    FieldOptions options_;
    std::string bytes_;
};

}  // namespace CAIRN_NAMESPACE
