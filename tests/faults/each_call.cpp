// SPDX-License-Identifier: MIT
// A death or a failure at every call into the system, one at a time.

#include "injector.hpp"
#include "world.hpp"

#include <support/child.hpp>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>

using namespace cairn_test;

namespace {

enum Ended : int { succeeded = 0, failed = 1, not_reached = 2 };

/// Runs an operation in a child with a fault, and says how it ended there.
int run_with(const FaultPlan& plan, const Operation& operation, const std::filesystem::path& dir) {
    return in_child([&] {
        const auto model = open_model(dir);
        arm(plan);
        const auto ended = operation.run(model);
        const bool came = disarm();
        if (!ended && plan.number == EINTR) std::fprintf(stderr, "%s\n", ended.error().what());
        if (!ended) return failed;
        return came ? succeeded : not_reached;
    });
}

}  // namespace

TEST_CASE("faults: a kill at each call leaves the version before it or the new one", "[faults][kill]") {
    for (const Operation& operation : operations()) {
        for (std::uint64_t at = 0;; ++at) {
            INFO(operation.name << ", killed at call " << at);
            const TempDir dir;
            operation.prepare(open_model(dir / "store"));
            const int ended = run_with({Fault::kill, at, 0}, operation, dir / "store");
            const auto model = open_model(dir / "store");
            const Shelf seen = look(model);
            check_plain_paths(model, seen);
            if (ended == not_reached) {
                CHECK(seen == operation.after);
                CHECK(at > 5);  // it did something
                break;
            }
            REQUIRE(ended == -SIGKILL);
            check_between(operation, seen);
            go_on(model, seen);
        }
    }
}

TEST_CASE("faults: a failure of each call is said, and loses nothing", "[faults][fail]") {
    struct Case {
        FaultPlan plan;
        const char* name;
    };
    for (const Case& one : {Case{{Fault::fail, 0, EIO}, "EIO"}, Case{{Fault::fail, 0, ENOSPC}, "ENOSPC"},
                            Case{{Fault::fail_on, 0, ENOSPC}, "ENOSPC from then on"},
                            Case{{Fault::fail_on, 0, EROFS}, "EROFS from then on"},
                            Case{{Fault::fail_on, 0, EMFILE}, "EMFILE from then on"},
                            Case{{Fault::fail, 0, EMFILE}, "EMFILE"}}) {
        for (const Operation& operation : operations()) {
            for (std::uint64_t at = 0;; ++at) {
                INFO(operation.name << ", " << one.name << " at call " << at);
                const TempDir dir;
                operation.prepare(open_model(dir / "store"));
                FaultPlan plan = one.plan;
                plan.at = at;
                const int ended = run_with(plan, operation, dir / "store");
                const auto model = open_model(dir / "store");
                const Shelf seen = look(model);
                check_plain_paths(model, seen);
                check_between(operation, seen);
                if (ended == not_reached || ended == succeeded) CHECK(seen == operation.after);
                go_on(model, seen);
                if (ended == not_reached) break;
                REQUIRE((ended == succeeded || ended == failed));
            }
        }
    }
}

TEST_CASE("faults: an interrupted call is repeated, a short write is continued", "[faults][interrupt]") {
    for (const FaultPlan& fault : {FaultPlan{Fault::fail, 0, EINTR}, FaultPlan{Fault::short_write, 0, 0}}) {
        for (const Operation& operation : operations()) {
            for (std::uint64_t at = 0;; ++at) {
                INFO(operation.name << ", " << (fault.number == EINTR ? "EINTR" : "a short write")
                                    << " at call " << at);
                const TempDir dir;
                operation.prepare(open_model(dir / "store"));
                FaultPlan plan = fault;
                plan.at = at;
                const int ended = run_with(plan, operation, dir / "store");
                const auto model = open_model(dir / "store");
                CHECK(look(model) == operation.after);
                if (ended == not_reached) break;
                REQUIRE(ended == succeeded);
            }
        }
    }
}
