// SPDX-License-Identifier: MIT
#include <cairn/checkpoint/sink.hpp>

#include "support.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"

#include <cstdio>
#include <stdexcept>
#include <string>

#if __has_include(<sys/mount.h>)
#if CAIRN_TEST_FORK
#include <sys/mount.h>
#endif
#endif

namespace sink_test {

using namespace cairn_test;
using namespace cairn::literals;
using cairn::errc;
using cairn::minimize;
using cairn::part;
using Catch::Matchers::Contains;

namespace {

void train(cairn::Run& run, auto& checkpoint, int epochs, const auto&... more) {
    for (int epoch = 0; epoch < epochs; ++epoch) {
        Model model = model_of(static_cast<float>(epoch));
        checkpoint.step(run.log(cairn::step(epoch), "loss"_m = 1.0 / (1 + epoch)), part("model", model),
                        more...);
    }
    checkpoint.wait();
}

/// A user's own: under 15 lines. It keeps a line on the last version.
struct Mine {
    std::string* out;
    std::string pending = {};
    cairn::Version version = {};
    cairn::result<void> begin(const cairn::VersionInfo& info) {
        return pending = info.name + ":", version.row = info.row, cairn::result<void>{};
    }
    cairn::result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        return pending += std::string{file} + "=" + std::to_string(bytes.size()) + ";", cairn::result<void>{};
    }
    cairn::result<cairn::Version> commit() { return *out = pending, version.number++, version; }
    void abort() noexcept { pending.clear(); }
};
static_assert(cairn::ArtifactSink<Mine> && !cairn::ReadableSink<Mine> && !cairn::PrunableSink<Mine>);

/// Fails, or throws, where it is told to.
struct Failing {
    enum class At { nowhere, begin, write, commit } where = At::nowhere;
    bool throws = false;
    int* aborts = nullptr;
    cairn::Memory memory = {};

    cairn::result<void> fail(At here) {
        if (here != where) return {};
        if (throws) throw std::runtime_error{"the cable is out"};
        return cairn::error{errc::user, "the cable is out", "sink://mine", "plug it in"};
    }
    cairn::result<void> begin(const cairn::VersionInfo& info) {
        if (auto failed = fail(At::begin); !failed) return failed;
        return memory.begin(info);
    }
    cairn::result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        if (auto failed = fail(At::write); !failed) return failed;
        return memory.write(file, bytes);
    }
    cairn::result<cairn::Version> commit() {
        if (auto failed = fail(At::commit); !failed) return failed.error();
        return memory.commit();
    }
    void abort() noexcept {
        if (aborts != nullptr) ++*aborts;
        memory.abort();
    }
    cairn::result<cairn::StoredFiles> open(const cairn::Version& version) { return memory.open(version); }
};

}  // namespace

TEST_CASE("Directory writes each file to the path of its pattern", "[checkpoint][sink][directory]") {
    TempDir dir;
    auto run = open_run(dir);
    const std::filesystem::path pattern = dir / "out/{run}/{name}-{step}-{version}.{file}";
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("m", cairn::Directory{pattern}, cairn::KeepLast<2>{});
    train(run, checkpoint, 5);
    CHECK(files_below(dir / "out") == Labels{"r/m-2-1.model.safetensors", "r/m-4-2.model.safetensors"});
    CHECK(checkpoint.versions().back().path == dir / "out/r/m-4-2.model.safetensors");
    CHECK(checkpoint.versions().back().bytes ==
          std::filesystem::file_size(checkpoint.versions().back().path));
    Model model;
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).step() == 4);
    CHECK(model == model_of(4));
    CHECK(checkpoint.restore("v1", part("model", model)).step() == 2);
    CHECK(model == model_of(2));
    CHECK_FALSE(std::filesystem::exists(artifact_dir(dir, "m")));  // the store has none of it
}

TEST_CASE("A Directory pattern without step and version is a slot that each version replaces",
          "[checkpoint][sink][directory]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("m", cairn::Directory{dir / "slot/{name}.{file}"},
                                                       cairn::KeepLast<1>{});
    train(run, checkpoint, 3);
    CHECK(files_below(dir / "slot") == Labels{"m.model.safetensors"});
    Model model;
    checkpoint.restore(cairn::latest, part("model", model));
    CHECK(model == model_of(2));
}

