// SPDX-License-Identifier: MIT
#pragma once
// A sink of plain files in a folder of one's own.

#include <cairn/checkpoint/sink.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/file_batch.hpp>
#include <cairn/store/os.hpp>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Writes each file of a version to a path made from a pattern:
/// `Directory{"checkpoints/{name}-{step}.{file}"}`. `{name}` is the checkpoint's, `{step}` the row's,
/// `{version}` counts from 0, `{run}` is the run's id, `{file}` the file ("model.safetensors"); the pattern
/// must hold `{file}`. A pattern with neither `{step}` nor `{version}` is a slot: each version replaces the
/// one before, which then cannot be restored. Files are written beside their place and renamed when all are
/// whole.
template <class = void>
class BasicDirectory {
  public:
    /// Throws `errc::invalid_argument` for a pattern without `{file}` or with an unknown field.
    explicit BasicDirectory(std::string pattern) : pattern_{std::move(pattern)} {
        if (pattern_.find("{file}") == std::string::npos) {
            detail::raise({errc::invalid_argument, "the pattern of a Directory sink has no {file}", pattern_,
                           "write for example \"checkpoints/{name}-{step}.{file}\""});
        }
        (void)expand("model.bin").value();
    }
    /// The same, from a path: `Directory{folder / "{step}.{file}"}`; braces in the folder are fields too.
    template <std::same_as<std::filesystem::path> Path>
    explicit BasicDirectory(const Path& pattern) : BasicDirectory{pattern.string()} {}

    /// The next number. One whose version fails is not given again.
    result<Reservation> reserve(const VersionInfo&) {
        Reservation reserved;
        reserved.version.number = next_++;
        return reserved;
    }
    result<void> begin(const VersionInfo& info) {
        abort();
        info_ = info;
        pending_ = {};
        pending_.row = info.row;
        pending_.number = info.reserved != nullptr ? info.reserved->version.number : next_++;
        return {};
    }

    result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        auto path = expand(file);
        if (!path) return path.error();
        if (written_.empty() || written_.back().file != file) written_.push_back({std::string{file}, *path});
        pending_.bytes += bytes.size();
        return batch_.write(*path, bytes);
    }

    result<Version> commit() {
        const auto placed = batch_.place();
        if (!placed) return placed.error();
        if (!written_.empty()) pending_.path = written_.front().path;
        for (auto& [number, earlier] : versions_) {
            for (const Written& file : written_) {
                if (!earlier.replaced_by && earlier.has(file.path)) earlier.replaced_by = pending_.number;
            }
        }
        versions_[pending_.number].files = std::exchange(written_, {});
        return std::move(pending_);
    }

    void abort() noexcept {
        batch_.clear();
        written_.clear();
    }

    /// Fails: unsupported, if a newer version was written to the same path; not_found, if the version was
    /// removed, or written by another process.
    result<StoredFiles> open(const Version& version) {
        const auto known = versions_.find(version.number);
        if (known == versions_.end()) {
            return error{errc::not_found, "this Directory sink has no such version", version.label(),
                         "cairn::load reads its files by their paths"};
        }
        if (known->second.replaced_by) {
            return error{errc::unsupported,
                         version.label() + " was written over by v" +
                             std::to_string(*known->second.replaced_by),
                         known->second.files.front().path.string(),
                         "give each version a path of its own, with {version} in the pattern"};
        }
        StoredFiles files;
        for (const Written& file : known->second.files) {
            auto bytes = detail::read_file(file.path, max_bytes);
            if (!bytes) return bytes.error();
            files.add(file.file, std::move(*bytes));
        }
        return files;
    }

    /// How much room there is where the files go.
    [[nodiscard]] std::optional<std::uint64_t> free_bytes() const {
        std::filesystem::path folder =
            std::filesystem::path{pattern_.substr(0, pattern_.find('{'))}.parent_path();
        auto free = detail::os::free_bytes(folder.empty() ? "." : folder);
        while (!free && folder.has_relative_path()) {
            folder = folder.parent_path();
            free = detail::os::free_bytes(folder.empty() ? "." : folder);
        }
        return free ? std::optional{*free} : std::nullopt;
    }
    result<void> remove(const Version& version) {
        const auto known = versions_.find(version.number);
        if (known == versions_.end()) return {};
        const std::vector<Written> files = std::move(known->second.files);
        versions_.erase(known);
        for (const Written& file : files) {
            if (is_used(file.path)) continue;  // a slot: a newer version lies there
            if (auto removed = detail::os::remove_file(file.path);
                !removed && removed.error().code() != errc::not_found) {
                return removed;
            }
        }
        return {};
    }

  private:
    struct Written {
        std::string file;
        std::filesystem::path path;
    };
    struct Stored {
        std::vector<Written> files{};
        std::optional<std::uint64_t> replaced_by{};

        [[nodiscard]] bool has(const std::filesystem::path& path) const {
            for (const Written& file : files) {
                if (file.path == path) return true;
            }
            return false;
        }
    };
    static constexpr std::uint64_t max_bytes = std::uint64_t{1} << 40U;

    [[nodiscard]] bool is_used(const std::filesystem::path& path) const {
        for (const auto& [number, stored] : versions_) {
            if (stored.has(path)) return true;
        }
        return false;
    }

    [[nodiscard]] result<std::filesystem::path> expand(std::string_view file) const {
        std::string out;
        for (std::size_t i = 0; i < pattern_.size();) {
            const std::size_t open = pattern_.find('{', i);
            out += pattern_.substr(i, open - i);
            if (open == std::string::npos) break;
            const std::size_t close = pattern_.find('}', open);
            const std::string field =
                close == std::string::npos ? "" : pattern_.substr(open + 1, close - open - 1);
            if (field == "name") {
                out += info_.name;
            } else if (field == "run") {
                out += info_.run;
            } else if (field == "step") {
                out += std::to_string(info_.row.step());
            } else if (field == "version") {
                out += std::to_string(pending_.number);
            } else if (field == "file") {
                out += file;
            } else {
                return error{errc::invalid_argument, "the pattern of a Directory sink has an unknown field",
                             pattern_, "use {name}, {run}, {step}, {version} and {file}"};
            }
            i = close + 1;
        }
        return std::filesystem::path{out};
    }

    std::string pattern_;
    VersionInfo info_;
    Version pending_;
    detail::PathBatch batch_;
    std::vector<Written> written_;
    std::map<std::uint64_t, Stored> versions_;
    std::uint64_t next_ = 0;
};
using Directory = BasicDirectory<>;

}  // namespace CAIRN_NAMESPACE
