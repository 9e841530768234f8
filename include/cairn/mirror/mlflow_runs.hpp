// SPDX-License-Identifier: MIT
#pragma once
// Experiments and runs of MLflow: found, or made once. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mlflow_client.hpp>
#include <cairn/mirror/web_client.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::mlflow {

/// A text in an answer, at "/a/b"; empty if there is none.
[[nodiscard]] inline std::string text_in(const nlohmann::json& answer, const char* where) {
    const nlohmann::json::json_pointer place{where};
    if (!answer.contains(place) || !answer.at(place).is_string()) return {};
    return answer.at(place).get<std::string>();
}
/// The same of a list.
[[nodiscard]] inline nlohmann::json list_in(const nlohmann::json& answer, const char* where) {
    const nlohmann::json::json_pointer place{where};
    if (!answer.contains(place) || !answer.at(place).is_array()) return nlohmann::json::array();
    return answer.at(place);
}
/// The value of a run's tag.
[[nodiscard]] inline std::string tag_in(const nlohmann::json& run, std::string_view key,
                                        std::string otherwise) {
    for (const nlohmann::json& tag : list_in(run, "/data/tags")) {
        if (text_in(tag, "/key") == key) return text_in(tag, "/value");
    }
    return otherwise;
}
/// As a filter has a text, which may have one kind of quotes in it.
[[nodiscard]] inline std::string quote(const std::string& text) {
    const char* const mark = text.find('\'') == std::string::npos ? "'" : "\"";
    return std::string{mark}.append(text).append(mark);
}
[[nodiscard]] inline std::vector<nlohmann::json> key_values(const std::map<std::string, std::string>& pairs) {
    std::vector<nlohmann::json> list;
    list.reserve(pairs.size());
    for (const auto& [key, value] : pairs) list.push_back({{"key", key}, {"value", value}});
    return list;
}

/// Where a run is.
struct Place {
    std::string experiment;    ///< its id
    std::string artifact_uri;  ///< where its files are
};

/// The id of an experiment, which is made if there is none of this name. Fails: not_found, if it was deleted.
[[nodiscard]] inline result<std::string> experiment_of(Client& client, const std::string& name) {
    const auto find = [&]() -> result<std::string> {
        const auto found = client.get("experiments/get-by-name?experiment_name=" + web_escaped(name));
        if (!found) return found.error();
        if (text_in(*found, "/experiment/lifecycle_stage") != "deleted")
            return text_in(*found, "/experiment/experiment_id");
        return error{errc::already_exists, "the experiment was deleted in MLflow", name,
                     "restore it there, or choose another experiment"};
    };
    auto found = find();
    if (found || found.error().code() != errc::not_found) return found;
    const auto made = client.post("experiments/create", {{"name", name}});
    if (made) return text_in(*made, "/experiment_id");
    found = find();  // another was faster, or the answer was lost
    if (found) return found;
    return made.error();
}

/// A run; null if no run of the experiment has this key, or if that was deleted.
[[nodiscard]] inline result<nlohmann::json> find_run(Client& client, const std::string& experiment,
                                                     const std::string& key) {
    const auto found = client.post("runs/search", {{"experiment_ids", nlohmann::json::array({experiment})},
                                                   {"filter", "tags.\"cairn.key\" = " + quote(key)},
                                                   {"run_view_type", "ACTIVE_ONLY"},
                                                   {"max_results", 1}});
    if (!found) return found.error();
    const nlohmann::json runs = list_in(*found, "/runs");
    return runs.empty() ? nlohmann::json() : runs.front();
}
/// Fails: not_found.
[[nodiscard]] inline result<nlohmann::json> get_run(Client& client, const std::string& id) {
    auto found = client.get("runs/get?run_id=" + web_escaped(id));
    if (!found) return found.error();
    return std::move((*found)["run"]);
}
/// The run that has the key among its tags; made if there is none.
[[nodiscard]] inline result<nlohmann::json> make_run(Client& client, const std::string& experiment,
                                                     const std::string& name, std::int64_t start_ms,
                                                     const std::map<std::string, std::string>& tags) {
    const auto find = [&] { return find_run(client, experiment, tags.at("cairn.key")); };
    auto found = find();
    if (!found || !found->is_null()) return found;
    auto made = client.make("runs/create",
                            {{"experiment_id", experiment},
                             {"run_name", name},
                             {"start_time", start_ms},
                             {"tags", key_values(tags)}},
                            find);
    if (!made) return made.error();
    return made->contains("run") ? std::move((*made)["run"]) : std::move(*made);
}

}  // namespace CAIRN_NAMESPACE::detail::mlflow
