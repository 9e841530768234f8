// SPDX-License-Identifier: MIT
#pragma once
// The files of a version: checking that they are there, showing them under a plain path, copying them out.

#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/object.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// That an entry, which may come from anywhere, cannot name a path outside of where it belongs.
template <class = void>
[[nodiscard]] result<void> check_entry(const FileEntry& file) {
    if (file.pieces.empty() ? Digest::from_hex(file.digest).has_value() : are_whole(file))
        return check_relative_path(file.path);
    return error{errc::invalid_argument, "a file of the manifest has no valid digest", file.path,
                 "use a manifest that this store gave"};
}

/// An object's bytes, verified. Fails: not_found, corrupt.
template <class = void>
[[nodiscard]] result<std::string> object_bytes(const Store& store, const ObjectEntry& object) {
    const os::Path path = store.object_path(object.digest);
    auto bytes = read_file(path, object.size, os::Links::refuse);
    if (bytes && sha256(bytes_of(*bytes)).hex() == object.digest) return bytes;
    if (auto whole = verify_object(store, object.digest); !whole) return whole.error();
    return bytes ? object_damaged(path) : bytes.error();
}

/// That the store has the objects which a draft names.
template <class = void>
[[nodiscard]] result<void> check_objects(const Store& store, const Manifest& draft) {
    for (const FileEntry& file : draft.files) {
        if (!file.is_stored()) continue;
        if (auto known = check_entry(file); !known) return known;
        for (const ObjectEntry& object : file.objects()) {
            const os::Path path = store.object_path(object.digest);
            const auto there = os::status(path, os::Links::refuse);
            if (!there) return there.error();
            if (!there->exists) return object_missing(path);
            if (!there->is_file || there->size != object.size) return object_damaged(path);
        }
    }
    return {};
}

/// Shows the files under their own names, all at once: a hard link to the object, a copy where there are no
/// links. A file of several objects is not shown: it would cost its bytes once more.
template <class = void>
[[nodiscard]] result<void> show_files(const Store& store, const Manifest& manifest, const os::Path& to) {
    const TempPath temp{store.new_temp_path()};
    bool any = false;
    for (const FileEntry& file : manifest.files) {
        if (!file.is_stored() || !file.pieces.empty()) continue;
        any = true;
        const os::Path path = temp.path() / os::path_of(file.path);
        if (auto made = os::make_dirs(path.parent_path()); !made) return made;
        const os::Path object = store.object_path(file.digest);
        auto linked = os::hard_link(object, path);
        if (!linked) linked = os::copy_file(object, path);
        if (!linked) return linked;
    }
    if (!any) return {};
    return os::rename_replace(temp.path(), to);
}

/// Copies an object to a new file. Fails: not_found, corrupt.
template <class = void>
[[nodiscard]] result<void> copy_verified(const Store& store, const FileEntry& file, const os::Path& to) {
    auto out = os::File::create_new(to);
    if (!out) return out.error();
    for (const ObjectEntry& object : file.objects()) {
        auto copied = read_object(store, object.digest,
                                  [&](std::span<const std::byte> bytes) { return out->write_all(bytes); });
        if (!copied) return copied;
    }
    return out->close();
}

/// Makes the folders of `relative` below `root`, none of which may be a link.
template <class = void>
result<void> make_folders_of(os::Path root, std::string_view relative) {
    for (std::size_t slash = relative.find('/'); slash != std::string_view::npos;
         slash = relative.find('/')) {
        root /= os::path_of(relative.substr(0, slash));
        relative.remove_prefix(slash + 1);
        const auto there = os::status(root, os::Links::refuse);
        if (!there) return there.error();
        if (there->is_link) {
            return error{errc::invalid_argument, "a symbolic link lies where a folder is to be made",
                         root.string(), "download into another folder, or remove the link"};
        }
        if (there->is_dir) continue;
        if (auto made = os::make_dirs(root); !made) return made;
    }
    return {};
}

/// Copies every stored file of a version below `to`; see `ArtifactStore::download`.
template <class = void>
[[nodiscard]] result<void> download_files(const Store& store, const Manifest& manifest, const os::Path& to) {
    if (auto made = os::make_dirs(to); !made) return made;
    const TempPath temp{to / ("." + temp_name())};
    if (auto made = os::make_dir(temp.path()); !made) return made;
    std::vector<const FileEntry*> files;
    for (const FileEntry& file : manifest.files) {
        if (!file.is_stored()) continue;
        if (auto known = check_entry(file); !known) return known;
        if (auto copied = copy_verified(store, file, temp.path() / std::to_string(files.size())); !copied)
            return copied;
        files.push_back(&file);
    }
    for (const FileEntry* file : files) {
        if (auto made = make_folders_of(to, file->path); !made) return made;
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        auto placed = os::rename_replace(temp.path() / std::to_string(i), to / os::path_of(files[i]->path));
        if (!placed) return placed;
    }
    return {};
}

}  // namespace CAIRN_NAMESPACE::detail
