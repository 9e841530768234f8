// SPDX-License-Identifier: MIT
#include <cairn/policy/retention.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

namespace retention_test {

using cairn::operator|;  // two retentions of the tests' own
using cairn::KeepAll;
using cairn::KeepBest;
using cairn::KeepLast;
using cairn::maximize;
using cairn::minimize;
using cairn::Reading;
using cairn_test::inf;
using cairn_test::NaN;
using cairn_test::pick;
using namespace std::chrono_literals;

namespace {

using Maybe = std::optional<double>;
using Numbers = std::vector<std::uint64_t>;

struct Version {
    std::uint64_t number = 0;
    Maybe v, w;
};

Reading read(const void* source, std::string_view metric) {
    const Version& version = *static_cast<const Version*>(source);
    const Maybe& value = metric == "v" ? version.v : version.w;
    return value && (metric == "v" || metric == "w") ? Reading::of(*value) : Reading{};
}

/// The versions that `retention` keeps of these.
template <cairn::RetentionPolicy R>
std::vector<Version> kept(const R& retention, const std::vector<Version>& versions) {
    std::vector<cairn::VersionFacts> facts;
    for (const Version& version : versions) {
        facts.push_back({.number = version.number,
                         .step = static_cast<std::int64_t>(version.number) * 100,
                         .look_up = &read,
                         .source = &version});
    }
    retention.mark(cairn::VersionList{facts.data(), facts.size()});
    std::vector<Version> out;
    for (std::size_t i = 0; i < versions.size(); ++i) {
        if (facts[i].kept) out.push_back(versions[i]);
    }
    return out;
}

Numbers numbers(const std::vector<Version>& versions) {
    Numbers out;
    for (const Version& version : versions) out.push_back(version.number);
    return out;
}

std::vector<Version> versions_of(const std::vector<Maybe>& values) {
    std::vector<Version> out;
    for (const Maybe value : values) out.push_back({out.size(), value, {}});
    return out;
}

/// Which of the versions with these values of "v" are kept when all are there.
template <class R>
Numbers keeps(const R& retention, const std::vector<Maybe>& values) {
    return numbers(kept(retention, versions_of(values)));
}

/// The same when each is pruned after its commit.
template <class R>
Numbers keeps_online(const R& retention, const std::vector<Maybe>& values) {
    std::vector<Version> there;
    for (const Version& version : versions_of(values)) {
        there.push_back(version);
        there = kept(retention, there);
    }
    return numbers(there);
}

/// A user's own retention.
struct KeepEven {
    constexpr void mark(const cairn::VersionList& versions) const {
        for (std::size_t i = 0; i < versions.size(); ++i) {
            if (versions[i].number % 2 == 0) versions.keep(i);
        }
    }
};

}  // namespace

TEST_CASE("KeepAll keeps every version and KeepLast the newest", "[policy][retention]") {
    const std::vector<Maybe> five(5);
    CHECK(keeps(KeepAll{}, five) == Numbers{0, 1, 2, 3, 4});
    CHECK(keeps(KeepLast<2>{}, five) == Numbers{3, 4});
    CHECK(keeps(KeepLast<5>{}, five) == Numbers{0, 1, 2, 3, 4});
    CHECK(keeps(KeepLast<9>{}, five) == Numbers{0, 1, 2, 3, 4});
    CHECK(keeps(KeepLast<1>{}, {}).empty());
    CHECK(keeps(KeepAll{}, {}).empty());
}

TEST_CASE("KeepBest keeps the best by the written direction", "[policy][retention]") {
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {3., 1., 2.}) == Numbers{1});
    CHECK(keeps(KeepBest<2, "v", minimize>{}, {3., 1., 2.}) == Numbers{1, 2});
    CHECK(keeps(KeepBest<1, "v", maximize>{}, {2., 3., 1.}) == Numbers{1});
    CHECK(keeps(KeepBest<5, "v", maximize>{}, {2., 3., 1.}) == Numbers{0, 1, 2});
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {}).empty());
}

