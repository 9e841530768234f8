// SPDX-License-Identifier: MIT
// A mirror beside the program whose run it mirrors. The program's own header comes first, as it does in one.
#include <cairn/cairn.hpp>

#include <cairn/mirror/live_mirror.hpp>
#include <cairn/mirror/wandb.hpp>
#include <cairn/query/runs.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <stdexcept>
#include <string>

namespace live_test {

using namespace cairn::literals;
using cairn_test::TempDir;

namespace {

cairn::Run start(const TempDir& dir) {
    return cairn::init(
        {.project = "p", .id = "r", .dir = dir / "store", .environment = false, .quiet = true});
}
cairn::StoreReader store_in(const TempDir& dir) { return cairn::open(dir / "store").value(); }

/// Throws what it is given, and then does nothing.
template <class E>
struct Throwing {
    E what;
    int left = 1;

    cairn::result<cairn::MirrorReport> catch_up(const cairn::RecordedRun&) {
        if (left-- > 0) throw E{what};
        return cairn::MirrorReport{};
    }
};

}  // namespace

TEST_CASE("a live mirror of W&B takes a text that is no UTF-8", "[mirror][live]") {
    const TempDir dir;
    auto run = start(dir);
    const auto store = store_in(dir);
    const auto recorded = store.find("r").value();
    auto mirror = cairn::WandbMirror::open(store, recorded, {.dir = dir / "w"}).value();
    cairn::LiveMirror live{store, recorded, std::move(mirror), 0.01};
    run.log({{"loss", 1.0}, {"note", "caf\xe9"}}, {.step = 1});
    REQUIRE(run.finish());
    REQUIRE(live.finish(std::chrono::seconds{20}));
    const auto health = live.health();
    CHECK(health.rows == 1);
    CHECK(health.errors.empty());
}

TEST_CASE("what a mirror throws is told, and the program and its mirror go on", "[mirror][live]") {
    const TempDir dir;
    auto run = start(dir);
    const auto store = store_in(dir);
    const auto told_by = [&](auto mirror) {
        cairn::LiveMirror live{store, store.find("r").value(), std::move(mirror), 0.001};
        CHECK(live.finish(std::chrono::seconds{20}));
        const auto errors = live.health().errors;
        REQUIRE(errors.size() == 1);
        return errors.front();
    };
    const cairn::error thrown = told_by(Throwing<std::runtime_error>{std::runtime_error{"no such table"}});
    CHECK(thrown.code() == cairn::errc::user);
    CHECK(thrown.tried().find("no such table") != std::string::npos);
    CHECK(told_by(Throwing<cairn::error>{{cairn::errc::io, "the line is cut", "", ""}}).code() ==
          cairn::errc::io);
    CHECK(told_by(Throwing<int>{1}).code() == cairn::errc::user);
}

}  // namespace live_test
