// SPDX-License-Identifier: MIT
// From a ring to frames: what is packed, what stays as it is, and what a failed write leaves.
#include <cairn/run/detail/intake.hpp>
#include <cairn/store/row_assembler.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace intake_test {

using namespace cairn::detail;
using cairn::NamedValue;
using cairn::Value;

namespace {

struct Fixture {
    struct alignas(64) Line {
        std::byte bytes[64];
    };
    std::vector<Line> memory{ring_file_bytes / sizeof(Line)};
    Ring ring = Ring::create(memory[0].bytes, 5);
    Intake intake;
    MetricBoard board;
    RowAssembler assembler;
    HistoryReport report;
    std::vector<std::pair<std::int64_t, std::size_t>> rows;  // steps, and how many values
    std::vector<FrameKind> kinds;

    std::byte* reserve(std::size_t bytes) {
        REQUIRE((ring.has_room(bytes) || ring.advance(bytes)));
        return ring.end();
    }
    void name(std::uint32_t id, std::string_view text) {
        put_name(reserve(name_record_size(text)), id, text);
        ring.commit(name_record_size(text));
    }
    void row(std::int64_t step, std::size_t cells, std::uint8_t flags = 0) {
        const std::size_t bytes = row_header_bytes + cells * cell_bytes;
        std::byte* to =
            put_row_header(reserve(bytes), bytes, RecordKind::row, flags, cells, step, 7 * ns_per_ms);
        for (std::size_t i = 0; i < cells; ++i) to = put_cell(to, 0, Value{0.5});
        ring.commit(bytes);
    }
    void write() {
        const Frame frame = intake.frame(5, board);
        REQUIRE(frame.payload.size() <= max_frame_bytes);
        kinds.push_back(frame.kind);
        assembler.feed(frame, report,
                       [&](std::int64_t step, std::int64_t, std::span<const NamedValue> values) {
                           rows.emplace_back(step, values.size());
                       });
        ring.release(intake.written());
    }
    void drain() {
        intake.look(ring, board);
        for (; intake.waiting() != 0; intake.look(ring, board)) write();
    }
};

}  // namespace

TEST_CASE("a ring's rows become one frame, whatever the names before them", "[run][intake]") {
    Fixture f;
    f.name(0, "loss");
    f.row(1, 1);
    f.name(9, "never used");
    f.row(2, 2);
    CHECK(f.intake.look(f.ring, f.board) == 2);
    CHECK_FALSE(f.intake.is_full());
    CHECK(f.intake.rows() == 2);
    CHECK(f.board.views().at("loss").summary.count == 3);
    f.row(3, 1);
    CHECK(f.intake.look(f.ring, f.board) == 1);
    f.drain();
    CHECK(f.kinds == std::vector{FrameKind::packed});
    CHECK(f.rows == std::vector<std::pair<std::int64_t, std::size_t>>{{1, 1}, {2, 2}, {3, 1}});
    CHECK(f.ring.readable().bytes.empty());
}

TEST_CASE("rows of several records keep their place among the others", "[run][intake]") {
    Fixture f;
    f.name(0, "x");
    f.row(1, 1);
    f.row(2, 100, row_continues);
    f.row(2, 100, row_continues | row_is_continued);
    f.row(2, 5, row_is_continued);
    f.row(3, 1, row_continues);  // its end was dropped
    f.row(3, 2);                 // of the same step and time, and still another
    f.row(3, 1, row_continues);  // its end was dropped too
    f.row(3, 7, row_continues);
    f.row(3, 8, row_is_continued);
    f.row(3, 4, row_is_continued);  // of one that has no beginning
    f.row(5, 1);
    f.drain();
    CHECK(f.rows ==
          std::vector<std::pair<std::int64_t, std::size_t>>{{1, 1}, {2, 205}, {3, 2}, {3, 15}, {5, 1}});
    CHECK(f.kinds == std::vector{FrameKind::packed, FrameKind::records, FrameKind::packed, FrameKind::records,
                                 FrameKind::packed, FrameKind::records, FrameKind::packed});
    CHECK(f.report.damaged == 0);
}

