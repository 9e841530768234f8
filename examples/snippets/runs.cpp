// SPDX-License-Identifier: MIT
// The code of docs/runs.md; tests/readme.py compares.
#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/console.hpp>
#include <cairn/run/git.hpp>

#include <cstdio>

using namespace cairn::literals;

void open_and_log(int n, double x, int e) {
    auto run =
        cairn::init({.project = "mnist", .config = {{"lr", 1e-3}, {"epochs", 5}}, .tags = {"baseline"}});
    run.log(cairn::step(n), "loss"_m = x, "ok"_m = true);  // the compiler knows the names
    run.log({{"loss", x}, {"epoch", e}}, {.step = n});     // names that only the running program knows
    run.log("loss"_m = x);  // the step is the calling thread's own count of rows
}

void keep_what_is_printed() {
    auto run = cairn::init({.project = "mnist"});
    cairn::Console console{run};  // as long as it lives
    std::printf("epoch 0\n");
}

void keep_what_is_not_committed(cairn::Run& run) {
    cairn::record_git(run, {.diff = true});  // #include <cairn/run/git.hpp>
}

void alert(cairn::Run& run) {
    run.alert("the loss is NaN", {.text = "since epoch 3", .level = cairn::AlertLevel::error});
}

void read() {
    auto recorded = cairn::open("cairn").value().find("latest").value();
    auto loss = recorded.series("loss").value();
    for (const auto& point : loss.points())
        std::printf("%lld: %g\n", static_cast<long long>(point.step), point.value);
    for (const cairn::Bucket& bucket : loss.window(1000, 2000).buckets(100))
        std::printf("%lld to %lld: %g to %g\n", static_cast<long long>(bucket.from),
                    static_cast<long long>(bucket.to), bucket.min, bucket.max);
}
