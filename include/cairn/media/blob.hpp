// SPDX-License-Identifier: MIT
#pragma once
// Bytes that cairn does not look into. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/media/media.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

/// Bytes of a media type: `run.log("mesh"_m = cairn::Blob{bytes, "model/gltf-binary"})`. They are copied.
class Blob {
  public:
    /// Throws invalid_argument, if the type is none as RFC 9110 has it ("image/png").
    Blob(std::span<const std::byte> bytes, std::string_view type)
        : Blob{std::string{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, type} {}
    /// The same, of bytes that are taken over.
    Blob(std::string bytes, std::string_view type) : bytes_{std::move(bytes)}, type_{type} {
        constexpr std::string_view allowed =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+/";
        const std::size_t slash = type.find('/');
        if (slash == 0 || slash + 1 >= type.size() || type.size() > 100 ||
            type.find_first_not_of(allowed) != std::string_view::npos ||
            type.find('/', slash + 1) != std::string_view::npos) {
            detail::raise({errc::invalid_argument, "this is no media type", std::string{type.substr(0, 100)},
                           "write it as \"image/png\" or \"application/octet-stream\""});
        }
    }

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept { return bytes_.size(); }
    /// What a run keeps of it.
    [[nodiscard]] Media encode() const { return {"blob", type_, bytes_}; }

  private:
    std::string bytes_;
    std::string type_;
};

}  // namespace CAIRN_NAMESPACE
