// SPDX-License-Identifier: MIT
#pragma once
// The journal: one ring for each logging thread, in a memory-mapped file of the run's folder. What a commit
// has published is in the page cache, so killing the process loses none of it. One producer, one consumer.

#include <cairn/store/record.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
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
    std::atomic<std::uint64_t> after_memory;  // 1 while rows before these lie in plain memory only

    [[nodiscard]] bool is_valid() const noexcept;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(RingHeader) == 192);

/// The greatest number that a ring may have.
inline constexpr std::uint32_t most_rings = 0x7fffffff;
inline constexpr std::size_t ring_header_bytes = 4096;
inline constexpr std::size_t ring_capacity = std::size_t{1024} * 1024;
inline constexpr std::size_t ring_file_bytes = ring_header_bytes + ring_capacity;
/// As much of a ring is used while the consumer keeps up: it fits the second-level cache beside a training
/// loop's own data, and a ring that leaves it costs four times as much a row.
inline constexpr std::size_t ring_window = std::size_t{64} * 1024;
/// With less room than this a ring is low.
inline constexpr std::size_t ring_reserve = ring_window / 4;

inline bool RingHeader::is_valid() const noexcept {
    return std::memcmp(magic, expected_magic, sizeof magic) == 0 && version == current_version &&
           byte_order == expected_byte_order && std::has_single_bit(capacity) && capacity <= ring_capacity;
}

/// A view of a ring in memory that outlives it. The producer asks `has_room` or `advance`, writes at `end`
/// and calls `commit`; the consumer `readable` and `release`. Neither waits.
class Ring {
  public:
    Ring() = default;

    /// Makes an empty ring of `ring_file_bytes` zeroed bytes, whose positions begin at a multiple of 8.
    static Ring create(std::byte* memory, std::uint32_t id, std::uint64_t position = 0) noexcept {
        auto* header = new (memory) RingHeader{};
        header->version = RingHeader::current_version;
        header->byte_order = RingHeader::expected_byte_order;
        header->capacity = ring_capacity;
        header->id = id;
        Ring ring{header, memory + ring_header_bytes};
        ring.restart_at(position);
        return ring;
    }

    [[nodiscard]] std::uint32_t id() const noexcept { return header_->id; }
    /// The position after what was committed, as the producer knows it.
    [[nodiscard]] std::uint64_t position() const noexcept { return head_; }

    /// Goes on at another position; for a ring that is drained, and whose consumer waits. `after_memory`:
    /// what comes before it lies in plain memory, until `memory_is_written`.
    void restart_at(std::uint64_t position, bool after_memory = false) noexcept {
        // Without its magic it is no ring yet for whoever reads the file of a process that was killed here.
        std::memset(header_->magic, 0, sizeof header_->magic);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        header_->after_memory.store(after_memory ? 1 : 0, std::memory_order_release);
        header_->tail.store(position, std::memory_order_release);
        header_->head.store(position, std::memory_order_release);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        std::memcpy(header_->magic, RingHeader::expected_magic, sizeof header_->magic);
        head_ = limit_ = position;
        window_ = ring_window;
        is_low_ = false;
    }
    /// Makes an `advance` necessary after so many bytes at the latest.
    void look_every(std::size_t bytes) noexcept { stride_ = bytes; }

    /// Whether `bytes` (a multiple of 8, at most half of `ring_window`) can be written at `end` and
    /// committed. If not, that takes an `advance`.
    [[nodiscard]] bool has_room(std::size_t bytes) const noexcept { return head_ + bytes <= limit_; }
    [[nodiscard]] std::byte* end() const noexcept { return data_ + (head_ & mask); }

    /// Makes room, after a look at what the consumer has released; false if the ring is full. At the end of
    /// the window it goes on at the ring's beginning if there is as much room as the window has, nearly;
    /// otherwise the window grows.
    template <class = void>
    [[nodiscard]] bool advance(std::size_t bytes) noexcept {
        const std::uint64_t tail = header_->tail.load(std::memory_order_acquire);
        const std::uint64_t full = tail + ring_capacity;  // the first position that is not free
        const std::uint64_t lap = head_ & ~std::uint64_t{mask};
        const std::uint64_t end = head_ + bytes;
        if (head_ == lap) window_ = ring_window;
        if (end > lap + window_) {
            const std::uint64_t next = lap + ring_capacity;
            const std::uint64_t room = full > next ? full - next : 0;
            if (room >= window_ - window_ / 4 || (end > next && room >= bytes)) {
                put_record(data_ + (head_ & mask), static_cast<std::size_t>(next - head_),
                           RecordKind::padding);
                head_ = next;
                window_ = ring_window;
            } else if (end > next) {
                is_low_ = true;
                return false;
            } else {
                while (end > lap + window_) window_ = std::min(2 * window_, ring_capacity);
            }
        }
        const std::uint64_t window_end = (head_ & ~std::uint64_t{mask}) + window_;
        is_low_ = full < head_ + bytes + ring_reserve;
        // Where it is time to look again: at the end of the window, when the ring becomes low, when it is
        // full.
        limit_ =
            std::min({window_end, is_low_ ? full : full - ring_reserve, head_ + std::max(bytes, stride_)});
        return has_room(bytes);
    }

    /// Publishes `bytes` that were written at `end`. When this returns, a SIGKILL of the process loses none
    /// of them.
    void commit(std::size_t bytes) noexcept { commit_until(head_ + bytes); }
    /// The same up to a position; for who knows it from before he wrote, which may have been anywhere.
    void commit_until(std::uint64_t position) noexcept {
        head_ = position;
        header_->head.store(position, std::memory_order_release);
        std::atomic_signal_fence(std::memory_order_seq_cst);  // a signal that comes now finds it stored
    }

    /// Whether the consumer is to be asked for room, as of the last `advance`.
    [[nodiscard]] bool is_low() const noexcept { return is_low_; }

    struct Readable {
        std::uint64_t from = 0;
        std::span<const std::byte> bytes;  // contiguous; call again for what lies at the ring's beginning
    };
    /// What was committed from a position on, which is not released.
    template <class = void>
    [[nodiscard]] Readable readable(std::uint64_t from) const noexcept {
        const std::uint64_t to = header_->head.load(std::memory_order_acquire);
        const std::size_t offset = from & mask;
        const std::uint64_t size = std::min<std::uint64_t>(to - from, ring_capacity - offset);
        return {from, std::span<const std::byte>{data_ + offset, static_cast<std::size_t>(size)}};
    }
    /// What was committed and is not released.
    template <class = void>
    [[nodiscard]] Readable readable() const noexcept {
        return readable(header_->tail.load(std::memory_order_relaxed));
    }
    void release(std::uint64_t to) noexcept { header_->tail.store(to, std::memory_order_release); }
    /// What came before it is in the history, or is lost.
    void memory_is_written() noexcept { header_->after_memory.store(0, std::memory_order_release); }
    /// Releases what was committed; for a ring that its producer has left.
    void release_all() noexcept { release(header_->head.load(std::memory_order_acquire)); }

  private:
    static constexpr std::size_t mask = ring_capacity - 1;
    static_assert((ring_capacity & mask) == 0);

    Ring(RingHeader* header, std::byte* data) noexcept : header_{header}, data_{data} {}

    RingHeader* header_ = nullptr;
    std::byte* data_ = nullptr;
    std::uint64_t head_ = 0;  // the producer's own: no shared line is read on the fast path
    std::uint64_t limit_ = 0;
    std::size_t window_ = ring_window;
    std::size_t stride_ = ring_capacity;
    bool is_low_ = false;
};

}  // namespace CAIRN_NAMESPACE::detail