TEST_CASE("KeepBest keeps the first of equals", "[policy][retention]") {
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {1., 1., 1.}) == Numbers{0});
    CHECK(keeps(KeepBest<2, "v", maximize>{}, {1., 2., 1., 1.}) == Numbers{0, 1});
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {0., -0.}) == Numbers{0});
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {-0., 0.}) == Numbers{0});
}

TEST_CASE("KeepBest never keeps a NaN among the best", "[policy][retention]") {
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {NaN, 3., 2., 1.}) == Numbers{3});
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {3., NaN, 2.}) == Numbers{2});
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {3., 1., 2., NaN}) == Numbers{1});
    CHECK(keeps(KeepBest<3, "v", maximize>{}, {NaN, NaN, 1.}) == Numbers{2});
    CHECK(keeps(KeepBest<3, "v", maximize>{}, {NaN, NaN, NaN}).empty());
}

TEST_CASE("KeepBest compares infinities and 0.0 as numbers", "[policy][retention]") {
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {inf, 5., -inf}) == Numbers{2});
    CHECK(keeps(KeepBest<1, "v", maximize>{}, {-inf, 5., inf}) == Numbers{2});
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {inf}) == Numbers{0});
    CHECK(keeps(KeepBest<1, "v", minimize>{}, {1., 0., 2.}) == Numbers{1});
}

TEST_CASE("a version without the metric stays until three newer ones were committed", "[policy][retention]") {
    const KeepBest<1, "v", minimize> best;
    CHECK(keeps(best, {{}}) == Numbers{0});
    CHECK(keeps(best, {1., {}, 2.}) == Numbers{0, 1});
    CHECK(keeps(best, {1., {}, 2., 3.}) == Numbers{0, 1});
    CHECK(keeps(best, {1., {}, 2., 3., 4.}) == Numbers{0});
    CHECK(keeps(best, {{}, {}, {}, {}}) == Numbers{1, 2, 3});
}

TEST_CASE("newer versions that are gone already count against one without the metric",
          "[policy][retention]") {
    const KeepBest<1, "v", minimize> best;
    CHECK(keeps_online(best, {{}, 1., 2., 3.}) == Numbers{1});
    CHECK(keeps_online(best, {{}, 1., 2.}) == Numbers{0, 1});
    CHECK(keeps_online(best, {{}, 1., 2., 3., 4., 5., 6.}) == Numbers{1});
    CHECK(kept(best, {{10, {}, {}}, {11, 1., {}}, {14, 2., {}}}).size() == 1);
}

TEST_CASE("joined retentions keep what either wants", "[policy][retention]") {
    const std::vector<Maybe> values{1., 5., 4., 3., 2.};
    CHECK(keeps(KeepLast<2>{} | KeepBest<1, "v", minimize>{}, values) == Numbers{0, 3, 4});
    CHECK(keeps(KeepBest<1, "v", minimize>{} | KeepBest<1, "v", maximize>{}, values) == Numbers{0, 1});
    CHECK(keeps(KeepLast<1>{} | KeepEven{}, values) == Numbers{0, 2, 4});
    CHECK(keeps(KeepLast<1>{} | (KeepLast<1>{} | KeepBest<1, "v", minimize>{}), values) == Numbers{0, 4});
    CHECK(keeps((KeepLast<1>{} | KeepEven{}) | KeepBest<1, "v", maximize>{}, values) == Numbers{0, 1, 2, 4});
    CHECK(keeps(KeepLast<1>{} | KeepAll{}, values) == Numbers{0, 1, 2, 3, 4});
    CHECK(keeps(KeepEven{} | KeepEven{}, values) == Numbers{0, 2, 4});
}

TEST_CASE("a version whose facts cannot be looked up has no metric", "[policy][retention]") {
    const cairn::VersionFacts facts{.number = 3};
    CHECK(facts.reading<cairn::MetricNamed<"v">>().kind == Reading::Kind::missing);
}

