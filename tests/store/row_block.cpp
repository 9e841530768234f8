// SPDX-License-Identifier: MIT
#include <cairn/store/metric_block.hpp>
#include <cairn/store/row_block.hpp>

#include "support/catch.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace row_block_test {

using namespace cairn::detail;
using cairn::Value;

namespace {

using Bytes = std::vector<std::byte>;

struct Logged {
    RecordKind kind = RecordKind::row;
    std::int64_t step = 0, ms = 0;
    std::vector<Cell> cells;
};
bool same(const Value& a, const Value& b) {
    return a.kind() == b.kind() && a.text() == b.text() &&
           (a.is_text() || (a.kind() == Value::Kind::number ? std::bit_cast<std::uint64_t>(a.number()) ==
                                                                  std::bit_cast<std::uint64_t>(b.number())
                                                            : a.bits() == b.bits()));
}
bool same(const Logged& a, const Logged& b) {
    if (a.kind != b.kind || a.step != b.step || a.ms != b.ms || a.cells.size() != b.cells.size())
        return false;
    for (std::size_t i = 0; i < a.cells.size(); ++i) {
        if (a.cells[i].metric != b.cells[i].metric || !same(a.cells[i].value, b.cells[i].value)) return false;
    }
    return true;
}
Bytes block_of(BlockWriter& writer, const std::vector<Logged>& rows) {
    for (const Logged& row : rows) {
        REQUIRE(writer.has_room(row.cells.size()));
        writer.add(row.kind, row.step, row.ms * ns_per_ms + 999, row.cells);
    }
    Bytes bytes;
    writer.write(bytes);
    return bytes;
}
/// How many rows came back as they were, in their order; all, or -1.
std::ptrdiff_t come_back(std::span<const std::byte> block, const std::vector<Logged>& rows) {
    BlockReader reader;
    std::ptrdiff_t count = 0;
    bool right = true;
    const bool read = reader.read(
        block, [&](RecordKind kind, std::int64_t step, std::int64_t time_ns, const std::vector<Cell>& cells) {
            const Logged row{kind, step, time_ns / ns_per_ms, {cells.begin(), cells.end()}};
            right = right && static_cast<std::size_t>(count) < rows.size() &&
                    same(row, rows[static_cast<std::size_t>(count)]);
            ++count;
        });
    return read && right ? count : -1;
}
std::vector<Logged> random_rows(std::mt19937_64& random, std::size_t count, std::deque<std::string>& texts) {
    std::vector<Logged> rows(count);
    std::int64_t step = static_cast<std::int64_t>(random() % 1000), ms = 1'700'000'000'000;
    for (Logged& row : rows) {
        step += random() % 10 == 0 ? -5 : 1;
        ms += static_cast<std::int64_t>(random() % 30);
        row.step = step, row.ms = ms;
        if (random() % 20 == 0) row.kind = RecordKind::event;
        const std::uint64_t shape = random() % 4;
        for (std::uint64_t i = 0; i < shape; ++i) {
            const auto metric = static_cast<std::uint32_t>(random() % 3 + 10 * i);
            switch (random() % 8) {
                case 0: row.cells.push_back({metric, Value{static_cast<std::int64_t>(random())}}); break;
                case 1: row.cells.push_back({metric, Value{random()}}); break;
                case 2: row.cells.push_back({metric, Value{random() % 2 == 0}}); break;
                case 3:
                    texts.push_back(std::string(static_cast<std::size_t>(random() % 20),
                                                static_cast<char>('a' + random() % 26)));
                    row.cells.push_back({metric, Value{texts.back()}});
                    break;
                default: row.cells.push_back({metric, Value{std::ldexp(static_cast<double>(random()), -70)}});
            }
        }
    }
    return rows;
}

}  // namespace

TEST_CASE("rows of a block come back in their order, with every value", "[store][row_block]") {
    std::mt19937_64 random{1};
    BlockWriter writer;  // one for all: nothing of a block is left in the next
    for (int round = 0; round < 300; ++round) {
        std::deque<std::string> texts;
        const std::vector<Logged> rows = random_rows(random, static_cast<std::size_t>(random() % 200), texts);
        const Bytes block = block_of(writer, rows);
        INFO("round " << round);
        REQUIRE(come_back(block, rows) == static_cast<std::ptrdiff_t>(rows.size()));
        CHECK(writer.rows() == 0);
    }
}