TEST_CASE("A version that another wrote over is no version to restore from",
          "[checkpoint][sink][directory]") {
    TempDir dir;
    auto run = open_run(dir);
    const double losses[] = {1.0, 0.1, 0.5};
    auto slot = run.checkpoint("m", cairn::Best<"loss", minimize>{} | cairn::EveryN<1>{},
                               cairn::Directory{dir / "slot/{name}.{file}"});
    Model model;
    for (int i = 0; i < 3; ++i) {
        model = model_of(static_cast<float>(i));
        REQUIRE(slot.step(run.log(cairn::step(i), "loss"_m = losses[i]), part("model", model)));
    }
    const auto best = slot.try_restore(cairn::best, part("model", model));
    REQUIRE_FALSE(best);  // and not the second best, nor the weights of another
    CHECK_THAT(best.error().what(), Contains("v1 was written over by v2"));
    CHECK(best.error().code() == errc::unsupported);
    CHECK(slot.try_restore("v0", part("model", model)).error().code() == errc::unsupported);
    CHECK(model == model_of(2));  // untouched
    model = {};
    CHECK(slot.restore(cairn::latest, part("model", model)).label() == "v2");
    CHECK(model == model_of(2));

    // The same for a step that comes again.
    auto steps = run.checkpoint<cairn::EveryN<1>>("n", cairn::Directory{dir / "steps/{step}.{file}"});
    const std::int64_t again[] = {0, 1, 0};
    for (int i = 0; i < 3; ++i) {
        model = model_of(static_cast<float>(i));
        REQUIRE(steps.step(run.log(cairn::step(again[i]), "loss"_m = 1), part("model", model)));
    }
    model = {};
    CHECK(steps.try_restore("v0", part("model", model)).error().code() == errc::unsupported);
    CHECK(steps.restore("v1", part("model", model)).step() == 1);
    CHECK(model == model_of(1));
    CHECK_FALSE(steps.sink().open({.number = 7}));
}

TEST_CASE("A Directory pattern that cannot work is refused", "[checkpoint][sink][directory]") {
    for (const char* pattern : {"", "model.bin", "{step}", "{file}-{epoch}", "{file"}) {
        INFO(pattern);
        CHECK(error_of([&] { cairn::Directory{pattern}; }).code() == errc::invalid_argument);
    }
}

TEST_CASE("Memory keeps versions within the process", "[checkpoint][sink][memory]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint =
        run.checkpoint<cairn::Best<"loss", minimize>>("m", cairn::Memory{}, cairn::KeepLast<2>{});
    train(run, checkpoint, 5);
    CHECK(labels_of(checkpoint) == Labels{"v3", "v4"});
    Model model;
    CHECK(checkpoint.restore(cairn::best, part("model", model)).label() == "v4");
    CHECK(checkpoint.restore("v3", part("model", model)).step() == 3);
    CHECK(model == model_of(3));
    CHECK(checkpoint.try_restore("v0", part("model", model)).error().code() == errc::not_found);
    CHECK_FALSE(std::filesystem::exists(artifact_dir(dir, "m")));
}

TEST_CASE("Null counts and keeps nothing", "[checkpoint][sink][null]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("m", cairn::Null{});
    train(run, checkpoint, 3);
    CHECK(labels_of(checkpoint) == Labels{"v0", "v1", "v2"});
    CHECK(checkpoint.versions()[0].bytes > 24);
    CHECK(objects_on_disk(dir) == 0);
    CHECK_FALSE(cairn::ReadableSink<cairn::Null>);
}

TEST_CASE("Tee writes to both sinks, restores from the first that can be read and prunes both",
          "[checkpoint][sink][tee]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>(
        "m", cairn::Tee{cairn::Null{}, cairn::Directory{dir / "out/{step}.{file}"}}, cairn::KeepLast<2>{});
    train(run, checkpoint, 4);
    CHECK(files_below(dir / "out") == Labels{"2.model.safetensors", "3.model.safetensors"});
    Model model;
    CHECK(checkpoint.restore("v2", part("model", model)).step() == 2);
    CHECK(model == model_of(2));
}

