// SPDX-License-Identifier: MIT
#pragma once
// SHA-256 digests, which name the objects of a store. Uses the processor's SHA instructions where it has
// them (about 5 times faster). Costs <string>, <optional> and <span>.

#include <cairn/config.hpp>
#include <cairn/core/bytes.hpp>
#include <cairn/core/cpu.hpp>
#include <cairn/core/detail/sha256_arm.hpp>
#include <cairn/core/detail/sha256_block.hpp>
#include <cairn/core/detail/sha256_x86.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE {

namespace detail {

/// The compression function this processor runs fastest, and what to call it in a report.
struct Sha256Engine {
    void (*blocks)(Sha256State&, const std::byte*, std::size_t) noexcept;
    std::string_view name;
};

[[nodiscard]] inline Sha256Engine sha256_engine() noexcept {
#if defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__) &&                                  \
    (defined(__ARM_FEATURE_SHA2) || defined(__ARM_FEATURE_CRYPTO))
    return {&sha256_blocks_arm, "armv8"};
#elif defined(__x86_64__) && defined(__GNUC__)
    if (cpu().sha) return {&sha256_blocks_x86, "sha-ni"};
#endif
    return {&sha256_blocks_portable, "portable"};
}

[[nodiscard]] constexpr int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace detail

/// The 32 bytes of a SHA-256.
struct Digest {
    std::array<std::byte, 32> bytes{};  ///< the first byte of the digest first

    /// 64 lower-case hexadecimal digits.
    [[nodiscard]] std::string hex() const {
        constexpr std::string_view digits = "0123456789abcdef";
        std::string out;
        out.reserve(2 * bytes.size());
        for (const std::byte b : bytes) {
            out += digits[static_cast<unsigned char>(b) >> 4U];
            out += digits[static_cast<unsigned char>(b) & 15U];
        }
        return out;
    }

    /// The digest that `hex()` wrote; nothing if `text` is not exactly 64 lower-case hexadecimal digits.
    [[nodiscard]] static constexpr std::optional<Digest> from_hex(std::string_view text) noexcept {
        Digest out;
        if (text.size() != 2 * out.bytes.size()) return std::nullopt;
        for (std::size_t i = 0; i < out.bytes.size(); ++i) {
            const int high = detail::hex_digit(text[2 * i]);
            const int low = detail::hex_digit(text[2 * i + 1]);
            if (high < 0 || low < 0) return std::nullopt;
            out.bytes[i] = static_cast<std::byte>(high * 16 + low);
        }
        return out;
    }

    /// Whether all 32 bytes are equal.
    friend bool operator==(const Digest&, const Digest&) = default;
};

/// A SHA-256 of bytes that come in pieces. Threads: a value; one thread at a time. Cost: no allocation;
/// 0.5 to 2 GB/s with the processor's help, 0.2 to 0.4 GB/s without.
template <class = void>
class BasicSha256 {
  public:
    BasicSha256() noexcept : blocks_{detail::sha256_engine().blocks} {}

    /// Appends `data` to what is hashed.
    void update(std::span<const std::byte> data) noexcept {
        if (data.empty()) return;
        total_ += data.size();
        if (pending_ != 0) {
            data = data.subspan(fill(data));
            if (pending_ != buffer_.size()) return;
            blocks_(state_, buffer_.data(), 1);
            pending_ = 0;
        }
        const std::size_t whole = data.size() / buffer_.size();
        blocks_(state_, data.data(), whole);
        data = data.subspan(whole * buffer_.size());
        fill(data);
    }

    /// The digest of everything so far; the object then starts anew.
    [[nodiscard]] Digest finish() noexcept {
        const std::uint64_t bits = total_ * 8;
        std::array<std::byte, detail::sha256_block_bytes + 8> tail{std::byte{0x80}};
        const std::size_t zeros = (buffer_.size() + 55 - pending_) % buffer_.size();
        for (std::size_t i = 0; i < 8; ++i)
            tail[1 + zeros + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
        update(detail::bytes_of(tail).first(1 + zeros + 8));

        Digest out;
        for (std::size_t i = 0; i < out.bytes.size(); ++i) {
            out.bytes[i] = static_cast<std::byte>(state_.word[i / 4] >> (24 - 8 * (i % 4)));
        }
        *this = BasicSha256{};
        return out;
    }

  private:
    /// Moves what fits into the buffer and says how much that was.
    std::size_t fill(std::span<const std::byte> data) noexcept {
        const std::size_t room = buffer_.size() - pending_;
        const std::size_t taken = data.size() < room ? data.size() : room;
        for (std::size_t i = 0; i < taken; ++i) buffer_[pending_ + i] = data[i];
        pending_ += taken;
        return taken;
    }

    void (*blocks_)(detail::Sha256State&, const std::byte*, std::size_t) noexcept;
    detail::Sha256State state_;
    std::array<std::byte, detail::sha256_block_bytes> buffer_{};
    std::size_t pending_ = 0;
    std::uint64_t total_ = 0;
};
using Sha256 = BasicSha256<>;

/// The SHA-256 of `data`.
template <class = void>
[[nodiscard]] Digest sha256(std::span<const std::byte> data) noexcept {
    Sha256 hash;
    hash.update(data);
    return hash.finish();
}

}  // namespace CAIRN_NAMESPACE
