// SPDX-License-Identifier: MIT
// Every way in which a run ends, and what its readers are told.
#include "run/support.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#if CAIRN_TEST_FORK
#include <sys/resource.h>
#endif

namespace ends_test {

using namespace cairn::literals;
using namespace cairn_test;

namespace {

cairn::Run open_run(const TempDir& dir, const std::string& id = "r") {
    return cairn::init({.project = "p", .id = id, .dir = dir.path(), .quiet = true});
}
std::filesystem::path folder_of(const TempDir& dir, const std::string& id = "r") {
    return dir.path() / "projects/p/runs" / id;
}
nlohmann::json record_of(const TempDir& dir) { return json_of(folder_of(dir) / "run.json"); }

[[noreturn]] void raise(const char* what) { throw std::runtime_error{what}; }

#if CAIRN_TEST_FORK
// A pipe between a test and its child: who reads waits until the other has written or is gone.
struct Pipe {
    Pipe() { REQUIRE(::pipe(ends) == 0); }
    ~Pipe() {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    void tell(int value) const { (void)!::write(ends[1], &value, sizeof value); }
    [[nodiscard]] int hear() const {
        int value = -1;
        (void)!::read(ends[0], &value, sizeof value);
        return value;
    }
    int ends[2] = {-1, -1};
};
#endif

}  // namespace

TEST_CASE("the destructor finishes a run, and a moved handle takes the run along", "[run][ends]") {
    const TempDir dir;
    {
        auto first = open_run(dir);
        first.log("x"_m = 1);
        cairn::Run second{std::move(first)};
        CHECK(
            first.disabled());  // NOLINT(bugprone-use-after-move): what is left is a run that records nothing
        first.log("x"_m = 2);
        second.log("x"_m = 3);
        CHECK(state_of(dir.path(), "p", "r") == "running");
        cairn::Run third;
        third = std::move(second);
        third.log("x"_m = 4);
        cairn::Run& itself = third;
        third = std::move(itself);
        CHECK_FALSE(third.disabled());
    }
    CHECK(state_of(dir.path(), "p", "r") == "finished");
    CHECK(rows_of(folder_of(dir)).size() == 3);
    CHECK(record_of(dir)["ended_ns"] >= record_of(dir)["started_ns"]);
    CHECK_FALSE(record_of(dir).contains("why"));
}

TEST_CASE("assigning to a handle finishes the run that it had", "[run][ends]") {
    const TempDir dir;
    auto run = open_run(dir, "a");
    run = open_run(dir, "b");
    CHECK(state_of(dir.path(), "p", "a") == "finished");
    CHECK(state_of(dir.path(), "p", "b") == "running");
}

TEST_CASE("rows logged after the end are counted as dropped, and a second end does nothing", "[run][ends]") {
    const TempDir dir;
    auto run = open_run(dir);
    run.log("x"_m = 1);
    REQUIRE(run.finish());
    const std::string record = text_of(folder_of(dir) / "run.json");
    run.log("x"_m = 2);
    run.log(cairn::step(3), "x"_m = 2);
    run.log({{"x", 3}});
    std::thread{[&] { run.log("x"_m = 4); }}.join();
    CHECK(run.health().rows_dropped == 4);
    CHECK_FALSE(run.health().ok());
    CHECK(run.finish());
    CHECK(run.fail("too late"));
    CHECK(text_of(folder_of(dir) / "run.json") == record);
    CHECK(rows_of(folder_of(dir)).size() == 1);
}

TEST_CASE("a run that was failed says why", "[run][ends]") {
    const TempDir dir;
    REQUIRE(open_run(dir).fail("loss is NaN"));
    CHECK(record_of(dir)["status"] == "failed");
    CHECK(record_of(dir)["why"] == "loss is NaN");
}

TEST_CASE("an exception that passes a run fails it, one that was caught before does not", "[run][ends]") {
    const TempDir dir;
    try {
        auto run = open_run(dir, "r");
        run.log("x"_m = 1);
        raise("diverged");
    } catch (const std::exception&) {
        const auto inner = open_run(dir, "inner");  // made while an exception is handled: not its victim
    }
    CHECK(record_of(dir)["status"] == "failed");
    CHECK_FALSE(record_of(dir)["why"].get<std::string>().empty());
    CHECK(rows_of(folder_of(dir)).size() == 1);
    CHECK(state_of(dir.path(), "p", "inner") == "finished");
}

#if CAIRN_TEST_FORK
TEST_CASE("an uncaught exception marks the run failed with its text, on any thread", "[run][ends]") {
    const bool on_main = GENERATE(true, false);
    const TempDir dir;
    const int status = in_child([&] {
        silence();
        auto run = open_run(dir);
        run.log("x"_m = 1);
        const auto fails = [&]() noexcept {
            run.log("x"_m = 2);
            raise("no such file: corpus.txt");
        };
        if (on_main) fails();
        std::thread{fails}.join();
        return 0;
    });
    CHECK(status == -SIGABRT);
    CHECK(record_of(dir)["status"] == "failed");
    CHECK(record_of(dir)["why"] == "no such file: corpus.txt");
    CHECK(rows_of(folder_of(dir)).size() == 2);
    CHECK(json_of(folder_of(dir) / "summary.json")["metrics"]["x"]["count"] == 2);
}

TEST_CASE("the terminate handler that was there before is called too", "[run][ends]") {
    const TempDir dir;
    const int status = in_child([&] {
        silence();
        std::set_terminate([] { ::_exit(42); });
        auto run = open_run(dir);
        const auto fails = []() noexcept { raise("unseen"); };
        fails();
        return 0;
    });
    // In this process a run was opened before, so the library's handler is older than the child's: whichever
    // is first, the program's own must have been asked.
    CHECK(status == 42);
}

TEST_CASE("exit() in the middle marks the run exited and keeps the exit code", "[run][ends]") {
    const TempDir dir;
    const int status = in_child([&] {
        silence();
        auto run = open_run(dir);
        run.log("x"_m = 1);
        std::thread{[&] { run.log("x"_m = 2); }}.join();
        std::exit(3);
        return 0;
    });
    CHECK(status == 3);
    CHECK(record_of(dir)["status"] == "exited");
    CHECK(rows_of(folder_of(dir)).size() == 2);
    CHECK(count_files(folder_of(dir) / "journal") == 0);
    CHECK(json_of(folder_of(dir) / "summary.json")["metrics"]["x"]["count"] == 2);
}

TEST_CASE("a run that a signal or _exit cuts off has crashed for its readers, and keeps its rows",
          "[run][ends]") {
    const int signal = GENERATE(SIGSEGV, SIGTERM, SIGKILL, 0);
    const TempDir dir;
    const int status = in_child([&] {
        const ::rlimit none{0, 0};  // no core files
        ::setrlimit(RLIMIT_CORE, &none);
        auto run = open_run(dir);
        run.log("x"_m = 1);
        if (signal == 0) ::_exit(0);
        ::kill(::getpid(), signal);
        ::pause();
        return 1;
    });
    CHECK(status == -signal);
    CHECK(record_of(dir)["status"] == "running");
    CHECK(state_of(dir.path(), "p", "r") == "crashed");
    CHECK(rows_of(folder_of(dir)).size() == 1);
}

TEST_CASE("an error of the run that nobody catches ends the program: it waits for no lock", "[run][ends]") {
    TempDir dir;
    const bool of_config = GENERATE(true, false);
    const int status = in_child([&]() -> int {
        silence();
        ::alarm(20);
        auto run = open_run(dir);
        [&]() noexcept {
            if (of_config) {
                std::filesystem::remove(run.dir() / "config.json");
                std::filesystem::create_directories(run.dir() / "config.json/in_its_place");
                run.update_config({{"lr", 1}});
            } else {
                std::filesystem::create_directory(dir / "gone");
                std::filesystem::current_path(dir / "gone");
                std::filesystem::remove(dir / "gone");
                run.save("*.txt", cairn::When::end);
            }
        }();
        return 0;
    });
    CHECK(status == -SIGABRT);
}

TEST_CASE("after fork the child's rows are dropped and counted, and the parent goes on",
          "[run][ends][fork]") {
    const TempDir dir;
    auto run = open_run(dir);
    run.log("x"_m = 1);
    const int status = in_child([&] {
        run.log("x"_m = 100);
        run.log({{"x", 101}});
        run.log(cairn::step(7), "new/name"_m = 102);
        if (run.health().rows_dropped != 3) return 1;
        (void)run.summary();
        run.set_notes("from the child");
        run.update_config({{"from", "child"}});
        if (!run.finish()) return 2;
        run = cairn::Run{};
        return 0;
    });
    CHECK(status == 0);
    run.log("x"_m = 2);
    CHECK(run.health().rows_dropped == 0);
    CHECK(state_of(dir.path(), "p", "r") == "running");
    REQUIRE(run.finish());
    CHECK(run.health().ok());
    const auto rows = rows_of(folder_of(dir));
    REQUIRE(rows.size() == 2);
    CHECK(rows[1].number("x") == 2);
    CHECK(record_of(dir)["status"] == "finished");
    CHECK(record_of(dir)["notes"] == "");
    CHECK(json_of(folder_of(dir) / "config.json") == nlohmann::json::object());
}

TEST_CASE("a forked child that only exits does not end its parent's run", "[run][ends][fork]") {
    const TempDir dir;
    auto run = open_run(dir);
    const int status = in_child([&] {
        silence();
        std::exit(5);
        return 0;
    });
    CHECK(status == 5);
    CHECK(state_of(dir.path(), "p", "r") == "running");
    run.log("x"_m = 1);
    REQUIRE(run.finish());
    CHECK(rows_of(folder_of(dir)).size() == 1);
}
#endif

#if !CAIRN_TEST_TSAN  // it lets no thread start after the fork of a process that has several
#if CAIRN_TEST_FORK
TEST_CASE("a forked child may open a run of its own", "[run][ends][fork]") {
    const TempDir dir;
    auto run = open_run(dir);
    run.log("x"_m = 1);
    const int status = in_child([&] {
        auto own = open_run(dir, "child");
        own.log("y"_m = 1);
        return own.finish() && own.health().ok() ? 0 : 1;
    });
    CHECK(status == 0);
    CHECK(state_of(dir.path(), "p", "child") == "finished");
    CHECK(rows_of(folder_of(dir, "child")).size() == 1);
}

TEST_CASE("where no thread can be started a run is not opened, and says what to do", "[run][bad_input]") {
    const TempDir dir;
    std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
    const int status = in_child([&] {
        if (::getuid() == 0 && ::setuid(65534) != 0) return 1;  // the limit does not bind root
        const ::rlimit none{0, 0};
        if (::setrlimit(RLIMIT_NPROC, &none) != 0) return 2;
        try {
            (void)open_run(dir);
            return 3;
        } catch (const cairn::error& failure) {
            return failure.code() == cairn::errc::busy &&
                           failure.advice().find("ulimit -u") != std::string::npos
                       ? 0
                       : 4;
        }
    });
    CHECK(status == 0);
    CHECK(state_of(dir.path(), "p", "r") != "running");
}
#endif

#endif

#if CAIRN_TEST_FORK
TEST_CASE("a child that outlives the killed trainer does not make the run look alive", "[run][ends][fork]") {
    const TempDir dir;
    const Pipe ready, done;
    const ::pid_t trainer = start_child([&] {
        auto run = open_run(dir);
        run.log("x"_m = 1);
        const ::pid_t grandchild = ::fork();
        if (grandchild == 0) {
            ::close(done.ends[1]);
            ready.tell(1);      // it has let go of what is the parent's
            (void)done.hear();  // lives on until the test is over
            ::_exit(0);
        }
        ::pause();
        return 0;
    });
    REQUIRE(ready.hear() == 1);
    CHECK(state_of(dir.path(), "p", "r") == "running");
    ::kill(trainer, SIGKILL);
    (void)wait_for(trainer);
    CHECK(state_of(dir.path(), "p", "r") == "crashed");
    // Nor does it keep the next writer out.
    {
        auto next = cairn::init(
            {.project = "p", .id = "r", .dir = dir.path(), .resume = cairn::Resume::must, .quiet = true});
        CHECK(next.first_step() == 1);
    }
    CHECK(state_of(dir.path(), "p", "r") == "finished");
    done.tell(1);
}

TEST_CASE("a history that cannot be written is an error of finish, and no row is lost", "[run][ends]") {
    const TempDir dir;
    const int status = in_child([&] {
        silence();
        std::signal(SIGXFSZ, SIG_IGN);
        auto run = open_run(dir);
        run.log("x"_m = 0);
        const ::rlimit small{2048, RLIM_INFINITY};  // of any file's bytes
        ::setrlimit(RLIMIT_FSIZE, &small);
        for (int i = 1; i < 500; ++i) run.log("x"_m = std::sqrt(i));
        const auto ended = run.finish();
        if (ended) return 1;
        if (run.health().errors.empty()) return 2;
        return run.health().rows_dropped == 0 ? 0 : 3;
    });
    CHECK(status == 0);
    CHECK(rows_of(folder_of(dir)).size() == 500);
}

TEST_CASE("rows that neither a ring file nor the history took are counted as lost", "[run][ends]") {
    const TempDir dir;
    const int status = in_child([&] {
        silence();
        std::signal(SIGXFSZ, SIG_IGN);
        auto run = open_run(dir);
        const ::rlimit small{16, RLIM_INFINITY};  // of any file's bytes: what a history's head needs
        ::setrlimit(RLIMIT_FSIZE, &small);
        for (int i = 0; i < 500; ++i) run.log("x"_m = i);
        const auto ended = run.finish();
        if (ended) return 1;
        if (std::string{ended.error().what()}.find("500 rows were lost") == std::string::npos) return 2;
        const cairn::Health health = run.health();
        return health.rows_logged == 500 && health.rows_dropped == 500 && !health.journal_mapped ? 0 : 3;
    });
    CHECK(status == 0);
    CHECK(rows_of(folder_of(dir)).empty());
}

TEST_CASE("rows that come while the disk is full lie in memory, and are written when there is room",
          "[run][ends]") {
    const TempDir dir;
    constexpr int rows = 200'000;
    const int status = in_child([&] {
        silence();
        std::signal(SIGXFSZ, SIG_IGN);
        auto run = open_run(dir);
        run.log("x"_m = 0);
        ::rlimit small{};
        ::getrlimit(RLIMIT_FSIZE, &small);
        ::rlimit all = small;
        small.rlim_cur = 1 << 10;
        ::setrlimit(RLIMIT_FSIZE, &small);
        for (int i = 1; i < rows; ++i) run.log("x"_m = i);
        const cairn::Health full = run.health();
        if (full.spills < 5 || full.rows_dropped != 0 || full.errors.empty()) return 1;
        ::setrlimit(RLIMIT_FSIZE, &all);
        while (run.health().rows_written < 150'000) ::usleep(1000);
        if (run.health().rows_logged != rows || run.health().log_ns == 0) return 2;
        return run.finish() ? 0 : 3;
    });
    CHECK(status == 0);
    const auto seen = rows_of(folder_of(dir));
    REQUIRE(seen.size() == rows);
    for (int i = 0; i < rows; ++i) REQUIRE(seen[static_cast<std::size_t>(i)].step == i);
}

TEST_CASE("a kill while rows lie in memory loses these and no other, and none is there twice",
          "[run][ends]") {
    const TempDir dir;
    const bool is_full_again = GENERATE(false, true);
    const int status = in_child([&] {
        silence();
        std::signal(SIGXFSZ, SIG_IGN);
        auto run = open_run(dir);
        ::rlimit small{};
        ::getrlimit(RLIMIT_FSIZE, &small);
        ::rlimit all = small;
        small.rlim_cur = 1;  // the history can take nothing, and the ring's file is full when memory follows
        int i = 0;
        run.log("x"_m = i++);
        ::setrlimit(RLIMIT_FSIZE, &small);
        while (i < 100'000) run.log("x"_m = i++);
        if (run.health().spills < 2) return 1;
        if (is_full_again) {
            ::setrlimit(RLIMIT_FSIZE, &all);
            while (run.health().rows_written < 30'000) run.log("x"_m = i++);
            ::setrlimit(RLIMIT_FSIZE, &small);
            for (int more = 0; more < 100'000; ++more) run.log("x"_m = i++);
        }
        ::kill(::getpid(), SIGKILL);
        return 2;
    });
    CHECK(status == -SIGKILL);
    const auto seen = rows_of(folder_of(dir));
    CHECK(seen.size() > 20'000);
    std::int64_t last = -1;
    for (const auto& row : seen) {
        REQUIRE(row.step > last);
        REQUIRE(row.number("x") == static_cast<double>(row.step));
        last = row.step;
    }
    auto run = cairn::init(
        {.project = "p", .id = "r", .dir = dir.path(), .resume = cairn::Resume::must, .quiet = true});
    run.log("x"_m = 7);
    (void)run.finish();
    CHECK(rows_of(folder_of(dir)).size() == seen.size() + 1);
}

TEST_CASE("rows that were dropped while the disk was full are told at the end, though it took more later",
          "[run][ends]") {
    const TempDir dir;
    const int status = in_child([&] {
        silence();
        std::signal(SIGXFSZ, SIG_IGN);
        auto run = open_run(dir);
        run.log("x"_m = 0);
        ::rlimit small{};
        ::getrlimit(RLIMIT_FSIZE, &small);
        ::rlimit all = small;
        small.rlim_cur = 64 << 10;
        ::setrlimit(RLIMIT_FSIZE, &small);
        int rows = 0;
        while (rows % 1000 != 0 || (run.health().rows_dropped == 0 && rows < 10'000'000))
            run.log("x"_m = ++rows);
        ::setrlimit(RLIMIT_FSIZE, &all);
        const auto collected = run.health().rows_collected;
        while (run.health().rows_collected == collected) run.log("x"_m = ++rows);
        if (run.health().errors.empty()) return 1;
        const auto ended = run.finish();
        if (ended) return 2;
        if (std::string{ended.error().what()}.find("were dropped") == std::string::npos) return 3;
        return run.health().errors.empty() ? 4 : 0;
    });
    CHECK(status == 0);
}

TEST_CASE("a failure that nobody catches ends the run as failed, whatever was being written", "[run][ends]") {
    const TempDir dir;
    const int status = in_child([&] {
        silence();
        std::signal(SIGXFSZ, SIG_IGN);
        auto run = open_run(dir);
        const ::rlimit small{20'000, RLIM_INFINITY};
        ::setrlimit(RLIMIT_FSIZE, &small);
        ::alarm(20);
        [&]() noexcept { run.update_config({{"text", std::string(30'000, 'x')}}); }();
        return 1;
    });
    CHECK(status == -SIGABRT);
    CHECK(state_of(dir.path(), "p", "r") == "failed");
}
#endif

}  // namespace ends_test
