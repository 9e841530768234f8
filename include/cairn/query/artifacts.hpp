// SPDX-License-Identifier: MIT
#pragma once
// All versions of all artifacts, with who made and who used them, as JSON. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/manifest.hpp>

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// `{"versions": [VERSION and "used_by": [run ids]…], "damaged": [ERROR…]}`, of all artifacts or of the one
/// that is named "name" or "project/name"; oldest first. Fails as listing a store does. Cost: reads every
/// manifest and every run's record.
[[nodiscard]] inline result<nlohmann::json> artifacts_as_json(const StoreReader& store,
                                                              const std::string& of = {}) {
    const auto projects = store.store().projects();
    if (!projects) return projects.error();
    std::map<std::string, nlohmann::json> users;  // by "project/name:v3"
    const auto runs = store.runs();
    if (!runs) return runs.error();
    for (const RecordedRun& run : runs->runs) {
        for (const nlohmann::json& used : detail::about_of(run, "used_artifacts", nlohmann::json::array()))
            if (used.is_string()) users[run.project() + "/" + used.get<std::string>()].push_back(run.id());
    }
    nlohmann::json versions = nlohmann::json::array();
    std::vector<error> damaged;
    for (const std::string& project : *projects) {
        const auto take = [&](const ArtifactStore& artifact, const auto& listing) -> result<void> {
            const auto aliases = artifact.aliases();
            if (!aliases) return aliases.error();
            for (const Manifest& version : listing.versions) {
                nlohmann::json& one = versions.emplace_back(as_json(version, *aliases));
                const auto by = users.find(project + "/" + artifact.name() + ":" + version.label());
                one["used_by"] = by != users.end() ? by->second : nlohmann::json::array();
            }
            return {};
        };
        const std::string prefix = project + "/";
        const auto is_wanted = [&](const std::string& name) {
            return of.empty() || of == name || of == prefix + name;
        };
        if (auto read = store.each_artifact(project, damaged, take, is_wanted); !read) return read.error();
    }
    return nlohmann::json{{"versions", std::move(versions)}, {"damaged", as_json(damaged)}};
}

}  // namespace CAIRN_NAMESPACE
