// SPDX-License-Identifier: MIT
#include <cairn/store/ring.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

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
    std::byte* to = ring.reserve(bytes);
    if (to == nullptr) return false;
    put(put_record(to, bytes, RecordKind::row), number);
    ring.commit();
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
    CHECK(ring.reserve(8) == nullptr);
    CHECK(ring.is_filling());
    const auto all = ring.readable();
    CHECK((all.from == 0 && all.bytes.size() == ring_capacity));
    ring.release(1024);
    ring.refresh();
    CHECK(put_number(ring, 1024, n));
    CHECK_FALSE(put_number(ring, 8, n));
    ring.release(ring_capacity);
    const auto rest = ring.readable();
    CHECK((rest.from == ring_capacity && rest.bytes.size() == 1024));
    CHECK(get<std::uint64_t>(rest.bytes.data() + 8) == n);
}

TEST_CASE("what is reserved and not committed is not there", "[store][ring]") {
    Memory memory;
    Ring ring = Ring::create(memory.data(), 0);
    REQUIRE(ring.reserve(64) != nullptr);
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
