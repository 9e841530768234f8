// SPDX-License-Identifier: MIT
// What a run records of its checkpoints' decisions, and what follows from it.
#include <cairn/checkpoint/checkpoint.hpp>
#include <cairn/query/runs.hpp>

#include "support.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace decisions_test {

using namespace cairn_test;
using namespace cairn::literals;
using cairn::Decision;
using cairn::EveryN;
using cairn::minimize;
using cairn::part;
using Catch::Matchers::Contains;
using Kind = cairn::Decision::Kind;

namespace {

using Lines = std::vector<std::string>;

/// Counts how often it is asked for its tensors.
struct Watching {
    std::vector<float> weight = std::vector<float>(1000);
    int* described;
    void describe(auto& fields) {
        ++*described;
        fields("weight", weight);
    }
};

Lines lines_of(const cairn::Run& run) {
    Lines lines;
    for (const Decision& decision : run.decisions()) lines.push_back(to_text(decision));
    return lines;
}

}  // namespace

TEST_CASE("every save and removal and every change of the reason to skip is recorded",
          "[checkpoint][decisions]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint =
        run.checkpoint("model", cairn::Best<"v", minimize>{} & cairn::after(2), cairn::KeepLast<1>{});
    Model model;
    const auto step = [&](std::int64_t n, std::optional<double> v) {
        checkpoint.step(run.log(cairn::step(n), "v"_m = v), part("model", model));
        checkpoint.wait();
    };
    step(0, 5.0);
    step(1, 4.0);  // not due either: nothing new
    step(2, 3.0);
    step(3, {});
    step(4, {});
    step(5, std::nan(""));
    step(6, 3.0);
    step(7, 2.5);
    step(8, 2.0);
    CHECK(
        lines_of(run) ==
        Lines{"step 0 model: opened with best(v, min) & after(2), keeps last(1)",
              "step 0 model: skipped, after(2): step 0 is before 2",
              "step 2 model: saved v0, best(v, min): 3 is the first value, after(2): step 2 is in the window",
              "step 3 model: skipped, best(v, min): the metric is missing",
              "step 5 model: skipped, best(v, min): the metric is NaN",
              "step 6 model: skipped, best(v, min): 3 equals the best",
              "step 7 model: saved v1, best(v, min): 2.5 beats 3, after(2): step 7 is in the window",
              "step 2 model: removed v0, not wanted by last(1)",
              "step 8 model: saved v2, best(v, min): 2 beats 2.5, after(2): step 8 is in the window",
              "step 7 model: removed v1, not wanted by last(1)"});
    CHECK(run.health().ok());
}

TEST_CASE("all other decisions follow by replay, each with its reason", "[checkpoint][decisions]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", cairn::Best<"v", minimize>{} | EveryN<4>{});
    Model model;
    const std::vector<double> values = {5, 6, 4, 4, 9, 8, 3};
    std::vector<bool> saved;
    for (std::size_t i = 0; i < values.size(); ++i) {
        saved.push_back(checkpoint
                            .step(run.log(cairn::step(static_cast<std::int64_t>(i)), "v"_m = values[i]),
                                  part("model", model))
                            .wait()
                            .saved());
    }
    const auto all = checkpoint.decisions();
    REQUIRE(all.size() == values.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i].step == static_cast<std::int64_t>(i));
        CHECK(all[i].row["v"] == values[i]);
        CHECK((all[i].answer == cairn::Answer::yes) == saved[i]);
        CHECK((all[i].kind == Kind::saved) == saved[i]);
    }
    CHECK(to_text(all[3]) ==
          "step 3 model: skipped, best(v, min): 4 equals the best, every(4): 3 is not due");
    CHECK(to_text(all[4]) == "step 4 model: saved v2, every(4): 4 is due");
    CHECK(all[4].because[0].path.depth() == 1);
    CHECK(all[4].because[0].path[0] == 1);
    CHECK(all[0].because[0].reason.rule == cairn::Rule::first_value);
    CHECK(all[6].because[0].reason.value == 3);
    CHECK(all[6].because[0].reason.reference == 4);
}

TEST_CASE("rows that a checkpoint was not asked about are not among its decisions",
          "[checkpoint][decisions]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    run.log(cairn::step(-1), "loss"_m = 9.0);  // before there is a checkpoint
    auto checkpoint = run.checkpoint<EveryN<2>>("model");
    run.log(cairn::step(-1), "loss"_m = 9.0);
    for (int epoch = 0; epoch < 6; ++epoch) {
        for (int batch = 0; batch < 3; ++batch) run.log(cairn::step(epoch * 3 + batch), "loss"_m = 0.5);
        if (epoch == 4) continue;
        checkpoint.step(run.log(cairn::step(epoch), "val"_m = 0.5), part("model", model));
    }
    run.log(cairn::step(99), "loss"_m = 9.0);
    Steps asked;
    for (const Decision& d : checkpoint.decisions()) asked.push_back(d.step);
    CHECK(asked == Steps{0, 1, 2, 3, 5});
}