TEST_CASE("rows taken from their records are those taken one by one", "[store][row_block]") {
    std::mt19937_64 random{9};
    BlockWriter writer;
    std::size_t alike = 0;
    for (int round = 0; round < 200; ++round) {
        INFO("round " << round);
        std::deque<std::string> texts;
        std::vector<Logged> rows = random_rows(random, static_cast<std::size_t>(1 + random() % 40), texts);
        // Stretches of equal shape, as programs log them.
        std::vector<Logged> logged;
        for (const Logged& row : rows) {
            for (std::uint64_t n = 1 + random() % 6; n != 0; --n) logged.push_back(row);
        }
        Bytes records;
        std::vector<std::size_t> ends;
        for (const Logged& row : logged) {
            std::size_t bytes = row_header_bytes;
            for (const Cell& cell : row.cells) bytes += cell_size(cell.value);
            records.resize(records.size() + bytes);
            std::byte* to = put_row_header(records.data() + records.size() - bytes, bytes, row.kind, 0,
                                           row.cells.size(), row.step, row.ms * ns_per_ms + 999);
            for (const Cell& cell : row.cells) to = put_cell(to, cell.metric, cell.value);
            ends.push_back(records.size());
        }
        const Bytes expected = block_of(writer, logged);
        std::size_t at = 0;
        while (at < logged.size()) {
            const std::size_t from = at == 0 ? 0 : ends[at - 1],
                              most = static_cast<std::size_t>(1 + random() % 5);
            const AlikeRows taken = writer.add_alike(std::span{records}.subspan(from), most);
            REQUIRE(taken.size() <= most);
            alike += taken.size();
            at += taken.size();
            if (taken.size() != 0) continue;
            const Logged& row = logged[at++];
            writer.add(row.kind, row.step, row.ms * ns_per_ms + 999, row.cells);
        }
        Bytes block;
        writer.write(block);
        REQUIRE(block == expected);
    }
    CHECK(alike > 1000);
}

TEST_CASE("only whole rows like the one before are taken from their records", "[store][row_block]") {
    const std::vector<Cell> numbers{{3, Value{1.5}}, {4, Value{2.5}}};
    std::vector<Cell> cells = numbers;
    constexpr std::size_t bytes = row_header_bytes + 2 * cell_bytes;
    Bytes records(2 * bytes);
    const auto put_rows = [&](RecordKind kind, std::uint8_t flags) {
        for (std::size_t i = 0; i < 2; ++i) {
            std::byte* to = put_row_header(records.data() + i * bytes, bytes, kind, flags, 2, 7, 0);
            for (const Cell& cell : cells) to = put_cell(to, cell.metric, cell.value);
        }
    };
    const auto taken = [&](std::size_t size, std::size_t most) {
        BlockWriter writer;
        CHECK(writer.add_alike(records, 9).size() == 0);  // there is none before
        writer.add(RecordKind::row, 5, 0, cells);
        CHECK(writer.add_alike(records, 9).size() == 0);  // one is no stretch
        writer.add(RecordKind::row, 6, 0, cells);
        return writer.add_alike(std::span{records}.first(size), most).size();
    };
    put_rows(RecordKind::row, 0);
    CHECK(taken(2 * bytes, 9) == 2);
    CHECK(taken(2 * bytes - 1, 9) == 1);
    CHECK(taken(bytes - 1, 9) == 0);
    CHECK(taken(0, 9) == 0);
    CHECK(taken(2 * bytes, 1) == 1);
    CHECK(taken(2 * bytes, 0) == 0);
    // Any other bit in what tells the shape, of the second row.
    for (std::size_t at = 0; at < bytes; ++at) {
        const bool is_free = (at >= 16 && at < row_header_bytes) ||
                             (at >= row_header_bytes && (at - row_header_bytes) % cell_bytes >= 8);
        INFO("byte " << at);
        records[bytes + at] ^= std::byte{1};
        CHECK(taken(2 * bytes, 9) == (is_free ? 2U : 1U));
        records[bytes + at] ^= std::byte{1};
    }
    const std::vector<Cell> others{{3, Value{-1}}, {4, Value{true}}}, texts{{3, Value{1.5}}, {4, Value{""}}};
    for (const auto& [row, expected] : {std::pair{&others, 2U}, std::pair{&texts, 0U}}) {
        cells = *row;
        put_rows(RecordKind::row, 0);
        CHECK(taken(2 * bytes, 9) == expected);
    }
    cells = numbers;
    put_rows(RecordKind::event, 0);
    CHECK(taken(2 * bytes, 9) == 0);
    put_rows(RecordKind::row, row_continues);
    CHECK(taken(2 * bytes, 9) == 0);

    BlockWriter full;
    for (std::size_t i = 0; i + 1 < max_block_rows; ++i) full.add(RecordKind::row, 0, 0, cells);
    put_rows(RecordKind::row, 0);
    CHECK(full.add_alike(records, 9).size() == 1);
    CHECK(full.add_alike(records, 9).size() == 0);
}

