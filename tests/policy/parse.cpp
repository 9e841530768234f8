// SPDX-License-Identifier: MIT
#include <cmath>
#include <cairn/policy/parse.hpp>

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

namespace parse_test {

using cairn::Answer;
using cairn::Best;
using cairn::EveryN;
using cairn::maximize;
using cairn::minimize;
using cairn::Outcome;
using cairn::parse_policy;
using cairn::ParsedPolicy;
using cairn::to_text;
using cairn_test::pick;
using namespace cairn::literals;
using namespace std::chrono_literals;

namespace {

std::string again(const std::string& text) { return to_text(parse_policy(text).value()); }

/// A row with a metric or none, as random as can be, at a time after the last.
cairn::DynamicRow random_row(std::mt19937& random, std::int64_t& step, std::int64_t& time_ns) {
    step += pick(random, 0, 3);
    if (pick(random, 0, 30) == 0) step -= 10;
    time_ns += pick(random, 0, 20) * 1'000'000'000LL;
    const int kind = pick(random, 0, 9);
    const double value = kind == 1   ? cairn_test::NaN
                         : kind == 2 ? cairn_test::inf
                                     : pick(random, 0, 40) / 4.0;
    const std::vector<cairn::NamedValue> values = {{"epoch", step / 7}, {"v", value}};
    return {step, time_ns, values.data(), kind == 0 ? 1U : 2U};
}

/// The reasons of those that decided, with where they stand and what they are.
template <class P>
std::vector<std::string> reasons_of(const P& policy, const cairn::At<cairn::DynamicRow>& at) {
    std::vector<std::string> reasons;
    cairn::detail::explain(policy, at, [&](const auto& leaf, const cairn::Reason& reason, cairn::Path path) {
        std::string line;
        for (std::size_t i = 0; i < path.depth(); ++i) line += std::to_string(path[i]) + ".";
        cairn::detail::Text text;
        cairn::detail::spell(text, leaf);
        reasons.push_back(line + " " + text + ": " + to_text(reason));
    });
    return reasons;
}

/// A policy and what its text means answer the same on random rows and outcomes, for the same reasons.
template <class P>
void agree(const P& policy) {
    const std::string text = to_text(policy);
    INFO(text);
    CHECK(again(text) == text);
    for (const std::uint32_t seed : cairn_test::seeds(10)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        P typed = policy;
        ParsedPolicy parsed = parse_policy(text).value();
        std::int64_t step = 0, time_ns = 1'700'000'000'000'000'000;
        const std::int64_t start = time_ns;
        for (int i = 0; i < 150; ++i) {
            const cairn::DynamicRow row = random_row(random, step, time_ns);
            cairn::At<cairn::DynamicRow> at{row};
            at.seconds = static_cast<double>(time_ns - start) / 1e9;
            at.save_seconds = i * 0.4;
            at.final = pick(random, 0, 20) == 0;
            at.failure = !at.final && pick(random, 0, 20) == 0;
            at.signal = pick(random, 0, 20) == 0;
            const Answer answer = typed.decide(at);
            REQUIRE(parsed.decide(at) == answer);
            CHECK(reasons_of(typed, at) == reasons_of(parsed, at));
            CHECK(cairn::detail::rejected_by(typed, at) == cairn::detail::rejected_by(parsed, at));
            const Outcome outcome = pick(random, 0, 4) == 0   ? Outcome::failed
                                    : answer == Answer::yes   ? Outcome::saved
                                    : pick(random, 0, 9) == 0 ? Outcome::saved  // by hand
                                                              : Outcome::not_saved;
            cairn::detail::settle(typed, at, outcome);
            cairn::detail::settle(parsed, at, outcome);
        }
    }
}

}  // namespace

TEST_CASE("a policy and its text decide the same, for the same reasons", "[policy][parse]") {
    agree(cairn::NoBestSave{});
    agree(cairn::Manual{});
    agree(cairn::OnFinish{});
    agree(cairn::OnSignal{});
    agree(cairn::OnFailure{} | EveryN<9>{});
    agree(EveryN<3>{});
    agree(EveryN<2, "epoch">{});
    agree(cairn::AtSteps<0, 5, 9, 31>{});
    agree(cairn::EveryDuration{90s});
    agree(cairn::EveryDuration{-90s});  // as one of 0
    agree(cairn::EveryDuration{std::chrono::duration<double>{INFINITY}});
    agree(Best<"v", minimize>{});
    agree(Best<"v", maximize, cairn::ties::keep_newest>{});
    agree(Best<"v", minimize, cairn::nan::error, cairn::ties::keep_newest>{});
    agree(cairn::Improves<"v", minimize>{0.5});
    agree(cairn::Improves<"v", maximize, cairn::nan::error>{0.5});
    agree(cairn::TopK<2, "v", minimize, cairn::nan::error>{} | cairn::Below<"v", cairn::nan::error>{1});
    agree(cairn::Patience<"v", minimize, 4>{});
    agree(cairn::Patience<"v", maximize, 2, cairn::nan::error>{0.5});
    agree(cairn::TopK<4, "v", maximize>{});
    agree(cairn::Below<"v">{2.25});
    agree(cairn::Budget{2.5});
    agree(cairn::After<30>{});
    agree(cairn::until(40, EveryN<5>{}));
    agree(cairn::once(cairn::Below<"v">{3}));
    agree(cairn::first(3, Best<"v", minimize>{} | EveryN<50>{}));
    agree(cairn::at_most_every(2min, EveryN<1>{}));
    agree(!Best<"v", minimize>{});
    agree(Best<"v", minimize>{} | (EveryN<5>{} & !cairn::AtSteps<10, 20>{}) | cairn::OnFinish{});
    agree((Best<"v", minimize>{} | cairn::TopK<2, "v", maximize>{}) & !(EveryN<2>{} | cairn::Below<"v">{1}));
}

TEST_CASE("text is read as it is written, with or without spaces", "[policy][parse]") {
    CHECK(again("best(val/loss,min)|every(500)&after(100)") ==
          "best(val/loss, min) | every(500) & after(100)");
    CHECK(again(" ( (every( 2 ) ) ) ") == "every(2)");
    CHECK(again("!(!(never|manual))") == "!!(never | manual)");
    CHECK(again("every(30min) | every(2h) | every(250ms) | every(1d)") ==
          "every(1800s) | every(7200s) | every(0.25s) | every(86400s)");
    CHECK(again("every(9007199254740993) | every(1e3)") == "every(9007199254740993) | every(1000)");
    CHECK(again("below(\"a\rb\", 1)") == "below(\"a\rb\", 1)");
    CHECK(again("once(never)") == "first(1, never)");
    CHECK(again("after(3, every(1) | every(2))") == "after(3) & (every(1) | every(2))");
    CHECK(again(R"(below("a \"b\", c", 0.1))") == R"(below("a \"b\", c", 0.1))");
    CHECK(again("below(x, -1e-300)") == "below(x, -1e-300)");
    CHECK(again("below(x, .5) | below(x, 5.) | below(x, 1E+2) | below(x, 2e-1)") ==
          "below(x, 0.5) | below(x, 5) | below(x, 100) | below(x, 0.2)");
    CHECK(again("below(x, 0.1234567890123456789)") == "below(x, 0.12345678901234568)");
    CHECK(again("best(v, min, nan_error, newest)") == "best(v, min, newest, nan_error)");
    CHECK(again("patience(v, max, 3, 0.5)|signal|failure") == "patience(v, max, 3, 0.5) | signal | failure");
    CHECK(to_text(cairn::Predicate{[](const auto&) { return true; }} | EveryN<2>{}) == "custom | every(2)");
}

TEST_CASE("what is wrong is told with its character and what should be there", "[policy][parse]") {
    struct Case {
        std::string text;
        int at;
        std::string wanted;
    };
    const std::vector<Case> cases = {
        {"", 1, "a policy"},
        {"   ", 4, "a policy"},
        {"bset(x, min)", 1, "a policy"},
        {"every", 6, "'('"},
        {"every(", 7, "a count or a duration"},
        {"every(0)", 7, "1 or more"},
        {"every(-4)", 7, "1 or more"},
        {"every(2.5)", 7, "a duration with its unit"},
        {"every(1e30)", 7, "1 or more"},
        {"every(-3s)", 9, "neither negative"},
        {"every(1e308d)", 12, "nor infinite"},
        {"every(9223372036854775808)", 7, "1 or more"},
        {"every(3 weeks)", 9, "')'"},
        {"every(3", 8, "')'"},
        {"every(3))", 9, "the end"},
        {"every(3) every(4)", 10, "'|', '&' or the end"},
        {"every(3) |", 11, "a policy"},
        {"every(3) & | never", 12, "a policy"},
        {"(never", 7, "')'"},
        {"best(loss)", 10, "which way"},
        {"best(loss, up)", 10, "which way"},
        {"best(loss, min, oldest)", 17, "newest"},
        {"best(loss, min, )", 17, "newest"},
        {"below(loss, 3, newest)", 16, "nan_error"},
        {"patience(loss, min)", 19, "','"},
        {"patience(loss, min, 0)", 21, "1 or more"},
        {"best(, min)", 6, "the name of a metric"},
        {"below(\"loss, 3)", 16, "ends the name"},
        {"below(loss, nan)", 13, "a limit"},
        {"below(loss, 1e999)", 13, "a limit"},
        {"below(loss, 1e-999)", 13, "a limit"},
        {"below(loss, -)", 13, "a limit"},
        {"below(loss, .)", 13, "a limit"},
        {"below(loss, +1)", 13, "a limit"},
        {"below(loss, 1e)", 14, "')'"},
        {"below(loss, 0x10)", 14, "')'"},
        {"below(loss, inf)", 13, "a limit"},
        {"top(0, loss, min)", 5, "from 1 to 1000000"},
        {"top(99999999999999999999, loss, min)", 5, "from 1 to 1000000"},
        {"first(0, never)", 7, "1 or more"},
        {"after(-1)", 7, "0 or more"},
        {"steps()", 7, "an integer"},
        {"steps(1,)", 9, "an integer"},
        {"at_most_every(3, never)", 16, "a unit"},
        {std::string(500, '('), 101, "fewer parentheses"},
        {std::string(500, '!') + "never", 101, "fewer parentheses"},
        {std::string{"never\0", 6}, 6, "the end"},
    };
    for (const Case& bad : cases) {
        INFO(bad.text);
        const auto parsed = parse_policy(bad.text);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().code() == cairn::errc::invalid_argument);
        CHECK(parsed.error().tried().find("at character " + std::to_string(bad.at)) != std::string::npos);
        CHECK(parsed.error().advice().find(bad.wanted) != std::string::npos);
    }
}

