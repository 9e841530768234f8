// SPDX-License-Identifier: MIT
#pragma once
// What several runs have in common and in what they differ. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/query/runs.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// One thing that runs can differ in.
struct Compared {
    std::string key;                     ///< of a config entry within others: "optimizer.lr"
    std::vector<nlohmann::json> values;  ///< of each run; null where it has none

    /// Whether two of them are not equal.
    [[nodiscard]] bool differs() const {
        return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>{}) != values.end();
    }
};

/// Runs side by side.
struct Comparison {
    std::vector<Compared> config;   ///< by key
    std::vector<Compared> metrics;  ///< by name: the last value of each
};

namespace detail {

/// Calls `f("a.b", value)` for each entry of an object that is no object with entries itself.
template <class F>
void each_entry(const nlohmann::json& object, const std::string& prefix, F&& f) {
    for (const auto& [key, value] : object.items()) {
        std::string name = prefix;
        name += prefix.empty() ? "" : ".";
        name += key;
        if (value.is_object() && !value.empty())
            each_entry(value, name, f);
        else
            f(name, value);
    }
}

}  // namespace detail

/// Compares configs and last values. Fails as `RecordedRun::summary` does.
[[nodiscard]] inline result<Comparison> compare(std::span<const RecordedRun> runs) {
    std::map<std::string, std::vector<nlohmann::json>> config, metrics;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const auto note = [&](auto& into, const std::string& key, const nlohmann::json& value) {
            auto& values = into[key];
            values.resize(runs.size());
            values[i] = value;
        };
        detail::each_entry(runs[i].config(), "", [&](const std::string& key, const nlohmann::json& value) {
            note(config, key, value);
        });
        const auto summary = runs[i].summary();
        if (!summary) return summary.error();
        for (const auto& [name, metric] : (*summary)["metrics"].items()) {
            for (const char* last : {"last", "text"}) {
                if (const auto found = metric.find(last); found != metric.end()) note(metrics, name, *found);
            }
        }
    }
    Comparison comparison;
    for (auto& [key, values] : config) comparison.config.push_back({key, std::move(values)});
    for (auto& [name, values] : metrics) comparison.metrics.push_back({name, std::move(values)});
    return comparison;
}

}  // namespace CAIRN_NAMESPACE
