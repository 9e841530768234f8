// SPDX-License-Identifier: MIT
#include <cairn/checkpoint/checkpoint.hpp>

#include "support.hpp"
#include "support/catch.hpp"
#include "support/env.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace checkpoint_test {

using namespace cairn_test;
using namespace cairn::literals;
using namespace std::chrono_literals;
using cairn::errc;
using cairn::maximize;
using cairn::minimize;
using cairn::part;
using cairn::SkipReason;

namespace {

/// Steps a checkpoint with these losses, at the steps 0, 1, 2, …, each with a model of its own.
void train(cairn::Run& run, auto& checkpoint, const std::vector<double>& losses, const auto&... more) {
    for (std::size_t i = 0; i < losses.size(); ++i) {
        Model model = model_of(static_cast<float>(i));
        const auto row = run.log(cairn::step(static_cast<std::int64_t>(i)), "loss"_m = losses[i]);
        checkpoint.step(row, part("model", model), more...);
    }
}

const std::vector<double> five(5, 1.0);

}  // namespace

TEST_CASE("EveryN<2> over 5 epochs leaves exactly v0, v1, v2 of the steps 0, 2, 4", "[checkpoint][step]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    train(run, checkpoint, five);
    CHECK(steps_of(checkpoint) == Steps{0, 2, 4});
    CHECK(labels_of(checkpoint) == Labels{"v0", "v1", "v2"});
    CHECK(versions_on_disk(dir, "model") == Labels{"v0.json", "v1.json", "v2.json"});
    for (const cairn::Version& version : checkpoint.versions()) {
        CHECK(std::filesystem::exists(version.path / "model.safetensors"));
    }
    CHECK(files_below(dir / "store" / "tmp").empty());
    CHECK(run.health().ok());
}

TEST_CASE("A step says what came of it, and why", "[checkpoint][result]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    auto checkpoint = run.checkpoint<cairn::Best<"loss", minimize>>("model");
    const auto step = [&](std::optional<double> loss) {
        return checkpoint.step(run.log("loss"_m = loss), part("model", model));
    };
    const auto first = step(2.0);
    CHECK(first);
    CHECK(first.wait().saved());
    CHECK(first.version().label() == "v0");
    CHECK(first.version().bytes == std::filesystem::file_size(first.version().path / "model.safetensors"));
    CHECK(first.wait().saved());

    const auto worse = step(3.0);
    CHECK_FALSE(worse);
    CHECK(worse.skipped());
    CHECK(worse.reason() == SkipReason::not_due);
    CHECK(step(std::nullopt).reason() == SkipReason::missing_metric);
    CHECK(step(std::nan("")).reason() == SkipReason::nan);
    CHECK(step(1.0).version().step() == 4);
    CHECK(step(-std::numeric_limits<double>::infinity()).wait().saved());
    CHECK(step(0.0).reason() == SkipReason::not_due);

    const auto dynamic = checkpoint.step(run.log({{"other", 1}}), part("model", model));
    CHECK(dynamic.reason() == SkipReason::missing_metric);
    CHECK(to_string(SkipReason::nan) == "metric is NaN");
    CHECK(versions_on_disk(dir, "model").size() == 3);
}

TEST_CASE("Policy, retention and sink are taken in any order, as types and as values", "[checkpoint][make]") {
    using cairn::Checkpoint, cairn::EveryN, cairn::KeepLast, cairn::Memory;
    using Wanted = Checkpoint<EveryN<2>, KeepLast<1>, Memory>;
    cairn::Run run;
    CHECK(std::is_same_v<Wanted, decltype(run.checkpoint<EveryN<2>>("m", KeepLast<1>{}, Memory{}))>);
    CHECK(std::is_same_v<Wanted, decltype(run.checkpoint<EveryN<2>>("m", Memory{}, KeepLast<1>{}))>);
    CHECK(std::is_same_v<Wanted, decltype(run.checkpoint("m", EveryN<2>{}, KeepLast<1>{}, Memory{}))>);
    CHECK(std::is_same_v<Wanted, decltype(run.checkpoint("m", Memory{}, KeepLast<1>{}, EveryN<2>{}))>);
    CHECK(std::is_same_v<Checkpoint<EveryN<2>>, decltype(run.checkpoint("m", EveryN<2>{}))>);
    CHECK(std::is_same_v<Checkpoint<EveryN<2>, cairn::KeepAll, Memory>,
                         decltype(run.checkpoint("m", Memory{}, EveryN<2>{}))>);
    CHECK(std::is_empty_v<decltype(run.checkpoint("m", KeepLast<1>{}, cairn::NoBestSave{}, Memory{}))>);
}

