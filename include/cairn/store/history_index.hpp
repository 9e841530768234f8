// SPDX-License-Identifier: MIT
#pragma once
// The index of a history: what each frame of packed rows has of each metric, so that a curve of any length is
// drawn without reading all of it. It can be lost: what it does not cover is read in the history.
//
//   file   "CAIRNIDX" · u32 version · u32 0
//   entry  u32 payload bytes · u32 CRC-32C of the payload · payload
//   payload u64 where the frame lies in the history · u32 its bytes · u32 its CRC-32C · u32 its ring
//          · u64, u64 where its stretch of that begins and ends · varint nodes · nodes
//   node   name (packed_frame.hpp) · u8 form, of NodeForm; then as that says
//          one    zigzag step, zigzag time in ms, each over that of the node before · value
//          many   varints: finite values, NaNs, infinities, restarts · zigzag least step, over that of
//                 the node before · varints over it: first, last, greatest step · zigzag least time in ms,
//                 over that of the node before · varint over it: greatest time · least, greatest, last
//                 finite value
//          a value is an f64, or an f32 if the form says so
//
// Little-endian.

#include <cairn/core/bytes.hpp>
#include <cairn/core/crc32c.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/byte_stream.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/packed.hpp>
#include <cairn/store/packed_frame.hpp>
#include <cairn/store/series_node.hpp>

#include <bit>
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

inline constexpr const char* index_file = "history.index";
inline constexpr std::string_view index_magic = "CAIRNIDX";
inline constexpr std::uint32_t index_version = 2;
inline constexpr std::size_t index_header_bytes = 16;

/// How a node stands in an entry.
struct NodeForm {
    static constexpr unsigned none = 0;    ///< it has no value
    static constexpr unsigned one = 1;     ///< it has one, a finite one
    static constexpr unsigned many = 2;    ///< any other
    static constexpr unsigned floats = 4;  ///< added, if its values are those of floats, bit for bit

    template <class = void>
    [[nodiscard]] static unsigned of(const SeriesNode& node) noexcept {
        if (node.count() == 0) return none;
        SeriesNode single;
        single.add(node.first_step, node.min_ms, node.last);
        const bool are_floats = is_single(node.min) && is_single(node.max) && is_single(node.last);
        return (single.finite == 1 && single == node ? one : many) + (are_floats ? floats : 0);
    }
};

/// Builds the payload of an entry.
template <class = void>
class BasicIndexEntry {
  public:
    /// Of a frame that has so many metrics, which are added next.
    void begin(const FramePlace& frame, std::size_t nodes) {
        bytes_.clear();
        names_.restart();
        step_ = ms_ = 0;
        ByteWriter out{bytes_};
        out.fixed(frame.at);
        out.fixed(frame.bytes);
        out.fixed(frame.crc);
        out.fixed(frame.ring);
        out.fixed(frame.from);
        out.fixed(frame.to);
        out.varint(nodes);
    }
    /// A metric that the frame names, in the order of their numbers; an empty node if it has no number of it.
    void add(std::uint32_t metric, std::string_view name, const SeriesNode& node) {
        ByteWriter out{bytes_};
        names_.put(out, metric, name);
        const unsigned form = NodeForm::of(node);
        out.byte(form);
        if (form == NodeForm::none) return;
        const bool is_one = (form & NodeForm::one) != 0;
        const auto over = [](std::int64_t value, std::int64_t base) {
            return static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(base);
        };
        if (!is_one) {
            for (const std::uint64_t count : {node.finite, node.nans, node.infinities, node.restarts})
                out.varint(count);
        }
        out.signed_varint(static_cast<std::int64_t>(over(node.min_step, step_)));
        if (!is_one) {
            for (const std::int64_t step : {node.first_step, node.last_step, node.max_step})
                out.varint(over(step, node.min_step));
        }
        out.signed_varint(static_cast<std::int64_t>(over(node.min_ms, ms_)));
        if (!is_one) out.varint(over(node.max_ms, node.min_ms));
        step_ = node.min_step;
        ms_ = node.min_ms;
        const double values[] = {node.min, node.max, node.last};
        for (std::size_t i = 0; i < (is_one ? 1U : 3U); ++i) {
            const double& value = values[i];
            if ((form & NodeForm::floats) != 0) {
                out.fixed(std::bit_cast<std::uint32_t>(static_cast<float>(value)));
            } else {
                out.fixed(std::bit_cast<std::uint64_t>(value));
            }
        }
    }
    [[nodiscard]] std::span<const std::byte> payload() const noexcept { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
    BasicNameWriter<> names_;
    std::int64_t step_ = 0, ms_ = 0;  // least of the last node that has values
};
using IndexEntry = BasicIndexEntry<>;

/// The frame that an entry is of; the nodes follow in it.
template <class = void>
[[nodiscard]] FramePlace frame_of_entry(ByteReader& from) noexcept {
    FramePlace frame;
    frame.at = from.fixed<std::uint64_t>();
    frame.bytes = from.fixed<std::uint32_t>();
    frame.crc = from.fixed<std::uint32_t>();
    frame.ring = from.fixed<std::uint32_t>();
    frame.from = from.fixed<std::uint64_t>();
    frame.to = from.fixed<std::uint64_t>();
    return frame;
}

/// Walks the entries of an index; after damage there is no next one.
template <class = void>
class BasicIndexReader {
  public:
    explicit BasicIndexReader(std::span<const std::byte> file) noexcept : file_{file} {
        if (file.size() >= index_header_bytes &&
            std::memcmp(file.data(), index_magic.data(), index_magic.size()) == 0 &&
            get<std::uint32_t>(file.data() + 8) == index_version)
            at_ = index_header_bytes;
    }
    /// Whether it is an index of this version.
    [[nodiscard]] bool is_valid() const noexcept { return at_ != 0; }
    [[nodiscard]] std::size_t position() const noexcept { return at_; }

