// SPDX-License-Identifier: MIT
#pragma once
// The verbs about versions and the store: artifact, verify, gc.

#include <cairn/cli/call.hpp>
#include <cairn/cli/runs.hpp>
#include <cairn/cli/text.hpp>
#include <cairn/query/artifacts.hpp>
#include <cairn/query/as_json.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/garbage.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/verify.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::cli {

namespace detail {

/// A version as people name it: "model:v3", "model:best", "model" for the latest; in a project, if the store
/// has several: "mnist/model:v3".
struct VersionName {
    std::string project{}, artifact{}, label = "latest";

    explicit VersionName(const std::string& text) : artifact{text} {
        if (const std::size_t colon = artifact.find(':'); colon != std::string::npos) {
            label = artifact.substr(colon + 1);
            artifact.resize(colon);
        }
        if (const std::size_t slash = artifact.find('/'); slash != std::string::npos) {
            project = artifact.substr(0, slash);
            artifact.erase(0, slash + 1);
        }
    }
};

/// The artifact of a name. Fails: not_found; invalid_argument if several projects have one.
[[nodiscard]] inline result<ArtifactStore> open_artifact(const Store& store, const VersionName& name) {
    std::vector<std::string> projects{name.project};
    if (name.project.empty()) {
        auto all = store.projects();
        if (!all) return all.error();
        projects.clear();
        for (const std::string& project : *all) {
            const auto names = store.artifacts(project);
            if (!names) return names.error();
            if (std::find(names->begin(), names->end(), name.artifact) != names->end())
                projects.push_back(project);
        }
    }
    if (projects.size() == 1) return ArtifactStore::open(store, projects.front(), name.artifact);
    if (projects.empty()) {
        return error{errc::not_found, "there is no such artifact", suggest_name(name.artifact),
                     "see which there are with: cairn artifact ls"};
    }
    return error{
        errc::invalid_argument, "several projects have an artifact of this name", suggest_name(name.artifact),
        "name one: " + projects[0] + "/" + name.artifact + " or " + projects[1] + "/" + name.artifact};
}

/// Adds a verb about a version, which is its first argument: calls `work(artifact, manifest)`.
template <class F>
CLI::App* verb_of_version(CLI::App& app, Call& call, const char* verb, const char* what, const F& work) {
    const auto text = std::make_shared<std::string>();
    CLI::App* const made = call.verb(app, verb, what, [&call, text, work]() -> result<void> {
        const auto reader = call.store();
        if (!reader) return reader.error();
        const VersionName name{*text};
        const auto artifact = open_artifact(reader->store(), name);
        if (!artifact) return artifact.error();
        const auto manifest = artifact->resolve(name.label);
        if (!manifest) return manifest.error();
        return work(*artifact, *manifest);
    });
    made->add_option("VERSION", *text, "NAME, NAME:v3, NAME:best, or PROJECT/NAME:v3")->required();
    return made;
}

inline result<void> list_artifacts(Call& call, const std::string& of) {
    const auto reader = call.store();
    if (!reader) return reader.error();
    const auto all = artifacts_as_json(*reader, of);
    if (!all) return all.error();
    if (call.json()) {
        call.print(*all);
        return {};
    }
    for (const nlohmann::json& one : (*all)["damaged"])
        call.note("cairn: " + printable(one["message"].get<std::string>()) + ": " +
                  printable(one["path"].get<std::string>()));
    const auto joined = [](const nlohmann::json& texts) {
        std::string out;
        for (const auto& text : texts) out += (out.empty() ? "" : ", ") + printable(text.get<std::string>());
        return out;
    };
    Table table{{"ARTIFACT", "TYPE", "VERSION", "STEP", "SIZE", "MADE", "RUN", "USED BY", "ALIASES"}};
    for (const nlohmann::json& one : (*all)["versions"]) {
        table.add({brief(one["project"]) + "/" + brief(one["artifact"]), brief(one["type"]),
                   brief(one["version"]), one["step"].is_null() ? "" : brief(one["step"]),
                   size_text(one["bytes"].get<std::uint64_t>()),
                   one["created_ms"].is_null()
                       ? "?"
                       : local_time(one["created_ms"].get<std::int64_t>() * ::cairn::detail::ns_per_ms),
                   brief(one["run"]), joined(one["used_by"]), joined(one["aliases"])});
    }
    call.out(table.empty() ? "no version yet\n" : table.text());
    return {};
}

/// What `verify` found, and the exit code.
inline void tell(Call& call, const Verified& found) {
    if (!found.ok()) call.set_damaged();
    if (call.json()) {
        call.print(
            {{"versions", found.versions}, {"rows", found.rows}, {"damaged", cairn::as_json(found.damaged)}});
        return;
    }
    for (const error& damaged : found.damaged) call.complain(damaged);
    call.out(std::to_string(found.versions) + " versions and " + std::to_string(found.rows) +
             " rows are whole, " + std::to_string(found.damaged.size()) + " damaged\n");
}

}  // namespace detail

