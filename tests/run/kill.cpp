// SPDX-License-Identifier: MIT
// The second promise: a row whose log() has returned survives SIGKILL, once and in order.
#include "run/support.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>

using namespace cairn::literals;
using namespace cairn_test;

namespace {

constexpr int threads = 3;
constexpr int wide = 1500;  // metrics of a row that needs several records

// What the child has logged so far, told to the parent through memory that outlives it.
struct Progress {
    std::array<std::atomic<std::int64_t>, threads> logged{};
};

// Row n of a thread has a text of a length that depends on n, so that records of all sizes meet the ring's
// end.
std::string text_of_row(std::int64_t n) {
    return std::string(static_cast<std::size_t>(n * 7 % 61), static_cast<char>('a' + n % 26));
}

void log_row(cairn::Run& run, int thread, std::int64_t n) {
    if (thread == 0) {
        run.log(cairn::step(n), "thread"_m = thread, "n"_m = n, "text"_m = text_of_row(n));
    } else if (thread == 1) {
        const std::string text = text_of_row(n);
        run.log({{"n", n}, {"thread", thread}, {"text", text}});
    } else if (n % 100 != 50) {
        run.log("thread"_m = thread, "n"_m = n, "text"_m = text_of_row(n),
                "half"_m = static_cast<double>(n) / 2);
    } else {
        const std::string text = text_of_row(n);
        std::vector<std::string> names;
        for (int i = 0; i < wide; ++i) names.push_back("wide/" + std::to_string(i));
        std::vector<cairn::NamedValue> values{{"thread", thread}, {"n", n}, {"text", text}};
        for (int i = 0; i < wide; ++i) values.push_back({names[static_cast<std::size_t>(i)], i + n});
        run.log(std::span<const cairn::NamedValue>{values});
    }
}

int train(const std::filesystem::path& store, const std::string& id, Progress& progress) {
    auto run = cairn::init({.project = "p", .id = id, .dir = store, .quiet = true});
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) {
        all.emplace_back([&run, &progress, t] {
            for (std::int64_t n = 0; n < 1'000'000; ++n) {
                log_row(run, t, n);
                progress.logged[static_cast<std::size_t>(t)].store(n + 1, std::memory_order_release);
                if (n % 256 == 255) std::this_thread::sleep_for(std::chrono::microseconds{300});
            }
        });
    }
    for (std::thread& t : all) t.join();
    return 1;  // was meant to be killed
}

// Each thread's rows without a gap or a repetition; gives how many each has.
std::array<std::int64_t, threads> check_rows(const std::vector<Logged>& rows) {
    std::array<std::int64_t, threads> count{};
    std::size_t wrong = 0;
    for (const Logged& row : rows) {
        if (!row.values.contains("n")) continue;  // of the session after
        auto& next = count[static_cast<std::size_t>(row.number("thread"))];
        const auto n = static_cast<std::int64_t>(row.number("n"));
        const bool is_wide = row.number("thread") == 2 && n % 100 == 50;
        bool right = n == next && row.step == n && row.text("text") == text_of_row(n);
        if (is_wide) {
            right = right && row.values.size() == wide + 3 &&
                    row.number("wide/1499") == static_cast<double>(1499 + n);
        } else {
            right = right && row.values.size() == (row.number("thread") == 2 ? 4 : 3);
        }
        wrong += right ? 0U : 1U;
        next = n + 1;
    }
    CHECK(wrong == 0);
    return count;
}

}  // namespace

