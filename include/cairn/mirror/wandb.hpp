// SPDX-License-Identifier: MIT
#pragma once
// Runs for W&B: folders as its own client leaves them when it is offline, which `wandb sync` uploads and
// `wandb leet` shows. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/mirror/wandb_rank.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/os.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>

namespace CAIRN_NAMESPACE {

/// Writes a run as W&B's client leaves it when it is offline, while the run goes on or afterwards. Each
/// session of a run has a folder of its own, `offline-run-<time>-<id>`; each further rank is a run of W&B's,
/// in a group with the first. How far it got stands in the run's folder, below `mirrors/`. Threads: one at a
/// time.
class WandbMirror {
  public:
    /// Of a run in this store. Fails: busy, if another mirrors it to the same place; permission, where the
    /// run's folder cannot be written.
    static result<WandbMirror> open(const StoreReader& store, const RecordedRun& run,
                                    WandbOptions options = {}) {
        namespace os = detail::os;
        if (options.dir.empty()) options.dir = os::path_of(os::sys::environment("WANDB_DIR"));
        if (options.dir.empty()) options.dir = ".";
        if (options.entity.empty()) options.entity = os::sys::environment("WANDB_ENTITY");
        std::error_code failed;
        os::Path root = std::filesystem::absolute(options.dir, failed).lexically_normal();
        const auto hidden = os::status(root / ".wandb");
        root /= hidden && hidden->exists ? ".wandb" : "wandb";
        auto ranks =
            Ranks::open(run, [store, options, root](const RecordedRun&, unsigned rank, os::Path dir) {
                return detail::wandb::RankMirror::open(store, rank, options, std::move(dir), root);
            });
        if (!ranks) return ranks.error();
        return WandbMirror{std::move(*ranks)};
    }

    /// Writes what is new. Fails: no_space and the like, as the disk does; corrupt, if the history is. Cost:
    /// as much as there is new; the first time, all of the history is read.
    result<MirrorReport> catch_up(const RecordedRun& run) { return ranks_.catch_up(run); }
    /// Where rank 0 is: what to give to `wandb sync`.
    [[nodiscard]] std::filesystem::path folder() const {
        const auto* const first = ranks_.first();
        return first == nullptr ? std::filesystem::path{} : first->folder();
    }

  private:
    using Ranks = detail::Ranks<detail::wandb::RankMirror>;
    explicit WandbMirror(Ranks ranks) : ranks_{std::move(ranks)} {}

    Ranks ranks_;
};
static_assert(Mirror<WandbMirror>);

}  // namespace CAIRN_NAMESPACE
