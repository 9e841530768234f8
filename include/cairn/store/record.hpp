// SPDX-License-Identifier: MIT
#pragma once
// The records that travel through a ring and lie in the history: rows and the names they use. One encoding
// for both, so that whoever opens a crashed run reads the ring as it reads the file. Little-endian, multiples
// of 8 bytes.
//
//   record  u32 bytes (whole, multiple of 8) · u8 kind · u8 flags · u16 0
//   row     record · u32 cells · u32 0 · i64 step · i64 time_ns · cells × cell
//   event   the same as a row: what a run decided, between the rows of the thread that decided it
//   cell    u32 metric id · u8 value kind · u8[3] 0 · u64 (integer, double's bits, or text length) · text
//           padded to 8 bytes
//   name    record · u32 metric id · u32 length · bytes, padded

#include <cairn/core/time.hpp>
#include <cairn/core/value.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big,
              "cairn: a machine of mixed endianness");

/// `value` in the order of bytes on disk, and back.
template <class T>
[[nodiscard]] constexpr T little_endian(T value) noexcept {
    if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1) {
        T swapped = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            swapped =
                static_cast<T>(static_cast<T>(swapped << 8U) | static_cast<T>((value >> (8U * i)) & 0xffU));
        }
        return swapped;
    } else {
        return value;
    }
}

