// SPDX-License-Identifier: MIT
// What the machine does, recorded beside what the program logs, and apart from it.
#include <cairn/query/runs.hpp>
#include <cairn/query/store_watch.hpp>
#include <cairn/store/os.hpp>

#include "run/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <string>
#include <vector>

namespace system_test {

using namespace cairn_test;
using namespace cairn::literals;
namespace os = cairn::detail::os;

TEST_CASE("usage: numbers are read where they stand, and nowhere else", "[store][os]") {
    os::NumbersIn numbers{" 12\t7 x 9"};
    CHECK(numbers.next() == 12);
    CHECK(numbers.next() == 7);
    CHECK_FALSE(numbers.next());
    CHECK_FALSE(numbers.next());
    CHECK(os::numbers_after("A: 1 kB\nB:  22 kB\n", "\nB:").next() == 22);
    CHECK_FALSE(os::numbers_after("A: 1 kB\n", "B:").next());
    CHECK_FALSE(os::NumbersIn{"max\n"}.next());
    CHECK_FALSE(os::NumbersIn{"99999999999999999999999"}.next());

    os::Usage usage;
    for (const char* line :
         {"Inter-|   Receive  ", "    lo: 50 0 0 0 0 0 0 0 50 0", "  eth0: 7 1 0 0 0 0 0 0 9 1 0",
          "wlan0:1000 1 0 0 0 0 0 0 2000 1 0", "bad: 5", ":"})
        os::add_network(line, usage);
    CHECK(usage.received == 1007);
    CHECK(usage.sent == 2009);
}

TEST_CASE("usage: this process and this machine", "[store][os]") {
    const os::Usage usage = os::usage("/sys/fs/cgroup/none");
    REQUIRE(usage.process_cpu_s);
    CHECK(*usage.process_cpu_s > 0);
#if defined(__linux__)
    REQUIRE(usage.memory_total);
    CHECK(*usage.memory_available <= *usage.memory_total);
    CHECK(usage.process_threads.value_or(0) >= 1);
    CHECK(usage.process_memory.value_or(0) > 100'000);
#endif
}

TEST_CASE("system: series of their own, at the steps of the newest rows, and no rows", "[run][system]") {
    const TempDir dir;
    auto run = cairn::init({.id = "r", .dir = dir.path(), .system_seconds = 0.1, .quiet = true});
    run.log(cairn::step(41), "loss"_m = 1.0);
    const auto has_samples = [&] {
        const auto read = cairn::open(dir.path()).value().find("r").value();
        const auto series = read.series("system/cpu");
        return series && series->size() >= 2;
    };
    for (int i = 0; i < 1000 && !has_samples(); ++i) os::sys::sleep_ns(20'000'000);
    REQUIRE(run.finish());
    const auto read = cairn::open(dir.path()).value().find("r").value();
    const auto series = read.series("system/cpu").value();
    REQUIRE(series.size() >= 2);
    CHECK(series.last_step() == 41);
    for (const auto& point : series.window(0, 100).points()) {
        CHECK(point.value >= 0);
        CHECK(point.value <= 110);
    }
    CHECK(read.rows().value().size() == 1);
    CHECK(!read.summary().value()["metrics"].contains("system/cpu"));
    const auto samples = [&] {
        const auto ended = cairn::open(dir.path()).value().find("r").value();
        return ended.summary().value()["system"]["system/cpu"]["count"].get<std::uint64_t>();
    };
    CHECK(samples() == series.size());
    cairn::StoreWatch watch{cairn::open(dir.path()).value()};
    REQUIRE(watch.look());
    CHECK(watch.runs().at(0)->row["metrics"].contains("system/cpu"));
    CHECK(watch.runs().at(0)->row["metrics"].contains("loss"));
    CHECK(read.overview().value().contains("system/cpu"));
    CHECK(run.health().rows_logged == 1);

    auto again = cairn::init({.id = "r", .dir = dir.path(), .resume = cairn::Resume::must, .quiet = true});
    CHECK(again.first_step() == 42);
    REQUIRE(again.finish());
    CHECK(samples() == series.size());  // those of the session before
}

#if CAIRN_TEST_FORK
TEST_CASE("system: what a killed run had sampled is read", "[run][system][kill]") {
    const TempDir dir;
    const int killed = in_child([&] {
        auto run = cairn::init({.id = "r", .dir = dir.path(), .system_seconds = 0.1, .quiet = true});
        const auto series = [&] {
            return cairn::open(dir.path()).value().find("r").value().series("system/cpu");
        };
        while (!series()) os::sys::sleep_ns(10'000'000);
        return ::raise(SIGKILL);
    });
    REQUIRE(killed == -SIGKILL);
    const auto read = cairn::open(dir.path()).value().find("r").value();
    const auto sampled = read.series("system/cpu").value().size();
    CHECK(sampled >= 1);
    CHECK(read.summary().value()["system"]["system/cpu"]["count"] == sampled);
}
#endif

TEST_CASE("system: how often is an option, that the environment overrules", "[run][system]") {
    const auto with = [](double seconds, const char* variable) {
        const auto get = [&](const char* name) {
            return std::string{std::string{name} == "CAIRN_SYSTEM" ? variable : ""};
        };
        return cairn::detail::resolve({.system_seconds = seconds}, get).system_seconds;
    };
    CHECK(with(15, "") == 15);
    CHECK(with(0, "") == 0);
    CHECK(with(15, "off") == 0);
    CHECK(with(0, "2.5") == 2.5);
    for (const char* bad : {"often", "15s", "-1", "0.01", "nan", "1e9"}) {
        CAPTURE(bad);
        CHECK_THROWS_AS(with(15, bad), cairn::error);
    }
    CHECK_THROWS_AS(with(0.01, ""), cairn::error);
    CHECK_THROWS_AS(with(-1, ""), cairn::error);
}

}  // namespace system_test
