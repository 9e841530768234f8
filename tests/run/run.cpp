// SPDX-License-Identifier: MIT
#include <cairn/run/init.hpp>

#include "run/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <chrono>
#include <thread>
#include <vector>

namespace run_test {

using namespace cairn::literals;
using namespace cairn_test;

namespace {

cairn::Run open_run(const TempDir& dir, const std::string& id = "r") {
    return cairn::init({.project = "p", .id = id, .dir = dir.path(), .quiet = true});
}

std::filesystem::path folder_of(const TempDir& dir, const std::string& id = "r") {
    return dir.path() / "projects/p/runs" / id;
}

// A metric's name of 600 letters as a type.
template <std::size_t... I>
auto long_metric(std::index_sequence<I...>) {
    return cairn::Metric<static_cast<char>('a' + I % 26)...>{};
}

}  // namespace

TEST_CASE("a typed row is read back with its names, kinds and values", "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    const std::string text = "owned";
    const auto row = run.log(cairn::step(7), "double"_m = 0.1, "float"_m = 0.1F, "int"_m = -3,
                             "big"_m = std::numeric_limits<std::uint64_t>::max(), "yes"_m = true,
                             "no"_m = false, "literal"_m = "short", "string"_m = text,
                             "view"_m = std::string_view{text}, "there"_m = std::optional{2.5},
                             "empty"_m = std::optional<double>{}, "name/with/slashes"_m = 1,
                             "gr\xc3\xb6\xc3\x9f"
                             "e"_m = 2);
    CHECK(row.step() == 7);
    CHECK(row["double"_m] == 0.1);
    CHECK(row["string"_m] == "owned");
    REQUIRE(run.finish());

    const auto rows = rows_of(folder_of(dir));
    REQUIRE(rows.size() == 1);
    const auto& v = rows[0].values;
    CHECK(rows[0].step == 7);
    CHECK(rows[0].time_ns > 1'500'000'000'000'000'000);
    CHECK(v.size() == 12);
    CHECK((v.at("double").kind == Kind::number && v.at("double").number == 0.1));
    CHECK((v.at("float").kind == Kind::number && v.at("float").number == static_cast<double>(0.1F)));
    CHECK((v.at("int").kind == Kind::integer && static_cast<std::int64_t>(v.at("int").bits) == -3));
    CHECK(
        (v.at("big").kind == Kind::natural && v.at("big").bits == std::numeric_limits<std::uint64_t>::max()));
    CHECK((v.at("yes").kind == Kind::boolean && v.at("yes").bits == 1));
    CHECK((v.at("no").kind == Kind::boolean && v.at("no").bits == 0));
    CHECK((v.at("literal").kind == Kind::text && v.at("literal").text == "short"));
    CHECK(v.at("string").text == "owned");
    CHECK(v.at("view").text == "owned");
    CHECK(v.at("there").number == 2.5);
    CHECK_FALSE(v.contains("empty"));
    CHECK(v.at("name/with/slashes").number == 1);
    CHECK(v.at("gr\xc3\xb6\xc3\x9f"
               "e")
              .number == 2);
}

TEST_CASE("a dynamic row is read back as it was given, whatever happens to its names afterwards",
          "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    std::string name = "made/at/run time";
    std::string text = "a text that is longer than a small string may be, to be sure";
    const auto row =
        run.log({{name, text}, {"loss", 0.5}, {"big", std::uint64_t{1} << 63U}, {"", 4}, {"flag", true}},
                {.step = 3});
    name = "gone";
    text = "gone";
    CHECK(row.step() == 3);
    CHECK(row.find("made/at/run time").text().starts_with("a text"));
    CHECK(std::isnan(row["none"]));
    run.log({{"none", cairn::Value{}}, {"empty", std::optional<int>{}}});
    REQUIRE(run.finish());

    const auto rows = rows_of(folder_of(dir));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].step == 3);
    CHECK(rows[0].text("made/at/run time").starts_with("a text"));
    CHECK(rows[0].number("loss") == 0.5);
    CHECK(rows[0].values.at("big").bits == std::uint64_t{1} << 63U);
    CHECK(rows[0].number("") == 4);
    CHECK(rows[0].values.at("flag").kind == Kind::boolean);
    CHECK(rows[1].step == 0);
    CHECK(rows[1].values.empty());
}

