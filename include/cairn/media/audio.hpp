// SPDX-License-Identifier: MIT
#pragma once
// Sound. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/media/media.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

/// Samples from -1 to 1, kept as a WAV file of 16 bits: `run.log("voice"_m = cairn::Audio{samples, 22050})`.
/// Louder ones are cut, NaN is silence.
class Audio {
  public:
    /// Of samples of all channels in turn, which are copied, so many of each in a second. Throws
    /// invalid_argument on a rate of 0 or more
    ///                  than 768000, on no channel or more than 64, and on samples that the channels do not
    ///                  divide.
    template <std::floating_point T>
    Audio(std::span<const T> samples, std::uint32_t rate, std::uint16_t channels = 1,
          std::string caption = {})
        : rate_{rate}, channels_{channels}, caption_{std::move(caption)} {
        const bool fits = rate != 0 && rate <= 768'000 && channels != 0 && channels <= 64 &&
                          samples.size() % channels == 0 && samples.size() < std::size_t{1} << 29U;
        if (!fits) {
            detail::raise({errc::invalid_argument, "this is no sound",
                           std::to_string(samples.size()) + " samples of " + std::to_string(channels) +
                               " channels at " + std::to_string(rate) + " Hz",
                           "give samples for each channel, and the rate in Hz"});
        }
        bytes_.reserve(samples.size() * 2);
        for (const T sample : samples) {
            const double x = static_cast<double>(sample);
            const double bounded = detail::is_nan(x) ? 0 : std::clamp(x, -1.0, 1.0);
            put(static_cast<std::uint16_t>(static_cast<std::int16_t>(bounded * 32767)), 2);
        }
    }
    /// The same of a vector or an array.
    template <class Container>
        requires std::floating_point<typename Container::value_type>
    Audio(const Container& samples, std::uint32_t rate, std::uint16_t channels = 1, std::string caption = {})
        : Audio{std::span<const typename Container::value_type>{samples}, rate, channels,
                std::move(caption)} {}

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept { return bytes_.size(); }
    /// WAV: RIFF, PCM, 16 bits (Microsoft, Multimedia Programming Interface and Data Specifications 1.0).
    [[nodiscard]] Media encode() const {
        const auto size = static_cast<std::uint32_t>(bytes_.size());
        const std::uint32_t frame = channels_ * 2U;
        Audio file{*this};
        std::string samples = std::exchange(file.bytes_, {});
        file.bytes_.reserve(44 + samples.size());
        file.bytes_ += "RIFF";
        file.put(36 + size, 4);
        file.bytes_ += "WAVEfmt ";
        file.put(16, 4);  // bytes of the format
        file.put(1, 2);   // PCM
        file.put(channels_, 2);
        file.put(rate_, 4);
        file.put(rate_ * frame, 4);
        file.put(frame, 2);
        file.put(16, 2);  // bits
        file.bytes_ += "data";
        file.put(size, 4);
        file.bytes_ += samples;
        const std::size_t frames = size / frame;
        nlohmann::json about = {
            {"rate", rate_}, {"channels", channels_}, {"seconds", static_cast<double>(frames) / rate_}};
        if (!caption_.empty()) about["caption"] = caption_;
        return {"audio", "audio/wav", std::move(file.bytes_), std::move(about)};
    }

  private:
    /// Little-endian.
    void put(std::uint32_t value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) bytes_ += static_cast<char>((value >> (8 * i)) & 0xffU);
    }

    std::uint32_t rate_;
    std::uint16_t channels_;
    std::string caption_;
    std::string bytes_;
};

}  // namespace CAIRN_NAMESPACE
