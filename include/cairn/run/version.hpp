// SPDX-License-Identifier: MIT
#pragma once
// A committed version of a checkpoint, as a program sees it, and the bytes of its files.

#include <cairn/core/bytes.hpp>
#include <cairn/core/dynamic_row.hpp>
#include <cairn/core/name.hpp>
#include <cairn/policy/retention.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE {

struct Reservation;

/// What a sink is told when a version begins.
struct VersionInfo {
    std::string name;       ///< the checkpoint's
    std::string project{};  ///< of the run
    std::string run{};      ///< the run's id
    DynamicRow row{};       ///< the row that is saved: its step, its time and all of its metrics
    /// What the sink's `reserve` returned for this version; null for a sink that has none.
    const Reservation* reserved = nullptr;
};

/// A committed version: which one, of which row, where.
struct Version {
    std::uint64_t number = 0;      ///< counts up by one from version to version; `v3` is 3
    std::uint64_t bytes = 0;       ///< logical size of all its files
    DynamicRow row{};              ///< the row that was saved, with all of its metrics
    std::filesystem::path path{};  ///< the folder or file that shows it; empty if there is none

    /// The step of the row that was saved.
    [[nodiscard]] std::int64_t step() const noexcept { return row.step(); }
    /// "v3".
    [[nodiscard]] std::string label() const { return detail::version_label(number); }

    /// What a retention may know of it; refers to this version.
    [[nodiscard]] VersionFacts facts() const noexcept {
        return {number,
                row.step(),
                row.time_ns(),
                bytes,
                [](const void* source, std::string_view metric) {
                    return static_cast<const Version*>(source)->row.find(metric).reading();
                },
                this};
    }
};

/// A version that a sink promised before its bytes are written.
struct Reservation {
    Version version{};             ///< its number, and its path if there will be one
    std::shared_ptr<void> hold{};  ///< what the sink keeps for it until it is committed or given up
};

/// The files of a stored version: `find("model.safetensors")` gives its bytes, valid as long as this object.
template <class = void>
class BasicStoredFiles {
  public:
    /// Adds a file with all of its bytes.
    void add(std::string file, std::string bytes) {
        files_.insert_or_assign(std::move(file), std::move(bytes));
    }
    /// The file's bytes; nothing if there is no such file.
    [[nodiscard]] std::optional<std::span<const std::byte>> find(std::string_view file) const {
        const auto found = files_.find(file);
        if (found == files_.end()) return std::nullopt;
        return detail::bytes_of(found->second);
    }

  private:
    std::map<std::string, std::string, std::less<>> files_;
};
using StoredFiles = BasicStoredFiles<>;

}  // namespace CAIRN_NAMESPACE
