// SPDX-License-Identifier: MIT
// Runs of several ranks, whichever system they are mirrored to.
#include <cairn/mirror/tensorboard.hpp>
#include <cairn/mirror/trackio.hpp>
#include <cairn/mirror/wandb.hpp>

#include <cairn/cairn.hpp>
#include <cairn/media/text.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/store/media_file.hpp>
#include <cairn/store/store.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <utility>

namespace ranks_test {

using namespace cairn::literals;
using cairn_test::TempDir;

namespace {

cairn::Run start(const TempDir& dir, unsigned rank, cairn::Resume resume = cairn::Resume::never) {
    return cairn::init({.project = "p",
                        .id = "r",
                        .dir = dir.path(),
                        .resume = resume,
                        .rank = rank,
                        .system_seconds = 0,
                        .quiet = true});
}
/// What a new mirror hands on, which `open(store, run)` gives: so many rows, and whether that is all.
std::pair<std::uint64_t, bool> look(const cairn::StoreReader& store, const auto& open) {
    const auto run = store.run("p", "r").value();
    auto mirror = open(store, run);
    REQUIRE(mirror);
    const auto report = mirror->catch_up(run);
    REQUIRE(report);
    return {report->rows, report->is_over};
}

/// `open(store, run)` gives a mirror.
void follow_a_late_rank(const auto& open) {
    const TempDir dir;
    auto first = start(dir, 0), second = start(dir, 1);
    first.log("loss"_m = 1);
    second.log("loss"_m = 2);
    const auto store = cairn::open(dir.path()).value();
    REQUIRE(first.finish());
    (void)look(store, open);
    second.log("loss"_m = 3);
    CHECK(!look(store, open).second);
    second.log("loss"_m = 4);
    REQUIRE(second.finish());
    CHECK(look(store, open).second);
    CHECK(look(store, open) == std::pair{std::uint64_t{0}, true});
}

/// The same of a rank that is being opened when the first has ended: it has a lock, and no record yet.
void follow_a_rank_that_begins(const auto& open) {
    const TempDir dir;
    start(dir, 0).log("loss"_m = 1);
    const auto store = cairn::open(dir.path()).value();
    {
        const auto begun = cairn::RunFolder::open_writer(store.store(), "p", "r", 1);
        REQUIRE(begun);
        CHECK(look(store, open) == std::pair{std::uint64_t{1}, false});
    }
    {
        auto second = start(dir, 1);
        for (int i = 0; i < 3; ++i) second.log("loss"_m = i);
    }
    CHECK(look(store, open) == std::pair{std::uint64_t{3}, true});
}

/// Two ranks are resumed one after the other: when the first has ended again, the second's record still tells
/// of the session before.
void follow_a_rank_that_is_resumed_late(const auto& open) {
    const TempDir dir;
    for (const unsigned rank : {0U, 1U}) start(dir, rank).log("loss"_m = 1);
    const auto store = cairn::open(dir.path()).value();
    CHECK(look(store, open) == std::pair{std::uint64_t{2}, true});
    start(dir, 0, cairn::Resume::must).log("loss"_m = 2);
    CHECK(look(store, open) == std::pair{std::uint64_t{1}, true});
    auto second = start(dir, 1, cairn::Resume::must);
    second.log("loss"_m = 3);
    const auto [rows, is_over] = look(store, open);  // W&B's waits for more of the same step
    CHECK(!is_over);
    second.log("loss"_m = 4);
    REQUIRE(second.finish());
    CHECK(look(store, open) == std::pair{2 - rows, true});
    // Once more, but nobody looks while it runs; and by a mirror that has seen the session before.
    const auto old = store.run("p", "r").value();
    auto mirror = open(store, old);
    REQUIRE(mirror);
    REQUIRE(mirror->catch_up(old));
    for (const unsigned rank : {0U, 1U}) {
        start(dir, rank, cairn::Resume::must).log("loss"_m = 5);
        const auto report = mirror->catch_up(store.run("p", "r").value());
        REQUIRE(report);
        CHECK(std::pair{report->rows, report->is_over} == std::pair{std::uint64_t{1}, true});
    }
}

/// Changes a byte, and changes it back.
void flip(const std::filesystem::path& path, std::streamoff at) {
    std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
}
/// `open(store, run)` gives a mirror.
void tell_what_was_left_out(const auto& open) {
    const TempDir dir;
    for (const unsigned rank : {0U, 1U}) {
        auto run = start(dir, rank);
        run.log(cairn::step(0), "loss"_m = 1);
        if (rank == 0) run.log("note"_m = cairn::Text{"a text of the first rank"});
        REQUIRE(run.finish());
    }
    const auto store = cairn::open(dir.path()).value();
    const auto run = store.run("p", "r").value();
    const auto media = run.dir() / cairn::detail::media_file;
    flip(media, static_cast<std::streamoff>(std::filesystem::file_size(media)) - 8);
    const auto history = cairn::detail::rank_dir(run.dir(), 1) / cairn::detail::history_file;

    flip(history, 3);
    CHECK_FALSE(open(store, run)->catch_up(run));
    flip(history, 3);
    auto again = open(store, run);
    const auto told = again->catch_up(run);
    REQUIRE(told);
    REQUIRE(told->left_out.size() == 1);
    CHECK(told->left_out.front().code() == cairn::errc::unsupported);
    CHECK(told->is_over);
    CHECK(again->catch_up(run)->left_out.empty());
    again = cairn::error{};  // before the next one comes
    CHECK(open(store, run)->catch_up(run)->left_out.empty());
}

/// A ring that somebody has damaged: the rows around it are there, and it is told, once.
void tell_what_is_damaged(const auto& open) {
    const TempDir dir;
    auto first = start(dir, 0);
    const auto store = cairn::open(dir.path()).value();
    const auto look_again = [&] {
        const auto run = store.run("p", "r").value();
        return open(store, run)->catch_up(run).value().left_out;
    };
    std::ofstream{store.run("p", "r").value().dir() / "journal/999.ring"} << std::string(8192, '?');
    const auto told = look_again();
    REQUIRE(told.size() == 1);
    CHECK(told.front().code() == cairn::errc::corrupt);
    CHECK(look_again().empty());
    first.log("loss"_m = 1);
    REQUIRE(first.finish());
    CHECK(look_again().empty());
}

/// A rich value that somebody has damaged: the next one is there, and it is told, once.
void tell_which_values_are_damaged(const auto& open) {
    const TempDir dir;
    auto first = start(dir, 0);
    first.log("note"_m = cairn::Text{"one"});
    first.log("note"_m = cairn::Text{"two"});
    REQUIRE(first.finish());
    const auto run = cairn::open(dir.path()).value().run("p", "r").value();
    flip(run.dir() / cairn::detail::media_file, cairn::detail::media_header_bytes + 5);
    const auto look = [&] {
        return open(cairn::open(dir.path()).value(), run)->catch_up(run).value().left_out;
    };
    const auto told = look();
    REQUIRE(told.size() == 1);
    CHECK(told.front().code() == cairn::errc::corrupt);
    CHECK(told.front().path() == (run.dir() / cairn::detail::media_file).string());
    CHECK(look().empty());
}

/// What is wrong with one rank keeps no other back.
void go_on_beside_a_damaged_rank(const auto& open) {
    const TempDir dir;
    for (const unsigned rank : {0U, 1U, 2U}) start(dir, rank).log("loss"_m = 1);
    const auto store = cairn::open(dir.path()).value();
    const auto run = store.run("p", "r").value();
    const auto record = cairn::detail::rank_dir(run.dir(), 1) / "run.json";
    const auto aside = dir / "record";
    std::filesystem::rename(record, aside);
    std::ofstream{record} << "{";
    const auto told = open(store, run)->catch_up(run);
    REQUIRE(!told);
    CHECK(told.error().code() == cairn::errc::corrupt);
    std::filesystem::rename(aside, record);
    CHECK(look(store, open) == std::pair{std::uint64_t{1}, true});  // the others are there
}

/// One that had no record when the first had ended, and ran unseen then as often as that had.
void follow_a_rank_without_a_record(const auto& open) {
    const TempDir dir;
    start(dir, 0).log("loss"_m = 1);
    start(dir, 0, cairn::Resume::must).log("loss"_m = 2);
    const auto store = cairn::open(dir.path()).value();
    REQUIRE(cairn::RunFolder::open_writer(store.store(), "p", "r", 1));  // and was killed
    CHECK(look(store, open) == std::pair{std::uint64_t{2}, true});
    start(dir, 1).log("loss"_m = 3);
    start(dir, 1, cairn::Resume::must).log("loss"_m = 4);
    CHECK(look(store, open) == std::pair{std::uint64_t{2}, true});
}

/// `check(open)` for each mirror that writes files.
void with_each_mirror(const auto& check) {
    const TempDir to;
    check([&](const cairn::StoreReader& store, const cairn::RecordedRun& run) {
        return cairn::WandbMirror::open(store, run, {.dir = to / "wandb"});
    });
    check([&](const cairn::StoreReader&, const cairn::RecordedRun& run) {
        return cairn::TensorboardMirror::open(run, to / "tensorboard");
    });
    check([&](const cairn::StoreReader& store, const cairn::RecordedRun& run) {
        return cairn::TrackioMirror::open(store, run, {.dir = to / "trackio"});
    });
}

}  // namespace

TEST_CASE("mirrors: a rank that outlives the first is followed to its own end", "[mirror][ranks]") {
    with_each_mirror([](const auto& open) { follow_a_late_rank(open); });
}

TEST_CASE("mirrors: a rank that begins when the first has ended is waited for", "[mirror][ranks]") {
    with_each_mirror([](const auto& open) { follow_a_rank_that_begins(open); });
}

TEST_CASE("mirrors: a rank that seems to have crashed may go on as long as the first does",
          "[mirror][ranks]") {
    const TempDir dir;
    auto first = start(dir, 0);
    const auto store = cairn::open(dir.path()).value();
    {
        auto other = cairn::RunFolder::open_writer(store.store(), "p", "r", 1).value();
        REQUIRE(other.write_run({{"status", "running"}, {"sessions", "of no number"}}));
    }
    const auto standing = [&] {
        return cairn::detail::rank_standing(store.run("p", "r").value(), 1).value();
    };
    CHECK(standing().state == cairn::RunState::running);
    CHECK(standing().session == 0);
    REQUIRE(first.finish());
    CHECK(standing().state == cairn::RunState::crashed);
}

TEST_CASE("mirrors: a rank that is resumed after the first has ended again is followed", "[mirror][ranks]") {
    with_each_mirror([](const auto& open) { follow_a_rank_that_is_resumed_late(open); });
}

TEST_CASE("mirrors: what a rank left out is told, though another rank fails in the same look",
          "[mirror][ranks]") {
    with_each_mirror([](const auto& open) { tell_what_was_left_out(open); });
}

TEST_CASE("mirrors: a ring that cannot be read is told once", "[mirror][ranks]") {
    with_each_mirror([](const auto& open) { tell_what_is_damaged(open); });
}

TEST_CASE("mirrors: that rich values cannot be read is told once", "[mirror][ranks]") {
    with_each_mirror([](const auto& open) { tell_which_values_are_damaged(open); });
}

TEST_CASE("mirrors: a rank whose record is damaged keeps no other back", "[mirror][ranks]") {
    with_each_mirror([](const auto& open) { go_on_beside_a_damaged_rank(open); });
}

TEST_CASE("mirrors: a rank that had no record yet is followed", "[mirror][ranks]") {
    with_each_mirror([](const auto& open) { follow_a_rank_without_a_record(open); });
}

TEST_CASE("mirrors: a rank whose folder W&B's client has sent and removed keeps no other back",
          "[mirror][ranks]") {
    const TempDir dir, to;
    const auto open = [&](const cairn::StoreReader& store, const cairn::RecordedRun& run) {
        return cairn::WandbMirror::open(store, run, {.dir = to.path()});
    };
    for (const unsigned rank : {0U, 1U, 2U}) start(dir, rank).log("loss"_m = 1);
    const auto store = cairn::open(dir.path()).value();
    CHECK(look(store, open) == std::pair{std::uint64_t{3}, true});
    std::filesystem::remove_all(to / "wandb");
    for (const unsigned rank : {0U, 2U}) start(dir, rank, cairn::Resume::must).log("loss"_m = 2);
    CHECK(look(store, open) == std::pair{std::uint64_t{2}, true});
}

}  // namespace ranks_test
