// SPDX-License-Identifier: MIT
#include <cairn/policy/parse_retention.hpp>

#include <cairn/core/dynamic_row.hpp>
#include <cairn/policy/policy.hpp>
#include <cairn/policy/simulate.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace parse_retention_test {

using cairn::capped;
using cairn::KeepAll;
using cairn::KeepBest;
using cairn::KeepEvery;
using cairn::KeepFor;
using cairn::KeepLast;
using cairn::maximize;
using cairn::minimize;
using cairn::parse_retention;
using cairn::to_text;
using cairn_test::pick;
using namespace std::chrono_literals;

namespace {

std::string again(const std::string& text) { return to_text(parse_retention(text).value()); }

/// A retention and what its text means keep the same versions of random runs.
template <class R>
void agree(const R& retention) {
    const std::string text = to_text(retention);
    INFO(text);
    CHECK(again(text) == text);
    const auto parsed = parse_retention(text).value();
    const auto typed_watch = cairn::detail::watched_by(retention);
    const auto parsed_watch = cairn::detail::watched_by(parsed);
    CHECK(typed_watch.metric == parsed_watch.metric);
    CHECK(typed_watch.direction == parsed_watch.direction);
    for (const std::uint32_t seed : cairn_test::seeds(20)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        std::vector<cairn::DynamicRow> rows;
        std::int64_t time_ns = 1;
        for (int i = 0; i < 60; ++i) {
            time_ns += pick(random, 0, 90) * 60'000'000'000LL;
            const double value = pick(random, 0, 9) == 0 ? cairn_test::NaN : pick(random, 0, 12) / 4.0;
            const std::vector<cairn::NamedValue> values = {{"v", value}};
            rows.push_back(
                {i * pick(random, 1, 3), time_ns, values.data(), pick(random, 0, 6) == 0 ? 0U : 1U});
        }
        const auto one = simulate(cairn::EveryN<1>{}, retention, rows, {.version_bytes = 10});
        const auto other = simulate(cairn::EveryN<1>{}, parsed, rows, {.version_bytes = 10});
        REQUIRE(one.versions.size() == other.versions.size());
        for (std::size_t i = 0; i < one.versions.size(); ++i) {
            CHECK(one.versions[i].kept == other.versions[i].kept);
            CHECK(one.versions[i].removed_after_row == other.versions[i].removed_after_row);
        }
    }
}

struct KeepOdd {
    constexpr void mark(const cairn::VersionList&) const {}
};
struct KeepNamed {
    constexpr void mark(const cairn::VersionList&) const {}
    void spell(auto& out) const { out += "named"; }
};

}  // namespace

TEST_CASE("a retention and its text keep the same versions", "[policy][parse]") {
    agree(KeepAll{});
    agree(KeepLast<3>{});
    agree(KeepBest<2, "v", minimize>{});
    agree(KeepBest<1, "v", maximize, cairn::ties::keep_newest>{});
    agree(KeepEvery<25>{});
    agree(KeepFor{3h});
    agree(KeepLast<2>{} | KeepBest<1, "v", minimize>{} | KeepEvery<40>{} | KeepFor{90min});
    agree(capped(KeepLast<9>{} | KeepBest<2, "v", minimize>{}, 50));
    agree(capped(KeepAll{}, 70));
}

TEST_CASE("a retention's text is read with or without spaces, with units", "[policy][parse]") {
    CHECK(again(" last( 3 )|best(1,val/loss,min) ") == "last(3) | best(1, val/loss, min)");
    CHECK(again("for(2h) | for(1d) | for(500ms)") == "for(7200s) | for(86400s) | for(0.5s)");
    CHECK(again("capped(all, 5GB)") == "capped(all, 5000000000)");
    CHECK(again("capped(all, 1.5 MiB)") == "capped(all, 1572864)");
    CHECK(again("capped(all, 9007199254740993B)") == "capped(all, 9007199254740993)");
    CHECK(again("capped(all, 18446744073709551614)") == "capped(all, 18446744073709551614)");
    CHECK(again("capped(last(2), 7)") == "capped(last(2), 7)");
    CHECK(again("capped(last(2), 7 B)") == "capped(last(2), 7)");
    CHECK(again(R"(best(2, "my loss", max, newest))") == R"(best(2, "my loss", max, newest))");
    CHECK(to_text(KeepOdd{} | KeepLast<2>{}) == "custom | last(2)");
    CHECK(to_text(KeepNamed{} | KeepLast<2>{}) == "named | last(2)");
}

TEST_CASE("what is wrong with a retention's text is told with its character", "[policy][parse]") {
    struct Case {
        std::string text;
        int at;
        std::string wanted;
    };
    const std::vector<Case> cases = {
        {"", 1, "a retention"},
        {"lsat(3)", 1, "a retention"},
        {"last", 5, "'('"},
        {"last(0)", 6, "1 or more"},
        {"last(-3)", 6, "1 or more"},
        {"last(2.5)", 7, "')'"},
        {"last(99999999999999999999)", 6, "1 or more"},
        {"last(3) & last(2)", 9, "'|' or the end"},
        {"last(3) |", 10, "a retention"},
        {"best(1, loss)", 13, "which way"},
        {"best(loss, min)", 6, "1 or more"},
        {"best(1, loss, min, oldest)", 20, "newest"},
        {"every(0)", 7, "1 or more"},
        {"for(3)", 6, "a unit"},
        {"for(-3h)", 7, "neither negative"},
        {"capped(all)", 11, "','"},
        {"capped(all, )", 13, "a number of bytes"},
        {"capped(all, 5 GBit)", 15, "a unit"},
        {"capped(all, -1)", 13, "0 to 9 EB"},
        {"capped(all, 1e30)", 13, "0 to 9 EB"},
        {"capped(all, nan)", 13, "a number of bytes"},
        {"capped(all, 5) | last(3)", 16, "around all of it"},
        {"last(3) | capped(all, 5)", 11, "a retention"},
    };
    for (const Case& bad : cases) {
        INFO(bad.text);
        const auto parsed = parse_retention(bad.text);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().code() == cairn::errc::invalid_argument);
        CHECK(parsed.error().tried().find("at character " + std::to_string(bad.at)) != std::string::npos);
        CHECK(parsed.error().advice().find(bad.wanted) != std::string::npos);
    }
}

}  // namespace parse_retention_test
