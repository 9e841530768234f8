// SPDX-License-Identifier: MIT
// Saving because of a signal, because of an exception, and a NaN that is an error.
#include <cairn/checkpoint/checkpoint.hpp>

#include "support.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/run_files.hpp"

#include <atomic>
#include <cmath>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <signal.h>
#include <unistd.h>

namespace event_test {

using namespace cairn_test;
using namespace cairn::literals;
using cairn::EveryN;
using cairn::minimize;
using cairn::OnFailure;
using cairn::OnFinish;
using cairn::OnSignal;
using cairn::part;
using cairn::SkipReason;
using Catch::Matchers::Contains;

namespace {

std::string state_of_r(const TempDir& dir) { return state_of(dir / "store", "p", "r"); }
nlohmann::json record_of_r(const TempDir& dir) {
    return json_of(dir / "store" / "projects" / "p" / "runs" / "r" / "run.json");
}

}  // namespace

// ---- signals; each in a child, since a signal belongs to a process

#if CAIRN_TEST_FORK
TEST_CASE("after SIGUSR1 the next step saves, once, and training goes on", "[checkpoint][signal]") {
    TempDir dir;
    const int status = in_child([&] {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<OnSignal>("model");
        Model model;
        const auto step = [&] {
            return checkpoint.step(run.log("v"_m = 1.0), part("model", model)).wait().saved();
        };
        if (step()) return 1;
        ::raise(SIGUSR1);
        ::raise(SIGUSR1);
        if (!checkpoint.versions().empty()) return 2;  // nothing is saved from inside the handler
        if (!step() || step()) return 3;
        ::raise(SIGUSR1);
        if (!step() || step()) return 4;
        return run.finish() ? 0 : 5;
    });
    CHECK(status == 0);
    CHECK(versions_on_disk(dir, "model") == Labels{"v0.json", "v1.json"});
    CHECK(state_of_r(dir) == "finished");
}

TEST_CASE("after SIGTERM the next step saves, and then the process ends by the signal",
          "[checkpoint][signal]") {
    TempDir dir;
    const int status = in_child([&] {
        silence();
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", OnSignal{} | EveryN<100>{});
        Model model;
        checkpoint.step(run.log(cairn::step(1), "v"_m = 1.0), part("model", model));
        ::raise(SIGTERM);
        const auto row = run.log(cairn::step(2), "v"_m = 1.0);  // it is not ended yet
        checkpoint.step(row, part("model", model));
        return 7;
    });
    CHECK(status == -SIGTERM);
    CHECK(versions_on_disk(dir, "model") == Labels{"v0.json"});
    CHECK(state_of_r(dir) == "failed");
    CHECK_THAT(record_of_r(dir)["why"].get<std::string>(), Contains("SIGTERM"));
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<OnSignal>("model");
    CHECK(checkpoint.versions()[0].step() == 2);
}

TEST_CASE("all checkpoints that wait for a signal save before the process ends", "[checkpoint][signal]") {
    TempDir dir;
    const int status = in_child([&] {
        silence();
        auto run = open_run(dir);
        auto one = run.checkpoint<OnSignal>("one");
        auto other = run.checkpoint<OnSignal>("other");
        auto third = run.checkpoint<EveryN<1>>("third");  // waits for none
        Model model;
        ::raise(SIGTERM);
        const auto row = run.log("v"_m = 1.0);
        if (!one.step(row, part("model", model))) return 1;
        if (!third.step(row, part("model", model))) return 2;
        other.step(row, part("model", model));
        return 3;
    });
    CHECK(status == -SIGTERM);
    CHECK(versions_on_disk(dir, "one").size() == 1);
    CHECK(versions_on_disk(dir, "other").size() == 1);
}

TEST_CASE("a policy that says no to a signal keeps the process until it says yes", "[checkpoint][signal]") {
    TempDir dir;
    const int status = in_child([&] {
        silence();
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", OnSignal{} & EveryN<4>{});
        Model model;
        checkpoint.step(run.log(cairn::step(0), "v"_m = 1.0), part("model", model));
        ::raise(SIGTERM);
        for (int i = 1; i < 9; ++i)
            checkpoint.step(run.log(cairn::step(i), "v"_m = 1.0), part("model", model));
        return 7;
    });
    CHECK(status == -SIGTERM);
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<OnSignal>("model");
    CHECK(steps_of(checkpoint) == Steps{4});
}

TEST_CASE("a second SIGTERM does not wait for a step", "[checkpoint][signal]") {
    TempDir dir;
    const int status = in_child([&] {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<OnSignal>("model");
        ::raise(SIGTERM);
        ::raise(SIGTERM);
        return 7;
    });
    CHECK(status == -SIGTERM);
    CHECK(state_of_r(dir) == "crashed");
}

TEST_CASE("a SIGTERM that no step came for ends the process with the checkpoint", "[checkpoint][signal]") {
    TempDir dir;
    const int status = in_child([&] {
        silence();
        auto run = open_run(dir);
        {
            auto checkpoint = run.checkpoint<OnSignal>("model");
            ::raise(SIGTERM);
        }
        return 7;
    });
    CHECK(status == -SIGTERM);
    CHECK(versions_on_disk(dir, "model").empty());
}
#endif

namespace {
std::atomic<int> heard{0};
}  // namespace

#if CAIRN_TEST_FORK
TEST_CASE("a handler that was there before still runs, and then the process goes on",
          "[checkpoint][signal]") {
    TempDir dir;
    const int status = in_child([&] {
        std::signal(SIGTERM, [](int) { ++heard; });
        struct ::sigaction with_info{};
        with_info.sa_sigaction = [](int, ::siginfo_t* info, void*) {
            if (info != nullptr && info->si_pid == ::getpid()) heard += 10;
        };
        with_info.sa_flags = SA_SIGINFO;
        ::sigaction(SIGUSR1, &with_info, nullptr);
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<OnSignal>("model");
        Model model;
        const auto step = [&] {
            return checkpoint.step(run.log("v"_m = 1.0), part("model", model)).wait().saved();
        };
        ::raise(SIGTERM);
        ::raise(SIGTERM);
        if (heard != 2 || !step() || step()) return 1;
        ::kill(::getpid(), SIGUSR1);
        if (heard != 12 || !step()) return 2;
        return 0;
    });
    CHECK(status == 0);
}

TEST_CASE("a signal that is ignored stays ignored, and without OnSignal nothing is touched",
          "[checkpoint][signal]") {
    TempDir dir;
    CHECK(in_child([&] {
              std::signal(SIGTERM, SIG_IGN);
              auto run = open_run(dir);
              auto checkpoint = run.checkpoint<OnSignal>("model");
              Model model;
              ::raise(SIGTERM);
              ::raise(SIGTERM);
              return checkpoint.step(run.log("v"_m = 1.0), part("model", model)).wait().saved() ? 0 : 1;
          }) == 0);
    CHECK(in_child([&] {
              struct ::sigaction before{}, after{};
              ::sigaction(SIGTERM, nullptr, &before);
              auto run = open_run(dir, "s");
              auto checkpoint = run.checkpoint("other", EveryN<2>{} | OnFinish{});
              ::sigaction(SIGTERM, nullptr, &after);
              return before.sa_handler == after.sa_handler && before.sa_flags == after.sa_flags ? 0 : 1;
          }) == 0);
}

TEST_CASE("with the last checkpoint that waits for signals the handlers from before are back",
          "[checkpoint][signal]") {
    TempDir dir;
    CHECK(in_child([&] {
              auto run = open_run(dir);
              {
                  auto one = run.checkpoint<OnSignal>("one");
                  auto two = std::move(one);
                  auto three = run.checkpoint<OnSignal>("three");
                  struct ::sigaction now{};
                  ::sigaction(SIGUSR1, nullptr, &now);
                  if (now.sa_handler == SIG_DFL) return 1;
              }
              struct ::sigaction now{};
              ::sigaction(SIGUSR1, nullptr, &now);
              return now.sa_handler == SIG_DFL ? 0 : 2;
          }) == 0);
}

#if !CAIRN_TEST_TSAN  // it may keep a signal for ever in the child of a process of several threads
TEST_CASE("a forked worker is ended by SIGTERM as without us", "[checkpoint][signal]") {
    TempDir dir;
    CHECK(in_child([&] {
              auto run = open_run(dir);
              auto checkpoint = run.checkpoint<OnSignal>("model");
              const ::pid_t worker = ::fork();
              if (worker == 0) {
                  for (;;) ::pause();
              }
              ::kill(worker, SIGTERM);
              return wait_for(worker) == -SIGTERM ? 0 : 1;
          }) == 0);
}
#endif

TEST_CASE("a forked worker with a run of its own saves on a signal, as its parent would",
          "[checkpoint][signal]") {
    for (const int signal : {SIGUSR1, SIGTERM}) {
        TempDir dir;
        CHECK(in_child([&] {
                  auto run = open_run(dir);
                  auto checkpoint = run.checkpoint<OnSignal>("model");
                  const ::pid_t worker = ::fork();
                  if (worker == 0) {
                      auto mine = open_run(dir, "worker");
                      auto its = mine.checkpoint<OnSignal>("worker");
                      Model model;
                      ::raise(signal);
                      const bool saved =
                          its.step(mine.log("loss"_m = 1.0), part("model", model)).wait().saved();
                      ::_exit(saved ? 7 : 1);
                  }
                  return wait_for(worker) == (signal == SIGTERM ? -SIGTERM : 7) ? 0 : 1;
              }) == 0);
        CHECK(versions_on_disk(dir, "worker") == Labels{"v0.json"});
    }
}

TEST_CASE("a SIGTERM that another handler took does not count against the next one", "[checkpoint][signal]") {
    TempDir dir;
    CHECK(in_child([&] {
              auto run = open_run(dir);
              Model model;
              std::signal(SIGTERM, [](int) {});
              {
                  auto checkpoint = run.checkpoint<OnSignal>("model");
                  ::raise(SIGTERM);
                  if (!checkpoint.step(run.log("loss"_m = 1.0), part("model", model)).wait().saved())
                      return 1;
              }
              std::signal(SIGTERM, SIG_DFL);
              auto checkpoint = run.checkpoint<OnSignal>("model");
              ::raise(SIGTERM);
              (void)checkpoint.step(run.log("loss"_m = 1.0), part("model", model));
              return 2;
          }) == -SIGTERM);
    CHECK(versions_on_disk(dir, "model") == Labels{"v0.json", "v1.json"});
}

TEST_CASE("a save that fails after SIGTERM still lets the process end", "[checkpoint][signal]") {
    struct Broken : cairn::Memory {
        cairn::result<cairn::Version> commit() {
            return cairn::error{cairn::errc::no_space, "the disk is full", "", ""};
        }
    };
    TempDir dir;
    CHECK(in_child([&] {
              silence();
              auto run = open_run(dir);
              auto checkpoint = run.checkpoint("model", OnSignal{}, Broken{});
              Model model;
              ::raise(SIGTERM);
              checkpoint.step(run.log("v"_m = 1.0), part("model", model));
              return 7;
          }) == -SIGTERM);
    CHECK_THAT(record_of_r(dir)["why"].get<std::string>(), Contains("SIGTERM"));
}

// ---- exceptions
#endif

TEST_CASE("an exception that leaves a guarded scope saves under the last row", "[checkpoint][failure]") {
    TempDir dir;
    {
        Model model;
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", OnFailure{} | EveryN<4>{});
        try {
            auto guard = checkpoint.guard(part("model", model));
            for (int i = 0; i < 10; ++i) {
                model = model_of(static_cast<float>(i));
                checkpoint.step(run.log(cairn::step(i), "v"_m = 1.0 * i), part("model", model));
                if (i == 6) throw std::runtime_error{"diverged"};
            }
        } catch (const std::runtime_error&) {
        }
        CHECK(steps_of(checkpoint) == Steps{0, 4, 6});
        CHECK(checkpoint.versions().back().row["v"] == 6);
        Model other;
        checkpoint.restore(cairn::latest, part("model", other));
        CHECK(other == model_of(6));
        const auto last = run.decisions().back();
        CHECK(last.kind == cairn::Decision::Kind::restored);
        CHECK(run.decisions()[run.decisions().size() - 2].failure);
    }
    CHECK(state_of_r(dir) == "finished");  // the exception did not leave the run's scope
}

TEST_CASE("a guard does nothing without an exception of its own, or without OnFailure",
          "[checkpoint][failure]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    auto checkpoint = run.checkpoint<OnFailure>("model");
    auto counts = run.checkpoint<EveryN<1>>("counts");
    {
        auto guard = checkpoint.guard(part("model", model));
        checkpoint.step(run.log("v"_m = 1.0), part("model", model));
    }
    CHECK(checkpoint.versions().empty());
    try {
        auto guard = counts.guard(part("model", model));
        throw 1;
    } catch (int) {
    }
    CHECK(counts.versions().empty());
    // A scope that is left normally while another exception is on its way.
    struct Cleanup {
        decltype(checkpoint)& c;
        Model& m;
        ~Cleanup() { auto guard = c.guard(part("model", m)); }
    };
    try {
        const Cleanup cleanup{checkpoint, model};
        throw 1;
    } catch (int) {
    }
    CHECK(checkpoint.versions().empty());
}

TEST_CASE("an exception before the first row saves nothing, and a row that is saved is not saved again",
          "[checkpoint][failure]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    auto checkpoint = run.checkpoint("model", OnFailure{} | EveryN<2>{});
    const auto fail_after = [&](std::optional<int> step) {
        try {
            auto guard = checkpoint.guard(part("model", model));
            if (step) checkpoint.step(run.log(cairn::step(*step), "v"_m = 1.0), part("model", model));
            throw 1;
        } catch (int) {
        }
        return checkpoint.versions().size();
    };
    CHECK(fail_after({}) == 0);
    CHECK(fail_after(2) == 1);
    CHECK(fail_after(3) == 2);
}

TEST_CASE("a row without metrics is a row: an exception after it saves", "[checkpoint][failure]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", EveryN<100>{} | OnFailure{});
    Model model;
    try {
        const auto guard = checkpoint.guard(part("model", model));
        (void)checkpoint.step(run.log(cairn::step(7)), part("model", model));
        throw std::runtime_error{"CUDA error"};
    } catch (const std::runtime_error&) {
    }
    CHECK(steps_of(checkpoint) == Steps{7});
}

