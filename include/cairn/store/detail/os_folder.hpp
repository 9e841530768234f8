// SPDX-License-Identifier: MIT
#pragma once
// Folders and names: making, listing, moving and removing. Removal is bounded to a folder and follows no
// link.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/detail/os_error.hpp>
#include <cairn/store/detail/os_file.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::os {

/// Nothing there is an answer, not a failure.
template <class = void>
[[nodiscard]] result<FileStatus> status(const Path& path, Links links = Links::follow) {
    FileStatus out;
    const int got = links == Links::follow ? sys::stat(path.c_str(), out) : sys::lstat(path.c_str(), out);
    if (got == 0 || errno == ENOENT || errno == ENOTDIR) return out;
    return failure("look at", path);
}

/// How many bytes this user may still write to the file system that has a path. Fails: not_found.
template <class = void>
result<std::uint64_t> free_bytes(const Path& path) {
    std::error_code problem;
    const auto space = std::filesystem::space(path, problem);
    if (!problem) return std::uint64_t{space.available};
    return error{errc::io, "cannot tell how much space is free: " + problem.message(), path.string(), ""};
}

/// Makes one folder. Fails: already_exists.
template <class = void>
result<void> make_dir(const Path& path) {
    if (sys::mkdir(path.c_str()) != 0) return failure("make the folder", path);
    return {};
}

/// Makes a folder and those above it; one that is there is success.
template <class = void>
result<void> make_dirs(const Path& path) {
    if (path.empty() || sys::mkdir(path.c_str()) == 0) return {};
    const int number = errno;
    // Some systems say EROFS, EACCES or EISDIR for a folder that is there already: look before complaining.
    const auto there = os::status(path);  // qualified: std::filesystem has one too
    if (there && there->is_dir) return {};
    if (number == EEXIST) return failure_of(ENOTDIR, "make the folder", path);
    if (number != ENOENT || path.parent_path() == path) return failure_of(number, "make the folder", path);
    if (auto above = make_dirs(path.parent_path()); !above) return above;
    if (sys::mkdir(path.c_str()) == 0 || errno == EEXIST) return {};
    return failure("make the folder", path);
}

/// Moves a file or folder; a file that is at `to` is replaced, in one step that no reader can see half of.
template <class = void>
result<void> rename_replace(const Path& from, const Path& to) {
    if (sys::rename(from.c_str(), to.c_str()) != 0) return failure("rename a file to", to);
    return {};
}

/// Gives a file a second name. Fails: already_exists; unsupported or permission where links are impossible.
template <class = void>
result<void> hard_link(const Path& from, const Path& to) {
    if (sys::link(from.c_str(), to.c_str()) != 0) return failure("link a file to", to);
    return {};
}

/// Removes a file, or a link itself. Fails: not_found.
template <class = void>
result<void> remove_file(const Path& path) {
    if (sys::unlink(path.c_str()) != 0) return failure("remove", path);
    return {};
}

/// Waits until the folder's entries are on the disk, so that a new name outlives a power loss.
template <class = void>
result<void> sync_dir(const Path& path) {
    const Handle fd = sys::retry([&] { return sys::open(path.c_str(), sys::a_folder); });
    if (fd < 0) return failure("open the folder", path);
    const int done = sys::retry([&] { return sys::fsync(fd); });
    const int number = errno;
    sys::close(fd);
    // Some file systems cannot sync a folder; they order names by themselves.
    if (done != 0 && number != EINVAL && number != EOPNOTSUPP)
        return failure_of(number, "sync the folder", path);
    return {};
}

/// The names of an open folder, sorted, without "." and "..". Takes the handle.
template <class = void>
[[nodiscard]] result<std::vector<std::string>> names_in(Handle folder, const Path& path) {
    std::vector<std::string> names;
    const int done = sys::list(folder, [&](std::string_view name) {
        if (name != "." && name != "..") names.emplace_back(name);
    });
    if (done != 0) return failure("list", path);
    std::sort(names.begin(), names.end());
    return names;
}

/// The names in a folder, sorted. Fails: not_found.
template <class = void>
[[nodiscard]] result<std::vector<std::string>> list_dir(const Path& path) {
    const Handle fd = sys::retry([&] { return sys::open(path.c_str(), sys::a_folder); });
    if (fd < 0) return failure("list", path);
    return names_in(fd, path);
}

/// Reads a file in pieces: `f(std::span<const std::byte>) -> result<void>`.
template <class F>
result<void> read_in_pieces(const Path& path, Links links, F&& f) {
    auto file = File::open_read(path, links);
    if (!file) return file.error();
    std::vector<std::byte> buffer(std::size_t{1} << 20U);
    for (std::uint64_t at = 0;;) {
        const auto read = file->read_at(at, writable_bytes_of(buffer));
        if (!read) return read.error();
        if (*read == 0) return {};
        if (auto taken = f(bytes_of(buffer).first(*read)); !taken) return taken;
        at += *read;
    }
}

