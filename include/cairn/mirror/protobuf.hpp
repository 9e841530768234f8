// SPDX-License-Identifier: MIT
#pragma once
// Messages of protobuf, field by field: what the formats of others are made of. Costs <vector>.

#include <cairn/core/bytes.hpp>
#include <cairn/store/byte_stream.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Appends the fields of a message.
class ProtoWriter {
  public:
    explicit ProtoWriter(std::vector<std::byte>& to) noexcept : out_{to} {}

    void varint(unsigned field, std::uint64_t value) {
        out_.varint(field << 3U);
        out_.varint(value);
    }
    void number(unsigned field, const double& value) {
        out_.varint(field << 3U | 1U);
        out_.fixed(std::bit_cast<std::uint64_t>(value));
    }
    void text(unsigned field, std::string_view value) {
        out_.varint(field << 3U | 2U);
        out_.varint(value.size());
        out_.text(value);
    }
    void message(unsigned field, std::span<const std::byte> value) {
        text(field, {reinterpret_cast<const char*>(value.data()), value.size()});
    }

  private:
    ByteWriter out_;
};

/// A field of a message.
struct ProtoField {
    std::uint64_t number = 0;
    unsigned wire = 0;        ///< 0 varint, 1 eight bytes, 2 `bytes`, 5 four bytes
    std::uint64_t value = 0;  ///< of the numbers
    std::span<const std::byte> bytes{};

    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
};

/// Calls `f(ProtoField)` for each field of a message. False if the bytes are none.
template <class F>
[[nodiscard]] bool each_field(std::span<const std::byte> message, F&& f) {
    ByteReader from{message};
    while (from.ok() && !from.rest().empty()) {
        const std::uint64_t key = from.varint();
        ProtoField field{key >> 3U, static_cast<unsigned>(key & 7U)};
        switch (field.wire) {
            case 0: field.value = from.varint(); break;
            case 1: field.value = from.fixed<std::uint64_t>(); break;
            case 2: {
                const std::uint64_t size = from.varint();
                if (size > from.rest().size()) return false;
                field.bytes = from.bytes(static_cast<std::size_t>(size));
                break;
            }
            case 5: field.value = from.fixed<std::uint32_t>(); break;
            default: return false;  // groups, which nobody writes
        }
        if (!from.ok() || field.number == 0) return false;
        f(std::as_const(field));
    }
    return from.ok();
}

}  // namespace CAIRN_NAMESPACE::detail
