// SPDX-License-Identifier: MIT
// Metrics that come after a version was saved, and what stays in whose favour.
#include <cairn/checkpoint/checkpoint.hpp>

#include <cairn/policy/parse.hpp>
#include <cairn/policy/parse_retention.hpp>

#include "support.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace annotate_test {

using namespace cairn_test;
using namespace cairn::literals;
using cairn::errc;
using cairn::EveryN;
using cairn::KeepBest;
using cairn::KeepLast;
using cairn::minimize;
using cairn::part;
using Catch::Matchers::Contains;

namespace {

/// Saves the steps 0, 1, … with these validation losses.
void save_all(cairn::Run& run, auto& checkpoint, const std::vector<std::optional<double>>& values,
              std::int64_t from = 0) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto step = from + static_cast<std::int64_t>(i);
        Model model = model_of(static_cast<float>(step));
        checkpoint.step(run.log(cairn::step(step), "val"_m = values[i], "loss"_m = 1.0),
                        part("model", model));
    }
}
using Maybes = std::vector<std::optional<double>>;

}  // namespace

TEST_CASE("a metric that comes late is the version's, for restoring, retention and the next reader",
          "[checkpoint][annotate]") {
    TempDir dir;
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", EveryN<1>{}, KeepBest<1, "val", minimize>{});
        save_all(run, checkpoint, {{}, {}, {}});
        const auto done = checkpoint.annotate("v1", "val"_m = 0.5);
        REQUIRE(done);
        CHECK(done.version().label() == "v1");
        CHECK(done.version().row["val"] == 0.5);
        CHECK(done.version().row["loss"] == 1.0);
        CHECK(checkpoint.annotate(checkpoint.versions()[0],
                                  "val"_m = 0.7));  // not the best, and no longer pending
        CHECK(labels_of(checkpoint) == Labels{"v1", "v2"});
        CHECK(versions_on_disk(dir, "model") == Labels{"v1.json", "v2.json"});
        CHECK(run.use_artifact("model:best").label() == "v1");
        Model model;
        CHECK(checkpoint.restore(cairn::best, part("model", model)).label() == "v1");
        CHECK(model == model_of(1));
        CHECK(run.health().ok());
    }
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", cairn::Manual{}, KeepBest<1, "val", minimize>{});
    CHECK(checkpoint.versions()[0].row["val"] == 0.5);
    CHECK(run.use_artifact("model:best").manifest().metrics["val"] == 0.5);
    CHECK(run.use_artifact("model:best").verify());
}

TEST_CASE("that a retention removes by a metric which no version has is told once",
          "[checkpoint][annotate]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", EveryN<1>{}, KeepBest<2, "vla", minimize>{});
    save_all(run, checkpoint, {3.0, 2.0, 1.0});
    CHECK(run.health().ok());  // the metric may come
    save_all(run, checkpoint, {2.0, 4.0}, 3);
    CHECK(labels_of(checkpoint) == Labels{"v2", "v3", "v4"});
    const auto errors = run.health().errors;
    REQUIRE(errors.size() == 1);
    CHECK_THAT(errors[0], Contains("none has the metric \"vla\""));
    Model model;
    const auto none = error_of([&] { (void)checkpoint.restore(cairn::best, part("model", model)); });
    CHECK(none.code() == errc::not_found);
    CHECK_THAT(none.what(), Contains("no version has a number") && Contains("vla"));
}

TEST_CASE("a late metric moves the reference of Best", "[checkpoint][annotate]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", cairn::Best<"val", minimize>{} | EveryN<10>{});
    save_all(run, checkpoint, {{}});
    CHECK(checkpoint.annotate("v0", "val"_m = 0.3));
    save_all(run, checkpoint, {0.4}, 1);
    CHECK(steps_of(checkpoint) == Steps{0});
    save_all(run, checkpoint, {0.2}, 2);
    CHECK(steps_of(checkpoint) == Steps{0, 2});
    CHECK(run.use_artifact("model:best").label() == "v1");
}

