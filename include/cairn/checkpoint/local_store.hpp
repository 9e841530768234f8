// SPDX-License-Identifier: MIT
#pragma once
// The default sink: versions of an artifact in the run's own store. Costs nlohmann/json.

#include <cairn/checkpoint/sink.hpp>
#include <cairn/checkpoint/version.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/manifest.hpp>
#include <cairn/store/file_batch.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

namespace detail {

/// A row as a manifest keeps it, and back.
template <class Json = nlohmann::json>
[[nodiscard]] Json metrics_of(const DynamicRow& row) {
    Json metrics = Json::object();
    row.for_each([&](std::string_view name, const Value& value) {
        Json& to = metrics[std::string{name}];
        switch (value.kind()) {
            case Value::Kind::text: to = std::string{value.text()}; break;
            case Value::Kind::integer: to = static_cast<std::int64_t>(value.bits()); break;
            case Value::Kind::natural: to = value.bits(); break;
            case Value::Kind::boolean: to = value.bits() != 0; break;
            default: to = metric_to_json(value.number()); break;
        }
    });
    return metrics;
}

template <class = void>
[[nodiscard]] DynamicRow row_of(const Manifest& manifest) {
    std::vector<NamedValue> values;
    for (const auto& [name, value] : manifest.metrics.items()) {
        if (value.is_boolean()) {
            values.push_back({name, value.template get<bool>()});
        } else if (value.is_number_unsigned()) {
            values.push_back({name, value.template get<std::uint64_t>()});
        } else if (value.is_number_integer()) {
            values.push_back({name, value.template get<std::int64_t>()});
        } else if (const auto number = metric_from_json(value)) {
            values.push_back({name, *number});
        } else if (value.is_string()) {
            values.push_back({name, std::string_view{value.template get_ref<const std::string&>()}});
        }
    }
    return {manifest.step.value_or(0), manifest.created_ns, values.data(), values.size()};
}

template <class = void>
[[nodiscard]] Version version_of(const Manifest& manifest, const ArtifactStore& artifacts) {
    return {manifest.version, manifest.logical_size(), row_of(manifest),
            artifacts.plain_path(manifest.version)};
}

}  // namespace detail

/// Saves into the run's store: whole files named by their SHA-256, shared by versions that have the same
/// content, shown under a plain path (`artifacts/<name>/v3/model.safetensors`). A commit is atomic and
/// durable: objects first, then the version's manifest. Only versions of this run are pruned.
template <class = void>
class BasicLocalStore {
  public:
    /// Called by the run that makes the checkpoint.
    void bind(std::shared_ptr<detail::RunCore> core, std::string_view name) {
        core_ = std::move(core);
        artifacts_ =
            ArtifactStore::open(core_->store(), core_->options().project, std::string{name}, "model").value();
    }

    result<void> begin(const VersionInfo& info) {
        abort();
        draft_ = {};
        draft_.run = info.run;
        draft_.step = info.row.step();
        draft_.created_ns = info.row.time_ns();
        draft_.metrics = detail::metrics_of(info.row);
        return {};
    }

    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        return batch_.write(core_->store(), file, bytes);
    }

    result<Version> commit() {
        auto staged = stage();
        if (!staged) return staged.error();
        return commit(std::move(*staged));
    }
    /// The two halves of it: the files that were written, and a version of files.
    result<std::vector<StagedFile>> stage() { return batch_.finish(); }
    result<Version> commit(std::vector<StagedFile> staged) {
        auto committed = artifacts_->commit(std::move(draft_), std::move(staged));
        if (!committed) return committed.error();
        for (const error& warning : committed->warnings) core_->note_failure(warning, false);
        return detail::version_of(committed->manifest, *artifacts_);
    }

    void abort() noexcept { batch_.clear(); }

    /// The files of a version; with a folder, those in it, by their names there.
    result<StoredFiles> open(const Version& version, std::string_view folder = {}) {
        const auto reading = artifacts_->lease(version.number);  // until all of it is in memory
        auto manifest = artifacts_->get(version.number);
        if (!manifest) return manifest.error();
        StoredFiles files;
        for (const FileEntry& entry : manifest->files) {
            if (entry.digest.empty() || !entry.path.starts_with(folder)) continue;
            auto bytes = artifacts_->read(*manifest, entry.path);
            if (!bytes) return bytes.error();
            files.add(entry.path.substr(folder.size()), std::move(*bytes));
        }
        return files;
    }

    result<void> remove(const Version& version) { return artifacts_->remove(version.number); }
    result<void> undo(const Version& version) { return artifacts_->undo(version.number); }

    [[nodiscard]] result<Manifest> manifest(const Version& version) const {
        return artifacts_->get(version.number);
    }
    /// A version by its number. Fails: not_found, corrupt.
    [[nodiscard]] result<Version> version(std::uint64_t number) const {
        const auto manifest = artifacts_->get(number);
        if (!manifest) return manifest.error();
        return detail::version_of(*manifest, *artifacts_);
    }

    /// The versions that exist, oldest first: those of this run, or of any run if this one has none.
    [[nodiscard]] std::vector<Version> versions(bool any_run) {
        auto listing = artifacts_->list();
        if (!listing) detail::raise(listing.error());
        for (const error& damaged : listing->damaged) core_->note_failure(damaged, false);
        std::vector<Version> versions;
        for (const Manifest& manifest : listing->versions) {
            if (any_run || manifest.run == core_->options().id) {
                versions.push_back(detail::version_of(manifest, *artifacts_));
            }
        }
        return versions;
    }

    /// Adds metrics that came late to a version.
    result<void> annotate(const Version& version, const DynamicRow& metrics) {
        auto done = artifacts_->annotate(version.number, detail::metrics_of(metrics));
        return done ? result<void>{} : result<void>{done.error()};
    }

    /// Whether a version must stay for another reason than a retention: an alias names it, or it is being
    /// read.
    [[nodiscard]] bool is_held(const Version& version) const {
        if (const auto aliases = artifacts_->aliases()) {
            for (const auto& [alias, number] : *aliases) {
                if (number == version.number) return true;
            }
        }
        const auto read = artifacts_->is_read(version.number);
        return read && *read;
    }

    /// Makes `best` name a version, unless it names a better one already (of another run, say).
    void mark_best(const Version& version, const detail::Watched& by) {
        const auto aliases = artifacts_->aliases();
        if (!aliases) return core_->note_failure(aliases.error(), false);
        if (const auto named = aliases->find("best"); named != aliases->end()) {
            if (named->second == version.number) return;
            if (const auto manifest = artifacts_->get(named->second)) {
                const Reading held = detail::row_of(*manifest).find(by.metric).reading();
                const Reading now = version.row.find(by.metric).reading();
                if (held.kind == Reading::Kind::number && !is_better(by.direction, now.value, held.value))
                    return;
            }
        }
        if (auto set = artifacts_->set_alias("best", version.number); !set)
            core_->note_failure(set.error(), false);
    }

  private:
    std::shared_ptr<detail::RunCore> core_;
    std::optional<ArtifactStore> artifacts_;
    Manifest draft_;
    detail::ObjectBatch batch_;
};
using LocalStore = BasicLocalStore<>;

}  // namespace CAIRN_NAMESPACE
