// SPDX-License-Identifier: MIT
// What happens when the collector stands still.
#include <cairn/run/detail/journal_lane.hpp>
#include <cairn/store/ring_file.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace lane_test {

using namespace cairn::literals;
using namespace cairn::detail;
using cairn_test::TempDir;

namespace {

// A collector that drains `releases` times when it is asked for room, then no more.
struct Stalled final : Pressure {
    void nudge() noexcept override { ++nudges; }
    bool wait_for_room(std::int64_t) noexcept override {
        ++waits;
        if (releases == 0) return waits < patience;
        --releases;
        drain();
        return true;
    }
    /// Takes what there is; how many rows were seen. They must come in order.
    void drain() {
        for (auto piece = rings->readable(seen); !piece.bytes.empty(); piece = rings->readable(seen)) {
            RecordReader reader{piece.bytes};
            std::int64_t step = 0, time_ns = 0;
            for (RecordReader::Record record; reader.next(record);) {
                if (record.kind != RecordKind::row) continue;
                std::vector<Cell> cells;
                REQUIRE(read_row(record.body, step, time_ns, cells));
                REQUIRE(step == rows++);
            }
            REQUIRE_FALSE(reader.damaged());
            seen = piece.from + piece.bytes.size();
        }
        rings->release(seen);
    }
    /// Takes what lies in one piece.
    void drain_some() {
        const auto piece = rings->readable(seen);
        rows = static_cast<std::int64_t>(count_rows(piece.bytes));
        rings->release(seen = piece.from + piece.bytes.size());
    }
    RingChain* rings = nullptr;
    std::uint64_t seen = 0;
    std::int64_t rows = 0;
    int releases = 0, patience = 3, nudges = 0, waits = 0;
};

struct Fixture {
    TempDir dir;
    std::filesystem::path file = dir / "1.ring";
    Stalled pressure;
    MetricTable names;
    SpareRings spares;
    std::shared_ptr<JournalLane> made;
    JournalLane& lane;
    explicit Fixture(unsigned most = 0)
        : spares{most},
          made{std::make_shared<JournalLane>(os::Mapping::create_shared(file, ring_file_bytes).value(), 1U, 0,
                                             names, spares, pressure)},
          lane{*made} {
        pressure.rings = &lane.rings();
    }

    bool log(std::int64_t n) {
        const auto row = cairn::row(cairn::step(n), "n"_m = n);
        return lane.try_append(row) || lane.append(row);
    }
    std::int64_t fill(std::int64_t from = 0) {
        while (log(from)) ++from;
        return from;
    }
};
constexpr std::int64_t rows_of_a_ring = ring_capacity / (row_header_bytes + cell_bytes);

}  // namespace

TEST_CASE("a lane asks for help when its ring is nearly full, and not before", "[run][lane]") {
    Fixture f;
    for (int n = 0; n < rows_of_a_ring - 400; ++n) REQUIRE(f.log(n));
    CHECK(f.pressure.nudges == 0);
    for (std::int64_t n = rows_of_a_ring - 400; n < rows_of_a_ring - 10; ++n) REQUIRE(f.log(n));
    CHECK(f.pressure.nudges > 0);
    CHECK(f.pressure.waits == 0);
}

TEST_CASE("a lane whose collector stands still waits, gives up, and counts its waiting", "[run][lane]") {
    Fixture f;
    const std::int64_t kept = f.fill();
    CHECK(kept > rows_of_a_ring - 10);
    CHECK(f.pressure.waits == 3);
    CHECK(f.lane.counters.waits == 1);
    CHECK(f.lane.counters.rows == static_cast<std::uint64_t>(kept));
    CHECK_FALSE(f.log(kept));
    CHECK(f.lane.counters.waits == 2);
    f.pressure.drain();  // what was taken is untouched by what was refused
    CHECK(f.pressure.rows == kept);
}

TEST_CASE("a lane that waited for a collector that goes on loses nothing", "[run][lane]") {
    Fixture f;
    f.pressure.releases = 5;
    f.pressure.patience = 0;
    const std::int64_t kept = f.fill();
    CHECK(kept > 5 * rows_of_a_ring - 50);
    CHECK(f.lane.counters.rows == static_cast<std::uint64_t>(kept));
    CHECK(f.pressure.releases == 0);
    CHECK(f.lane.counters.spills == 0);
    f.pressure.drain();
    CHECK(f.pressure.rows == kept);
}

