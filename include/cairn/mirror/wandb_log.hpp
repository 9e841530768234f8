// SPDX-License-Identifier: MIT
#pragma once
// The file in which W&B's client keeps a run that it has not sent yet: records one behind the other, in the
// framing of LevelDB's log. W&B reads them as messages of protobuf; here they are bytes.
//
//   file   ":W&B" · u16 0xBEE1 · u8 0 · chunks
//   chunk  u32 CRC-32 of the type and the bytes · u16 bytes · u8 type · bytes
//   type   1 a whole record · 2 its first, 3 a middle, 4 its last part
//
// Little-endian. Blocks of 32 KiB, counted from the file's begin: no chunk crosses their ends, and what is
// too short for a chunk's head is filled up with zeros.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/mirror/append_file.hpp>
#include <cairn/store/byte_stream.hpp>
#include <cairn/store/os.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// zlib's CRC-32, which is not the CRC-32C of our own files.
struct Crc32 {
    /// Appends bytes.
    constexpr void update(std::span<const std::byte> bytes) noexcept {
        for (const std::byte byte : bytes)
            state_ = state_ >> 8U ^ table[(state_ ^ std::to_integer<std::uint32_t>(byte)) & 0xffU];
    }
    /// Of all so far.
    [[nodiscard]] constexpr std::uint32_t value() const noexcept { return ~state_; }

  private:
    static constexpr auto table = [] {
        std::array<std::uint32_t, 256> out{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t value = i;
            for (int bit = 0; bit < 8; ++bit) value = value >> 1U ^ ((value & 1U) != 0 ? 0xedb88320U : 0);
            out[i] = value;
        }
        return out;
    }();
    std::uint32_t state_ = ~std::uint32_t{0};
};

inline constexpr std::array<std::byte, 7> wandb_header{std::byte{':'}, std::byte{'W'},  std::byte{'&'},
                                                       std::byte{'B'}, std::byte{0xe1}, std::byte{0xbe},
                                                       std::byte{0}};
inline constexpr std::size_t wandb_block_bytes = 32768, wandb_chunk_head_bytes = 7;

/// What part of a record a chunk has.
enum class WandbChunk : unsigned char { whole = 1, first, middle, last };

/// Appends records. Cost: keeps a MiB.
class WandbLogWriter {
  public:
    /// A new file. Fails: already_exists, or as the disk does.
    static result<WandbLogWriter> create(const os::Path& path) {
        auto file = AppendFile::create(path);
        if (!file) return file.error();
        file->buffer().assign(wandb_header.begin(), wandb_header.end());
        return WandbLogWriter{std::move(*file)};
    }
    /// See `AppendFile::go_on`.
    static result<WandbLogWriter> go_on(const os::Path& path, std::uint64_t bytes) {
        auto file = AppendFile::go_on(path, bytes);
        if (!file) return file.error();
        return WandbLogWriter{std::move(*file)};
    }

    /// Fails as the disk does.
    result<void> append(std::span<const std::byte> record) {
        for (bool is_first = true, is_last = false; !is_last; is_first = false) {
            std::size_t room = wandb_block_bytes - static_cast<std::size_t>(bytes() % wandb_block_bytes);
            if (room < wandb_chunk_head_bytes) {
                file_.buffer().resize(file_.buffer().size() + room);
                room = wandb_block_bytes;
            }
            const std::size_t size = std::min(record.size(), room - wandb_chunk_head_bytes);
            is_last = size == record.size();
            put_chunk(is_first ? (is_last ? WandbChunk::whole : WandbChunk::first)
                               : (is_last ? WandbChunk::last : WandbChunk::middle),
                      record.first(size));
            record = record.subspan(size);
        }
        return file_.settle();
    }
    /// Hands what is left to the system. Fails as the disk does.
    result<void> flush() { return file_.flush(); }
    /// Of the file, with what is not flushed.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return file_.bytes(); }

  private:
    explicit WandbLogWriter(AppendFile file) : file_{std::move(file)} {}

