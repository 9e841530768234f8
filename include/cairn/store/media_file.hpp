// SPDX-License-Identifier: MIT
#pragma once
// The rich values of a run, one behind the other in one file. A value is found by its place; what was torn
// off or damaged is passed over.
//
//   file   "CAIRNMED" · u32 version · u32 0
//   entry  u32 "MEDI" · u32 CRC-32C of what follows up to the value · u32 bytes of the text · u32 CRC-32C of
//   the
//          value · u64 bytes of the value · text (JSON), filled up with zeros · value, filled up with zeros
//
// Little-endian; everything is a multiple of 8 bytes.

#include <cairn/core/bytes.hpp>
#include <cairn/core/crc32c.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

inline constexpr const char* media_file = "media.cairn";
inline constexpr std::string_view media_magic = "CAIRNMED";
inline constexpr std::string_view media_entry_magic = "MEDI";
inline constexpr std::uint32_t media_version = 1;
inline constexpr std::uint64_t media_header_bytes = 16;
inline constexpr std::size_t media_head_bytes = 24;  // of an entry, before its text
inline constexpr std::size_t most_media_text = std::size_t{1} << 20U;
inline constexpr std::uint64_t most_media_bytes = std::uint64_t{1} << 30U;

/// An entry without its value.
struct MediaEntry {
    std::string text;         ///< JSON
    std::uint64_t at = 0;     ///< where the entry begins in the file; it never moves
    std::uint64_t value = 0;  ///< where its value begins
    std::uint64_t bytes = 0;  ///< of the value
    std::uint32_t crc = 0;    ///< CRC-32C of the value
};

/// Walks the entries of a file as long as it is, without reading the values. Threads: one at a time.
template <class = void>
class BasicMediaReader {
  public:
    /// Fails: not_found; corrupt, if it is no such file; unsupported, if a newer version wrote it.
    static result<BasicMediaReader> open(const std::filesystem::path& path) {
        auto file = os::File::open_read(path);
        if (!file) return file.error();
        const auto size = file->size();
        if (!size) return size.error();
        BasicMediaReader reader{std::move(*file), *size};
        std::byte header[media_header_bytes] = {};
        const auto got = reader.file_.read_at(0, header);
        if (!got) return got.error();
        if (*got == 0) return reader;  // made, and then the writer died
        if (*got < sizeof header || std::memcmp(header, media_magic.data(), media_magic.size()) != 0) {
            return error{errc::corrupt, "this is no file of rich values", path.string(),
                         "restore it from a copy, or delete it"};
        }
        if (get<std::uint32_t>(header + 8) > media_version) {
            return error{errc::unsupported, "the rich values were written by a newer version of cairn",
                         path.string(), "read them with that version"};
        }
        return reader;
    }

    /// The next entry that is whole; false at the end. Fails: io.
    result<bool> next(MediaEntry& entry) {
        while (at_ + media_head_bytes <= size_) {
            const auto is_whole = parse(entry);
            if (!is_whole) return is_whole.error();
            if (*is_whole) {
                if (std::exchange(is_skipping_, false)) ++gaps_;
                at_ = end_ = entry.value + padded(static_cast<std::size_t>(entry.bytes));
                return true;
            }
            is_skipping_ = true;
            if (auto found = skip(); !found) return found.error();
        }
        return false;
    }
    /// The entry at a place that an earlier walk told. Fails: not_found, io.
    result<MediaEntry> entry_at(std::uint64_t at) {
        MediaEntry entry;
        at_ = at;
        const bool can_be =
            at >= media_header_bytes && at % 8 == 0 && at < size_ && size_ - at >= media_head_bytes;
        const auto is_whole = can_be ? parse(entry) : result<bool>{false};
        if (!is_whole) return is_whole.error();
        if (*is_whole) return entry;
        return error{errc::not_found, "no rich value begins there", std::to_string(at),
                     "take a place that was told"};
    }
    /// The value of an entry. Fails: corrupt, io.
    [[nodiscard]] result<std::string> read(const MediaEntry& entry) const {
        std::string bytes(static_cast<std::size_t>(entry.bytes), '\0');
        const auto got = file_.read_at(entry.value, writable_bytes_of(bytes));
        if (!got) return got.error();
        if (*got == bytes.size() && crc32c(bytes_of(bytes)) == entry.crc) return bytes;
        return error{errc::corrupt, "a rich value is damaged", file_.path().string(),
                     "the others can be read"};
    }

    /// Where the last whole entry ends: what follows is torn.
    [[nodiscard]] std::uint64_t whole_bytes() const noexcept { return end_; }
    /// Where entries begin that are longer than the file: they would be read if it grew.
    [[nodiscard]] const std::vector<std::uint64_t>& overlong() const noexcept { return overlong_; }
    /// Damaged stretches between whole entries.
    [[nodiscard]] std::size_t gaps() const noexcept { return gaps_; }
    /// Bytes of the file when it was opened.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return size_; }
    /// Goes on there, which an earlier reader's `whole_bytes` told.
    void go_on_from(std::uint64_t at) noexcept { at_ = end_ = std::max(at, media_header_bytes); }

  private:
    BasicMediaReader(os::File file, std::uint64_t size) : file_{std::move(file)}, size_{size} {}