TEST_CASE("a late metric that came before a kill still counts after it", "[checkpoint][annotate]") {
    TempDir dir;
    const auto policy = cairn::Best<"val", minimize>{} | EveryN<10>{};
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", policy);
        save_all(run, checkpoint, {{}});
        save_all(run, checkpoint, {{}}, 10);
        CHECK(checkpoint.annotate("v0", "val"_m = 0.3));  // after v1, which will be restored
    }
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", policy);
    Model model;
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v1");
    save_all(run, checkpoint, {0.4}, 11);
    CHECK(steps_of(checkpoint) == Steps{0, 10});
    save_all(run, checkpoint, {0.2}, 12);
    CHECK(steps_of(checkpoint) == Steps{0, 10, 12});
}

TEST_CASE("a late metric that a version already knew of is heard once when it is restored",
          "[checkpoint][annotate]") {
    TempDir dir;
    const auto policy = cairn::TopK<2, "val", minimize>{} | EveryN<10>{};
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", policy);
        save_all(run, checkpoint, {{}});
        CHECK(checkpoint.annotate("v0", "val"_m = 0.5));
        save_all(run, checkpoint, {{}}, 10);  // knows of one value
    }
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", policy);
    Model model;
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v1");
    save_all(run, checkpoint, {0.6}, 11);  // the second best there is
    CHECK(steps_of(checkpoint) == Steps{0, 10, 11});
}

TEST_CASE("a late metric whose record a kill prevented still counts", "[checkpoint][annotate]") {
    TempDir dir;
    const auto policy = cairn::Best<"val", minimize>{} | EveryN<10>{};
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", policy);
        save_all(run, checkpoint, {{}});
        const std::vector<cairn::NamedValue> late = {{"val", 0.3}};
        REQUIRE(checkpoint.sink().annotate(checkpoint.versions()[0], {0, 0, late.data(), late.size()}));
    }
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", policy);
    SECTION("and training goes on") {}
    SECTION("and the version is restored") {
        Model model;
        CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v0");
    }
    save_all(run, checkpoint, {0.4, 0.2}, 1);
    CHECK(steps_of(checkpoint) == Steps{0, 2});
}

TEST_CASE("what is annotated is not overwritten, and what is wrong is a failure of the call",
          "[checkpoint][annotate]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<EveryN<1>>("model");
    save_all(run, checkpoint, {0.5, std::nan("")});
    const StderrCapture quiet;
    const auto taken = checkpoint.annotate("v0", "val"_m = 0.4);
    REQUIRE(taken.failed());
    CHECK(taken.error().code() == errc::already_exists);
    CHECK(taken.error().path() == "val");
    CHECK(checkpoint.versions()[0].row["val"] == 0.5);
    CHECK(checkpoint.annotate("v0", "val"_m = 0.5));             // the same again
    CHECK(checkpoint.annotate("v1", "val"_m = 0.1, "n"_m = 3));  // a NaN was no value
    CHECK(checkpoint.versions()[1].row["n"] == 3);
    const auto gone = checkpoint.annotate("v9", "val"_m = 0.4);
    REQUIRE(gone.failed());
    CHECK(gone.error().code() == errc::not_found);
    CHECK_THAT(gone.error().what(), Contains("v0, v1"));
    // By another process meanwhile.
    const auto store = cairn::Store::open_existing(dir / "store").value();
    const auto artifact = cairn::ArtifactStore::open(store, "p", "model").value();
    REQUIRE(artifact.annotate(0, {{"f1", 0.8}}));
    const auto late = checkpoint.annotate("v0", "f1"_m = 0.9);
    REQUIRE(late.failed());
    CHECK(late.error().code() == errc::already_exists);
    CHECK(checkpoint.annotate("v0", "f1"_m = 0.8));
    CHECK_FALSE(run.health().ok());
}

