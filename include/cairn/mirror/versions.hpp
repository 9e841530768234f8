// SPDX-License-Identifier: MIT
#pragma once
// Which versions of artifacts a mirror hands on, and their files as they are sent. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// A version while it is read: it is not removed meanwhile.
struct LeasedVersion {
    ArtifactStore artifact;
    result<os::Lease> lease;
    Manifest manifest;
    std::map<std::string, std::uint64_t> aliases;

    /// The aliases that name it.
    [[nodiscard]] std::vector<std::string> own_aliases() const {
        std::vector<std::string> own;
        for (const auto& [alias, version] : aliases)
            if (version == manifest.version) own.push_back(alias);
        return own;
    }
};
/// The one that is called "model:v3". Fails: not_found, if it is gone; corrupt; invalid_name.
[[nodiscard]] inline result<LeasedVersion> lease_version(const Store& store, const std::string& project,
                                                         const std::string& called) {
    const std::size_t colon = std::min(called.find(':'), called.size());
    auto artifact = ArtifactStore::open(store, project, called.substr(0, colon));
    if (!artifact) return artifact.error();
    const auto number = artifact->resolve(called.substr(std::min(colon + 1, called.size())));
    if (!number) return number.error();
    auto lease = artifact->lease(number->version);
    auto version = artifact->get(number->version);
    if (!version) return version.error();
    auto aliases = artifact->aliases();
    if (!aliases) return aliases.error();
    return LeasedVersion{std::move(*artifact), std::move(lease), std::move(*version), std::move(*aliases)};
}
/// Whether a version that cannot be read is one that nobody can: it is told of, and the others are handed on.
[[nodiscard]] inline bool is_lost(const error& failure) noexcept {
    return failure.code() == errc::not_found || failure.code() == errc::corrupt ||
           failure.code() == errc::invalid_name;
}

/// "model:v9" before "model:v10": who numbers versions himself, or lets "latest" name the one that came last,
/// gets them in their order.
struct OlderVersion {
    bool operator()(const std::string& a, const std::string& b) const {
        const auto parts = [](const std::string& called) {
            const std::size_t colon = std::min(called.find(':'), called.size());
            const std::string_view number = std::string_view{called}.substr(colon);
            return std::tuple{std::string_view{called}.substr(0, colon), number.size(), number};
        };
        return parts(a) < parts(b);
    }
};
using VersionNames = std::set<std::string, OlderVersion>;

/// What a run has made, as "model:v3": what it logged; and what its checkpoints have kept, when it has ended
/// and no retention takes any of it away any more. Fails as the disk does.
[[nodiscard]] inline result<VersionNames> versions_to_mirror(const StoreReader& store,
                                                             const RecordedRun& run) {
    VersionNames all;
    for (const nlohmann::json& logged : about_of(run, "logged_artifacts", nlohmann::json::array())) {
        if (logged.is_string() && logged.get_ref<const std::string&>().find(':') != std::string::npos)
            all.insert(logged.get<std::string>());
    }
    if (run.state() == RunState::running) return all;
    const auto saved = store.versions_of(run);
    if (!saved) return saved.error();
    for (const auto& [name, versions] : saved->by_artifact) {
        for (const Manifest& version : versions) all.insert(name + ":" + version.label());
    }
    return all;
}

/// Hands on each of them that is not among the `known` yet, whole, by `send(LeasedVersion)`, which says
/// whether it was taken, and calls `save()` after each. One that nobody can read is left out. Returns how
/// many were taken. Fails as these do.
template <class Send, class Save>
result<std::uint64_t> hand_on_versions(const StoreReader& store, const RecordedRun& run,
                                       std::set<std::string>& known, LeftOut& left_out, Send&& send,
                                       Save&& save) {
    const auto all = versions_to_mirror(store, run);
    if (!all) return all.error();
    std::uint64_t taken = 0;
    for (const std::string& called : *all) {
        if (known.contains(called)) continue;
        const auto leased = lease_version(store.store(), run.project(), called);
        const auto whole = leased ? leased->artifact.verify(leased->manifest) : leased.error();
        if (!whole && !is_lost(whole.error())) return whole.error();
        if (!whole) left_out.add(whole.error());
        const result<bool> sent = whole ? send(*leased) : result<bool>{false};
        if (!sent) return sent.error();
        known.insert(called);
        if (*sent) ++taken;
        if (auto saved = save(); !saved) return saved.error();
    }
    return taken;
}

}  // namespace CAIRN_NAMESPACE::detail
