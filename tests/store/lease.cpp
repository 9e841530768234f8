// SPDX-License-Identifier: MIT
// Versions that are being read, and metrics that come late.
#include <cairn/store/artifact_store.hpp>

#include "support.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>

namespace lease_test {

using namespace cairn_test;
using cairn::ArtifactStore;
using cairn::errc;
using cairn::detail::os::Lease;
namespace fs = std::filesystem;

TEST_CASE("lease: any number hold one, each version has its own, and looking takes nothing",
          "[store][lease]") {
    const TempDir dir;
    const fs::path path = dir / "leases";
    CHECK(Lease::is_held(path, 3).value() == false);
    CHECK_FALSE(fs::exists(path));
    {
        const auto one = Lease::take(path, 3).value();
        const auto other = Lease::take(path, 3).value();
        CHECK(Lease::is_held(path, 3).value());
        CHECK(Lease::is_held(path, 3).value());
        CHECK_FALSE(Lease::is_held(path, 2).value());
        CHECK_FALSE(Lease::is_held(path, 4).value());
        const auto huge = Lease::take(path, UINT64_MAX).value();
        CHECK(Lease::is_held(path, UINT64_MAX).value());
    }
    CHECK_FALSE(Lease::is_held(path, 3).value());
    CHECK(fs::file_size(path) == 0);
}

#if CAIRN_TEST_FORK
TEST_CASE("lease: it ends with the process that holds it", "[store][lease]") {
    const TempDir dir;
    const fs::path path = dir / "leases";
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = start_child([&]() -> int {
        const auto lease = Lease::take(path, 7);
        (void)!::write(ready[1], "x", 1);
        for (;;) ::pause();
    });
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    CHECK(Lease::is_held(path, 7).value());
    ::kill(child, SIGKILL);
    (void)wait_for(child);
    CHECK_FALSE(Lease::is_held(path, 7).value());
    ::close(ready[0]);
    ::close(ready[1]);
}
#endif

TEST_CASE("lease: a version that is read is busy, whole, and removed when it no longer is",
          "[store][lease]") {
    const Fixture f;
    REQUIRE(commit(f.model, {{"a", "first"}}));
    REQUIRE(commit(f.model, {{"a", "second"}}));
    const auto before = tree(f.dir.path());
    {
        const auto reading = f.model.lease(0).value();
        CHECK(f.model.is_read(0).value());
        const auto removed = f.model.remove(0);
        CHECK(code_of(removed) == errc::busy);
        CHECK(removed.error().tried().find("is being read") != std::string::npos);
        CHECK(f.model.read(f.model.get(0).value(), "a").value() == "first");
        auto after = tree(f.dir.path());
        std::erase_if(after,
                      [](const std::string& path) { return path.find("leases") != std::string::npos; });
        CHECK(after == before);
        CHECK(f.model.remove(1).error().code() == errc::busy);  // the newest, as ever
    }
    CHECK(f.model.remove(0));
    CHECK(code_of(f.model.get(0)) == errc::not_found);
}

TEST_CASE("lease: a version that is read is there, however often somebody tries to remove it",
          "[store][lease]") {
    const Fixture f;
    REQUIRE(commit(f.model, {{"a", "first"}}));
    REQUIRE(commit(f.model, {{"a", "second"}}));
    const auto reading = f.model.lease(0).value();
    std::atomic<bool> is_over{false};
    std::thread other{[&] {
        while (!is_over) (void)f.model.remove(0);
    }};
    int gone = 0;
    for (int i = 0; i < 2000; ++i) gone += f.model.get(0) ? 0 : 1;
    is_over = true;
    other.join();
    CHECK(gone == 0);
}

TEST_CASE("lease: a version that was removed before it was copied is gone, not damaged", "[store][lease]") {
    const Fixture f;
    REQUIRE(commit(f.model, {{"a", "first"}}));
    REQUIRE(commit(f.model, {{"a", "second"}}));
    const auto manifest = f.model.get(0).value();
    REQUIRE(f.model.remove(0));
    const auto copied = f.model.download(manifest, f.dir / "out");
    CHECK(code_of(copied) == errc::not_found);
    CHECK(copied.error().tried().find("no version") != std::string::npos);
    CHECK_FALSE(fs::exists(f.dir / "out" / "a"));
}

TEST_CASE("lease: a removal that a kill broke off waits for the reader too", "[store][lease]") {
    const Fixture f;
    REQUIRE(commit(f.model, {{"a", "first"}}));
    REQUIRE(commit(f.model, {{"a", "second"}}));
    const fs::path versions = f.store.artifact_dir("p", "model") / "versions";
    fs::rename(versions / "v0.json", versions / "v0.removing");  // as a kill right after the rename leaves it
    {
        const auto reading = f.model.lease(0).value();
        REQUIRE(commit(f.model, {{"a", "third"}}));
        CHECK(fs::exists(versions / "v0.removing"));
    }
    REQUIRE(commit(f.model, {{"a", "fourth"}}));
    CHECK_FALSE(fs::exists(versions / "v0.removing"));
}

TEST_CASE("lease: where nothing may be written, reading works without", "[store][lease]") {
    const Fixture f;
    REQUIRE(commit(f.model, {{"a", "first"}}));
    const auto manifest = f.model.get(0).value();
    const fs::path dir = f.store.artifact_dir("p", "model");
    fs::create_directory(dir / "leases");  // nothing that can be locked
    CHECK_FALSE(f.model.lease(0));
    CHECK(f.model.download(manifest, f.dir / "out"));
    CHECK(slurp(f.dir / "out" / "a") == "first");
}

TEST_CASE("annotate: a late metric is in the manifest, which stays whole", "[store][annotate]") {
    const Fixture f;
    REQUIRE(commit(f.model, {{"a", "first"}}));
    const auto before = f.model.get(0).value();
    const auto after = f.model.annotate(0, {{"val/loss", 0.25}, {"note", "good"}, {"ok", true}}).value();
    CHECK(after.metrics["val/loss"] == 0.25);
    const auto read = f.model.get(0).value();
    CHECK(read.metrics == after.metrics);
    CHECK(read.content_digest() == before.content_digest());
    CHECK(read.step == before.step);
    CHECK(f.model.verify(read));
    CHECK(code_of(f.model.annotate(0, {{"val/loss", 0.5}})) == errc::already_exists);
    CHECK(f.model.annotate(0, {{"val/loss", 0.25}}));
    CHECK(code_of(f.model.annotate(9, {{"x", 1}})) == errc::not_found);
    CHECK(code_of(f.model.annotate(0, {{"x", {1, 2}}})) == errc::invalid_argument);
    CHECK(f.model.get(0).value().metrics.size() == 3);
}

TEST_CASE("annotate: what was NaN may get its number", "[store][annotate]") {
    const Fixture f;
    REQUIRE(commit(f.model, {{"a", "first"}}));
    REQUIRE(f.model.annotate(0, {{"v", cairn::metric_to_json(std::numeric_limits<double>::quiet_NaN())}}));
    CHECK(f.model.annotate(0, {{"v", 3}}));
    CHECK(f.model.get(0).value().metrics["v"] == 3);
}

}  // namespace lease_test
