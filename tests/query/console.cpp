// SPDX-License-Identifier: MIT
// What a program prints is kept with its run, and is printed as it was without.

#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/console.hpp>
#include <cairn/run/init.hpp>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if CAIRN_TEST_FORK
#include <fcntl.h>
#include <unistd.h>
#endif

namespace console_test {

using namespace cairn_test;
using namespace cairn::literals;
using Lines = std::vector<std::string>;

namespace {

[[nodiscard]] cairn::Run open_run(const TempDir& dir, const std::string& id = "r") {
    return cairn::init(
        {.project = "p", .id = id, .dir = dir / "store", .resume = cairn::Resume::allow, .quiet = true});
}
[[nodiscard]] std::string text(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}
[[nodiscard]] std::string kept(const TempDir& dir, const std::string& id = "r") {
    return text(dir / "store" / "projects" / "p" / "runs" / id / "output.log");
}
[[nodiscard]] Lines lines(const TempDir& dir, std::size_t most = 100) {
    return cairn::open(dir / "store").value().find("r").value().last_lines(most).value();
}

/// For as long as it lives, a stream's own buffer is a string.
class Printed {
  public:
    explicit Printed(std::ostream& stream) : stream_{&stream}, before_{stream.rdbuf(text_.rdbuf())} {}
    Printed(const Printed&) = delete;
    Printed& operator=(const Printed&) = delete;
    ~Printed() { stream_->rdbuf(before_); }
    [[nodiscard]] std::string text() const { return text_.str(); }

