// SPDX-License-Identifier: MIT
// The code of docs/mirrors.md; tests/readme.py compares.
#include <cairn/cairn.hpp>
#include <cairn/mirror/live_mirror.hpp>
#include <cairn/mirror/s3.hpp>
#include <cairn/mirror/wandb.hpp>
#include <cairn/query/runs.hpp>

#include <chrono>
#include <cstdio>
#include <utility>

using namespace cairn::literals;

namespace {

struct Model {
    float weight = 0;
    void describe(auto& fields) { fields("weight", weight); }
} model;

void train(cairn::Run& run) { run.log("loss"_m = 1.0); }

}  // namespace

void mirror_a_finished_run() {
    const auto store = cairn::open("cairn").value();
    const auto recorded = store.find("latest").value();
    auto mirror = cairn::WandbMirror::open(store, recorded, {.dir = "."}).value();
    const auto report = mirror.catch_up(recorded).value();
    for (const cairn::error& left : report.left_out) std::fputs(left.what(), stderr);
}

void mirror_a_run_that_goes_on() {
    auto run = cairn::init({.project = "demo"});
    const auto store = cairn::open("cairn").value();
    const auto recorded = store.run("demo", run.id()).value();
    auto mirror = cairn::WandbMirror::open(store, recorded).value();
    cairn::LiveMirror live{store, recorded, std::move(mirror)};
    train(run);
    (void)run.finish();
    (void)live.finish(std::chrono::seconds{10});  // what it has not handed on then, `cairn sync` does
}

void restore_from_s3() {
    auto there = cairn::open(cairn::S3{"s3://models/team"}).value();
    const auto best = there.resolve("demo", "net", "best").value();
    there.download(best, "net").value();  // its digests are verified
    cairn::load("net/model.safetensors", cairn::part("model", model));
}
