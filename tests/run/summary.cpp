// SPDX-License-Identifier: MIT
#include <cairn/run/summary.hpp>

#include "run/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace summary_test {

using namespace cairn::literals;
using namespace cairn_test;

namespace {

cairn::Run open_run(const TempDir& dir) {
    return cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
}
std::filesystem::path folder_of(const TempDir& dir) { return dir.path() / "projects/p/runs/r"; }

}  // namespace

TEST_CASE("a summary has the last, least, greatest and mean number and where they were", "[run][summary]") {
    cairn::MetricSummary m;
    m.add(10, 3.0);
    m.add(20, 1);
    m.add(30, 1.0F);
    m.add(40, 5U);
    m.add(50, 2.5);
    CHECK((m.count == 5 && m.numbers == 5 && m.nans == 0));
    CHECK((m.last == 2.5 && m.last_step == 50));
    CHECK((m.min == 1 && m.min_step == 20));  // the first of equals
    CHECK((m.max == 5 && m.max_step == 40));
    CHECK(m.mean == Approx(2.5));
}

TEST_CASE("NaNs are counted apart and infinities are numbers without a mean", "[run][summary]") {
    const double inf = std::numeric_limits<double>::infinity();
    cairn::MetricSummary m;
    m.add(0, std::nan(""));
    CHECK((m.count == 1 && m.nans == 1 && m.numbers == 0 && std::isnan(m.last) && std::isnan(m.min)));
    m.add(1, 2.0);
    m.add(2, inf);
    m.add(3, -inf);
    m.add(4, 4.0);
    m.add(5, std::nan(""));
    CHECK((m.count == 6 && m.nans == 2 && m.numbers == 4));
    CHECK(std::isnan(m.last));
    CHECK((m.min == -inf && m.min_step == 3 && m.max == inf && m.max_step == 2));
    CHECK(m.mean == Approx(3.0));
}

TEST_CASE("a metric may be a text, a bool and a number by turns", "[run][summary]") {
    cairn::MetricSummary m;
    m.add(0, true);
    m.add(1, false);
    m.add(2, "phase two");
    CHECK((m.count == 3 && m.numbers == 2 && m.text == "phase two"));
    CHECK((m.last == 0 && m.last_step == 2 && m.mean == Approx(0.5)));
}

TEST_CASE("a run's summary is of all its rows, and what the user set stands beside it", "[run][summary]") {
    const TempDir dir;
    {
        auto run = open_run(dir);
        for (int i = 0; i < 1000; ++i) run.log("loss"_m = 1000 - i, "odd"_m = i % 2 == 1);
        run.log({{"loss", std::nan("")}, {"note", "done"}});
        run.set_summary("best", {{"epoch", 3}});
        run.set_summary("best", 7);
        run.set_summary("bad utf-8 \xff", "\xff");
    }
    const nlohmann::json summary = json_of(folder_of(dir) / "summary.json");
    const nlohmann::json& loss = summary["metrics"]["loss"];
    CHECK(loss["count"] == 1001);
    CHECK(loss["nans"] == 1);
    CHECK(loss["last_step"] == 1000);
    CHECK((loss["min"] == 1 && loss["min_step"] == 999 && loss["max"] == 1000 && loss["max_step"] == 0));
    CHECK(loss["mean"] == Approx(500.5));
    CHECK_FALSE(loss["last"].is_number());  // JSON has no NaN
    CHECK_FALSE(loss["last"].is_null());
    CHECK(summary["metrics"]["odd"]["mean"] == Approx(0.5));
    CHECK(summary["metrics"]["note"]["text"] == "done");
    CHECK(summary["user"]["best"] == 7);
    CHECK(summary["user"].size() == 2);
}

