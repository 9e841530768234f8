// SPDX-License-Identifier: MIT
#pragma once
// Several files that become visible together: as objects of a store, or at paths of their own.

#include <cairn/core/error.hpp>
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/detail/tensor_cuts.hpp>
#include <cairn/store/object.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/share.hpp>
#include <cairn/store/store.hpp>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Files written one after the other, piece by piece, into a store's temporaries. What is not finished is
/// removed.
template <class = void>
class BasicObjectBatch {
  public:
    explicit BasicObjectBatch(Share share = Share::files) : share_{share} {}

    result<void> write(const Store& store, std::string_view file, std::span<const std::byte> bytes) {
        if (!cuts_ || file != file_) {
            if (auto closed = close(); !closed) return closed;
            file_ = file;
            cuts_.emplace(share_ == Share::tensors ? file : std::string_view{});
        }
        do {  // an empty file is one, too
            if (!writer_) {
                auto writer = ObjectWriter::create(store);
                if (!writer) return writer.error();
                writer_.emplace(std::move(*writer));
            }
            const std::size_t count = cuts_->take(bytes);
            if (auto written = writer_->write(bytes.first(count)); !written) return written;
            bytes = bytes.subspan(count);
            if (cuts_->is_due()) {
                if (auto cut = end_object(); !cut) return cut;
            }
        } while (!bytes.empty());
        return {};
    }

    /// The files, durable and ready to be committed; the batch is empty again.
    result<std::vector<StagedFile>> finish() {
        if (auto closed = close(); !closed) return closed.error();
        return std::exchange(staged_, {});
    }

    void clear() noexcept {
        writer_.reset();
        cuts_.reset();
        staged_.clear();
        objects_.clear();
    }

  private:
    result<void> end_object() {
        if (!writer_) return {};
        auto object = writer_->finish();
        writer_.reset();
        if (!object) return object.error();
        objects_.push_back(std::move(*object));
        return {};
    }
    result<void> close() {
        if (auto ended = end_object(); !ended) return ended;
        cuts_.reset();
        if (objects_.empty()) return {};
        StagedFile file{file_, std::move(objects_.front())};
        objects_.erase(objects_.begin());
        file.rest = std::exchange(objects_, {});
        staged_.push_back(std::move(file));
        return {};
    }

    Share share_;
    std::vector<StagedFile> staged_;
    // Of the file that is being written:
    std::string file_;
    std::optional<TensorCuts> cuts_;
    std::vector<StagedObject> objects_;
    std::optional<ObjectWriter> writer_;
};
using ObjectBatch = BasicObjectBatch<>;

/// Files written one after the other beside their places, and renamed when all of them are whole.
template <class = void>
class BasicPathBatch {
  public:
    result<void> write(const std::filesystem::path& path, std::span<const std::byte> bytes) {
        if (files_.empty() || files_.back().path != path) {
            if (auto closed = close(); !closed) return closed;
            const std::filesystem::path folder = folder_of(path);
            if (auto made = os::make_dirs(folder); !made) return made;
            TempPath temp{folder / ("." + temp_name())};
            auto created = os::File::create_new(temp.path());
            if (!created) return created.error();
            file_ = std::move(*created);
            files_.push_back({std::move(temp), path});
        }
        return file_.write_all(bytes);
    }

    /// Puts the files in their places, durably. Fails: as the disk does; then those not yet renamed are
    /// removed.
    result<std::vector<std::filesystem::path>> place() {
        std::vector<std::filesystem::path> placed;
        result<void> done = close();
        for (File& file : files_) {
            if (done) done = os::rename_replace(file.temp.path(), file.path);
            if (!done) break;
            file.temp.keep();
            placed.push_back(file.path);
            done = os::sync_dir(folder_of(file.path));
        }
        files_.clear();
        if (!done) return done.error();
        return placed;
    }

    void clear() noexcept {
        file_ = os::File{};
        files_.clear();
    }

  private:
    struct File {
        TempPath temp;
        std::filesystem::path path;
    };

    static std::filesystem::path folder_of(const std::filesystem::path& path) {
        return path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
    }
    result<void> close() {
        if (!file_.is_open()) return {};
        if (auto synced = file_.sync(); !synced) return synced;
        return file_.close();
    }

    os::File file_;
    std::vector<File> files_;
};
using PathBatch = BasicPathBatch<>;

}  // namespace CAIRN_NAMESPACE::detail
