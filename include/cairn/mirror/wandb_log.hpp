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
#include <cairn/store/os.hpp>
#include <cairn/store/packed.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
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

}  // namespace CAIRN_NAMESPACE::detail
