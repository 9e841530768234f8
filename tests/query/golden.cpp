// SPDX-License-Identifier: MIT
// The histories in tests/store/golden, which every later version and every machine must read: `v1` has frames
// of records alone, `v2` packed ones with whole names and an index that is not read any more, `v3` what is
// written today. rows.json beside each has the rows. Ring files are left out: they are in the order of bytes
// of the machine that wrote them.
//
// After the format was changed on purpose, with a new version: cairn_test_query "[.write_golden]"
#include <cairn/query/runs.hpp>
#include <cairn/store/index_entry.hpp>

#include "support/catch.hpp"
#include "support/small_run.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace golden_test {

using namespace cairn_test;
using cairn::Value;
using cairn::detail::RecordKind;
using Json = nlohmann::ordered_json;

namespace {

const std::filesystem::path golden = CAIRN_TEST_DIR "/store/golden";
constexpr std::int64_t ms = cairn::detail::ns_per_ms;
constexpr std::int64_t start_ns = 1'700'000'000'000 * ms;
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = ~least;

double number_of(std::uint64_t bits) { return std::bit_cast<double>(bits); }

// Numbers that no library computes: they are the same on every machine.
constexpr std::array<double, 8> decimals = {0.1, 2.5, -3.14159, 100, 0.007, 1e-7, 12345.678, -0.25};
constexpr std::array<float, 6> singles = {0.1F, 1.0F / 3, -2.7182817F, 3e-30F, 1e30F, 0.693F};
const std::array<double, 14> odd = {0.0,
                                    -0.0,
                                    std::numeric_limits<double>::infinity(),
                                    -std::numeric_limits<double>::infinity(),
                                    number_of(0x7ff8000000000000),  // NaNs
                                    number_of(0xfff8dead0000beef),
                                    5e-324,
                                    number_of(0x800fffffffffffff),  // denormal
                                    std::numeric_limits<double>::min(),
                                    std::numeric_limits<double>::max(),
                                    1e-45F,
                                    9007199254740993.0,
                                    1e15,
                                    1.0 / 3};
// A multiplicative congruence: every bit of it is used.
std::uint64_t noise(std::uint64_t n) { return (n + 1) * 0x9e3779b97f4a7c15; }

void write_first(SmallRun& run) {
    run.log({0, RecordKind::row, 0, start_ns, {{"loss", Value{2.5}}, {"note", Value{"begun"}}}});
    run.log({0, RecordKind::row, 1, start_ns + 1, {{"loss", Value{odd[5]}}, {"n", Value{-7}}}});
    run.write_records(0);
    run.log({1, RecordKind::row, -1, start_ns - 1, {{"n", Value{~std::uint64_t{0}}}, {"ok", Value{true}}}});
    run.log({1, RecordKind::row, most, start_ns, {{"loss", Value{1}}, {"ok", Value{2}}, {"", Value{3}}}}, 1);
    run.log({1, RecordKind::event, 4, start_ns, {{"kind", Value{"noted"}}, {"flags", Value{2U}}}});
    run.write_records(1);
    run.log({0, RecordKind::row, 1, start_ns + 2, {}});
    run.write_records(0);
}

void write_second(SmallRun& run) {
    const auto at = [](std::size_t i) { return static_cast<std::int64_t>(i); };
    // What each form of a column is for, and some values that do not fit it.
    for (std::size_t i = 0; i < 48; ++i) {
        const std::int64_t time = start_ns + at(i * 12 + i % 3) * ms;
        OwnedRow row{0, RecordKind::row, at(i), time, {{"loss", Value{decimals[i % decimals.size()]}}}};
        row.values.emplace_back("rate", Value{i == 30 ? odd[5] : 0.001});
        row.values.emplace_back("single", Value{singles[i % singles.size()]});
        row.values.emplace_back("noise", Value{number_of(noise(i) >> 2U | 0x3000000000000000)});
        row.values.emplace_back("square", Value{at(i * i * i)});
        row.values.emplace_back("big", Value{i == 9 ? ~std::uint64_t{0} : 1000 + i});
        row.values.emplace_back("ok", Value{i % 5 == 0});
        row.values.emplace_back("note", Value{std::string(i % 7, static_cast<char>('a' + i % 26))});
        run.log(std::move(row));
        if (i % 16 == 0)
            run.log({0, RecordKind::event, at(i), time, {{"kind", Value{"noted"}}, {"rows", Value{i}}}});
    }
    run.write(0);
    // Odd numbers, alone and among others; steps and times that repeat and go back.
    for (std::size_t i = 0; i < odd.size(); ++i) {
        run.log({1, RecordKind::row, at(i / 3), start_ns - at(i) * ms, {{"odd", Value{odd[i]}}}});
        run.log({1, RecordKind::row, -at(i), -at(i) * ms, {{"loss", Value{odd[i]}}, {"n", Value{i}}}});
    }
    run.write(1);
    // A row in several records, between packed ones.
    run.log({1, RecordKind::row, 3, start_ns + 5 * ms, {{"n", Value{1}}}});
    run.log({1, RecordKind::row, 4, start_ns + 1, {{"n", Value{2}}, {"loss", Value{0.5}}, {"", Value{"e"}}}},
            2);
    run.log({1, RecordKind::row, 5, start_ns + 6 * ms, {}});
    run.write(1);
    // Extremes; and a name and a text that are no ASCII.
    const std::string text = std::string{"gr\xc3\xb6\xc3\x9f"} + "er\n\"" + '\0';
    for (const std::int64_t step : {least, most, std::int64_t{0}, least, most}) {
        run.log({7, RecordKind::row, step, start_ns, {{"n", Value{step}}, {"\xce\xb1", Value{text}}}});
        run.log({7, RecordKind::row, step, start_ns, {{"n", Value{~step}}, {"\xce\xb1", Value{0.5}}}});
    }
    run.write(7);
    run.log({0, RecordKind::row, 48, start_ns + ms, {{"loss", Value{0.1}}}});
    run.write(0);
}

/// A store with those that can still be written.
std::map<std::string, std::vector<OwnedRow>> write_store(const std::filesystem::path& to) {
    std::map<std::string, std::vector<OwnedRow>> rows;
    write_bytes(to / "store.json", "{\"format\":1}\n");
    for (const std::string id : {"v1", "v3"}) {
        const std::filesystem::path dir = to / "projects/golden/runs" / id;
        std::filesystem::create_directories(dir);
        write_bytes(dir / "run.json", Json{{"id", id},
                                           {"name", id},
                                           {"project", "golden"},
                                           {"created_ns", start_ns},
                                           {"sessions", 1},
                                           {"status", "finished"}}
                                              .dump(1) +
                                          "\n");
        SmallRun run{dir};
        if (id == "v1")
            write_first(run);
        else
            write_second(run);
        rows[id] = run.rows();
    }
    // The first version had no index, and said so of itself.
    std::filesystem::remove(to / "projects/golden/runs/v1" / cairn::detail::index_file);
    const auto first = to / "projects/golden/runs/v1" / cairn::detail::history_file;
    std::string bytes = read_bytes(first);
    bytes[8] = 1;
    write_bytes(first, bytes);
    return rows;
}

/// All that a row has, a number by its bits.
Json to_json(const OwnedRow& row) {
    Json values = Json::array();
    for (const OwnedValue& value : row.values) {
        char bits[17] = {};
        std::snprintf(bits, sizeof bits, "%016llx", static_cast<unsigned long long>(value.bits));
        const bool is_text = value.kind == Value::Kind::text;
        values.push_back({value.name, static_cast<int>(value.kind), is_text ? value.text : bits});
    }
    return {{"ring", row.ring},
            {"kind", static_cast<int>(row.kind)},
            {"step", row.step},
            {"time_ns", row.time_ns},
            {"values", values}};
}
std::string to_text(const std::vector<OwnedRow>& rows) {
    std::string text = "[\n";
    for (const OwnedRow& row : rows) text += (text.size() > 2 ? ",\n" : "") + to_json(row).dump();
    return text + "\n]\n";
}
OwnedRow from_json(const Json& json) {
    OwnedRow row{json.at("ring").get<std::uint32_t>(), static_cast<RecordKind>(json.at("kind").get<int>()),
                 json.at("step").get<std::int64_t>(), json.at("time_ns").get<std::int64_t>()};
    for (const Json& value : json.at("values")) {
        OwnedValue& owned = row.values.emplace_back(value.at(0).get<std::string>(), Value{});
        owned.kind = static_cast<Value::Kind>(value.at(1).get<int>());
        const auto text = value.at(2).get<std::string>();
        if (owned.kind == Value::Kind::text)
            owned.text = text;
        else
            owned.bits = std::strtoull(text.c_str(), nullptr, 16);
    }
    return row;
}
std::vector<OwnedRow> expected_rows(const std::string& id) {
    std::vector<OwnedRow> rows;
    for (const Json& row : Json::parse(read_bytes(golden / "projects/golden/runs" / id / "rows.json")))
        rows.push_back(from_json(row));
    return rows;
}

/// A copy: a reader must not need to write, but a test that fails may.
struct Copy {
    Copy() { std::filesystem::copy(golden, dir.path(), std::filesystem::copy_options::recursive); }
    [[nodiscard]] cairn::RecordedRun run(const std::string& id) const {
        return cairn::open(dir.path())->find(id).value();
    }
    TempDir dir;
};

}  // namespace

