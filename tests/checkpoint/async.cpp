// SPDX-License-Identifier: MIT
// Saving beside the loop: what is copied when, who waits for whom, and what becomes of a version that is
// lost.

#include <cairn/checkpoint/save_options.hpp>

#include "support.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if CAIRN_TEST_FORK
#include <csignal>
#include <sys/resource.h>
#endif

namespace async_test {

#if defined(__has_feature)
#define CAIRN_TEST_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAIRN_TEST_SANITIZED 1
#else
#define CAIRN_TEST_SANITIZED 0
#endif

using namespace cairn_test;
using namespace cairn::literals;
using namespace std::chrono_literals;
using cairn::errc;
using cairn::minimize;
using cairn::part;
using cairn::SaveOptions;
using Catch::Matchers::Contains;

namespace {

/// What stands between a checkpoint and the disk.
struct Gate {
    std::atomic<int> passes{0};   // how many commits may go on; negative: any
    std::atomic<int> commits{0};  // how many there were
    std::set<int> fails{};        // which of them fail; not to be changed while one is on its way
    std::atomic<bool> removes{true};
    std::optional<std::uint64_t> free{};
    void open() { passes = -1; }
};

/// A store behind a gate.
struct Gated {
    std::shared_ptr<Gate> gate;
    cairn::LocalStore store = {};

    void bind(const auto& core, std::string_view name) { store.bind(core, name); }
    auto versions(bool any_run) { return store.versions(any_run); }
    void mark_best(const cairn::Version& version, const auto& by) { store.mark_best(version, by); }
    cairn::result<void> annotate(const cairn::Version& version, const cairn::DynamicRow& late) {
        return store.annotate(version, late);
    }
    std::optional<std::uint64_t> free_bytes() const { return gate->free; }

    cairn::result<cairn::Reservation> reserve(const cairn::VersionInfo& info) { return store.reserve(info); }
    cairn::result<void> begin(const cairn::VersionInfo& info) { return store.begin(info); }
    cairn::result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        return store.write(file, bytes);
    }
    cairn::result<cairn::Version> commit() {
        while (gate->passes == 0) std::this_thread::sleep_for(1ms);
        if (gate->passes > 0) --gate->passes;
        if (gate->fails.contains(gate->commits++))
            return cairn::error{errc::no_space, "the disk is full", "", "free space"};
        return store.commit();
    }
    void abort() noexcept { store.abort(); }
    cairn::result<cairn::StoredFiles> open(const cairn::Version& version) { return store.open(version); }
    cairn::result<void> remove(const cairn::Version& version) {
        while (!gate->removes) std::this_thread::sleep_for(1ms);
        return store.remove(version);
    }
};
static_assert(cairn::AsyncSink<Gated> && cairn::AsyncSink<cairn::LocalStore> &&
              cairn::AsyncSink<cairn::Directory> && !cairn::AsyncSink<cairn::Memory>);
static_assert(cairn::AsyncSink<cairn::Tee<cairn::LocalStore, cairn::Directory>> &&
              !cairn::AsyncSink<cairn::Tee<cairn::LocalStore, cairn::Memory>>);

[[nodiscard]] Gated gated(const std::shared_ptr<Gate>& gate) { return {gate}; }

[[nodiscard]] auto row_of(cairn::Run& run, int step, double loss) {
    return run.log(cairn::step(step), "loss"_m = loss);
}

}  // namespace

TEST_CASE("a step copies, and the copy is written beside the loop") {
    const TempDir dir;
    auto run = open_run(dir);
    const auto gate = std::make_shared<Gate>();
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", gated(gate));
    Model model = model_of(1);
    const auto saved = checkpoint.step(row_of(run, 0, 1), part("model", model));
    CHECK(saved);
    CHECK(saved.queued());
    CHECK_FALSE(saved.saved());
    CHECK(saved.version().label() == "v0");
    CHECK(saved.version().step() == 0);
    CHECK(versions_on_disk(dir, "model").empty());

    model = model_of(2);  // training goes on
    gate->open();
    CHECK(saved.wait().saved());
    CHECK_FALSE(saved.queued());
    CHECK(saved.version().bytes != 0);
    CHECK(versions_on_disk(dir, "model") == std::vector<std::string>{"v0.json"});
    checkpoint.restore(cairn::latest, part("model", model));
    CHECK(model == model_of(1));
}

