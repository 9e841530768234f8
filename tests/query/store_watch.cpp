// SPDX-License-Identifier: MIT
// A store that is looked at again and again.
#include <cairn/cairn.hpp>
#include <cairn/query/edit_run.hpp>
#include <cairn/query/store_watch.hpp>

#include "support/age.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

namespace store_watch_test {

using namespace cairn_test;
using namespace cairn::literals;

namespace {

cairn::Run start(const TempDir& dir, const std::string& id, cairn::Resume resume = cairn::Resume::never) {
    return cairn::init({.project = "p", .id = id, .dir = dir.path(), .resume = resume, .quiet = true});
}
const cairn::WatchedRun& named(const cairn::StoreWatch& watch, const std::string& id) {
    return **watch.find(id);
}
std::filesystem::path folder(const TempDir& dir, const std::string& id) {
    return dir / "projects/p/runs" / id;
}

}  // namespace

TEST_CASE("store_watch: only what has changed is read again", "[query][store_watch]") {
    const TempDir dir;
    {
        auto run = start(dir, "old");
        run.log("loss"_m = 1);
    }
    auto run = start(dir, "new");
    run.log("loss"_m = 3);
    cairn::StoreWatch watch{cairn::open(dir.path()).value()};
    REQUIRE(watch.look());
    CHECK(watch.runs().size() == 2);
    CHECK(watch.changes() == 2);
    CHECK(named(watch, "old").row["state"] == "finished");
    CHECK(named(watch, "new").row["metrics"]["loss"]["last"] == 3.0);
    CHECK(named(watch, "new").row["state"] == "running");
    std::this_thread::sleep_for(std::chrono::milliseconds{400});  // its collector is at rest
    REQUIRE(watch.look());
    const auto before = watch.changes();
    REQUIRE(watch.look());
    CHECK(watch.changes() == before);
    const auto old = named(watch, "old").changed;

    run.log("loss"_m = 4);  // is in a ring only
    REQUIRE(watch.look());
    CHECK(watch.changes() > before);
    CHECK(named(watch, "new").row["metrics"]["loss"]["last"] == 4.0);
    CHECK(named(watch, "old").changed == old);

    REQUIRE(run.finish());
    REQUIRE(watch.look());
    CHECK(named(watch, "new").row["state"] == "finished");
    CHECK(named(watch, "new").row["metrics"]["loss"]["mean"] == 3.5);  // as it was written at its end

    (void)start(dir, "third");
    REQUIRE(watch.look());
    CHECK(watch.runs().size() == 3);
    const auto three = watch.changes();
    std::filesystem::remove_all(folder(dir, "old"));
    REQUIRE(watch.look());
    CHECK(watch.runs().size() == 2);
    CHECK(watch.gone_since(three) == std::vector<std::string>{"p/old"});
    CHECK(watch.gone_since(watch.changes()).empty());
    CHECK(named(watch, "third").changed <= three);
}

TEST_CASE("store_watch: of a run that has ended long ago the folder is looked at", "[query][store_watch]") {
    const TempDir dir;
    for (const char* id : {"a", "b"}) (void)start(dir, id);
    make_older(folder(dir, "a"), std::chrono::minutes{1});
    cairn::StoreWatch watch{cairn::open(dir.path()).value()};
    REQUIRE(watch.look());
    const auto before = watch.changes();
    // In the same file, which nothing of ours does: it is no reason to read the run again.
    for (const char* id : {"a", "b"}) std::ofstream{folder(dir, id) / "config.json"} << R"({"lr": 1})";
    REQUIRE(watch.look());
    CHECK(watch.changes() == before + 1);
    CHECK(named(watch, "a").row["config"].empty());
    CHECK(named(watch, "b").row["config"]["lr"] == 1);

    REQUIRE(cairn::edit_run(watch.store(), named(watch, "a").run, {.name = "renamed"}));
    REQUIRE(watch.look());
    CHECK(named(watch, "a").name() == "renamed");
    CHECK(named(watch, "a").row["config"]["lr"] == 1);

    make_older(folder(dir, "a"), std::chrono::minutes{1});
    REQUIRE(watch.look());
    auto run = start(dir, "a", cairn::Resume::must);
    run.log("loss"_m = 1);
    REQUIRE(watch.look());
    CHECK(named(watch, "a").row["state"] == "running");
    CHECK(named(watch, "a").row["metrics"]["loss"]["last"] == 1.0);
}

TEST_CASE("store_watch: a look is spared where the last one was a moment ago", "[query][store_watch]") {
    const TempDir dir;
    (void)start(dir, "a");
    cairn::StoreWatch watch{cairn::open(dir.path()).value()};
    REQUIRE(watch.look(60'000'000'000));
    (void)start(dir, "b");
    REQUIRE(watch.look(60'000'000'000));
    CHECK(watch.runs().size() == 1);
    REQUIRE(watch.look());
    CHECK(watch.runs().size() == 2);
}

#if CAIRN_TEST_FORK
TEST_CASE("store_watch: one run is looked at alone", "[query][store_watch]") {
    const TempDir dir;
    (void)start(dir, "old");
    auto run = start(dir, "new");
    run.log("loss"_m = 3);
    cairn::StoreWatch watch{cairn::open(dir.path()).value()};
    CHECK(watch.look_at("p/new") == nullptr);  // it is in no look yet
    REQUIRE(watch.look());
    (void)start(dir, "third");
    REQUIRE(run.finish());
    constexpr std::int64_t hour_ns = 3'600'000'000'000;
    REQUIRE(watch.look_at("p/new", hour_ns) != nullptr);
    CHECK(watch.look_at("p/new", hour_ns)->row["state"] == "running");
    const auto before = watch.changes();
    REQUIRE(watch.look_at("p/new") == &named(watch, "new"));
    CHECK(named(watch, "new").row["state"] == "finished");
    CHECK(watch.changes() == before + 1);
    CHECK(watch.runs().size() == 2);  // the third is seen by the next whole look
    for (const char* other : {"new", "", "/", "p/", "/new", "p/third", "q/new"}) {
        INFO(other);
        CHECK(watch.look_at(other) == nullptr);
    }
    std::filesystem::remove_all(folder(dir, "old"));
    CHECK(watch.look_at("p/old") == nullptr);
    CHECK(watch.runs().size() == 1);
    CHECK(watch.gone_since(before) == std::vector<std::string>{"p/old"});
    REQUIRE(watch.look());
    CHECK(watch.runs().size() == 2);
}

TEST_CASE("store_watch: a run that is killed has crashed, though it wrote nothing", "[query][store_watch]") {
    const TempDir dir;
    (void)cairn::Store::open(dir.path()).value();
    const ::pid_t child = start_child([&] {
        auto run = start(dir, "killed");
        run.log("loss"_m = 1);
        std::ofstream{dir / "begun"};
        for (;;) ::pause();
        return 0;
    });
    while (!std::filesystem::exists(dir / "begun")) std::this_thread::yield();
    cairn::StoreWatch watch{cairn::open(dir.path()).value()};
    REQUIRE(watch.look());
    CHECK(named(watch, "killed").row["state"] == "running");
    ::kill(child, SIGKILL);
    REQUIRE(wait_for(child) == -SIGKILL);
    REQUIRE(watch.look());
    CHECK(named(watch, "killed").row["state"] == "crashed");
    const auto crashed = watch.changes();
    REQUIRE(watch.look());
    CHECK(watch.changes() == crashed);
    auto run = start(dir, "killed", cairn::Resume::must);
    REQUIRE(watch.look());
    CHECK(named(watch, "killed").row["state"] == "running");
}
#endif

TEST_CASE("store_watch: what cannot be read is told, and the others are shown", "[query][store_watch]") {
    const TempDir dir;
    (void)start(dir, "good");
    (void)start(dir, "bad");
    cairn::StoreWatch watch{cairn::open(dir.path()).value()};
    REQUIRE(watch.look());
    CHECK(watch.damaged().empty());
    const auto before = watch.changes();
    std::ofstream{folder(dir, "bad") / "run.json"} << "{";
    std::filesystem::create_directories(folder(dir, "only being made"));
    REQUIRE(watch.look());
    CHECK(watch.runs().size() == 1);
    REQUIRE(watch.damaged().size() == 1);
    CHECK(watch.damaged()[0].code() == cairn::errc::corrupt);
    CHECK(watch.gone_since(before) == std::vector<std::string>{"p/bad"});
    CHECK(watch.changes() > before);  // who follows hears of it
    REQUIRE(watch.look());
    CHECK(watch.damaged().size() == 1);
    std::filesystem::remove_all(dir / "projects");
    REQUIRE(watch.look());
    CHECK(watch.runs().empty());
    std::filesystem::rename(dir.path(), dir.path().string() + ".away");
    CHECK(watch.look().error().code() == cairn::errc::not_found);
    std::filesystem::rename(dir.path().string() + ".away", dir.path());
    REQUIRE(watch.look());
}

TEST_CASE("store_watch: what comes back is not gone, and a folder's name is what counts",
          "[query][store_watch]") {
    const TempDir dir;
    (void)start(dir, "a");
    (void)start(dir, "b");
    cairn::StoreWatch watch{cairn::open(dir.path()).value()};
    REQUIRE(watch.look());
    const auto before = watch.changes();
    std::filesystem::rename(folder(dir, "a"), dir / "away");
    REQUIRE(watch.look());
    CHECK(watch.gone_since(before) == std::vector<std::string>{"p/a"});
    std::filesystem::rename(dir / "away", folder(dir, "a"));
    REQUIRE(watch.look());
    CHECK(watch.gone_since(before).empty());
    CHECK(named(watch, "a").changed > before);
    std::filesystem::rename(folder(dir, "b"), folder(dir, "c"));
    std::filesystem::create_directories(dir / "projects/other/runs");
    std::filesystem::copy(folder(dir, "a"), dir / "projects/other/runs/a",
                          std::filesystem::copy_options::recursive);
    REQUIRE(watch.look());
    CHECK(watch.gone_since(before) == std::vector<std::string>{"p/b"});
    CHECK(named(watch, "c").row["id"] == "c");
    CHECK(named(watch, "other/a").row["project"] == "other");
    CHECK(named(watch, "p/a").row["project"] == "p");
    CHECK(watch.find("a").error().code() == cairn::errc::invalid_argument);  // there are two
}

TEST_CASE("store_watch: JSON that is nested very deep is damaged", "[query][store_watch]") {
    const TempDir dir;
    (void)start(dir, "good");
    (void)start(dir, "deep");
    std::ofstream{folder(dir, "deep") / "edits.json"} << R"({"x": )" << std::string(100'000, '[')
                                                      << std::string(100'000, ']') << "}";
    cairn::StoreWatch watch{cairn::open(dir.path()).value()};
    REQUIRE(watch.look());
    CHECK(watch.damaged().size() == 1);
    std::filesystem::remove(folder(dir, "deep") / "edits.json");
    std::ofstream{folder(dir, "deep") / "config.json"} << R"({"x": )" << std::string(100'000, '[')
                                                       << std::string(100'000, ']') << "}";
    REQUIRE(watch.look());
    CHECK(named(watch, "deep").row["config"].empty());
    CHECK(cairn::detail::json_depth(R"({"a": "[[[\"{{", "b": [1, {"c": []}]})") == 4);
}

TEST_CASE("overview: the same as the rows tell, by the index, without it and while it is written",
          "[query][overview]") {
    const TempDir dir;
    auto run = start(dir, "r");
    std::thread other{[&] {
        for (int i = 0; i < 3000; ++i) run.log(cairn::step(i), "other"_m = -i);
    }};
    for (int i = 0; i < 5000; ++i) {
        if (i % 100 == 0) run.log(cairn::step(i), "note"_m = "a text");
        run.log(cairn::step(i), "loss"_m = i == 10 ? std::nan("") : 1.0 / (1 + i), "lr"_m = i);
    }
    run.log(cairn::step(5000), "loss"_m = std::numeric_limits<double>::infinity());
    other.join();
    const auto same = [&] {
        const auto recorded = cairn::open(dir.path())->find("r").value();
        const auto overview = recorded.overview().value();
        const auto views = recorded.metrics().value();
        CHECK(overview.size() == 3);  // not the texts
        for (const char* name : {"loss", "lr", "other"}) {
            INFO(name);
            const auto& of_rows = views.find(name)->second.summary;
            REQUIRE(overview.contains(name));
            CHECK(overview[name]["count"] == of_rows.count);
            CHECK(overview[name]["last_step"] == of_rows.last_step);
            CHECK(overview[name]["min"] == of_rows.min);
        }
        CHECK(overview["loss"]["nans"] == 2);
        CHECK(overview["loss"]["max"] == 1.0);
        CHECK(overview["loss"]["last"] == 1.0 / 5000);
        CHECK(overview["other"]["max"] == 0.0);
    };
    same();
    REQUIRE(run.finish());
    same();
    std::filesystem::remove(folder(dir, "r") / "history.index");
    same();
}

TEST_CASE("several series in one walk are those that are read alone", "[query][read_series]") {
    const TempDir dir;
    {
        auto run = start(dir, "r");
        for (int i = 0; i < 20'000; ++i) {
            run.log(cairn::step(i), "a"_m = i, "b"_m = -i);
            if (i % 3 == 0) run.log(cairn::step(i), "c"_m = i * 0.5, "text"_m = "no number");
        }
    }
    const auto run = cairn::open(dir.path())->find("r").value();
    const std::vector<std::string> wanted{"c", "a", "none", "text", "b", "a"};
    auto all = run.series_of(wanted).value();
    CHECK(all.size() == 3);
    for (auto& [name, series] : all) {
        INFO(name);
        const auto alone = run.series(name).value();
        REQUIRE(series.size() == alone.size());
        const auto mine = series.points(), its = alone.points();  // of one file that they share
        bool is_same = mine.size() == its.size();
        for (std::size_t i = 0; is_same && i < mine.size(); ++i)
            is_same = mine[i].step == its[i].step && mine[i].value == its[i].value;
        CHECK(is_same);
        CHECK(series.unread() == 0);
        CHECK(series.memory_bytes() > 1000);
    }
    const auto none = run.series("none");
    REQUIRE(!none);
    CHECK(none.error().advice().find("a, b, c") != std::string::npos);
}

TEST_CASE("a series tells where its step went back", "[query][series]") {
    const TempDir dir;
    {
        auto run = start(dir, "r");
        for (int i = 0; i < 3000; ++i) run.log(cairn::step(i), "loss"_m = i);
        for (int i = 1000; i < 4000; ++i) run.log(cairn::step(i), "loss"_m = i);
        run.log(cairn::step(50), "loss"_m = 1);
    }
    const auto series = cairn::open(dir.path())->find("r")->series("loss").value();
    CHECK(series.restarts() == 2);
    const auto back = series.restart_points(10);
    REQUIRE(back.size() == 2);
    CHECK(back[0].step == 1000);
    CHECK(back[1].step == 50);
    CHECK(series.restart_points(1).size() == 1);
}

}  // namespace store_watch_test
