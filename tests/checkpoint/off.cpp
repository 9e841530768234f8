// SPDX-License-Identifier: MIT
// What is off: it evaluates its arguments as ever and touches nothing else. tests/codegen has the proof that
// it costs nothing.
#include <cairn/checkpoint/disabled.hpp>

#include "support.hpp"
#include "support/catch.hpp"

#include <string>
#include <type_traits>

namespace off_test {

using namespace cairn_test;
using namespace cairn::literals;
using cairn::part;

namespace {

/// A model whose `describe` does not compile once anybody asks for it.
struct Unspeakable {
    template <class Fields>
    void describe(Fields& fields) {
        static_assert(!std::is_same_v<Fields, Fields>, "describe was instantiated");
        fields.nothing_like_it();
    }
};

/// Counts how often it is evaluated.
struct Counted {
    int evaluated = 0;
    double operator()() { return ++evaluated; }
};

}  // namespace

TEST_CASE("what is off evaluates each argument exactly once", "[checkpoint][off]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    Counted loss, name, step;
    const auto named = [&]() -> std::string { return name(), "model"; };

    auto checkpoint = run.checkpoint<cairn::NoBestSave>(named());
    checkpoint.step(cairn::row(cairn::step(static_cast<int>(step())), "loss"_m = loss()),
                    part("model", model));
    CHECK(name.evaluated == 1);
    CHECK(loss.evaluated == 1);
    CHECK(step.evaluated == 1);

    auto off = cairn::init<cairn::Disabled>();
    auto saving = off.checkpoint<cairn::EveryN<1>>(named());
    const auto row = off.log(cairn::step(static_cast<int>(step())), "loss"_m = loss());
    saving.step(row, part("model", model));
    off.log({{named(), loss()}}, {.step = static_cast<int>(step())});
    off.watch(model, loss());
    off.log_model(named(), part("model", model));
    CHECK(loss.evaluated == 4);
    CHECK(step.evaluated == 3);
    CHECK(name.evaluated == 4);

    // Logging on, saving off: the row is logged once.
    auto without = run.checkpoint("model", cairn::NoBestSave{} & cairn::EveryN<1>{});
    CHECK_FALSE(without.step(run.log("loss"_m = loss()), part("model", model)));
    CHECK(loss.evaluated == 5);
    CHECK(run.health().rows_logged == 1);
    CHECK(run.decisions().empty());
}

TEST_CASE("what is off never asks a model to describe itself", "[checkpoint][off]") {
    TempDir dir;
    auto run = open_run(dir);
    Unspeakable model;
    auto never = run.checkpoint<cairn::NoBestSave>("model");
    CHECK(never.step(cairn::row("loss"_m = 1.0), part("model", model)).reason == cairn::SkipReason::off);
    CHECK_FALSE(never.finish(part("model", model)));
    auto guard = never.guard(part("model", model));
    auto operand = run.checkpoint("model", cairn::EveryN<2>{} & cairn::NoBestSave{}, cairn::KeepLast<2>{});
    operand.step(cairn::row("loss"_m = 1.0), part("model", model));
    auto off = cairn::init<cairn::Disabled>();
    auto disabled = off.checkpoint("model", cairn::Best<"loss", cairn::minimize>{});
    disabled.step(off.log("loss"_m = 1.0), part("model", model));
    auto other_guard = disabled.guard(part("model", model));
    off.watch(model);
    off.log_model("model", part("model", model));
    CHECK(versions_on_disk(dir, "model").empty());
}

TEST_CASE("a run that is off stops training as one that is recorded", "[checkpoint][off]") {
    auto off = cairn::init<cairn::Disabled>();
    cairn::Patience<"loss", cairn::minimize, 2> patience;
    int steps = 0;
    for (const double loss : {3.0, 2.0, 2.5, 2.5, 2.5}) {
        ++steps;
        if (off.should_stop(off.log("loss"_m = loss), patience)) break;
    }
    CHECK(steps == 4);
    CHECK(off.decisions().empty());
}

}  // namespace off_test