TEST_CASE("a save that finds another being written waits, is queued, or is passed over") {
    const TempDir dir;
    auto run = open_run(dir);
    const auto gate = std::make_shared<Gate>();
    Model model;

    SECTION("waits") {
        auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", gated(gate));
        const auto first = checkpoint.step(row_of(run, 0, 1), part("model", model));
        std::thread opener{[&] {
            std::this_thread::sleep_for(50ms);
            gate->open();
        }};
        const auto second = checkpoint.step(row_of(run, 1, 1), part("model", model));
        CHECK(first.saved());
        CHECK(second.wait().saved());
        opener.join();
    }
    SECTION("is queued") {
        auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", SaveOptions{.depth = 2}, gated(gate));
        std::vector<cairn::SaveResult> saves;
        for (int i = 0; i < 3; ++i) saves.push_back(checkpoint.step(row_of(run, i, 1), part("model", model)));
        for (int i = 0; i < 3; ++i) {
            CHECK(saves[static_cast<std::size_t>(i)].queued());
            CHECK(saves[static_cast<std::size_t>(i)].version().number == static_cast<unsigned>(i));
        }
        gate->open();
        CHECK(checkpoint.versions().size() == 3);
        for (const auto& save : saves) CHECK(save.saved());
    }
    SECTION("is passed over, and the policy asks again") {
        auto checkpoint = run.checkpoint<cairn::Best<"loss", minimize>>(
            "model", SaveOptions{.coalesce = true}, gated(gate));
        const auto first = checkpoint.step(row_of(run, 0, 3), part("model", model));
        const auto second = checkpoint.step(row_of(run, 1, 2), part("model", model));
        CHECK(second.skipped());
        CHECK(second.reason() == cairn::SkipReason::busy);
        CHECK(run.health().saves_passed_over == 1);
        gate->open();
        CHECK(first.wait().saved());
        checkpoint.wait();  // its place is free when what it replaces is removed
        CHECK(checkpoint.step(row_of(run, 2, 2.5), part("model", model)).wait().saved());
        const auto decisions = checkpoint.decisions();
        REQUIRE(decisions.size() == 3);
        CHECK(decisions[1].kind == cairn::Decision::Kind::skipped);
        CHECK(decisions[1].answer == cairn::Answer::yes);
    }
}

TEST_CASE("a policy is as if a version that was lost had never been saved") {
    const TempDir dir;
    cairn::Options options;
    std::vector<std::string> heard;
    std::mutex mutex;
    options.project = "p";
    options.id = "r";
    options.dir = dir / "store";
    options.quiet = true;
    options.on_error = [&](const cairn::error& failure) {
        const std::scoped_lock lock{mutex};
        heard.emplace_back(failure.what());
    };
    auto run = cairn::init(std::move(options));
    const auto gate = std::make_shared<Gate>();
    gate->open();
    gate->fails = {1};
    auto checkpoint = run.checkpoint<cairn::Best<"loss", minimize>>("model", gated(gate));
    Model model;
    CHECK(checkpoint.step(row_of(run, 0, 3), part("model", model)).wait().saved());
    const auto lost = checkpoint.step(row_of(run, 1, 1), part("model", model));
    lost.wait();
    CHECK(lost.failed());
    CHECK(lost.error().code() == errc::no_space);
    CHECK(run.health().saves_failed == 1);
    {
        const std::scoped_lock lock{mutex};
        REQUIRE(heard.size() == 1);
        CHECK_THAT(heard[0], Contains("the disk is full"));
    }
    CHECK_FALSE(checkpoint.step(row_of(run, 2, 4), part("model", model)));
    // Better than what is saved, though not than what was lost.
    const auto better = checkpoint.step(row_of(run, 3, 2), part("model", model));
    CHECK(better.wait().saved());
    CHECK(better.version().label() == "v1");  // the number is free again
    CHECK_FALSE(checkpoint.step(row_of(run, 4, 2.5), part("model", model)));

    const auto decisions = checkpoint.decisions();
    REQUIRE(decisions.size() == 5);
    CHECK(decisions[1].kind == cairn::Decision::Kind::failed);
    CHECK_THAT(decisions[1].text, Contains("the disk is full"));
    CHECK(decisions[3].kind == cairn::Decision::Kind::saved);
    std::string all;
    for (const auto& decision : run.decisions()) all += to_text(decision) + "\n";
    CHECK_THAT(all, Contains("step 1 model: lost v1, "));
    CHECK(checkpoint.finish(part("model", model)).failed());
    const auto ended = run.finish();
    REQUIRE_FALSE(ended);
    CHECK(ended.error().code() == errc::no_space);
}

