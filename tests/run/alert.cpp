// SPDX-License-Identifier: MIT
// Alerts: recorded between the rows, handed on beside them, and not said twice in a minute.
#include <cairn/query/runs.hpp>

#include "run/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <chrono>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace alert_test {

using namespace cairn_test;
using namespace cairn::literals;
using namespace std::chrono_literals;
using cairn::AlertLevel;

TEST_CASE("alert: it is recorded at the newest step, and is no row", "[run][alert]") {
    const TempDir dir;
    auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
    run.log(cairn::step(7), "loss"_m = 1.0);
    while (run.health().rows_collected == 0) cairn::detail::os::sys::sleep_ns(1'000'000);
    run.alert("the loss is NaN", {.text = "epoch <3>", .level = AlertLevel::error});
    run.alert("slow");
    REQUIRE(run.finish());
    run.alert("too late");
    const auto read = cairn::open(dir.path()).value().find("r").value();
    const auto alerts = read.alerts().value();
    REQUIRE(alerts.size() == 2);
    CHECK(alerts[0].title == "the loss is NaN");
    CHECK(alerts[0].text == "epoch <3>");
    CHECK(alerts[0].level == AlertLevel::error);
    CHECK(alerts[0].step == 7);
    CHECK(alerts[0].time_ns > 0);
    CHECK(alerts[1].level == AlertLevel::info);
    CHECK(read.rows().value().size() == 1);
    CHECK(read.decisions().value().empty());
}

TEST_CASE("alert: a title again is held back and counted, another is not", "[run][alert]") {
    const TempDir dir;
    auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
    for (int i = 0; i < 5; ++i) run.alert("again");
    run.alert("other");
    run.alert("again", {.wait_seconds = 0});
    run.alert("again", {.wait_seconds = std::numeric_limits<double>::quiet_NaN()});
    CHECK(run.health().alerts_held_back == 4);
    CHECK(run.health().ok());
    REQUIRE(run.finish());
    CHECK(cairn::open(dir.path()).value().find("r").value().alerts().value().size() == 4);
}

TEST_CASE("alert: the program's own handler hears of each, and may fail", "[run][alert]") {
    const TempDir dir;
    std::mutex mutex;
    std::vector<std::string> heard;
    const auto on_alert = [&](const cairn::Alert& alert) {
        const std::scoped_lock lock{mutex};
        heard.push_back(alert.title);
        if (alert.title == "bad") throw std::runtime_error("no route to host");
    };
    auto run = cairn::init(
        {.id = "r", .dir = dir.path(), .quiet = true, .on_error = [](const auto&) {}, .on_alert = on_alert});
    run.alert("good");
    run.alert("bad");
    run.alert("good");
    (void)run.finish();
    CHECK(heard == std::vector<std::string>{"good", "bad"});
    REQUIRE(run.health().errors.size() == 1);
    CHECK(run.health().errors[0].find("no route to host") != std::string::npos);
    cairn::Run off;
    off.alert("nobody");
}

TEST_CASE("alert: a handler that is slow holds up no checkpoint, and none is told after the end",
          "[run][alert]") {
    const TempDir dir;
    std::atomic<bool> go{false};
    std::atomic<int> heard{0};
    const auto on_alert = [&](const cairn::Alert&) {
        ++heard;
        while (!go) cairn::detail::os::sys::sleep_ns(1'000'000);
    };
    auto run = cairn::init(
        {.id = "r", .dir = dir.path(), .quiet = true, .on_error = [](const auto&) {}, .on_alert = on_alert});
    run.alert("one");
    run.alert("two");
    while (heard == 0) cairn::detail::os::sys::sleep_ns(1'000'000);
    CHECK(run.core()->saver().drain());  // what a checkpoint waits for
    CHECK(run.finish(50ms));
    go = true;
    cairn::detail::os::sys::sleep_ns(50'000'000);
    CHECK(heard == 1);
    REQUIRE(run.health().errors.size() == 1);
    CHECK(run.health().errors[0].find("before all alerts were told") != std::string::npos);
}

TEST_CASE("alert gate: it forgets titles rather than grow without end", "[run][alert]") {
    cairn::detail::BasicAlertGate<> gate;
    for (int i = 0; i < 5000; ++i) CHECK(gate.takes("title " + std::to_string(i), 0, 60));
    CHECK_FALSE(gate.takes("title 4999", 59'000'000'000, 60));
    CHECK(gate.takes("title 4999", 60'000'000'000, 60));
    CHECK_FALSE(gate.takes("title 4999", 60'000'000'001, 60));
}

}  // namespace alert_test
