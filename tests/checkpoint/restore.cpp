// SPDX-License-Identifier: MIT
#include <cairn/checkpoint/checkpoint.hpp>

#include "support.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"

#include <any>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <vector>

#if CAIRN_TEST_FORK
#include <unistd.h>
#endif

namespace restore_test {

using namespace cairn_test;
using namespace cairn::literals;
using cairn::errc;
using cairn::minimize;
using cairn::part;
using Catch::Matchers::Contains;

namespace {

/// v0, v1, … of the models 0, 1, …, with these losses.
void save_all(cairn::Run& run, auto& checkpoint, const std::vector<double>& losses) {
    for (std::size_t i = 0; i < losses.size(); ++i) {
        Model model = model_of(static_cast<float>(i));
        checkpoint.save(run.log(cairn::step(static_cast<std::int64_t>(i)), "loss"_m = losses[i]),
                        part("model", model));
    }
    checkpoint.wait();
}

using Policy = cairn::Best<"loss", minimize>;

struct OtherName {
    std::vector<float> weight = {1, 1, 1, 1}, bias = {1, 1};
    void describe(auto& fields) {
        fields("fc.weight", weight, {2, 2});
        fields("fc.offset", bias, {2});
    }
};
struct OtherShape {
    std::vector<float> weight = {1, 1, 1, 1, 1, 1}, bias = {1, 1};
    void describe(auto& fields) {
        fields("fc.weight", weight, {3, 2});
        fields("fc.bias", bias, {2});
    }
};
struct OtherType {
    std::vector<double> weight = {1, 1, 1, 1};
    std::vector<float> bias = {1, 1};
    void describe(auto& fields) {
        fields("fc.weight", weight, {2, 2});
        fields("fc.bias", bias, {2});
    }
};

}  // namespace

TEST_CASE("latest, best and a label restore into fresh objects", "[checkpoint][restore]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<Policy>("model");
    save_all(run, checkpoint, {3, 1, 2, std::nan("")});
    Model model;
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v3");
    CHECK(model == model_of(3));
    CHECK(checkpoint.restore(cairn::best, part("model", model)).label() == "v1");
    CHECK(model == model_of(1));
    CHECK(checkpoint.restore("v2", part("model", model)).step() == 2);
    CHECK(model == model_of(2));
    CHECK(checkpoint.restore(std::string{"v0"}, part("model", model)).row["loss"] == 3);
    CHECK(model == model_of(0));
}

TEST_CASE("Several parts of several kinds come back as they were", "[checkpoint][restore]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("state");
    Model model = model_of(7);
    model.weight[1] = std::nanf("");
    model.weight[2] = std::numeric_limits<float>::infinity();
    std::mt19937 random{42};
    random.discard(1000);
    nlohmann::json loop = {{"epoch", 3}, {"order", {3, 1, 2}}, {"loss", std::nan("")}};
    REQUIRE(checkpoint.step(run.log("loss"_m = 1.0), part("model", model), part("rng", random),
                            part("loop", loop)));

    Model other;
    std::mt19937 other_random;
    nlohmann::json other_loop;
    checkpoint.restore(cairn::latest, part("loop", other_loop), part("rng", other_random),
                       part("model", other));
    CHECK(other.weight[0] == 7);
    CHECK(std::isnan(other.weight[1]));
    CHECK(std::isinf(other.weight[2]));
    CHECK(other_random == random);
    CHECK(other_random() == random());
    CHECK(other_loop["order"] == loop["order"]);
    CHECK(std::isnan(other_loop["loss"].get<double>()));

    Model alone;  // one part of several
    checkpoint.restore(cairn::latest, part("model", alone));
    CHECK(alone.bias == model.bias);
}

TEST_CASE("A damaged newest version is reported and the one before is restored",
          "[checkpoint][restore][damage]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<Policy>("model");
    save_all(run, checkpoint, {1, 2, 3});
    const auto object = object_of(dir, "model", 2, "model.safetensors");
    SECTION("a byte is flipped") { flip_a_byte(object); }
    SECTION("it is cut short") {
        std::filesystem::permissions(object, std::filesystem::perms::owner_all);
        std::filesystem::resize_file(object, 20);
    }
    SECTION("it is gone") { erase_all(object); }
    Model model;
    StderrCapture errors;
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v1");
    CHECK(model == model_of(1));
    const std::string text = errors.text();
    CHECK(count_of(text, object.filename().string()) == 1);
    REQUIRE(run.health().errors.size() == 1);
    CHECK_THAT(run.health().errors[0], Contains(object.filename().string()));
    CHECK_FALSE(run.health().ok());

    const StderrCapture quiet;
    Model untouched;
    const auto failure =
        error_of([&] { checkpoint.restore("v2", part("model", untouched)); });  // asked for by name
    CHECK((failure.code() == errc::corrupt || failure.code() == errc::not_found));
    CHECK(untouched == Model{});
}

#if CAIRN_TEST_FORK  // who may read a file is another matter on Windows
TEST_CASE("latest is no older version because the newest cannot be opened just now",
          "[checkpoint][restore][damage]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<Policy>("model");
    save_all(run, checkpoint, {1, 2});
    using std::filesystem::perms;
    std::filesystem::permissions(dir.path(), perms::all);
    for (const auto& entry : std::filesystem::recursive_directory_iterator{dir.path()}) {
        if (entry.is_directory()) std::filesystem::permissions(entry.path(), perms::all);
    }
    const auto object = object_of(dir, "model", 1, "model.safetensors");
    std::filesystem::permissions(object, perms::none);
    const bool is_root = ::geteuid() == 0;  // who may read everything
    Model model;
    REQUIRE((!is_root || ::seteuid(65534) == 0));
    const auto restored = checkpoint.try_restore(cairn::latest, part("model", model));
    REQUIRE((!is_root || ::seteuid(0) == 0));
    std::filesystem::permissions(object, perms::owner_read);
    REQUIRE_FALSE(restored);
    CHECK(restored.error().code() == errc::permission);
    CHECK(model == Model{});
    CHECK(run.health().ok());
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v1");
}

#endif

TEST_CASE("A damaged object is replaced by the next save of the same content",
          "[checkpoint][restore][damage]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model");
    Model model = model_of(1);
    const auto save = [&](std::int64_t step) {
        return checkpoint.step(run.log(cairn::step(step), "loss"_m = 1), part("model", model)).wait().saved();
    };
    REQUIRE(save(0));
    flip_a_byte(object_of(dir, "model", 0, "model.safetensors"));
    REQUIRE(save(1));
    model = {};
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v1");
    CHECK(checkpoint.restore("v0", part("model", model)).label() == "v0");
    CHECK(model == model_of(1));
    CHECK(run.health().ok());
}