TEST_CASE("a lane whose collector stands still goes on in plain memory, and returns when that is drained",
          "[run][lane]") {
    Fixture f{3};
    CHECK(f.lane.rings().outlives_process());
    const std::int64_t kept = f.fill();
    CHECK(kept > 4 * rows_of_a_ring - 50);
    CHECK(f.lane.counters.spills == 3);
    CHECK_FALSE(f.lane.rings().outlives_process());
    CHECK_FALSE(f.spares.take());
    // A kill now: the file has what was logged before the memory was needed.
    const RingRest rest = copy_ring(f.file, 1).value();
    CHECK((rest.from == 0 && rest.bytes.size() > ring_capacity - 100));

    f.pressure.drain();
    CHECK(f.pressure.rows == kept);
    CHECK(f.lane.rings().is_drained());
    CHECK_FALSE(f.lane.rings().outlives_process());  // until the thread comes by
    std::int64_t more = kept;
    for (std::int64_t n = 0; n < 2 * rows_of_a_ring; ++n) {
        REQUIRE(f.log(more++));
        if (n % 1000 == 999) f.pressure.drain();
    }
    CHECK(f.lane.rings().outlives_process());
    CHECK(f.lane.counters.spills == 3);
    f.pressure.drain();
    CHECK(f.pressure.rows == more);
    REQUIRE(f.log(more++));
    const RingRest after = copy_ring(f.file, 1).value();
    CHECK_FALSE(after.after_memory);
    CHECK((after.from == f.pressure.seen && after.bytes.size() == row_header_bytes + cell_bytes));
    for (unsigned i = 0; i < 3; ++i) CHECK(f.spares.take());  // all were given back
}

TEST_CASE("each piece of memory is of use to its end, wherever the collector stood", "[run][lane]") {
    Fixture f{3};
    const std::int64_t before = GENERATE(0, 500, 1024, 1300);
    std::int64_t n = 0;
    while (n < before) REQUIRE(f.log(n++));
    f.pressure.drain();
    const std::int64_t kept = f.fill(n) - n;
    CHECK(f.lane.counters.spills == 3);
    CHECK(kept > 3 * rows_of_a_ring - 50);
    f.pressure.drain();
    CHECK(f.pressure.rows == n + kept);
}

TEST_CASE("a lane returns to its own ring as soon as that is drained, and when another thread takes it",
          "[run][lane]") {
    Fixture f{2};
    std::int64_t n = 0;
    while (f.lane.counters.spills == 0) REQUIRE(f.log(n++));
    f.pressure.drain_some();
    for (int i = 0; i < 200; ++i) REQUIRE(f.log(n++));  // more than it logs between two looks
    const RingRest at_home = copy_ring(f.file, 1).value();
    CHECK((!at_home.bytes.empty() && at_home.bytes.size() < 200 * (row_header_bytes + cell_bytes)));
    CHECK(at_home.after_memory);
    f.pressure.drain();
    CHECK_FALSE(copy_ring(f.file, 1).value().after_memory);
    CHECK(f.pressure.rows == n);
    CHECK(f.lane.rings().outlives_process());
    while (f.lane.counters.spills == 1) REQUIRE(f.log(n++));
    f.pressure.drain();
    CHECK_FALSE(f.lane.rings().outlives_process());
    REQUIRE(f.lane.take(0));
    CHECK_FALSE(copy_ring(f.file, 1).value().after_memory);  // nothing waits
    f.pressure.drain();
    CHECK(f.lane.rings().outlives_process());
    f.lane.let_go();
    for (int i = 0; i < 2; ++i) CHECK(f.spares.take());
}

TEST_CASE("what lies in plain memory only is counted when it is given up", "[run][lane]") {
    Fixture f{2};
    const std::int64_t kept = f.fill();
    const std::uint64_t lost = f.lane.rings().drop_memory();
    CHECK_FALSE(copy_ring(f.file, 1).value().after_memory);
    const RingRest rest = copy_ring(f.file, 1).value();
    CHECK(lost + count_rows(rest.bytes) == static_cast<std::uint64_t>(kept));
    CHECK(static_cast<std::int64_t>(lost) > 2 * rows_of_a_ring - 50);
    CHECK_FALSE(f.lane.rings().is_drained());
    f.lane.rings().release(f.lane.ring.position());
    CHECK(f.lane.rings().is_drained());
}

