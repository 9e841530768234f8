// SPDX-License-Identifier: MIT
// `nan::error`: the rule that tells a NaN instead of passing it over.
#include <cairn/policy/policy.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace nan_test {

using cairn::Answer;
using cairn::Best;
using cairn::minimize;
using cairn_test::NaN;
using namespace cairn::literals;
using namespace std::chrono_literals;

namespace {

using Strict = Best<"v", minimize, cairn::nan::error>;

template <class P>
std::string_view rejected(const P& policy, std::optional<double> value, bool final = false) {
    const auto row = cairn::row("v"_m = value, "w"_m = 1.0);
    cairn::At now{row};
    now.final = final;
    return cairn::detail::rejected_by(policy, now);
}

}  // namespace

TEST_CASE("a policy with nan::error rejects a row whose metric is NaN, by its name", "[policy][nan]") {
    CHECK(rejected(Strict{}, NaN) == "v");
    CHECK(rejected(cairn::Improves<"v", minimize, cairn::nan::error>{0.1}, NaN) == "v");
    CHECK(rejected(cairn::TopK<2, "v", minimize, cairn::nan::error>{}, NaN) == "v");
    CHECK(rejected(cairn::Below<"v", cairn::nan::error>{3}, NaN) == "v");
    CHECK(rejected(cairn::Patience<"v", minimize, 3, cairn::nan::error>{}, NaN) == "v");
}

TEST_CASE("what is no NaN, or not asked for as an error, is not rejected", "[policy][nan]") {
    CHECK(rejected(Strict{}, 1).empty());
    CHECK(rejected(Strict{}, cairn_test::inf).empty());
    CHECK(rejected(Strict{}, {}).empty());
    CHECK(rejected(Best<"v", minimize>{}, NaN).empty());
    CHECK(rejected(Best<"v", minimize, cairn::nan::unknown>{}, NaN).empty());
    CHECK(rejected(Best<"w", minimize, cairn::nan::error>{}, NaN).empty());
    CHECK(rejected(Strict{}, NaN, true).empty());  // the end of training is no row
}

TEST_CASE("the answer to a rejected row is the unknown it is without the rule", "[policy][nan]") {
    const auto row = cairn::row("v"_m = NaN);
    CHECK(Strict{}.decide(cairn::At{row}) == Answer::nan);
    cairn_test::Asked<Strict> asked;
    CHECK(asked(row) == Answer::nan);
    CHECK(asked(cairn::row("v"_m = 3.0)) == Answer::yes);
}

TEST_CASE("a composition rejects what any of its policies rejects", "[policy][nan]") {
    CHECK(rejected(cairn::EveryN<1>{} | Strict{}, NaN) == "v");
    CHECK(rejected(cairn::EveryN<5>{} & Strict{}, NaN) == "v");
    CHECK(rejected(!Strict{}, NaN) == "v");
    CHECK(rejected(cairn::after(9, cairn::first(2, Strict{})), NaN) == "v");
    CHECK(rejected(cairn::at_most_every(1s, Strict{}), NaN) == "v");
    CHECK(rejected(cairn::EveryN<1>{} | Best<"v", minimize>{}, NaN).empty());
}

TEST_CASE("rules are taken in any order, and ties beside them", "[policy][nan]") {
    using Both = Best<"v", minimize, cairn::nan::error, cairn::ties::keep_newest>;
    STATIC_REQUIRE(std::is_same_v<Both, Best<"v", minimize, cairn::ties::keep_newest, cairn::nan::error>>);
    STATIC_REQUIRE(std::is_same_v<Best<"v", minimize>, Best<"v", minimize, cairn::nan::unknown>>);
    cairn_test::Asked<Both> asked;
    CHECK(asked(cairn::row("v"_m = 1.0)) == Answer::yes);
    CHECK(asked(cairn::row("v"_m = 1.0)) == Answer::yes);
}

}  // namespace nan_test
