// SPDX-License-Identifier: MIT
#pragma once
// The versions of one artifact of a run's store, as checkpoints use them. What does it is in
// run_versions.hpp, which only the file that calls `init` instantiates.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/error.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/run/version.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/manifest.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Whole files named by their SHA-256, shared by versions that have the same content. One thread at a time.
class VersionStore {
  public:
    VersionStore() = default;
    VersionStore(const VersionStore&) = delete;
    VersionStore& operator=(const VersionStore&) = delete;
    virtual ~VersionStore() = default;

    /// The number of the next version. Threads: may be called while another one writes.
    virtual result<Reservation> reserve() const = 0;
    virtual result<void> begin(const VersionInfo& info) = 0;
    virtual result<void> write(std::string_view file, std::span<const std::byte> bytes) = 0;
    virtual result<Version> commit() = 0;
    /// The two halves of it: the files that were written, and a version of files.
    virtual result<std::vector<StagedFile>> stage() = 0;
    virtual result<Version> commit(std::vector<StagedFile> staged) = 0;
    virtual void abort() noexcept = 0;

    /// The files of a version; with a folder, those in it, by their names there.
    virtual result<StoredFiles> open(const Version& version, std::string_view folder) = 0;
    virtual result<void> remove(const Version& version) = 0;
    virtual result<void> undo(const Version& version) = 0;

    [[nodiscard]] virtual result<Manifest> manifest(const Version& version) const = 0;
    /// A version by its number. Fails: not_found, corrupt.
    [[nodiscard]] virtual result<Version> version(std::uint64_t number) const = 0;
    /// The versions that exist, oldest first: those of this run, or of any. Throws `cairn::error`.
    [[nodiscard]] virtual std::vector<Version> versions(bool any_run) = 0;

    /// Adds metrics that came late to a version.
    virtual result<void> annotate(const Version& version, const DynamicRow& metrics) = 0;
    /// Whether a version must stay for another reason than a retention: an alias names it, or it is being
    /// read.
    [[nodiscard]] virtual bool is_held(const Version& version) const = 0;
    /// How much room there is for it; nothing if the system does not tell.
    [[nodiscard]] virtual std::optional<std::uint64_t> free_bytes() const = 0;
    /// Makes `best` name a version, unless it names a better one already (of another run, say).
    virtual void mark_best(const Version& version, const Watched& by) = 0;
};

}  // namespace CAIRN_NAMESPACE::detail