TEST_CASE("NaN, infinities, the ends of the integers and steps that go back are data", "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    const double inf = std::numeric_limits<double>::infinity();
    run.log(cairn::step(5), "x"_m = std::nan(""));
    run.log(cairn::step(5), "x"_m = inf);
    run.log(cairn::step(-2), "x"_m = -inf);
    run.log(cairn::step(std::numeric_limits<std::int64_t>::max()), "x"_m = -0.0);
    run.log(cairn::step(std::numeric_limits<std::int64_t>::min()),
            "x"_m = std::numeric_limits<std::int64_t>::min());
    REQUIRE(run.finish());
    const auto rows = rows_of(folder_of(dir));
    REQUIRE(rows.size() == 5);
    CHECK(std::isnan(rows[0].number("x")));
    CHECK(rows[1].number("x") == inf);
    CHECK((rows[2].number("x") == -inf && rows[2].step == -2));
    CHECK(std::signbit(rows[3].number("x")));
    CHECK(rows[4].step == std::numeric_limits<std::int64_t>::min());
    CHECK(rows[4].values.at("x").bits == std::uint64_t{1} << 63U);
}

TEST_CASE("a text that is too long is cut between two characters, and counted", "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    const std::string fits(cairn::detail::max_text_bytes, 'x');
    const std::string umlauts = [] {
        std::string text = "x";
        while (text.size() < 3000) text += "\xc3\xa4";
        return text;
    }();
    run.log("t"_m = fits);
    CHECK(run.health().texts_cut == 0);
    run.log("t"_m = umlauts);
    run.log({{"t", fits + "y"}, {"u", umlauts}});
    CHECK(run.health().texts_cut == 3);
    CHECK(run.health().ok());
    REQUIRE(run.finish());
    const auto rows = rows_of(folder_of(dir));
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].text("t") == fits);
    CHECK(rows[1].text("t") == umlauts.substr(0, 1023));
    CHECK(rows[2].text("t") == fits);
}

TEST_CASE("a name of 600 bytes is cut to what a record may hold, typed and dynamic alike", "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    constexpr auto name = decltype(long_metric(std::make_index_sequence<600>{}))::name;
    run.log(long_metric(std::make_index_sequence<600>{}) = 1, "after"_m = 2);
    run.log({{name, 3}, {"after", 4}});
    CHECK(run.health().texts_cut == 1);  // once for each name
    REQUIRE(run.finish());
    cairn::detail::HistoryReport report;
    const auto rows = rows_of(folder_of(dir), &report);
    CHECK(report.damaged == 0);
    REQUIRE(rows.size() == 2);
    const std::string cut{name.substr(0, 512)};
    REQUIRE(rows[0].values.contains(cut));
    CHECK(rows[0].number(cut) == 1);
    CHECK(rows[0].number("after") == 2);
    CHECK(rows[1].number(cut) == 3);
    CHECK(rows[1].number("after") == 4);
}