TEST_CASE("versions that share their tensors come back whole, and are not shown", "[checkpoint][sink]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("m", cairn::LocalStore{cairn::share::tensors});
    train(run, checkpoint, 3);
    REQUIRE(checkpoint.versions().size() == 3);
    for (const auto& version : checkpoint.versions()) CHECK(version.path.empty());
    CHECK(objects_on_disk(dir) == 4);  // the header, and the tensors of each
    Model model;
    CHECK(checkpoint.restore("v1", part("model", model)).step() == 1);
    CHECK(model == model_of(1));
    run.use_artifact("m:v2").download(dir / "out");
    cairn::load(dir / "out" / "model.safetensors", part("model", model));
    CHECK(model == model_of(2));
    CHECK(run.health().ok());
}

TEST_CASE("Tee of the store and a folder has every version in both", "[checkpoint][sink][tee]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>(
        "m", cairn::Tee{cairn::LocalStore{}, cairn::Directory{dir / "out/{step}.{file}"}},
        cairn::KeepLast<2>{});
    train(run, checkpoint, 5);
    CHECK(versions_on_disk(dir, "m") == Labels{"v1.json", "v2.json"});
    CHECK(files_below(dir / "out") == Labels{"2.model.safetensors", "4.model.safetensors"});
    Model model;
    checkpoint.restore(cairn::latest, part("model", model));
    CHECK(model == model_of(4));
}

TEST_CASE("Tee commits nowhere what one of its sinks cannot commit", "[checkpoint][sink][tee]") {
    TempDir dir;
    auto run = open_run(dir);
    const StderrCapture quiet;
    auto checkpoint =
        run.checkpoint<cairn::EveryN<1>>("m", cairn::Tee{Failing{Failing::At::commit}, cairn::Memory{}});
    train(run, checkpoint, 2);
    CHECK(checkpoint.versions().empty());
    CHECK_FALSE(checkpoint.sink().second().open({}));
}

TEST_CASE("Tee takes back what its store committed when the other sink fails", "[checkpoint][sink][tee]") {
    TempDir dir;
    auto run = open_run(dir);
    const StderrCapture quiet;
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>(
        "m", cairn::Tee{Failing{Failing::At::commit}, cairn::Tee{cairn::LocalStore{}, cairn::Memory{}}});
    train(run, checkpoint, 2);
    CHECK(checkpoint.versions().empty());
    CHECK(versions_on_disk(dir, "m").empty());
    CHECK(objects_on_disk(dir) == 0);
    CHECK_FALSE(checkpoint.sink().second().second().open({}));
}

TEST_CASE("Tee says so when the other sink keeps its version", "[checkpoint][sink][tee]") {
    TempDir dir;
    auto run = open_run(dir);
    const StderrCapture quiet;
    std::string out;
    auto checkpoint =
        run.checkpoint<cairn::EveryN<1>>("m", cairn::Tee{Failing{Failing::At::commit}, Mine{&out}});
    Model model;
    const cairn::SaveResult saved = checkpoint.step(run.log("loss"_m = 1), part("model", model));
    REQUIRE(saved.failed());
    CHECK_THAT(saved.error().what(), Contains("the other sink keeps it as v1"));
}

TEST_CASE("Tee prunes from its second sink what is gone from its first", "[checkpoint][sink][tee]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>(
        "m", cairn::Tee{cairn::LocalStore{}, cairn::Directory{dir / "out/{step}.{file}"}},
        cairn::KeepLast<2>{});
    train(run, checkpoint, 2);
    const auto store = cairn::Store::open_existing(dir / "store").value();
    REQUIRE(cairn::ArtifactStore::open(store, "p", "m").value().remove(0));  // by another program
    Model model;
    REQUIRE(checkpoint.step(run.log(cairn::step(2), "loss"_m = 1), part("model", model)).wait());
    checkpoint.wait();
    CHECK(files_below(dir / "out") == Labels{"1.model.safetensors", "2.model.safetensors"});
}

TEST_CASE("A user's own sink in under 15 lines", "[checkpoint][sink][own]") {
    TempDir dir;
    auto run = open_run(dir);
    std::string out;
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("mine", Mine{&out});
    train(run, checkpoint, 5);
    CHECK(checkpoint.versions().size() == 3);
    CHECK_THAT(out, Contains("mine:model.safetensors="));
}

