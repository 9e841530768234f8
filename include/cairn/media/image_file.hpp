// SPDX-License-Identifier: MIT
#pragma once
// Pictures that are encoded already. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/media/media.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

/// The bytes of a PNG, JPEG, GIF or WebP file: `run.log("plot"_m = cairn::ImageFile{bytes})`. For pixels see
/// `Image`.
class ImageFile {
  public:
    /// Throws invalid_argument, if it begins as none of these does.
    explicit ImageFile(std::string bytes, std::string caption = {})
        : bytes_{std::move(bytes)}, caption_{std::move(caption)}, type_{type_of(bytes_)} {
        if (type_.empty()) {
            detail::raise({errc::invalid_argument, "this is no picture that a browser shows",
                           std::to_string(bytes_.size()) + " bytes", "give a PNG, JPEG, GIF or WebP file"});
        }
    }

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept { return bytes_.size(); }
    /// What a run keeps of it.
    [[nodiscard]] Media encode() const {
        Media out{"image", std::string{type_}, bytes_};
        if (!caption_.empty()) out.about["caption"] = caption_;
        return out;
    }

  private:
    /// By the first bytes, as the formats define them.
    [[nodiscard]] static std::string_view type_of(std::string_view bytes) noexcept {
        using namespace std::string_view_literals;
        if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv)) return "image/png";
        if (bytes.starts_with("\xff\xd8\xff"sv)) return "image/jpeg";
        if (bytes.starts_with("GIF87a"sv) || bytes.starts_with("GIF89a"sv)) return "image/gif";
        if (bytes.size() >= 12 && bytes.starts_with("RIFF"sv) && bytes.substr(8).starts_with("WEBP"sv))
            return "image/webp";
        return {};
    }

    std::string bytes_;
    std::string caption_;
    std::string_view type_;
};

}  // namespace CAIRN_NAMESPACE
