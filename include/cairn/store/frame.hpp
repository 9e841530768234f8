// SPDX-License-Identifier: MIT
#pragma once
// The history file: append-only frames, each with its length and CRC-32C, so a torn tail is cut and damage in
// the middle costs no more than its frame. A frame is a stretch of one ring: a fold of the rings counts no
// row twice. Readable while it is written.
//
//   file   "CAIRNHST" · u32 version · u32 0
//   frame  u32 "FRAM", "ROWS" or "PACK" · u32 payload bytes · u32 CRC-32C of what follows it · u32 ring
//          · u64 from · u64 to · payload
//   FRAM   records (record.hpp)
//   ROWS   varint names · names (packed_frame.hpp) · varint bytes · block (row_block.hpp). The names
//          are those that the stretch defines or uses: it can be read alone.
//   PACK   the same with whole names, which version 2 wrote
//
// Little-endian; a payload is filled up with zeros to a multiple of 8 bytes, `from` and `to` are the ring's
// positions.

#include <cairn/core/bytes.hpp>
#include <cairn/core/crc32c.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/ring.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

inline constexpr const char* history_file = "history.cairn";
inline constexpr std::string_view history_magic = "CAIRNHST";
inline constexpr std::uint32_t history_version = 3;
inline constexpr std::size_t history_header_bytes = 16;
inline constexpr std::uint64_t max_history_bytes = std::uint64_t{1} << 40U;
inline constexpr std::size_t frame_header_bytes = 32;
/// More than a whole ring takes.
inline constexpr std::size_t max_frame_bytes = std::size_t{4} << 20U;

enum class FrameKind : std::uint32_t {
    records = 0x4d415246,      // "FRAM"
    packed = 0x53574f52,       // "ROWS"
    whole_names = 0x4b434150,  // "PACK"
};

struct Frame {
    FrameKind kind = FrameKind::records;
    std::uint32_t ring = 0;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::span<const std::byte> payload;

    /// Whether it has rows column by column.
    [[nodiscard]] bool is_packed() const noexcept {
        return kind == FrameKind::packed || kind == FrameKind::whole_names;
    }
    [[nodiscard]] bool is_valid() const noexcept { return kind == FrameKind::records || is_packed(); }
};

/// Where a frame lies in the history.
struct FramePlace {
    std::uint64_t at = 0;
    std::uint32_t bytes = 0;  ///< with its header
    std::uint32_t crc = 0;    ///< as its header has it
    std::uint32_t ring = 0;   ///< whose stretch it is
    std::uint64_t from = 0;   ///< where that begins
    std::uint64_t to = 0;     ///< and ends
};

/// What the head of a frame says; without the payload.
template <class = void>
[[nodiscard]] Frame frame_head(const std::byte* head) noexcept {
    return {FrameKind{get<std::uint32_t>(head)},
            get<std::uint32_t>(head + 12),
            get<std::uint64_t>(head + 16),
            get<std::uint64_t>(head + 24),
            {}};
}
template <class = void>
[[nodiscard]] std::uint32_t frame_crc(const std::byte* head) noexcept {
    return get<std::uint32_t>(head + 8);
}

/// Walks the frames of a history that may be torn or damaged. After damage it goes on at the next whole
/// frame.
template <class = void>
class BasicFrameReader {
  public:
    /// Of the whole file, or of its part from a frame on, which begins at `from` in `file`.
    explicit BasicFrameReader(std::span<const std::byte> file,
                              std::size_t from = history_header_bytes) noexcept
        : file_{file}, at_{from}, end_{from}, budget_{(std::uint64_t{64} << 20U) + 8 * file.size()} {}

    bool next(Frame& frame) noexcept {
        while (at_ + frame_header_bytes <= file_.size() && budget_ != 0) {
            if (parse(frame)) {
                at_ += frame_header_bytes + frame.payload.size();
                if (skipping_) ++gaps_;
                skipping_ = false;
                end_ = at_;
                return true;
            }
            skipping_ = true;
            at_ += 8;  // frames are multiples of 8 bytes
        }
        return false;
    }