TEST_CASE("A version that somebody else removed is forgotten without a word", "[checkpoint][retention]") {
    TempDir dir;
    auto run = open_run(dir);
    auto one = run.checkpoint<cairn::EveryN<1>>("model", cairn::KeepLast<1>{});
    Model model = model_of(1);
    REQUIRE(one.step(run.log(cairn::step(0), "loss"_m = 1), part("model", model)).wait().saved());
    REQUIRE(std::filesystem::remove(artifact_dir(dir, "model") / "versions" / "v0.json"));
    for (int step = 1; step < 6; ++step) {
        model = model_of(static_cast<float>(step + 1));
        REQUIRE(one.step(run.log(cairn::step(step), "loss"_m = 1), part("model", model)).wait().saved());
    }
    CHECK(one.versions().size() == 1);
    CHECK(run.health().ok());
}

TEST_CASE("What a retention does not want is gone from disk, and objects that others share stay",
          "[checkpoint][retention]") {
    TempDir dir;
    auto run = open_run(dir);
    const Model frozen = model_of(99);
    Model shared = frozen;
    auto checkpoint = run.checkpoint("model", cairn::Best<"loss", minimize>{} | cairn::EveryN<3>{},
                                     cairn::KeepLast<2>{} | cairn::KeepBest<1, "loss", minimize>{});
    // v0 is step 0, v1 the best of step 1, then the multiples of 3.
    train(run, checkpoint, {5, 4, 6, 7, 8, 9, 10, 11, 12, 13}, part("frozen", shared));
    CHECK(labels_of(checkpoint) == Labels{"v1", "v3", "v4"});
    CHECK(steps_of(checkpoint) == Steps{1, 6, 9});
    CHECK(versions_on_disk(dir, "model") == Labels{"v1.json", "v3.json", "v4.json"});
    CHECK(objects_on_disk(dir) == 4);  // three models and what is frozen, once
    CHECK_FALSE(std::filesystem::exists(artifact_dir(dir, "model") / "v0"));
    CHECK_FALSE(std::filesystem::exists(artifact_dir(dir, "model") / "v2"));
    for (const cairn::Version& version : checkpoint.versions()) {
        Model model, other;
        checkpoint.restore(version.label(), part("model", model), part("frozen", other));
        CHECK(model == model_of(static_cast<float>(version.step())));
        CHECK(other == frozen);
    }
    CHECK(run.use_artifact("model:best").label() == "v1");
    CHECK(run.use_artifact("model:latest").label() == "v4");
    CHECK(run.health().ok());
}

TEST_CASE("A cap removes the oldest, never what must stay, and says once that it is exceeded",
          "[checkpoint][retention]") {
    TempDir dir;
    auto run = open_run(dir);
    std::uint64_t bytes = 0;
    {
        auto measured = run.checkpoint("measured", cairn::EveryN<1>{});
        train(run, measured, {5});
        bytes = measured.versions().front().bytes;
    }
    const auto every = cairn::Best<"loss", minimize>{} | cairn::EveryN<1>{};
    auto three = run.checkpoint("three", every, cairn::capped(cairn::KeepAll{}, 3 * bytes));
    train(run, three, {5, 4, 6, 7, 8, 9});
    CHECK(labels_of(three) == Labels{"v1", "v4", "v5"});  // the best one has an alias
    CHECK(run.health().ok());
    auto one = run.checkpoint("one", every, cairn::capped(cairn::KeepLast<2>{}, bytes));
    train(run, one, {5, 6, 7});
    CHECK(labels_of(one) == Labels{"v0", "v2"});
    REQUIRE(run.health().errors.size() == 1);
    CHECK(run.health().errors[0].find("more than the bound") != std::string::npos);
    CHECK(run.health().saves_failed == 0);
}

