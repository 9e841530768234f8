// SPDX-License-Identifier: MIT
#pragma once
// The default sink: versions of an artifact in the run's own store.

#include <cairn/checkpoint/sink.hpp>
#include <cairn/run/version_store.hpp>
#include <cairn/run/run_core.hpp>
#include <cairn/run/version.hpp>
#include <cairn/store/share.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Saves into the run's store: whole files named by their SHA-256, shared by versions that have the same
/// content, shown under a plain path (`artifacts/<name>/v3/model.safetensors`). A commit is atomic and
/// durable: objects first, then the version's manifest. Only versions of this run are pruned.
class LocalStore {
  public:
    LocalStore() = default;
    /// `LocalStore{cairn::share::tensors}`: versions also share the tensors that are equal. A file is then
    /// cut into several objects, and is not shown under a plain path.
    explicit LocalStore(Share share) : share_{share} {}

    /// Called by the run that makes the checkpoint.
    void bind(const std::shared_ptr<detail::RunCore>& core, std::string_view name) {
        versions_ = core->open_versions(name, share_);
    }

    /// The next number of the artifact; nobody else gets it.
    result<Reservation> reserve(const VersionInfo&) { return versions_->reserve(); }
    result<void> begin(const VersionInfo& info) { return versions_->begin(info); }
    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        return versions_->write(file, bytes);
    }
    result<Version> commit() { return versions_->commit(); }
    void abort() noexcept {
        if (versions_) versions_->abort();
    }

    result<StoredFiles> open(const Version& version) { return versions_->open(version, {}); }
    result<void> remove(const Version& version) { return versions_->remove(version); }
    result<void> undo(const Version& version) { return versions_->undo(version); }

    /// The versions that exist, oldest first: those of this run, or of any run if this one has none.
    [[nodiscard]] std::vector<Version> versions(bool any_run) { return versions_->versions(any_run); }
    /// Adds metrics that came late to a version.
    result<void> annotate(const Version& version, const DynamicRow& metrics) {
        return versions_->annotate(version, metrics);
    }
    /// How much room the store's disk has.
    [[nodiscard]] std::optional<std::uint64_t> free_bytes() const { return versions_->free_bytes(); }
    [[nodiscard]] bool is_held(const Version& version) const { return versions_->is_held(version); }
    void mark_best(const Version& version, const detail::Watched& by) { versions_->mark_best(version, by); }

  private:
    Share share_ = Share::files;
    std::unique_ptr<detail::VersionStore> versions_;
};

}  // namespace CAIRN_NAMESPACE