TEST_CASE("a run killed at a random moment keeps every row whose log returned, once and in order",
          "[run][kill]") {
    const char* given = std::getenv("CAIRN_TEST_SEED");
    const auto seed =
        given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
    std::printf("kill test: CAIRN_TEST_SEED=%u\n", seed);
    std::mt19937 random{seed};
    const TempDir dir;
    auto* const memory =
        ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);

    std::int64_t kept = 0;
    std::uint64_t folded = 0;
    for (int round = 0; round < 40; ++round) {
        INFO("seed " << seed << ", round " << round);
        auto& progress = *new (memory) Progress{};
        const std::string id = std::to_string(round);
        const std::filesystem::path run_dir = dir / "projects/p/runs" / id;
        const ::pid_t child = start_child([&] { return train(dir.path(), id, progress); });
        // Half of the rounds from the very start on, so that `init` is hit too; half once rows come.
        if (round % 2 == 1) {
            while (progress.logged[0].load(std::memory_order_acquire) == 0) std::this_thread::yield();
        }
        std::this_thread::sleep_for(std::chrono::microseconds{random() % 25'000});
        REQUIRE(::kill(child, SIGKILL) == 0);
        REQUIRE(wait_for(child) == -SIGKILL);

        const bool exists = std::filesystem::exists(run_dir / "run.json");
        cairn::detail::HistoryReport report;
        const auto rows = rows_of(run_dir, &report);
        const auto count = check_rows(rows);
        for (std::size_t t = 0; t < threads; ++t) {
            const std::int64_t returned = progress.logged[t];
            CHECK(count[t] >= returned);
            CHECK(count[t] <= returned + 1);  // the one that was under way
        }
        CHECK(report.damaged == 0);
        kept += static_cast<std::int64_t>(rows.size());
        folded += report.folded;
        if (exists) CHECK(state_of(dir.path(), "p", id) == "crashed");

        std::int64_t greatest = -1;
        for (const Logged& row : rows) greatest = std::max(greatest, row.step);
        const int resumed = in_child([&] {
            auto run = cairn::init(
                {.project = "p", .id = id, .dir = dir.path(), .resume = cairn::Resume::allow, .quiet = true});
            if (run.resumed() != exists) return 1;
            if (run.first_step() != greatest + 1) return 2;
            if (run.log("after"_m = 1).step() != greatest + 1) return 3;
            return run.finish() ? 0 : 4;
        });
        CHECK(resumed == 0);
        const auto after = rows_of(run_dir, &report);
        CHECK(after.size() == rows.size() + 1);
        CHECK(check_rows(after) == count);
        CHECK(after.back().step == greatest + 1);
        CHECK((report.folded == 0 && report.torn_bytes == 0 && report.damaged == 0));
        CHECK(count_files(run_dir / "journal") == 0);
        CHECK(state_of(dir.path(), "p", id) == "finished");
        CHECK(json_of(run_dir / "run.json")["sessions"] == (exists ? 2 : 1));
        if (exists && count[0] > 0) {
            CHECK(json_of(run_dir / "summary.json")["metrics"]["n"]["count"] == rows.size());
        }
        std::filesystem::remove_all(run_dir);
    }
    CHECK(kept > 0);
    CHECK(folded > 0);  // otherwise no kill came before the collector, and nothing was tested
    ::munmap(memory, sizeof(Progress));
}

TEST_CASE("a run whose crash left a ring that cannot be read is not resumed over it", "[run][kill]") {
    const TempDir dir;
    const std::filesystem::path run_dir = dir / "projects/p/runs/r";
    const std::filesystem::path ring = run_dir / "journal/0.ring";
    // The collector is given time to fall asleep, so that the rows are in the ring alone.
    const int killed = in_child([&] {
        auto run = cairn::init({.project = "p", .id = "r", .dir = dir.path(), .quiet = true});
        std::this_thread::sleep_for(std::chrono::milliseconds{300});
        for (int i = 0; i < 50; ++i) run.log(cairn::step(i), "loss"_m = i);
        return ::raise(SIGKILL);
    });
    REQUIRE(killed == -SIGKILL);
    REQUIRE(std::filesystem::exists(ring));
    const auto resume = [&] {
        return cairn::init(
            {.project = "p", .id = "r", .dir = dir.path(), .resume = cairn::Resume::allow, .quiet = true});
    };

    SECTION("for another user, who may not read it") {
        for (const auto& entry : std::filesystem::recursive_directory_iterator{dir.path()})
            std::filesystem::permissions(entry.path(), std::filesystem::perms::all);
        std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
        std::filesystem::permissions(ring, std::filesystem::perms::none);
        const int code = in_child([&] {
            if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 98;
            const auto e = error_of([&] { (void)resume(); });
            return e && e->code() == cairn::errc::permission ? 0 : 1;
        });
        CHECK(code == 0);
        std::filesystem::permissions(ring, std::filesystem::perms::owner_all);
        CHECK(resume().first_step() == 50);
    }
    SECTION("when it is cut, it is kept and the run says so") {
        std::filesystem::resize_file(ring, 60'000);
        auto run = resume();
        CHECK_FALSE(run.health().ok());
        REQUIRE(run.health().errors.size() == 1);
        CHECK(run.health().errors[0].find("0.ring") != std::string::npos);
        CHECK(std::filesystem::file_size(ring.string() + ".damaged") == 60'000);
        run.log("loss"_m = 1);
        REQUIRE(run.finish());
        CHECK(rows_of(run_dir).size() == 1);
    }
}