/// Copies the bytes of a regular file to a new file, which is removed again if that fails.
template <class = void>
result<void> copy_file(const Path& from, const Path& to) {
    auto target = File::create_new(to);
    if (!target) return target.error();
    auto done = read_in_pieces(from, Links::follow,
                               [&](std::span<const std::byte> bytes) { return target->write_all(bytes); });
    if (done) done = target->close();
    if (!done) sys::unlink(to.c_str());
    return done;
}

/// What `remove_inside` may take away.
enum class Removal : unsigned char { file, empty_dir, tree };

inline constexpr int max_tree_depth = 128;

/// Removes everything in an open folder, which it takes. Links are removed, never followed.
template <class = void>
result<void> remove_contents(Handle folder, const Path& path, int depth) {
    if (depth > max_tree_depth) {
        sys::close(folder);
        return error{errc::unsupported, "cannot remove folders that lie so deep in each other", path.string(),
                     "remove it by hand"};
    }
    const Handle listed = sys::retry([&] { return sys::open_at(folder, ".", sys::a_folder); });
    if (listed < 0) {
        const int number = errno;
        sys::close(folder);
        return failure_of(number, "list", path);
    }
    auto names = names_in(listed, path);
    result<void> done;
    if (!names) done = names.error();
    for (std::size_t i = 0; done && i < names->size(); ++i) {
        const std::string& name = (*names)[i];
        if (sys::unlink_at(folder, name.c_str()) == 0 || errno == ENOENT) continue;
        if (errno != EISDIR && errno != EPERM) {  // the two words for "this is a folder"
            done = failure("remove", path / path_of(name));
            break;
        }
        const int number = errno;
        const Handle inner =
            sys::retry([&] { return sys::open_at(folder, name.c_str(), sys::a_folder_itself); });
        if (inner < 0)
            done = failure_of(errno == ENOTDIR ? number : errno, "remove", path / path_of(name));
        else
            done = remove_contents(inner, path / path_of(name), depth + 1);
        if (done && sys::rmdir_at(folder, name.c_str()) != 0) done = failure("remove", path / path_of(name));
    }
    sys::close(folder);
    return done;
}

/// Removes what `relative` names below `root`, going from folder to folder without following a link, so that
/// nothing outside of `root` can be touched. Nothing there is success. Fails: invalid_argument if `relative`
/// could leave `root`, or goes through a link.
template <class = void>
result<void> remove_inside(const Path& root, std::string_view relative, Removal what) {
    const Path path = root / path_of(relative);
    Handle folder = sys::retry([&] { return sys::open(root.c_str(), sys::a_folder); });
    if (folder < 0) return errno == ENOENT ? result<void>{} : failure("open the folder", root);
    while (true) {
        const std::size_t slash = relative.find('/');
        const std::string name{relative.substr(0, slash)};
        const bool separates =
            Path::preferred_separator != '/' && name.find_first_of("\\:") != std::string::npos;
        if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string::npos ||
            separates) {
            sys::close(folder);
            return error{errc::invalid_argument, "cannot remove by a path that may leave its folder",
                         path.string(), "name a file below the folder, without \"..\" or an empty part"};
        }
        const bool last = slash == std::string_view::npos;
        int number = 0;
        if (last && what != Removal::tree) {
            const int done = what == Removal::file ? sys::unlink_at(folder, name.c_str())
                                                   : sys::rmdir_at(folder, name.c_str());
            if (done != 0) number = errno;
        } else if (last && sys::unlink_at(folder, name.c_str()) == 0) {
            number = 0;  // a file, or a link
        } else {
            const Handle inner =
                sys::retry([&] { return sys::open_at(folder, name.c_str(), sys::a_folder_itself); });
            // A link is ELOOP or ENOTDIR, by system.
            if (inner < 0) number = errno == ENOTDIR ? ELOOP : errno;
            if (inner >= 0 && !last) {
                sys::close(std::exchange(folder, inner));
                relative.remove_prefix(slash + 1);
                continue;
            }
            if (inner >= 0) {
                if (auto done = remove_contents(inner, path, 1); !done) {
                    sys::close(folder);
                    return done;
                }
                if (sys::rmdir_at(folder, name.c_str()) != 0) number = errno;
            }
        }
        sys::close(folder);
        if (number == 0 || number == ENOENT) return {};
        return failure_of(number, "remove", path);
    }
}

/// Removes a file or a whole folder below `root`; see `remove_inside`.
template <class = void>
result<void> remove_tree(const Path& root, std::string_view relative) {
    return remove_inside(root, relative, Removal::tree);
}
template <class = void>
result<void> remove_file_inside(const Path& root, std::string_view relative) {
    return remove_inside(root, relative, Removal::file);
}
/// Fails: already_exists if there is still something in it.
template <class = void>
result<void> remove_empty_dir_inside(const Path& root, std::string_view relative) {
    return remove_inside(root, relative, Removal::empty_dir);
}

}  // namespace CAIRN_NAMESPACE::detail::os