    void put_chunk(WandbChunk type, std::span<const std::byte> bytes) {
        const std::byte code{static_cast<unsigned char>(type)};
        Crc32 crc;
        crc.update({&code, 1});
        crc.update(bytes);
        std::vector<std::byte>& to = file_.buffer();
        ByteWriter out{to};
        out.fixed(crc.value());
        out.fixed(static_cast<std::uint16_t>(bytes.size()));
        to.push_back(code);
        to.insert(to.end(), bytes.begin(), bytes.end());
    }

    AppendFile file_;
};

/// Reads records, one after another. Cost: keeps a block, and a record.
class WandbLogReader {
  public:
    /// Fails: not_found, permission, io; corrupt, if it is no such file.
    static result<WandbLogReader> open(const os::Path& path) {
        auto file = os::File::open_read(path);
        if (!file) return file.error();
        WandbLogReader reader{std::move(*file)};
        if (auto read = reader.read_block(); !read) return read.error();
        const std::size_t size = std::min(reader.block_.size(), wandb_header.size());
        if (!std::equal(wandb_header.begin(), wandb_header.end(), reader.block_.begin(),
                        reader.block_.begin() + static_cast<std::ptrdiff_t>(size)))
            return reader.damaged("the head of the file");
        reader.at_ = wandb_header.size();
        return reader;
    }

    /// The next record, good until the next call; false at the end. Fails: corrupt, if the file is damaged or
    /// ends within a record; from there on nothing can be read.
    result<bool> next(std::span<const std::byte>& record) {
        record_.clear();
        for (bool is_in_record = false;;) {
            if (at_ + wandb_chunk_head_bytes > wandb_block_bytes) {
                from_ += wandb_block_bytes;
                at_ = 0;
                if (auto read = read_block(); !read) return read.error();
            }
            if (at_ == block_.size() && !is_in_record) return false;
            if (at_ + wandb_chunk_head_bytes > block_.size()) return ends_early();
            ByteReader head{std::span{std::as_const(block_)}.subspan(at_, wandb_chunk_head_bytes)};
            const auto crc = head.fixed<std::uint32_t>();
            const std::size_t size = head.fixed<std::uint16_t>();
            const auto code = head.fixed<std::uint8_t>();
            const std::size_t begin = at_ + wandb_chunk_head_bytes;
            if (code == 0 || begin + size > wandb_block_bytes) return damaged("the head of a record's part");
            if (begin + size > block_.size()) return ends_early();
            const auto bytes = std::span{std::as_const(block_)}.subspan(begin, size);
            Crc32 sum;
            sum.update(std::span{std::as_const(block_)}.subspan(begin - 1, 1 + size));
            if (sum.value() != crc) return damaged("a record");
            at_ = begin + size;
            const auto type = static_cast<WandbChunk>(code);
            const bool is_begin = type == WandbChunk::whole || type == WandbChunk::first;
            const bool is_known = code >= 1 && code <= static_cast<unsigned>(WandbChunk::last);
            if (!is_known || is_begin == is_in_record)
                return damaged("a record, which has no begin or no end");
            is_in_record = true;
            record_.insert(record_.end(), bytes.begin(), bytes.end());
            if (type != WandbChunk::whole && type != WandbChunk::last) continue;
            record = record_;
            return true;
        }
    }
    /// For a record that is no message.
    [[nodiscard]] error damaged(const char* what) const {
        return {errc::corrupt,
                std::string{what} + " at byte " + std::to_string(from_ + at_) + " of this file is damaged",
                file_.path().string(), "what lies before it was read; restore the file from a copy"};
    }

  private:
    explicit WandbLogReader(os::File file) : file_{std::move(file)} {}

    /// The block at `from_`, as much of it as there is.
    result<void> read_block() {
        block_.resize(wandb_block_bytes);
        const auto got = file_.read_at(from_, block_);
        if (!got) return got.error();
        block_.resize(*got);
        return {};
    }
    [[nodiscard]] error ends_early() const {
        return {errc::corrupt, "this file ends within a record, at byte " + std::to_string(from_ + at_),
                file_.path().string(), "what lies before it was read; its program may be writing still"};
    }

    os::File file_;
    std::vector<std::byte> block_, record_;
    std::uint64_t from_ = 0;  // where the block begins
    std::size_t at_ = 0;      // in it
};

}  // namespace CAIRN_NAMESPACE::detail
