// SPDX-License-Identifier: MIT
#pragma once
// Objects: blobs named by their SHA-256, shared by all versions of a store that have the same bytes.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/sha256.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

/// What is wrong with an object, in the words of the version that needs it.
template <class = void>
[[nodiscard]] error object_missing(const os::Path& path) {
    return {errc::not_found, "an object of this version is missing", path.string(),
            "use another version, or restore the file from a copy of the store"};
}
template <class = void>
[[nodiscard]] error object_damaged(const os::Path& path) {
    return {errc::corrupt, "an object of this version is damaged: its bytes are not those that were saved",
            path.string(), "use another version, or restore the file from a copy of the store"};
}

/// Gives an object's bytes to `f` in pieces, and fails at the end if they are not those of the digest. Fails:
/// not_found, corrupt.
template <class F>
result<void> read_object(const Store& store, const std::string& digest, F&& f) {
    const os::Path path = store.object_path(digest);
    Sha256 hash;
    auto read =
        os::read_in_pieces(path, os::Links::refuse, [&](std::span<const std::byte> bytes) -> result<void> {
            hash.update(bytes);
            return f(bytes);
        });
    if (!read && read.error().path() != path.string()) return read;  // what `f` did with the bytes
    if (!read && read.error().code() == errc::not_found) return object_missing(path);
    // A link or a folder in an object's place is damage like any other.
    if (!read && read.error().code() != errc::invalid_argument) return read;
    if (read && hash.finish().hex() == digest) return read;
    return object_damaged(path);
}

/// Hashes the object of a digest. Fails: not_found, corrupt.
template <class = void>
[[nodiscard]] result<void> verify_object(const Store& store, const std::string& digest) {
    return read_object(store, digest, [](std::span<const std::byte>) { return result<void>{}; });
}

}  // namespace detail

/// Bytes that lie whole in the store's `tmp/`, waiting for a commit; removed with this object if there is
/// none.
template <class = void>
class BasicStagedObject {
  public:
    /// For `BasicObjectWriter`.
    BasicStagedObject(Digest digest, std::uint64_t size, detail::TempPath temp, bool is_spare = false)
        : digest_{digest}, size_{size}, temp_{std::move(temp)}, is_spare_{is_spare} {}

    /// The SHA-256 of the bytes, which is the object's name.
    [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
    /// How many bytes.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// Where it lies until then.
    [[nodiscard]] const std::filesystem::path& temp_path() const noexcept { return temp_.path(); }
    /// Makes it durable where it lies, so that another process may install it. Fails: no_space, io.
    result<void> seal() {
        if (!is_spare_) return {};
        auto file = detail::os::File::open_read_write(temp_.path());
        if (!file) return file.error();
        if (auto sealed = file->set_read_only(); !sealed) return sealed;
        if (auto synced = file->sync(); !synced) return synced;
        is_spare_ = false;
        return file->close();
    }
    /// Another process installs or removes it.
    void hand_over() noexcept { temp_.keep(); }

    /// Puts the object where it belongs; one that is there already is read and shared, or, if it is damaged,
    /// replaced. True if there was none. Requires the store's lock.
    result<bool> install(const Store& store) {
        const std::filesystem::path path = store.object_path(digest_.hex());
        const auto there = detail::os::status(path, detail::os::Links::refuse);
        if (!there) return there.error();
        if (there->is_file && there->size == size_) {
            if (is_spare_) return false;
            const auto whole = detail::verify_object(store, digest_.hex());
            if (whole) return false;
            if (whole.error().code() != errc::corrupt) return whole.error();
        }
        if (auto sealed = seal(); !sealed) return sealed.error();
        const std::filesystem::path folder = path.parent_path();
        if (auto made = detail::make_dirs_durably(folder, store.durability()); !made) return made.error();
        if (auto moved = detail::os::rename_replace(temp_.path(), path); !moved) return moved.error();
        temp_.keep();
        const bool is_new = !there->exists;
        if (store.durability() == Durability::process_crash) return is_new;
        if (auto synced = detail::os::sync_dir(folder); !synced) {
            if (is_new) (void)detail::os::remove_file(path);  // not durable: as if it had never come
            return synced.error();
        }
        return is_new;
    }

  private:
    Digest digest_;
    std::uint64_t size_;
    detail::TempPath temp_;
    bool is_spare_;  // the store had it, whole, when it was staged: it is not durable
};
using StagedObject = BasicStagedObject<>;

namespace detail {

/// Hashes beside whatever its owner does, on a thread of its own that starts with the first of much. One
/// thread for all pieces: a new one for each is put on the writer's processor first, and costs a quarter of
/// the speed. It sleeps by bells: `std::atomic::wait` of GCC 12 loses a wakeup where there is no futex.
template <class = void>
class BasicHashing {
  public:
    BasicHashing() = default;
    BasicHashing(const BasicHashing&) = delete;
    BasicHashing& operator=(const BasicHashing&) = delete;
    ~BasicHashing() {
        wait();
        if (has_thread()) tell(Turn::end);
    }