TEST_CASE("a save by hand, a failure and a restore are recorded as what they are",
          "[checkpoint][decisions]") {
    struct Full : cairn::LocalStore {
        bool* is_full = nullptr;
        cairn::result<cairn::Version> commit() {
            if (!*is_full) return cairn::LocalStore::commit();
            return cairn::error{cairn::errc::no_space, "the disk is full", "/data", "make room"};
        }
    };
    TempDir dir;
    auto run = open_run(dir);
    bool is_full = false;
    Full sink;
    sink.is_full = &is_full;
    auto checkpoint =
        run.checkpoint("model", EveryN<2>{}, std::move(sink), cairn::SaveOptions{.async = false});
    Model model;
    const auto row = [&](std::int64_t step) { return run.log(cairn::step(step), "v"_m = 1.0); };
    checkpoint.save(row(1), part("model", model));
    is_full = true;
    const StderrCapture quiet;
    checkpoint.step(row(2), part("model", model));
    is_full = false;
    checkpoint.restore(cairn::latest, part("model", model));
    const auto all = run.decisions();
    REQUIRE(all.size() == 4);
    CHECK(all[1].kind == Kind::saved);
    CHECK(all[1].by_hand);
    CHECK(all[1].because.empty());
    CHECK(to_text(all[1]) == "step 1 model: saved v0 by hand");
    CHECK(all[2].kind == Kind::failed);
    CHECK(all[2].text.find("the disk is full") != std::string::npos);
    CHECK(all[2].because[0].reason.rule == cairn::Rule::due);
    CHECK(all[3].kind == Kind::restored);
    CHECK(all[3].version == 0);
}

TEST_CASE("decisions outlive a kill as rows do, and two checkpoints keep theirs apart",
          "[checkpoint][decisions]") {
    TempDir dir;
    {
        auto run = open_run(dir);
        auto one = run.checkpoint<EveryN<2>>("one");
        auto two = run.checkpoint<EveryN<3>>("two", cairn::Memory{});
        Model model;
        for (int i = 0; i < 7; ++i) {
            const auto row = run.log(cairn::step(i), "v"_m = 1.0);
            one.step(row, part("model", model));
            two.step(row, part("model", model));
        }
        cairn_test::copy_as_killed(dir / "store", dir / "image");
        const auto steps = [](const std::vector<Decision>& all) {
            Steps saved;
            for (const Decision& d : all) {
                if (d.kind == Kind::saved) saved.push_back(d.step);
            }
            return saved;
        };
        CHECK(steps(one.decisions()) == Steps{0, 2, 4, 6});
        CHECK(steps(two.decisions()) == Steps{0, 3, 6});
        CHECK(one.decisions().size() == 7);
        CHECK(two.decisions().size() == 7);
    }
    // Nothing was finished in the image; its ring is read.
    Steps saved;
    const auto image = cairn::open(dir / "image").value().find("r").value();
    for (const Decision& d : image.decisions().value()) {
        if (d.kind == Kind::saved && d.checkpoint == "two") saved.push_back(d.step);
    }
    CHECK(saved == Steps{0, 3, 6});
}

TEST_CASE("two checkpoints of one name at a time are refused, and one after the other is one",
          "[checkpoint][decisions]") {
    TempDir dir;
    auto run = open_run(dir);
    Model model;
    {
        auto first = run.checkpoint<EveryN<1>>("model");
        const auto failure = error_of([&] { (void)run.checkpoint<cairn::OnFinish>("model"); });
        CHECK(failure.code() == cairn::errc::busy);
        CHECK_THAT(failure.what(), Contains("model"));
        auto other = run.checkpoint<EveryN<1>>("other");
        auto by_hand = run.checkpoint<cairn::Manual>("model");  // decides nothing
        auto moved = std::move(first);
        CHECK(moved.step(run.log("loss"_m = 1.0), part("model", model)));
    }
    auto second = run.checkpoint<EveryN<1>>("model");
    CHECK(second.versions().size() == 1);
}

