// SPDX-License-Identifier: MIT
#include <cairn/policy/reason.hpp>

#include <cairn/policy/policy.hpp>
#include <cairn/policy/text.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <optional>
#include <random>
#include <string>
#include <vector>

namespace reason_test {

using cairn::Answer;
using cairn::Best;
using cairn::EveryN;
using cairn::minimize;
using cairn::Outcome;
using cairn::Reason;
using cairn::Rule;
using cairn::to_text;
using cairn_test::Asked;
using namespace cairn::literals;

namespace {

using Rules = std::vector<Rule>;

/// The rules of those that decided at this row.
template <class P, class R>
Rules rules_of(const Asked<P>& asked, const R& row) {
    Rules rules;
    cairn::detail::explain(
        asked.policy, cairn::At<R>{row},
        [&](const auto&, const Reason& reason, cairn::Path) { rules.push_back(reason.rule); });
    return rules;
}

auto row(std::int64_t step, std::optional<double> value) {
    return cairn::row(cairn::step(step), "v"_m = value);
}

}  // namespace

TEST_CASE("the reasons are those of the policies that decided", "[policy][reason]") {
    Asked asked{Best<"v", minimize>{} | EveryN<4>{}};
    CHECK(rules_of(asked, row(0, 3.0)) == Rules{Rule::first_value, Rule::due});
    asked(row(0, 3.0));
    CHECK(rules_of(asked, row(1, 2.0)) == Rules{Rule::better});
    CHECK(rules_of(asked, row(1, 3.0)) == Rules{Rule::tie, Rule::not_due});
    CHECK(rules_of(asked, row(1, 4.0)) == Rules{Rule::worse, Rule::not_due});
    CHECK(rules_of(asked, row(1, {})) == Rules{Rule::missing});
    CHECK(rules_of(asked, row(1, cairn_test::NaN)) == Rules{Rule::nan});
    CHECK(rules_of(asked, row(5, {})) == Rules{Rule::crossed});
}

TEST_CASE("a window, a negation and a policy of one's own say why too", "[policy][reason]") {
    CHECK(rules_of(Asked{cairn::after(5, EveryN<2>{})}, row(2, {})) == Rules{Rule::before_window});
    CHECK(rules_of(Asked{cairn::until(5, EveryN<2>{})}, row(6, {})) == Rules{Rule::after_window});
    CHECK(rules_of(Asked{cairn::after(5, EveryN<2>{})}, row(6, {})) == Rules{Rule::in_window, Rule::due});
    CHECK(rules_of(Asked{!EveryN<2>{}}, row(3, {})) == Rules{Rule::not_due});
    CHECK(rules_of(Asked{cairn_test::Says{Answer::yes} | cairn::AtSteps<1>{}}, row(0, {})) ==
          Rules{Rule::custom});
    Asked once{cairn::once(EveryN<2>{})};
    CHECK(rules_of(once, row(2, {})) == Rules{Rule::due});
    once(row(2, {}));
    CHECK(rules_of(once, row(4, {})) == Rules{Rule::spent});
}

TEST_CASE("a reason has the values that were compared", "[policy][reason]") {
    Asked<Best<"v", minimize>> asked;
    asked(row(0, 3.0));
    const auto now = row(1, 2.5);
    const Reason reason = asked.policy.reason(cairn::At{now});
    CHECK(reason.answer == Answer::yes);
    CHECK(reason.value == 2.5);
    CHECK(reason.reference == 3.0);
}

TEST_CASE("whatever the rows, somebody decided, and as the whole did", "[policy][reason]") {
    for (const std::uint32_t seed : cairn_test::seeds(30)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        Asked asked{(Best<"v", minimize>{} & cairn::after(3, EveryN<2>{})) |
                    cairn::once(cairn::Below<"v">{2}) | cairn::TopK<2, "v", cairn::maximize>{}};
        for (int i = 0; i < 100; ++i) {
            const int kind = cairn_test::pick(random, 0, 5);
            const auto now = row(i, kind == 0   ? std::optional<double>{}
                                    : kind == 1 ? cairn_test::NaN
                                                : cairn_test::pick(random, 0, 20) / 2.0);
            const Answer whole = asked.policy.decide(cairn::At{now});
            int told = 0;
            cairn::detail::explain(asked.policy, cairn::At{now},
                                   [&](const auto&, const Reason& reason, cairn::Path) {
                                       ++told;
                                       CHECK(cairn_test::same_truth(reason.answer, whole));
                                   });
            CHECK(told > 0);
            asked(now, cairn_test::pick(random, 0, 3) == 0 ? Outcome::failed : Outcome::saved);
        }
    }
}

TEST_CASE("where a policy stands in a composition is told with its reason", "[policy][reason]") {
    const auto where = [](const auto& policy, const auto& now) {
        std::string all;
        cairn::detail::explain(policy, cairn::At{now},
                               [&](const auto&, const Reason& reason, cairn::Path path) {
                                   for (std::size_t i = 0; i < path.depth(); ++i)
                                       all += std::to_string(path[i]) + ".";
                                   all += std::string{to_string(reason.rule)} + " ";
                               });
        return all;
    };
    CHECK(where(EveryN<2>{}, row(2, 1.0)) == "due ");
    CHECK(where(Best<"v", minimize>{} | EveryN<2>{}, row(2, {})) == "1.due ");
    CHECK(where((Best<"v", minimize>{} & EveryN<2>{}) | cairn::once(EveryN<1>{}), row(2, 1.0)) ==
          "0.0.first_value 0.1.due 1.0.due ");
    CHECK(where(!(EveryN<2>{} | EveryN<3>{}), row(1, {})) == "0.0.not_due 0.1.not_due ");
    auto deep = cairn::once(cairn::once(cairn::once(cairn::once(EveryN<1>{}))));
    CHECK(where(cairn::once(cairn::once(cairn::once(cairn::once(deep)))), row(1, {})) ==
          "0.0.0.0.0.0.0.0.due ");
}

TEST_CASE("a path that is too deep to be kept is still counted", "[policy][reason]") {
    cairn::Path path;
    for (std::size_t i = 0; i < 20; ++i) path = path.then(i);
    CHECK(path.depth() == 20);
    CHECK(path[cairn::Path::deepest - 1] == cairn::Path::deepest - 1);
    CHECK(cairn::Path{}.then(1000)[0] == 255);
}

TEST_CASE("a reason is a clause that a person reads", "[policy][reason]") {
    CHECK(to_text({Answer::yes, Rule::better, 0.31, 0.4}) == "0.31 beats 0.4");
    CHECK(to_text({Answer::no, Rule::worse, 0.5, 0.25}) == "0.5 does not beat 0.25");
    CHECK(to_text({Answer::yes, Rule::due, 1000, 500}) == "1000 is due");
    CHECK(to_text({Answer::yes, Rule::crossed, 1003, 500}) == "a multiple of 500 was passed before 1003");
    CHECK(to_text({Answer::no, Rule::before_window, 12, 100}) == "step 12 is before 100");
    CHECK(to_text({Answer::nan, Rule::nan, 0, 0}) == "the metric is NaN");
    CHECK(to_text({Answer::yes, Rule::custom, 0, 0}) == "it says yes");
    CHECK(to_text({Answer::missing, Rule::custom, 0, 0}) == "it does not know");
    for (int i = 0; i <= static_cast<int>(Rule::out_of_patience); ++i) {
        const auto rule = static_cast<Rule>(i);
        CHECK_FALSE(to_string(rule).empty());
        CHECK_FALSE(to_text({Answer::no, rule, 1, 2}).empty());
    }
    CHECK(to_string(Rule::out_of_patience) == "out_of_patience");
    CHECK(to_string(Rule::custom) == "custom");
    CHECK(to_string(Rule::after_window) == "after_window");
}

}  // namespace reason_test