template <class T>
std::byte* put(std::byte* to, T value) noexcept {
    value = little_endian(value);
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

template <class T>
[[nodiscard]] T get(const std::byte* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return little_endian(value);
}

[[nodiscard]] constexpr std::size_t padded(std::size_t bytes) noexcept {
    return (bytes + 7U) & ~std::size_t{7};
}

/// `sample`: as a row, but of the machine and not of the program.
enum class RecordKind : std::uint8_t { padding = 0, row = 1, name = 2, event = 3, sample = 4 };
/// Whether its numbers are values of series.
[[nodiscard]] constexpr bool has_series(RecordKind kind) noexcept {
    return kind == RecordKind::row || kind == RecordKind::sample;
}
/// What the name of a sample begins with.
inline constexpr std::string_view system_prefix = "system/";

/// A row or event that is larger than a record may be goes into several that follow each other in their ring:
/// all but the last continue, all but the first are continued.
inline constexpr std::uint8_t row_continues = 1;
inline constexpr std::uint8_t row_is_continued = 2;

inline constexpr std::size_t record_header_bytes = 8;
inline constexpr std::size_t row_header_bytes = record_header_bytes + 24;
inline constexpr std::size_t cell_bytes = 16;
/// A metric's text is cut to this many bytes.
inline constexpr std::size_t max_text_bytes = 1024;
inline constexpr std::size_t max_metric_name_bytes = 512;

[[nodiscard]] constexpr std::size_t cell_size(const Value& value) noexcept {
    return cell_bytes + padded(value.text().size());
}

inline std::byte* put_record(std::byte* to, std::size_t bytes, RecordKind kind,
                             std::uint8_t flags = 0) noexcept {
    to = put(to, static_cast<std::uint32_t>(bytes));
    return put(to, static_cast<std::uint32_t>(static_cast<std::uint32_t>(kind) | std::uint32_t{flags} << 8U));
}

inline std::byte* put_row_header(std::byte* to, std::size_t bytes, RecordKind kind, std::uint8_t flags,
                                 std::size_t cells, std::int64_t step, std::int64_t time_ns) noexcept {
    to = put_record(to, bytes, kind, flags);
    to = put(to, static_cast<std::uint64_t>(cells));
    to = put(to, static_cast<std::uint64_t>(step));
    return put(to, static_cast<std::uint64_t>(time_ns));
}

inline std::byte* put_cell_head(std::byte* to, std::uint32_t id, Value::Kind kind) noexcept {
    return put(put(to, id), static_cast<std::uint32_t>(kind));
}

template <class = void>
std::byte* put_text_cell(std::byte* to, std::uint32_t id, std::string_view text) noexcept {
    to = put_cell_head(to, id, Value::Kind::text);
    to = put(to, static_cast<std::uint64_t>(text.size()));
    const std::size_t room = padded(text.size());
    if (room != 0) {
        std::memset(to + room - 8, 0, 8);  // the padding, before the text covers what is its own
        std::memcpy(to, text.data(), text.size());
    }
    return to + room;
}

/// Small, so that a row of numbers is a few stores where it is logged.
inline std::byte* put_cell(std::byte* to, std::uint32_t id, const Value& value) noexcept {
    if (value.is_text()) return put_text_cell(to, id, value.text());
    return put(put_cell_head(to, id, value.kind()), value.bits());
}

[[nodiscard]] constexpr std::size_t name_record_size(std::string_view name) noexcept {
    return record_header_bytes + 8 + padded(name.size());
}

template <class = void>
void put_name(std::byte* to, std::uint32_t id, std::string_view name) noexcept {
    const std::size_t bytes = name_record_size(name);
    std::byte* at = put_record(to, bytes, RecordKind::name);
    at = put(at, static_cast<std::uint64_t>(id) | static_cast<std::uint64_t>(name.size()) << 32U);
    if (!name.empty()) {
        std::memset(to + bytes - 8, 0, 8);
        std::memcpy(at, name.data(), name.size());
    }
}

/// One cell as it is read: the metric's id and its value (a text points into the record).
struct Cell {
    std::uint32_t metric = 0;
    Value value;
};

/// Reads records one after the other from bytes that may be damaged: it stops at what cannot be one.
template <class = void>
class BasicRecordReader {
  public:
    explicit BasicRecordReader(std::span<const std::byte> bytes) noexcept : rest_{bytes} {}

    struct Record {
        RecordKind kind{};
        std::uint8_t flags = 0;
        std::span<const std::byte> body;  // after the record's header
    };

    /// The next record; false at the end or at bytes that are no record (then `damaged()`).
    bool next(Record& record) noexcept {
        if (rest_.empty()) return false;
        if (rest_.size() < record_header_bytes) return stop();
        const std::size_t bytes = get<std::uint32_t>(rest_.data());
        const std::uint32_t tag = get<std::uint32_t>(rest_.data() + 4);
        constexpr auto last_kind = static_cast<std::uint32_t>(RecordKind::sample);
        if (bytes < record_header_bytes || bytes % 8 != 0 || bytes > rest_.size() ||
            (tag & 0xffU) > last_kind)
            return stop();
        record = {static_cast<RecordKind>(tag & 0xffU), static_cast<std::uint8_t>(tag >> 8U),
                  rest_.subspan(record_header_bytes, bytes - record_header_bytes)};
        rest_ = rest_.subspan(bytes);
        return true;
    }

    [[nodiscard]] bool damaged() const noexcept { return damaged_; }
    /// How many bytes follow the record that was read last.
    [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

  private:
    bool stop() noexcept {
        damaged_ = true;
        rest_ = {};
        return false;
    }
    std::span<const std::byte> rest_;
    bool damaged_ = false;
};
using RecordReader = BasicRecordReader<>;

/// How many rows end in these records.
template <class = void>
[[nodiscard]] std::uint64_t count_rows(std::span<const std::byte> records) noexcept {
    std::uint64_t rows = 0;
    RecordReader reader{records};
    for (RecordReader::Record record; reader.next(record);)
        rows += record.kind == RecordKind::row && (record.flags & row_continues) == 0 ? 1U : 0U;
    return rows;
}

/// A name record's content; false if it is damaged.
template <class = void>
bool read_name(std::span<const std::byte> body, std::uint32_t& id, std::string_view& name) noexcept {
    if (body.size() < 8) return false;
    const auto head = get<std::uint64_t>(body.data());
    const auto size = static_cast<std::size_t>(head >> 32U);
    if (size > max_metric_name_bytes || size > body.size() - 8) return false;
    id = static_cast<std::uint32_t>(head);
    name = {reinterpret_cast<const char*>(body.data()) + 8, size};
    return true;
}

/// Appends the cells of a row record; false if it is damaged (cells before the damage are there).
template <class Cells>
CAIRN_INLINE bool read_row(std::span<const std::byte> body, std::int64_t& step, std::int64_t& time_ns,
                           Cells& to) {
    if (body.size() < row_header_bytes - record_header_bytes) return false;
    const auto cells = get<std::uint64_t>(body.data());
    step = static_cast<std::int64_t>(get<std::uint64_t>(body.data() + 8));
    time_ns = whole_ms(static_cast<std::int64_t>(get<std::uint64_t>(body.data() + 16)));
    body = body.subspan(24);
    for (std::uint64_t i = 0; i < cells; ++i) {
        if (body.size() < cell_bytes) return false;
        const auto head = get<std::uint64_t>(body.data());
        const auto bits = get<std::uint64_t>(body.data() + 8);
        body = body.subspan(cell_bytes);
        // Made where it stays: a copy waits for the stores of its parts.
        auto& cell = to.emplace_back();
        cell.metric = static_cast<std::uint32_t>(head);
        const auto kind = static_cast<Value::Kind>((head >> 32U) & 0xffU);
        if (kind == Value::Kind::number) [[likely]] {
            cell.value = Value{std::bit_cast<double>(bits)};
        } else if (kind == Value::Kind::text && bits <= body.size()) {
            const auto size = static_cast<std::size_t>(bits);
            cell.value = Value{std::string_view{reinterpret_cast<const char*>(body.data()), size}};
            body = body.subspan(padded(size) <= body.size() ? padded(size) : body.size());
        } else if (kind == Value::Kind::integer || kind == Value::Kind::natural ||
                   kind == Value::Kind::boolean) {
            cell.value = Value::from_integer_bits(kind, bits);
        } else {
            to.pop_back();
            return false;
        }
    }
    return true;
}

}  // namespace CAIRN_NAMESPACE::detail