TEST_CASE("A sink that fails is a Failed step, said once, and no version", "[checkpoint][sink][failure]") {
    const auto where = GENERATE(Failing::At::begin, Failing::At::write, Failing::At::commit);
    const bool throws = GENERATE(false, true);
    TempDir dir;
    auto run = open_run(dir);
    int aborts = 0;
    auto checkpoint = run.checkpoint("m", cairn::Best<"loss", minimize>{} | cairn::OnFinish{},
                                     Failing{Failing::At::nowhere, throws, &aborts});
    Model model = model_of(1);
    const auto step = [&](std::int64_t at, double loss) {
        return checkpoint.step(run.log(cairn::step(at), "loss"_m = loss), part("model", model));
    };
    REQUIRE(step(0, 5.0));

    checkpoint.sink().where = where;
    StderrCapture errors;
    model = model_of(2);
    const auto failed = step(1, 1.0);
    CHECK(failed.failed());
    CHECK_FALSE(failed);
    CHECK_FALSE(failed.skipped());
    CHECK(failed.error().code() == errc::user);
    CHECK_THAT(failed.error().what(), Contains("the cable is out"));
    CHECK(step(2, 1.0).failed());
    const std::string text = errors.text();
    CHECK(count_of(text, "the cable is out") == 1);
    CHECK(aborts == 2);
    CHECK(run.health().saves_failed == 2);
    CHECK(run.health().errors.size() == 1);
    CHECK_FALSE(run.health().ok());
    CHECK(labels_of(checkpoint) == Labels{"v0"});

    // The one before is whole.
    Model restored;
    CHECK(checkpoint.restore(cairn::latest, part("model", restored)).label() == "v0");
    CHECK(restored == model_of(1));

    // No phantom: 3.0 is worse than what failed, and better than what was saved.
    checkpoint.sink().where = Failing::At::nowhere;
    CHECK(step(3, 3.0).wait().saved());
    CHECK(labels_of(checkpoint) == Labels{"v0", "v1"});
}

TEST_CASE("OnFinish saves the last row when its save had failed", "[checkpoint][sink][failure]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("m", cairn::EveryN<1>{} | cairn::OnFinish{}, Failing{});
    Model model;
    REQUIRE(checkpoint.step(run.log(cairn::step(0), "loss"_m = 1.0), part("model", model)));
    checkpoint.sink().where = Failing::At::commit;
    const StderrCapture quiet;
    REQUIRE(checkpoint.step(run.log(cairn::step(1), "loss"_m = 1.0), part("model", model)).failed());
    checkpoint.sink().where = Failing::At::nowhere;
    CHECK(checkpoint.finish(part("model", model)).version().step() == 1);
    CHECK(labels_of(checkpoint) == Labels{"v0", "v1"});
}

#if CAIRN_TEST_FORK
TEST_CASE("A full disk fails the save, and the versions before it are whole", "[checkpoint][sink][failure]") {
    TempDir dir;
    const std::filesystem::path small = dir / "store";
    std::filesystem::create_directory(small);
#if defined(__linux__)
    const bool mounted = ::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=2m") == 0;
#else
    const bool mounted = false;
#endif
    if (!mounted) {
        WARN("SKIPPED: A full disk fails the save: a tmpfs cannot be mounted here");
        return;
    }
#if defined(__linux__)
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<cairn::EveryN<1>>("m");
        Model model = model_of(3);
        CHECK(checkpoint.step(run.log("loss"_m = 1.0), part("model", model)));
        nlohmann::json state = std::string(4'000'000, 'x');
        {
            const StderrCapture quiet;
            const auto failed =
                checkpoint.step(run.log("loss"_m = 1.0), part("model", model), part("state", state));
            failed.wait();
            REQUIRE(failed.failed());
            CHECK(failed.error().code() == errc::no_space);
            CHECK_FALSE(failed.error().advice().empty());
        }
        CHECK(versions_on_disk(dir, "m") == Labels{"v0.json"});
        CHECK(objects_on_disk(dir) == 1);
        CHECK(files_below(small / "tmp").empty());
        Model restored;
        CHECK(checkpoint.restore(cairn::latest, part("model", restored)).label() == "v0");
        CHECK(restored == model);
        model = model_of(4);
        CHECK(checkpoint.step(run.log("loss"_m = 1.0), part("model", model)));  // there is room again
        CHECK(run.health().saves_failed == 1);
    }
    CHECK(::umount2(small.c_str(), MNT_DETACH) == 0);  // a thread keeps its ring mapped
#endif
}
#endif

}  // namespace sink_test
