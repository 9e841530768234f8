// SPDX-License-Identifier: MIT
#include <cairn/policy/predicate.hpp>

#include <cairn/core/dynamic_row.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace predicate_test {

using cairn::Answer;
using cairn::At;
using cairn::Predicate;
using cairn_test::Asked;
using cairn_test::row_at;
using cairn_test::saved_steps;
using cairn_test::steps;
using namespace cairn::literals;

namespace {

using Steps = std::vector<std::int64_t>;
using LossRow = decltype(cairn::row("loss"_m = 0.5));

bool is_low(const At<LossRow>& at) { return at["loss"_m] < 0.3; }

struct Late {
    bool operator()(const auto& at) const { return at.step > 7; }
};
struct LateForGood final {
    std::int64_t from = 7;
    bool operator()(const auto& at) const { return at.step > from; }
};

}  // namespace

TEST_CASE("Predicate saves where its callable says so", "[policy][predicate]") {
    CHECK(saved_steps(Predicate{[](const auto& at) { return at.step % 2 == 0; }}, steps(0, 5)) ==
          Steps{0, 2, 4});
    CHECK(saved_steps(Predicate<Late>{}, steps(5, 10)) == Steps{8, 9});
    CHECK(saved_steps(Predicate{LateForGood{8}}, steps(5, 10)) == Steps{9});
}

TEST_CASE("Predicate takes its At by value, by auto and by name", "[policy][predicate]") {
    const auto row = cairn::row("loss"_m = 0.2);
    CHECK(Asked{Predicate{[](auto at) { return at["loss"_m] < 0.3; }}}(row) == Answer::yes);
    CHECK(Asked{Predicate{[]<class R>(const At<R>& at) { return at["loss"_m] < 0.1; }}}(row) == Answer::no);
    CHECK(Asked{Predicate{[](const At<LossRow>& at) { return at["loss"_m] < 0.3; }}}(row) == Answer::yes);
}

TEST_CASE("Predicate takes a pointer to a function", "[policy][predicate]") {
    Asked asked{Predicate{&is_low}};
    CHECK(asked(cairn::row("loss"_m = 0.2)) == Answer::yes);
    CHECK(asked(cairn::row("loss"_m = 0.4)) == Answer::no);
}

TEST_CASE("Predicate keeps what its callable captured and can be composed", "[policy][predicate]") {
    const std::int64_t n = 3;
    const std::string text(100, 'x');
    const Predicate captured{[n, text](const auto& at) { return at.step % n == 0 && text.size() == 100; }};
    CHECK(saved_steps(captured, steps(0, 8)) == Steps{0, 3, 6});
    const auto composed = captured | cairn::AtSteps<1>{};
    const auto copy = composed;
    CHECK(saved_steps(composed, steps(0, 8)) == Steps{0, 1, 3, 6});
    CHECK(saved_steps(copy, steps(0, 8)) == Steps{0, 1, 3, 6});
}

TEST_CASE("Predicate may answer in three values", "[policy][predicate]") {
    const Predicate low{[](const auto& at) {
        using Kind = cairn::Reading::Kind;
        const cairn::Reading loss = at.template reading<cairn::MetricNamed<"loss">>();
        return loss.kind == Kind::number ? cairn::answer(loss.value < 0.3) : Answer::missing;
    }};
    CHECK(Asked{low}(cairn::row(cairn::step(0), {{"loss", 0.2}})) == Answer::yes);
    CHECK(Asked{low}(cairn::row(cairn::step(0), {{"acc", 0.2}})) == Answer::missing);
    CHECK(Asked{!low}(cairn::row(cairn::step(0), {{"acc", 0.2}})) == Answer::missing);
    CHECK(Asked{!low}(cairn::row(cairn::step(0), {{"loss", 0.2}})) == Answer::no);
}

TEST_CASE("Predicate sees all that an At holds", "[policy][predicate]") {
    const auto row = row_at(3);
    At at{row};
    at.signal = true;
    CHECK(Predicate{[](const auto& a) { return a.signal; }}.decide(at) == Answer::yes);
    CHECK(Predicate{[](const auto& a) { return a.final; }}.decide(at) == Answer::no);
    at.final = true;
    CHECK(Predicate{[](const auto& a) { return a.final; }}.decide(at) == Answer::yes);
    at.seconds = 60;
    at.save_seconds = 0.5;
    CHECK(Predicate{[](const auto& a) { return a.save_seconds < 0.01 * a.seconds; }}.decide(at) ==
          Answer::yes);
}

}  // namespace predicate_test
