// SPDX-License-Identifier: MIT
#pragma once
// Artifacts in S3: where `cairn sync` brings them, and verbs that read them. Opt-in: costs cpp-httplib.
// `cairn::cli::main(argc, argv, {&cairn::cli::add_s3})`.

#include <cairn/cli/call.hpp>
#include <cairn/cli/sync_target.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/mirror/s3.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/os.hpp>

#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// What `cairn s3` is asked for.
struct S3Wanted {
    std::string uri{}, name{}, to{};
};

/// The artifacts that `name` means: "", "PROJECT" or "PROJECT/NAME". As PROJECT, NAME.
inline result<std::vector<std::pair<std::string, std::string>>> s3_artifacts(S3Store& store,
                                                                             const std::string& name) {
    const std::size_t slash = std::min(name.find('/'), name.size());
    std::vector<std::string> projects{name.substr(0, slash)};
    if (name.empty()) {
        auto all = store.projects();
        if (!all) return all.error();
        projects = std::move(*all);
    }
    std::vector<std::pair<std::string, std::string>> out;
    for (const std::string& project : projects) {
        if (slash < name.size()) {
            out.emplace_back(project, name.substr(slash + 1));
            continue;
        }
        auto all = store.artifacts(project);
        if (!all) return all.error();
        for (std::string& artifact : *all) out.emplace_back(project, std::move(artifact));
    }
    return out;
}
inline result<void> s3_list(Call& call, const S3Wanted& wanted) {
    auto store = cairn::open(S3{wanted.uri});
    if (!store) return store.error();
    const auto artifacts = s3_artifacts(*store, wanted.name);
    if (!artifacts) return artifacts.error();
    nlohmann::json all = nlohmann::json::array();
    Table table{{"VERSION", "TYPE", "SIZE", "MADE", "RUN", "ALIASES"}};
    for (const auto& [project, artifact] : *artifacts) {
        const auto versions = store->versions(project, artifact);
        if (!versions) return versions.error();
        const auto aliases = store->aliases(project, artifact);
        if (!aliases) return aliases.error();
        call.complain(versions->damaged);
        std::string full_name = project;
        full_name += "/" + artifact;
        for (const Manifest& version : versions->versions) {
            all.push_back(as_json(version, *aliases));
            std::string named;
            for (const auto& [alias, number] : *aliases)
                if (number == version.version) named += (named.empty() ? "" : ", ") + printable(alias);
            table.add({printable(full_name + ":" + version.label()), printable(version.type),
                       size_text(version.logical_size()), local_time(version.created_ns),
                       printable(version.run), named});
        }
    }
    if (call.json())
        call.print({{"place", store->address()}, {"versions", std::move(all)}});
    else
        call.out(table.empty() ? "no version yet\n" : table.text());
    return {};
}
inline result<void> s3_get(Call& call, const S3Wanted& wanted) {
    const std::size_t slash = wanted.name.find('/'), colon = wanted.name.find(':');
    if (slash == std::string::npos || slash > colon) {
        return error{errc::invalid_argument, "this names no version", suggest_name(wanted.name),
                     "give PROJECT/NAME, PROJECT/NAME:v3 or PROJECT/NAME:best"};
    }
    const std::string project = wanted.name.substr(0, slash);
    const std::string artifact = wanted.name.substr(slash + 1, colon - slash - 1);
    const std::string label = colon == std::string::npos ? "latest" : wanted.name.substr(colon + 1);
    auto store = cairn::open(S3{wanted.uri});
    if (!store) return store.error();
    const auto version = store->resolve(project, artifact, label);
    if (!version) return version.error();
    const std::string to = wanted.to.empty() ? artifact + "-" + version->label() : wanted.to;
    auto copied = store->download(*version, ::cairn::detail::os::path_of(to));
    if (copied) call.out(printable(to) + "\n");
    return copied;
}

}  // namespace detail

/// `cairn sync RUN… --to s3://BUCKET/PREFIX`, and `cairn s3 ls|get`.
inline void add_s3(CLI::App& app, Call& call) {
    call.sync().targets.push_back(
        {"s3", "s3://BUCKET/PREFIX", "its artifacts, in S3 or what speaks as it does",
         [](const StoreReader& store, const RecordedRun& run, const std::string& where,
            const SyncOptions&) -> result<AnyMirror> {
             return any_mirror(S3Mirror::open(store, run, {.uri = "s3:" + where}),
                               [](const S3Mirror& mirror) { return mirror.address(); });
         }});
    const auto wanted = std::make_shared<detail::S3Wanted>();
    CLI::App* const verb = app.add_subcommand("s3", "artifacts that `cairn sync` has brought to S3");
    verb->require_subcommand(1);
    CLI::App* const list =
        call.verb(*verb, "ls", "list them", [&call, wanted] { return detail::s3_list(call, *wanted); });
    CLI::App* const get = call.verb(*verb, "get", "copy the files of a version, verified, into a folder",
                                    [&call, wanted] { return detail::s3_get(call, *wanted); });
    list->add_option("PLACE", wanted->uri, "s3://BUCKET/PREFIX")->required();
    get->add_option("PLACE", wanted->uri, "s3://BUCKET/PREFIX")->required();
    list->add_option("NAME", wanted->name, "only of this: PROJECT, or PROJECT/NAME");
    get->add_option("VERSION", wanted->name, "PROJECT/NAME, PROJECT/NAME:v3 or PROJECT/NAME:best")
        ->required();
    get->add_option("-o,--to", wanted->to, "the folder (default: NAME-v3)");
}

}  // namespace CAIRN_NAMESPACE::cli
