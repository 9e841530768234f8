// SPDX-License-Identifier: MIT
#pragma once
// Histograms as W&B and Trackio have them. Costs nlohmann/json.

#include <cairn/config.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// `{"_type", "bins", "values"}` of `{"edges", "counts"}`, with at most 512 bins: neighbours are taken
/// together. Throws as nlohmann/json does, if it is none.
[[nodiscard]] inline nlohmann::json histogram_of(const nlohmann::json& is, std::string_view type) {
    constexpr std::size_t most_bins = 512;
    const nlohmann::json &edges = is.at("edges"), &counts = is.at("counts");
    const std::size_t bins = counts.size(), together = (bins + most_bins - 1) / most_bins;
    nlohmann::json out = {
        {"_type", type}, {"values", nlohmann::json::array()}, {"bins", nlohmann::json::array()}};
    for (std::size_t i = 0; i < bins; i += together) {
        double sum = 0;
        for (std::size_t j = i; j < std::min(bins, i + together); ++j) sum += counts.at(j).get<double>();
        out["values"].push_back(sum);
        out["bins"].push_back(edges.at(i));
    }
    out["bins"].push_back(edges.at(bins));
    return out;
}

}  // namespace CAIRN_NAMESPACE::detail