/// `cairn artifact ls|get|verify|alias|rm`.
inline void add_artifact(CLI::App& app, Call& call) {
    struct Wanted {
        std::string name{}, alias{}, to{};
        bool remove = false;
    };
    const auto wanted = std::make_shared<Wanted>();
    CLI::App* const artifact =
        app.add_subcommand("artifact", "versions of checkpoints, models and other artifacts");
    artifact->require_subcommand(1);

    call.verb(*artifact, "ls", "list them",
              [&call, wanted] { return detail::list_artifacts(call, wanted->name); })
        ->add_option("NAME", wanted->name, "only of this one");

    const auto download = [&call, wanted](const ArtifactStore& from, const Manifest& version) {
        const std::string to = wanted->to.empty() ? from.name() + "-" + version.label() : wanted->to;
        const auto copied = from.download(version, ::cairn::detail::os::path_of(to));
        if (copied) call.out(detail::printable(to) + "\n");
        return copied;
    };
    detail::verb_of_version(*artifact, call, "get", "copy the files of a version, verified, into a folder",
                            download)
        ->add_option("-o,--to", wanted->to, "the folder (default: NAME-v3)");

    const auto verify = [&call](const ArtifactStore& of, const Manifest& version) -> result<void> {
        Verified found;
        if (const auto whole = of.verify(version); whole)
            found.versions = 1;
        else
            found.damaged.push_back(whole.error());
        detail::tell(call, found);
        return {};
    };
    detail::verb_of_version(*artifact, call, "verify", "look at every byte of a version", verify);

    const auto change = [wanted](const ArtifactStore& of, const Manifest& version) {
        return wanted->remove ? of.remove_alias(wanted->alias) : of.set_alias(wanted->alias, version.version);
    };
    CLI::App* const alias =
        detail::verb_of_version(*artifact, call, "alias", "name a version, or take the name away", change);
    alias->add_option("ALIAS", wanted->alias, "such as production")->required();
    alias->add_flag("--remove", wanted->remove, "take the name away");

    detail::verb_of_version(
        *artifact, call, "rm", "remove a version; not one that an alias names, that is read, or the newest",
        [](const ArtifactStore& of, const Manifest& version) { return of.remove(version.version); });
}

/// `cairn verify`.
inline void add_verify(CLI::App& app, Call& call) {
    const auto name = std::make_shared<std::string>();
    call.verb(app, "verify", "look at every byte of the store, or of one run",
              [&call, name]() -> result<void> {
                  const auto store = call.store();
                  if (!store) return store.error();
                  result<Verified> found = error{};
                  if (name->empty()) {
                      found = store->verify();
                  } else {
                      const auto run = store->find(*name);
                      if (!run) return run.error();
                      found = store->verify(*run);
                  }
                  if (!found) return found.error();
                  detail::tell(call, *found);
                  return {};
              })
        ->add_option("RUN", *name, detail::names_a_run);
}

/// `cairn gc`.
inline void add_gc(CLI::App& app, Call& call) {
    const auto dry_run = std::make_shared<bool>(false);
    call.verb(app, "gc", "free what no version names and what dead processes left",
              [&call, dry_run]() -> result<void> {
                  const auto store = call.store();
                  if (!store) return store.error();
                  const auto freed = collect_garbage(store->store(), {.dry_run = *dry_run});
                  if (!freed) return freed.error();
                  if (call.json()) {
                      call.print({{"dry_run", *dry_run},
                                  {"objects", freed->objects},
                                  {"bytes", freed->bytes},
                                  {"temporaries", freed->temporaries}});
                      return {};
                  }
                  call.out((*dry_run ? "would free " : "freed ") + std::to_string(freed->objects) +
                           " objects of " + std::to_string(freed->bytes) + " bytes and " +
                           std::to_string(freed->temporaries) + " temporaries\n");
                  return {};
              })
        ->add_flag("-n,--dry-run", *dry_run, "only tell what would be freed");
}

}  // namespace CAIRN_NAMESPACE::cli