TEST_CASE("A manifest that cannot be read is reported and its version passed over",
          "[checkpoint][restore][damage]") {
    TempDir dir;
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<Policy>("model");
        save_all(run, checkpoint, {1, 2});
    }
    write(artifact_dir(dir, "model") / "versions" / "v1.json", "{\"format\":1,");
    auto run = open_run(dir);
    const StderrCapture quiet;
    auto checkpoint = run.checkpoint<Policy>("model");
    Model model;
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v0");
    CHECK(model == model_of(0));
    REQUIRE_FALSE(run.health().errors.empty());
    CHECK_THAT(run.health().errors[0], Contains("v1.json"));
}

TEST_CASE("A model that does not fit is refused with what does not, and untouched",
          "[checkpoint][restore][mismatch]") {
    OtherName other_name;
    OtherShape other_shape;
    OtherType other_type;
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<Policy>("model");
    save_all(run, checkpoint, {1, 2});
    Model first = model_of(50);
    const auto error_for = [&](auto& model) {
        const auto failure = error_of([&] { checkpoint.restore(cairn::latest, part("model", model)); });
        CHECK(failure.code() == errc::mismatch);
        CHECK(model.weight[0] == 1);
        CHECK(model.bias[0] == 1);
        return std::string{failure.what()};
    };
    CHECK_THAT(error_for(other_name), Contains("fc.offset"));
    CHECK_THAT(error_for(other_shape), Contains("fc.weight"));
    CHECK_THAT(error_for(other_type), Contains("fc.weight"));
    // With several parts, none is changed by the failure of one.
    Model good;
    auto both = run.checkpoint<cairn::EveryN<1>>("both");
    both.step(run.log("loss"_m = 1.0), part("a", first), part("b", first));
    CHECK(error_of([&] { both.restore(cairn::latest, part("a", good), part("b", other_shape)); }).code() ==
          errc::mismatch);
    CHECK(good == Model{});
    CHECK(run.health().ok());  // nothing is damaged
}