TEST_CASE("Windows and time decide in a checkpoint as they do alone", "[checkpoint][step]") {
    TempDir dir;
    auto run = open_run(dir);
    auto late = run.checkpoint("late", cairn::after(2, cairn::Best<"loss", minimize>{}));
    train(run, late, {0.1, 9, 8, 8.5, 7});
    CHECK(steps_of(late) == Steps{2, 4});
    auto few = run.checkpoint<cairn::First<2, cairn::EveryN<2>>>("few");
    train(run, few, five);
    CHECK(steps_of(few) == Steps{0, 2});
    auto rare = run.checkpoint("rare", cairn::at_most_every(1h, cairn::EveryN<1>{}));
    train(run, rare, five);
    CHECK(steps_of(rare) == Steps{0});
    auto hourly = run.checkpoint("hourly", cairn::EveryDuration{1h});
    train(run, hourly, five);
    CHECK(steps_of(hourly).empty());
}

TEST_CASE("The version that `best` names stays until another is better, whatever the retention",
          "[checkpoint][retention]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint =
        run.checkpoint("model", cairn::Best<"loss", minimize>{} | cairn::EveryN<1>{}, cairn::KeepLast<1>{});
    train(run, checkpoint, {5, 4, 6, 7});
    CHECK(labels_of(checkpoint) == Labels{"v1", "v3"});
    Model model;
    checkpoint.step(run.log(cairn::step(4), "loss"_m = 3.0), part("model", model));
    CHECK(labels_of(checkpoint) == Labels{"v4"});
    CHECK(versions_on_disk(dir, "model") == Labels{"v4.json"});
    CHECK(objects_on_disk(dir) == 1);
    CHECK(run.health().ok());
}

TEST_CASE("Two checkpoints of a run do not see each other", "[checkpoint][step]") {
    TempDir dir;
    auto run = open_run(dir);
    auto often = run.checkpoint<cairn::EveryN<1>>("often");
    auto best = run.checkpoint<cairn::Best<"loss", maximize>>("best-model", cairn::KeepLast<1>{});
    train(run, often, {1, 2, 3});
    train(run, best, {1, 2, 3});
    CHECK(labels_of(often) == Labels{"v0", "v1", "v2"});
    CHECK(labels_of(best) == Labels{"v2"});
    CHECK(versions_on_disk(dir, "often").size() == 3);
    CHECK(objects_on_disk(dir) == 3);  // the same bytes are one object
}

TEST_CASE("Manual saves when it is told to and only then", "[checkpoint][manual]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    auto checkpoint = run.checkpoint<cairn::Manual>("model", cairn::KeepLast<2>{});
    const auto row = run.log("loss"_m = 1.0);
    CHECK(checkpoint.step(row, part("model", model)).reason() == SkipReason::not_due);
    for (int i = 0; i < 3; ++i) CHECK(checkpoint.save(row, part("model", model)));
    CHECK(labels_of(checkpoint) == Labels{"v1", "v2"});
    CHECK(checkpoint.finish(part("model", model)).skipped());
}

TEST_CASE("What is saved by hand counts for Best", "[checkpoint][manual]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    auto checkpoint = run.checkpoint<cairn::Best<"loss", minimize>>("model");
    CHECK(checkpoint.save(run.log("loss"_m = 1.0), part("model", model)));
    CHECK_FALSE(checkpoint.step(run.log("loss"_m = 2.0), part("model", model)));
    CHECK(checkpoint.step(run.log("loss"_m = 0.5), part("model", model)));
}

