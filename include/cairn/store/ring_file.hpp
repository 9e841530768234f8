// SPDX-License-Identifier: MIT
#pragma once
// The ring files of a run as a reader sees them: what they still hold, copied while their writer may go on.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/read_number.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/ring.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The folder of a run that holds its ring files.
inline constexpr const char* journal_folder = "journal";
inline constexpr std::string_view ring_suffix = ".ring";
/// What `recover_history` appends to the name of a ring file that is no ring any more: kept, never read.
inline constexpr std::string_view damaged_suffix = ".damaged";

/// The name of a ring's file.
template <class = void>
[[nodiscard]] std::string ring_file_name(std::uint32_t id) {
    return std::to_string(id) + std::string{ring_suffix};
}

/// The number that a ring file's name begins with, be it damaged or not: no other ring may have it.
template <class = void>
[[nodiscard]] std::optional<std::uint32_t> ring_of_file(std::string_view name) noexcept {
    if (name.ends_with(damaged_suffix)) name.remove_suffix(damaged_suffix.size());
    if (!name.ends_with(ring_suffix)) return std::nullopt;
    name.remove_suffix(ring_suffix.size());
    const auto id = whole_number<std::uint32_t>(name);
    const bool is_one = id && *id <= most_rings && (name.size() == 1 || !name.starts_with('0'));
    return is_one ? id : std::nullopt;
}

/// What a ring file still holds: a copy, so that its writer may go on.
struct RingRest {
    std::uint32_t id = 0;
    std::uint64_t from = 0;
    std::vector<std::byte> bytes;
    bool after_memory = false;  // its writer's process has rows that come before these
};

/// Copies what the file of ring `id` has not released yet. Safe while it is written: what the writer releases
/// during the copy is dropped from it, and is in the history by then. A file that never became a ring is an
/// empty one, and so is one that its writer has just removed. Fails: corrupt, unsupported, permission, io.
template <class = void>
[[nodiscard]] result<RingRest> copy_ring(const std::filesystem::path& path, std::uint32_t id,
                                         unsigned attempts = 3) {
    RingRest rest{id, 0, {}, false};
    auto file = os::File::open_read(path);
    if (!file && file.error().code() == errc::not_found) return rest;
    if (!file) return file.error();
    // The head is read before the data and the tail once more after it: what lies between is whole. With the
    // tail comes whether there is memory before it, which is in the history if there is none now.
    std::vector<std::byte> bytes(ring_file_bytes);
    const auto read = file->read_at(0, writable_bytes_of(bytes));
    if (!read) return read.error();
    alignas(RingHeader) std::byte head[sizeof(RingHeader)];
    std::memcpy(head, bytes.data(), sizeof head);
    const auto* header = reinterpret_cast<const RingHeader*>(head);
    const auto corrupt = [&](const char* why) {
        return error{errc::corrupt, std::string{"the newest rows of this run cannot be read: "} + why,
                     path.string(), "restore the file from a copy, or go on without them"};
    };
    // Its writer was killed before it wrote the magic, which comes last.
    if (std::all_of(header->magic, std::end(header->magic), [](char c) { return c == 0; })) return rest;
    if (std::memcmp(header->magic, RingHeader::expected_magic, sizeof header->magic) != 0)
        return corrupt("this is no ring");
    if (header->version > RingHeader::current_version ||
        header->byte_order != RingHeader::expected_byte_order) {
        return error{errc::unsupported,
                     "the newest rows of this run were written by a newer version of cairn or a machine of "
                     "another byte order",
                     path.string(), "resume the run with that version, on such a machine"};
    }
    if (!header->is_valid() || header->id != id || *read != ring_header_bytes + header->capacity)
        return corrupt("the file is cut or its head is damaged");
    const std::uint64_t from = header->tail.load(std::memory_order_relaxed);
    const std::uint64_t to = header->head.load(std::memory_order_relaxed);
    std::byte later[16];
    const auto reread = file->read_at(offsetof(RingHeader, tail), later);
    if (!reread) return reread.error();
    if (to < from && attempts > 1) return copy_ring<>(path, id, attempts - 1);  // just moved to another place
    static_assert(offsetof(RingHeader, after_memory) == offsetof(RingHeader, tail) + 8);
    std::uint64_t released = 0, after_memory = 0;
    std::memcpy(&released, later, sizeof released);
    std::memcpy(&after_memory, later + 8, sizeof after_memory);
    const bool is_of_records = (from | to | released) % 8 == 0;  // whose sizes are multiples of it
    if (*reread != sizeof later || to < from || to - from > header->capacity || released < from ||
        !is_of_records)
        return corrupt("its positions are none that a ring can have");
    rest.after_memory = after_memory != 0;
    rest.from = std::min(released, to);
    rest.bytes.resize(static_cast<std::size_t>(to - rest.from));
    const auto capacity = static_cast<std::size_t>(header->capacity);  // an older version's is smaller
    for (std::size_t i = 0; i < rest.bytes.size();) {
        const std::size_t offset = static_cast<std::size_t>(rest.from + i) & (capacity - 1);
        const std::size_t piece = std::min(rest.bytes.size() - i, capacity - offset);
        std::memcpy(rest.bytes.data() + i, bytes.data() + ring_header_bytes + offset, piece);
        i += piece;
    }
    return rest;
}

}  // namespace CAIRN_NAMESPACE::detail
