// SPDX-License-Identifier: MIT
#pragma once
// The verbs about versions and the store: artifact, verify, gc.

#include <cairn/cli/call.hpp>
#include <cairn/cli/runs.hpp>
#include <cairn/cli/text.hpp>
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
CLI::App* verb_of_version(CLI::App& app, Call& call, const char* verb, const char* what, F work) {
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
    const auto projects = reader->store().projects();
    if (!projects) return projects.error();
    nlohmann::json out = nlohmann::json::array();
    Table table{{"ARTIFACT", "TYPE", "VERSION", "STEP", "SIZE", "MADE", "RUN", "ALIASES"}};
    std::vector<error> damaged;
    for (const std::string& project : *projects) {
        const auto take = [&](const ArtifactStore& artifact, const auto& listing) -> result<void> {
            const auto aliases = artifact.aliases();
            if (!aliases) return aliases.error();
            for (const Manifest& version : listing.versions) {
                out.push_back(as_json(version, *aliases));
                std::string named;
                for (const auto& alias : out.back()["aliases"])
                    named += (named.empty() ? "" : ", ") + alias.get<std::string>();
                table.add({printable(project + "/" + artifact.name()), printable(version.type),
                           version.label(), version.step ? std::to_string(*version.step) : "",
                           size_text(version.logical_size()), local_time(version.created_ns),
                           printable(version.run), named});
            }
            return {};
        };
        const auto is_wanted = [&](const std::string& name) {
            return of.empty() || of == name || of == project + "/" + name;
        };
        if (auto read = reader->each_artifact(project, damaged, take, is_wanted); !read) return read;
    }
    if (call.json()) {
        call.print({{"versions", std::move(out)}, {"damaged", cairn::as_json(damaged)}});
    } else {
        for (const error& one : damaged) call.complain(one);
        call.out(table.empty() ? "no version yet\n" : table.text());
    }
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
