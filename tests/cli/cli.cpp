// SPDX-License-Identifier: MIT
#include <cairn/cairn.hpp>
#include <cairn/cli/cli.hpp>
#include <cairn/run/console.hpp>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

using namespace cairn::literals;

namespace {

struct Model {
    std::vector<float> weight = {1, 2};
    void describe(auto& fields) { fields("weight", weight); }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A finished run "r1" of three rows, two of them saved.
void record(const cairn_test::TempDir& dir) {
    auto run = cairn::init({.project = "demo",
                            .name = "base\x1b[31mline",
                            .id = "r1",
                            .config = {{"lr", 0.5}},
                            .dir = dir.path(),
                            .quiet = true});
    run.define_metric("loss", {.goal = cairn::minimize});
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    for (int i = 0; i < 3; ++i) {
        const auto row = run.log(cairn::step(i), "loss"_m = 3.0 - i,
                                 "bad"_m = i == 1 ? std::numeric_limits<double>::quiet_NaN() : 1.0);
        checkpoint.step(row, cairn::part("model", model));
    }
}

cairn::cli::Output call(const cairn_test::TempDir& dir, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--dir", dir.path().string()});
    return cairn::cli::run(std::move(arguments));
}

}  // namespace

TEST_CASE("cairn ls lists the runs", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto done = call(dir, {"ls"});
    CHECK(done.code == 0);
    CHECK(done.err.empty());
    CHECK(has(done.out, "r1"));
    CHECK(has(done.out, "demo"));
    CHECK(has(done.out, "finished"));
    CHECK_FALSE(has(done.out, "\x1b"));  // a name is data, not a command to the terminal
}

TEST_CASE("cairn show has config, metrics and the versions that were saved", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto done = call(dir, {"show", "r1"});
    CHECK(done.code == 0);
    CHECK(has(done.out, "lr"));
    CHECK(has(done.out, "last 1 "));
    CHECK(has(done.out, "min 1 @2"));
    CHECK(has(done.out, "NaN x1"));
    CHECK(has(done.out, "v0    step 0"));
    CHECK(has(done.out, "v1    step 2"));
    CHECK_FALSE(has(done.out, "v2    step"));  // not "v2" alone: the folder's name is random
}

#if CAIRN_TEST_FORK
TEST_CASE("cairn show tells of a crashed run what it logged and printed last, and why it died", "[cli]") {
    const cairn_test::TempDir dir;
    const int ended = cairn_test::in_child([&] {
        cairn_test::silence();
        auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
        const cairn::Console console{run};
        for (int i = 0; i < 20; ++i) {
            run.log(cairn::step(i), "loss"_m = 0.5 * i);
            std::printf("epoch %d\n", i);
        }
        std::fprintf(stderr, "\x1b[31mout of \rluck\n");
        std::abort();
        return 0;
    });
    CHECK(ended == -SIGABRT);
    const auto shown = call(dir, {"show", "r"});
    CHECK(shown.code == 0);
    CHECK(has(shown.out, "crashed: SIGABRT (signal 6)"));
    CHECK(has(shown.out, "last rows"));
    CHECK(has(shown.out, "last output\n       epoch 11\n"));
    CHECK(has(shown.out, "       epoch 19\n       luck\n"));
}
#endif

TEST_CASE("cairn plot draws a curve with its scales and marks what is not finite", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto loss = call(dir, {"plot", "r1", "loss"});
    CHECK(loss.code == 0);
    CHECK(has(loss.out, " 3 ┤⠉"));
    CHECK(has(loss.out, " 1 ┤"));
    CHECK(has(loss.out, "3 points"));
    CHECK(has(call(dir, {"plot", "r1", "bad"}).out, "1 not finite (!)"));
}

TEST_CASE("cairn says what is wrong on stderr, with exit codes 1 and 2", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto no_run = call(dir, {"show", "nobody"});
    CHECK(no_run.code == 1);
    CHECK(no_run.out.empty());
    CHECK(has(no_run.err, "cairn ls"));
    const auto no_metric = call(dir, {"plot", "r1", "lost"});
    CHECK(no_metric.code == 1);
    CHECK(has(no_metric.err, "loss"));
    CHECK(cairn::cli::run({"ls", "--dir", (dir / "nothing").string()}).code == 1);
    CHECK(cairn::cli::run({}).code == 2);
    CHECK(cairn::cli::run({"dance"}).code == 2);
    CHECK(has(cairn::cli::run({"--version"}).out, CAIRN_VERSION));
    CHECK(has(cairn::cli::run({"--help"}).out, "plot"));
}

TEST_CASE("cairn verify looks at every byte and names what is damaged", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto whole = call(dir, {"verify"});
    CHECK(whole.code == 0);
    CHECK(whole.out == "2 versions and 3 rows are whole, 0 damaged\n");
    CHECK(call(dir, {"verify", "r1"}).out == whole.out);
    CHECK(call(dir, {"verify", "nobody"}).code == 1);

    // The model did not change: both versions have one object.
    for (const auto& entry : std::filesystem::recursive_directory_iterator{dir / "objects"}) {
        if (!entry.is_regular_file()) continue;
        std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_all);
        std::filesystem::resize_file(entry.path(), entry.file_size() - 1);
    }
    for (const auto& arguments : {std::vector<std::string>{"verify"}, {"verify", "r1"}}) {
        const auto damaged = call(dir, arguments);
        CHECK(damaged.code == 1);
        CHECK(damaged.out == "0 versions and 3 rows are whole, 2 damaged\n");
        CHECK(has(damaged.err, "model v1: an object of this version is damaged"));
    }
}

TEST_CASE("cairn gc frees what no version names, and tells it first if asked to", "[cli]") {
    const cairn_test::TempDir dir;
    record(dir);
    const auto store = cairn::Store::open_existing(dir.path()).value();
    const std::string text = "nobody's";
    REQUIRE(cairn::stage_bytes(store, std::as_bytes(std::span{text})).value().install(store));
    std::filesystem::create_directories(store.temp_dir() / "1-0-0123456789abcdef");
    std::filesystem::last_write_time(store.temp_dir() / "1-0-0123456789abcdef",
                                     std::filesystem::file_time_type::clock::now() -
                                         std::chrono::hours{9000});
    const auto told = call(dir, {"gc", "--dry-run"});
    CHECK(told.code == 0);
    CHECK(has(told.out, "would free 1 objects of 8 bytes and 1 temporaries"));
    const auto freed = call(dir, {"gc"});
    CHECK(has(freed.out, "freed 1 objects of 8 bytes and 1 temporaries"));
    CHECK(call(dir, {"gc"}).out == "freed 0 objects of 0 bytes and 0 temporaries\n");
    CHECK(call(dir, {"verify"}).code == 0);
}
