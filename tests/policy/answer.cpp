// SPDX-License-Identifier: MIT
#include <cairn/policy/answer.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <string>

namespace answer_test {

using cairn::Answer;
using cairn::Outcome;

namespace {

std::string law(const char* broken) { return broken == nullptr ? "all hold" : broken; }

}  // namespace

TEST_CASE("answers obey every law of three-valued logic", "[policy][answer]") {
    CHECK(law(cairn_test::first_broken_law_of_answers()) == "all hold");
}

TEST_CASE("composed policies obey every law of three-valued logic", "[policy][answer]") {
    CHECK(law(cairn_test::first_broken_law_of_policies()) == "all hold");
}

TEST_CASE("the laws' checker finds a broken or and a broken not", "[policy][answer]") {
    const auto all = [](Answer a, Answer b) { return a & b; };
    const auto any = [](Answer a, Answer b) { return a | b; };
    const auto negate = [](Answer a) { return !a; };
    const auto first_wins = [](Answer a, Answer b) { return a == Answer::no ? b : a; };
    const auto unknown_fires = [](Answer a) { return a == Answer::yes ? Answer::no : Answer::yes; };
    CHECK(law(cairn_test::first_broken_law(first_wins, all, negate)) != "all hold");
    CHECK(law(cairn_test::first_broken_law(any, first_wins, negate)) != "all hold");
    CHECK(law(cairn_test::first_broken_law(any, all, unknown_fires)) != "all hold");
}

TEST_CASE("an unknown is decided by a yes in an or and by a no in an and", "[policy][answer]") {
    for (const Answer unknown : {Answer::missing, Answer::nan}) {
        CHECK(is_unknown(unknown));
        CHECK((unknown | Answer::yes) == Answer::yes);
        CHECK((unknown | Answer::no) == unknown);
        CHECK((unknown & Answer::no) == Answer::no);
        CHECK((unknown & Answer::yes) == unknown);
        CHECK((!unknown) == unknown);
    }
    CHECK_FALSE(is_unknown(Answer::yes));
    CHECK_FALSE(is_unknown(Answer::no));
    CHECK(cairn::answer(true) == Answer::yes);
    CHECK(cairn::answer(false) == Answer::no);
}

TEST_CASE("of two unknowns the missing metric is told", "[policy][answer]") {
    CHECK((Answer::missing | Answer::nan) == Answer::missing);
    CHECK((Answer::nan & Answer::missing) == Answer::missing);
    CHECK((Answer::nan | Answer::nan) == Answer::nan);
}

}  // namespace answer_test