TEST_CASE("A part that the version does not have is an error, not damage", "[checkpoint][restore]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<Policy>("model");
    save_all(run, checkpoint, {1, 2});
    Model model, optimizer;
    const auto failure = error_of(
        [&] { checkpoint.restore(cairn::latest, part("model", model), part("optimizer", optimizer)); });
    CHECK(failure.code() == errc::not_found);
    CHECK_THAT(failure.what(), Contains("optimizer"));
    CHECK(model == Model{});
    CHECK(run.health().ok());
}

TEST_CASE("A version that does not exist lists those that do", "[checkpoint][restore]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<Policy>("model");
    Model model;
    const auto none = error_of([&] { checkpoint.restore(cairn::latest, part("model", model)); });
    CHECK(none.code() == errc::not_found);
    CHECK(checkpoint.try_restore(cairn::best, part("model", model)).error().code() == errc::not_found);
    save_all(run, checkpoint, {1, 2});
    for (const char* label : {"v9", "best", "latest", "", "v01"}) {
        const auto failure = error_of([&] { checkpoint.restore(label, part("model", model)); });
        CHECK(failure.code() == errc::not_found);
        CHECK_THAT(failure.what(), Contains("v0, v1"));
    }
    CHECK(model == Model{});
}

TEST_CASE("A resumed run goes on with the state of its versions", "[checkpoint][resume]") {
    TempDir dir;
    {
        auto run = open_run(dir);
        auto best = run.checkpoint<Policy>("best-model");
        auto every = run.checkpoint<cairn::EveryN<2>>("every");
        for (int epoch = 0; epoch < 5; ++epoch) {
            Model model = model_of(static_cast<float>(epoch));
            const auto row = run.log(cairn::step(epoch), "loss"_m = 5 - epoch);
            best.step(row, part("model", model));
            every.step(row, part("model", model));
        }
        CHECK(run.finish());
    }
    auto run = open_run(dir, "r", cairn::Resume::must);
    CHECK(run.resumed());
    auto best = run.checkpoint<Policy>("best-model");
    auto every = run.checkpoint<cairn::EveryN<2>>("every");
    CHECK(best.versions().size() == 5);
    CHECK(steps_of(every) == Steps{0, 2, 4});
    Model model;
    CHECK_FALSE(best.step(run.log(cairn::step(5), "loss"_m = 1.5), part("model", model)));  // 1.0 was saved
    CHECK(best.step(run.log(cairn::step(6), "loss"_m = 0.5), part("model", model)));

    const auto version = every.restore(cairn::latest, part("model", model));
    CHECK(model == model_of(4));
    CHECK(version.step() == 4);
    CHECK_FALSE(
        every.step(run.log(cairn::step(4), "loss"_m = 1.0), part("model", model)));  // it is restored from
    CHECK_FALSE(every.step(run.log(cairn::step(5), "loss"_m = 1.0), part("model", model)));
    CHECK(every.step(run.log(cairn::step(6), "loss"_m = 1.0), part("model", model)));
}

