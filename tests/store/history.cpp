// SPDX-License-Identifier: MIT
#include <cairn/store/history.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace history_test {

using namespace cairn::detail;
using cairn::NamedValue;
using cairn::Value;
using cairn_test::TempDir;

namespace {

struct Seen {
    std::int64_t step = 0;
    std::map<std::string, double> numbers;
    std::string text;
    bool operator==(const Seen&) const = default;
};

cairn::result<HistoryReport> read_all(const std::filesystem::path& dir, std::vector<Seen>& rows) {
    rows.clear();
    return read_history(dir, [&](std::int64_t step, std::int64_t, std::span<const NamedValue> values) {
        Seen& row = rows.emplace_back(Seen{step, {}, {}});
        for (const NamedValue& v : values) {
            if (v.value.is_text()) row.text += v.value.text();
            if (!v.value.is_text()) row.numbers[std::string{v.name}] = v.value.number();
        }
    });
}

using Bytes = std::vector<std::byte>;

Bytes name_record(std::uint32_t id, std::string_view name) {
    Bytes out(name_record_size(name));
    put_name(out.data(), id, name);
    return out;
}
struct CellIn {
    std::uint32_t id;
    Value value;
};
Bytes row_record(std::int64_t step, const std::vector<CellIn>& cells, std::uint8_t flags = 0) {
    std::size_t bytes = row_header_bytes;
    for (const CellIn& c : cells) bytes += cell_size(c.value);
    Bytes out(bytes);
    std::byte* to = put_row_header(out.data(), bytes, RecordKind::row, flags, cells.size(), step, 1);
    for (const CellIn& c : cells) to = put_cell(to, c.id, c.value);
    return out;
}
Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

void append(HistoryWriter& history, std::uint32_t ring, std::uint64_t from, const Bytes& records) {
    history.append({FrameKind::records, ring, from, from + records.size(), records}).value();
}
// A frame of packed rows, with the names of what they use.
void append_packed(HistoryWriter& history, std::uint32_t ring, std::uint64_t from,
                   const std::vector<std::pair<std::int64_t, std::vector<Cell>>>& rows,
                   const std::map<std::uint32_t, std::string>& names) {
    BlockWriter block;
    for (const auto& [step, cells] : rows) block.add(RecordKind::row, step, 5 * ns_per_ms, cells);
    Bytes packed, payload;
    block.write(packed);
    ByteWriter out{payload};
    out.varint(names.size());
    BasicNameWriter<> writer;
    for (const auto& [metric, name] : names) writer.put(out, metric, name);
    out.varint(packed.size());
    payload = payload + packed;
    history.append({FrameKind::packed, ring, from, from + 96, payload}).value();
}

// A few frames of two rings, with a text and a row in two pieces.
void write_sample(const std::filesystem::path& dir) {
    auto history = HistoryWriter::open(dir / history_file, 0).value();
    const Bytes first =
        name_record(0, "x") + name_record(1, "note") + row_record(0, {{0, 1.5}, {1, "hello"}});
    append(history, 0, 0, first);
    const Bytes second =
        name_record(0, "x") + row_record(10, {{0, 7}}) + row_record(11, {{0, 8}}, row_continues);
    append(history, 1, 0, second);
    append(history, 1, second.size(), row_record(11, {{0, 9}}, row_is_continued));
    append_packed(history, 0, first.size(), {{1, {{0, Value{2.5}}}}}, {{0, "x"}});
}

std::string read_text(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}
void write_text(const std::filesystem::path& path, std::string_view text) {
    std::ofstream{path, std::ios::binary} << text;
}

// Every row of `part` is one of `whole`, in the same order; a row may lack values.
bool is_part_of(const std::vector<Seen>& part, const std::vector<Seen>& whole) {
    auto at = whole.begin();
    for (const Seen& row : part) {
        at = std::find_if(at, whole.end(), [&](const Seen& candidate) {
            if (candidate.step != row.step || (!row.text.empty() && row.text != candidate.text)) return false;
            return std::all_of(row.numbers.begin(), row.numbers.end(), [&](const auto& v) {
                const auto same = candidate.numbers.find(v.first);
                // Of a row in two pieces the first may be all that is left.
                return same != candidate.numbers.end() && (same->second == v.second || row.step == 11);
            });
        });
        if (at == whole.end()) return false;
        ++at;
    }
    return true;
}

// A ring file as a killed process leaves it.
struct RingFile {
    explicit RingFile(std::uint32_t id) : ring{Ring::create(bytes(), id)} {}
    std::byte* bytes() { return lines[0].bytes; }
    RingHeader& header() { return *reinterpret_cast<RingHeader*>(bytes()); }
    void put(const Bytes& record) {
        REQUIRE((ring.has_room(record.size()) || ring.advance(record.size())));
        std::memcpy(ring.end(), record.data(), record.size());
        ring.commit(record.size());
    }
    void write(const std::filesystem::path& path) {
        std::filesystem::create_directories(path.parent_path());
        write_text(path, {reinterpret_cast<const char*>(bytes()), ring_file_bytes});
    }
    struct alignas(64) Line {
        std::byte bytes[64];
    };
    std::vector<Line> lines{ring_file_bytes / sizeof(Line)};
    Ring ring;
};

}  // namespace

