// SPDX-License-Identifier: MIT
#pragma once
// JSON that another has written. Costs nlohmann/json.

#include <cairn/store/json_depth.hpp>

#include <nlohmann/json.hpp>

#include <string>

namespace CAIRN_NAMESPACE::detail {

/// What a text says; no value, or a discarded one, if it is no JSON or nested too deep to be gone through.
[[nodiscard]] inline nlohmann::json json_in(const std::string& text) {
    if (json_depth(text) > most_json_depth) return {};
    return nlohmann::json::parse(text, nullptr, false);
}

}  // namespace CAIRN_NAMESPACE::detail
