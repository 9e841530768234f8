// SPDX-License-Identifier: MIT
// What happens when the collector stands still.
#include <cairn/run/detail/journal_lane.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <span>
#include <utility>

using namespace cairn::literals;
using namespace cairn::detail;

namespace {

// A collector that releases `releases` times when it is asked for room, then no more.
struct Stalled final : Pressure {
    void nudge() noexcept override { ++nudges; }
    bool wait_for_room(std::int64_t) noexcept override {
        ++waits;
        if (releases == 0) return waits < patience;
        --releases;
        const auto piece = lane->ring.readable();
        lane->ring.release(piece.from + piece.bytes.size());
        return true;
    }
    Lane* lane = nullptr;
    int releases = 0, patience = 3, nudges = 0, waits = 0;
};

struct Fixture {
    Stalled pressure;
    MetricTable names;
    JournalLane lane{os::Mapping::anonymous(ring_file_bytes).value(), 1, 0, names, pressure};
    Fixture() { pressure.lane = &lane; }

    bool log(std::int64_t n) { return lane.append(cairn::row(cairn::step(n), "n"_m = n), n, 0); }
    std::int64_t fill() {
        std::int64_t n = 0;
        while (log(n)) ++n;
        return n;
    }
};

}  // namespace

TEST_CASE("a lane asks for help when its ring is nearly full, and not before", "[run][lane]") {
    Fixture f;
    constexpr int rows = ring_capacity / (row_header_bytes + cell_bytes);
    for (int n = 0; n < rows - 400; ++n) REQUIRE(f.log(n));
    CHECK(f.pressure.nudges == 0);
    for (int n = rows - 400; n < rows - 10; ++n) REQUIRE(f.log(n));
    CHECK(f.pressure.nudges > 0);
    CHECK(f.pressure.waits == 0);
}

TEST_CASE("a lane whose collector stands still waits, gives up, and counts its waiting", "[run][lane]") {
    Fixture f;
    const std::int64_t kept = f.fill();
    CHECK(kept > 20'000);
    CHECK(f.pressure.waits == 3);
    CHECK(f.lane.counters.waits == 1);
    CHECK(f.lane.counters.rows == static_cast<std::uint64_t>(kept));
    CHECK_FALSE(f.log(kept));
    CHECK(f.lane.counters.waits == 2);
    // What was taken is untouched by what was refused.
    RecordReader reader{f.lane.ring.readable().bytes};
    std::int64_t rows = 0, step = 0, time_ns = 0;
    for (RecordReader::Record record; reader.next(record);) {
        if (record.kind != RecordKind::row) continue;
        CHECK(read_row(record.body, step, time_ns, [](const Cell&) {}));
        CHECK(step == rows++);
    }
    CHECK(rows == kept);
}

TEST_CASE("a lane that waited for a collector that goes on loses nothing", "[run][lane]") {
    Fixture f;
    f.pressure.releases = 5;
    f.pressure.patience = 0;
    const std::int64_t kept = f.fill();
    CHECK(kept > 4 * 20'000);  // some of the releases are of the padding at the ring's end
    CHECK(f.lane.counters.rows == static_cast<std::uint64_t>(kept));
    CHECK(f.pressure.releases == 0);
}

TEST_CASE("a metric is numbered once for all lanes, and defined in each ring before its first use",
          "[run][lane]") {
    MetricTable names;
    CHECK(names.id_of("a").first == 0);
    CHECK(names.id_of("b").first == 1);
    CHECK(names.id_of("a").first == 0);
    CHECK(names.name_of(1) == "b");
    CHECK(names.name_of(2).empty());
    MetricCache cache;
    for (std::uint32_t i = 0; i < 5000; ++i) {
        const auto [id, kept] = names.id_of(std::to_string(i) + "m");
        // All with one hash: the table must look at the names.
        cache.insert(7, nullptr, kept, id);
        if (i > 200) break;
    }
    CHECK(cache.find(7, "0m") == 2);
    CHECK(cache.find(7, "200m") == 202);
    CHECK(cache.find(7, "never") == MetricCache::unknown);
    CHECK(cache.find(8, "0m") == MetricCache::unknown);
}
