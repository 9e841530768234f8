// SPDX-License-Identifier: MIT
#pragma once
// Ending the removal of versions of an artifact. All of it requires the store's lock.

#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/detail/references.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <cstdint>
#include <set>
#include <string>

namespace CAIRN_NAMESPACE::detail {

/// Removes the files of a plain path, and the folders that are empty then; what others put there stays, a
/// link in a folder's place, say. Fails for a file that cannot go now, because another program has it open
/// (Windows), or the disk reports a failure: the removal is then tried again.
template <class = void>
[[nodiscard]] result<void> hide_files(const os::Path& dir, const Manifest& manifest,
                                      const std::string& folder) {
    result<void> first;
    std::set<std::string> folders{folder};
    const auto keep = [&](const result<void>& gone) {
        const errc why = gone ? errc::not_found : gone.error().code();
        const bool is_of_others =
            why == errc::not_found || why == errc::invalid_argument || why == errc::already_exists;
        if (!is_of_others) keep_first(first, gone);
    };
    for (const FileEntry& file : manifest.files) {
        keep(os::remove_file_inside(dir, folder + "/" + file.path));
        for (std::size_t to = file.path.find('/'); to != std::string::npos;
             to = file.path.find('/', to + 1)) {
            folders.insert(folder + "/" + file.path.substr(0, to));
        }
    }
    for (auto empty = folders.end(); empty != folders.begin();)
        keep(os::remove_empty_dir_inside(dir, *--empty));  // an inner one comes before its outer one
    return first;
}

/// An object has one link of its own and one for each plain path: with another link it is in use; without,
/// every manifest of the store is asked, since a plain path may be a copy or may be gone.
template <class = void>
[[nodiscard]] result<void> remove_unused_objects(const Store& store, const Manifest& removed) {
    std::set<std::string> unused;
    for (const FileEntry& file : removed.files) {
        for (const ObjectEntry& object : file.objects()) {
            const auto there = os::status(store.object_path(object.digest), os::Links::refuse);
            if (there && there->exists && there->nlink <= 1) unused.insert(object.digest);
        }
    }
    if (unused.empty()) return {};
    if (auto asked = keep_used(store, unused); !asked) return asked;
    result<void> first;
    for (const std::string& digest : unused) keep_first(first, os::remove_file(store.object_path(digest)));
    return first;
}

/// Ends one of them.
template <class = void>
[[nodiscard]] result<void> finish_removal(const Store& store, const os::Path& dir, const os::Path& path,
                                          std::uint64_t version) {
    const auto text = read_file(path, max_manifest_bytes, os::Links::refuse);
    if (!text && text.error().code() != errc::corrupt && text.error().code() != errc::invalid_argument)
        return text.error();  // later, perhaps
    if (text) {
        if (const auto manifest = parse_manifest(*text, path.string())) {
            if (auto hidden = hide_files(dir, *manifest, version_label(version)); !hidden) return hidden;
            if (auto freed = remove_unused_objects(store, *manifest); !freed) return freed;
        }
    }
    // Otherwise a loss of power could keep the plain path, and not what tells that it is to go.
    if (store.durability() == Durability::power_loss) {
        if (auto synced = os::sync_dir(dir); !synced) return synced;
    }
    return os::remove_file(path);
}

/// Ends the removals that were begun: the manifest, under a name by which no version exists, tells what goes.
template <class = void>
[[nodiscard]] result<void> finish_removals(const Store& store, const os::Path& dir) {
    const auto names = os::list_dir(dir / "versions");
    if (!names) return names.error();
    result<void> first;
    for (const std::string& name : *names) {
        const auto version = version_of_file(name, removal_suffix);
        if (!version) continue;
        if (const auto read = os::Lease::is_held(dir / lease_file, *version); !read || *read) continue;
        keep_first(first, finish_removal(store, dir, dir / "versions" / name, *version));
    }
    return first;
}

}  // namespace CAIRN_NAMESPACE::detail