    result<bool> parse(MediaEntry& entry) {
        std::byte head[media_head_bytes];
        const auto got = file_.read_at(at_, head);
        if (!got) return got.error();
        if (*got < sizeof head || std::memcmp(head, media_entry_magic.data(), media_entry_magic.size()) != 0)
            return false;
        const std::size_t text = get<std::uint32_t>(head + 8);
        const auto value = get<std::uint64_t>(head + 16);
        const std::uint64_t left = size_ - at_ - media_head_bytes;
        if (text > most_media_text || padded(text) > left || text > budget_) return false;
        std::vector<std::byte> whole(media_head_bytes + padded(text));
        const auto read = file_.read_at(at_, whole);
        if (!read) return read.error();
        if (*read < whole.size() ||
            crc32c(std::span{whole}.subspan(8)) != get<std::uint32_t>(whole.data() + 4)) {
            budget_ -= text;
            return false;
        }
        if (value > most_media_bytes || padded(static_cast<std::size_t>(value)) > left - padded(text)) {
            budget_ -= text;
            overlong_.push_back(at_);
            return false;
        }
        entry.text.assign(reinterpret_cast<const char*>(whole.data()) + media_head_bytes, text);
        entry.at = at_;
        entry.value = at_ + whole.size();
        entry.bytes = value;
        entry.crc = get<std::uint32_t>(head + 12);
        return true;
    }
    /// Goes to what may be the next entry.
    result<void> skip() {
        for (at_ += 8; at_ + media_head_bytes <= size_; at_ += 8) {
            if (at_ < piece_at_ || at_ - piece_at_ >= piece_.size()) {
                piece_.resize(std::size_t{64} << 10U);
                const auto got = file_.read_at(piece_at_ = at_, piece_);
                piece_.resize(got ? *got / 8 * 8 : 0);
                if (!got) return got.error();
                if (piece_.empty()) break;
            }
            if (std::memcmp(piece_.data() + (at_ - piece_at_), media_entry_magic.data(),
                            media_entry_magic.size()) == 0)
                return {};
        }
        at_ = size_;
        return {};
    }

    os::File file_;
    std::uint64_t size_;
    std::uint64_t at_ = media_header_bytes, end_ = media_header_bytes;
    std::vector<std::byte> piece_;  // of the file, in which the next entry is looked for
    std::uint64_t piece_at_ = 0;
    std::uint64_t budget_ = std::uint64_t{64} << 20U;  // of bytes of no whole entry, as of a hostile file
    std::vector<std::uint64_t> overlong_;
    std::size_t gaps_ = 0;
    bool is_skipping_ = false;
};
using MediaReader = BasicMediaReader<>;

/// Appends entries. One that cannot be written whole is taken back. Only for the run's one writer.
template <class = void>
class BasicMediaWriter {
  public:
    /// Goes on behind the last whole entry; makes the file if it is not there. Fails as the disk does, and on
    /// a file that is none of this kind.
    static result<BasicMediaWriter> open(const std::filesystem::path& path) {
        std::uint64_t end = media_header_bytes;
        std::vector<std::uint64_t> overlong;
        if (auto reader = MediaReader::open(path)) {
            MediaEntry entry;
            for (auto more = reader->next(entry); !more || *more; more = reader->next(entry)) {
                if (!more) return more.error();
            }
            end = reader->whole_bytes();
            overlong = reader->overlong();
        } else if (reader.error().code() != errc::not_found) {
            return reader.error();
        }
        auto file = os::File::open_read_write(path);
        if (!file) return file.error();
        BasicMediaWriter writer{std::move(*file), end};
        std::byte header[media_header_bytes] = {};
        std::memcpy(header, media_magic.data(), media_magic.size());
        put(header + media_magic.size(), media_version);
        if (auto written = writer.file_.write_at(0, header); !written) return written.error();
        if (auto cut = writer.file_.truncate(end); !cut) return cut.error();
        constexpr std::byte nothing[media_entry_magic.size()] = {};
        for (const std::uint64_t at : overlong) {
            if (at >= end) continue;  // cut off
            if (auto undone = writer.file_.write_at(at, nothing); !undone) return undone.error();
        }
        return writer;
    }

    /// Fails: invalid_argument, if it is larger than can be read; no_space, io.
    result<void> append(std::string_view text, std::span<const std::byte> value) {
        if (text.size() > most_media_text || value.size() > most_media_bytes) {
            return error{errc::invalid_argument, "a rich value is too large",
                         std::to_string(text.size()) + " bytes of text, " + std::to_string(value.size()) +
                             " of value",
                         "at most 1 MiB of text and 1 GiB of value"};
        }
        std::vector<std::byte> head(media_head_bytes + padded(text.size()));
        std::memcpy(head.data(), media_entry_magic.data(), media_entry_magic.size());
        put(head.data() + 8, static_cast<std::uint32_t>(text.size()));
        put(head.data() + 12, crc32c(value));
        put(head.data() + 16, static_cast<std::uint64_t>(value.size()));
        std::memcpy(head.data() + media_head_bytes, text.data(), text.size());
        put(head.data() + 4, crc32c(std::span<const std::byte>{head}.subspan(8)));
        const std::uint64_t value_at = end_ + head.size();
        // The value first: an entry whose head is there is whole, whenever the process dies.
        auto written = file_.write_at(value_at, value);
        constexpr std::byte zeros[8] = {};
        if (written) {
            const std::size_t fill = padded(value.size()) - value.size();
            written = file_.write_at(value_at + value.size(), {zeros, fill});
        }
        if (written) written = file_.write_at(end_, head);
        if (!written) {
            (void)file_.truncate(end_);  // if this fails too, readers pass over it
            return written;
        }
        end_ = value_at + padded(value.size());
        return {};
    }

    /// Bytes of the file.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return end_; }
    result<void> sync() { return file_.sync(); }

  private:
    BasicMediaWriter(os::File file, std::uint64_t end) : file_{std::move(file)}, end_{end} {}

    os::File file_;
    std::uint64_t end_;
};
using MediaWriter = BasicMediaWriter<>;

}  // namespace CAIRN_NAMESPACE::detail
