// SPDX-License-Identifier: MIT
#include <cairn/policy/simulate.hpp>

#include <cairn/core/dynamic_row.hpp>
#include <cairn/policy/policy.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace simulate_test {

using cairn::Best;
using cairn::DynamicRow;
using cairn::EveryN;
using cairn::KeepAll;
using cairn::KeepBest;
using cairn::KeepEvery;
using cairn::KeepLast;
using cairn::minimize;
using cairn::simulate;
using cairn::Simulation;
using cairn_test::pick;
using namespace cairn::literals;

namespace {

std::vector<DynamicRow> rows_of(const std::vector<double>& values) {
    std::vector<DynamicRow> rows;
    for (const double value : values) rows.push_back(cairn::row(cairn::step(rows.size()), {{"v", value}}));
    return rows;
}

std::vector<std::int64_t> steps_of(const Simulation& simulation, bool only_kept = false) {
    std::vector<std::int64_t> steps;
    for (const auto& version : simulation.versions) {
        if (version.kept || !only_kept) steps.push_back(version.step);
    }
    return steps;
}

using Steps = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a dry run takes rows that a range makes as it goes", "[policy][simulate]") {
    struct Made {
        struct Iterator {
            int at;
            DynamicRow operator*() const { return cairn::row(cairn::step(at), {{"v", 9.0 - at}}); }
            Iterator& operator++() { return ++at, *this; }
            bool operator==(const Iterator&) const = default;
        };
        [[nodiscard]] Iterator begin() const { return {0}; }
        [[nodiscard]] Iterator end() const { return {9}; }
    } made;
    CHECK(steps_of(simulate(Best<"v", minimize>{} & EveryN<3>{}, KeepBest<1, "v", minimize>{}, made)) ==
          Steps{0, 3, 6});
}

TEST_CASE("a dry run tells which versions would have been saved and which would be left",
          "[policy][simulate]") {
    const auto rows = rows_of({5, 6, 3, 4, 4, 2, 7, 8, 9});
    const auto done = simulate(Best<"v", minimize>{} | EveryN<4>{},
                               KeepLast<1>{} | KeepBest<1, "v", minimize>{}, rows, {.version_bytes = 10});
    CHECK(steps_of(done) == Steps{0, 2, 4, 5, 8});
    CHECK(steps_of(done, true) == Steps{5, 8});
    CHECK(done.kept() == 2);
    CHECK(done.bytes_written == 50);
    CHECK(done.bytes_kept == 20);
    CHECK(done.most_bytes_kept == 30);
    CHECK(done.versions[0].removed_after_row == 2);
    CHECK(done.versions[1].removed_after_row == 5);
    CHECK(done.versions[2].removed_after_row == 5);
    CHECK(done.rows_lost_at(0) == 0);
    CHECK(done.rows_lost_at(1) == 1);
    CHECK(done.rows_lost_at(7) == 2);
    CHECK(done.most_rows_lost() == 2);
}

TEST_CASE("a policy is a type in a dry run, and typed rows do as well", "[policy][simulate]") {
    std::vector<decltype(cairn::row(cairn::step(0), "v"_m = 0.5))> typed;
    for (int i = 0; i < 5; ++i) typed.push_back(cairn::row(cairn::step(i), "v"_m = i * 0.5));
    CHECK(steps_of(simulate<EveryN<2>>(typed)) == Steps{0, 2, 4});
    CHECK(steps_of(simulate<EveryN<2>, KeepLast<2>>(typed), true) == Steps{2, 4});
    CHECK(steps_of(simulate<EveryN<1>, KeepBest<1, "v", minimize>>(typed), true) == Steps{0, 4});
    CHECK(steps_of(simulate<cairn::NoBestSave>(typed)).empty());
    CHECK(simulate<cairn::NoBestSave>(typed).most_rows_lost() == 5);
    CHECK(simulate<EveryN<2>>(std::vector<DynamicRow>{}).versions.empty());
}

TEST_CASE("OnFinish saves the last row in a dry run, unless it is saved", "[policy][simulate]") {
    const auto rows = rows_of({1, 2, 3, 4});
    CHECK(steps_of(simulate<cairn::OnFinish>(rows)) == Steps{3});
    CHECK(simulate<cairn::OnFinish>(rows).most_rows_lost() == 3);
    CHECK(steps_of(simulate<cairn::Any<EveryN<3>, cairn::OnFinish>>(rows)) == Steps{0, 3});
}

TEST_CASE("pruning after each save keeps what pruning once at the end would", "[policy][simulate]") {
    for (const std::uint32_t seed : cairn_test::seeds(200)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        std::vector<DynamicRow> rows;
        std::int64_t step = 0;
        for (int i = 0; i < 60; ++i) {
            step += pick(random, 1, 9);
            if (pick(random, 0, 19) == 0) step = std::max<std::int64_t>(0, step - 30);  // steps may go back
            const int kind = pick(random, 0, 9);
            const double value = kind == 0 ? cairn_test::NaN : pick(random, 0, 8) / 4.0;
            rows.push_back(
                {step, i * 1'000'000'000LL, std::vector<cairn::NamedValue>{{"v", value}}.data(), 1});
        }
        const auto retention = KeepLast<2>{} | KeepBest<3, "v", minimize>{} | KeepEvery<25>{} |
                               KeepBest<1, "v", cairn::maximize, cairn::ties::keep_newest>{};
        const Simulation online = simulate(EveryN<1>{}, retention, rows);
        const Simulation all = simulate(EveryN<1>{}, KeepAll{}, rows);
        REQUIRE(all.versions.size() == online.versions.size());
        std::vector<cairn::VersionFacts> facts;
        for (const auto& version : all.versions) {
            facts.push_back({version.number, version.step, version.time_ns, 0,
                             [](const void* row, std::string_view metric) {
                                 return static_cast<const DynamicRow*>(row)->find(metric).reading();
                             },
                             &rows[version.row]});
        }
        retention.mark({facts.data(), facts.size()});
        for (std::size_t i = 0; i < facts.size(); ++i) CHECK(online.versions[i].kept == facts[i].kept);
    }
}

TEST_CASE("a dry run has signals and a failure, if it is told of them", "[policy][simulate]") {
    const auto rows = rows_of({1, 2, 3, 4, 5, 6});
    CHECK(steps_of(simulate(cairn::OnSignal{}, KeepAll{}, rows, {.signals = {1, 4}})) == Steps{1, 4});
    CHECK(steps_of(simulate(cairn::OnSignal{} & EveryN<3>{}, KeepAll{}, rows, {.signals = {1}})) == Steps{3});
    CHECK(steps_of(simulate<cairn::OnSignal>(rows)).empty());
    CHECK(steps_of(simulate(cairn::OnFailure{}, KeepAll{}, rows, {.fails = true})) == Steps{5});
    CHECK(steps_of(simulate(cairn::OnFailure{}, KeepAll{}, rows)).empty());
    CHECK(steps_of(simulate(cairn::OnFinish{}, KeepAll{}, rows, {.fails = true})).empty());
}

}  // namespace simulate_test