TEST_CASE("a metric of any number is read, and takes the memory of its name alone", "[store][history]") {
    constexpr std::uint32_t number = std::numeric_limits<std::uint32_t>::max();
    Bytes records = name_record(number, "x");
    const Bytes row = row_record(1, {{number, Value{0.5}}, {3, Value{1.0}}});
    records.insert(records.end(), row.begin(), row.end());
    HistoryReport report;
    RowAssembler assembler;
    std::vector<Seen> rows;
    assembler.feed(0, records, report,
                   [&](std::int64_t step, std::int64_t, std::span<const NamedValue> values) {
                       REQUIRE(values.size() == 1);
                       rows.push_back({step, {{std::string{values[0].name}, values[0].value.number()}}, {}});
                   });
    CHECK(rows == std::vector<Seen>{{1, {{"x", 0.5}}, ""}});
}

TEST_CASE("packed rows and records of several rings are read in the order of each", "[store][history]") {
    const TempDir dir;
    auto history = HistoryWriter::open(dir / history_file, 0).value();
    // Each ring numbers its metrics as it likes, and a frame of packed rows can be read alone.
    append(history, 0, 0, name_record(0, "x") + row_record(0, {{0, 1}}, row_continues));
    append_packed(history, 1, 0, {{5, {{0, Value{0.5}}, {7, Value{"text"}}}}, {6, {{0, Value{0.25}}}}},
                  {{0, "loss"}, {7, "note"}});
    append_packed(history, 0, 72, {{1, {{0, Value{2.0}}}}, {2, {{3, Value{1.0}}}}}, {{3, "y"}});
    append(history, 1, 96, row_record(7, {{0, 3}}));
    std::vector<Seen> rows;
    const auto report = read_all(dir.path(), rows);
    REQUIRE(report);
    const std::vector<Seen> expected{{5, {{"loss", 0.5}}, "text"},
                                     {6, {{"loss", 0.25}}, ""},  // that of step 0 has no end
                                     {1, {{"x", 2}}, ""},
                                     {2, {{"y", 1}}, ""},
                                     {7, {{"loss", 3}}, ""}};
    CHECK(rows == expected);
    CHECK((report->rows == 5 && report->damaged == 0));
    // A ring that holds what the history has already, and more.
    RingFile ring{1};
    for (int i = 0; i < 12; ++i) ring.put(name_record(0, "loss"));
    ring.put(row_record(8, {{0, 4}}));
    ring.write(dir.path() / "journal/1.ring");
    REQUIRE(read_all(dir.path(), rows));
    CHECK(rows.size() == 6);
    CHECK(rows.back() == Seen{8, {{"loss", 4}}, ""});
}

TEST_CASE("a frame whose block is none is a gap, its neighbours are read", "[store][history]") {
    const TempDir dir;
    auto history = HistoryWriter::open(dir / history_file, 0).value();
    append_packed(history, 0, 0, {{1, {{0, Value{1.0}}}}}, {{0, "x"}});
    const Bytes none(GENERATE(0U, 1U, 9U, 64U), std::byte{0xff});
    history.append({FrameKind::packed, 0, 96, 192, none}).value();
    append_packed(history, 0, 192, {{2, {{0, Value{2.0}}}}}, {{0, "x"}});
    std::vector<Seen> rows;
    const auto report = read_all(dir.path(), rows);
    REQUIRE(report);
    CHECK(rows == std::vector<Seen>{{1, {{"x", 1}}, ""}, {2, {{"x", 2}}, ""}});
    CHECK(report->damaged == 1);
}

