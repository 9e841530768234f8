// SPDX-License-Identifier: MIT
#pragma once
// A stretch of rows of one shape as it lies in a ring: compared as words, and read column by column, with no
// cell made of each value.

#include <cairn/core/value.hpp>
#include <cairn/store/record.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace CAIRN_NAMESPACE::detail {

/// The first eight bytes of a cell in a record, as one number.
[[nodiscard]] constexpr std::uint64_t cell_head(std::uint32_t metric, Value::Kind kind) noexcept {
    return metric | static_cast<std::uint64_t>(kind) << 32U;
}
/// Rows of one kind and of the same metrics with values of the same kinds, none of them a text, as they
/// follow each other in a ring.
struct AlikeRows {
    RecordKind kind{};
    std::size_t cells = 0;  ///< of each row
    std::span<const std::byte> bytes{};

    [[nodiscard]] std::size_t row_bytes() const noexcept { return row_header_bytes + cells * cell_bytes; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes.size() / row_bytes(); }
    [[nodiscard]] std::int64_t step(std::size_t row) const noexcept {
        return static_cast<std::int64_t>(word(row, 16));
    }
    [[nodiscard]] std::int64_t time_ns(std::size_t row) const noexcept {
        return static_cast<std::int64_t>(word(row, 24));
    }
    [[nodiscard]] std::uint32_t metric(std::size_t cell) const noexcept {
        return static_cast<std::uint32_t>(head(cell));
    }
    [[nodiscard]] std::uint64_t bits(std::size_t row, std::size_t cell) const noexcept {
        return word(row, row_header_bytes + cell * cell_bytes + 8);
    }
    [[nodiscard]] Value value(std::size_t row, std::size_t cell) const noexcept {
        const auto of = static_cast<Value::Kind>(head(cell) >> 32U);
        if (of == Value::Kind::number) return Value{std::bit_cast<double>(bits(row, cell))};
        return Value::from_integer_bits(of, bits(row, cell));
    }

  private:
    [[nodiscard]] std::uint64_t word(std::size_t row, std::size_t at) const noexcept {
        return get<std::uint64_t>(bytes.data() + row * row_bytes() + at);
    }
    [[nodiscard]] std::uint64_t head(std::size_t cell) const noexcept {
        return word(0, row_header_bytes + cell * cell_bytes);
    }
};

/// The rows that `records` begins with, if their cells begin with `heads`, `most` at the most.
template <class Heads>
[[nodiscard]] AlikeRows alike_rows(std::span<const std::byte> records, RecordKind kind, const Heads& heads,
                                   std::size_t most) noexcept {
    AlikeRows rows{kind, heads.size()};
    const std::size_t size = rows.row_bytes();
    const std::uint64_t record = size | static_cast<std::uint64_t>(kind) << 32U;
    const std::byte* at = records.data();
    const auto is_one = [&] {
        if (get<std::uint64_t>(at) != record || get<std::uint64_t>(at + 8) != heads.size()) return false;
        const std::byte* cell = at + row_header_bytes;
        for (const std::uint64_t head : heads) {
            if (get<std::uint64_t>(cell) != head) return false;
            cell += cell_bytes;
        }
        return true;
    };
    std::size_t found = 0;
    for (std::size_t left = records.size(); found < most && left >= size && is_one(); left -= size)
        ++found, at += size;
    rows.bytes = records.first(found * size);
    return rows;
}

}  // namespace CAIRN_NAMESPACE::detail
