// SPDX-License-Identifier: MIT
// A series as it is read from a run's folder: with its index, without, with one that is damaged or belongs to
// less.
#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace read_series_test {

using namespace cairn::literals;

namespace {

struct Seen {
    std::int64_t step, time_ns;
    std::uint64_t bits;
    bool operator==(const Seen&) const = default;
};

std::vector<Seen> all_rows(const cairn::RecordedRun& run, std::string_view metric) {
    std::vector<Seen> seen;
    run.for_each_row([&](std::int64_t step, std::int64_t time_ns, std::span<const cairn::NamedValue> values) {
           for (const auto& named : values) {
               if (named.name == metric && !named.value.is_text())
                   seen.push_back({step, time_ns, std::bit_cast<std::uint64_t>(named.value.number())});
           }
       })
        .value();
    return seen;
}
std::vector<Seen> points_of(const cairn::RecordedRun& run, std::string_view metric) {
    const auto series = run.series(metric);
    REQUIRE(series);
    std::vector<Seen> seen;
    for (const auto& point : series->points())
        seen.push_back({point.step, point.time_ns, std::bit_cast<std::uint64_t>(point.value)});
    CHECK(series->unread() == 0);
    return seen;
}

/// What stands between the rows, read row by row.
std::vector<std::string> all_events(const cairn::RecordedRun& run) {
    std::vector<std::string> said;
    const auto keep = [&](const cairn::detail::StoredRow& row) {
        if (const auto alert = cairn::detail::alert_of(row)) said.push_back(alert->title);
        const auto decision = cairn::detail::decision_of(row);
        if (decision && !cairn::detail::is_bookkeeping(decision->kind))
            said.push_back(decision->checkpoint + " " + std::to_string(decision->step));
    };
    cairn::detail::read_history(run.dir(), keep).value();
    std::sort(said.begin(), said.end());
    return said;
}
std::vector<std::string> events_of(const cairn::RecordedRun& run) {
    const auto events = run.events().value();
    std::vector<std::string> said;
    for (const auto& alert : events.alerts) said.push_back(alert.title);
    for (const auto& decision : events.decisions)
        said.push_back(decision.checkpoint + " " + std::to_string(decision.step));
    std::sort(said.begin(), said.end());
    return said;
}

struct Model {
    std::vector<float> weight = {1, 2};
    void describe(auto& fields) { fields("weight", weight); }
};

void log_some(cairn::Run& run, int rows, int from = 0) {
    for (int i = from; i < from + rows; ++i) {
        if (i % 300 == 299) run.alert("alert " + std::to_string(i) + " of " + std::to_string(rows));
        run.log(cairn::step(i), "loss"_m = 1.0 / (i + 1), "lr"_m = i);
        if (i % 10 == 0) run.log(cairn::step(i), "val"_m = static_cast<float>(i), "note"_m = "text");
        if (i % 700 == 699) {  // a row of several records
            std::vector<std::string> names;
            for (int k = 0; k < 1500; ++k) names.push_back("wide/" + std::to_string(k));
            std::vector<cairn::NamedValue> values{{"loss", i}};
            for (const std::string& name : names) values.push_back({name, i});
            run.log(std::span<const cairn::NamedValue>{values}, {.step = i});
        }
    }
}

std::string read_text(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}
void write_text(const std::filesystem::path& path, std::string_view text) {
    std::ofstream{path, std::ios::binary} << text;
}

}  // namespace

TEST_CASE("a series is the same whether the index covers the history, a part of it, or nothing",
          "[query][read_series]") {
    const cairn_test::TempDir dir;
    const auto open = [&](cairn::Resume resume) {
        return cairn::init({.project = "p", .id = "r", .dir = dir.path(), .resume = resume, .quiet = true});
    };
    {
        auto run = open(cairn::Resume::never);
        std::thread other{[&] { log_some(run, 3000); }};
        log_some(run, 5000);
        other.join();
        Model model;
        auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
        for (int i = 0; i < 5; ++i)
            checkpoint.step(run.log(cairn::step(i), "loss"_m = 0.5), cairn::part("model", model));
        REQUIRE(run.finish());
    }
    {
        auto run = open(cairn::Resume::must);
        log_some(run, 2500, 5000);
        REQUIRE(run.finish());
    }
    const auto recorded = cairn::open(dir.path())->find("r").value();
    const std::filesystem::path index = recorded.dir() / cairn::detail::index_file;
    const std::string whole = read_text(index);
    REQUIRE(whole.size() > 500);
    std::map<std::string, std::vector<Seen>> logged;
    std::vector<std::string> said;
    const auto look = [&] {
        for (const char* metric : {"loss", "lr", "val", "wide/7"}) {
            logged[metric] = all_rows(recorded, metric);
            CHECK(!logged[metric].empty());
        }
        said = all_events(recorded);
        CHECK(said.size() > 30);
    };
    const auto same = [&] {
        for (const auto& [metric, values] : logged) {
            INFO(metric);
            CHECK(points_of(recorded, metric) == values);
        }
        CHECK(recorded.series("note").error().code() == cairn::errc::not_found);
        CHECK(events_of(recorded) == said);
    };
    look();
    same();
    SECTION("it is gone") {
        std::filesystem::remove(index);
        same();
    }
    SECTION("it is cut") {
        for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 11) {
            write_text(index, whole.substr(0, size));
            same();
        }
    }
    SECTION("a bit of it is wrong") {
        for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 13) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
            write_text(index, damaged);
            same();
        }
    }
    SECTION("a session goes on with what is left of it") {
        write_text(index, whole.substr(0, whole.size() / 2));
        auto run = open(cairn::Resume::must);
        log_some(run, 2500, 8000);
        look();
        same();  // while it is written
        REQUIRE(run.finish());
        same();
    }
}

