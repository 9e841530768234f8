// SPDX-License-Identifier: MIT
#pragma once
// Runs for MLflow: to its tracking server, by HTTP. Opt-in: costs cpp-httplib.

#include <cairn/core/error.hpp>
#include <cairn/mirror/mirror.hpp>
#include <cairn/mirror/mlflow_client.hpp>
#include <cairn/mirror/mlflow_rank.hpp>
#include <cairn/mirror/ranks.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/os.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE {

/// Brings a run to an MLflow server, while the run goes on or afterwards; each further rank is a run below
/// the first. User, password, token and certificates are those that MLflow's own client takes
/// (MLFLOW_TRACKING_USERNAME, …, ~/.mlflow/credentials); they go to this server only, and nobody is told of
/// them. How far it got stands in the run's folder, below `mirrors/`. Threads: one at a time.
class MlflowMirror {
  public:
    /// Of a run in this store. Asks the server for nothing yet. Fails: invalid_argument, if there is no
    /// address, or a wrong one; unsupported, for https without TLS; busy, if another mirrors the run to it;
    /// permission, where the run's folder cannot be written.
    static result<MlflowMirror> open(const StoreReader& store, const RecordedRun& run,
                                     MlflowOptions options = {}) {
        using detail::os::sys::environment;
        if (options.uri.empty()) options.uri = environment("MLFLOW_TRACKING_URI");
        if (options.experiment.empty()) options.experiment = environment("MLFLOW_EXPERIMENT_NAME");
        if (options.experiment.empty()) options.experiment = run.project();
        if (options.register_as.find_first_of("/:'\"") != std::string::npos) {
            return error{errc::invalid_argument, "MLflow has no registered model of this name",
                         options.register_as, "leave out / : ' and \""};
        }
        auto client = detail::mlflow::Client::open(options.uri, detail::mlflow::web_options());
        if (!client) return client.error();
        MlflowMirror mirror{store, std::move(options), std::move(*client)};
        if (auto opened = mirror.open_ranks(run); !opened) return opened.error();
        return mirror;
    }

    /// Brings what is new. A request that is not taken is sent again, five times in some ten seconds; what is
    /// there already is not there twice. Fails: io, if the server does not take it; permission, not_found,
    /// invalid_argument, in its words; corrupt, if the history is. Cost: a request for a thousand values.
    result<MirrorReport> catch_up(const RecordedRun& run) {
        if (auto opened = open_ranks(run); !opened) return opened.error();
        return detail::catch_up_ranks(ranks_, run);
    }
    /// Where rank 0 is: the address of its page.
    [[nodiscard]] std::string page() const {
        const auto first = ranks_.find(0);
        return first == ranks_.end() ? client_->address() : first->second.page();
    }

  private:
    MlflowMirror(StoreReader store, MlflowOptions options, detail::mlflow::Client client)
        : store_{std::move(store)}, options_{std::move(options)},
          client_{std::make_shared<detail::mlflow::Client>(std::move(client))} {}

    /// Those that have come since.
    result<void> open_ranks(const RecordedRun& run) {
        return detail::open_ranks(ranks_, run, [&](unsigned rank) {
            return detail::mlflow::RankMirror::open(store_, client_, rank, options_,
                                                    detail::rank_dir(run.dir(), rank));
        });
    }

    StoreReader store_;
    MlflowOptions options_;
    std::shared_ptr<detail::mlflow::Client> client_;
    std::map<unsigned, detail::mlflow::RankMirror> ranks_;
};
static_assert(Mirror<MlflowMirror>);

}  // namespace CAIRN_NAMESPACE