TEST_CASE("no text, however wrong, does more than fail", "[policy][parse]") {
    const std::vector<std::string> words = {"every", "best", "(",    ")",     ",",    "|",   "&",     "!",
                                            "min",   "max",  "1",    "30min", "loss", "\"",  "never", "first",
                                            "top",   "-",    "9e99", " ",     "\\",   "once"};
    int good = 0;
    for (const std::uint32_t seed : cairn_test::seeds(20)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        for (int i = 0; i < 500; ++i) {
            std::string text;
            for (int n = pick(random, 0, 12); n > 0; --n)
                text += words[pick<std::size_t>(random, 0, words.size() - 1)];
            if (const auto parsed = parse_policy(text)) {
                ++good;
                CHECK(again(to_text(*parsed)) == to_text(*parsed));
            }
        }
    }
    if (cairn_test::seeds(20).size() > 1) CHECK(good > 0);
}

TEST_CASE("a copy of a parsed policy has a state of its own", "[policy][parse]") {
    cairn_test::Asked one{parse_policy("best(v, min)").value()};
    cairn_test::Asked other = one;
    CHECK(one(cairn::row("v"_m = 3.0)) == Answer::yes);
    CHECK(one(cairn::row("v"_m = 4.0)) == Answer::no);
    CHECK(other(cairn::row("v"_m = 4.0)) == Answer::yes);
    other = one;
    CHECK(other(cairn::row("v"_m = 3.5)) == Answer::no);
}

