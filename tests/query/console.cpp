// SPDX-License-Identifier: MIT
// What a program prints is kept with its run, and reaches where it went before.

#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/console.hpp>
#include <cairn/run/init.hpp>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#if CAIRN_TEST_FORK

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace cairn_test;
using namespace cairn::literals;
using cairn::Printed;
using Lines = std::vector<std::string>;

namespace {

[[nodiscard]] cairn::Run open_run(const TempDir& dir) {
    return cairn::init(
        {.project = "p", .id = "r", .dir = dir / "store", .resume = cairn::Resume::allow, .quiet = true});
}
[[nodiscard]] Lines lines(const TempDir& dir, Printed which, std::size_t most = 100) {
    return cairn::open(dir / "store").value().find("r").value().last_lines(most, which).value();
}
[[nodiscard]] std::string text(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}
/// Where the child's output goes before anything keeps it.
void print_to(const TempDir& dir) {
    for (const auto& [descriptor, name] : {std::pair{1, "out"}, {2, "err"}}) {
        const int file = ::open((dir / name).c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
        ::dup2(file, descriptor);
        ::close(file);
    }
}
void sleep_ms(int count) { std::this_thread::sleep_for(std::chrono::milliseconds{count}); }

}  // namespace

TEST_CASE("console: what is printed is kept, and goes on to where it went", "[query][console]") {
    const TempDir dir;
    const int ended = in_child([&] {
        print_to(dir);
        auto run = open_run(dir);
        std::printf("before");  // is in no file yet
        {
            const cairn::Console console{run};
            std::printf("of C\n");
            std::fprintf(stderr, "an error\n");
            if (::write(1, "of the system\n", 14) != 14) return 1;
            if (std::system("echo of a program") != 0) return 2;
            std::printf("to be flushed");
        }
        std::printf(", after\n");
        return std::fflush(nullptr);
    });
    CHECK(ended == 0);
    CHECK(text(dir / "out") == "beforeof C\nof the system\nof a program\nto be flushed, after\n");
    CHECK(text(dir / "err") == "an error\n");
    CHECK(lines(dir, Printed::out) == Lines{"of C", "of the system", "of a program", "to be flushed"});
    CHECK(lines(dir, Printed::err) == Lines{"an error"});
    CHECK(lines(dir, Printed::out, 2) == Lines{"of a program", "to be flushed"});
}

TEST_CASE("console: what was printed outlives the process, however it ends", "[query][console]") {
    struct End {
        const char* name;
        void (*end)();
        int status;
        const char* err;
        bool is_passed_on;
    };
    const auto kill_us = [] { ::raise(SIGKILL); };
    const auto crash = [] { ::raise(SIGSEGV); };
    const auto leave = [] { std::exit(3); };
    const auto terminate = [] { std::terminate(); };
    for (const End& end : {End{"SIGKILL", kill_us, -SIGKILL, "", false},
                           {"SIGSEGV", crash, -SIGSEGV, "", true},
                           {"exit()", leave, 3, "", true},
                           {"terminate()", terminate, -SIGABRT, "terminate", true}}) {
        INFO(end.name);
        const TempDir dir;
        const int ended = in_child([&] {
            std::signal(SIGSEGV, SIG_DFL);  // a sanitizer has one for it
            print_to(dir);
            auto run = open_run(dir);
            const cairn::Console console{run};
            for (int i = 0; i < 1000; ++i) std::printf("line %d\n", i);
            std::fprintf(stderr, "the last words\n");
            end.end();
            return 0;
        });
        CHECK(ended == end.status);
        const auto out = lines(dir, Printed::out);
        REQUIRE(out.size() == 100);
        CHECK(out.front() == "line 900");
        CHECK(out.back() == "line 999");
        const auto err = lines(dir, Printed::err);
        REQUIRE(!err.empty());
        CHECK(err.front() == "the last words");
        CHECK(err.back().find(end.err) != std::string::npos);
        if (!end.is_passed_on) continue;
        const auto store = dir / "store" / "projects" / "p" / "runs" / "r";
        CHECK(text(dir / "out") == text(store / "stdout.log"));
        CHECK(text(dir / "err") == text(store / "stderr.log"));
    }
}

TEST_CASE("console: much is passed on whole and in order, also to a slow reader", "[query][console]") {
    const TempDir dir;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const ::pid_t child = start_child([&] {
        ::dup2(ends[1], 1);
        ::close(ends[0]);
        ::close(ends[1]);
        auto run = open_run(dir);
        const cairn::Console console{run};
        for (int i = 0; i < 40'000; ++i) std::printf("%d\n", i);
        return 0;
    });
    ::close(ends[1]);
    std::string got, wanted;
    std::vector<char> buffer(10'000);
    sleep_ms(1300);  // the terminal was stopped
    for (;;) {
        const auto count = ::read(ends[0], buffer.data(), buffer.size());
        if (count <= 0) break;
        got.append(buffer.data(), static_cast<std::size_t>(count));
        sleep_ms(1);
    }
    ::close(ends[0]);
    CHECK(wait_for(child) == 0);
    for (int i = 0; i < 40'000; ++i) wanted += std::to_string(i) + "\n";
    CHECK(got.size() == wanted.size());
    CHECK((got == wanted));
    CHECK((text(dir / "store" / "projects" / "p" / "runs" / "r" / "stdout.log") == wanted));
}

TEST_CASE("console: nobody who reads stops nobody who prints", "[query][console]") {
    const TempDir dir;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const int ended = in_child([&] {
        ::dup2(ends[1], 1);
        auto run = open_run(dir);
        const cairn::Console console{run};
        const std::string line(99, 'x');
        for (int i = 0; i < 10'000; ++i) std::printf("%s\n", line.c_str());
        return 0;  // and the end comes, though the pipe is full
    });
    CHECK(ended == 0);
    CHECK(std::filesystem::file_size(dir / "store" / "projects" / "p" / "runs" / "r" / "stdout.log") ==
          1'000'000);
    ::close(ends[0]);
    const int closed = in_child([&] {  // as with `| head`
        ::dup2(ends[1], 1);
        auto run = open_run(dir);
        const cairn::Console console{run};
        std::printf("to nobody\n");
        sleep_ms(60);
        std::printf("again\n");
        return 0;
    });
    ::close(ends[1]);
    CHECK(closed == 0);
    CHECK(lines(dir, Printed::out, 2) == Lines{"to nobody", "again"});
}

TEST_CASE("console: a forked child prints past it, and a program may lead its output elsewhere",
          "[query][console]") {
    const TempDir dir;
    const int ended = in_child([&] {
        print_to(dir);
        auto run = open_run(dir);
        auto console = std::make_unique<cairn::Console>(run);
        const ::pid_t child = start_child([&] {
            sleep_ms(50);  // the parent's console is gone by then
            console.reset();
            std::printf("of the child\n");
            return std::fflush(nullptr);
        });
        std::printf("of the parent\n");
        const int elsewhere = ::open((dir / "elsewhere").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        std::fflush(stdout);
        ::dup2(elsewhere, 1);
        console.reset();
        std::printf("elsewhere\n");
        std::fflush(stdout);
        return wait_for(child);
    });
    CHECK(ended == 0);
    CHECK(lines(dir, Printed::out) == Lines{"of the parent"});
    CHECK(text(dir / "out") == "of the parent\nof the child\n");
    CHECK(text(dir / "elsewhere") == "elsewhere\n");
}

TEST_CASE("console: one at a time; a disabled run keeps nothing; a resumed one goes on", "[query][console]") {
    const TempDir dir;
    const int ended = in_child([&] {
        print_to(dir);
        auto run = open_run(dir);
        {
            const cairn::Console console{run};
            std::printf("first\n");
            try {
                const cairn::Console second{run};
                return 1;
            } catch (const cairn::error& e) {
                if (e.code() != cairn::errc::busy) return 2;
            }
        }
        (void)run.finish();
        run = open_run(dir);
        const cairn::Console console{run};
        std::printf("10%%\r20%%\r30%%\r\n");
        std::printf("the end, with no new line\r");
        return std::fflush(nullptr);
    });
    CHECK(ended == 0);
    CHECK(lines(dir, Printed::out) == Lines{"first", "30%", "the end, with no new line"});
    CHECK(lines(dir, Printed::err).empty());
    const cairn::Console of_none{cairn::Run{}};
    const cairn::Console of_nothing{cairn::init<cairn::Disabled>()};
    const int closed = in_child([&] {
        ::close(2);
        auto run = open_run(dir);
        try {
            const cairn::Console console{run};
            return 1;
        } catch (const cairn::error& e) {
            return e.code() == cairn::errc::unsupported ? 0 : 2;
        }
    });
    CHECK(closed == 0);
}

TEST_CASE("console: the end of a huge file is what is read", "[query][console]") {
    const TempDir dir;
    {
        auto run = open_run(dir);
    }
    CHECK(lines(dir, Printed::out).empty());
    const auto path = dir / "store" / "projects" / "p" / "runs" / "r" / "stdout.log";
    std::ofstream{path} << std::string(200'000, 'a') << "\nb\n\nc";
    CHECK(lines(dir, Printed::out) == Lines{"b", "", "c"});
    std::ofstream{path} << std::string(200'000, 'a');  // one line, and its beginning is not read
    CHECK(lines(dir, Printed::out) == Lines{std::string(65'536, 'a')});
    std::ofstream{path} << "\n";
    CHECK(lines(dir, Printed::out).empty());
}

#endif
