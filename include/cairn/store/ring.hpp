// SPDX-License-Identifier: MIT
#pragma once
// The journal: one ring for each logging thread, in a memory-mapped file of the run's folder. What a commit
// has published is in the page cache, so killing the process loses none of it. One producer, one consumer.

#include <cairn/store/record.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>

namespace CAIRN_NAMESPACE::detail {

/// The first page of a ring file. Positions count bytes since the ring was made and never wrap; the data that
/// follows is used modulo `capacity`. Numbers are in the order of the machine that wrote it (`byte_order`
/// tells).
struct RingHeader {
    static constexpr char expected_magic[8] = {'C', 'A', 'I', 'R', 'N', 'R', 'N', 'G'};
    static constexpr std::uint32_t current_version = 1;
    static constexpr std::uint32_t expected_byte_order = 0x01020304;

    char magic[8];
    std::uint32_t version;
    std::uint32_t byte_order;
    std::uint64_t capacity;
    std::uint32_t id;
    // Each on its own cache line: the producer writes one, the consumer the other.
    alignas(64) std::atomic<std::uint64_t> head;
    alignas(64) std::atomic<std::uint64_t> tail;

    [[nodiscard]] bool is_valid() const noexcept;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(RingHeader) == 192);

inline constexpr std::size_t ring_header_bytes = 4096;
/// Fits the second-level cache beside a training loop's own data: a ring that leaves it costs four times as
/// much a row.
inline constexpr std::size_t ring_capacity = std::size_t{64} * 1024;
inline constexpr std::size_t ring_file_bytes = ring_header_bytes + ring_capacity;

inline bool RingHeader::is_valid() const noexcept {
    return std::memcmp(magic, expected_magic, sizeof magic) == 0 && version == current_version &&
           byte_order == expected_byte_order && capacity == ring_capacity;
}

/// A view of a ring in memory that outlives it. The producer calls `reserve` and `commit`, the consumer
/// `readable` and `release`; neither waits.
class Ring {
  public:
    Ring() = default;

    /// Makes a ring of `ring_file_bytes` zeroed bytes.
    static Ring create(std::byte* memory, std::uint32_t id) noexcept {
        auto* header = new (memory) RingHeader{};
        header->version = RingHeader::current_version;
        header->byte_order = RingHeader::expected_byte_order;
        header->capacity = ring_capacity;
        header->id = id;
        std::memcpy(header->magic, RingHeader::expected_magic, sizeof header->magic);
        return Ring{header, memory + ring_header_bytes};
    }

    [[nodiscard]] std::uint32_t id() const noexcept { return header_->id; }

    /// `bytes` (a multiple of 8, at most half the ring) to be written and committed; null if the ring is
    /// full.
    [[nodiscard]] std::byte* reserve(std::size_t bytes) noexcept {
        std::size_t offset = head_ & mask;
        const std::size_t to_end = ring_capacity - offset;
        const std::size_t skipped = bytes > to_end ? to_end : 0;
        const std::uint64_t end = head_ + skipped + bytes;
        if (end - tail_seen_ > ring_capacity) {
            tail_seen_ = header_->tail.load(std::memory_order_acquire);
            if (end - tail_seen_ > ring_capacity) return nullptr;
        }
        if (skipped != 0) {
            put_record(data_ + offset, skipped, RecordKind::padding);
            offset = 0;
        }
        reserved_end_ = end;
        return data_ + offset;
    }

    /// Publishes what was written since `reserve`. When this returns, a SIGKILL of the process loses none of
    /// it.
    void commit() noexcept {
        head_ = reserved_end_;
        header_->head.store(head_, std::memory_order_release);
        std::atomic_signal_fence(std::memory_order_seq_cst);  // a signal that comes now finds it stored
    }

    /// More than half of the ring waits for the consumer, as far as the producer knows without looking.
    [[nodiscard]] bool is_filling() const noexcept { return head_ - tail_seen_ > ring_capacity / 2; }
    /// Looks again.
    void refresh() noexcept { tail_seen_ = header_->tail.load(std::memory_order_acquire); }

    struct Readable {
        std::uint64_t from = 0;
        std::span<const std::byte> bytes;  // contiguous; call again after release for what wrapped
    };
    template <class = void>
    [[nodiscard]] Readable readable() const noexcept {
        const std::uint64_t from = header_->tail.load(std::memory_order_relaxed);
        const std::uint64_t to = header_->head.load(std::memory_order_acquire);
        const std::size_t offset = from & mask;
        const std::uint64_t waiting = to - from;
        const std::size_t to_end = ring_capacity - offset;
        const std::size_t size = waiting < to_end ? static_cast<std::size_t>(waiting) : to_end;
        return {from, std::span<const std::byte>{data_ + offset, size}};
    }
    void release(std::uint64_t to) noexcept { header_->tail.store(to, std::memory_order_release); }

  private:
    static constexpr std::size_t mask = ring_capacity - 1;
    static_assert((ring_capacity & mask) == 0);

    Ring(RingHeader* header, std::byte* data) noexcept : header_{header}, data_{data} {}

    RingHeader* header_ = nullptr;
    std::byte* data_ = nullptr;
    std::uint64_t head_ = 0;  // the producer's own copies: no shared line is read on the fast path
    std::uint64_t tail_seen_ = 0;
    std::uint64_t reserved_end_ = 0;
};

}  // namespace CAIRN_NAMESPACE::detail
