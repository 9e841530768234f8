// SPDX-License-Identifier: MIT
#pragma once
// Reading a store: its runs, and the versions that they saved. Reads what is on disk, also of runs that are
// being written or have crashed. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/query/detail/edits.hpp>
#include <cairn/query/recorded_run.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/run_reader.hpp>
#include <cairn/store/store.hpp>
#include <cairn/store/verify.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

/// See `RunList::find`.
template <class Run>
[[nodiscard]] result<Run*> find_run(const std::vector<Run*>& newest_first, const std::string& text) {
    std::vector<Run*> exact, by_name, by_prefix;
    for (Run* run : newest_first) {
        if (run->id() == text || run->project() + "/" + run->id() == text) exact.push_back(run);
        if (run->is_deleted()) continue;
        if (text == "latest") return run;
        if (run->name() == text) by_name.push_back(run);
        if (!text.empty() && run->id().starts_with(text)) by_prefix.push_back(run);
    }
    for (const auto* found : {&exact, &by_name, &by_prefix}) {
        if (found->size() == 1) return found->front();
        if (found->size() > 1) {
            const auto named = [](const Run* run) { return run->project() + "/" + run->id(); };
            return error{errc::invalid_argument, "several runs are named so", suggest_name(text),
                         "name one by its id: " + named(found->front()) + " or " + named(found->back())};
        }
    }
    return error{errc::not_found, "there is no such run", suggest_name(text),
                 "see which there are with: cairn ls"};
}

}  // namespace detail

/// The runs of a store, newest first, and what could not be read.
struct RunList {
    std::vector<RecordedRun> runs;  ///< newest first
    std::vector<error> damaged;     ///< why a run could not be read, for each such run

    /// The one that `text` names: its id, "project/id", the beginning of its id, its name, or "latest".
    /// Fails: not_found; invalid_argument if it names several.
    [[nodiscard]] result<RecordedRun*> find(const std::string& text) {
        std::vector<RecordedRun*> all;
        all.reserve(runs.size());
        for (RecordedRun& run : runs) all.push_back(&run);
        return detail::find_run(all, text);
    }
};

/// A store that is read. Made by `cairn::open`.
class StoreReader {
  public:
    /// For `cairn::open`.
    explicit StoreReader(Store store) : store_{std::move(store)} {}

    /// The store that is read.
    [[nodiscard]] const Store& store() const noexcept { return store_; }

    /// The run of this id. Fails: not_found, also if it is only being made; corrupt.
    [[nodiscard]] result<RecordedRun> run(const std::string& project, const std::string& id) const {
        auto folder = RunReader::open(store_, project, id);
        if (!folder) return folder.error();
        auto found = folder->standing();
        if (!found) return found.error();
        nlohmann::json& about = found->record;
        about["project"] = project;  // it may have been copied or renamed
        about["id"] = id;
        const auto edits = detail::read_edits(folder->path());
        if (!edits) return edits.error();
        detail::apply_edits(about, *edits);
        return RecordedRun{std::move(*folder), std::move(about), found->state};
    }

    /// All runs, of one project if one is named.
    [[nodiscard]] result<RunList> runs(const std::string& project = {}) const {
        RunList list;
        const auto projects = store_.projects();
        if (!projects) return projects.error();
        for (const std::string& of : *projects) {
            if (!project.empty() && of != project) continue;
            const auto ids = store_.runs(of);
            if (!ids) return ids.error();
            for (const std::string& id : *ids) {
                auto run = this->run(of, id);
                if (run) {
                    list.runs.push_back(std::move(*run));
                } else if (run.error().code() != errc::not_found) {  // a folder whose run is only being made
                    list.damaged.push_back(run.error());
                }
            }
        }
        std::sort(list.runs.begin(), list.runs.end(), [](const RecordedRun& a, const RecordedRun& b) {
            return a.created_ns() != b.created_ns() ? a.created_ns() > b.created_ns() : a.id() < b.id();
        });
        return list;
    }

    /// The run that `text` names; see `RunList::find`. Cost: reads the record of every run.
    [[nodiscard]] result<RecordedRun> find(const std::string& text) const {
        auto list = runs();
        if (!list) return list.error();
        const auto found = list->find(text);
        if (!found) return found.error();
        return std::move(**found);
    }

    /// The versions that a run saved, by artifact, oldest first; and what is damaged.
    struct SavedVersions {
        std::map<std::string, std::vector<Manifest>> by_artifact;  ///< oldest first
        /// Of those artifacts: each alias and the version that it names.
        std::map<std::string, std::map<std::string, std::uint64_t>> aliases;
        std::vector<error> damaged;  ///< what could not be read, and why