TEST_CASE("a history of the first version is read, and goes on in the new one", "[store][history]") {
    const TempDir dir;
    write_sample(dir.path());
    std::string whole = read_text(dir / history_file);
    whole[8] = 1;
    write_text(dir / history_file, whole);
    std::vector<Seen> rows;
    auto report = read_all(dir.path(), rows);
    REQUIRE(report);
    CHECK((rows.size() == 4 && report->damaged == 0));
    auto history = HistoryWriter::open(dir / history_file, report->whole_bytes).value();
    append_packed(history, 2, 0, {{9, {{0, Value{1.0}}}}}, {{0, "x"}});
    REQUIRE(read_all(dir.path(), rows));
    CHECK(rows.size() == 5);
    CHECK(read_text(dir / history_file)[8] == 3);
}

TEST_CASE("a run without a history has no rows", "[store][history]") {
    const TempDir dir;
    std::vector<Seen> rows;
    const auto report = read_all(dir.path(), rows);
    REQUIRE(report);
    CHECK((rows.empty() && report->next_ring == 0 && report->whole_bytes == 0));
}

TEST_CASE("rows are read in the order of their frames, and a row in two pieces is one", "[store][history]") {
    const TempDir dir;
    write_sample(dir.path());
    std::vector<Seen> rows;
    const auto report = read_all(dir.path(), rows);
    REQUIRE(report);
    const std::vector<Seen> expected{
        {0, {{"x", 1.5}}, "hello"}, {10, {{"x", 7}}, ""}, {11, {{"x", 9}}, ""}, {1, {{"x", 2.5}}, ""}};
    CHECK(rows == expected);
    CHECK((report->rows == 4 && report->folded == 0 && report->damaged == 0 && report->torn_bytes == 0));
    CHECK(report->next_ring == 2);
    CHECK(report->whole_bytes == std::filesystem::file_size(dir / history_file));
}

TEST_CASE("a history cut off at any byte gives its first rows or an error", "[store][history]") {
    const TempDir dir;
    write_sample(dir.path());
    const std::string whole = read_text(dir / history_file);
    std::vector<Seen> all, rows;
    REQUIRE(read_all(dir.path(), all));
    std::size_t before = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO("cut to " << size);
        write_text(dir / history_file, whole.substr(0, size));
        const auto report = read_all(dir.path(), rows);
        if (size > 0 && size < history_header_bytes) {
            REQUIRE_FALSE(report);
            CHECK(report.error().code() == cairn::errc::corrupt);
            continue;
        }
        REQUIRE(report);
        REQUIRE(rows.size() >= before);
        CHECK(std::equal(rows.begin(), rows.end(), all.begin()));
        CHECK(report->whole_bytes + report->torn_bytes == size);
        before = rows.size();
    }
    CHECK(before == all.size() - 1);
}

TEST_CASE("a history with one damaged bit gives some of its rows, unchanged, or an error",
          "[store][history]") {
    const TempDir dir;
    write_sample(dir.path());
    const std::string whole = read_text(dir / history_file);
    std::vector<Seen> all, rows;
    REQUIRE(read_all(dir.path(), all));
    std::size_t errors = 0, wrong = 0, unnoticed = 0;
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        std::string damaged = whole;
        damaged[bit / 8] =
            static_cast<char>(static_cast<unsigned char>(damaged[bit / 8]) ^ (1U << (bit % 8)));
        write_text(dir / history_file, damaged);
        const auto report = read_all(dir.path(), rows);
        if (!report) {
            ++errors;
            continue;
        }
        if (!is_part_of(rows, all)) ++wrong;
        // Past the file's header everything is under a checksum.
        const bool noticed = rows != all || report->damaged + report->torn_bytes != 0;
        if (bit / 8 >= history_header_bytes && !noticed) ++unnoticed;
    }
    CHECK(wrong == 0);
    CHECK(unnoticed == 0);
    CHECK(errors >= 8 * 8);  // the magic
    write_text(dir / history_file, whole);
}

