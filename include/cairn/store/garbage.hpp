// SPDX-License-Identifier: MIT
#pragma once
// Frees what no version names: what a kill in the middle of a commit or a removal may leave.

#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/detail/references.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <cstdint>
#include <set>
#include <string>

namespace CAIRN_NAMESPACE {

/// How garbage is collected.
struct GarbageOptions {
    bool dry_run = false;  ///< only tell what would be freed
};

/// What was freed.
struct Garbage {
    std::uint64_t objects = 0;      ///< how many
    std::uint64_t bytes = 0;        ///< their size together
    std::uint64_t temporaries = 0;  ///< files and folders that dead processes left
};

/// Removes every object that no manifest of the store names, and what dead processes left in its
/// temporaries. What is staged for a commit is not touched. Fails: as the system does; corrupt or unsupported
/// if a manifest cannot be read at all, and then nothing is removed. Cost: reads every manifest, under the
/// store's lock.
template <class = void>
result<Garbage> collect_garbage(const Store& store, const GarbageOptions& options = {}) {
    const auto lock = store.lock();
    if (!lock) return lock.error();
    std::set<std::string> unused;
    const detail::os::Path objects = store.root() / "objects";
    const auto folders = detail::entries_or_none(objects);
    if (!folders) return folders.error();
    for (const std::string& folder : *folders) {
        const auto names = detail::entries_or_none(objects / folder);
        if (!names) return names.error();
        for (const std::string& name : *names) {
            if (folder.size() == 2 && Digest::from_hex(folder + name)) unused.insert(folder + name);
        }
    }
    if (auto asked = detail::keep_used(store, unused); !asked) return asked.error();
    Garbage freed;
    for (const std::string& digest : unused) {
        const auto path = store.object_path(digest);
        const auto there = detail::os::status(path, detail::os::Links::refuse);
        if (!there) return there.error();
        if (!options.dry_run) {
            if (auto removed = detail::os::remove_file(path); !removed) return removed.error();
        }
        ++freed.objects;
        freed.bytes += there->size;
    }
    detail::for_each_abandoned_temp(store.temp_dir(), [&](const std::string& name) {
        if (options.dry_run || detail::os::remove_tree(store.temp_dir(), name)) ++freed.temporaries;
    });
    return freed;
}

}  // namespace CAIRN_NAMESPACE