  private:
    std::ostringstream text_;
    std::ostream* stream_;
    std::streambuf* before_;
};

}  // namespace

TEST_CASE("console: what goes through the streams is kept, and printed", "[query][console]") {
    const TempDir dir;
    const Printed out{std::cout}, err{std::cerr}, log{std::clog};
    std::cout << "before, ";
    {
        auto run = open_run(dir);
        const cairn::Console console{run};
        std::cout << "epoch " << 1 << ' ' << 0.5 << '\n' << std::flush;
        std::cerr << "a warning\n";
        std::clog << "10%\r20%\r30%\r\n";
        std::cout.put('x');
        std::cout << "the end, with no new line\r";
    }
    std::cout << "after";
    CHECK(out.text() == "before, epoch 1 0.5\nxthe end, with no new line\rafter");
    CHECK(err.text() == "a warning\n");
    CHECK(log.text() == "10%\r20%\r30%\r\n");
    CHECK(kept(dir) == "epoch 1 0.5\na warning\n10%\r20%\r30%\r\nxthe end, with no new line\r");
    CHECK(lines(dir) == Lines{"epoch 1 0.5", "a warning", "30%", "xthe end, with no new line"});
    CHECK(lines(dir, 2) == Lines{"30%", "xthe end, with no new line"});
}

TEST_CASE("console: one at a time, none of a disabled run, and a resumed one goes on", "[query][console]") {
    const TempDir dir;
    const Printed out{std::cout};
    auto run = open_run(dir);
    {
        const cairn::Console console{run};
        std::cout << "first\n";
        auto other = open_run(dir, "other");
        CHECK_THROWS_AS(cairn::Console{other}, cairn::error);
        const cairn::Console of_none{cairn::Run{}};
        const cairn::Console of_nothing{cairn::init<cairn::Disabled>()};
        std::cout << "still\n";
    }
    std::cout << "between\n";
    (void)run.finish();
    run = open_run(dir);
    {
        const cairn::Console console{run};
        std::cout << "again\n";
        run = cairn::Run{};  // it outlives its run
        std::cout << "later\n";
    }
    CHECK(kept(dir) == "first\nstill\nagain\nlater\n");
    CHECK(kept(dir, "other").empty());
    CHECK(out.text() == "first\nstill\nbetween\nagain\nlater\n");
}

TEST_CASE("console: a buffer that the program has put in between stays", "[query][console]") {
    const TempDir dir;
    const Printed out{std::cout};
    auto run = open_run(dir);
    std::ostringstream own;
    {
        const cairn::Console console{run};
        std::cout.rdbuf(own.rdbuf());
    }
    CHECK(std::cout.rdbuf() == own.rdbuf());
    std::cout << "own";
    CHECK(own.str() == "own");
}

TEST_CASE("console: the end of a huge file is what is read", "[query][console]") {
    const TempDir dir;
    {
        auto run = open_run(dir);
    }
    CHECK(lines(dir).empty());
    const auto path = dir / "store" / "projects" / "p" / "runs" / "r" / "output.log";
    const auto write = [&](const std::string& all) { std::ofstream{path, std::ios::binary} << all; };
    write(std::string(200'000, 'a') + "\nb\n\nc");
    CHECK(lines(dir) == Lines{"b", "", "c"});
    write(std::string(200'000, 'a'));  // one line, and its beginning is not read
    CHECK(lines(dir) == Lines{std::string(65'536, 'a')});
    write("\n");
    CHECK(lines(dir).empty());
}

#if CAIRN_TEST_FORK
namespace {

/// Where the child's output goes.
void print_to(const TempDir& dir) {
    for (const auto& [descriptor, name] : {std::pair{1, "out"}, {2, "err"}}) {
        const int file = ::open((dir / name).c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
        ::dup2(file, descriptor);
        ::close(file);
    }
}
/// With `printf` where that is kept.
void print(const std::string& text) {
#if defined(__GLIBC__)
    std::printf("%s", text.c_str());
#else
    std::cout << text << std::flush;
#endif
}

}  // namespace

#if defined(__GLIBC__)
TEST_CASE("console: what is printed with stdio is kept, too, and all of it in its order",
          "[query][console]") {
    const TempDir dir;
    const int ended = in_child([&] {
        print_to(dir);
        auto run = open_run(dir);
        std::printf("before ");  // is in the buffer of stdout
        std::cout << "that ";
        {
            const cairn::Console console{run};
            std::printf("%s ", "printf");
            std::cout << "cout ";
            std::puts("puts");
            std::putchar('c');
            std::fwrite("fwrite\n", 1, 7, stdout);
            std::fprintf(stderr, "an error\n");
            std::cerr << "another\n";
            std::perror("perror");
            if (::fileno(stdout) != 1 || ::fileno(stderr) != 2) return 1;
            if (::write(1, "past it\n", 8) != 8) return 2;
        }
        std::printf("after\n");
        return std::fflush(nullptr);
    });
    CHECK(ended == 0);
    CHECK(text(dir / "out") == "before that printf cout puts\ncfwrite\npast it\nafter\n");
    CHECK(text(dir / "err").starts_with("an error\nanother\nperror: "));
    CHECK(kept(dir).starts_with("printf cout puts\ncfwrite\nan error\nanother\nperror: "));
    CHECK(kept(dir).find("past it") == std::string::npos);
}
#endif

/// qemu-user says by itself, past the program, that a signal ended it.
std::string without_emulator(const std::string& printed) {
    return printed.substr(0, printed.find("qemu: uncaught target signal"));
}

TEST_CASE("console: what was printed outlives the process, however it ends", "[query][console]") {
    const auto kill_us = [] { ::raise(SIGKILL); };
    const auto crash = [] { ::raise(SIGSEGV); };
    const auto leave = [] { std::exit(3); };
    const auto leave_at_once = [] { ::_exit(4); };
    const auto terminate = [] { std::terminate(); };
    for (const auto& [name, end, status] :
         {std::tuple<const char*, void (*)(), int>{"SIGKILL", kill_us, -SIGKILL},
          {"SIGSEGV", crash, -SIGSEGV},
          {"exit()", leave, 3},
          {"_exit()", leave_at_once, 4},
          {"terminate()", terminate, -SIGABRT}}) {
        INFO(name);
        const TempDir dir;
        const int ended = in_child([&, last = end] {
            std::signal(SIGSEGV, SIG_DFL);  // a sanitizer has one for it
            print_to(dir);
            auto run = open_run(dir);
            const cairn::Console console{run};
            for (int i = 0; i < 1000; ++i) print("line " + std::to_string(i) + "\n");
            std::cerr << "the last words\n";
            last();
            return 0;
        });
        CHECK(ended == status);
        const auto all = lines(dir);
        REQUIRE(all.size() == 100);
        CHECK(std::find(all.begin(), all.end(), "line 999") != all.end());
        CHECK(std::find(all.begin(), all.end(), "the last words") != all.end());
#if defined(__GLIBC__)
        CHECK(text(dir / "out") + without_emulator(text(dir / "err")) == kept(dir));
        if (status == -SIGABRT) CHECK(all.back().find("terminat") != std::string::npos);
#else
        // There, what the C library prints at the end by its own stream is not kept.
        if (status != -SIGABRT) CHECK(text(dir / "out") + text(dir / "err") == kept(dir));
#endif
    }
}

TEST_CASE("console: threads print whole lines while it begins and ends", "[query][console]") {
    const TempDir dir;
    const int ended = in_child([&] {
        print_to(dir);
        auto run = open_run(dir);
        std::atomic<bool> ends{false};
        std::atomic<int> printed{0};
        std::thread printer{[&] {
            for (int i = 0; !ends; ++i, ++printed) std::printf("%d\n", i);
        }};
        for (int i = 0; i < 200 || printed < 200; ++i) {  // also where the other thread begins late
            const cairn::Console console{run};
            for (int k = 0; k < 20; ++k) std::fprintf(stderr, "%d\n", i * 20 + k);
        }
        ends = true;
        printer.join();
        return std::fflush(nullptr);
    });
    CHECK(ended == 0);
    for (const char* name : {"out", "err"}) {
        std::ifstream file{dir / name};
        int wanted = 0;
        for (std::string line; std::getline(file, line); ++wanted) REQUIRE(line == std::to_string(wanted));
        CHECK(wanted > 100);
    }
}

TEST_CASE("console: a forked child prints as its parent does, whatever its threads are at",
          "[query][console]") {
    const TempDir dir;
    const int ended = in_child([&] {
        print_to(dir);
        auto run = open_run(dir);
        const cairn::Console console{run};
        std::atomic<bool> ends{false};
        std::thread printer{[&] {
            while (!ends) std::fprintf(stderr, "parent\n");
        }};
        int bad = 0;
        for (int i = 0; i < 100; ++i) {
            bad += in_child([&] {
                std::cout << "child " + std::to_string(i) + "\n" << std::flush;
                return 0;
            });
        }
        ends = true;
        printer.join();
        return bad;
    });
    CHECK(ended == 0);
    std::string wanted;
    for (int i = 0; i < 100; ++i) wanted += "child " + std::to_string(i) + "\n";
    CHECK(text(dir / "out") == wanted);
    CHECK(kept(dir).find("child 99\n") != std::string::npos);
}
#endif

}  // namespace console_test