TEST_CASE("a history of a newer version is refused, not guessed at", "[store][history]") {
    const TempDir dir;
    write_sample(dir.path());
    std::string whole = read_text(dir / history_file);
    whole[8] = history_version + 1;
    write_text(dir / history_file, whole);
    std::vector<Seen> rows;
    const auto report = read_all(dir.path(), rows);
    REQUIRE_FALSE(report);
    CHECK(report.error().code() == cairn::errc::unsupported);
    CHECK(rows.empty());
}

TEST_CASE("what a ring still holds is folded in once, even if the history has part of it",
          "[store][history]") {
    const TempDir dir;
    RingFile ring{4};
    const Bytes first = name_record(0, "x") + row_record(0, {{0, 1}});
    ring.put(name_record(0, "x"));
    ring.put(row_record(0, {{0, 1}}));
    ring.put(row_record(1, {{0, 2}}));
    ring.put(row_record(2, {{0, 3}}));
    ring.write(dir.path() / "journal/4.ring");
    auto history = HistoryWriter::open(dir / history_file, 0).value();
    // Written, but the process was killed before it released the ring.
    append(history, 4, 0, first);

    std::vector<Seen> rows;
    auto report = read_all(dir.path(), rows);
    REQUIRE(report);
    const std::vector<Seen> expected{{0, {{"x", 1}}, ""}, {1, {{"x", 2}}, ""}, {2, {{"x", 3}}, ""}};
    CHECK(rows == expected);
    CHECK((report->folded == 2 && report->next_ring == 5));

    const auto ignore = [](std::int64_t, std::int64_t, std::span<const NamedValue>) {};
    REQUIRE(recover_history(dir.path(), ignore));
    CHECK(std::filesystem::is_empty(dir / "journal"));
    report = read_all(dir.path(), rows);
    REQUIRE(report);
    CHECK(rows == expected);
    CHECK((report->folded == 0 && report->next_ring == 5));
    // A ring file that could not be removed is not counted again.
    ring.write(dir.path() / "journal/4.ring");
    REQUIRE(recover_history(dir.path(), ignore));
    REQUIRE(read_all(dir.path(), rows));
    CHECK(rows == expected);
}

TEST_CASE("recovery cuts a torn tail, so that what is written next can be read", "[store][history]") {
    const TempDir dir;
    write_sample(dir.path());
    const std::string whole = read_text(dir / history_file);
    write_text(dir / history_file, whole.substr(0, whole.size() - 3));
    auto report = recover_history(dir.path(), [](std::int64_t, std::int64_t, std::span<const NamedValue>) {});
    REQUIRE(report);
    auto writer = HistoryWriter::open(dir / history_file, report->whole_bytes).value();
    append(writer, report->next_ring, 0, name_record(0, "x") + row_record(99, {{0, 1}}));
    std::vector<Seen> rows;
    const auto after = read_all(dir.path(), rows);
    REQUIRE(after);
    CHECK(rows.size() == 4);
    CHECK(rows.back().step == 99);
    CHECK((after->damaged == 0 && after->torn_bytes == 0));
}

TEST_CASE("a ring file that is damaged anywhere is passed over or read in part", "[store][history]") {
    const TempDir dir;
    RingFile ring{1};
    ring.put(name_record(0, "x"));
    ring.put(row_record(0, {{0, 1}, {0, "text"}}));
    ring.put(row_record(1, {{0, 2}}));
    const auto path = dir.path() / "journal/1.ring";
    ring.write(path);
    const std::string whole = read_text(path);
    std::vector<Seen> rows;
    REQUIRE(read_all(dir.path(), rows));
    CHECK(rows.size() == 2);
    const auto used = ring_header_bytes + 256;
    for (std::size_t at = 0; at < used; at = at == sizeof(RingHeader) ? ring_header_bytes : at + 1) {
        for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ flip);
            write_text(path, damaged);
            CHECK(read_all(dir.path(), rows));
            CHECK(rows.size() <= 2);
        }
    }
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{191}, std::size_t{4096}, whole.size() - 1}) {
        write_text(path, whole.substr(0, size));
        CHECK(read_all(dir.path(), rows));
        CHECK(rows.empty());
    }
    // Positions no ring can have.
    for (const auto& [head, tail] : {std::pair<std::uint64_t, std::uint64_t>{8, 16},
                                     {~std::uint64_t{0}, 0},
                                     {ring_capacity + 8, 0},
                                     {~std::uint64_t{0}, ~std::uint64_t{0} - 24},
                                     {17, 0},  // within a record, which would end in another's bytes
                                     {24, 4}}) {
        ring.header().head = head;
        ring.header().tail = tail;
        ring.write(path);
        const auto read = read_all(dir.path(), rows);
        REQUIRE(read);
        CHECK((read->unread.size() == 1 && rows.empty()));
    }
}