TEST_CASE("a row of several records is packed as one, unless a part of it is not there", "[run][intake]") {
    Fixture f;
    f.name(0, "x");
    const auto kinds = [&] {
        std::vector<FrameKind> seen;
        f.drain();
        seen.swap(f.kinds);
        return seen;
    };
    const auto rows = [&] {
        std::vector<std::pair<std::int64_t, std::size_t>> seen;
        seen.swap(f.rows);
        return seen;
    };
    for (const int step : {1, 2}) {
        f.row(step, 2000, row_continues);
        f.row(step, 2000, row_continues | row_is_continued);
        f.row(step, 3, row_is_continued);
    }
    CHECK(f.intake.look(f.ring, f.board) == 2);
    CHECK(kinds() == std::vector{FrameKind::packed});
    CHECK(rows() == std::vector<std::pair<std::int64_t, std::size_t>>{{1, 4003}, {2, 4003}});
    CHECK(f.board.views().at("x").summary.count == 8006);

    // Its end comes later.
    f.row(3, 9, row_continues);
    CHECK(kinds() == std::vector{FrameKind::records});
    f.row(3, 8, row_is_continued);
    CHECK(kinds() == std::vector{FrameKind::records});
    CHECK(rows() == std::vector<std::pair<std::int64_t, std::size_t>>{{3, 17}});

    // The same after a lack of memory: its values are summed up once.
    f.row(4, 9, row_continues);
    f.intake.look(f.ring, f.board);
    f.intake.restart();
    f.row(4, 8, row_is_continued);
    CHECK(kinds() == std::vector{FrameKind::records});
    CHECK(rows() == std::vector<std::pair<std::int64_t, std::size_t>>{{4, 17}});
    CHECK(f.board.views().at("x").summary.count == 8040);
    CHECK(f.report.damaged == 0);
}

TEST_CASE("wide rows are not packed while somebody waits for the room", "[run][intake]") {
    Fixture f;
    constexpr bool is_pressed = true;
    f.name(0, "x");
    f.row(1, 1);
    for (const int step : {2, 3, 4}) f.row(step, Intake::wide);
    CHECK(f.intake.look(f.ring, f.board) == 4);
    for (const int step : {5, 6}) f.row(step, Intake::wide);  // like those before
    f.row(7, 2000, row_continues);
    f.row(7, 2000, row_is_continued);
    std::vector<std::uint64_t> waiting;
    do {
        f.intake.look(f.ring, f.board, is_pressed);
        waiting.push_back(f.intake.waiting());
        if (f.intake.waiting() != 0) f.write();
    } while (waiting.back() != 0);
    CHECK(f.kinds == std::vector{FrameKind::packed, FrameKind::records});
    for (const int step : {8, 9}) f.row(step, Intake::wide - 1);
    f.intake.look(f.ring, f.board, is_pressed);
    f.row(10, Intake::wide);
    f.drain();
    CHECK(f.kinds == std::vector{FrameKind::packed, FrameKind::records, FrameKind::packed});
    std::vector<std::pair<std::int64_t, std::size_t>> expected{{1, 1}};
    for (const int step : {2, 3, 4, 5, 6}) expected.emplace_back(step, Intake::wide);
    expected.insert(expected.end(),
                    {{7, 4000}, {8, Intake::wide - 1}, {9, Intake::wide - 1}, {10, Intake::wide}});
    CHECK(f.rows == expected);
    CHECK(f.board.views().at("x").summary.count == 1 + 8 * Intake::wide - 2 + 4000);
    CHECK(f.report.damaged == 0);
}

TEST_CASE("a row of several records that is too large for a frame stays in several", "[run][intake]") {
    Fixture f;
    constexpr std::size_t parts = Intake::frame_bytes / (2000 * cell_bytes) + 2;
    f.name(0, "x");
    for (std::size_t i = 0; i < parts; ++i) {
        const unsigned flags = (i != 0 ? row_is_continued : 0U) | (i + 1 != parts ? row_continues : 0U);
        f.row(5, 2000, static_cast<std::uint8_t>(flags));
    }
    f.drain();
    CHECK(f.kinds == std::vector{FrameKind::records, FrameKind::records});
    CHECK(f.rows == std::vector<std::pair<std::int64_t, std::size_t>>{{5, 2000 * parts}});
    CHECK(f.report.damaged == 0);
}

TEST_CASE("a frame that could not be written stays the same one, and nothing is added to it",
          "[run][intake]") {
    Fixture f;
    f.name(0, "x");
    f.row(1, 1);
    f.intake.look(f.ring, f.board);
    const Frame first = f.intake.frame(5, f.board);
    const std::vector<std::byte> payload{first.payload.begin(), first.payload.end()};
    f.row(2, 1);
    CHECK(f.intake.look(f.ring, f.board) == 0);
    const Frame again = f.intake.frame(5, f.board);
    CHECK((again.from == first.from && again.to == first.to));
    CHECK(std::equal(payload.begin(), payload.end(), again.payload.begin(), again.payload.end()));
    f.drain();
    CHECK(f.rows == std::vector<std::pair<std::int64_t, std::size_t>>{{1, 1}, {2, 1}});
}

