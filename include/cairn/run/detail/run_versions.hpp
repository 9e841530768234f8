// SPDX-License-Identifier: MIT
#pragma once
// The versions of an artifact, for a run that is recorded. Costs nlohmann/json.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/policy/best.hpp>
#include <cairn/run/version_store.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/file_batch.hpp>
#include <cairn/store/manifest.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

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
    const bool is_shown =
        std::any_of(manifest.files.begin(), manifest.files.end(),
                    [](const FileEntry& file) { return file.is_stored() && file.pieces.empty(); });
    return {manifest.version, manifest.logical_size(), row_of(manifest),
            is_shown ? artifacts.plain_path(manifest.version) : std::filesystem::path{}};
}

/// Shown under a plain path (`artifacts/<name>/v3/model.safetensors`). A commit is atomic and durable:
/// objects first, then the version's manifest.
template <class = void>
class BasicRunVersions final : public VersionStore {
  public:
    /// Makes the artifact if it is not there. Throws `cairn::error`.
    BasicRunVersions(std::shared_ptr<RunCore> core, std::string_view name, Share share)
        : core_{std::move(core)},
          artifacts_{ArtifactStore::open(core_->store(), core_->options().project, std::string{name}, "model")
                         .value()},
          share_{share}, batch_{share} {}

    result<Reservation> reserve() const override {
        auto reserved = artifacts_.reserve();
        if (!reserved) return reserved.error();
        const std::scoped_lock lock{mutex_};
        // Without locks nobody sees what this process has promised.
        if (!reserved->lease.held()) reserved->number = std::max(reserved->number, next_);
        next_ = std::max(next_, reserved->number + 1);
        Reservation out;
        out.version.number = reserved->number;
        if (share_ == Share::files) out.version.path = artifacts_.plain_path(reserved->number);
        const auto hold = std::make_shared<ReservedNumber>(std::move(*reserved));
        std::erase_if(promised_, [](const auto& known) { return known.second.expired(); });
        promised_[hold->number] = hold;
        out.hold = hold;
        return out;
    }

    result<void> begin(const VersionInfo& info) override {
        abort();
        number_.reset();
        if (info.reserved != nullptr) number_ = info.reserved->version.number;
        draft_ = {};
        draft_.run = info.run;
        draft_.step = info.row.step();
        draft_.created_ns = info.row.time_ns();
        draft_.metrics = metrics_of(info.row);
        return {};
    }

    result<void> write(std::string_view file, std::span<const std::byte> bytes) override {
        return batch_.write(core_->store(), file, bytes);
    }

    result<Version> commit() override {
        auto staged = batch_.finish();
        if (!staged) return staged.error();
        return commit(std::move(*staged));
    }
    result<std::vector<StagedFile>> stage() override {
        auto staged = batch_.finish();
        if (!staged) return staged;
        for (StagedFile& file : *staged) {
            if (auto sealed = file.object.seal(); !sealed) return sealed.error();
            for (StagedObject& piece : file.rest) {
                if (auto sealed = piece.seal(); !sealed) return sealed.error();
            }
        }
        return staged;
    }
    result<Version> commit(std::vector<StagedFile> staged) override {
        auto committed = artifacts_.commit(std::move(draft_), std::move(staged), {.number = number_});
        if (!committed) return committed.error();
        if (number_)
            give_up(*number_);  // the manifest says that it is taken, and a lease that it is being read
        for (const error& warning : committed->warnings) core_->note_failure(warning, false);
        return version_of(committed->manifest, artifacts_);
    }

    void abort() noexcept override { batch_.clear(); }

    result<StoredFiles> open(const Version& version, std::string_view folder) override {
        const auto reading = artifacts_.lease(version.number);  // until all of it is in memory
        auto manifest = artifacts_.get(version.number);
        if (!manifest) return manifest.error();
        StoredFiles files;
        for (const FileEntry& entry : manifest->files) {
            if (!entry.is_stored() || !entry.path.starts_with(folder)) continue;
            auto bytes = artifacts_.read(*manifest, entry.path);
            if (!bytes) return bytes.error();
            files.add(entry.path.substr(folder.size()), std::move(*bytes));
        }
        return files;
    }

    result<void> remove(const Version& version) override { return artifacts_.remove(version.number); }
    result<void> undo(const Version& version) override { return artifacts_.undo(version.number); }

    [[nodiscard]] result<Manifest> manifest(const Version& version) const override {
        return artifacts_.get(version.number);
    }
    [[nodiscard]] result<Version> version(std::uint64_t number) const override {
        const auto manifest = artifacts_.get(number);
        if (!manifest) return manifest.error();
        return version_of(*manifest, artifacts_);
    }

    [[nodiscard]] std::vector<Version> versions(bool any_run) override {
        auto listing = artifacts_.list();
        if (!listing) raise(listing.error());
        for (const error& damaged : listing->damaged) core_->note_failure(damaged, false);
        std::vector<Version> versions;
        for (const Manifest& manifest : listing->versions) {
            if (any_run || manifest.run == core_->options().id) {
                versions.push_back(version_of(manifest, artifacts_));
            }
        }
        return versions;
    }

    result<void> annotate(const Version& version, const DynamicRow& metrics) override {
        auto done = artifacts_.annotate(version.number, metrics_of(metrics));
        return done ? result<void>{} : result<void>{done.error()};
    }

    [[nodiscard]] bool is_held(const Version& version) const override {
        if (const auto aliases = artifacts_.aliases()) {
            for (const auto& [alias, number] : *aliases)
                if (number == version.number) return true;
        }
        const auto read = artifacts_.is_read(version.number);
        return read && *read;
    }

    [[nodiscard]] std::optional<std::uint64_t> free_bytes() const override {
        const auto free = os::free_bytes(core_->store().root());
        return free ? std::optional{*free} : std::nullopt;
    }

    void mark_best(const Version& version, const Watched& by) override {
        const auto is_worse = [&](const Manifest& named) {
            const Reading held = row_of(named).find(by.metric).reading();
            const Reading now = version.row.find(by.metric).reading();
            return held.kind != Reading::Kind::number || is_better(by.direction, now.value, held.value);
        };
        if (auto set = artifacts_.move_alias("best", version.number, is_worse); !set)
            core_->note_failure(set.error(), false);
    }

  private:
    void give_up(std::uint64_t number) {
        const std::scoped_lock lock{mutex_};
        const auto known = promised_.find(number);
        if (known == promised_.end()) return;
        if (const auto hold = known->second.lock()) hold->lease.release();
        promised_.erase(known);
    }

    std::shared_ptr<RunCore> core_;
    ArtifactStore artifacts_;
    // What was promised, on the training thread, and not yet kept, on the saving thread.
    mutable std::mutex mutex_;
    mutable std::map<std::uint64_t, std::weak_ptr<ReservedNumber>> promised_;
    mutable std::uint64_t next_ = 0;
    Manifest draft_;
    std::optional<std::uint64_t> number_;  // that was reserved for the draft
    Share share_;
    ObjectBatch batch_;
};

}  // namespace CAIRN_NAMESPACE::detail
