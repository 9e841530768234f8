// SPDX-License-Identifier: MIT
#pragma once
// Numbers and texts as bytes, one after another: what formats are made of.

#include <cairn/core/bytes.hpp>
#include <cairn/store/record.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Appends to bytes.
template <class = void>
class BasicByteWriter {
  public:
    explicit BasicByteWriter(std::vector<std::byte>& to) noexcept : to_{&to} {}

    void byte(std::uint64_t value) { to_->push_back(static_cast<std::byte>(value)); }
    /// Seven bits a byte, lowest first; the highest bit says that more follow.
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7U) byte(value | 0x80U);
        byte(value);
    }
    /// Small where the value is near to 0.
    void signed_varint(std::int64_t value) {
        varint((static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63U));
    }
    template <class T>
    void fixed(T value) {
        const std::size_t at = to_->size();
        to_->resize(at + sizeof value);
        put(to_->data() + at, value);
    }
    void text(std::string_view value) {
        const auto bytes = bytes_of(value);
        to_->insert(to_->end(), bytes.data(), bytes.data() + bytes.size());
    }

  private:
    std::vector<std::byte>* to_;
};
using ByteWriter = BasicByteWriter<>;

/// Reads what a `ByteWriter` wrote, from bytes that may be damaged: past their end it reads zeros and is not
/// `ok`.
template <class = void>
class BasicByteReader {
  public:
    explicit BasicByteReader(std::span<const std::byte> from) noexcept : rest_{from} {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] std::span<const std::byte> rest() const noexcept { return rest_; }

    std::uint64_t byte() noexcept {
        const std::span<const std::byte> one = bytes(1);
        return one.empty() ? 0 : std::to_integer<std::uint64_t>(one[0]);
    }
    std::uint64_t varint() noexcept {
        if (!rest_.empty() && std::to_integer<unsigned>(rest_[0]) < 0x80) return byte();  // as most are
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 70; shift += 7) {
            const std::uint64_t next = byte();
            value |= shift < 64 ? (next & 0x7fU) << shift : 0;
            if (next < 0x80) return value;
        }
        ok_ = false;
        return 0;
    }
    std::int64_t signed_varint() noexcept {
        const std::uint64_t value = varint();
        return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
    }
    template <class T>
    T fixed() noexcept {
        const std::span<const std::byte> some = bytes(sizeof(T));
        return some.empty() ? T{} : get<T>(some.data());
    }
    /// The next `count` bytes; none if there are fewer.
    std::span<const std::byte> bytes(std::size_t count) noexcept {
        if (count > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const auto some = rest_.first(count);
        rest_ = rest_.subspan(count);
        return some;
    }

  private:
    std::span<const std::byte> rest_;
    bool ok_ = true;
};
using ByteReader = BasicByteReader<>;

}  // namespace CAIRN_NAMESPACE::detail