TEST_CASE("OnFinish saves the last row, once", "[checkpoint][finish]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;

    auto last = run.checkpoint<cairn::OnFinish>("last");
    train(run, last, five);
    CHECK(last.versions().empty());
    const auto saved = last.finish(part("model", model));
    REQUIRE(saved);
    CHECK(saved.version().step() == 4);
    CHECK(saved.version().row["loss"] == 1.0);
    CHECK(last.finish(part("model", model)).version().label() == "v0");
    CHECK(versions_on_disk(dir, "last").size() == 1);

    auto both = run.checkpoint("both", cairn::EveryN<2>{} | cairn::OnFinish{});
    train(run, both, five);  // step 4 is saved already
    CHECK(both.finish(part("model", model)).version().label() == "v2");
    CHECK(steps_of(both) == Steps{0, 2, 4});
    both.step(run.log(cairn::step(5), "loss"_m = 1.0), part("model", model));
    CHECK(both.finish(part("model", model)).version().step() == 5);
    CHECK(steps_of(both) == Steps{0, 2, 4, 5});

    auto every = run.checkpoint<cairn::EveryN<2>>("every");
    train(run, every, {1, 1});
    CHECK(every.finish(part("model", model)).reason() == SkipReason::not_due);
    CHECK(steps_of(every) == Steps{0});
}

TEST_CASE("OnFinish after a restore without a new row saves nothing twice", "[checkpoint][finish]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    auto checkpoint = run.checkpoint("model", cairn::EveryN<2>{} | cairn::OnFinish{});
    train(run, checkpoint, five);
    checkpoint.restore(cairn::latest, part("model", model));
    CHECK(checkpoint.finish(part("model", model)).version().label() == "v2");
    CHECK(versions_on_disk(dir, "model").size() == 3);
}

TEST_CASE("With saving off nothing is saved, and what is there can be restored", "[checkpoint][off]") {
    TempDir dir;
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
        train(run, checkpoint, five);
    }
    auto run = [&] {
        const Env off{"CAIRN_SAVE", "off"};
        return open_run(dir);
    }();
    auto checkpoint = run.checkpoint("model", cairn::EveryN<2>{} | cairn::OnFinish{}, cairn::KeepLast<1>{});
    Model model;
    const auto row = run.log(cairn::step(6), "loss"_m = 1.0);
    CHECK(checkpoint.step(row, part("model", model)).reason() == SkipReason::off);
    CHECK(checkpoint.save(row, part("model", model)).reason() == SkipReason::off);
    CHECK(checkpoint.finish(part("model", model)).reason() == SkipReason::off);
    CHECK(versions_on_disk(dir, "model").size() == 3);
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).step() == 4);
    CHECK(model == model_of(4));
    CHECK(run.log_model("explicit", part("model", model)).label() == "v0");  // explicit saving always works
}

TEST_CASE("A checkpoint of a disabled run does nothing", "[checkpoint][off]") {
    TempDir dir;
    cairn::Options options;
    options.dir = dir / "store";
    options.mode = cairn::Mode::disabled;
    auto run = cairn::init(options);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", cairn::KeepLast<1>{});
    Model model;
    CHECK(checkpoint.step(run.log("loss"_m = 1.0), part("model", model)).reason() == SkipReason::off);
    CHECK(checkpoint.finish(part("model", model)).reason() == SkipReason::off);
    CHECK(error_of([&] { checkpoint.restore(cairn::latest, part("model", model)); }).code() ==
          errc::not_found);
    CHECK(error_of([&] { checkpoint.restore("v0", part("model", model)); }).code() == errc::not_found);
    CHECK_FALSE(std::filesystem::exists(dir / "store"));
}

TEST_CASE("NoBestSave takes any model and answers Skipped{off}", "[checkpoint][off]") {
    struct Anything {
        int* pointer = nullptr;
    } anything{};
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::NoBestSave>("model");
    const auto answer = checkpoint.step(run.log("loss"_m = 1.0), part("model", anything));
    CHECK_FALSE(answer);
    CHECK(answer.reason == SkipReason::off);
    CHECK_FALSE(checkpoint.finish(part("model", anything)).wait().saved());
    CHECK_FALSE(std::filesystem::exists(artifact_dir(dir, "model")));
}

