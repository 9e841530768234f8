// SPDX-License-Identifier: MIT
// Runs of several ranks, whichever system they are mirrored to.
#include <cairn/mirror/tensorboard.hpp>
#include <cairn/mirror/trackio.hpp>
#include <cairn/mirror/wandb.hpp>

#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <utility>

using namespace cairn::literals;
using cairn_test::TempDir;

namespace {

/// `open(store, run)` gives a mirror.
void follow_a_late_rank(const auto& open) {
    const TempDir dir;
    const auto start = [&](unsigned rank) {
        return cairn::init(
            {.project = "p", .id = "r", .dir = dir.path(), .rank = rank, .system_seconds = 0, .quiet = true});
    };
    auto first = start(0), second = start(1);
    first.log("loss"_m = 1);
    second.log("loss"_m = 2);
    const auto store = cairn::open(dir.path()).value();
    const auto mirrored = [&] {
        const auto run = store.run("p", "r").value();
        auto mirror = open(store, run);
        REQUIRE(mirror);
        const auto report = mirror->catch_up(run);
        REQUIRE(report);
        return std::pair{report->rows, report->is_over};
    };
    REQUIRE(first.finish());
    (void)mirrored();
    second.log("loss"_m = 3);
    CHECK(!mirrored().second);
    second.log("loss"_m = 4);
    REQUIRE(second.finish());
    CHECK(mirrored().second);
    CHECK(mirrored() == std::pair{std::uint64_t{0}, true});
}

}  // namespace

TEST_CASE("mirrors: a rank that outlives the first is followed to its own end", "[mirror][ranks]") {
    const TempDir to;
    follow_a_late_rank([&](const cairn::StoreReader& store, const cairn::RecordedRun& run) {
        return cairn::WandbMirror::open(store, run, {.dir = to / "wandb"});
    });
    follow_a_late_rank([&](const cairn::StoreReader&, const cairn::RecordedRun& run) {
        return cairn::TensorboardMirror::open(run, to / "tensorboard");
    });
    follow_a_late_rank([&](const cairn::StoreReader& store, const cairn::RecordedRun& run) {
        return cairn::TrackioMirror::open(store, run, {.dir = to / "trackio"});
    });
}