namespace {
struct Spelled {  // a policy that says itself how it is written
    constexpr Answer decide(const auto&) const { return Answer::no; }
    void spell(auto& out) const { out += "mine"; }
};
}  // namespace

TEST_CASE("what is joined is spelled whole, whatever one of its members says of itself", "[policy][text]") {
    const ParsedPolicy parsed = parse_policy("every(3) & until(9)").value();
    CHECK(to_text(parsed | EveryN<5>{}) == "every(3) & until(9) | every(5)");
    CHECK(to_text((EveryN<5>{} | parsed) & cairn::OnFinish{}) == "(every(5) | every(3) & until(9)) & finish");
    CHECK(to_text(Spelled{} | EveryN<5>{}) == "mine | every(5)");
    CHECK(to_text(EveryN<5>{} | (cairn::OnFinish{} & (EveryN<5>{} | Spelled{}))) ==
          "every(5) | finish & (every(5) | mine)");
}

TEST_CASE("a parsed policy joins with others and works in a dry run", "[policy][parse]") {
    std::vector<decltype(cairn::row(cairn::step(0), "v"_m = 0.5))> rows;
    for (int i = 0; i < 10; ++i) rows.push_back(cairn::row(cairn::step(i), "v"_m = 1.0 * ((i * 7) % 10)));
    const auto typed = simulate(Best<"v", minimize>{} | EveryN<4>{}, cairn::KeepAll{}, rows);
    const auto parsed = simulate(parse_policy("best(v, min)").value() | EveryN<4>{}, cairn::KeepAll{}, rows);
    REQUIRE(parsed.versions.size() == typed.versions.size());
    for (std::size_t i = 0; i < typed.versions.size(); ++i)
        CHECK(parsed.versions[i].step == typed.versions[i].step);
}

}  // namespace parse_test