// The table "One input, five answers" of other systems: minimise, keep one best.
TEST_CASE("KeepBest keeps the right version where other systems keep five different ones",
          "[policy][retention]") {
    const KeepBest<1, "v", minimize> best;
    for (const auto online : {false, true}) {
        const auto after = [&](const std::vector<Maybe>& values) {
            return online ? keeps_online(best, values) : keeps(best, values);
        };
        CHECK(after({NaN, 3., 2., 1.}) == Numbers{3});
        CHECK(after({3., 1., 2., NaN}) == Numbers{1});
        CHECK(after({1., 1., 1.}) == Numbers{0});
        CHECK(after({1., {}, 0.5}) == Numbers{1, 2});  // the metric of version 1 may still come
        CHECK(after({1., {}, 0.5, 2., 2.}) == Numbers{2});
        CHECK(after({1., 0., 2.}) == Numbers{1});
    }
}

namespace {

/// Random commits and late metrics, pruned after each event; then the same versions pruned once.
template <class R>
void check_that_online_is_offline(const R& retention, std::uint32_t seed) {
    std::mt19937 random{seed};
    const auto value = [&]() -> Maybe {
        const int kind = pick(random, 0, 11);
        if (kind < 3) return {};
        if (kind == 3) return NaN;
        if (kind == 4) return pick(random, 0, 1) == 0 ? inf : -inf;
        return pick(random, -4, 4);  // few values: many ties
    };
    std::vector<Version> there, all;
    for (int event = 0; event < 40; ++event) {
        if (!there.empty() &&
            pick(random, 0, 3) == 0) {  // a metric comes late, for a version that is still there
            Version& late = there[pick(random, std::size_t{0}, there.size() - 1)];
            if (!late.v) late.v = value();
            if (!late.w) late.w = value();
            all[static_cast<std::size_t>(late.number)] = late;
        } else {
            all.push_back({all.size(), value(), value()});
            there.push_back(all.back());
        }
        there = kept(retention, there);
        REQUIRE(numbers(there) == numbers(kept(retention, all)));
        REQUIRE(numbers(kept(retention, there)) == numbers(there));  // pruning again drops nothing
    }
}

}  // namespace

TEST_CASE("pruning after each event keeps what pruning once at the end would keep", "[policy][retention]") {
    for (const std::uint32_t seed : cairn_test::seeds(300)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        check_that_online_is_offline(KeepAll{}, seed);
        check_that_online_is_offline(KeepLast<1>{}, seed);
        check_that_online_is_offline(KeepLast<4>{}, seed);
        check_that_online_is_offline(KeepBest<1, "v", minimize>{}, seed);
        check_that_online_is_offline(KeepBest<3, "w", maximize>{}, seed);
        check_that_online_is_offline(KeepLast<2>{} | KeepBest<2, "v", minimize>{}, seed);
        check_that_online_is_offline(KeepBest<1, "v", minimize>{} | KeepBest<2, "w", maximize>{} | KeepEven{},
                                     seed);
    }
}

TEST_CASE("KeepBest keeps the n first of the versions sorted by value and age", "[policy][retention]") {
    for (const std::uint32_t seed : cairn_test::seeds(200)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        std::vector<Maybe> values;
        for (int i = pick(random, 0, 20); i > 0; --i) values.emplace_back(pick(random, -5, 5));
        std::vector<Version> sorted = versions_of(values);
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const Version& a, const Version& b) { return *a.v < *b.v; });
        sorted.resize(std::min<std::size_t>(sorted.size(), 4));
        Numbers should = numbers(sorted);
        std::sort(should.begin(), should.end());
        CHECK(keeps(KeepBest<4, "v", minimize>{}, values) == should);
    }
}