TEST_CASE("nothing is removed before its successor is there, however long that takes") {
    const TempDir dir;
    auto run = open_run(dir);
    const auto gate = std::make_shared<Gate>();
    gate->passes = 1;
    gate->fails = {1};
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", gated(gate), cairn::KeepLast<1>{});
    checkpoint.step(row_of(run, 0, 1), part("model", model)).wait();
    const auto stalled = checkpoint.step(row_of(run, 1, 1), part("model", model));
    std::this_thread::sleep_for(20ms);
    CHECK(versions_on_disk(dir, "model") == std::vector<std::string>{"v0.json"});
    gate->open();
    const StderrCapture quiet;
    CHECK(stalled.wait().failed());
    CHECK(versions_on_disk(dir, "model") == std::vector<std::string>{"v0.json"});
    CHECK(checkpoint.step(row_of(run, 2, 1), part("model", model)).wait().saved());
    checkpoint.wait();
    CHECK(versions_on_disk(dir, "model") == std::vector<std::string>{"v1.json"});
}

TEST_CASE("a version does not wait for what is removed for it, the one after it does", "[async]") {
    const TempDir dir;
    auto run = open_run(dir);
    const auto gate = std::make_shared<Gate>();
    gate->open();
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", gated(gate), cairn::KeepLast<1>{},
                                                       SaveOptions{.coalesce = true});
    CHECK(checkpoint.step(row_of(run, 0, 1), part("model", model)).wait().saved());
    checkpoint.wait();
    gate->removes = false;
    CHECK(checkpoint.step(row_of(run, 1, 1), part("model", model)).wait().saved());
    CHECK(versions_on_disk(dir, "model") == std::vector<std::string>{"v0.json", "v1.json"});
    CHECK(checkpoint.step(row_of(run, 2, 1), part("model", model)).skipped());
    gate->removes = true;
    checkpoint.wait();
    CHECK(versions_on_disk(dir, "model") == std::vector<std::string>{"v1.json"});
    CHECK(checkpoint.step(row_of(run, 3, 1), part("model", model)).wait().saved());
}

TEST_CASE("strict throws what was lost while finish waited for it, also where the policy saves nothing at "
          "the end") {
    const TempDir dir;
    auto run = open_run(dir);
    const auto gate = std::make_shared<Gate>();
    gate->fails = {0};
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", SaveOptions{.strict = true}, gated(gate));
    (void)checkpoint.step(row_of(run, 0, 1), part("model", model));
    std::thread opener{[&] {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        gate->open();
    }};
    CHECK_THROWS_AS(checkpoint.finish(part("model", model)), cairn::error);
    opener.join();
}

TEST_CASE("strict throws what was lost, at the next call") {
    const TempDir dir;
    auto run = open_run(dir);
    const auto gate = std::make_shared<Gate>();
    gate->fails = {0};
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", SaveOptions{.strict = true}, gated(gate));
    const auto lost = checkpoint.step(row_of(run, 0, 1), part("model", model));
    gate->open();  // not before: the same call would tell what is known at once
    lost.wait();
    CHECK_THROWS_AS(checkpoint.step(row_of(run, 1, 1), part("model", model)), cairn::error);
    CHECK(checkpoint.step(row_of(run, 2, 1), part("model", model)).wait().saved());
    gate->fails = {2};
    const auto save_and_finish = [&] {  // it may be known at once
        (void)checkpoint.step(row_of(run, 3, 1), part("model", model));
        checkpoint.finish(part("model", model));
    };
    CHECK_THROWS_AS(save_and_finish(), cairn::error);
    CHECK_NOTHROW(checkpoint.finish(part("model", model)));

    auto at_once =
        run.checkpoint<cairn::EveryN<1>>("other", SaveOptions{.async = false, .strict = true}, gated(gate));
    gate->fails = {gate->commits};
    CHECK_THROWS_AS(at_once.step(row_of(run, 4, 1), part("model", model)), cairn::error);
}

TEST_CASE("strict throws each loss once, also where finish saves") {
    const TempDir dir;
    auto run = open_run(dir);
    const StderrCapture quiet;
    const auto gate = std::make_shared<Gate>();
    gate->fails = {0, 1};
    Model model;
    auto checkpoint = run.checkpoint("model", gated(gate), SaveOptions{.depth = 2, .strict = true},
                                     cairn::EveryN<1>{} | cairn::OnFinish{});
    const auto first = checkpoint.step(row_of(run, 0, 1), part("model", model));
    const auto second = checkpoint.step(row_of(run, 1, 1), part("model", model));
    gate->open();
    first.wait();
    second.wait();
    CHECK_THROWS_AS(checkpoint.step(row_of(run, 2, 1), part("model", model)), cairn::error);
    CHECK_THROWS_AS(checkpoint.step(row_of(run, 3, 1), part("model", model)), cairn::error);
    CHECK(checkpoint.step(row_of(run, 4, 1), part("model", model)).wait().saved());
    gate->fails = {gate->commits};
    const auto save_and_finish = [&] {
        (void)checkpoint.step(row_of(run, 5, 1), part("model", model));
        checkpoint.finish(part("model", model));  // which saves the row once more
    };
    CHECK_THROWS_AS(save_and_finish(), cairn::error);
    CHECK_NOTHROW(checkpoint.finish(part("model", model)));
    CHECK(checkpoint.versions().back().step() == 5);
}