TEST_CASE("A disabled run is an empty type with the calls of a run", "[checkpoint][off]") {
    auto run = cairn::init<cairn::Disabled>({.project = "p", .config = {{"lr", 1}, {"epochs", 5}}});
    CHECK(std::is_empty_v<decltype(run)>);
    struct Anything {
    } anything;
    auto checkpoint = run.checkpoint("model", cairn::Best<"loss", minimize>{}, cairn::KeepLast<3>{});
    CHECK(std::is_empty_v<decltype(checkpoint)>);
    const auto row = run.log(cairn::step(3), "loss"_m = 0.5);
    CHECK(row["loss"_m] == 0.5);
    CHECK_FALSE(checkpoint.step(row, part("model", anything)));
    CHECK_FALSE(checkpoint.step(run.log({{"loss", 1}}, {.step = 2}), part("model", anything)));
    run.log_model("model", part("model", anything));
    CHECK(run.disabled());
    CHECK(run.finish());
}

TEST_CASE("A checkpoint whose name cannot be a folder's is refused", "[checkpoint][make]") {
    TempDir dir;
    auto run = open_run(dir);
    for (const std::string& name :
         {std::string{"a/b"}, std::string{".."}, std::string{}, std::string{"a\nb"}, std::string(300, 'x')}) {
        INFO(name);
        const auto failure = error_of([&] { (void)run.checkpoint<cairn::EveryN<1>>(name); });
        CHECK(failure.code() == errc::invalid_name);
        CHECK_FALSE(failure.advice().empty());
    }
    CHECK_FALSE(std::filesystem::exists(dir / "store" / "projects" / "p" / "artifacts"));
}

TEST_CASE("A part whose name cannot be a file's, or that stands twice, fails the save and leaves nothing",
          "[checkpoint][step]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model");
    const auto row = run.log("loss"_m = 1.0);
    const StderrCapture quiet;
    CHECK(checkpoint.step(row, part("../model", model)).error().code() == errc::invalid_name);
    CHECK(checkpoint.step(row, part("m", model), part("m", model)).error().code() == errc::invalid_argument);
    CHECK(versions_on_disk(dir, "model").empty());
    CHECK(objects_on_disk(dir) == 0);
    CHECK(run.health().saves_failed == 2);
}

TEST_CASE("define_metric and a checkpoint that disagree on the direction are refused", "[checkpoint][make]") {
    TempDir dir;
    auto run = open_run(dir);
    run.define_metric("loss", {.goal = maximize});
    const auto failure = error_of([&] { (void)run.checkpoint<cairn::Best<"loss", minimize>>("model"); });
    CHECK(failure.code() == errc::invalid_argument);
    CHECK(failure.path() == "loss");
    const auto of_retention = error_of(
        [&] { (void)run.checkpoint("model", cairn::EveryN<1>{}, cairn::KeepBest<1, "loss", minimize>{}); });
    CHECK(of_retention.code() == errc::invalid_argument);
    CHECK_NOTHROW(run.checkpoint<cairn::Best<"loss", maximize>>("model"));
}

TEST_CASE("NaN and infinities of a row are in the manifest and come back", "[checkpoint][metrics]") {
    TempDir dir;
    const double inf = std::numeric_limits<double>::infinity();
    auto run = open_run(dir);
    Model model;
    run.checkpoint<cairn::EveryN<1>>("model").step(
        run.log("nan"_m = std::nan(""), "up"_m = inf, "down"_m = -inf, "n"_m = 7, "on"_m = true,
                "text"_m = "a b", "none"_m = std::optional<double>{}),
        part("model", model));
    const auto manifest = nlohmann::json::parse(read(artifact_dir(dir, "model") / "versions" / "v0.json"));
    CHECK(manifest["metrics"] == nlohmann::json{{"nan", "NaN"},
                                                {"up", "Infinity"},
                                                {"down", "-Infinity"},
                                                {"n", 7},
                                                {"on", true},
                                                {"text", "a b"}});
    const auto again = run.checkpoint<cairn::Manual>("model");  // read from disk
    const cairn::DynamicRow& row = again.versions().at(0).row;
    CHECK(std::isnan(row["nan"]));
    CHECK(row.find("nan").kind() != cairn::Value::Kind::none);
    CHECK(row["up"] == inf);
    CHECK(row["down"] == -inf);
    CHECK(row["n"] == 7);
    CHECK(row.find("text").text() == "a b");
    CHECK(row.find("none").kind() == cairn::Value::Kind::none);
}

