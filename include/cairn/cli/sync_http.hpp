// SPDX-License-Identifier: MIT
#pragma once
// More that `cairn sync` brings runs to: servers. Opt-in: costs cpp-httplib.
// `cairn::cli::main(argc, argv, {&cairn::cli::add_sync_http})`.

#include <cairn/cli/call.hpp>
#include <cairn/cli/sync_target.hpp>
#include <cairn/mirror/http.hpp>
#include <cairn/mirror/mlflow.hpp>
#include <cairn/mirror/trackio_server.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <utility>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// "http" or "https", whose address is all of `--to`.
[[nodiscard]] inline SyncTarget to_http(const char* scheme, const char* what) {
    return {scheme, std::string{scheme} + "://HOST/PATH", what,
            [scheme](const StoreReader& store, const RecordedRun& run, const std::string& where,
                     const SyncOptions& wanted) -> result<AnyMirror> {
                return any_mirror(HttpMirror::open(store, run,
                                                   {.url = std::string{scheme} + ":" + where,
                                                    .artifacts = wanted.artifacts}),
                                  [](const HttpMirror& mirror) { return mirror.address(); });
            }};
}

/// The same behind "trackio:".
[[nodiscard]] inline SyncTarget to_trackio_server(const char* scheme, const char* what) {
    return {std::string{"trackio:"} + scheme, std::string{"trackio:"} + scheme + "://HOST:PORT", what,
            [scheme](const StoreReader& store, const RecordedRun& run, const std::string& where,
                     const SyncOptions& wanted) -> result<AnyMirror> {
                return any_mirror(TrackioServerMirror::open(store, run,
                                                            {.url = std::string{scheme} + ":" + where,
                                                             .project = wanted.project,
                                                             .artifacts = wanted.artifacts}),
                                  [](const TrackioServerMirror& mirror) { return mirror.address(); });
            }};
}

}  // namespace detail

/// `cairn sync RUN… --to mlflow:http://HOST:PORT`, `--to trackio:http://HOST:PORT`,
/// `--to https://HOST/PATH`.
inline void add_sync_http(CLI::App& app, Call& call) {
    call.sync().targets.push_back(
        detail::to_http("http", "a server of your own; $CAIRN_HTTP_TOKEN says who you are"));
    call.sync().targets.push_back(detail::to_http("https", "the same, over TLS"));
    call.sync().targets.push_back(
        detail::to_trackio_server("http", "its server; $TRACKIO_WRITE_TOKEN lets us in"));
    call.sync().targets.push_back(detail::to_trackio_server("https", "the same, over TLS"));
    call.sync().targets.push_back(
        {"mlflow", "mlflow:URI", "a tracking server; without :URI, $MLFLOW_TRACKING_URI",
         [](const StoreReader& store, const RecordedRun& run, const std::string& where,
            const SyncOptions& wanted) -> result<AnyMirror> {
             return any_mirror(MlflowMirror::open(store, run,
                                                  {.uri = where,
                                                   .experiment = wanted.project,
                                                   .artifacts = wanted.artifacts,
                                                   .register_as = wanted.register_as}),
                               [](const MlflowMirror& mirror) { return mirror.page(); });
         }});
    app.get_subcommand("sync")->add_option("--register", call.sync().options.register_as,
                                           "of MLflow: make its models versions of this registered model");
}

}  // namespace CAIRN_NAMESPACE::cli