TEST_CASE("a curve of a long run is drawn from its index alone", "[query][read_series]") {
    const cairn_test::TempDir dir;
    auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
    for (int i = 0; i < 100'000; ++i) run.log(cairn::step(i), "loss"_m = i == 77'777 ? 1e9 : 0.5);
    REQUIRE(run.finish());
    const auto recorded = cairn::open(dir.path())->find("r").value();
    const auto series = recorded.series("loss").value();
    // Frames that are not needed are not read: here they are gone.
    std::filesystem::resize_file(recorded.dir() / cairn::detail::history_file, 1000);
    double greatest = 0;
    std::uint64_t values = 0;
    for (const cairn::Bucket& bucket : series.buckets(20)) {
        greatest = std::max(greatest, bucket.max);
        values += bucket.finite;
    }
    CHECK((greatest == 1e9 && values == 100'000));
    CHECK(series.unread() == 0);
    (void)series.points();
    CHECK(series.unread() > 80'000);
}

TEST_CASE("an index that outlived the tail of its history is not believed", "[query][read_series]") {
    const cairn_test::TempDir dir;
    auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
    for (int i = 0; i < 5000; ++i) run.log(cairn::step(i), "loss"_m = 1.0 / (i + 1));
    REQUIRE(run.finish());
    const auto recorded = cairn::open(dir.path())->find("r").value();
    const auto history = recorded.dir() / cairn::detail::history_file;
    // The last frame is cut, and others stand in its place.
    const std::string whole = read_text(history);
    std::size_t last = 0;
    {
        cairn::detail::FrameReader frames{std::as_bytes(std::span{whole})};
        for (cairn::detail::Frame frame; frames.next(frame);)
            last = frames.whole_bytes() - cairn::detail::frame_header_bytes - frame.payload.size();
    }
    auto writer = cairn::detail::HistoryWriter::open(history, last).value();
    const std::vector<std::byte> nothing(8192);
    writer.append({cairn::detail::FrameKind::records, 7, 0, 8192, nothing}).value();
    const auto expected = all_rows(recorded, "loss");
    CHECK(expected.size() < 5000);
    CHECK(points_of(recorded, "loss") == expected);
}

TEST_CASE("a series tells what of its history is damaged", "[query][read_series]") {
    const cairn_test::TempDir dir;
    auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
    for (int i = 0; i < 5000; ++i) run.log(cairn::step(i), "loss"_m = 1.0 / (i + 1));
    REQUIRE(run.finish());
    const auto recorded = cairn::open(dir.path())->find("r").value();
    CHECK(recorded.series("loss")->damaged() == 0);
    std::string whole = read_text(recorded.dir() / cairn::detail::history_file);
    whole[whole.size() / 2] = static_cast<char>(whole[whole.size() / 2] ^ 1);
    write_text(recorded.dir() / cairn::detail::history_file, whole);
    // By the index the curve is whole; what is asked for closely is missing.
    {
        const auto series = recorded.series("loss");
        CHECK((series->size() == 5000 && series->damaged() == 0));
        const std::size_t points = series->points().size();
        CHECK((points < 5000 && points > 2000));
        CHECK(series->unread() == 5000 - points);
        (void)series->points();
        CHECK(series->unread() == 5000 - points);
    }
    std::filesystem::remove(recorded.dir() / cairn::detail::index_file);
    const auto series = recorded.series("loss");
    CHECK((series->size() < 5000 && series->damaged() == 1 && series->unread() == 0));
}

}  // namespace read_series_test