TEST_CASE("the golden histories are read as they were written, by every machine", "[query][golden]") {
    const Copy copy;
    const std::string id = GENERATE("v1", "v2", "v3");
    INFO(id);
    const auto run = copy.run(id);
    CHECK(run.state() == cairn::RunState::finished);
    std::vector<OwnedRow> expected = expected_rows(id);
    CHECK(expected.size() == (id == "v1" ? 6U : 93U));
    for (OwnedRow& row : expected) row.time_ns = cairn::detail::whole_ms(row.time_ns);  // as readers do
    std::vector<OwnedRow> rows;
    const auto report = run.for_each_row(keep_rows(rows));
    REQUIRE(report);
    CHECK((report->damaged == 0 && report->torn_bytes == 0 && report->unread.empty()));
    REQUIRE(rows.size() == expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK(to_json(rows[i]) == to_json(expected[i]));
}

TEST_CASE("the golden histories answer a query with every value, by their index and without",
          "[query][golden]") {
    const Copy copy;
    const std::string id = GENERATE("v1", "v2", "v3");
    const bool with_index = GENERATE(true, false);
    INFO(id << (with_index ? "" : " without the index"));
    const auto run = copy.run(id);
    if (!with_index) std::filesystem::remove(run.dir() / cairn::detail::index_file);
    const std::vector<OwnedRow> rows = expected_rows(id);
    std::set<std::string> metrics;
    for (const OwnedRow& row : rows) {
        for (const OwnedValue& value : row.values) metrics.insert(value.name);
    }
    CHECK(metrics.size() == (id == "v1" ? 7U : 14U));
    for (const std::string& metric : metrics) {
        INFO(metric);
        const std::vector<OwnedPoint> expected = points_of(rows, metric);
        const auto series = run.series(metric);
        REQUIRE(series.has_value() == !expected.empty());
        if (!series) continue;
        std::vector<OwnedPoint> points;
        for (const auto& point : series->points())
            points.push_back({point.step, point.time_ns / ms, std::bit_cast<std::uint64_t>(point.value)});
        CHECK(points == expected);
        CHECK((series->damaged() == 0 && series->unread() == 0));
        // What is known without looking at the values.
        cairn::detail::SeriesNode node;
        for (const OwnedPoint& point : expected) node.add(point.step, point.ms, number_of(point.bits));
        CHECK((series->size() == node.count() && series->restarts() == node.restarts));
        CHECK((series->first_step() == node.min_step && series->last_step() == node.max_step));
        CHECK((series->first_ns() == node.min_ms * ms && series->last_ns() == node.max_ms * ms));
        const auto all = series->buckets(1, cairn::Axis::time);
        REQUIRE(all.size() == 1);
        CHECK((all[0].finite == node.finite && all[0].not_finite == node.nans + node.infinities));
        for (const auto& [a, b] :
             {std::pair{all[0].min, node.min}, {all[0].max, node.max}, {all[0].last, node.last}})
            CHECK(std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b));
    }
}

