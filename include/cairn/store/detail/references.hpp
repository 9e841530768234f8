// SPDX-License-Identifier: MIT
#pragma once
// Which objects the manifests of a store name: what decides whether an object may be removed.

#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

inline constexpr std::string_view manifest_suffix = ".json";
inline constexpr std::string_view removal_suffix = ".removing";
inline constexpr std::string_view damaged_version_suffix = ".damaged";  // set aside: no version, but kept
/// Beside the folder of the manifests: each version has a byte there that its readers hold a lease on.
inline constexpr const char* lease_file = "leases";

/// The number of a file "v3<suffix>"; nothing for any other name.
template <class = void>
[[nodiscard]] std::optional<std::uint64_t> version_of_file(std::string_view name,
                                                           std::string_view suffix) noexcept {
    if (!name.ends_with(suffix)) return std::nullopt;
    name.remove_suffix(suffix.size());
    return parse_version_label(name);
}

/// Calls `f` with everything in `text` that could be a digest in quotes. Works on a damaged manifest, too.
template <class F>
void for_each_digest(std::string_view text, F&& f) {
    for (std::size_t at = text.find('"'); at != std::string_view::npos; at = text.find('"', at + 1)) {
        const std::string_view candidate = text.substr(at + 1, digest_digits);
        if (Digest::from_hex(candidate)) f(std::string{candidate});
    }
}

/// The entries of a folder, none if there is no such folder. Fails if that cannot be told, as with a link to
/// a disk that is not there now.
template <class = void>
[[nodiscard]] result<std::vector<std::string>> entries_or_none(const os::Path& folder) {
    auto names = os::list_dir(folder);
    if (names || names.error().code() != errc::not_found) return names;
    for (os::Path path = folder; path != path.parent_path(); path = path.parent_path()) {
        const auto there = os::status(path, os::Links::refuse);
        if (!there) return there.error();
        const auto target = os::status(path);
        if (!target) return target.error();
        if (there->is_link && !target->exists) return names;
    }
    return std::vector<std::string>{};
}

/// Takes out of `digests` what any manifest of the store names. Fails if a single one cannot be read, since
/// then nothing is sure. Requires the store's lock. Cost: reads every manifest, about 10 µs each.
template <class = void>
result<void> keep_used(const Store& store, std::set<std::string>& digests) {
    const os::Path projects_dir = store.root() / "projects";
    const auto projects = entries_or_none(projects_dir);
    if (!projects) return projects.error();
    for (const std::string& project : *projects) {
        const os::Path artifacts_dir = projects_dir / project / "artifacts";
        const auto artifacts = entries_or_none(artifacts_dir);
        if (!artifacts) return artifacts.error();
        for (const std::string& artifact : *artifacts) {
            const os::Path versions_dir = artifacts_dir / artifact / "versions";
            const auto versions = entries_or_none(versions_dir);
            if (!versions) return versions.error();
            for (const std::string& version : *versions) {
                if (digests.empty()) return {};
                if (!version_of_file(version, manifest_suffix) &&
                    !version_of_file(version, damaged_version_suffix))
                    continue;
                const auto text = read_file(versions_dir / version, max_manifest_bytes);
                if (!text) return text.error();
                for_each_digest(*text, [&](const std::string& digest) { digests.erase(digest); });
            }
        }
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE::detail
