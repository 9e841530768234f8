// SPDX-License-Identifier: MIT
#pragma once
// Memory that is a file. What is written to a shared mapping is in the system's hands at once: killing the
// process loses none of it.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/detail/os_error.hpp>
#include <cairn/store/detail/os_file.hpp>
#include <cairn/store/detail/os_sys.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail::os {

/// Owns a mapping. Threads: as plain memory. Who shortens a mapped file from outside kills those who read it
/// (SIGBUS).
template <class = void>
class BasicMapping {
  public:
    BasicMapping() = default;
    BasicMapping(BasicMapping&& other) noexcept
        : memory_{std::exchange(other.memory_, {})}, writable_{other.writable_}, has_file_{other.has_file_} {}
    BasicMapping& operator=(BasicMapping&& other) noexcept {
        if (this != &other) {
            unmap();
            memory_ = std::exchange(other.memory_, {});
            writable_ = other.writable_;
            has_file_ = other.has_file_;
        }
        return *this;
    }
    ~BasicMapping() { unmap(); }

    /// A new file of `size` zeros, shared and writable. Its blocks are reserved first, so a full disk is an
    /// error here and not a SIGBUS later. Fails: already_exists, no_space; unsupported on another machine's
    /// disk, whose failures would be a SIGBUS too. Then there is no file.
    static result<BasicMapping> create_shared(const Path& path, std::size_t size);
    /// A whole existing file, to be read.
    static result<BasicMapping> open_read(const Path& path);
    /// Zeros that belong to no file; they die with the process.
    static result<BasicMapping> anonymous(std::size_t size) { return map(no_handle, {}, size, true); }

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return memory_; }
    /// The bytes to be changed; empty if the mapping is to be read only.
    [[nodiscard]] std::span<std::byte> writable() const noexcept {
        return writable_ ? memory_ : std::span<std::byte>{};
    }
    [[nodiscard]] std::size_t size() const noexcept { return memory_.size(); }
    /// Whether it has any memory.
    [[nodiscard]] explicit operator bool() const noexcept { return !memory_.empty(); }
    [[nodiscard]] bool has_file() const noexcept { return has_file_; }

    void unmap() noexcept {
        if (!memory_.empty()) sys::unmap(memory_.data(), memory_.size());
        memory_ = {};
    }

  private:
    static result<BasicMapping> map(Handle file, const Path& path, std::uint64_t size, bool writable) {
        BasicMapping out;
        out.writable_ = writable;
        out.has_file_ = file != no_handle;
        if (size == 0) return out;  // the system maps no empty range
        if (size > std::numeric_limits<std::size_t>::max()) return failure_of(EFBIG, "map", path);
        void* const at = sys::map(file, static_cast<std::size_t>(size), writable);
        if (at == nullptr) return failure("map", path);
        out.memory_ = {static_cast<std::byte*>(at), static_cast<std::size_t>(size)};
        return out;
    }
    static result<void> reserve(File& file, std::uint64_t from, std::uint64_t size);

    std::span<std::byte> memory_;
    bool writable_ = false;
    bool has_file_ = false;
};
using Mapping = BasicMapping<>;

template <class X>
result<void> BasicMapping<X>::reserve(File& file, std::uint64_t from, std::uint64_t size) {
    int number = EINTR;
    while (size != 0 && number == EINTR) number = sys::reserve(file.native_handle(), size);
    if (size == 0 || number == 0) return {};
    if (number != EOPNOTSUPP && number != EINVAL && number != ENOSYS) {
        return failure_of(number, "reserve " + std::to_string(size) + " bytes for", file.path());
    }
    static constexpr std::array<std::byte, 65536> zeros{};  // this file system reserves only by writing
    while (from < size) {
        const auto n = std::min<std::uint64_t>(zeros.size(), size - from);
        if (auto put = file.write_at(from, bytes_of(zeros).first(static_cast<std::size_t>(n))); !put)
            return put;
        from += n;
    }
    return {};
}

template <class X>
result<BasicMapping<X>> BasicMapping<X>::create_shared(const Path& path, std::size_t size) {
    auto file = File::create_new(path);
    if (!file) return file.error();
    auto reserved = sys::is_local(file->native_handle())
                        ? reserve(*file, 0, size)
                        : error{errc::unsupported, "map a file that lies on another machine", path.string(),
                                "set CAIRN_DIR to a disk of this machine"};
    auto mapping =
        reserved ? map(file->native_handle(), path, size, true) : result<Mapping>{reserved.error()};
    if (!mapping) sys::unlink(path.c_str());
    return mapping;
}

template <class X>
result<BasicMapping<X>> BasicMapping<X>::open_read(const Path& path) {
    const auto file = File::open_read(path);
    if (!file) return file.error();
    const auto size = file->size();
    if (!size) return size.error();
    return map(file->native_handle(), path, *size, false);
}

}  // namespace CAIRN_NAMESPACE::detail::os