    /// Begins with bytes, which must stay until `wait` has returned.
    void begin(std::span<const std::byte> bytes) {
        constexpr std::size_t worth_a_thread = std::size_t{1} << 20U;
        if (bytes.size() < worth_a_thread || (!has_thread() && !start())) return hash_.update(bytes);
        bytes_ = bytes;
        tell(Turn::hash);
    }
    void wait() noexcept {
        if (has_thread()) await(Turn::hash, helper_->rested);
    }
    /// Of all bytes. Requires that none are being hashed.
    [[nodiscard]] Digest finish() { return hash_.finish(); }

  private:
    enum class Turn : int { rest, hash, end };
    struct Helper {
        os::Bell told, rested;  // the thread's, the owner's
        os::Thread thread;      // last: it is joined before the rest goes
    };

    /// Not in the child of a fork.
    [[nodiscard]] bool has_thread() const noexcept { return helper_ && helper_->thread.is_running(); }
    /// With new bells: in the child of a fork somebody who is gone sleeps by the old ones.
    [[nodiscard]] bool start() {
        helper_.emplace();
        turn_.store(Turn::rest, std::memory_order_relaxed);
        return helper_->thread.start(&run, this).has_value();
    }
    /// To the thread.
    void tell(Turn turn) noexcept {
        turn_.store(turn, std::memory_order_release);
        helper_->told.ring();
    }
    /// Until the turn is another, which a bell tells.
    Turn await(Turn past, os::Bell& bell) noexcept {
        for (;;) {
            if (const Turn now = turn_.load(std::memory_order_acquire); now != past) return now;
            bell.wait();
        }
    }
    static void* run(void* self) noexcept {
        auto& mine = *static_cast<BasicHashing*>(self);
        while (mine.await(Turn::rest, mine.helper_->told) == Turn::hash) {
            mine.hash_.update(mine.bytes_);
            mine.turn_.store(Turn::rest, std::memory_order_release);
            mine.helper_->rested.ring();
        }
        return nullptr;
    }

    Sha256 hash_;
    std::span<const std::byte> bytes_;
    std::atomic<Turn> turn_{Turn::rest};
    std::optional<Helper> helper_;  // last: its thread is joined before the rest goes
};
using Hashing = BasicHashing<>;

}  // namespace detail

/// Writes one object, hashing on the way, both at once if there is much. What is not finished is removed.
template <class = void>
class BasicObjectWriter {
  public:
    /// A new temporary in the store. Fails: no_space, permission.
    static result<BasicObjectWriter> create(const Store& store) {
        detail::TempPath temp{store.new_temp_path()};
        auto file = detail::os::File::create_new(temp.path());
        if (!file) return file.error();
        return BasicObjectWriter{std::move(temp), std::move(*file), store};
    }

    /// Appends bytes; a failure is kept, and `finish` has it too. Fails: no_space, io.
    result<void> write(std::span<const std::byte> bytes) {
        if (failed_) return *failed_;
        size_ += bytes.size();
        const struct Hashed {  // also if an error's text finds no memory: the bytes are the caller's
            detail::Hashing& hash;
            ~Hashed() { hash.wait(); }
        } hashed{*hash_};
        hash_->begin(bytes);
        result<void> written = file_.write_all(bytes);
        if (!written) failed_ = written.error();
        return written;
    }

    /// The object, under its temporary name: durable and read-only, unless the store has it already, whole.
    /// Fails: as the first `write` that failed, too.
    result<StagedObject> finish() {
        if (failed_) return *failed_;
        const Digest digest = hash_->finish();
        const auto there = detail::os::status(store_.object_path(digest.hex()), detail::os::Links::refuse);
        if (there && there->is_file && there->size == size_ && detail::verify_object(store_, digest.hex())) {
            if (auto closed = file_.close(); !closed) return closed.error();
            return StagedObject{digest, size_, std::move(temp_), true};
        }
        if (auto sealed = file_.set_read_only(); !sealed) return sealed.error();
        if (store_.durability() == Durability::power_loss) {
            if (auto synced = file_.sync(); !synced) return synced.error();
        }
        if (auto closed = file_.close(); !closed) return closed.error();
        return StagedObject{digest, size_, std::move(temp_)};
    }

  private:
    BasicObjectWriter(detail::TempPath temp, detail::os::File file, Store store)
        : temp_{std::move(temp)}, file_{std::move(file)}, store_{std::move(store)} {}

    detail::TempPath temp_;
    detail::os::File file_;
    Store store_;
    std::unique_ptr<detail::Hashing> hash_ = std::make_unique<detail::Hashing>();
    std::uint64_t size_ = 0;
    std::optional<error> failed_;
};
using ObjectWriter = BasicObjectWriter<>;

/// Stages bytes, or a copy of a file, as an object.
template <class = void>
result<StagedObject> stage_bytes(const Store& store, std::span<const std::byte> bytes) {
    auto writer = ObjectWriter::create(store);
    if (!writer) return writer.error();
    if (auto written = writer->write(bytes); !written) return written.error();
    return writer->finish();
}
/// Stages a copy of a file. Fails: not_found, no_space, permission.
template <class = void>
result<StagedObject> stage_file(const Store& store, const std::filesystem::path& path) {
    auto writer = ObjectWriter::create(store);
    if (!writer) return writer.error();
    auto copied =
        detail::os::read_in_pieces(path, detail::os::Links::follow,
                                   [&](std::span<const std::byte> bytes) { return writer->write(bytes); });
    if (!copied) return copied.error();
    return writer->finish();
}

}  // namespace CAIRN_NAMESPACE