    /// Where `frame`, the one that was read last, lies in a file in which ours begins at `base`.
    [[nodiscard]] FramePlace place(const Frame& frame, std::uint64_t base = 0) const noexcept {
        const std::size_t bytes = frame_header_bytes + frame.payload.size(), at = end_ - bytes;
        return {base + at,
                static_cast<std::uint32_t>(bytes),
                frame_crc(file_.data() + at),
                frame.ring,
                frame.from,
                frame.to};
    }
    /// Where the last whole frame ends: what follows is a torn tail.
    [[nodiscard]] std::size_t whole_bytes() const noexcept { return end_; }
    /// The header of the frame that a torn tail begins with, without its payload; false if there is none.
    [[nodiscard]] bool torn(Frame& frame) const noexcept {
        if (file_.size() - end_ < frame_header_bytes) return false;
        frame = frame_head(file_.data() + end_);
        return frame.is_valid();
    }
    /// Damaged stretches between whole frames.
    [[nodiscard]] std::size_t gaps() const noexcept { return gaps_; }

  private:
    bool parse(Frame& frame) noexcept {
        const std::byte* head = file_.data() + at_;
        const Frame read = frame_head(head);
        if (!read.is_valid()) return false;
        const std::size_t bytes = get<std::uint32_t>(head + 4);
        if (bytes % 8 != 0 || bytes > max_frame_bytes || bytes > file_.size() - at_ - frame_header_bytes ||
            read.ring > most_rings)
            return false;
        if (crc32c(file_.subspan(at_ + 12, frame_header_bytes - 12 + bytes)) != frame_crc(head)) {
            budget_ -= std::min<std::uint64_t>(budget_, frame_header_bytes + bytes);
            return false;
        }
        frame = read;
        frame.payload = file_.subspan(at_ + frame_header_bytes, bytes);
        return true;
    }

    std::span<const std::byte> file_;
    std::size_t at_, end_;
    std::uint64_t budget_;  // of bytes under wrong checksums: a hostile file must not keep us for hours
    std::size_t gaps_ = 0;
    bool skipping_ = false;
};
using FrameReader = BasicFrameReader<>;

/// Appends frames. A frame that cannot be written whole is taken back.
template <class = void>
class BasicHistoryWriter {
  public:
    /// Opens the history for appending after its first `whole_bytes`; 0 makes a new one.
    static result<BasicHistoryWriter> open(const std::filesystem::path& path, std::size_t whole_bytes) {
        auto file = os::File::open_read_write(path);
        if (!file) return file.error();
        BasicHistoryWriter writer{std::move(*file)};
        // Also of one that an older version began: from here on it has what that does not know.
        std::byte header[history_header_bytes] = {};
        std::memcpy(header, history_magic.data(), history_magic.size());
        put(header + history_magic.size(), history_version);
        if (auto written = writer.file_.write_at(0, header); !written) return written.error();
        writer.end_ = std::max(whole_bytes, history_header_bytes);
        if (auto cut = writer.file_.truncate(writer.end_); !cut) return cut.error();
        return writer;
    }

    /// Appends a frame; its payload is filled up to a multiple of 8 bytes, and at most `max_frame_bytes`.
    result<FramePlace> append(const Frame& frame) {
        const std::size_t bytes = padded(frame.payload.size());
        if (bytes > max_frame_bytes) {
            return error{errc::invalid_argument, "a frame of the history would be larger than can be read",
                         "", "report this as a defect of cairn"};
        }
        buffer_.assign(frame_header_bytes + bytes, std::byte{0});
        std::byte* head = buffer_.data();
        put(head, static_cast<std::uint32_t>(frame.kind));
        put(head + 4, static_cast<std::uint32_t>(bytes));
        put(head + 12, frame.ring);
        put(head + 16, frame.from);
        put(head + 24, frame.to);
        if (!frame.payload.empty())
            std::memcpy(head + frame_header_bytes, frame.payload.data(), frame.payload.size());
        put(head + 8, crc32c(bytes_of(buffer_).subspan(12)));
        auto written = file_.write_at(end_, buffer_);
        if (!written) {
            (void)file_.truncate(end_);  // if this fails too, readers skip the torn frame
            return written.error();
        }
        const FramePlace place{
            end_,    static_cast<std::uint32_t>(buffer_.size()), frame_crc(head), frame.ring, frame.from,
            frame.to};
        end_ += buffer_.size();
        return place;
    }

    /// Bytes of the file.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return end_; }
    result<void> sync() { return file_.sync(); }
    /// Nothing can be appended any more.
    void close() noexcept { file_ = {}; }

  private:
    explicit BasicHistoryWriter(os::File file) : file_{std::move(file)} {}

    os::File file_;
    std::uint64_t end_ = 0;
    std::vector<std::byte> buffer_;
};
using HistoryWriter = BasicHistoryWriter<>;

}  // namespace CAIRN_NAMESPACE::detail