TEST_CASE("what is declared of metrics, tags and notes is in the run's record at once", "[run][summary]") {
    const TempDir dir;
    auto run = open_run(dir);
    run.define_metric("val/loss", {.goal = cairn::minimize, .step_metric = "epoch", .unit = "nat"});
    run.define_metric("val/loss", {.unit = "bit"});
    run.define_metric("acc", {.goal = cairn::maximize});
    run.define_metric("plain", {});
    run.add_tag("a");
    run.add_tag("b");
    run.add_tag("a");
    run.set_notes("line 1\nline 2 <b>");
    const nlohmann::json record = json_of(folder_of(dir) / "run.json");
    CHECK(record["metrics"]["val/loss"] ==
          nlohmann::json{{"goal", "minimize"}, {"step_metric", "epoch"}, {"unit", "bit"}});
    CHECK(record["metrics"]["plain"] == nlohmann::json::object());
    CHECK(record["tags"] == nlohmann::json{"a", "b"});
    CHECK(record["notes"] == "line 1\nline 2 <b>");
    CHECK(run.core()->goal_of("val/loss") == cairn::minimize);
    CHECK(run.core()->goal_of("acc") == cairn::maximize);
    CHECK(run.core()->goal_of("plain") == cairn::Direction::unspecified);
    CHECK(run.core()->goal_of("never said") == cairn::Direction::unspecified);
    CHECK(record["library"].is_string());
    CHECK(record["process"]["pid"] == cairn::detail::os::pid());
}

TEST_CASE("files are saved now, at the end, or both", "[run][save]") {
    const TempDir dir;
    const std::filesystem::path files = folder_of(dir) / "files";
    write_text(dir / "now.txt", "1");
    write_text(dir / "end.txt", "1");
    write_text(dir / "live.txt", "1");
    {
        auto run = open_run(dir);
        run.save(dir / "now*", cairn::When::now);
        run.save(dir / "end.*", cairn::When::end);
        run.save(dir / "live.txt");
        run.save(dir / "later*.log", cairn::When::end);
        run.save(dir / "nothing*", cairn::When::now);
        CHECK(text_of(files / "now.txt") == "1");
        CHECK(text_of(files / "live.txt") == "1");
        CHECK_FALSE(std::filesystem::exists(files / "end.txt"));
        for (const char* name : {"now.txt", "end.txt", "live.txt", "later1.log"}) write_text(dir / name, "2");
        const auto failure = error_of([&] { run.save(dir / "none.txt", cairn::When::now); });
        REQUIRE(failure);
        CHECK(failure->code() == cairn::errc::not_found);
        REQUIRE(run.finish());
    }
    CHECK(text_of(files / "now.txt") == "1");
    CHECK(text_of(files / "end.txt") == "2");
    CHECK(text_of(files / "live.txt") == "2");
    CHECK(text_of(files / "later1.log") == "2");
    CHECK(count_files(files) == 4);
}

#if CAIRN_TEST_FORK
TEST_CASE("a file that is missing at the end is what finish returns, and the run ends all the same",
          "[run][save]") {
    const TempDir dir;
    const int status = in_child([&] {
        silence();
        auto run = open_run(dir);
        run.save(dir / "none.txt", cairn::When::end);
        const auto ended = run.finish();
        if (ended || ended.error().code() != cairn::errc::not_found) return 1;
        return run.health().errors.size() == 1 ? 0 : 2;
    });
    CHECK(status == 0);
    CHECK(state_of(dir.path(), "p", "r") == "finished");
}

TEST_CASE("a relative pattern and store mean the folder in which they were named", "[run][save]") {
    const TempDir dir;
    std::filesystem::create_directory(dir / "elsewhere");
    write_text(dir / "a.txt", "right");
    write_text(dir.path() / "elsewhere/a.txt", "wrong");
    const int status = in_child([&] {
        if (::chdir(dir.path().c_str()) != 0) return 1;
        auto run = cairn::init({.project = "p", .id = "r", .dir = "store", .quiet = true});
        run.save("a.txt", cairn::When::end);
        if (::chdir("elsewhere") != 0) return 2;
        run.log("x"_m = 1);
        return run.finish() ? 0 : 3;
    });
    CHECK(status == 0);
    CHECK(text_of(dir.path() / "store/projects/p/runs/r/files/a.txt") == "right");
}
#endif

