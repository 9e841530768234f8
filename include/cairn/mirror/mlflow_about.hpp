// SPDX-License-Identifier: MIT
#pragma once
// What MLflow is told of a run itself: tags, parameters, how it ended, and the names of its samples. Costs
// nlohmann/json.

#include <cairn/core/time.hpp>
#include <cairn/mirror/mlflow_names.hpp>
#include <cairn/mirror/run_key.hpp>
#include <cairn/mirror/system_names.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/compare.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/run_reader.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail::mlflow {

/// UTF-8 without a zero byte, which not every database takes.
[[nodiscard]] inline std::string plain_text(std::string_view text) {
    std::string out = as_utf8(text);
    for (std::size_t at = 0; (at = out.find('\0', at)) != std::string::npos;)
        out.replace(at, 1, "\xef\xbf\xbd");
    return out;
}
inline constexpr std::size_t most_tag = 5000;        ///< bytes of a tag's value; servers since 2.17 take 8000
inline constexpr std::size_t most_parameter = 6000;  ///< of a parameter's; the server cuts off what is behind

[[nodiscard]] inline std::string run_name(const RecordedRun& run, unsigned rank) {
    constexpr std::size_t most = 250;
    return cut_utf8(plain_text(rank_name(run, rank)), most);
}

/// Some names have a meaning for MLflow, or for us.
[[nodiscard]] inline std::string tag_name(std::string_view name) {
    const bool is_taken = name.starts_with("mlflow.") || name.starts_with("cairn.");
    return name_of((is_taken ? "cairn.tag." : "") + std::string{name});
}

/// What is said of a run in tags. `parent` is the run of rank 0, for a further rank.
[[nodiscard]] inline std::map<std::string, std::string> tags_of(const RecordedRun& run, unsigned rank,
                                                                const std::string& parent) {
    std::map<std::string, std::string> tags;
    const auto put = [&](const std::string& key, const nlohmann::json& value) {
        if (value.is_string() && !value.get_ref<const std::string&>().empty())
            tags[key] = cut_utf8(plain_text(value.get_ref<const std::string&>()), most_tag);
    };
    const auto put_field = [&](const std::string& key, const nlohmann::json& of, const char* field) {
        if (const auto found = of.find(field); found != of.end()) put(key, *found);
    };
    const nlohmann::json environment = about_of(run, "environment", nlohmann::json::object());
    const nlohmann::json git = environment.value("git", nlohmann::json::object());
    const nlohmann::json command = environment.value("command", nlohmann::json::array());
    put("mlflow.runName", run_name(run, rank));
    put_field("mlflow.note.content", run.about(), "notes");
    put_field("mlflow.user", environment, "user");
    put("mlflow.source.type", "LOCAL");
    if (command.is_array() && !command.empty()) put("mlflow.source.name", command.front());
    if (git.is_object()) {
        put_field("mlflow.source.git.commit", git, "commit");
        put_field("mlflow.source.git.branch", git, "branch");
    }
    put("mlflow.parentRunId", parent);
    put("cairn.key", run_key(run, rank));
    put("cairn.project", run.project());
    put("cairn.run", run.id());
    put("cairn.state", std::string{to_string(run.state())});
    put("cairn.why", run.why());
    put_field("cairn.group", run.about(), "group");
    put_field("cairn.job_type", run.about(), "job_type");
    put_field("cairn.host", environment, "host");
    for (const nlohmann::json& tag : about_of(run, "tags", nlohmann::json::array())) {
        if (!tag.is_string()) continue;
        const std::string& text = tag.get_ref<const std::string&>();
        put(tag_name(text), "true");
    }
    return tags;
}

/// A value of a config, as a parameter has it.
[[nodiscard]] inline std::string parameter_of(const nlohmann::json& value) {
    return plain_text(value.is_string() ? value.get<std::string>() : json_text(value));
}

/// How it ended, by MLflow's words.
[[nodiscard]] inline const char* status_of(RunState state) noexcept {
    return state == RunState::running ? "RUNNING" : state == RunState::finished ? "FINISHED" : "FAILED";
}

/// A sample, by MLflow's name, where it has one.
[[nodiscard]] inline SystemMetric system_metric(std::string_view name) {
    constexpr double mb = 1e-6, gib_in_mb = 1073.741824;
    constexpr KnownSample machine[] = {{"cpu.host", "system/cpu_utilization_percentage", 1},
                                       {"memory_percent", "system/system_memory_usage_percentage", 1},
                                       {"disk.store.usagePercent", "system/disk_usage_percentage", 1},
                                       {"disk.store.usageGB", "system/disk_usage_megabytes", gib_in_mb},
                                       {"network.recv", "system/network_receive_megabytes", mb},
                                       {"network.sent", "system/network_transmit_megabytes", mb}};
    constexpr KnownSample gpu[] = {{"gpu", "utilization_percentage", 1},
                                   {"memoryAllocated", "memory_usage_percentage", 1},
                                   {"memoryAllocatedBytes", "memory_usage_megabytes", mb},
                                   {"powerWatts", "power_usage_watts", 1},
                                   {"powerPercent", "power_usage_percentage", 1}};
    if (auto known = system_name(name, machine, gpu, "system/gpu_", "_")) return *known;
    return {name_of(name)};
}

/// A number of a row, as a batch has it. JSON has no NaN and no infinity: the server takes these as words,
/// and keeps an infinity as the greatest number there is.
[[nodiscard]] inline nlohmann::json metric_of(const std::string& key, const double& value,
                                              std::int64_t time_ns, std::int64_t step) {
    return {{"key", key},
            {"value", metric_to_json(value)},
            {"timestamp", std::max<std::int64_t>(0, time_ns / ns_per_ms)},
            {"step", step}};
}

}  // namespace CAIRN_NAMESPACE::detail::mlflow