TEST_CASE("A checkpoint may outlive the handle of its run", "[checkpoint][step]") {
    TempDir dir;
    Model model;
    auto run = std::make_optional(open_run(dir));
    auto checkpoint = run->checkpoint<cairn::EveryN<1>>("model");
    const auto row = run->log("loss"_m = 1.0);
    run.reset();
    CHECK(checkpoint.step(row, part("model", model)));
    CHECK(versions_on_disk(dir, "model").size() == 1);
}

TEST_CASE("A predicate may know only typed rows: of a text, of a bool", "[checkpoint][predicate]") {
    TempDir dir;
    auto run = open_run(dir);
    auto by_text = run.checkpoint(
        "text", cairn::Predicate{[](const auto& at) { return at["phase"_m] == "val"; }}, cairn::Memory{});
    auto by_bool = run.checkpoint("bool", cairn::Predicate{[](const auto& at) { return at["improved"_m]; }},
                                  cairn::Memory{});
    Model model;
    for (int i = 0; i < 4; ++i) {
        const auto row = run.log("phase"_m = i % 2 == 0 ? "train" : "val", "improved"_m = i == 2);
        CHECK(by_text.step(row, part("model", model)).wait().saved() == (i % 2 == 1));
        CHECK(by_bool.step(row, part("model", model)).wait().saved() == (i == 2));
    }
    std::vector<std::string> decided;
    for (const cairn::Decision& decision : run.decisions()) {
        if (decision.kind == cairn::Decision::Kind::saved) decided.push_back(decision.checkpoint);
    }
    CHECK(decided == std::vector<std::string>{"text", "bool", "text"});
}

namespace {

// Saves while a count grows that a double cannot hold.
struct Grows {
    std::int64_t last = 0;
    cairn::Answer decide(const auto& at) const {
        return at["tokens"_m] > last ? cairn::Answer::yes : cairn::Answer::no;
    }
    void settle(const auto& at, cairn::Outcome outcome) {
        if (outcome == cairn::Outcome::saved) last = static_cast<std::int64_t>(at["tokens"_m]);
    }
};

}  // namespace

TEST_CASE("A policy hears of a save with the row as it was logged", "[checkpoint][step]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", Grows{});
    constexpr std::int64_t tokens = (std::int64_t{1} << 53) + 1;
    Model model;
    CHECK(checkpoint.step(run.log("tokens"_m = tokens), part("model", model)).wait().saved());
    CHECK(checkpoint.policy().last == tokens);
    CHECK_FALSE(checkpoint.step(run.log("tokens"_m = tokens), part("model", model)).wait().saved());
}

TEST_CASE("A reference to the policy stays good when a version is restored", "[checkpoint][restore]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", Grows{});
    const Grows& policy = checkpoint.policy();
    Model model;
    for (const int tokens : {1, 2, 3}) checkpoint.step(run.log("tokens"_m = tokens), part("model", model));
    CHECK(policy.last == 3);
    checkpoint.restore("v1", part("model", model));
    CHECK(policy.last == 2);
}

TEST_CASE("A checkpoint that was moved from has nothing and does nothing", "[checkpoint][make]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model");
    Model model;
    checkpoint.step(run.log("loss"_m = 1.0), part("model", model));
    auto other = std::move(checkpoint);
    CHECK(checkpoint.step(run.log("loss"_m = 1.0), part("model", model))
              .skipped());  // NOLINT(bugprone-use-after-move)
    CHECK(checkpoint.save(run.log("loss"_m = 1.0), part("model", model)).skipped());
    CHECK(checkpoint.finish(part("model", model)).skipped());
    CHECK(checkpoint.decisions().empty());
    CHECK(checkpoint.versions().empty());
    CHECK(checkpoint.name().empty());
    CHECK(checkpoint.bytes_avoided() == 0);
    CHECK(checkpoint.try_restore(cairn::latest, part("model", model)).error().code() == errc::not_found);
    CHECK(checkpoint.try_restore("v0", part("model", model)).error().code() == errc::not_found);
    {
        auto guard = checkpoint.guard(part("model", model));
    }
    CHECK(other.try_restore(cairn::latest, part("model", model)));
}

}  // namespace checkpoint_test