TEST_CASE("the health counts rows, and is well as long as nothing was lost", "[run][health]") {
    const TempDir dir;
    auto run = open_run(dir);
    for (int i = 0; i < 100; ++i) run.log("x"_m = i);
    run.log({{"y", 1}});
    CHECK(run.health().rows_logged == 101);
    CHECK(run.health().journal_mapped);
    REQUIRE(run.finish());
    const cairn::Health health = run.health();
    CHECK((health.rows_collected == 101 && health.rows_dropped == 0 && health.texts_cut == 0));
    CHECK(health.history_bytes == std::filesystem::file_size(folder_of(dir) / "history.cairn"));
    CHECK(health.ok());
}

TEST_CASE("a value set in the summary is on disk at once", "[run][summary]") {
    const TempDir dir;
    auto run = open_run(dir);
    run.set_summary("accuracy", 0.9);
    CHECK(json_of(folder_of(dir) / "summary.json")["user"]["accuracy"] == 0.9);
}

TEST_CASE("what is set in the summary while the run ends is in it, or refused", "[run][summary]") {
    for (int turn = 0; turn < 40; ++turn) {
        const TempDir dir;
        auto run = open_run(dir);
        std::atomic<std::size_t> begun{0};
        std::vector<int> set(8, -1);
        std::vector<std::thread> others;
        for (std::size_t k = 0; k < set.size(); ++k) {
            others.emplace_back([&, k] {
                try {
                    for (int i = 0; i < 100'000; ++i) {
                        run.set_summary(std::to_string(k), i);
                        set[k] = i;
                        if (i == 0) ++begun;
                    }
                } catch (const cairn::error&) {  // the run has ended
                }
            });
        }
        while (begun < set.size()) std::this_thread::yield();
        for (int i = 0; i <= 200; ++i) run.log(cairn::step(i), "loss"_m = i);
        CHECK(run.finish());
        for (std::thread& other : others) other.join();
        const auto summary = json_of(folder_of(dir) / "summary.json");
        CHECK(summary["metrics"]["loss"]["last"] == 200.0);
        for (std::size_t k = 0; k < set.size(); ++k) CHECK(summary["user"][std::to_string(k)] == set[k]);
    }
}

TEST_CASE("who hears that the summary cannot be written may set a value, which the end refuses",
          "[run][summary]") {
    const TempDir dir;
    std::optional<cairn::Run> run;
    int refused = 0;
    const auto hear = [&](const cairn::error&) {
        try {
            run->set_summary("heard", true);
        } catch (const cairn::error& why) {
            refused += why.tried().find("after the run has ended") != std::string::npos ? 1 : 0;
        }
    };
    run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true, .on_error = hear});
    std::filesystem::create_directories(folder_of(dir) / "summary.json" / "in the way");
    CHECK_FALSE(run->finish());
    CHECK(refused == 1);
}

TEST_CASE("values that threads set in the summary at once are all on disk", "[run][summary]") {
    const TempDir dir;
    auto run = open_run(dir);
    for (int turn = 0; turn < 100; ++turn) {
        std::atomic<int> ready{0};
        const auto set = [&](const char* key) {
            ++ready;
            while (ready < 2) std::this_thread::yield();
            run.set_summary(key, turn);
        };
        std::thread other{set, "a"};
        set("b");
        other.join();
        const auto user = json_of(folder_of(dir) / "summary.json")["user"];
        CHECK((user["a"] == turn && user["b"] == turn));
    }
}

TEST_CASE("a run that has ended is not described any more: another may be writing it", "[run][summary]") {
    const TempDir dir;
    auto run = open_run(dir);
    REQUIRE(run.finish());
    CHECK_THROWS_AS(run.add_tag("late"), cairn::error);
    CHECK_THROWS_AS(run.set_notes("late"), cairn::error);
    CHECK_THROWS_AS(run.update_config({{"late", 1}}), cairn::error);
    CHECK_THROWS_AS(run.set_summary("late", 1), cairn::error);
}

}  // namespace summary_test