    bool next(std::span<const std::byte>& payload) noexcept {
        if (!is_valid() || file_.size() - at_ < 8) return false;
        const std::size_t bytes = get<std::uint32_t>(file_.data() + at_);
        if (bytes > file_.size() - at_ - 8) return false;
        payload = file_.subspan(at_ + 8, bytes);
        if (crc32c(payload) != get<std::uint32_t>(file_.data() + at_ + 4)) return false;
        at_ += 8 + bytes;
        return true;
    }

  private:
    std::span<const std::byte> file_;
    std::size_t at_ = 0;
};
using IndexReader = BasicIndexReader<>;

/// Appends entries. Fails as writing a file does; then the index ends there, and the history is read instead.
template <class = void>
class BasicIndexWriter {
  public:
    /// Opens the index of a history that has `whole_bytes`: entries of what lies behind them are cut.
    static result<BasicIndexWriter> open(const std::filesystem::path& path, std::uint64_t whole_bytes) {
        auto file = os::File::open_read_write(path);
        if (!file) return file.error();
        BasicIndexWriter writer{std::move(*file)};
        const auto size = writer.file_.size();
        if (!size) return size.error();
        std::vector<std::byte> bytes(static_cast<std::size_t>(*size));
        const auto read = writer.file_.read_at(0, writable_bytes_of(bytes));
        if (!read) return read.error();
        bytes.resize(*read);
        IndexReader reader{bytes};
        if (reader.is_valid()) {
            writer.end_ = reader.position();
            for (std::span<const std::byte> payload; reader.next(payload);) {
                ByteReader from{payload};
                const FramePlace frame = frame_of_entry(from);
                if (!from.ok() || frame.bytes > whole_bytes || frame.at > whole_bytes - frame.bytes) break;
                writer.end_ = reader.position();
            }
        } else {
            std::byte header[index_header_bytes] = {};
            std::memcpy(header, index_magic.data(), index_magic.size());
            put(header + index_magic.size(), index_version);
            if (auto written = writer.file_.write_at(0, header); !written) return written.error();
            writer.end_ = index_header_bytes;
        }
        if (auto cut = writer.file_.truncate(writer.end_); !cut) return cut.error();
        return writer;
    }

    result<void> append(const IndexEntry& entry) {
        const auto payload = entry.payload();
        buffer_.resize(8 + payload.size());
        put(buffer_.data(), static_cast<std::uint32_t>(payload.size()));
        put(buffer_.data() + 4, crc32c(payload));
        std::memcpy(buffer_.data() + 8, payload.data(), payload.size());
        auto written = file_.write_at(end_, buffer_);
        if (written) end_ += buffer_.size();
        return written;
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return end_; }
    /// Nothing can be appended any more.
    void close() noexcept { file_ = {}; }

  private:
    explicit BasicIndexWriter(os::File file) : file_{std::move(file)} {}

    os::File file_;
    std::uint64_t end_ = 0;
    std::vector<std::byte> buffer_;
};
using IndexWriter = BasicIndexWriter<>;

}  // namespace CAIRN_NAMESPACE::detail
