// SPDX-License-Identifier: MIT
#pragma once
// Files in memory, for the tests of the model layer.

#include <cairn/core/error.hpp>
#include <support/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn_test {

/// What encode emits and decode finds.
struct Files {
    std::map<std::string, std::string> content;

    auto emit() {
        return [this](std::string_view file, std::span<const std::byte> bytes) -> cairn::result<> {
            content[std::string{file}].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return {};
        };
    }
    auto find() const {
        return [this](std::string_view file) -> std::optional<std::span<const std::byte>> {
            const auto found = content.find(std::string{file});
            if (found == content.end()) return std::nullopt;
            return bytes_of(found->second);
        };
    }
};

/// A safetensors file: the length, `header`, then `data`.
inline std::string safetensors_file(std::string_view header, std::string_view data = {}) {
    std::string out(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        out[i] = static_cast<char>(std::uint64_t{header.size()} >> (8 * i) & 0xffU);
    return out + std::string{header} + std::string{data};
}

}  // namespace cairn_test
