// SPDX-License-Identifier: MIT
#include <cairn/cairn.hpp>
#include <cairn/query/compare.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>
#include <vector>

namespace runs_test {

using namespace cairn::literals;

namespace {

struct Model {
    std::vector<float> weight = {1, 2};
    void describe(auto& fields) { fields("weight", weight); }
};

cairn::Run start(const cairn_test::TempDir& dir, const char* id, const char* name = "") {
    return cairn::init({.project = "p", .name = name, .id = id, .dir = dir.path(), .quiet = true});
}

}  // namespace

TEST_CASE("a store is read with its runs newest first and their states", "[query][runs]") {
    const cairn_test::TempDir dir;
    REQUIRE(start(dir, "one").finish());
    REQUIRE(start(dir, "two").fail("because"));
    auto open = start(dir, "three");
    const auto store = cairn::open(dir.path());
    REQUIRE(store);
    const auto list = store->runs();
    REQUIRE(list);
    REQUIRE(list->runs.size() == 3);
    CHECK(list->damaged.empty());
    for (const auto& run : list->runs) {
        if (run.id() == "one") CHECK(run.state() == cairn::RunState::finished);
        if (run.id() == "two") CHECK(run.state() == cairn::RunState::failed);
        if (run.id() == "two") CHECK(run.why() == "because");
        if (run.id() == "three") CHECK(run.state() == cairn::RunState::running);
    }
    CHECK(store->runs("another")->runs.empty());
}

TEST_CASE("a run is found by id, by the beginning of it and by name, and several are told apart",
          "[query][runs]") {
    const cairn_test::TempDir dir;
    REQUIRE(start(dir, "abc1", "baseline").finish());
    REQUIRE(start(dir, "abd2").finish());
    const auto store = cairn::open(dir.path());
    REQUIRE(store);
    CHECK(store->find("abc1")->id() == "abc1");
    CHECK(store->find("abd")->id() == "abd2");
    CHECK(store->find("baseline")->id() == "abc1");
    CHECK(store->find("latest"));
    CHECK(store->find("ab").error().code() == cairn::errc::invalid_argument);
    CHECK(store->find("zzz").error().code() == cairn::errc::not_found);
}

TEST_CASE("a series of a run that is still written has what was logged", "[query][runs]") {
    const cairn_test::TempDir dir;
    auto run = start(dir, "live");
    for (int i = 0; i < 100; ++i) run.log(cairn::step(i), "loss"_m = 1.0 / (i + 1));
    const auto read = cairn::open(dir.path())->find("live");
    REQUIRE(read);
    const auto series = read->series("loss");
    REQUIRE(series);
    const auto points = series->points();
    REQUIRE((series->size() == 100 && points.size() == 100));
    for (int i = 0; i < 100; ++i) {
        const auto& point = points[static_cast<std::size_t>(i)];
        CHECK(point.step == i);
        CHECK(point.value == 1.0 / (i + 1));
    }
    const auto none = read->series("lost");
    REQUIRE_FALSE(none);
    CHECK(none.error().code() == cairn::errc::not_found);
    CHECK(none.error().advice().find("loss") != std::string::npos);
}

TEST_CASE("the versions of a run are those that it saved, with their aliases", "[query][runs]") {
    const cairn_test::TempDir dir;
    Model model;
    for (const char* id : {"first", "second"}) {
        auto run = start(dir, id);
        auto checkpoint = run.checkpoint<cairn::Best<"loss", cairn::minimize>>("model");
        for (const double loss : {3.0, 2.0})
            checkpoint.step(run.log("loss"_m = loss), cairn::part("model", model));
    }
    const auto store = cairn::open(dir.path());
    const auto saved = store->versions_of(*store->find("second"));
    REQUIRE(saved);
    REQUIRE(saved->by_artifact.at("model").size() == 2);
    CHECK(saved->by_artifact.at("model")[0].version == 2);
    CHECK(saved->by_artifact.at("model")[1].version == 3);
    CHECK(saved->aliases.at("model").at("best") == 1);  // the first run was as good, and it was first
}

TEST_CASE("a damaged run is reported and the others are listed", "[query][runs]") {
    const cairn_test::TempDir dir;
    REQUIRE(start(dir, "good").finish());
    REQUIRE(start(dir, "bad").finish());
    std::ofstream{dir.path() / "projects" / "p" / "runs" / "bad" / "run.json"} << "{";
    const auto list = cairn::open(dir.path())->runs();
    REQUIRE(list);
    CHECK(list->runs.size() == 1);
    REQUIRE(list->damaged.size() == 1);
    CHECK(list->damaged[0].code() == cairn::errc::corrupt);
}

TEST_CASE("a summary that tells nothing of the metrics is made of the rows", "[query][runs]") {
    const cairn_test::TempDir dir;
    for (const char* id : {"a", "b"}) {
        auto run = start(dir, id);
        run.log("loss"_m = 0.5);
    }
    const char* const written = GENERATE("{}", "[]", "5", R"({"user": 1})", R"({"system": {}})");
    std::ofstream{dir.path() / "projects" / "p" / "runs" / "a" / "summary.json"} << written;
    const auto store = cairn::open(dir.path()).value();
    std::vector<cairn::RecordedRun> runs;
    for (const char* id : {"a", "b"}) runs.push_back(store.find(id).value());
    CHECK(runs[0].summary().value()["metrics"]["loss"]["last"] == 0.5);
    const auto compared = cairn::compare(runs).value();
    REQUIRE(compared.metrics.size() == 1);
    CHECK(compared.metrics[0].values == std::vector<nlohmann::json>{0.5, 0.5});
}

TEST_CASE("a folder that is no store is not found and not made one", "[query][runs]") {
    const cairn_test::TempDir dir;
    const auto store = cairn::open(dir / "nothing");
    REQUIRE_FALSE(store);
    CHECK(store.error().code() == cairn::errc::not_found);
    CHECK_FALSE(std::filesystem::exists(dir / "nothing"));
}

TEST_CASE("a recorded run gives its rows to a dry run, and tells what was decided", "[query][runs]") {
    const cairn_test::TempDir dir;
    {
        auto run = start(dir, "one");
        auto checkpoint = run.checkpoint("model", cairn::EveryN<3>{}, cairn::KeepLast<1>{});
        Model model;
        for (int i = 0; i < 7; ++i)
            checkpoint.step(run.log(cairn::step(i), "loss"_m = 7.0 - i), cairn::part("model", model));
    }
    const auto run = cairn::open(dir.path()).value().find("one").value();
    const auto rows = run.rows().value();
    REQUIRE(rows.size() == 7);
    CHECK(rows[6]["loss"] == 1);
    const auto same = simulate(cairn::EveryN<3>{}, cairn::KeepLast<1>{}, rows);
    const auto decisions = run.decisions().value();
    std::vector<std::int64_t> saved, removed;
    for (const auto& d : decisions) {
        if (d.kind == cairn::Decision::Kind::saved) saved.push_back(d.step);
        if (d.kind == cairn::Decision::Kind::removed) removed.push_back(d.step);
    }
    CHECK(saved == std::vector<std::int64_t>{0, 3, 6});
    CHECK(removed == std::vector<std::int64_t>{0, 3});
    REQUIRE(same.versions.size() == saved.size());
    for (std::size_t i = 0; i < saved.size(); ++i) CHECK(same.versions[i].step == saved[i]);
    CHECK(same.kept() == 1);
}

TEST_CASE("a series has the values of all ranks, or of one", "[query][runs]") {
    const cairn_test::TempDir dir;
    for (const unsigned rank : {0U, 1U}) {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .rank = rank, .quiet = true});
        for (int i = 0; i < 5000; ++i) run.log("loss"_m = i + 10'000.0 * rank);
        if (rank == 1) run.log("only/1"_m = 7);
        REQUIRE(run.finish());
    }
    {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .rank = 11, .quiet = true});
        run.log(cairn::step(9000), "loss"_m = -1);
        REQUIRE(run.finish());
    }
    const auto run = cairn::open(dir.path())->find("r");
    REQUIRE(run);
    for (const char* name : {"01", "0", "x", "-1", "99999999999"})
        std::filesystem::create_directories(run->dir() / "ranks" / name);
    CHECK(run->ranks().value() == std::vector<unsigned>{0, 1, 11});
    const auto all = run->series("loss");
    REQUIRE(all);
    CHECK(all->size() == 10'001);
    const auto whole = all->buckets(1);
    CHECK((whole[0].min == -1 && whole[0].max == 14'999 && whole[0].finite == 10'001));
    std::size_t i = 0;  // rank 0's come first
    for (const auto& point : all->points()) {
        CHECK(point.value == (i < 5000     ? static_cast<double>(i)
                              : i < 10'000 ? 5000.0 + static_cast<double>(i)
                                           : -1));
        ++i;
    }
    CHECK(run->series("loss", 1)->buckets(1)[0].min == 10'000);
    CHECK(run->series("loss", 0)->size() == 5000);
    CHECK(run->series("only/1")->size() == 1);
    CHECK(run->series("only/1", 0).error().code() == cairn::errc::not_found);
    CHECK(run->series("loss", 3).error().code() == cairn::errc::not_found);
}

TEST_CASE("a series can be measured from the beginning of its run", "[query][runs]") {
    const cairn_test::TempDir dir;
    auto run = start(dir, "r");
    for (int i = 0; i < 3000; ++i) run.log("loss"_m = i);
    REQUIRE(run.finish());
    const auto recorded = cairn::open(dir.path())->find("r");
    const auto series = recorded->series("loss").value();
    CHECK(series.origin_ns() == recorded->created_ns());
    const auto since = series.buckets(7, cairn::Axis::relative), wall = series.buckets(7, cairn::Axis::time);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < 7; ++i) {
        CHECK(since[i].finite == wall[i].finite);
        seen += since[i].finite;
        if (since[i].finite == 0) continue;
        CHECK(since[i].from == wall[i].from - recorded->created_ns());
        CHECK(since[i].to == wall[i].to - recorded->created_ns());
        CHECK((since[i].from >= 0 && since[i].to < 60'000'000'000));
    }
    CHECK(seen == 3000);
    constexpr std::int64_t always = std::numeric_limits<std::int64_t>::max();
    CHECK(series.window(-always, always, cairn::Axis::relative).points().size() == 3000);
}

TEST_CASE("a series over another metric takes x from its own row, or the last that its thread logged",
          "[query][runs]") {
    const cairn_test::TempDir dir;
    auto run = start(dir, "r");
    run.log("loss"_m = 100);  // before any x
    for (int epoch = 0; epoch < 50; ++epoch) {
        run.log("epoch"_m = epoch - 20.5, "loss"_m = epoch);
        for (int i = 0; i < 99; ++i) run.log("loss"_m = epoch + 0.001 * i);
    }
    std::thread{[&] { run.log("loss"_m = 7, "other"_m = 1); }}.join();  // another thread: none either
    run.log("epoch"_m = std::nan(""), "loss"_m = 8);
    REQUIRE(run.finish());
    const auto recorded = cairn::open(dir.path())->find("r");
    const auto series = recorded->series_over("loss", "epoch").value();
    CHECK(series.size() == 5000);
    CHECK(series.without_x() == 3);
    CHECK((series.first_x() == -20.5 && series.last_x() == 28.5));
    CHECK(series.restarts() == 50 * 99);
    const auto points = series.points(-1, 1);
    REQUIRE(points.size() == 200);
    CHECK((points[0].x == -0.5 && points[0].value == 20 && points[199].x == 0.5));
    const auto buckets = series.buckets(5);
    std::uint64_t seen = 0;
    for (const cairn::BucketOver& bucket : buckets) {
        seen += bucket.finite;
        CHECK((bucket.min >= bucket.from + 20.5 && bucket.max <= bucket.to + 20.5 + 0.099));
        CHECK((bucket.max > bucket.to + 20.5 && bucket.to - bucket.from <= 2 * 49.0 / 5));
    }
    CHECK(seen == 5000);
    CHECK(series.buckets(3, 1000, 2000)[0].finite == 0);
    CHECK(recorded->series_over("loss", "none").error().code() == cairn::errc::not_found);
    CHECK(recorded->series_over("none", "epoch").error().code() == cairn::errc::not_found);
}

TEST_CASE("a series over a metric of any numbers is drawn over its finite ones", "[query][runs]") {
    constexpr double inf = std::numeric_limits<double>::infinity();
    cairn::SeriesOver series;
    for (int i = 0; i < 100; ++i) series.add(i, 0, i);
    SECTION("infinities") {
        series.add(inf, 0, 1000);
        series.add(-inf, 0, -1000);
        const auto buckets = series.buckets(10);
        for (const auto& bucket : buckets) CHECK(bucket.finite == 10);
        CHECK((buckets[0].min == 0 && buckets[9].max == 99));
        CHECK((series.points().size() == 102 && series.points(-inf, 3).size() == 5));
    }
    SECTION("the whole range") {
        series.add(-1e308, 0, -5);
        series.add(1.5e308, 0, 500);
        const auto buckets = series.buckets(5);
        CHECK((buckets[0].min == -5 && buckets[0].finite == 1));
        CHECK((buckets[4].max == 500 && buckets[4].finite == 1));
        CHECK(buckets[2].finite == 100);
    }
    SECTION("but one zero") {
        series.add(-0.0, 0, 7);
        CHECK(series.points(0, 0).size() == 2);
        CHECK(series.points(-0.0, -0.0).size() == 2);
    }
    SECTION("none finite") {
        cairn::SeriesOver infinite;
        infinite.add(inf, 0, 1);
        CHECK(infinite.buckets(3)[0].finite == 0);
    }
}

}  // namespace runs_test