namespace {

/// Which of the versions with these facts are kept, by number.
template <cairn::RetentionPolicy R>
Numbers kept_of(const R& retention, std::vector<cairn::VersionFacts> facts) {
    for (std::size_t i = 0; i < facts.size(); ++i) facts[i].number = i;
    retention.mark(cairn::VersionList{facts.data(), facts.size()});
    Numbers out;
    for (std::size_t i = 0; i < facts.size(); ++i) {
        if (facts[i].kept) out.push_back(i);
    }
    return out;
}

std::vector<cairn::VersionFacts> at_steps(const std::vector<std::int64_t>& steps) {
    std::vector<cairn::VersionFacts> facts;
    for (const std::int64_t step : steps) facts.push_back({.step = step});
    return facts;
}

}  // namespace

TEST_CASE("KeepEvery keeps the first version of every n steps", "[policy][retention]") {
    using cairn::KeepEvery;
    CHECK(kept_of(KeepEvery<10>{}, at_steps({0, 5, 10, 15, 20})) == Numbers{0, 2, 4});
    CHECK(kept_of(KeepEvery<20>{}, at_steps({0, 7, 14, 21, 28, 35, 42})) == Numbers{0, 3, 6});
    CHECK(kept_of(KeepEvery<10>{}, at_steps({3, 9, 55, 58})) == Numbers{0, 2});
    CHECK(kept_of(KeepEvery<10>{}, at_steps({5, 15, 6, 25})) == Numbers{0, 1, 3});  // steps went back
    CHECK(kept_of(KeepEvery<10>{}, at_steps({-1, 1})) == Numbers{0, 1});
}

TEST_CASE("KeepFor keeps what is not much older than the newest version", "[policy][retention]") {
    std::vector<cairn::VersionFacts> facts;
    for (const std::int64_t minute : {0, 30, 60, 90, 91})
        facts.push_back({.time_ns = minute * 60'000'000'000});
    CHECK(kept_of(cairn::KeepFor{61min}, facts) == Numbers{1, 2, 3, 4});
    CHECK(kept_of(cairn::KeepFor{1s}, facts) == Numbers{4});
    CHECK(kept_of(cairn::KeepFor{1s} | KeepLast<2>{}, facts) == Numbers{3, 4});
    facts.push_back({.time_ns = 0});  // the clock was set back
    CHECK(kept_of(cairn::KeepFor{1s}, facts) == Numbers{4});
}

TEST_CASE("capped lets the oldest go first, and never what must stay", "[policy][retention]") {
    std::vector<cairn::VersionFacts> facts;
    for (const std::uint64_t bytes : {10U, 20U, 30U, 40U}) facts.push_back({.bytes = bytes});
    facts.back().held = true;
    CHECK(kept_of(cairn::capped(KeepAll{}, 100), facts) == Numbers{0, 1, 2, 3});
    CHECK(kept_of(cairn::capped(KeepAll{}, 99), facts) == Numbers{1, 2, 3});
    CHECK(kept_of(cairn::capped(KeepAll{}, 70), facts) == Numbers{2, 3});
    CHECK(kept_of(cairn::capped(KeepAll{}, 0), facts) == Numbers{3});
    CHECK(kept_of(cairn::capped(KeepLast<3>{}, 99), facts) == Numbers{1, 2, 3});
    facts[0].held = true;  // an alias names it: it counts, and others go
    CHECK(kept_of(cairn::capped(KeepAll{}, 80), facts) == Numbers{0, 2, 3});
    CHECK(kept_of(cairn::capped(KeepLast<2>{}, 75), facts) == Numbers{3});
}

TEST_CASE("KeepBest keeps the newest of equals when asked to", "[policy][retention]") {
    const auto equal = versions_of({1.0, 1.0, 2.0, 1.0});
    CHECK(numbers(kept(KeepBest<1, "v", minimize>{}, equal)) == Numbers{0});
    CHECK(numbers(kept(KeepBest<1, "v", minimize, cairn::ties::keep_newest>{}, equal)) == Numbers{3});
    CHECK(numbers(kept(KeepBest<2, "v", minimize, cairn::ties::keep_newest>{}, equal)) == Numbers{1, 3});
}

}  // namespace retention_test
