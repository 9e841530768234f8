// SPDX-License-Identifier: MIT
#pragma once
// An open file: interrupted calls are repeated, short writes continued, and every failure names its path.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/detail/os_error.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail::os {

/// Whether a symbolic link at the end of a path stands for its target.
enum class Links : unsigned char { follow, refuse };

/// Owns a handle: closed when it goes, never inherited by an executed program. Threads: one at a time.
template <class = void>
class BasicFile {
  public:
    BasicFile() = default;
    BasicFile(BasicFile&& other) noexcept
        : handle_{std::exchange(other.handle_, no_handle)}, path_{std::move(other.path_)} {}
    BasicFile& operator=(BasicFile&& other) noexcept {
        if (this != &other) {
            drop();
            handle_ = std::exchange(other.handle_, no_handle);
            path_ = std::move(other.path_);
        }
        return *this;
    }
    ~BasicFile() { drop(); }

    /// An existing regular file, to be read. A folder, a pipe or a device is refused, and never waited for.
    static result<BasicFile> open_read(const Path& path, Links links = Links::follow);
    /// A file that did not exist, to be written. Fails: already_exists.
    static result<BasicFile> create_new(const Path& path) {
        return open(path, {.read = true, .write = true, .create = true, .must_be_new = true}, "create");
    }
    /// A file to be read and written; made if it is not there. A link that somebody put there is refused
    /// unless the path is the caller's own choice: what is written must not go out of a store.
    static result<BasicFile> open_read_write(const Path& path, Links links = Links::refuse) {
        return open(path, {.read = true, .write = true, .create = true, .follow = links == Links::follow},
                    "open");
    }
    /// A file that grows at its end, whoever else writes to it; made if it is not there. No link.
    static result<BasicFile> open_append(const Path& path) {
        return open(path, {.write = true, .create = true, .append = true, .follow = false}, "open");
    }

    /// Writes all of `bytes`, or says why not; what was written before a failure stays in the file.
    result<void> write_all(std::span<const std::byte> bytes) {
        return put(bytes,
                   [this](const std::byte* from, std::size_t n) { return sys::write(handle_, from, n); });
    }
    result<void> write_text(std::string_view text) { return write_all(bytes_of(text)); }
    /// The same at a place, without moving where `write_all` goes on.
    result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
        return put(bytes, [this, &offset](const std::byte* from, std::size_t n) {
            const auto done = sys::pwrite(handle_, from, n, offset);
            if (done > 0) offset += static_cast<std::uint64_t>(done);
            return done;
        });
    }
    /// Reads at most `to.size()` bytes; 0 at the end of the file.
    [[nodiscard]] result<std::size_t> read_some(std::span<std::byte> to) {
        const auto got = sys::retry([&] { return sys::read(handle_, to.data(), chunk(to.size())); });
        if (got < 0) return failure("read", path_);
        return static_cast<std::size_t>(got);
    }
    /// Fills `to` from a place, less only at the end of the file.
    [[nodiscard]] result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const;
    /// The rest of the file. Fails: corrupt if it is longer than `max` bytes.
    [[nodiscard]] result<std::string> read_all(std::uint64_t max);

    [[nodiscard]] result<std::uint64_t> size() const {
        FileStatus info;
        if (sys::fstat(handle_, info) != 0) return failure("look at", path_);
        return info.size;
    }
    result<void> truncate(std::uint64_t size) {
        if (sys::retry([&] { return sys::ftruncate(handle_, size); }) != 0) return failure("resize", path_);
        return {};
    }
    /// Makes it read-only for everybody (the open handle still writes).
    result<void> set_read_only() {
        if (sys::set_read_only(handle_) != 0) return failure("make read-only", path_);
        return {};
    }
    /// Waits until the bytes are on the disk. Cost: milliseconds.
    result<void> sync() {
        if (sys::retry([&] { return sys::fsync(handle_); }) != 0) return failure("sync", path_);
        return {};
    }
    /// Closes it and tells what only closing finds out (a quota on a network disk).
    result<void> close() {
        if (handle_ == no_handle) return {};
        // Not repeated after EINTR: the handle is gone, and its number may be another file's by then.
        if (sys::close(std::exchange(handle_, no_handle)) != 0 && errno != EINTR)
            return failure("close", path_);
        return {};
    }

    [[nodiscard]] bool is_open() const noexcept { return handle_ != no_handle; }
    [[nodiscard]] const Path& path() const noexcept { return path_; }
    [[nodiscard]] Handle native_handle() const noexcept { return handle_; }

  private:
    BasicFile(Handle handle, Path path) : handle_{handle}, path_{std::move(path)} {}

    static result<BasicFile> open(const Path& path, sys::Opening how, std::string_view tried) {
        const Handle handle = sys::retry([&] { return sys::open(path.c_str(), how); });
        if (handle < 0) return failure(tried, path);
        return BasicFile{handle, path};
    }
    // Some systems refuse a call for more than 2 GiB.
    static std::size_t chunk(std::size_t n) noexcept { return n < (1U << 30U) ? n : (1U << 30U); }

    template <class Write>
    result<void> put(std::span<const std::byte> bytes, Write write) {
        while (!bytes.empty()) {
            const auto done = sys::retry([&] { return write(bytes.data(), chunk(bytes.size())); });
            if (done < 0) return failure("write", path_);
            if (done == 0) return failure_of(ENOSPC, "write", path_);
            bytes = bytes.subspan(static_cast<std::size_t>(done));
        }
        return {};
    }
    void drop() noexcept {
        if (handle_ != no_handle) sys::close(std::exchange(handle_, no_handle));
    }

    Handle handle_ = no_handle;
    Path path_;
};
using File = BasicFile<>;