TEST_CASE("a block has room for so many rows and cells and no more", "[store][row_block]") {
    BlockWriter writer;
    std::vector<Logged> rows(max_block_rows);
    const Bytes block = block_of(writer, rows);
    CHECK(come_back(block, rows) == static_cast<std::ptrdiff_t>(max_block_rows));
    for (std::size_t i = 0; i < max_block_rows; ++i) writer.add(RecordKind::row, 0, 0, {});
    CHECK_FALSE(writer.has_room(0));
    Bytes sink;
    writer.write(sink);
    CHECK(writer.has_room(max_block_cells));
    CHECK_FALSE(writer.has_room(max_block_cells + 1));
}

TEST_CASE("a row of a regular run takes few bytes", "[store][row_block]") {
    std::mt19937_64 random{2};
    std::normal_distribution<double> gauss;
    BlockWriter writer;
    constexpr std::size_t count = 1000;
    std::vector<Logged> rows(count);
    double time = 1.7e12;
    for (std::size_t i = 0; i < count; ++i) {
        time += 12.345 * (1 + 0.05 * (static_cast<double>(random() % 2001) / 1000 - 1));
        rows[i].step = static_cast<std::int64_t>(i);
        rows[i].ms = static_cast<std::int64_t>(time);
        rows[i].cells = {{0, Value{static_cast<float>(0.7 * (1 + 0.05 * gauss(random)))}}};
    }
    const Bytes block = block_of(writer, rows);
    CHECK(come_back(block, rows) == static_cast<std::ptrdiff_t>(count));
    CHECK(static_cast<double>(block.size()) / count < 3.3);
}

TEST_CASE("what a block has of each metric is what its rows say, one by one", "[store][row_block]") {
    std::mt19937_64 random{3};
    std::deque<std::string> texts;
    const auto number = [&] {
        const double nan = std::numeric_limits<double>::quiet_NaN();
        return random() % 5 == 0 ? nan : static_cast<double>(random() % 100) - 50;
    };
    for (int round = 0; round < 200; ++round) {
        std::vector<Logged> rows(static_cast<std::size_t>(1 + random() % 20));
        std::int64_t step = 0;
        const bool repeats = round % 3 == 1;  // metric 7 stands twice in a row
        for (Logged& row : rows) {
            row.step = step += static_cast<std::int64_t>(random() % 4) - 1;
            row.ms = static_cast<std::int64_t>(random() % 1000);
            row.cells = {{7, Value{number()}}, {3, Value{std::int64_t{row.ms}}}};
            row.cells.push_back({repeats ? 7U : 9U, Value{number()}});
        }
        if (round % 3 == 2) rows = random_rows(random, rows.size(), texts);
        std::map<std::uint32_t, SeriesNode> wanted;
        BlockWriter writer;
        for (const Logged& row : rows) {
            writer.add(row.kind, row.step, row.ms * ns_per_ms, row.cells);
            for (const Cell& cell : row.cells) {
                if (has_series(row.kind) && !cell.value.is_text())
                    wanted[cell.metric].add(row.step, row.ms, cell.value.number());
            }
        }
        writer.summarize([&](std::uint32_t metric, const SeriesNode& node) {
            const SeriesNode& by_row = wanted.at(metric);
            CHECK(node.count() == by_row.count());
            CHECK(node.restarts == by_row.restarts);
            CHECK(node.first_step == by_row.first_step);
            CHECK(node.last_step == by_row.last_step);
            CHECK((node.min_step == by_row.min_step && node.max_step == by_row.max_step));
            CHECK((node.min_ms == by_row.min_ms && node.max_ms == by_row.max_ms));
            CHECK(same(Value{node.min}, Value{by_row.min}));
            CHECK(same(Value{node.max}, Value{by_row.max}));
            CHECK(same(Value{node.last}, Value{by_row.last}));
            wanted.erase(metric);
        });
        CHECK(wanted.empty());
    }
}