TEST_CASE("a row that was never logged is one and the same to all who hear of its version") {
    const TempDir dir;
    Model model;
    const auto row = [](int step, double loss) { return cairn::row(cairn::step(step), "loss"_m = loss); };
    {
        auto run = open_run(dir);
        const auto gate = std::make_shared<Gate>();
        auto checkpoint = run.checkpoint<cairn::Best<"loss", minimize>>("model", gated(gate));
        const auto saved = checkpoint.step(row(0, 1), part("model", model));
        std::this_thread::sleep_for(30ms);  // the clock goes on
        gate->open();
        saved.wait();
        REQUIRE(checkpoint.decisions().size() == 1);
        CHECK(checkpoint.decisions()[0].kind == cairn::Decision::Kind::saved);
        CHECK(checkpoint.versions()[0].row.time_ns() == checkpoint.decisions()[0].time_ns);
    }
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::Best<"loss", minimize>>("model");
    CHECK_FALSE(checkpoint.step(row(1, 2), part("model", model)));
}

TEST_CASE("a version that takes the row and the number of one that was lost is not that one") {
    const TempDir dir;
    Model model;
    const auto policy = first(1, cairn::EveryN<1>{}) | cairn::OnFinish{};
    {
        auto run = open_run(dir);
        const StderrCapture quiet;
        const auto gate = std::make_shared<Gate>();
        gate->open();
        gate->fails = {0};
        auto checkpoint = run.checkpoint("model", policy, gated(gate));
        checkpoint.step(row_of(run, 0, 1), part("model", model)).wait();
        CHECK(checkpoint.finish(part("model", model)).version().label() == "v0");
        const auto decisions = checkpoint.decisions();
        REQUIRE(decisions.size() == 2);
        CHECK(decisions[0].kind == cairn::Decision::Kind::failed);
        CHECK(decisions[1].kind == cairn::Decision::Kind::saved);
    }
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", policy);
    CHECK(checkpoint.step(row_of(run, 1, 1), part("model", model)).wait().saved());  // it has one yet
}

TEST_CASE("a sink that throws while a retention prunes stops nothing") {
    struct Throws : cairn::LocalStore {
        cairn::result<void> remove(const cairn::Version&) { throw std::runtime_error{"the cable is out"}; }
    };
    for (const bool async : {true, false}) {
        const TempDir dir;
        auto run = open_run(dir);
        const StderrCapture quiet;
        Model model;
        auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", Throws{}, cairn::KeepLast<1>{},
                                                           SaveOptions{.async = async});
        for (int i = 0; i < 3; ++i)
            CHECK(checkpoint.step(row_of(run, i, 1), part("model", model)).wait().saved());
        CHECK(checkpoint.versions().size() == 3);
        CHECK(run.health().saves_failed == 0);
        REQUIRE_FALSE(run.health().errors.empty());
        CHECK_THAT(run.health().errors[0], Contains("the cable is out"));
    }
}

TEST_CASE("a version in two sinks is taken back from one if the other fails, also beside the loop") {
    const TempDir dir;
    auto run = open_run(dir);
    const StderrCapture quiet;
    Model model;
    std::filesystem::create_directories(dir / "out" / "model.safetensors");  // in the way
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>(
        "model", cairn::Tee{cairn::Directory{dir / "out/{file}"}, cairn::LocalStore{}});
    CHECK(checkpoint.step(row_of(run, 0, 1), part("model", model)).wait().failed());
    CHECK(versions_on_disk(dir, "model").empty());
}

TEST_CASE("a row that is saved is not saved again at the end, whatever was lost before it") {
    const TempDir dir;
    auto run = open_run(dir);
    const StderrCapture quiet;
    const auto gate = std::make_shared<Gate>();
    gate->fails = {0};
    Model model;
    auto checkpoint =
        run.checkpoint("model", cairn::EveryN<1>{} | cairn::OnFinish{}, gated(gate), SaveOptions{.depth = 1});
    (void)checkpoint.step(row_of(run, 0, 1), part("model", model));
    (void)checkpoint.step(row_of(run, 1, 1), part("model", model));
    gate->open();
    CHECK(checkpoint.finish(part("model", model)).version().step() == 1);
    CHECK(checkpoint.versions().size() == 1);
}