TEST_CASE("a lane measures now and then what a row costs", "[run][lane]") {
    Fixture f;
    REQUIRE(f.log(0));
    const std::uint64_t first = f.lane.counters.log_ns;
    CHECK(first > 0);
    f.pressure.releases = 1000;
    for (int n = 1; n < 200'000; ++n) REQUIRE(f.log(n));
    CHECK(f.lane.counters.log_ns > 0);
    CHECK(f.lane.counters.log_ns < 1'000'000);
}

TEST_CASE("a metric is numbered once for all lanes, and defined in each ring before its first use",
          "[run][lane]") {
    MetricTable names;
    CHECK(names.id_of("a").first == 0);
    CHECK(names.id_of("b").first == 1);
    CHECK(names.id_of("a").first == 0);
    CHECK(names.id_of("b") == std::pair{std::uint32_t{1}, std::string_view{"b"}});
    MetricCache cache;
    for (std::uint32_t i = 0; i < 5000; ++i) {
        const auto [id, kept] = names.id_of(std::to_string(i) + "m");
        // All with one hash: the table must look at the names.
        cache.insert(7, kept, id);
        if (i > 200) break;
    }
    CHECK(cache.find(7, "0m") == 2);
    CHECK(cache.find(7, "200m") == 202);
    CHECK(cache.find(7, "never") == MetricCache::unknown);
    CHECK(cache.find(8, "0m") == MetricCache::unknown);
}

TEST_CASE("a name is found whatever the one before it was", "[run][lane]") {
    MetricCache cache;
    std::vector<std::string> names;
    names.reserve(1000);  // the cache looks at them
    names.insert(names.end(), {"", "loss", "lost", "train/learning_rate", "train/learning_rate2"});
    const auto knows = [&](std::size_t i) {
        std::uint32_t id = 0;
        const std::string copied = names[i];  // by what it says, wherever it stands
        return cache.knows(copied, id) && id == i;
    };
    for (std::size_t i = 0; i < names.size(); ++i) {
        CHECK_FALSE(knows(i));
        cache.insert(cairn::detail::hash_name(names[i]), names[i], static_cast<std::uint32_t>(i));
        CHECK(knows(i));
    }
    const auto ask_in_any_order = [&] {
        std::minstd_rand any{7};
        bool all = true;
        for (int i = 0; i < 5000; ++i) all = knows(any() % names.size()) && all;
        return all;
    };
    CHECK(ask_in_any_order());
    for (std::size_t i = names.size(); i < 1000; ++i) {
        names.push_back(std::to_string(i) + "m");
        cache.insert(cairn::detail::hash_name(names[i]), names[i], static_cast<std::uint32_t>(i));
        CHECK(knows(i));
        CHECK(knows(i % 5));
    }
    CHECK(ask_in_any_order());
}

TEST_CASE("a literal is found at one of its two places, and by its text otherwise", "[run][lane]") {
    MetricCache cache;
    const auto loss = "loss"_m;
    constexpr std::uint64_t hash = decltype(loss)::hash;
    std::uint32_t id = 0;
    CHECK_FALSE(cache.knows(loss, id));
    cache.insert(hash, "loss", 5);
    CHECK_FALSE(cache.knows(loss, id));  // nobody said that it is a literal
    const std::uint64_t others[2] = {hash + (1ULL << 40U), hash + (2ULL << 40U)};  // of the same places
    bool is_kept = true;
    SECTION("at the first") {}
    SECTION("at the second") { cache.keep(others[0], 6); }
    SECTION("at none") {
        for (const std::uint64_t other : others) cache.keep(other, 6);
        is_kept = false;
    }
    for (int i = 0; i < 2; ++i) cache.keep(hash, 5);
    CHECK(cache.knows(loss, id) == is_kept);
    if (is_kept) CHECK(id == 5);
    CHECK(cache.find(hash, "loss") == 5);
}

}  // namespace lane_test