        /// The aliases of one of them.
        [[nodiscard]] const std::map<std::string, std::uint64_t>& aliases_of(const std::string& name) const {
            static const std::map<std::string, std::uint64_t> none;
            const auto found = aliases.find(name);
            return found != aliases.end() ? found->second : none;
        }
    };
    /// What a run saved: checkpoints, models and other artifacts. Fails as the disk does; what is damaged
    /// is in the answer. Cost: reads every manifest of the project.
    [[nodiscard]] result<SavedVersions> versions_of(const RecordedRun& run) const {
        SavedVersions saved;
        const auto take = [&](const ArtifactStore& artifact, auto& listing) -> result<void> {
            for (Manifest& manifest : listing.versions) {
                if (manifest.run == run.id())
                    saved.by_artifact[artifact.name()].push_back(std::move(manifest));
            }
            if (auto known = artifact.aliases(); known && saved.by_artifact.contains(artifact.name()))
                saved.aliases[artifact.name()] = std::move(*known);
            return {};
        };
        const auto read = each_artifact(run.project(), saved.damaged, take);
        if (!read) return read.error();
        return saved;
    }
    /// Calls `f(ArtifactStore, listing) -> result<void>` for each artifact of a project, until it fails; of
    /// those whose name `is_wanted`. What is damaged is put into `damaged`.
    template <class F, class IsWanted = bool (*)(const std::string&)>
    result<void> each_artifact(
        const std::string& project, std::vector<error>& damaged, F&& f,
        IsWanted&& is_wanted = [](const std::string&) { return true; }) const {
        const auto names = store_.artifacts(project);
        if (!names) return names.error();
        for (const std::string& name : *names) {
            if (!is_wanted(name)) continue;
            const auto artifact = ArtifactStore::open(store_, project, name);
            if (!artifact) {
                damaged.push_back(artifact.error());
                continue;
            }
            auto listing = artifact->list();
            if (!listing) return listing.error();
            damaged.insert(damaged.end(), listing->damaged.begin(), listing->damaged.end());
            if (auto taken = f(*artifact, *listing); !taken) return taken;
        }
        return {};
    }

    /// Looks at every byte of a run: its rows on every rank, and the versions that it saved. Fails as the
    /// disk does; what is damaged is in the answer.
    [[nodiscard]] result<Verified> verify(const RecordedRun& run) const {
        Verifier verifier{store_};
        const auto saved = versions_of(run);
        if (!saved) return saved.error();
        for (const auto& [name, versions] : saved->by_artifact) {
            const auto artifact = ArtifactStore::open(store_, run.project(), name);
            if (!artifact) return artifact.error();
            for (const Manifest& manifest : versions) verifier.look_at(*artifact, manifest);
        }
        Verified found = verifier.found();
        found.damaged.insert(found.damaged.end(), saved->damaged.begin(), saved->damaged.end());
        look_at_rows(run, found);
        return found;
    }
    /// The same of all runs and all artifacts of the store.
    [[nodiscard]] result<Verified> verify() const {
        auto found = cairn::verify(store_);
        if (!found) return found;
        const auto list = runs();
        if (!list) return list.error();
        found->damaged.insert(found->damaged.end(), list->damaged.begin(), list->damaged.end());
        for (const RecordedRun& run : list->runs) look_at_rows(run, *found);
        return found;
    }

  private:
    static void look_at_rows(const RecordedRun& run, Verified& found) {
        const auto ranks = run.ranks();
        if (!ranks) return found.damaged.push_back(ranks.error());
        for (const unsigned rank : *ranks) {
            const auto read =
                run.for_each_row([](std::int64_t, std::int64_t, std::span<const NamedValue>) {}, rank);
            if (!read) {
                found.damaged.push_back(read.error());
                continue;
            }
            found.rows += read->rows;
            const auto damage = read->errors(run.dir().string());
            found.damaged.insert(found.damaged.end(), damage.begin(), damage.end());
        }
    }

    Store store_;
};

/// Opens a store for reading; never makes one. Fails: not_found, unsupported.
[[nodiscard]] inline result<StoreReader> open(const std::filesystem::path& dir) {
    auto store = Store::open_existing(dir);
    if (!store) return store.error();
    return StoreReader{std::move(*store)};
}

}  // namespace CAIRN_NAMESPACE
