// SPDX-License-Identifier: MIT
#pragma once
// Pictures out of pixels. Needs libpng 1.6 (link with -lpng), which encodes them on the run's own thread.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/media/media.hpp>

#include <nlohmann/json.hpp>
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How numbers become colours. `viridis` is even to the eye, also to a colour-blind one, and in print.
enum class ColourMap : unsigned char { viridis, grey };

/// How `Image::of_numbers` draws.
struct ImageOptions {
    ColourMap map = ColourMap::viridis;  ///< how numbers become colours
    std::optional<double> low = {};      ///< gets the first colour; default the least finite value
    std::optional<double> high = {};     ///< gets the last colour; default the greatest finite value
    std::string caption = {};            ///< shown below it
};

namespace detail {

/// The colour of a place between 0 and 1.
[[nodiscard]] inline std::array<std::uint8_t, 3> colour_at(ColourMap map, double place) noexcept {
    // Matplotlib's viridis (CC0) at ten places of one distance; straight between them.
    constexpr std::array<std::array<double, 3>, 10> viridis{{{68, 1, 84},
                                                             {72, 40, 120},
                                                             {62, 74, 137},
                                                             {49, 104, 142},
                                                             {38, 130, 142},
                                                             {31, 158, 137},
                                                             {53, 183, 121},
                                                             {109, 205, 89},
                                                             {180, 222, 44},
                                                             {253, 231, 37}}};
    const auto byte = [](double x) { return static_cast<std::uint8_t>(std::lround(x)); };
    if (map == ColourMap::grey) return {byte(place * 255), byte(place * 255), byte(place * 255)};
    const double at = place * (viridis.size() - 1);
    const std::size_t i = std::min(static_cast<std::size_t>(at), viridis.size() - 2);
    const double part = at - static_cast<double>(i);
    std::array<std::uint8_t, 3> out{};
    for (std::size_t c = 0; c < 3; ++c) out[c] = byte(viridis[i][c] * (1 - part) + viridis[i + 1][c] * part);
    return out;
}

}  // namespace detail

/// A picture out of pixels, kept as PNG: `run.log("sample"_m = cairn::Image{pixels, 28, 28, 1})`. The pixels
/// are copied.
class Image {
  public:
    /// Of pixels of 8 bits for each channel, row by row, the first row on top. Channels: 1 grey, 2 grey and
    /// opacity, 3 red, green, blue, 4 with opacity. Throws
    /// invalid_argument,
    ///                  unless there are width × height × channels and some, and at most 2^24 of a side.
    Image(std::span<const std::uint8_t> pixels, std::size_t width, std::size_t height,
          std::size_t channels = 3, std::string caption = {})
        : pixels_(pixels.begin(), pixels.end()), width_{width}, height_{height}, channels_{channels},
          caption_{std::move(caption)} {
        check(pixels.size());
    }

    /// Numbers as colours; what is not finite is transparent. Throws as the constructor does.
    template <class T>
        requires std::is_arithmetic_v<T>
    [[nodiscard]] static Image of_numbers(std::span<const T> values, std::size_t width, std::size_t height,
                                          ImageOptions options = {}) {
        Image out;
        out.width_ = width, out.height_ = height, out.channels_ = 4,
        out.caption_ = std::move(options.caption);
        if (values.size() > std::numeric_limits<std::size_t>::max() / 4) out.check(0);
        out.check(values.size() * 4);
        for (const auto& end : {options.low, options.high}) {
            if (end && !detail::is_finite(*end))
                detail::raise({errc::invalid_argument, "the range of a picture's colours is not finite", "",
                               "give finite ends"});
        }
        double low = detail::infinity, high = detail::minus_infinity;
        for (const T& value : values) {
            const double x = static_cast<double>(value);
            if (!detail::is_finite(x)) continue;
            low = std::min(low, x);
            high = std::max(high, x);
        }
        low = options.low.value_or(low), high = options.high.value_or(high);
        out.pixels_.reserve(values.size() * 4);
        for (const T& value : values) {
            const double x = static_cast<double>(value);
            if (!detail::is_finite(x)) {
                out.pixels_.insert(out.pixels_.end(), 4, 0);
                continue;
            }
            const double place = high > low ? (x / 2 - low / 2) / (high / 2 - low / 2) : 0.5;
            const auto colour = detail::colour_at(options.map, std::clamp(place, 0.0, 1.0));
            out.pixels_.insert(out.pixels_.end(), colour.begin(), colour.end());
            out.pixels_.push_back(255);
        }
        return out;
    }
    /// The same of a vector or an array.
    template <class Container>
        requires std::is_arithmetic_v<typename Container::value_type>
    [[nodiscard]] static Image of_numbers(const Container& values, std::size_t width, std::size_t height,
                                          ImageOptions options = {}) {
        return of_numbers(std::span<const typename Container::value_type>{values}, width, height,
                          std::move(options));
    }

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept { return pixels_.size(); }
    /// A PNG file. Throws io, if libpng fails.
    [[nodiscard]] Media encode() const {
        constexpr std::array<png_uint_32, 4> formats{PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB,
                                                     PNG_FORMAT_RGBA};
        png_image image{};
        image.version = PNG_IMAGE_VERSION;
        image.width = static_cast<png_uint_32>(width_);
        image.height = static_cast<png_uint_32>(height_);
        image.format = formats[channels_ - 1];
        image.flags = PNG_IMAGE_FLAG_FAST;  // a little larger, several times faster
        std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
        png_alloc_size_t size = bytes.size();
        if (png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels_.data(), 0, nullptr) == 0) {
            detail::raise(
                {errc::io, std::string{"libpng could not encode a picture: "} + image.message, "", ""});
        }
        bytes.resize(size);
        Media out{"image", "image/png", std::move(bytes), {{"width", width_}, {"height", height_}}};
        if (!caption_.empty()) out.about["caption"] = caption_;
        return out;
    }

  private:
    Image() = default;

    void check(std::size_t bytes) const {
        constexpr std::size_t most_side = std::size_t{1} << 24U;
        const bool fits = channels_ >= 1 && channels_ <= 4 && width_ >= 1 && width_ <= most_side &&
                          height_ >= 1 && height_ <= most_side && bytes / channels_ / width_ == height_ &&
                          bytes % (channels_ * width_) == 0;
        if (fits) return;
        detail::raise({errc::invalid_argument, "the pixels do not fit the size of the picture",
                       std::to_string(bytes) + " bytes for " + std::to_string(width_) + " x " +
                           std::to_string(height_) + " x " + std::to_string(channels_),
                       "give width x height x channels bytes, with 1 to 4 channels"});
    }

    std::vector<std::uint8_t> pixels_;
    std::size_t width_ = 0, height_ = 0, channels_ = 0;
    std::string caption_;
};

}  // namespace CAIRN_NAMESPACE
