// SPDX-License-Identifier: MIT
#pragma once
// Which versions a run has used, for mirrors that tell of it. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/versions.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>

#include <nlohmann/json.hpp>

#include <set>
#include <string>

namespace CAIRN_NAMESPACE::detail {

/// Tells of each that is not among the `known` yet, by `tell(LeasedVersion)`, which says whether that is
/// done, and calls `save()` after each; what is not done comes again the next time. One that nobody can read
/// is left out. Fails as these do.
template <class Tell, class Save>
result<void> tell_used_versions(const StoreReader& store, const RecordedRun& run,
                                std::set<std::string>& known, LeftOut& left_out, Tell&& tell, Save&& save) {
    for (const nlohmann::json& used : about_of(run, "used_artifacts", nlohmann::json::array())) {
        if (!used.is_string() || known.contains(used.get_ref<const std::string&>())) continue;
        const auto& called = used.get_ref<const std::string&>();
        const auto leased = lease_version(store.store(), run.project(), called);
        if (!leased && !is_lost(leased.error())) return leased.error();
        if (!leased) left_out.add(leased.error());
        const result<bool> told = leased ? tell(*leased) : result<bool>{true};
        if (!told) return told.error();
        if (!*told) continue;
        known.insert(called);
        if (auto saved = save(); !saved) return saved;
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE::detail
