// SPDX-License-Identifier: MIT
// Rows as they come: each of them once, in the order of its thread.
#include <cairn/cairn.hpp>
#include <cairn/query/follow.hpp>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace cairn_test;
using namespace cairn::literals;

namespace {

cairn::Run start(const TempDir& dir, cairn::Resume resume = cairn::Resume::never) {
    return cairn::init({.project = "p", .id = "r", .dir = dir.path(), .resume = resume, .quiet = true});
}
std::filesystem::path folder(const TempDir& dir) { return dir / "projects/p/runs/r"; }

/// The numbers that each worker logged, as they were seen.
class Seen {
  public:
    void operator()(const cairn::detail::StoredRow& row) {
        std::int64_t worker = -1, number = -1;
        for (const cairn::NamedValue& named : row.values) {
            if (named.name == "worker") worker = static_cast<std::int64_t>(named.value.number());
            if (named.name == "n") number = static_cast<std::int64_t>(named.value.number());
        }
        if (worker < 0) return;
        std::int64_t& last = last_.try_emplace(worker, -1).first->second;
        if (number != last + 1) ++wrong_;
        last = number;
    }
    [[nodiscard]] std::int64_t count(std::int64_t worker) const {
        const auto found = last_.find(worker);
        return found != last_.end() ? found->second + 1 : 0;
    }
    [[nodiscard]] int wrong() const { return wrong_; }

  private:
    std::map<std::int64_t, std::int64_t> last_;
    int wrong_ = 0;
};

}  // namespace

TEST_CASE("follow: each row once and in order, while threads write", "[query][follow]") {
    const TempDir dir;
    auto run = start(dir);
    cairn::RowFollower rows{folder(dir)};
    Seen seen;
    std::atomic<int> at_work = 3, looks = 0;
    std::vector<std::thread> threads;
    for (int worker = 0; worker < 3; ++worker) {
        threads.emplace_back([&run, &at_work, &looks, worker] {
            std::vector<std::string> names;
            for (int k = 0; k < 300; ++k) names.push_back("wide/" + std::to_string(k));
            for (int n = 0; n < 30'000; ++n) {
                if (n % 10'000 == 5000) {  // somebody looks meanwhile, however slow that is
                    for (const int before = looks; looks == before;) std::this_thread::yield();
                }
                if (n % 1000 != 999) {
                    run.log(cairn::step(n), "worker"_m = worker, "n"_m = n);
                    continue;
                }
                std::vector<cairn::NamedValue> values{{"worker", worker}, {"n", n}};
                for (const std::string& name : names) values.push_back({name, n});
                run.log(std::span<const cairn::NamedValue>{values}, {.step = n});
            }
            --at_work;
        });
    }
    while (at_work != 0) {
        REQUIRE(rows.next(seen));
        ++looks;
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(run.finish());
    REQUIRE(rows.next(seen));
    CHECK(run.health().rows_dropped == 0);
    CHECK(looks > 2);
    CHECK(seen.wrong() == 0);
    for (int worker = 0; worker < 3; ++worker) CHECK(seen.count(worker) == 30'000);
    int more = 0;
    REQUIRE(rows.next([&](const cairn::detail::StoredRow&) { ++more; }));
    CHECK(more == 0);
}

#if CAIRN_TEST_FORK
TEST_CASE("follow: over a kill and the session that goes on after it", "[query][follow]") {
    const TempDir dir;
    (void)cairn::Store::open(dir.path()).value();
    const ::pid_t child = start_child([&] {
        auto run = start(dir);
        for (int n = 0; n < 5000; ++n) run.log(cairn::step(n), "worker"_m = 0, "n"_m = n);
        std::ofstream{dir / "written"};
        for (;;) ::pause();
        return 0;
    });
    while (!std::filesystem::exists(dir / "written")) std::this_thread::yield();
    cairn::RowFollower rows{folder(dir)};
    Seen seen;
    REQUIRE(rows.next(seen));
    CHECK(seen.count(0) == 5000);
    ::kill(child, SIGKILL);
    REQUIRE(wait_for(child) == -SIGKILL);
    REQUIRE(rows.next(seen));
    auto run = start(dir, cairn::Resume::must);  // moves what the rings held into the history
    for (int n = 5000; n < 6000; ++n) run.log(cairn::step(n), "worker"_m = 0, "n"_m = n);
    REQUIRE(rows.next(seen));
    CHECK(seen.count(0) == 6000);
    REQUIRE(run.finish());
    REQUIRE(rows.next(seen));
    CHECK(seen.count(0) == 6000);
    CHECK(seen.wrong() == 0);
}
#endif

TEST_CASE("follow: nothing yet is no failure, and what is no history is one", "[query][follow]") {
    const TempDir dir;
    cairn::RowFollower rows{folder(dir)};
    REQUIRE(rows.next([](const cairn::detail::StoredRow&) { FAIL("there is no row"); }));
    std::filesystem::create_directories(folder(dir));
    std::ofstream{folder(dir) / "history.cairn"} << "this is no history of ours at all";
    CHECK(!rows.next([](const cairn::detail::StoredRow&) { FAIL("there is no row"); }));
}