TEST_CASE("a ring that cannot be read is reported, kept, and never thrown away", "[store][history]") {
    const TempDir dir;
    write_sample(dir.path());
    RingFile ring{6};
    ring.put(name_record(0, "x"));
    ring.put(row_record(50, {{0, 1}}));
    const auto path = dir.path() / "journal/6.ring";
    ring.write(path);
    const std::string whole = read_text(path);
    const auto ignore = [](std::int64_t, std::int64_t, std::span<const NamedValue>) {};
    std::vector<Seen> rows;

    SECTION("one of a newer version stops the recovery: that version can read it") {
        ring.header().version = RingHeader::current_version + 1;
        ring.write(path);
        const auto seen = read_all(dir.path(), rows);
        REQUIRE(seen);
        CHECK((rows.size() == 4 && seen->next_ring == 7));
        REQUIRE(seen->unread.size() == 1);
        CHECK(seen->unread[0].code() == cairn::errc::unsupported);
        const auto recovered = recover_history(dir.path(), ignore);
        REQUIRE_FALSE(recovered);
        CHECK(recovered.error().code() == cairn::errc::unsupported);
        CHECK(std::filesystem::exists(path));
        // Nothing was changed: when the reason is gone, the row is there.
        ring.header().version = RingHeader::current_version;
        ring.write(path);
        REQUIRE(recover_history(dir.path(), ignore));
        REQUIRE(read_all(dir.path(), rows));
        CHECK(rows.back().step == 50);
    }
    SECTION("a damaged one is kept under another name, whose number is not given again") {
        std::string damaged = whole;
        const bool cut = GENERATE(false, true);
        if (cut) damaged.resize(60'000);
        if (!cut) damaged[3] = 'x';
        write_text(path, damaged);
        const auto recovered = recover_history(dir.path(), ignore);
        REQUIRE(recovered);
        REQUIRE(recovered->unread.size() == 1);
        CHECK(recovered->unread[0].code() == cairn::errc::corrupt);
        CHECK((recovered->rows == 4 && recovered->next_ring == 7));
        CHECK_FALSE(std::filesystem::exists(path));
        CHECK(read_text(path.string() + ".damaged") == damaged);
        const auto again = recover_history(dir.path(), ignore);
        REQUIRE(again);
        CHECK((again->unread.empty() && again->next_ring == 7));
        CHECK(read_text(path.string() + ".damaged") == damaged);
    }
    SECTION("a file that never became a ring held nothing") {
        write_text(path, std::string(GENERATE(std::size_t{0}, std::size_t{4096}, ring_file_bytes), '\0'));
        const auto recovered = recover_history(dir.path(), ignore);
        REQUIRE(recovered);
        CHECK((recovered->unread.empty() && recovered->next_ring == 7));
        CHECK(std::filesystem::is_empty(dir / "journal"));
    }
    SECTION("what others put into the journal's folder stays") {
        write_text(dir / "journal/notes.txt", "mine");
        REQUIRE(recover_history(dir.path(), ignore));
        CHECK(read_text(dir / "journal/notes.txt") == "mine");
    }
}

TEST_CASE("a tail that was torn off without a ring to make up for it counts as damage", "[store][history]") {
    const TempDir dir;
    write_sample(dir.path());
    const std::string whole = read_text(dir / history_file);
    write_text(dir / history_file, whole.substr(0, whole.size() - 3));
    const auto report =
        recover_history(dir.path(), [](std::int64_t, std::int64_t, std::span<const NamedValue>) {});
    REQUIRE(report);
    CHECK(report->damaged == 1);
}

TEST_CASE("what is missing between a ring's stretches is told, and what a kill tears off is not missing",
          "[store][history]") {
    const TempDir dir;
    const auto packed = [](HistoryWriter& history, std::uint64_t from, std::int64_t step) {
        append_packed(history, 0, from, {{step, {{0, Value{1.0}}}}}, {{0, "x"}});
    };
    std::vector<Seen> rows;
    RingFile ring{0};  // as the second of two frames was written and not released
    for (int i = 0; i < 4; ++i) ring.put(name_record(0, "x"));
    for (int i = 0; i < 6; ++i) ring.put(row_record(1, {{0, 1}}));
    ring.header().tail = 96;
    std::uintmax_t first_end = 0;
    {
        auto history = HistoryWriter::open(dir / history_file, 0).value();
        packed(history, 0, 0);
        first_end = history.bytes();
        packed(history, 96, 1);
    }
    SECTION("a stretch that no frame has") {
        auto history = HistoryWriter::open(dir / history_file, static_cast<std::size_t>(first_end)).value();
        packed(history, 192, 2);
        CHECK((read_all(dir.path(), rows)->damaged == 1 && rows.size() == 2));
    }
    SECTION("a stretch that neither a frame nor the ring has") {
        ring.header().tail = 192 + 48;
        ring.write(dir.path() / "journal/0.ring");
        CHECK(read_all(dir.path(), rows)->damaged == 1);
    }
    SECTION("a torn frame whose rows are in the ring") {
        ring.write(dir.path() / "journal/0.ring");
        std::filesystem::resize_file(dir / history_file, std::filesystem::file_size(dir / history_file) - 8);
        const auto report = read_all(dir.path(), rows);
        CHECK((report->damaged == 0 && report->torn_bytes != 0));
    }
    SECTION("a torn frame whose rows are gone, though the ring has later ones") {
        ring.header().tail = 192 + 48;
        ring.write(dir.path() / "journal/0.ring");
        std::filesystem::resize_file(dir / history_file, std::filesystem::file_size(dir / history_file) - 8);
        CHECK(read_all(dir.path(), rows)->damaged == 1);
    }
}

TEST_CASE("a copy of a ring that somebody made is no ring", "[store][history]") {
    const TempDir dir;
    RingFile ring{0};
    ring.put(name_record(0, "x"));
    ring.put(row_record(1, {{0, 1}}));
    for (const char* name : {"0.ring", "0.ring.bak", "0.ring~", "00.ring", "4294967295.ring", "x.ring"})
        ring.write(dir.path() / "journal" / name);
    std::vector<Seen> rows;
    const auto report = read_all(dir.path(), rows);
    CHECK((rows.size() == 1 && report->next_ring == 1 && report->unread.empty()));
}

TEST_CASE("bytes that look like frames everywhere do not keep a reader for long", "[store][history]") {
    const TempDir dir;
    std::vector<std::byte> file(3 << 20);
    for (std::size_t at = 16; at + 8 <= file.size(); at += 8)
        put(file.data() + at, static_cast<std::uint64_t>(FrameKind::records) | std::uint64_t{1 << 20} << 32U);
    std::memcpy(file.data(), history_magic.data(), history_magic.size());
    put(file.data() + 8, history_version);
    FrameReader frames{file};
    Frame frame;
    CHECK_FALSE(frames.next(frame));  // hours, if each were looked at
}

TEST_CASE("a frame that no reader would take is not written", "[store][history]") {
    const TempDir dir;
    auto history = HistoryWriter::open(dir / history_file, 0).value();
    const Bytes large(max_frame_bytes + 8);
    CHECK_FALSE(history.append({FrameKind::records, 0, 0, 8, large}));
    CHECK(history.append({FrameKind::records, 0, 0, 8, std::span{large}.first(max_frame_bytes)}));
    std::vector<Seen> rows;
    CHECK(read_all(dir.path(), rows)->torn_bytes == 0);
}

}  // namespace history_test
