// SPDX-License-Identifier: MIT
// Early stopping, decisions of a run, ranks.
#include <cairn/run/init.hpp>

#include <cairn/policy/parse.hpp>
#include <cairn/policy/policy.hpp>

#include "support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace stopping_test {

using namespace cairn_test;
using namespace cairn::literals;
using cairn::minimize;
using Catch::Matchers::Contains;

namespace {

cairn::Run open_run(const TempDir& dir, const std::string& id = "r", unsigned rank = 0) {
    return cairn::init({.project = "p",
                        .id = id,
                        .dir = dir / "store",
                        .resume = cairn::Resume::allow,
                        .rank = rank,
                        .quiet = true});
}

/// The step at which training stops; the number of values if it does not.
template <class P>
std::int64_t stops_at(cairn::Run& run, P& policy, const std::vector<double>& values, std::int64_t from = 0) {
    for (auto step = from; step < static_cast<std::int64_t>(values.size()); ++step) {
        const auto row = run.log(cairn::step(step), "val"_m = values[static_cast<std::size_t>(step)]);
        if (run.should_stop(row, policy)) return step;
    }
    return static_cast<std::int64_t>(values.size());
}

const std::vector<double> values = {5, 4, 4.5, 4.2, 3.9, 4, 4, 4, 4, 4, 4};
using Patience = cairn::Patience<"val", minimize, 3>;

}  // namespace

TEST_CASE("training stops when patience ends, and the run records why", "[run][stopping]") {
    TempDir dir;
    auto run = open_run(dir);
    Patience patience;
    CHECK(stops_at(run, patience, values) == 7);
    const auto decisions = run.decisions();
    REQUIRE(decisions.size() == 1);
    CHECK(decisions[0].kind == cairn::Decision::Kind::stopped);
    CHECK(to_text(decisions[0]) == "step 7: stopped, patience(val, min, 3): 3 rows were no better");
    CHECK(decisions[0].row["val"] == 4);
}

TEST_CASE("a resumed run has the patience that is left", "[run][stopping]") {
    for (std::int64_t killed = 0; killed < 7; ++killed) {
        INFO("killed after step " << killed);
        TempDir dir;
        {
            auto run = open_run(dir);
            Patience patience;
            REQUIRE(stops_at(run, patience,
                             {values.begin(), std::next(values.begin(), static_cast<std::ptrdiff_t>(killed) +
                                                                            1)}) == killed + 1);
        }
        auto run = open_run(dir);
        Patience patience;
        CHECK(stops_at(run, patience, values, killed + 1) == 7);
    }
}

TEST_CASE("rows that a resume went back over do not count against patience", "[run][stopping]") {
    TempDir dir;
    {
        auto run = open_run(dir);
        Patience patience;
        REQUIRE(stops_at(run, patience, {5, 4, 9, 9}) == 4);
    }
    {
        auto run = open_run(dir);  // from a checkpoint of step 1
        Patience patience;
        REQUIRE(stops_at(run, patience, {0, 0, 3, 9}, 2) == 4);
        CHECK(patience.stale() == 1);
    }
    auto run = open_run(dir);
    Patience patience;
    CHECK(stops_at(run, patience, {0, 0, 0, 0, 9, 9, 9}, 4) == 5);
    CHECK(patience.stale() == 3);
}

TEST_CASE("a resumed run has its patience whatever else is logged, and however often a step is",
          "[run][stopping]") {
    // Logs a step's rows and asks about those with the metric.
    const auto several = [](cairn::Run& run, Patience& patience, std::int64_t step, double value) {
        const bool stops = run.should_stop(run.log(cairn::step(step), "val"_m = value), patience);
        return run.should_stop(run.log(cairn::step(step), "val"_m = value), patience) || stops;
    };
    const auto later = [](cairn::Run& run, Patience& patience, std::int64_t step, double value) {
        const bool stops = run.should_stop(run.log(cairn::step(step), "val"_m = value), patience);
        run.log(cairn::step(step), "lr"_m = 0.1);
        return stops;
    };
    const auto elsewhere = [](cairn::Run& run, Patience& patience, std::int64_t step, double value) {
        std::thread{[&] { run.log(cairn::step(0), "load"_m = 1.0); }}.join();
        return run.should_stop(run.log(cairn::step(step), "val"_m = value), patience);
    };
    const auto check = [](const char* name, auto&& train, std::int64_t cut) {
        INFO(name);
        const auto from = [&](const TempDir& dir, std::int64_t first, std::int64_t end) {
            auto run = open_run(dir);
            Patience patience;
            for (std::int64_t step = first; step < end; ++step) {
                if (train(run, patience, step, step == 0 ? 1.0 : 2.0)) return step;
            }
            return std::int64_t{-1};
        };
        TempDir whole, resumed;
        const std::int64_t end = from(whole, 0, 20);
        REQUIRE(end >= cut);
        REQUIRE(from(resumed, 0, cut) == -1);
        CHECK(from(resumed, cut, 20) == end);
    };
    check("two rows a step", several, 1);
    check("another row of the step after it", later, 2);
    check("another thread with steps of its own", elsewhere, 2);
}

TEST_CASE("a resumed run reads its history once for a policy, whether the metric comes or not",
          "[run][stopping]") {
    TempDir dir;
    {
        auto run = open_run(dir);
        for (int i = 0; i < 100; ++i) run.log("loss"_m = 1.0);
    }
    auto run = open_run(dir);
    Patience patience;
    CHECK_FALSE(run.should_stop(run.log("val"_m = std::optional<double>{}), patience));
    CHECK_FALSE(patience.rows_heard().is_fresh());
}

