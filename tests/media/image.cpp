// SPDX-License-Identifier: MIT
// Pictures out of pixels, read back by libpng.
#include <cairn/media/image.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace image_test {

namespace {

std::vector<std::uint8_t> decoded(const std::string& png, png_uint_32 format, std::size_t width,
                                  std::size_t height) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    REQUIRE(png_image_begin_read_from_memory(&image, png.data(), png.size()) != 0);
    CHECK(image.width == width);
    CHECK(image.height == height);
    image.format = format;
    std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
    REQUIRE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) != 0);
    return pixels;
}

}  // namespace

TEST_CASE("image: the pixels come back, for each number of channels", "[media][png]") {
    const png_uint_32 formats[] = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
    for (std::size_t channels = 1; channels <= 4; ++channels) {
        CAPTURE(channels);
        std::vector<std::uint8_t> pixels(5 * 3 * channels);
        for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7 + 1);
        const auto media = cairn::Image{pixels, 5, 3, channels, "it"}.encode();
        CHECK(media.type == "image/png");
        CHECK(media.about["caption"] == "it");
        CHECK(decoded(media.bytes, formats[channels - 1], 5, 3) == pixels);
    }
}

TEST_CASE("image: numbers as colours, what is not finite is transparent", "[media][png]") {
    const std::vector<float> values{0, 1, 0.5F, std::numeric_limits<float>::quiet_NaN()};
    const auto media = cairn::Image::of_numbers(values, 2, 2).encode();
    const auto pixels = decoded(media.bytes, PNG_FORMAT_RGBA, 2, 2);
    CHECK(std::vector(pixels.begin(), pixels.begin() + 4) == std::vector<std::uint8_t>{68, 1, 84, 255});
    CHECK(std::vector(pixels.begin() + 4, pixels.begin() + 8) ==
          std::vector<std::uint8_t>{253, 231, 37, 255});
    CHECK(pixels[15] == 0);
    const auto grey = cairn::Image::of_numbers(std::span<const float>{values}, 2, 2,
                                               {.map = cairn::ColourMap::grey, .low = -1.0, .high = 1.0});
    const auto bytes = decoded(grey.encode().bytes, PNG_FORMAT_RGBA, 2, 2);
    CHECK(bytes[0] == 128);
    CHECK(bytes[4] == 255);
    const std::vector<int> same{7, 7};
    CHECK(decoded(cairn::Image::of_numbers(std::span<const int>{same}, 2, 1).encode().bytes, PNG_FORMAT_RGBA,
                  2, 1)
              .size() == 8);
}

TEST_CASE("image: pixels of another size are refused", "[media][png]") {
    const std::vector<std::uint8_t> pixels(12);
    const auto is_refused = [&](std::size_t width, std::size_t height, std::size_t channels) {
        try {
            (void)cairn::Image{pixels, width, height, channels};
        } catch (const cairn::error& e) {
            return e.code() == cairn::errc::invalid_argument;
        }
        return false;
    };
    CHECK_FALSE(is_refused(2, 2, 3));
    CHECK(is_refused(2, 2, 4));
    CHECK(is_refused(2, 3, 3));
    CHECK(is_refused(0, 12, 1));
    CHECK(is_refused(12, 0, 1));
    CHECK(is_refused(12, 1, 0));
    CHECK(is_refused(1, 1, 12));
    CHECK(is_refused(std::size_t{1} << 63U, 2, 3));
}

}  // namespace image_test
