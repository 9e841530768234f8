// SPDX-License-Identifier: MIT
// A real file system of 16 MiB that fills up, and two programs that save under one name.

#include "checkpoint/support.hpp"
#include "injector.hpp"

#include <cairn/query/runs.hpp>
#include <cairn/run/console.hpp>
#include <cairn/store/artifact_store.hpp>
#include <support/catch.hpp>
#include <support/child.hpp>
#include <support/temp_dir.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace cairn_test;
using namespace cairn::literals;
namespace fs = std::filesystem;

namespace {

constexpr int no_mount = 77;

/// Mounts 16 MiB of memory at `path` for this process alone.
[[nodiscard]] bool mount_small_disk(const fs::path& path) {
    if (::unshare(CLONE_NEWNS) != 0) {  // who is not root becomes that in a world of his own
        const std::string user = std::to_string(::getuid()), group = std::to_string(::getgid());
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
        std::ofstream{"/proc/self/setgroups"} << "deny";
        std::ofstream{"/proc/self/uid_map"} << "0 " + user + " 1";
        std::ofstream{"/proc/self/gid_map"} << "0 " + group + " 1";
    }
    (void)::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    return ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=16m") == 0;
}

struct Big {
    std::vector<float> weight = std::vector<float>(std::size_t{1} << 18U);  // 1 MiB
    void describe(auto& fields) { fields("weight", weight, {weight.size()}); }
};
[[nodiscard]] Big big_of(std::int64_t step) {
    Big model;
    model.weight.assign(model.weight.size(), static_cast<float>(step));
    return model;
}

/// What a check in a child says when it does not hold.
[[nodiscard]] bool holds(bool condition, const char* what) {
    if (!condition) std::fprintf(stderr, "child: not so: %s\n", what);
    return condition;
}

[[nodiscard]] int fill_up(const TempDir& dir) {
    if (!mount_small_disk(dir.path())) return no_mount;
    const std::string ballast = dir / "ballast";
    std::ofstream{ballast} << std::string(std::size_t{4} << 20U, 'x');
    bool ok = true;
    std::int64_t last = -1, step = 0;
    {
        cairn::Run run = open_run(dir);
        auto checkpoint = run.checkpoint("model", cairn::EveryN<1>{});
        const auto save = [&] {
            const auto row = run.log(cairn::step(step), "loss"_m = 1.0);
            Big model = big_of(step);
            return checkpoint.step(row, cairn::part("model", model)).wait();
        };
        auto result = save();
        for (; result.saved() && step < 20; result = save()) last = step++;
        ok &= holds(result.failed() && result.error().code() == cairn::errc::no_space, "a full disk is said");
        ok &= holds(last > 3, "some were saved before");
        ok &= holds(fs::is_empty(dir / "store" / "tmp"), "what did not fit is removed");
        for (int i = 0; i < 1000; ++i) run.log(cairn::step(++step), "loss"_m = 0.5);  // training goes on
        ok &= holds(run.health().saves_failed == 1 && !run.health().errors.empty(), "the health has it");
        ok &= holds(run.health().rows_dropped == 0, "no row is lost");
        ok &= holds(checkpoint.versions().back().step() == last, "the versions before are there");
        fs::remove(ballast);  // at 3 a.m. somebody makes room
        ++step;
        result = save();
        ok &= holds(result.saved(), "with room, the next save goes through");
        last = step;
        const auto ended = run.finish();
        ok &=
            holds(!ended && ended.error().code() == cairn::errc::no_space, "the end tells of what was lost");
    }
    cairn::Run run = open_run(dir);
    auto checkpoint = run.checkpoint("model", cairn::EveryN<1>{});
    Big model;
    const auto restored = checkpoint.try_restore(cairn::latest, cairn::part("model", model));
    ok &=
        holds(restored && restored->step() == last && model.weight == big_of(last).weight, "it is restored");
    for (const auto& version : checkpoint.versions())
        ok &= holds(bool(checkpoint.try_restore(version.label(), cairn::part("model", model))),
                    "all are whole");
    return ok ? 0 : 1;
}

/// What the child prints, a kilobyte each.
[[nodiscard]] std::string kilobyte(int i) {
    std::string line = std::to_string(i);
    line.resize(1023, '.');
    return line + "\n";
}

[[nodiscard]] int print_on_a_full_disk(const TempDir& dir, const fs::path& out) {
    if (!mount_small_disk(dir.path())) return no_mount;
    const int file = ::open(out.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    ::dup2(file, 1);
    cairn::Run run = open_run(dir);
    const cairn::Console console{run};
    std::ofstream{dir / "ballast"} << std::string(std::size_t{16} << 20U, 'x');
    for (int i = 0; i < 3000; ++i) std::printf("%s", kilobyte(i).c_str());
    const auto health = run.health();
    return holds(health.errors.size() == 1 && health.errors[0].find("no_space") != std::string::npos,
                 "the health has it")
               ? 0
               : 1;
}

/// The store's temporaries lie on one disk, its runs on another.
[[nodiscard]] int save_to_another_disk(const TempDir& dir) {
    fs::create_directories(dir / "store/projects");
    if (!mount_small_disk(dir / "store/projects")) return no_mount;
    std::ofstream{dir / "notes.txt"} << "what is to be kept";
    cairn::Run run = open_run(dir);
    run.save(dir / "notes.txt");
    const bool ok = holds(run.finish().has_value(), "the run ends well");
    std::ifstream kept{run.dir() / "files/notes.txt"};
    return holds(std::string{std::istreambuf_iterator<char>{kept}, {}} == "what is to be kept",
                 "it is kept") &&
                   holds(std::distance(fs::directory_iterator{run.dir() / "files"}, {}) == 1, "alone") && ok
               ? 0
               : 1;
}

}  // namespace

TEST_CASE("faults: files are saved where runs lie on another disk than what is temporary", "[faults][full]") {
    const TempDir dir;
    const int ended = in_child([&] { return save_to_another_disk(dir); });
    if (ended == no_mount) {
        WARN("not here: this process may mount nothing");
        return;
    }
    CHECK(ended == 0);
}

TEST_CASE("faults: on a full disk what the program prints is no longer kept, and none of it is lost",
          "[faults][full]") {
    const TempDir dir, elsewhere;
    const int ended = in_child([&] { return print_on_a_full_disk(dir, elsewhere / "out"); });
    if (ended == no_mount) {
        WARN("not here: this process may mount nothing");
        return;
    }
    CHECK(ended == 0);
    std::string wanted;
    for (int i = 0; i < 3000; ++i) wanted += kilobyte(i);
    std::ifstream file{elsewhere / "out"};
    CHECK((std::string{std::istreambuf_iterator<char>{file}, {}} == wanted));
}

TEST_CASE("faults: a run ends in time on a disk that does not answer", "[faults][hang]") {
    const TempDir dir;
    const int ended = in_child([&] {
        cairn::Run run = open_run(dir);
        for (int i = 0; i < 1000; ++i) run.log(cairn::step(i), "loss"_m = 1.0);
        hang(true);
        const auto began = std::chrono::steady_clock::now();
        const auto done = run.finish(std::chrono::milliseconds{1200});
        const auto waited = std::chrono::steady_clock::now() - began;
        bool ok = holds(!done && done.error().code() == cairn::errc::busy, "it is told");
        ok &= holds(waited > std::chrono::seconds{1} && waited < std::chrono::seconds{10}, "after a while");
        const auto again = run.finish();
        ok &= holds(!again && again.error().code() == cairn::errc::busy, "and again");
        run = cairn::Run{};
        hang(false);  // what was left to the disk goes on, as long as the process lives
        const auto state = [&] { return cairn::open(dir / "store").value().find("r").value().state(); };
        for (int i = 0; i < 1000 && state() != cairn::RunState::finished; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        ok &= holds(state() == cairn::RunState::finished, "the end is written when the disk is well again");
        return ok ? 0 : 1;
    });
    CHECK(ended == 0);
}

TEST_CASE("faults: a disk of 16 MiB fills up, and training goes on", "[faults][full]") {
    const TempDir dir;
    const int ended = in_child([&] { return fill_up(dir); });
    if (ended == no_mount) {
        WARN("not here: this process may mount nothing");
        return;
    }
    CHECK(ended == 0);
}

TEST_CASE("faults: two programs save under one name, and no version is lost or made twice",
          "[faults][writers]") {
    const TempDir dir;
    (void)cairn::Store::open(dir / "store", cairn::Durability::process_crash).value();
    constexpr int saves = 60;
    const auto program = [&](std::string who) {
        return start_child([&dir, who] {
            const auto store = cairn::Store::open(dir / "store", cairn::Durability::process_crash).value();
            const auto model = cairn::ArtifactStore::open(store, "p", "model", "model").value();
            for (int i = 0; i < saves; ++i) {
                const std::string text = who + std::to_string(i);
                std::vector<cairn::StagedFile> files;
                files.push_back(
                    {"model.bin", cairn::stage_bytes(store, std::as_bytes(std::span{text})).value()});
                const auto committed = model.commit({}, std::move(files), {.aliases = {"newest"}}).value();
                if (!committed.warnings.empty()) return 2;
            }
            return 0;
        });
    };
    const ::pid_t a = program("a"), b = program("b");
    CHECK(wait_for(a) == 0);
    CHECK(wait_for(b) == 0);
    const auto store = cairn::Store::open(dir / "store").value();
    const auto model = cairn::ArtifactStore::open(store, "p", "model").value();
    const auto listing = model.list().value();
    CHECK(listing.damaged.empty());
    REQUIRE(listing.versions.size() == 2 * saves);
    std::set<std::string> seen;
    for (std::size_t i = 0; i < listing.versions.size(); ++i) {
        CHECK(listing.versions[i].version == i);
        seen.insert(model.read(listing.versions[i], "model.bin").value());
    }
    CHECK(seen.size() == 2 * saves);
    CHECK(model.aliases().value().at("newest") == 2 * saves - 1);
}
