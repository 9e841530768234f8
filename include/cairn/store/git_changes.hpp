// SPDX-License-Identifier: MIT
#pragma once
// What differs in a working tree of git from its commit, as git itself tells (git-diff(1)).

#include <cairn/core/error.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/program.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// How the tracked files of a working tree differ from its commit.
struct GitChanges {
    bool is_dirty = false;
    std::string diff;     ///< as `git diff` writes it: of binary files it tells that they differ
    bool is_cut = false;  ///< it is longer
};

/// The environment without what would lead git to another tree, and with what keeps it from asking anybody.
template <class = void>
[[nodiscard]] std::vector<std::string> variables_for_git(const std::filesystem::path& root) {
    std::vector<std::string> all = os::sys::all_variables();
    std::erase_if(all, [](std::string_view one) {
        // In any case of letters: that is how Windows takes them.
        const auto begins = [&](std::string_view with) {
            for (std::size_t i = 0; i < with.size(); ++i) {
                if (i >= one.size() || (one[i] | 0x20) != (with[i] | 0x20)) return false;
            }
            return true;
        };
        return begins("GIT_") || begins("LC_");
    });
    all.insert(all.end(), {"LC_ALL=C", "GIT_CEILING_DIRECTORIES=" + os::utf8_of(root.parent_path()),
                           "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none"});
    return all;
}

/// Asks git, which must be in `PATH`. It changes, locks and fetches nothing, and no setting of the tree
/// starts a watcher, a hook or another tool to compare with; filters that turn files into what is committed
/// are run.
/// \param most_bytes  of the text; 0: only whether there is any
/// Errors: not_found, if there is no git; busy, after `most_ns`; unsupported, if git tells nothing: there is
/// no commit, or it does not trust the tree's owner.
template <class = void>
[[nodiscard]] result<GitChanges> git_changes(const std::filesystem::path& root, std::size_t most_bytes,
                                             std::int64_t most_ns) {
    auto git = os::find_program("git");
    if (!git) return git.error();
    // What it writes tells whether there are changes, not what it returns: where the index is not to be
    // refreshed, which takes a lock, that would count files that were only touched.
    auto answer = os::ask({.program = std::move(git).value(),
                           .words = {"-C",
                                     os::utf8_of(root),
                                     "--no-pager",
                                     "-c",
                                     "core.fsmonitor=",
                                     "-c",
                                     "core.hooksPath=/dev/null",
                                     "-c",
                                     "diff.autoRefreshIndex=false",
                                     "diff",
                                     "--no-ext-diff",
                                     "--no-textconv",
                                     "--no-color",
                                     "--unified=3",
                                     "--src-prefix=a/",
                                     "--dst-prefix=b/",
                                     "--submodule=short",
                                     "--ignore-submodules=dirty",
                                     "HEAD",
                                     "--"},
                           .variables = variables_for_git(root),
                           .most_ns = most_ns,
                           .most_bytes = most_bytes});
    if (!answer) return answer.error();
    if (!answer->is_cut && answer->code != 0) {
        return error{errc::unsupported, "git does not tell what differs from the commit", os::utf8_of(root),
                     "see what `git diff HEAD` says there"};
    }
    const bool is_dirty = answer->is_cut || !answer->output.empty();
    return GitChanges{is_dirty, std::move(answer->output), answer->is_cut};
}

}  // namespace CAIRN_NAMESPACE::detail