TEST_CASE("a block tells only times that are some in nanoseconds too", "[store][row_block]") {
    const auto is_read = [](std::int64_t ms) {
        Bytes bytes;
        ByteWriter out{bytes};
        Packer packer;
        const std::vector<std::int64_t> steps{1, 2}, times{0, ms};
        out.varint(2);
        packer.pack(std::span<const std::int64_t>{steps}, bytes);
        packer.pack(std::span<const std::int64_t>{times}, bytes);
        out.varint(1);  // group, of rows without cells
        out.byte(static_cast<std::uint64_t>(RecordKind::row));
        out.varint(0);
        BlockReader reader;
        return reader.read(bytes, [](auto&&...) {});
    };
    constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
    for (const std::int64_t ms :
         {std::int64_t{1}, std::int64_t{-1}, std::int64_t{1} << 43, most_ms, -most_ms})
        CHECK(is_read(ms));
    for (const std::int64_t ms : {most_ms + 1, -most_ms - 1, std::int64_t{1} << 44, least, -(least + 1)})
        CHECK_FALSE(is_read(ms));
}

TEST_CASE("a damaged block is refused or other rows, never harm", "[store][row_block]") {
    std::mt19937_64 random{3};
    std::deque<std::string> texts;
    const std::vector<Logged> rows = random_rows(random, 60, texts);
    BlockWriter writer;
    const Bytes block = block_of(writer, rows);
    for (std::size_t size = 0; size < block.size(); ++size) {
        const Bytes cut{block.begin(), block.begin() + static_cast<std::ptrdiff_t>(size)};
        INFO(size);
        REQUIRE(come_back(cut, rows) == -1);
    }
    Bytes longer = block;
    longer.push_back(std::byte{0});
    CHECK(come_back(longer, rows) == -1);
    Bytes hostile;  // two rows of 2^63 cells each, 2^64 in all
    ByteWriter out{hostile};
    Packer packer;
    const std::vector<std::int64_t> two(2);
    out.varint(two.size());
    packer.pack(std::span<const std::int64_t>{two}, hostile);
    packer.pack(std::span<const std::int64_t>{two}, hostile);
    out.varint(1);
    out.byte(static_cast<std::uint64_t>(RecordKind::row));
    out.varint(std::uint64_t{1} << 63U);
    CHECK(come_back(hostile, rows) == -1);
    for (std::size_t at = 0; at < block.size(); ++at) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            Bytes changed = block;
            changed[at] ^= static_cast<std::byte>(1U << bit);
            (void)come_back(changed, rows);  // the sanitizers look on; a frame's checksum tells it
        }
    }
    for (int round = 0; round < 3000; ++round) {
        Bytes noise(static_cast<std::size_t>(random() % 300));
        for (std::byte& one : noise) one = static_cast<std::byte>(random() % (round % 2 == 0 ? 256 : 8));
        (void)come_back(noise, rows);
    }
}

TEST_CASE("a metric of a block has what its rows say, whatever the reader has read before",
          "[store][row_block]") {
    const auto row = [](std::int64_t step, std::vector<Cell> cells, RecordKind kind = RecordKind::row) {
        return Logged{kind, step, 10 * step, std::move(cells)};
    };
    const std::vector<std::vector<Logged>> blocks{{row(1, {{7, Value{0.5}}}), row(2, {{7, Value{1.5}}})},
                                                  {},
                                                  {row(3, {{7, Value{2}}, {8, Value{"text"}}}),
                                                   row(4, {{7, Value{2.5}}}),
                                                   row(5, {{7, Value{9.0}}}, RecordKind::event),
                                                   row(6, {{7, Value{"text"}}}), row(7, {{9, Value{1.0}}})},
                                                  {row(8, {{7, Value{3.5}}, {7, Value{4.5}}})},
                                                  {row(9, {{8, Value{1.0}}})}};
    const std::vector<std::vector<std::pair<std::int64_t, double>>> expected{
        {{1, 0.5}, {2, 1.5}}, {}, {{3, 2}, {4, 2.5}}, {{8, 3.5}, {8, 4.5}}, {}};
    MetricReader reader;  // of all: it keeps its memory
    for (const std::size_t i : {0U, 1U, 2U, 1U, 3U, 0U, 4U, 2U, 1U}) {
        BlockWriter writer;
        const Bytes bytes = block_of(writer, blocks[i]);
        const auto values = reader.read(bytes, 7);
        REQUIRE(values);
        REQUIRE((values->steps.size() == expected[i].size() && values->ms.size() == expected[i].size() &&
                 values->numbers.size() == expected[i].size()));
        for (std::size_t k = 0; k < expected[i].size(); ++k) {
            CHECK(std::pair{values->steps[k], values->numbers[k]} == expected[i][k]);
            CHECK(values->ms[k] == 10 * values->steps[k]);
        }
    }
}

}  // namespace row_block_test