TEST_CASE("any policy can stop training, composed or parsed, and a run that records nothing stops alike",
          "[run][stopping]") {
    TempDir dir;
    for (const bool is_recorded : {true, false}) {
        auto run = is_recorded ? open_run(dir) : cairn::Run{};
        auto composed = Patience{} | cairn::Below<"val">{4.1};
        CHECK(stops_at(run, composed, values) == 1);
        auto parsed = cairn::parse_policy("patience(val, min, 2) & after(6)").value();
        CHECK(stops_at(run, parsed, values) == 6);
        const auto row = run.log("val"_m = 1.0);
        CHECK(run.should_stop(row, cairn::Below<"val">{2}));  // it remembers nothing: no variable is needed
    }
}

TEST_CASE("a missing metric never stops, and a NaN that is an error is said", "[run][stopping]") {
    TempDir dir;
    auto run = open_run(dir);
    Patience patience;
    for (int i = 0; i < 9; ++i)
        CHECK_FALSE(run.should_stop(run.log("val"_m = std::optional<double>{}), patience));
    CHECK_FALSE(run.should_stop(run.log({{"other", 1.0}}), patience));
    cairn::Patience<"val", minimize, 3, cairn::nan::error> strict;
    CHECK_FALSE(run.should_stop(run.log("val"_m = std::nan("")), strict));
    REQUIRE(run.health().errors.size() == 1);
    CHECK_THAT(run.health().errors[0], Contains("not_a_number"));
}

TEST_CASE("events are no rows: not counted, not summed up, not in the metrics", "[run][decisions]") {
    TempDir dir;
    {
        auto run = open_run(dir);
        run.log("val"_m = 1.0);
        for (int i = 0; i < 3; ++i) CHECK(run.should_stop(run.log("val"_m = 1.0), cairn::Below<"val">{2}));
        CHECK(run.health().rows_logged == 4);
        CHECK(run.decisions().size() == 3);
    }
    cairn::detail::HistoryReport report;
    const auto rows = rows_of(dir / "store" / "projects" / "p" / "runs" / "r", &report);
    CHECK(rows.size() == 4);
    CHECK(report.rows == 4);
    CHECK(report.damaged == 0);
    for (const auto& row : rows) CHECK(row.values.size() == 1);
    const auto summary = json_of(dir / "store" / "projects" / "p" / "runs" / "r" / "summary.json");
    CHECK(summary["metrics"].size() == 1);
    CHECK(summary["metrics"]["val"]["count"] == 4);
}

TEST_CASE("an event that is larger than a record comes back whole", "[run][decisions]") {
    TempDir dir;
    auto run = open_run(dir);
    std::vector<std::string> names;
    for (int i = 0; i < 3000; ++i) names.push_back("metric_" + std::to_string(i));
    std::vector<cairn::NamedValue> wide;
    for (const auto& name : names) wide.push_back({name, static_cast<double>(wide.size())});
    wide.push_back({"val", 1.0});
    const auto row = run.log(std::span<const cairn::NamedValue>{wide}, {.step = 5});
    CHECK(run.should_stop(row, cairn::Below<"val">{2}));
    const auto decisions = run.decisions();
    REQUIRE(decisions.size() == 1);
    CHECK(decisions[0].row.size() == wide.size());
    CHECK(decisions[0].row["metric_2999"] == 2999);
}

TEST_CASE("each rank of a run has a folder, a lock and a history of its own", "[run][ranks]") {
    TempDir dir;
    const auto run_dir = dir / "store" / "projects" / "p" / "runs" / "r";
    {
        auto zero = open_run(dir);
        auto one = open_run(dir, "r", 1);
        auto twelve = open_run(dir, "r", 12);
        CHECK(one.dir() == run_dir / "ranks" / "1");
        zero.log("loss"_m = 0.0);
        one.log("loss"_m = 1.0);
        twelve.log("loss"_m = 12.0);
        const auto second = error_of([&] { (void)open_run(dir, "r", 1); });
        REQUIRE(second);
        CHECK(second->code() == cairn::errc::busy);
    }
    CHECK(rows_of(run_dir)[0].number("loss") == 0);
    CHECK(rows_of(run_dir / "ranks" / "1")[0].number("loss") == 1);
    CHECK(rows_of(run_dir / "ranks" / "12")[0].number("loss") == 12);
    CHECK(json_of(run_dir / "ranks" / "1" / "run.json")["status"] == "finished");
    auto again = open_run(dir, "r", 1);
    CHECK(again.resumed());
    CHECK(again.first_step() == 1);
}

TEST_CASE("the environment gives the rank, and a rank needs a run that all write", "[run][ranks]") {
    TempDir dir;
    const Env id{"CAIRN_RUN_ID", "r"};
    {
        const Env rank{"CAIRN_RANK", "3"};
        auto run = cairn::init({.project = "p", .dir = dir / "store", .quiet = true});
        CHECK(run.dir().filename() == "3");
    }
    for (const char* bad : {"", "-1", "x", "3x", "99999999999999999999"}) {
        const Env rank{"CAIRN_RANK", bad};
        const auto failure = error_of(
            [&] { (void)cairn::init({.project = "p", .id = "s", .dir = dir / "store", .quiet = true}); });
        CHECK(failure.has_value() == (std::string{bad} != ""));
        if (failure) CHECK(failure->code() == cairn::errc::invalid_argument);
    }
    const auto failure = error_of([&] {
        const Env none{"CAIRN_RUN_ID", ""};
        (void)cairn::init({.project = "p", .dir = dir / "store", .rank = 1, .quiet = true});
    });
    REQUIRE(failure);
    CHECK_THAT(failure->what(), Contains("CAIRN_RUN_ID"));
}

}  // namespace stopping_test