TEST_CASE("a row of ten thousand metrics is one row", "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    std::vector<std::string> names;
    std::vector<cairn::NamedValue> values;
    for (int i = 0; i < 10'000; ++i) names.push_back("layer/" + std::to_string(i));
    for (int i = 0; i < 10'000; ++i) values.push_back({names[static_cast<std::size_t>(i)], i});
    const std::string text = "between the wide ones";
    values[5000].value = cairn::Value{text};
    run.log(std::span<const cairn::NamedValue>{values});
    // A sanitizer's collector sums up so many names for longer than a row may wait for room.
    while (run.health().rows_collected == 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    run.log("small"_m = 1);
    run.log(std::span<const cairn::NamedValue>{values}, {.step = 9});
    CHECK(run.health().rows_logged == 3);
    CHECK(run.health().rows_dropped == 0);
    REQUIRE(run.finish());
    CHECK(run.health().rows_collected == 3);
    const auto rows = rows_of(folder_of(dir));
    REQUIRE(rows.size() == 3);
    for (const std::size_t i : {0U, 2U}) {
        CHECK(rows[i].values.size() == 10'000);
        CHECK(rows[i].number("layer/0") == 0);
        CHECK(rows[i].number("layer/9999") == 9999);
        CHECK(rows[i].text("layer/5000") == text);
    }
    CHECK(rows[1].values.size() == 1);
    CHECK(rows[2].step == 9);
}

TEST_CASE("without a step each thread counts its own rows, and explicit steps do not count", "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    CHECK(run.log("a"_m = 1).step() == 0);
    CHECK(run.log(cairn::step(50), "a"_m = 1).step() == 50);
    CHECK(run.log({{"a", 1}}).step() == 1);
    CHECK(run.log("a"_m = 1).step() == 2);
    std::thread{[&] {
        CHECK(run.log("b"_m = 1).step() == 0);
        CHECK(run.log("b"_m = 1).step() == 1);
    }}.join();
    // The next thread inherits the ring of the one before, but not its count.
    std::thread{[&] { CHECK(run.log("b"_m = 1).step() == 0); }}.join();
    CHECK(run.log("a"_m = 1).step() == 3);
    REQUIRE(run.finish());
    CHECK(rows_of(folder_of(dir)).size() == 8);
}

TEST_CASE("threads that come and go reuse rings, and every row is kept in each thread's order",
          "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    constexpr int generations = 25, per_generation = 4, per_thread = 300;
    for (int g = 0; g < generations; ++g) {
        std::vector<std::thread> threads;
        for (int t = 0; t < per_generation; ++t) {
            threads.emplace_back([&run, id = g * per_generation + t] {
                for (int n = 0; n < per_thread; ++n) run.log("id"_m = id, "n"_m = n);
            });
        }
        for (std::thread& t : threads) t.join();
        CHECK(count_files(folder_of(dir) / "journal", ".ring") <= per_generation);
    }
    REQUIRE(run.finish());
    CHECK(count_files(folder_of(dir) / "journal") == 0);
    const cairn::Health health = run.health();
    CHECK(health.rows_logged == generations * per_generation * per_thread);
    CHECK(health.rows_collected == health.rows_logged);
    CHECK(health.ok());
    std::vector<int> next(generations * per_generation, 0);
    std::size_t wrong = 0;
    for (const Logged& row : rows_of(folder_of(dir))) {
        int& n = next[static_cast<std::size_t>(row.number("id"))];
        wrong += row.number("n") == n++ ? 0U : 1U;
    }
    CHECK(wrong == 0);
    CHECK(next == std::vector<int>(next.size(), per_thread));
}

TEST_CASE("several runs of one process do not mix, whatever the order of their rows and ends", "[run][log]") {
    const TempDir dir;
    auto a = open_run(dir, "a");
    auto b = open_run(dir, "b");
    {
        const auto c = open_run(dir, "c");
        for (int i = 0; i < 100; ++i) {
            // Not constants: clang 14 crashes when it must name the temporary `"x"_m` of a call that failed
            // at compile time, and Catch's CHECK tries every call there.
            std::int64_t in_a = a.log("x"_m = i).step();
            std::int64_t in_b = b.log("x"_m = -i).step();
            CHECK(in_a == i);
            CHECK(in_b == i);
        }
    }
    REQUIRE(a.finish());
    b.log("x"_m = 1000);
    REQUIRE(b.finish());
    CHECK(rows_of(folder_of(dir, "a")).size() == 100);
    CHECK(rows_of(folder_of(dir, "b")).size() == 101);
    CHECK(rows_of(folder_of(dir, "c")).empty());
    for (const Logged& row : rows_of(folder_of(dir, "a"))) CHECK(row.number("x") >= 0);
    for (const char* id : {"a", "b", "c"}) {
        CHECK(state_of(dir.path(), "p", id) == "finished");
        CHECK(count_files(folder_of(dir, id) / "journal") == 0);
    }
}

TEST_CASE("rows are readable while the run goes on, from the rings and from the history", "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    for (int i = 0; i < 1000; ++i) {
        run.log("i"_m = i);
        if (i % 50 != 0) continue;
        const auto rows = rows_of(folder_of(dir));
        REQUIRE(rows.size() == static_cast<std::size_t>(i) + 1);
        CHECK(rows.back().number("i") == i);
    }
    CHECK(state_of(dir.path(), "p", "r") == "running");
}

TEST_CASE("a journal that cannot be made is said in the health, and rows are collected all the same",
          "[run][log]") {
    const TempDir dir;
    auto run = open_run(dir);
    std::filesystem::remove(folder_of(dir) / "journal");
    run.log("x"_m = 1);
    CHECK_FALSE(run.health().journal_mapped);
    CHECK(run.health().errors.size() == 1);
    CHECK_FALSE(run.health().ok());
    (void)run.finish();
    CHECK(rows_of(folder_of(dir)).size() == 1);
}

TEST_CASE("summary, health and finish may be called while threads log", "[run][threads]") {
    const TempDir dir;
    auto run = open_run(dir);
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> logged{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            std::int64_t n = 0;
            while (!stop.load()) {
                run.log(cairn::step(n), "x"_m = n, "t"_m = t);
                run.log({{"y/" + std::to_string(n % 50), n}});
                n += 1;
                logged += 2;
                if (n % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds{200});
            }
        });
    }
    for (int i = 0; i < 20; ++i) {
        (void)run.health();
        (void)run.summary();
        run.set_summary("i", i);
        run.update_config({{"i", i}});
        run.add_tag(std::to_string(i));
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    REQUIRE(run.finish());
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
    stop = true;
    for (std::thread& t : threads) t.join();
    const cairn::Health health = run.health();
    CHECK(health.rows_logged + health.rows_dropped == logged);
    CHECK(health.rows_dropped > 0);
    CHECK(rows_of(folder_of(dir)).size() == health.rows_logged);
}

}  // namespace run_test
