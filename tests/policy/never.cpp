// SPDX-License-Identifier: MIT
#include <cairn/policy/never.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

namespace never_test {

using cairn::Answer;
using cairn_test::Asked;
using cairn_test::row_at;
using cairn_test::saved_steps;
using cairn_test::steps;

TEST_CASE("NoBestSave and Manual save at no row and not at the end", "[policy][never]") {
    CHECK(saved_steps(cairn::NoBestSave{}, steps(-5, 50)).empty());
    CHECK(saved_steps(cairn::Manual{}, steps(-5, 50)).empty());
    CHECK(Asked<cairn::NoBestSave>{}.finish(row_at(50)) == Answer::no);
    CHECK(Asked<cairn::Manual>{}.finish(row_at(50)) == Answer::no);
}

TEST_CASE("OnFinish saves at no row and at the end, whatever was saved before", "[policy][never]") {
    Asked<cairn::OnFinish> asked;
    for (const std::int64_t step : {0, 1, 2, 1, 0}) CHECK(asked(row_at(step)) == Answer::no);
    CHECK(asked.finish(row_at(0)) == Answer::yes);
    asked.settle(row_at(0), cairn::Outcome::restored);
    CHECK(asked(row_at(0)) == Answer::no);
    CHECK(asked.finish(row_at(0)) == Answer::yes);
}

TEST_CASE("at the end only OnFinish answers yes", "[policy][never]") {
    const auto row = row_at(500);
    CHECK(Asked<cairn::EveryN<500>>{}.finish(row) == Answer::no);
    CHECK(Asked<cairn::AtSteps<500>>{}.finish(row) == Answer::no);
    CHECK(Asked{cairn::EveryN<500>{} | cairn::OnFinish{}}.finish(row) == Answer::yes);
    CHECK(Asked{cairn::EveryN<500>{} & cairn::OnFinish{}}.finish(row) == Answer::no);
}

}  // namespace never_test
