// SPDX-License-Identifier: MIT
#pragma once
// What of the program's source is not committed, kept with its run: `cairn::record_git(run);`. Nothing else
// in the library runs another program.

#include <cairn/core/error.hpp>
#include <cairn/run/detail/environment.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/git_changes.hpp>
#include <cairn/store/git_commit.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/run_folder.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

namespace CAIRN_NAMESPACE {

/// How git is asked.
struct GitOptions {
    bool diff = false;                   ///< true: what differs is kept as "diff.patch" in the run's folder
    std::size_t most_bytes = 1U << 20U;  ///< of that file
    double most_seconds = 10;            ///< how long git may take
};

namespace detail {

/// What is kept of a run's working folder: the commit of now, and the changes of the same moment.
template <class Run>
[[nodiscard]] result<void> try_record_git(const Run& run, const GitOptions& options) {
    constexpr double most_seconds = 1e6;
    if (!(options.most_seconds > 0 && options.most_seconds <= most_seconds))
        return error{errc::invalid_argument, "git may take a number of seconds above 0", "", "10 are usual"};
    if (options.diff && options.most_bytes == 0) {
        return error{errc::invalid_argument, "a difference of at most 0 bytes is to be kept", "",
                     "give .most_bytes, or leave out .diff"};
    }
    std::error_code failed;
    const std::filesystem::path folder = std::filesystem::current_path(failed);
    if (failed) return os::failure_of(failed.value(), "tell the working folder", ".");
    const auto tree = git_commit_at(folder);
    if (!tree) {
        return error{errc::not_found, "the working folder lies in no tree of git", folder.string(),
                     "start the program in its source's tree, or do not have git asked"};
    }
    if (tree->commit.empty()) {
        return error{errc::unsupported, "git's files do not tell the commit", os::utf8_of(tree->root),
                     "commit something; references that are links, or tables, are not read"};
    }
    const auto changes = git_changes(tree->root, options.diff ? options.most_bytes : 0,
                                     static_cast<std::int64_t>(options.most_seconds * 1e9));
    if (!changes) return changes.error();
    run.core()->check_open("record what is not committed");
    auto git = commit_record<nlohmann::json>(*tree);
    git["dirty"] = changes->is_dirty;
    const std::filesystem::path file = run.dir() / git_diff_file;
    const bool is_kept = options.diff && changes->is_dirty;
    if (is_kept) {
        if (auto kept = write_file_atomically(file, changes->diff, Durability::process_crash); !kept)
            return kept.error();
        git["diff"] = git_diff_file;
        if (changes->is_cut) git["diff_is_cut"] = true;
    }
    auto described = run.core()->try_describe(
        [&](nlohmann::json& about) { about["environment"]["git"] = std::move(git); });
    if (described && !is_kept) (void)os::remove_file(file);  // of a call before
    return described;
}

}  // namespace detail

/// Asks git whether the tracked files of the working folder's tree differ from its commit, and records that
/// with the run: `cairn show` says so. With `.diff`, what differs is kept, as `git diff` tells it, with all
/// that stands there: no secret is hidden in it. Untracked files are not looked at, of submodules only the
/// commit. In a forked child nothing is done: the run is its parent's.
/// A failure is an error of the run, which `on_error` and its health have: not_found, if there is no git or
/// no tree; busy, if git takes too long; unsupported, where git does not tell (there is no commit, or it does
/// not trust the tree's owner); invalid_argument, after the run's end; no_space, permission, io. Cost: the
/// program `git` runs, and the filters by which the tree's files are committed, if it has such; some
/// milliseconds in a small tree. For this process it is a child like others: SIGCHLD is raised. Call it where
/// that may be, soon after `init`, on one thread; of several ranks, by one.
template <class Run>
void record_git([[maybe_unused]] const Run& run, [[maybe_unused]] const GitOptions& options = {}) {
    if constexpr (requires { run.core(); }) {
        if (run.disabled() || run.core()->is_detached()) return;
        try {
            detail::try_record_git(run, options).value();
        } catch (const error& failure) {
            run.core()->note_failure(failure, false);
        } catch (const std::exception& failure) {  // no memory
            run.core()->note_failure(error{errc::io, "git could not be asked", failure.what(),
                                           "see what the program has left for others"},
                                     false);
        }
    }
}

}  // namespace CAIRN_NAMESPACE
