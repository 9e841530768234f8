// SPDX-License-Identifier: MIT
#pragma once
// What other systems call the samples of the machine.

#include <cairn/config.hpp>
#include <cairn/store/record.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// What a sample is called there, and in how many of its units it is measured.
struct SystemMetric {
    std::string name;
    double unit = 1;
};
/// A sample that both have; our name without "system/", and of a GPU's what stands behind its index.
struct KnownSample {
    std::string_view ours, theirs;
    double unit;
};

/// The other system's name of a sample, if it has one; that of a GPU is `before_index`0`after_index`theirs.
[[nodiscard]] inline std::optional<SystemMetric>
system_name(std::string_view name, std::span<const KnownSample> machine, std::span<const KnownSample> gpu,
            std::string_view before_index, std::string_view after_index) {
    constexpr std::string_view gpus = "gpu.";
    if (!name.starts_with(system_prefix)) return std::nullopt;
    name.remove_prefix(system_prefix.size());
    for (const KnownSample& known : machine) {
        if (name == known.ours) return SystemMetric{std::string{known.theirs}, known.unit};
    }
    const std::size_t dot = name.starts_with(gpus) ? name.find('.', gpus.size()) : std::string_view::npos;
    if (dot == std::string_view::npos) return std::nullopt;
    for (const KnownSample& known : gpu) {
        if (name.substr(dot + 1) != known.ours) continue;
        std::string theirs{before_index};
        theirs.append(name.substr(gpus.size(), dot - gpus.size())).append(after_index).append(known.theirs);
        return SystemMetric{std::move(theirs), known.unit};
    }
    return std::nullopt;
}

}  // namespace CAIRN_NAMESPACE::detail