namespace {

// Policies whose assignment does not compile, or does not copy all; and one that braces would wrap.
struct AtEither {
    struct One {
        const std::int64_t step;
    };
    std::vector<One> steps{{1}, {2}};
    cairn::Answer decide(const auto& at) const {
        for (const One& one : steps)
            if (one.step == at.step) return cairn::Answer::yes;
        return cairn::Answer::no;
    }
};
struct CountsRows {
    std::int64_t seen = 0;
    CountsRows() = default;
    CountsRows(const CountsRows&) = default;
    CountsRows& operator=(const CountsRows&) { return *this; }
    ~CountsRows() = default;
    static cairn::Answer decide(const auto&) { return cairn::Answer::yes; }
    void settle(const auto&, cairn::Outcome) { ++seen; }
};
struct WrapsItself {
    std::vector<std::any> in;
    WrapsItself() = default;
    WrapsItself(std::initializer_list<std::any> of) : in{of} {}
    [[nodiscard]] cairn::Answer decide(const auto&) const {
        return in.empty() ? cairn::Answer::yes : cairn::Answer::no;
    }
};

}  // namespace

TEST_CASE("A policy need only be copied", "[checkpoint][resume]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    auto either = run.checkpoint<AtEither>("either");
    auto counts = run.checkpoint<CountsRows>("counts");
    auto wraps = run.checkpoint<WrapsItself>("wraps");
    for (int step = 0; step < 4; ++step) {
        const auto row = run.log(cairn::step(step), "loss"_m = 1.0);
        either.step(row, part("model", model));
        counts.step(row, part("model", model));
        wraps.step(row, part("model", model));
    }
    CHECK(either.versions().size() == 2);
    CHECK(wraps.versions().size() == 4);
    CHECK(either.restore("v0", part("model", model)).step() == 1);
    const CountsRows& policy = counts.policy();
    CHECK(policy.seen == 4);
    counts.restore("v1", part("model", model));
    CHECK(policy.seen == 3);  // two rows and the restoring
}

TEST_CASE("After restoring an earlier version, Best compares with what was saved up to it",
          "[checkpoint][resume]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<Policy>("model");
    save_all(run, checkpoint, {3, 1});
    Model model;
    checkpoint.restore("v0", part("model", model));
    CHECK(checkpoint.step(run.log(cairn::step(1), "loss"_m = 2.0), part("model", model)));
}

TEST_CASE("The version that was restored from is not pruned", "[checkpoint][resume]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model", cairn::KeepLast<2>{});
    save_all(run, checkpoint, {1, 1, 1});
    CHECK(labels_of(checkpoint) == Labels{"v1", "v2"});
    Model model;
    checkpoint.restore("v1", part("model", model));
    save_all(run, checkpoint, {1, 1, 1});
    CHECK(labels_of(checkpoint) == Labels{"v1", "v4", "v5"});
}

TEST_CASE("Another run restores from the versions of all, and does not prune them", "[checkpoint][resume]") {
    TempDir dir;
    {
        auto run = open_run(dir, "first");
        auto checkpoint = run.checkpoint<Policy>("model");
        save_all(run, checkpoint, {2, 1, 3});
    }
    auto run = open_run(dir, "second");
    auto checkpoint = run.checkpoint<Policy>("model", cairn::KeepLast<1>{});
    CHECK(checkpoint.versions().empty());
    Model model;
    CHECK(checkpoint.restore(cairn::best, part("model", model)).label() == "v1");
    CHECK(model == model_of(1));
    save_all(run, checkpoint, {9, 8});
    CHECK(versions_on_disk(dir, "model").size() >= 4);  // of the first run's three, none is gone
    CHECK(std::filesystem::exists(artifact_dir(dir, "model") / "v0" / "model.safetensors"));
    CHECK(run.use_artifact("model:best").label() == "v1");  // a worse one of this run does not take the alias
}

}  // namespace restore_test