TEST_CASE("where nothing can be locked a version may get another number than it was promised") {
    const TempDir dir;
    auto run = open_run(dir);
    Model model;
    const auto gate = std::make_shared<Gate>();
    std::filesystem::create_directories(artifact_dir(dir, "model") / "leases");  // no file can be made there
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", gated(gate), SaveOptions{.depth = 1});
    const auto first = checkpoint.step(row_of(run, 0, 1), part("model", model));
    const auto second = checkpoint.step(row_of(run, 1, 1), part("model", model));
    CHECK(first.version().label() == "v0");
    CHECK(second.version().label() == "v1");
    // Another program takes the first one's number.
    const auto artifact = cairn::ArtifactStore::open(run.core()->store(), "p", "model").value();
    CHECK(artifact.commit({}, {}).value().manifest.version == 0);
    gate->open();
    CHECK(first.wait().version().label() == "v1");
    CHECK(second.wait().version().label() == "v2");
    const auto decisions = checkpoint.decisions();
    REQUIRE(decisions.size() == 2);
    CHECK(decisions[0].version == 1);
    CHECK(decisions[1].version == 2);
}

TEST_CASE("saving can be told to be done before the step returns") {
    const TempDir dir;
    auto run = open_run(dir);
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", SaveOptions{.async = false});
    CHECK(checkpoint.step(row_of(run, 0, 1), part("model", model)).saved());
    // So it is after the end of the run, and with a sink that gives no numbers ahead.
    auto memory = run.checkpoint<cairn::EveryN<1>>("other", cairn::Memory{});
    CHECK(memory.step(row_of(run, 1, 1), part("model", model)).saved());
    auto beside = run.checkpoint<cairn::EveryN<1>>("third");
    (void)beside.step(row_of(run, 2, 1), part("model", model));
    CHECK(run.finish());
    CHECK(versions_on_disk(dir, "third").size() == 1);
    CHECK(beside.step(row_of(run, 3, 1), part("model", model)).saved());
    CHECK(beside.versions().size() == 2);
}

TEST_CASE("what is in flight lands before a checkpoint goes, is moved from or looks at its sink") {
    const TempDir dir;
    auto run = open_run(dir);
    Model model;
    {
        auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model");
        (void)checkpoint.step(row_of(run, 0, 1), part("model", model));
        auto other = std::move(checkpoint);
        (void)other.step(row_of(run, 1, 1), part("model", model));
        CHECK(other.sink().versions(false).size() == 2);
        (void)other.step(row_of(run, 2, 1), part("model", model));
    }
    CHECK(versions_on_disk(dir, "model").size() == 3);
}

TEST_CASE("two sinks are written beside the loop, each under its own number") {
    const TempDir dir;
    auto run = open_run(dir);
    {  // so that the two count differently
        Model model = model_of(9);
        auto before = run.checkpoint<cairn::EveryN<1>>("model");
        (void)before.step(row_of(run, 0, 1), part("model", model));
    }
    const auto pattern = (dir / "plain").string() + "/{version}-{step}.{file}";
    auto checkpoint =
        run.checkpoint<cairn::EveryN<1>>("model", cairn::KeepLast<2>{}, SaveOptions{.depth = 1},
                                         cairn::Tee{cairn::LocalStore{}, cairn::Directory{pattern}});
    for (int i = 1; i < 5; ++i) {
        Model model = model_of(static_cast<float>(i));
        const auto saved = checkpoint.step(row_of(run, i, 1), part("model", model));
        CHECK(saved.version().number == static_cast<unsigned>(i));
    }
    REQUIRE(checkpoint.versions().size() == 2);
    CHECK(files_below(dir / "plain") ==
          std::vector<std::string>{"2-3.model.safetensors", "3-4.model.safetensors"});
}

