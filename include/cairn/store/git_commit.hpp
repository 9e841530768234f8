// SPDX-License-Identifier: MIT
#pragma once
// Which commit a working tree of git is at, read from git's own files; git need not be there
// (gitrepository-layout(5)).

#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// A commit that is checked out.
struct GitCommit {
    std::string commit;          ///< 40 or 64 hexadecimal digits; empty before the first commit
    std::string branch;          ///< empty if none is checked out
    std::filesystem::path root;  ///< of the working tree
};

/// The first line of a small file; empty if it cannot be read.
template <class = void>
[[nodiscard]] std::string first_line(const std::filesystem::path& path) {
    const auto text = read_file(path, 64U << 10U);
    if (!text) return {};
    std::string line = text->substr(0, text->find_first_of("\r\n"));
    while (line.ends_with(' ')) line.pop_back();
    return line;
}
template <class = void>
[[nodiscard]] bool is_commit(std::string_view text) noexcept {
    return (text.size() == 40 || text.size() == 64) &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
/// What a packed reference points to; empty if there is none of this name.
template <class = void>
[[nodiscard]] std::string packed_ref(const std::filesystem::path& file, std::string_view name) {
    const auto text = read_file(file, 64U << 20U);
    if (!text) return {};
    const std::string wanted = " " + std::string{name};
    for (std::string_view rest = *text; !rest.empty();) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        if (line.ends_with(wanted) && is_commit(line.substr(0, line.size() - wanted.size())))
            return std::string{line.substr(0, line.size() - wanted.size())};
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    }
    return {};
}

/// Of the working tree that a folder lies in; nothing if it lies in none.
template <class = void>
[[nodiscard]] std::optional<GitCommit> git_commit_at(std::filesystem::path folder) {
    constexpr int most_folders = 64;
    for (int i = 0; i < most_folders && !folder.empty(); ++i, folder = folder.parent_path()) {
        std::filesystem::path git = folder / ".git";
        const auto status = os::status(git);
        if (!status || !status->exists) {
            if (folder == folder.parent_path()) break;
            continue;
        }
        if (status->is_file) {  // of a second working tree, or of a submodule
            const std::string line = first_line(git);
            if (!line.starts_with("gitdir: ")) return std::nullopt;
            git = folder / os::path_of(line.substr(8));
        }
        GitCommit found;
        found.root = folder;
        const std::string head = first_line(git / "HEAD");
        if (is_commit(head)) {
            found.commit = head;
            return found;
        }
        constexpr std::string_view to_branch = "ref: ", branches = "refs/heads/";
        // A name with a step upwards leads out of git's own folder: it is none of git's.
        if (!head.starts_with(to_branch) || head.find("..") != std::string::npos) return std::nullopt;
        const std::string ref = head.substr(to_branch.size());
        if (!ref.starts_with("refs/")) return std::nullopt;
        if (ref == "refs/heads/.invalid") return found;  // where references are no files but a table
        found.branch = ref.starts_with(branches) ? ref.substr(branches.size()) : ref;
        const std::string common_line = first_line(git / "commondir");
        const std::filesystem::path common = common_line.empty() ? git : git / os::path_of(common_line);
        for (const std::filesystem::path& of : {git / os::path_of(ref), common / os::path_of(ref)}) {
            if (std::string commit = first_line(of); is_commit(commit)) {
                found.commit = std::move(commit);
                return found;
            }
        }
        found.commit = packed_ref(common / "packed-refs", ref);
        return found;
    }
    return std::nullopt;
}

}  // namespace CAIRN_NAMESPACE::detail
