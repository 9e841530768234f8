// SPDX-License-Identifier: MIT
#include <cairn/policy/event.hpp>

#include <cairn/policy/policy.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <chrono>

namespace event_test {

using cairn::Answer;
using cairn::EveryN;
using cairn::OnFailure;
using cairn::OnFinish;
using cairn::OnSignal;
using cairn::Wants;
using namespace cairn::literals;
using namespace std::chrono_literals;

namespace {

const auto row = cairn_test::row_at(3);
using Now = cairn::At<std::remove_const_t<decltype(row)>>;

Now step() { return Now{row}; }
Now after_signal() {
    Now now{row};
    now.signal = true;
    return now;
}
Now at_the_end() {
    Now now{row};
    now.final = true;
    return now;
}
Now at_a_failure() {
    Now now{row};
    now.failure = true;
    return now;
}

template <class P>
constexpr Wants wants(const P& policy) {
    return cairn::detail::wants_of(policy);
}

}  // namespace

TEST_CASE("each event makes its policy save and no other", "[policy][event]") {
    CHECK(OnFinish{}.decide(step()) == Answer::no);
    CHECK(OnFinish{}.decide(at_the_end()) == Answer::yes);
    CHECK(OnFinish{}.decide(after_signal()) == Answer::no);
    CHECK(OnFinish{}.decide(at_a_failure()) == Answer::no);
    CHECK(OnSignal{}.decide(step()) == Answer::no);
    CHECK(OnSignal{}.decide(after_signal()) == Answer::yes);
    CHECK(OnSignal{}.decide(at_the_end()) == Answer::no);
    CHECK(OnFailure{}.decide(step()) == Answer::no);
    CHECK(OnFailure{}.decide(after_signal()) == Answer::no);
    CHECK(OnFailure{}.decide(at_the_end()) == Answer::no);
    CHECK(OnFailure{}.decide(at_a_failure()) == Answer::yes);
}

TEST_CASE("a signal before the end of training is not saved twice by finish", "[policy][event]") {
    Now both = at_the_end();
    both.signal = true;
    CHECK(OnSignal{}.decide(both) == Answer::no);
    CHECK((OnSignal{} | OnFinish{}).decide(both) == Answer::yes);
}

TEST_CASE("policies by count, metric and time save at steps alone", "[policy][event]") {
    const auto with_metric = cairn::row(cairn::step(4), "v"_m = 1.0);
    for (const bool final : {true, false}) {
        cairn::At now{with_metric};
        now.final = final;
        now.failure = !final;
        now.seconds = 1e6;
        CHECK(EveryN<1>{}.decide(now) == Answer::no);
        CHECK(cairn::AtSteps<4>{}.decide(now) == Answer::no);
        CHECK(cairn::Best<"v", cairn::minimize>{}.decide(now) == Answer::no);
        CHECK(cairn::Improves<"v", cairn::minimize>{0}.decide(now) == Answer::no);
        CHECK(cairn::TopK<2, "v", cairn::minimize>{}.decide(now) == Answer::no);
        CHECK(cairn::Below<"v">{9}.decide(now) == Answer::no);
        CHECK(cairn::EveryDuration{1s}.decide(now) == Answer::no);
    }
}

TEST_CASE("a composition wants what any of its policies wants", "[policy][event]") {
    constexpr auto all = cairn::after(3, cairn::once(EveryN<2>{} | OnFinish{})) |
                         !(OnSignal{} & EveryN<3>{}) | cairn::at_most_every(1s, OnFailure{});
    STATIC_REQUIRE(wants(all).end);
    STATIC_REQUIRE(wants(all).signal);
    STATIC_REQUIRE(wants(all).failure);
    STATIC_REQUIRE(!wants(EveryN<2>{} | cairn::AtSteps<3>{}).end);
    STATIC_REQUIRE(!wants(EveryN<2>{} | OnFinish{}).signal);
    STATIC_REQUIRE(!wants(OnSignal{} | OnFinish{}).failure);
    STATIC_REQUIRE(!wants(cairn_test::Says{}).end);
}

}  // namespace event_test