TEST_CASE("the index of a golden history covers its packed frames", "[query][golden]") {
    const std::filesystem::path dir = golden / "projects/golden/runs/v3";
    const std::string index = read_bytes(dir / cairn::detail::index_file);
    const std::string history = read_bytes(dir / cairn::detail::history_file);
    std::vector<std::size_t> packed, covered;
    cairn::detail::FrameReader frames{std::as_bytes(std::span{history})};
    for (cairn::detail::Frame frame; frames.next(frame);) {
        // One of empty rows has no names, and no entry.
        if (frame.is_packed() && frame.payload[0] != std::byte{0}) packed.push_back(frames.whole_bytes());
    }
    cairn::detail::IndexReader entries{std::as_bytes(std::span{index})};
    for (std::span<const std::byte> payload; entries.next(payload);) {
        cairn::detail::FramePlace place;
        REQUIRE(cairn::detail::read_index_entry(
            payload, place, [](std::uint32_t, std::string_view, const cairn::detail::SeriesNode&) {}));
        covered.push_back(static_cast<std::size_t>(place.at + place.bytes));
    }
    CHECK(packed.size() == 5);
    CHECK(covered == packed);
    CHECK(entries.position() == index.size());
}

TEST_CASE("the rows of the golden histories are written to the same bytes today", "[query][golden]") {
    const TempDir dir;
    const auto rows = write_store(dir.path());
    for (const char* file : {"v1/history.cairn", "v3/history.cairn", "v3/history.index"}) {
        INFO(file
             << ": written otherwise, the format has changed: it needs a new version, and files of its own");
        const std::string before = read_bytes(golden / "projects/golden/runs" / file);
        CHECK(before.size() > 16);
        CHECK((read_bytes(dir / ("projects/golden/runs/" + std::string{file})) == before));
    }
    for (const auto& [id, of] : rows) CHECK((of == expected_rows(id)));
}

TEST_CASE("write the golden histories anew", "[.write_golden]") {
    for (const char* id : {"v1", "v3"}) std::filesystem::remove_all(golden / "projects/golden/runs" / id);
    for (const auto& [id, rows] : write_store(golden))
        write_bytes(golden / "projects/golden/runs" / id / "rows.json", to_text(rows));
}

}  // namespace golden_test