TEST_CASE("a sink that keeps no metrics is annotated in the run's record", "[checkpoint][annotate]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", EveryN<1>{}, KeepBest<1, "val", minimize>{}, cairn::Memory{});
    save_all(run, checkpoint, {0.5, {}, 0.9});
    CHECK(checkpoint.annotate("v1", "val"_m = 0.1));
    CHECK(labels_of(checkpoint) == Labels{"v1", "v2"});
    bool told = false;
    for (const auto& d : run.decisions()) {
        if (d.kind != cairn::Decision::Kind::annotated) continue;
        told = true;
        CHECK(d.version == 1);
        CHECK(d.row["val"] == 0.1);
    }
    CHECK(told);
}

TEST_CASE("late metrics in any order leave what pruning once at the end would", "[checkpoint][annotate]") {
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random{seed};
        TempDir dir;
        auto run = open_run(dir);
        const auto retention = KeepLast<1>{} | KeepBest<2, "val", minimize>{};
        auto checkpoint = run.checkpoint("model", EveryN<1>{}, retention, cairn::Memory{});
        std::vector<cairn::Version> all;
        for (int event = 0; event < 25; ++event) {
            const bool is_late = !checkpoint.versions().empty() && random() % 2 == 0;
            const double value = static_cast<double>(random() % 12);
            if (is_late) {
                const auto& versions = checkpoint.versions();
                const cairn::Version version = versions[random() % versions.size()];
                if (version.row.find("val").kind() != cairn::Value::Kind::none) continue;
                const auto done = checkpoint.annotate(version, "val"_m = value);
                REQUIRE(done);
                all[static_cast<std::size_t>(version.number)] = done.version();
            } else {
                Model model;
                const auto step = static_cast<std::int64_t>(all.size());
                const auto metric = random() % 2 == 0 ? std::optional{value} : std::nullopt;
                all.push_back(
                    checkpoint.step(run.log(cairn::step(step), "val"_m = metric), part("model", model))
                        .version());
            }
            std::vector<cairn::VersionFacts> facts;
            for (const cairn::Version& version : all) facts.push_back(version.facts());
            retention.mark({facts.data(), facts.size()});
            Labels wanted;
            for (std::size_t i = 0; i < all.size(); ++i) {
                if (facts[i].kept) wanted.push_back(all[i].label());
            }
            CHECK(labels_of(checkpoint) == wanted);
        }
    }
}

// ---- who wins: what a resume needs, an alias, a reader, a bound

TEST_CASE("a cap never removes what was restored, what an alias names, what is being read or the newest",
          "[checkpoint][precedence]") {
    TempDir dir;
    std::uint64_t bytes = 0;
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<EveryN<1>>("model");
        save_all(run, checkpoint, Maybes(6, 1.0));
        bytes = checkpoint.versions()[0].bytes;
    }
    const auto store = cairn::Store::open_existing(dir / "store").value();
    const auto artifact = cairn::ArtifactStore::open(store, "p", "model").value();
    REQUIRE(artifact.set_alias("published", 1));
    auto reading = std::make_optional(artifact.lease(2).value());
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", EveryN<1>{}, cairn::capped(cairn::KeepAll{}, 2 * bytes));
    Model model;
    CHECK(checkpoint.restore("v3", part("model", model)).label() == "v3");
    const StderrCapture quiet;
    save_all(run, checkpoint, {1.0}, 6);
    CHECK(labels_of(checkpoint) == Labels{"v1", "v2", "v3", "v6"});
    CHECK(versions_on_disk(dir, "model") == Labels{"v1.json", "v2.json", "v3.json", "v6.json"});
    REQUIRE(run.health().errors.size() == 1);  // the bound is exceeded, and that is said
    CHECK_THAT(run.health().errors[0], Contains("more than the bound"));
    reading.reset();
    REQUIRE(artifact.remove_alias("published"));
    save_all(run, checkpoint, {1.0}, 7);
    CHECK(labels_of(checkpoint) == Labels{"v3", "v7"});  // what was restored stays
}