TEST_CASE("a number that was promised is nobody else's") {
    const TempDir dir;
    auto run = open_run(dir);
    auto& store = run.core()->store();
    const auto one = cairn::ArtifactStore::open(store, "p", "model", "model").value();
    const auto other = cairn::ArtifactStore::open(store, "p", "model").value();
    auto first = one.reserve().value();
    auto second = other.reserve().value();
    CHECK(first.number == 0);
    CHECK(second.number == 1);
    CHECK(one.commit({}, {}).value().manifest.version == 2);
    CHECK(other.commit({}, {}, {.number = first.number}).value().manifest.version == 0);
    second = {};
    CHECK(one.reserve().value().number == 3);
#if CAIRN_TEST_FORK
    // The kernel gives back what a process that dies was promised.
    CHECK(in_child([&] { return other.reserve().value().number == 3 ? 0 : 1; }) == 0);
    CHECK(one.reserve().value().number == 3);
#endif
}

TEST_CASE("room that is to stay free is not taken, and a disk that will be full is told of in time") {
    const TempDir dir;
    auto run = open_run(dir);
    const auto gate = std::make_shared<Gate>();
    gate->open();
    Model model;
    SECTION("the reserve") {
        auto checkpoint = run.checkpoint<cairn::EveryN<1>>(
            "model", SaveOptions{.reserve = std::numeric_limits<std::uint64_t>::max()});
        const auto saved = checkpoint.step(row_of(run, 0, 1), part("model", model));
        saved.wait();
        REQUIRE(saved.failed());
        CHECK(saved.error().code() == errc::no_space);
        CHECK(versions_on_disk(dir, "model").empty());
        CHECK(objects_on_disk(dir) == 0);
        auto plain = run.checkpoint<cairn::EveryN<1>>(
            "other", cairn::Directory{(dir / "new" / "{version}.{file}").string()},
            SaveOptions{.async = false, .reserve = std::numeric_limits<std::uint64_t>::max()});
        CHECK(plain.step(row_of(run, 1, 1), part("model", model)).failed());
    }
    SECTION("the bound of the retention") {
        gate->free = 1000;  // one is some 200 bytes
        auto few = run.checkpoint<cairn::EveryN<1>>("few", gated(gate), cairn::KeepLast<3>{});
        for (int i = 0; i < 9; ++i) (void)few.step(row_of(run, i, 1), part("model", model));
        few.wait();
        CHECK(run.health().ok());
        auto many = run.checkpoint<cairn::EveryN<1>>(
            "many", gated(gate), cairn::KeepLast<30>{} | cairn::KeepBest<2, "loss", minimize>{});
        for (int i = 0; i < 3; ++i) (void)many.step(row_of(run, i, 1), part("model", model));
        many.wait();
        REQUIRE(run.health().errors.size() == 1);
        CHECK_THAT(run.health().errors[0], Contains("has room for only") && Contains("at least 32 more"));
        auto capped = run.checkpoint<cairn::EveryN<1>>("capped", gated(gate),
                                                       cairn::capped(cairn::KeepLast<30>{}, 600));
        (void)capped.step(row_of(run, 0, 1), part("model", model));
        capped.wait();
        CHECK(run.health().errors.size() == 1);
        gate->free = 300;
        auto any = run.checkpoint<cairn::EveryN<1>>("any", gated(gate));
        (void)any.step(row_of(run, 0, 1), part("model", model));
        any.wait();
        CHECK(run.health().errors.size() == 2);
    }
}

TEST_CASE("a copy keeps its memory and gives back what it was given") {
    cairn::detail::Snapshot copy;
    const auto text_of = [&] {
        std::string all, last;
        REQUIRE(
            copy.read([&](std::string_view file, std::span<const std::byte> bytes) -> cairn::result<void> {
                if (file != last) all += "[" + std::string{file} + "]";
                last = file;
                all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                return {};
            }));
        return all;
    };
    const auto write = [&](std::string_view file, const std::string& text) {
        REQUIRE(copy.write(file, std::as_bytes(std::span{text})));
    };
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{70'000}, std::size_t{3'000'000}, std::size_t{5}}) {
        copy.clear();
        const std::string big(size, 'b'), small(size / 3, 's');
        write("empty", "");
        write("a", big);
        write("a", small);
        write("none", "");
        write("z", small + big);
        CHECK(copy.bytes() == 2 * (big.size() + small.size()));
        CHECK(text_of() == "[empty][a]" + big + small + "[none][z]" + small + big);
    }
    std::string many;
    copy.clear();
    for (int i = 0; i < 100'000; ++i) {
        write("many", "0123456789");
        many += "0123456789";
    }
    CHECK(text_of() == "[many]" + many);
}

#if CAIRN_TEST_FORK

