// SPDX-License-Identifier: MIT
#pragma once
// The systems that `cairn sync` knows. A tool adds more of them to a call.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

/// What was said of the other system.
struct SyncOptions {
    std::string entity{};       ///< who is to have the run there
    std::string project{};      ///< in which project, or experiment
    std::string register_as{};  ///< of which registered model its models become versions
    bool artifacts = true;      ///< with the files of artifacts
};

/// A mirror, of whichever kind.
struct AnyMirror {
    std::function<result<MirrorReport>(const RecordedRun&)> catch_up;  ///< as `Mirror` has it
    std::function<std::string()> place;  ///< where the run is then: a folder or an address
};

/// One that was opened; `place(mirror)` is where it brings the run.
template <Mirror M, class Place>
result<AnyMirror> any_mirror(result<M> opened, Place place) {
    if (!opened) return opened.error();
    const auto mirror = std::make_shared<M>(std::move(*opened));
    return AnyMirror{[mirror](const RecordedRun& now) { return mirror->catch_up(now); },
                     [mirror, place] { return place(*mirror); }};
}

/// A system that runs are mirrored to.
struct SyncTarget {
    std::string kind;   ///< what `--to` begins with, before a colon; of two, the longer one is meant
    std::string usage;  ///< "tensorboard:DIR"
    std::string what;   ///< what that does, for the help
    /// `where` is what stands behind the colon, or empty.
    std::function<result<AnyMirror>(const StoreReader&, const RecordedRun&, const std::string& where,
                                    const SyncOptions&)>
        open;
};

/// What a call knows of them.
struct SyncPlan {
    SyncOptions options{};              ///< what the command line said
    std::vector<SyncTarget> targets{};  ///< those that there are
};

}  // namespace CAIRN_NAMESPACE::cli