TEST_CASE("a decision comes back from its record as it was", "[checkpoint][decisions]") {
    Decision d;
    d.kind = Kind::saved;
    d.checkpoint = "model";
    d.step = -7;
    d.time_ns = 123;
    d.version = 5;
    d.answer = cairn::Answer::yes;
    d.because = {{"best(kind, min)",
                  cairn::Path{}.then(1).then(0),
                  {cairn::Answer::yes, cairn::Rule::better, 0.25, 0.5}},
                 {"every(2)", cairn::Path{}, {cairn::Answer::yes, cairn::Rule::crossed, 9, 2}}};
    d.text = "text";
    d.retention = "last(3)";
    const std::vector<cairn::NamedValue> values = {{"kind", 1}, {"policy", "x"}, {"row", std::nan("")}};
    d.row = {-7, 123, values.data(), values.size()};
    d.seconds = 1.5;
    d.save_seconds = 0.25;
    d.signal = d.failure = d.queued = true;
    d.rows = 3;
    const cairn::DynamicRow event = cairn::detail::to_event(d, 456, 7);
    std::vector<cairn::NamedValue> cells;
    event.for_each([&](std::string_view name, const cairn::Value& value) { cells.push_back({name, value}); });
    const auto back = cairn::detail::decision_of(
        {cairn::detail::RecordKind::event, 0, event.step(), event.time_ns(), cells});
    REQUIRE(back);
    CHECK(back->kind == d.kind);
    CHECK(back->checkpoint == d.checkpoint);
    CHECK(back->step == -7);
    CHECK(back->time_ns == 123);
    CHECK(back->recorded_ns == 456);
    CHECK(back->order == 7);
    CHECK(back->row.time_ns() == 123);
    CHECK(back->version == 5);
    CHECK(back->answer == cairn::Answer::yes);
    REQUIRE(back->because.size() == 2);
    CHECK(back->because[0].policy == "best(kind, min)");
    CHECK(back->because[0].path.depth() == 2);
    CHECK(back->because[0].path[0] == 1);
    CHECK(back->because[0].path[1] == 0);
    CHECK(back->because[0].reason.rule == cairn::Rule::better);
    CHECK(back->because[0].reason.value == 0.25);
    CHECK(back->because[1].reason.reference == 2);
    CHECK(back->because[1].path.depth() == 0);
    CHECK(back->text == "text");
    CHECK(back->retention == "last(3)");
    CHECK(back->row.size() == 3);
    CHECK(back->row["kind"] == 1);
    CHECK(std::isnan(back->row["row"]));
    CHECK(back->seconds == 1.5);
    CHECK(back->save_seconds == 0.25);
    CHECK((back->signal && back->failure && !back->final && !back->by_hand));
    CHECK(back->rows == 3);
}

TEST_CASE("what is no decision, or one of a newer version, is passed over", "[checkpoint][decisions]") {
    using cairn::detail::decision_of;
    using cairn::detail::RecordKind;
    const std::vector<cairn::NamedValue> newer = {{"kind", "teleported"}, {"checkpoint", "m"}};
    const std::vector<cairn::NamedValue> other = {{"loss", 1.0}};
    const std::vector<cairn::NamedValue> wrong = {
        {"kind", 3.0}, {"rule", 7}, {"value", "x"}, {"version", "y"}};
    const std::vector<cairn::NamedValue> odd = {
        {"kind", "saved"}, {"rule", "x"},           {"path", "..9999999999999.x"},
        {"policy", 1},     {"path", "1.2.x.99999"}, {"rule", "no such"}};
    CHECK_FALSE(decision_of({RecordKind::event, 0, 0, 0, newer}));
    CHECK_FALSE(decision_of({RecordKind::event, 0, 0, 0, other}));
    CHECK_FALSE(decision_of({RecordKind::event, 0, 0, 0, wrong}));
    CHECK_FALSE(decision_of({RecordKind::event, 0, 0, 0, {}}));
    CHECK_FALSE(decision_of({RecordKind::row, 0, 0, 0, odd}));
    const auto read = decision_of({RecordKind::event, 0, 0, 0, odd});
    REQUIRE(read);
    CHECK(read->because.size() == 1);
    CHECK(read->because[0].reason.rule == cairn::Rule::custom);
}

TEST_CASE("a no writes nothing and is counted in the bytes that it avoids", "[checkpoint][decisions]") {
    TempDir dir;
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<EveryN<4>>("model", cairn::Null{});
    int described = 0;
    Watching model{.described = &described};
    std::uint64_t bytes = 0;
    for (int i = 1; i <= 9; ++i) {
        const auto result = checkpoint.step(run.log(cairn::step(i), "v"_m = 1.0), part("model", model));
        if (result) bytes = result.version().bytes;
        if (i == 3) CHECK(described == 0);
    }
    CHECK(bytes > 4000);
    CHECK(checkpoint.bytes_avoided() == 7 * bytes);  // of nine rows two were saved
    const int after_two_saves = described;
    checkpoint.step(run.log(cairn::step(10), "v"_m = 1.0), part("model", model));
    CHECK(described == after_two_saves);
}

}  // namespace decisions_test
