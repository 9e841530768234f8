// SPDX-License-Identifier: MIT
#pragma once
// Which names of a model are loaded, and what became of them. Costs <string> and <vector>.

#include <cairn/config.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What a load did: names of tensors, sorted, and then of texts, as the model lists them.
struct LoadReport {
    std::vector<std::string> loaded;      ///< what now has the file's content
    std::vector<std::string> missing;     ///< in the model, not in the file: left as it was
    std::vector<std::string> unexpected;  ///< in the file, not in the model: passed over
    std::vector<std::string> different;   ///< of another shape or dtype in the file: left as it was
};

namespace detail {

/// Some of a model's names, or all of them if `only` is empty.
struct Selection {
    std::vector<std::string> only;
    bool strict = true;
    LoadReport report;

    [[nodiscard]] static bool fits(std::string_view pattern, std::string_view name) noexcept {
        return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1))
                                      : name == pattern;
    }
    [[nodiscard]] bool has(std::string_view name) const noexcept {
        return only.empty() || std::any_of(only.begin(), only.end(),
                                           [name](const auto& pattern) { return fits(pattern, name); });
    }
};

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