TEST_CASE("a version that is being read is removed as soon as it is not", "[checkpoint][precedence]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", EveryN<1>{}, KeepLast<1>{});
    save_all(run, checkpoint, {1.0});
    const auto store = cairn::Store::open_existing(dir / "store").value();
    const auto artifact = cairn::ArtifactStore::open(store, "p", "model").value();
    {
        const auto reading = artifact.lease(0).value();
        const auto also_reading = artifact.lease(0).value();
        save_all(run, checkpoint, Maybes(2, 1.0), 1);
        CHECK(labels_of(checkpoint) == Labels{"v0", "v2"});
        CHECK(artifact.get(0));
        const auto removed = artifact.remove(0);
        REQUIRE_FALSE(removed);
        CHECK(removed.error().code() == errc::busy);
        CHECK_THAT(removed.error().what(), Contains("being read"));
    }
    save_all(run, checkpoint, {1.0}, 3);
    CHECK(labels_of(checkpoint) == Labels{"v3"});
    CHECK(run.health().ok());
}

TEST_CASE("whatever the retention, the newest version is there to resume from", "[checkpoint][precedence]") {
    struct KeepNone {
        constexpr void mark(const cairn::VersionList&) const {}
    };
    TempDir dir;
    auto run = open_run(dir);
    const StderrCapture quiet;
    const auto check = [&](std::string name, const auto& retention) {
        auto checkpoint = run.checkpoint(name, EveryN<1>{}, retention, cairn::Memory{});
        for (int i = 0; i < 12; ++i) {
            Model model;
            checkpoint.step(cairn::row(cairn::step(i), "val"_m = i * 1.0), part("model", model));
            REQUIRE_FALSE(checkpoint.versions().empty());
            CHECK(checkpoint.versions().back().step() == i);
            CHECK(checkpoint.restore(cairn::latest, part("model", model)).step() == i);
        }
    };
    check("best", KeepBest<1, "val", minimize>{});
    check("capped", cairn::capped(KeepLast<5>{}, 0));
    check("every", cairn::KeepEvery<100>{});
    check("none", KeepNone{});
    check("parsed", cairn::parse_retention("capped(best(2, val, min) | every(7), 1B)").value());
}

TEST_CASE("a parsed policy or retention names the best version too", "[checkpoint][parse]") {
    TempDir dir;
    auto run = open_run(dir);
    auto by_policy = run.checkpoint("one", cairn::parse_policy("best(val, min) | every(2)").value());
    auto by_retention =
        run.checkpoint("two", EveryN<1>{}, cairn::parse_retention("best(1, val, max)").value());
    for (const double v : {3.0, 1.0, 2.0, 5.0}) {
        Model model = model_of(static_cast<float>(v));
        const auto row = run.log("val"_m = v);
        by_policy.step(row, part("model", model));
        by_retention.step(row, part("model", model));
    }
    CHECK(run.use_artifact("one:best").manifest().metrics["val"] == 1.0);
    CHECK(run.use_artifact("two:best").manifest().metrics["val"] == 5.0);
    CHECK(labels_of(by_retention) == Labels{"v3"});
    Model model;
    CHECK(by_policy.restore(cairn::best, part("model", model)).row["val"] == 1.0);
    auto by_count = run.checkpoint("three", cairn::parse_policy("every(1)").value());
    by_count.step(run.log("val"_m = 1.0), part("model", model));
    CHECK(by_count.try_restore(cairn::best, part("model", model)).error().code() == errc::not_found);
}

TEST_CASE("a parsed policy and a retention that disagree on the direction are refused when they meet",
          "[checkpoint][parse]") {
    TempDir dir;
    auto run = open_run(dir);
    const auto failure = error_of([&] {
        (void)run.checkpoint("m", cairn::parse_policy("best(val, min)").value(),
                             KeepBest<1, "val", cairn::maximize>{});
    });
    CHECK(failure.code() == errc::invalid_argument);
    CHECK_THAT(failure.what(), Contains("the policy and the retention disagree"));
    run.define_metric("val", {.goal = cairn::maximize});
    CHECK_THAT(
        error_of([&] { (void)run.checkpoint("m", cairn::parse_policy("top(2, val, min)").value()); }).what(),
        Contains("define_metric and the checkpoint disagree"));
}

}  // namespace annotate_test