TEST_CASE("finish gives up on a disk that does not answer, and says what is not durable") {
    const TempDir dir;
    CHECK(in_child([&] {
              auto run = open_run(dir);
              silence();
              const auto gate = std::make_shared<Gate>();
              Model model;
              auto checkpoint =
                  run.checkpoint<cairn::EveryN<1>>("model", SaveOptions{.depth = 1}, gated(gate));
              (void)checkpoint.step(row_of(run, 0, 1), part("model", model));
              (void)checkpoint.step(row_of(run, 1, 1), part("model", model));
              const auto began = std::chrono::steady_clock::now();
              const auto ended = run.finish(100ms);
              const bool is_quick = std::chrono::steady_clock::now() - began < 20s;
              const std::string why = ended ? "" : ended.error().what();
              return is_quick && why.find("v0 of model, v1 of model") != std::string::npos ? 0 : 1;
          }) == 0);
    // All else of the run was written.
    CHECK(read(dir.path() / "store" / "projects" / "p" / "runs" / "r" / "run.json").find("finished") !=
          std::string::npos);
}

TEST_CASE("on the saving thread finish waits for no thread") {
    const TempDir dir;
    CHECK(in_child([&] {
              silence();
              cairn::Run* ends = nullptr;
              bool is_quick = false;
              auto run = cairn::init({.project = "p",
                                      .dir = dir.path() / "store",
                                      .quiet = true,
                                      .on_error = [&](const cairn::error&) {
                                          const auto began = std::chrono::steady_clock::now();
                                          (void)ends->finish(30s);
                                          is_quick = std::chrono::steady_clock::now() - began < 20s;
                                      }});
              ends = &run;
              Model model;
              {
                  const auto gate = std::make_shared<Gate>();
                  gate->fails = {0};
                  gate->open();
                  auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", gated(gate));
                  (void)checkpoint.step(row_of(run, 0, 1), part("model", model)).wait();
              }
              return is_quick ? 0 : 1;
          }) == 0);
}

TEST_CASE("who lets go of a checkpoint waits for the handler that has ended its run") {
    const TempDir dir;
    cairn::Run* ends = nullptr;
    std::atomic<bool> has_ended = false, is_done = false;
    {
        auto run = cairn::init({.project = "p",
                                .dir = dir.path() / "store",
                                .quiet = true,
                                .on_error = [&](const cairn::error&) {
                                    (void)ends->finish(30s);
                                    has_ended = true;
                                    std::this_thread::sleep_for(200ms);
                                    is_done = true;
                                }});
        ends = &run;
        Model model;
        const auto gate = std::make_shared<Gate>();
        gate->fails = {0};
        gate->open();
        auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", gated(gate));
        (void)checkpoint.step(row_of(run, 0, 1), part("model", model));
        while (!has_ended) std::this_thread::sleep_for(1ms);
    }
    CHECK(is_done);
}

TEST_CASE("the child of a fork does not wait for what its parent writes") {
    const TempDir dir;
    auto run = open_run(dir);
    const auto gate = std::make_shared<Gate>();
    Model model;
    auto checkpoint = std::make_optional(run.checkpoint<cairn::EveryN<1>>("model", gated(gate)));
    const auto saved = checkpoint->step(row_of(run, 0, 1), part("model", model));
    CHECK(in_child([&] {
              const bool is_off = checkpoint->step(row_of(run, 1, 1), part("model", model)).skipped();
              const bool none = checkpoint->versions().empty();
              checkpoint.reset();
              return is_off && none ? 0 : 1;
          }) == 0);
    gate->open();
    CHECK(saved.wait().saved());
}

TEST_CASE("a version that was in flight when the program was killed counts as lost") {
    const TempDir dir;
    Model model;
    CHECK(in_child([&] {
              auto run = open_run(dir);
              const auto gate = std::make_shared<Gate>();
              gate->passes = 1;
              auto checkpoint = run.checkpoint<cairn::Best<"loss", minimize>>("model", gated(gate));
              checkpoint.step(row_of(run, 0, 3), part("model", model)).wait();
              const auto lost = checkpoint.step(row_of(run, 1, 1), part("model", model));
              (void)checkpoint.step(row_of(run, 2, 4), part("model", model));
              if (lost.version().number == 1) ::raise(SIGKILL);
              return 1;
          }) == -SIGKILL);
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::Best<"loss", minimize>>("model");
    REQUIRE(checkpoint.versions().size() == 1);
    Model back;
    CHECK(checkpoint.restore(cairn::latest, part("model", back)).step() == 0);
    const auto better = checkpoint.step(row_of(run, 1, 2), part("model", model));
    CHECK(better.wait().saved());
    CHECK(better.version().label() == "v1");  // the same number, and it is another version
    const auto decisions = checkpoint.decisions();
    REQUIRE(decisions.size() == 4);
    CHECK(decisions[1].kind == cairn::Decision::Kind::failed);
    CHECK_THAT(decisions[1].text, Contains("when the program ended"));
    CHECK(decisions[3].kind == cairn::Decision::Kind::saved);
}