TEST_CASE("what is seen again after a lack of memory is written once, and summed up once", "[run][intake]") {
    Fixture f;
    f.name(0, "x");
    f.row(1, 1);
    f.row(2, 3, row_continues);
    f.drain();  // in two frames, the row of two records not at its end
    f.row(2, 4, row_is_continued);
    f.row(3, 1);
    f.intake.look(f.ring, f.board);
    if (GENERATE(false, true)) (void)f.intake.frame(5, f.board);
    f.intake.restart();
    f.row(4, 1);
    f.drain();
    CHECK(f.rows == std::vector<std::pair<std::int64_t, std::size_t>>{{1, 1}, {2, 7}, {3, 1}, {4, 1}});
    CHECK(f.board.views().at("x").summary.count == 10);
    CHECK(f.report.damaged == 0);
}

TEST_CASE("rows that are taken together are summed up once, however many were seen before", "[run][intake]") {
    Fixture f;
    f.name(0, "x");
    const int seen = GENERATE(1, 2, 5, 39);
    for (int i = 0; i < seen; ++i) f.row(i, 2);
    CHECK(f.intake.look(f.ring, f.board) == static_cast<std::uint64_t>(seen));
    f.intake.restart();
    for (int i = seen; i < 40; ++i) f.row(i, 2);
    CHECK(f.intake.look(f.ring, f.board) == static_cast<std::uint64_t>(40 - seen));
    CHECK(f.intake.rows() == 40);
    CHECK(f.board.latest_step() == 39);
    CHECK(f.board.views().at("x").summary.count == 80);
    CHECK(f.board.views().at("x").summary.last_step == 39);
    f.drain();
    CHECK(f.rows.size() == 40);
    CHECK(f.kinds.size() == 1);
}

TEST_CASE("a ring that something wrote over is kept as it is and counts as damaged", "[run][intake]") {
    Fixture f;
    f.name(0, "x");
    f.row(1, 1);
    f.row(2, 1);
    f.row(3, 1);
    // The length of the second row's record.
    auto* at = f.memory[0].bytes + ring_header_bytes + name_record_size("x") + row_header_bytes + cell_bytes;
    std::memset(at, 0xff, 4);
    f.drain();
    CHECK(f.rows == std::vector<std::pair<std::int64_t, std::size_t>>{{1, 1}});
    CHECK(f.report.damaged == 1);
    CHECK(f.ring.readable().bytes.empty());
    f.row(4, 1);
    f.drain();
    CHECK(f.rows.back() == std::pair<std::int64_t, std::size_t>{4, 1});
}

TEST_CASE("frames end at about a thousand rows, and go round the ring's end", "[run][intake]") {
    Fixture f;
    f.name(0, "x");
    std::int64_t step = 0;
    for (int round = 0; round < 420; ++round) {
        for (int i = 0; i < 100; ++i) f.row(step++, 1);
        f.intake.look(f.ring, f.board);
        // As the collector does: what fills a frame, or all when the ring has no room.
        while (f.intake.is_full() || (f.ring.is_low() && f.intake.waiting() > ring_reserve)) {
            f.write();
            f.intake.look(f.ring, f.board);
        }
    }
    f.drain();
    REQUIRE(f.rows.size() == static_cast<std::size_t>(step));
    for (std::size_t i = 0; i < f.rows.size(); ++i) CHECK(f.rows[i].first == static_cast<std::int64_t>(i));
    CHECK(f.kinds.size() < static_cast<std::size_t>(step / 700));
}

TEST_CASE("frames of very many long names can be read", "[run][intake]") {
    Fixture f;
    constexpr std::uint32_t names = 18'000, at_once = 300;
    const std::string tail(480, 'n');
    std::size_t rows = 0;
    const auto put_all = [&](std::uint8_t flags) {
        for (std::uint32_t metric = 0; metric < names; metric += at_once, ++rows) {
            const std::size_t bytes = row_header_bytes + at_once * cell_bytes;
            std::byte* to = f.reserve(bytes);
            to = put_row_header(to, bytes, RecordKind::row, flags, at_once, metric, 0);
            for (std::uint32_t i = 0; i < at_once; ++i) to = put_cell(to, metric + i, Value{0.5});
            f.ring.commit(bytes);
        }
        f.drain();
    };
    for (std::uint32_t metric = 0; metric < names; ++metric)
        f.board.name(metric, std::to_string(metric) + tail);
    put_all(0);
    CHECK(f.rows.size() == rows);
    put_all(row_continues);  // rows whose ends were dropped
    CHECK(f.rows.size() == rows / 2);
    CHECK(f.report.damaged == 0);
}

}  // namespace intake_test