TEST_CASE("an exception through guard and run marks the run failed and keeps the version",
          "[checkpoint][failure]") {
    TempDir dir;
    Model model;
    try {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<OnFailure>("model");
        auto guard = checkpoint.guard(part("model", model));
        checkpoint.step(run.log(cairn::step(5), "v"_m = 1.0), part("model", model));
        throw std::runtime_error{"out of memory"};
    } catch (const std::runtime_error&) {
    }
    CHECK(state_of_r(dir) == "failed");
    CHECK(versions_on_disk(dir, "model") == Labels{"v0.json"});
}

// ---- nan::error

TEST_CASE("a NaN where it is an error is a failed step, said once", "[checkpoint][nan]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::Best<"v", minimize, cairn::nan::error>>("model");
    Model model;
    StderrCapture errors;
    const auto step = [&](double v) { return checkpoint.step(run.log("v"_m = v), part("model", model)); };
    CHECK(step(1.0).wait().saved());
    const auto bad = step(std::nan(""));
    REQUIRE(bad.failed());
    CHECK(bad.error().code() == cairn::errc::not_a_number);
    CHECK(bad.error().path() == "v");
    CHECK(step(std::nan("")).failed());
    CHECK(step(0.5).wait().saved());
    CHECK(count_of(errors.text(), "not_a_number") == 1);
    CHECK(run.health().errors.size() == 1);
    CHECK(run.health().saves_failed == 0);
    CHECK(steps_of(checkpoint) == Steps{0, 3});
}

TEST_CASE("a NaN is told although another policy saves the row", "[checkpoint][nan]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", EveryN<1>{} | cairn::Best<"v", minimize, cairn::nan::error>{});
    Model model;
    const StderrCapture quiet;
    CHECK(checkpoint.step(run.log("v"_m = std::nan("")), part("model", model)).wait().saved());
    CHECK(run.health().errors.size() == 1);
}

}  // namespace event_test