template <class X>
result<BasicFile<X>> BasicFile<X>::open_read(const Path& path, Links links) {
    auto file = open(path, {.read = true, .follow = links == Links::follow}, "open");
    if (!file) return file;
    FileStatus info;
    if (sys::fstat(file->handle_, info) != 0) return failure("look at", path);
    if (!info.is_file) {
        return error{errc::invalid_argument, "cannot read what is not a regular file", path.string(),
                     "put a regular file there"};
    }
    return file;
}

template <class X>
result<std::size_t> BasicFile<X>::read_at(std::uint64_t offset, std::span<std::byte> to) const {
    std::size_t done = 0;
    while (done < to.size()) {
        const auto rest = to.subspan(done);
        const auto got =
            sys::retry([&] { return sys::pread(handle_, rest.data(), chunk(rest.size()), offset + done); });
        if (got < 0) return failure("read", path_);
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

template <class X>
result<std::string> BasicFile<X>::read_all(std::uint64_t max) {
    const auto expected = size();
    if (!expected) return expected.error();
    const auto too_long = [&] {
        return error{errc::corrupt,
                     "the file is longer than the " + std::to_string(max) + " bytes it can have",
                     path_.string(), "restore it from a copy, or remove it"};
    };
    if (*expected > max) return too_long();
    // One byte more than expected, so that the end is seen without growing; files in /proc say 0.
    std::string text(static_cast<std::size_t>(*expected) + 1, '\0');
    std::size_t used = 0;
    while (true) {
        if (used == text.size()) text.resize(text.size() * 2 + 4096);
        const auto got = read_some(writable_bytes_of(text).subspan(used));
        if (!got) return got.error();
        if (*got == 0) break;
        used += *got;
        if (used > max) return too_long();
    }
    text.resize(used);
    return text;
}

/// The text of a file that the kernel makes up; empty if there is none.
template <class = void>
[[nodiscard]] std::string kernel_file(const std::string& path) {
    auto file = File::open_read(path);
    auto text = file ? file->read_all(std::size_t{1} << 20U) : result<std::string>{error{}};
    return text ? std::move(*text) : std::string{};
}

}  // namespace CAIRN_NAMESPACE::detail::os