TEST_CASE("a version that a kill kept from being recorded counts as saved, also when it was pruned since") {
    struct Dies : cairn::LocalStore {
        cairn::result<cairn::Version> commit() {
            auto version = cairn::LocalStore::commit();
            if (version && version->number == 1) ::raise(SIGKILL);
            return version;
        }
    };
    const TempDir dir;
    Model model;
    const auto policy = cairn::Best<"loss", minimize>{};
    CHECK(in_child([&] {
              auto run = open_run(dir);
              auto checkpoint = run.checkpoint("model", policy, Dies{});
              for (int i = 0; i < 2; ++i) checkpoint.step(row_of(run, i, 3 - i), part("model", model)).wait();
              return 1;
          }) == -SIGKILL);
    const auto kinds = [](const std::vector<cairn::Decision>& decisions) {
        std::vector<cairn::Decision::Kind> all;
        for (const auto& decision : decisions) all.push_back(decision.kind);
        return all;
    };
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", policy, cairn::KeepLast<1>{});
        checkpoint.step(row_of(run, 2, 1), part("model", model)).wait();
        CHECK(run.core()->resumed());
        // `best` has kept v0 until the next one came.
        checkpoint.step(row_of(run, 3, 0.5), part("model", model));
        checkpoint.wait();
        CHECK(versions_on_disk(dir, "model") == std::vector<std::string>{"v3.json"});
    }
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", policy, cairn::KeepLast<1>{});
    CHECK(kinds(checkpoint.decisions()) == std::vector(4, cairn::Decision::Kind::saved));
}

TEST_CASE("a worker that was forked keeps no version from being pruned") {
    const TempDir dir;
    auto run = open_run(dir);
    const auto gate = std::make_shared<Gate>();
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", gated(gate), cairn::KeepLast<1>{});
    (void)checkpoint.step(row_of(run, 0, 1), part("model", model));
    const auto worker = start_child([] {
        ::pause();
        return 0;
    });
    gate->open();
    for (int i = 1; i < 3; ++i) (void)checkpoint.step(row_of(run, i, 1), part("model", model));
    CHECK(checkpoint.versions().size() == 1);
    ::kill(worker, SIGKILL);
    (void)wait_for(worker);
}

TEST_CASE("content that the store has takes no open files") {
    const TempDir dir;
    CHECK(in_child([&] {
              auto run = open_run(dir);
              cairn::Artifact artifact{"data", "dataset"};
              for (int i = 0; i < 200; ++i) {
                  const std::string text = std::to_string(i);
                  artifact.add_bytes(text, std::as_bytes(std::span{text}));
              }
              const ::rlimit few{64, 64};
              if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 77;
              return run.log_artifact(artifact).label() == "v0" && run.log_artifact(artifact).label() == "v0"
                         ? 0
                         : 1;
          }) == 0);
}

TEST_CASE("without memory for a copy a version is written at once") {
    const TempDir dir;
    const int status = in_child([&] {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model");
        Model model = model_of(1);
        (void)checkpoint.step(row_of(run, 0, 1), part("model", model));  // the thread is there
        model.weight.resize(std::size_t{64} << 20U);
        if (checkpoint.versions().size() != 1) return 1;
        std::FILE* const file = std::fopen("/proc/self/statm", "r");
        long pages = 0;
        if (file == nullptr || std::fscanf(file, "%ld", &pages) != 1) return 77;
        std::fclose(file);
        const auto now = static_cast<::rlim_t>(pages) * static_cast<::rlim_t>(::sysconf(_SC_PAGESIZE));
        const ::rlimit most{now + (::rlim_t{32} << 20U), now + (::rlim_t{32} << 20U)};
        if (::setrlimit(RLIMIT_AS, &most) != 0) return 77;
        const std::unique_ptr<char[]> probe{new (std::nothrow) char[std::size_t{256} << 20U]};
        if (probe) return 77;  // an emulator does not keep it
        const auto saved = checkpoint.step(row_of(run, 1, 1), part("model", model));
        return saved.saved() && run.health().ok() ? 0 : 2;
    });
#if CAIRN_TEST_SANITIZED
    WARN("not checked here: the sanitizer's own memory counts");
    (void)status;
#else
    if (status == 77)
        WARN("not checked here: memory cannot be limited");
    else
        CHECK(status == 0);
#endif
}

#endif

}  // namespace async_test
