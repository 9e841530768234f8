// SPDX-License-Identifier: MIT
#include <cairn/store/ring.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace ring_test {

using namespace cairn::detail;

namespace {

struct Memory {
    struct alignas(64) Line {
        std::byte bytes[64];
    };
    std::vector<Line> lines{ring_file_bytes / sizeof(Line)};
    // Not inline: g++ 12 at -O3, when it sees how large the memory is, forgets that records are multiples of
    // 8 bytes.
    [[gnu::noinline]] std::byte* data() { return lines[0].bytes; }
    RingHeader& header() { return *reinterpret_cast<RingHeader*>(data()); }
};

// A record of `bytes` that holds its number.
bool put_number(Ring& ring, std::size_t bytes, std::uint64_t number) {
    if (!ring.has_room(bytes) && !ring.advance(bytes)) return false;
    put(put_record(ring.end(), bytes, RecordKind::row), number);
    ring.commit(bytes);
    return true;
}

}  // namespace

TEST_CASE("a full ring refuses, keeps what it has, and takes again after a release", "[store][ring]") {
    Memory memory;
    Ring ring = Ring::create(memory.data(), 3);
    CHECK(memory.header().is_valid());
    CHECK(ring.id() == 3);
    std::uint64_t n = 0;
    while (put_number(ring, 1024, n)) ++n;
    CHECK(n == ring_capacity / 1024);
    CHECK_FALSE(ring.has_room(8));
    CHECK_FALSE(ring.advance(8));
    CHECK(ring.is_low());
    const auto all = ring.readable();
    CHECK((all.from == 0 && all.bytes.size() == ring_capacity));
    ring.release(1024);
    CHECK(put_number(ring, 1024, n));
    CHECK_FALSE(put_number(ring, 8, n));
    ring.release(ring_capacity);
    const auto rest = ring.readable();
    CHECK((rest.from == ring_capacity && rest.bytes.size() == 1024));
    CHECK(get<std::uint64_t>(rest.bytes.data() + 8) == n);
}

TEST_CASE("what is not committed is not there", "[store][ring]") {
    Memory memory;
    Ring ring = Ring::create(memory.data(), 0);
    CHECK_FALSE(ring.has_room(64));  // the first is always an advance
    REQUIRE(ring.advance(64));
    REQUIRE(ring.has_room(64));
    put_record(ring.end(), 64, RecordKind::row);
    CHECK(ring.readable().bytes.empty());
    REQUIRE(put_number(ring, 16, 5));
    CHECK(ring.readable().bytes.size() == 16);
}

TEST_CASE("a header that is not ours is not valid", "[store][ring]") {
    Memory memory;
    (void)Ring::create(memory.data(), 0);
    RingHeader& header = memory.header();
    header.version = 2;
    CHECK_FALSE(header.is_valid());
    header.version = 1;
    header.capacity = ring_capacity * 2;
    CHECK_FALSE(header.is_valid());
    header.capacity = ring_capacity;
    CHECK(header.is_valid());
    header.magic[0] = 'c';
    CHECK_FALSE(header.is_valid());
}

TEST_CASE("a ring whose consumer keeps up stays in its window, and grows only under pressure",
          "[store][ring]") {
    Memory memory;
    Ring ring = Ring::create(memory.data(), 0);
    const auto reached = [&] {  // the end of what was ever written to
        std::size_t end = ring_capacity;
        while (end > 0 && memory.data()[ring_header_bytes + end - 1] == std::byte{0}) --end;
        return end;
    };
    constexpr std::size_t size = 512;
    const auto put_some = [&](std::size_t bytes) {
        for (std::size_t i = 0; i < bytes / size; ++i) {
            if (!ring.has_room(size) && !ring.advance(size)) return false;
            std::memset(put_record(ring.end(), size, RecordKind::row), 0xff, size - record_header_bytes);
            ring.commit(size);
        }
        return true;
    };
    std::uint64_t waits = 0;
    const auto release_but = [&](std::uint64_t bytes) {  // as the collector, which waits for a frame's worth
        for (auto piece = ring.readable(waits); !piece.bytes.empty(); piece = ring.readable(waits))
            waits = piece.from + piece.bytes.size();
        ring.release(waits - bytes);
    };
    for (int i = 0; i < 100; ++i) {
        REQUIRE(put_some(8 * 1024));
        release_but(0);
    }
    CHECK(reached() <= ring_window + record_header_bytes);  // the padding's
    CHECK_FALSE(ring.is_low());
    SECTION("what is not released is never written over") {
        for (std::uint64_t n = 0; put_number(ring, size, n); ++n) CHECK(n < ring_capacity / size);
        CHECK(ring.is_low());
        std::uint64_t next = 0;
        for (auto piece = ring.readable(waits); !piece.bytes.empty(); piece = ring.readable(waits)) {
            RecordReader reader{piece.bytes};
            for (RecordReader::Record record; reader.next(record);) {
                if (record.kind == RecordKind::row) CHECK(get<std::uint64_t>(record.body.data()) == next++);
            }
            waits = piece.from + piece.bytes.size();
        }
        CHECK(next > 50);
    }
    SECTION("after a stall the whole ring was used, and then the window is small again") {
        // From the window's beginning all of the ring is there.
        while (put_some(size)) {
        }
        release_but(0);
        REQUIRE(put_some(size));
        release_but(0);
        while (put_some(size)) {
        }
        CHECK(reached() == ring_capacity);
        release_but(0);
        std::memset(memory.data() + ring_header_bytes, 0, ring_capacity);
        for (int i = 0; i < 400; ++i) {
            REQUIRE(put_some(8 * 1024));
            release_but(0);
            if (i == 200) std::memset(memory.data() + ring_header_bytes, 0, ring_capacity);
        }
        CHECK(reached() <= ring_window + record_header_bytes);  // the padding's
    }
}

TEST_CASE("a producer and a consumer pass records of all sizes round the ring in order", "[store][ring]") {
    Memory memory;
    Ring ring = Ring::create(memory.data(), 0);
    constexpr std::uint64_t records = 20'000;
    Ring view = ring;
    std::thread producer{[&] {
        std::mt19937 random{7};
        for (std::uint64_t n = 0; n < records;) {
            const std::size_t bytes = 16 + 8 * (random() % (n % 100 == 0 ? 2000 : 40));
            while (!put_number(ring, bytes, n)) std::this_thread::yield();
            ++n;
        }
    }};
    std::uint64_t next = 0, wrong = 0;
    while (next < records) {
        const auto piece = view.readable();
        RecordReader reader{piece.bytes};
        for (RecordReader::Record record; reader.next(record);) {
            if (record.kind == RecordKind::row && get<std::uint64_t>(record.body.data()) != next++) ++wrong;
        }
        if (reader.damaged()) ++wrong;
        view.release(piece.from + piece.bytes.size());
        if (piece.bytes.empty()) std::this_thread::yield();
    }
    producer.join();
    CHECK(wrong == 0);
}

}  // namespace ring_test
