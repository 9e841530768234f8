// SPDX-License-Identifier: MIT
// What is known of a run whose process died.

#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/init.hpp>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#if CAIRN_TEST_FORK

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

using namespace cairn_test;
using namespace cairn::literals;

namespace {

[[nodiscard]] cairn::Run open_run(const TempDir& dir) {
    return cairn::init(
        {.project = "p", .id = "r", .dir = dir.path(), .resume = cairn::Resume::allow, .quiet = true});
}
[[nodiscard]] cairn::RecordedRun recorded(const TempDir& dir) {
    return cairn::open(dir.path()).value().find("r").value();
}

}  // namespace

TEST_CASE("crash: the signal that ended a run is told", "[query][crash]") {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
        const TempDir dir;
        CHECK(in_child([&] {
                  silence();
                  std::signal(signal, SIG_DFL);  // a sanitizer has one for it
                  auto run = open_run(dir);
                  for (int i = 0; i < 20; ++i) run.log(cairn::step(i), "loss"_m = 1.0 / (1 + i));
                  ::raise(signal);
                  return 1;
              }) == -signal);  // it ended as it would have
        const auto run = recorded(dir);
        CHECK(run.state() == cairn::RunState::crashed);
        CHECK(run.why() ==
              std::string{cairn::detail::signal_name(signal)} + " (signal " + std::to_string(signal) + ")");
        const auto last = run.last_rows(3).value();
        REQUIRE(last.size() == 3);
        CHECK(last.front().step() == 17);
        CHECK(last.back().step() == 19);
    }
}

TEST_CASE("crash: the signal is written through no link", "[query][crash]") {
    const TempDir dir;
    std::ofstream{dir / "outside"} << "precious";
    CHECK(in_child([&] {
              silence();
              std::signal(SIGSEGV, SIG_DFL);
              auto run = open_run(dir);
              std::filesystem::create_symlink(dir / "outside", run.dir() / "signal");
              ::raise(SIGSEGV);
              return 1;
          }) == -SIGSEGV);
    std::string text;
    std::ifstream{dir / "outside"} >> text;
    CHECK(text == "precious");
}

TEST_CASE("crash: a forked child with a run of its own marks that one, and not its parent's",
          "[query][crash]") {
    for (const bool drops_it : {false, true}) {
        INFO(drops_it);
        const TempDir dir, of_child;
        auto run = open_run(dir);
        CHECK(in_child([&] {
                  silence();
                  std::signal(SIGSEGV, SIG_DFL);
                  if (drops_it) run = cairn::Run{};
                  auto own = open_run(of_child);
                  ::raise(SIGSEGV);
                  return 1;
              }) == -SIGSEGV);
        CHECK(!std::filesystem::exists(run.dir() / "signal"));
        CHECK(recorded(of_child).why() == "SIGSEGV (signal " + std::to_string(SIGSEGV) + ")");
    }
}

TEST_CASE("crash: a run that goes on or ends leaves no mark", "[query][crash]") {
    const TempDir dir;
    const auto mark = dir / "projects" / "p" / "runs" / "r" / "signal";
    CHECK(in_child([&] {
              auto run = open_run(dir);
              ::raise(SIGSEGV);
              return 1;
          }) == -SIGSEGV);
    CHECK(std::filesystem::exists(mark));
    CHECK(in_child([&] {
              silence();
              auto run = open_run(dir);
              if (std::filesystem::exists(mark)) return 1;
              // A child of one's own is not the run.
              if (in_child([] {
                      ::raise(SIGSEGV);
                      return 1;
                  }) != -SIGSEGV)
                  return 2;
              if (std::filesystem::exists(mark)) return 3;
              (void)run.finish();
              ::raise(SIGSEGV);
              return 4;
          }) == -SIGSEGV);
    CHECK_FALSE(std::filesystem::exists(mark));
    CHECK(recorded(dir).state() == cairn::RunState::finished);
    CHECK(recorded(dir).why().empty());
}

TEST_CASE("crash: who handles a signal keeps it", "[query][crash]") {
    const TempDir dir;
    CHECK(in_child([&] {
              std::signal(SIGSEGV, [](int) { ::_exit(42); });
              auto run = open_run(dir);
              ::raise(SIGSEGV);
              return 1;
          }) == 42);
    CHECK(in_child([&] {
              auto run = open_run(dir);
              std::signal(SIGFPE, [](int) { ::_exit(43); });
              (void)run.finish();
              ::raise(SIGFPE);
              return 1;
          }) == 43);
    CHECK(in_child([&] {
              {
                  auto run = open_run(dir);
              }
              struct ::sigaction now{};
              (void)::sigaction(SIGILL, nullptr, &now);
              return now.sa_handler == SIG_DFL ? 0 : 1;
          }) == 0);
}

TEST_CASE("crash: a restart of the machine and a want of memory are told where they can be",
          "[query][crash]") {
    const TempDir dir;
    CHECK(in_child([&] {
              auto run = open_run(dir);
              ::raise(SIGKILL);
              return 1;
          }) == -SIGKILL);
    CHECK(recorded(dir).state() == cairn::RunState::crashed);
    CHECK(recorded(dir).why().empty());

    const auto path = dir / "projects" / "p" / "runs" / "r" / "run.json";
    const auto change = [&](auto&& f) {
        nlohmann::json about = nlohmann::json::parse(std::ifstream{path});
        f(about);
        std::ofstream{path} << about;
    };
    if (const auto group = cairn::detail::os::memory_group(); !group.empty()) {
        // As if the kernel had counted from further below.
        const auto now = cairn::detail::os::killed_for_memory(group).value();
        change([&](nlohmann::json& about) {
            CHECK(about["memory"] == nlohmann::json{{"group", group}, {"killed", now}});
        });
        if (now != 0) {
            change([&](nlohmann::json& about) { about["memory"]["killed"] = now - 1; });
            CHECK(recorded(dir).why() ==
                  "memory ran out, it seems: the kernel killed 1 processes of its group since it began");
        }
    } else {
        WARN("not checked here: the processes of this system are in no group whose memory is counted");
    }
    for (const char* hostile : {"/etc/passwd", "/sys/fs/cgroup/../../etc/passwd"}) {
        change([&](nlohmann::json& about) { about["memory"] = {{"group", hostile}, {"killed", 0}}; });
        CHECK(recorded(dir).why().empty());
    }
    change([&](nlohmann::json& about) { about["memory"] = 7; });
    CHECK(recorded(dir).why().empty());
    change([&](nlohmann::json& about) { about["process"]["boot"] = "another"; });
    CHECK(recorded(dir).why() == "the machine was restarted");
}

#endif

namespace crash_test {}  // namespace crash_test
