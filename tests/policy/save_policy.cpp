// SPDX-License-Identifier: MIT
#include <cairn/policy/save_policy.hpp>

#include "asked.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace save_policy_test {

// A user's policies, in a namespace of their own.
namespace training {

struct Warm {
    std::int64_t from = 3;
    cairn::Answer decide(const auto& at) const { return cairn::answer(at.step >= from); }
};

struct Once final {
    bool done = false;
    template <class R>
    cairn::Answer decide(const cairn::At<R>&) const {
        return cairn::answer(!done);
    }
    template <class R>
    void settle(const cairn::At<R>&, cairn::Outcome outcome) {
        done = done || outcome == cairn::Outcome::saved;
    }
};

/// It could as well read the row as a policy of the library does.
struct Falling {
    std::vector<double> seen;
    cairn::Answer decide(const auto& at) const {
        using namespace cairn::literals;
        return cairn::answer(!seen.empty() && at["loss"_m] < seen.back());
    }
    void settle(const auto& at, cairn::Outcome) {
        using namespace cairn::literals;
        seen.push_back(static_cast<double>(at["loss"_m]));
    }
};

inline auto warm_or_even() { return cairn::Any{Warm{}, Once{}}; }
inline auto joined() {
    using cairn::operator&;
    using cairn::operator!;
    return Warm{} & !Warm{5};
}

}  // namespace training

using cairn::Answer;
using cairn::EveryN;
using cairn_test::Asked;
using cairn_test::row_at;
using cairn_test::saved_steps;
using cairn_test::steps;
using namespace cairn::literals;

namespace {

using Steps = std::vector<std::int64_t>;

struct Trainer {
    decltype(EveryN<2>{} | training::Warm{}) policy{EveryN<2>{}, training::Warm{6}};
    const EveryN<3> constant{};
};

}  // namespace

TEST_CASE("a user's policies compose with the library's and with one another", "[policy][save_policy]") {
    CHECK(saved_steps(training::Warm{} & EveryN<2>{}, steps(0, 9)) == Steps{4, 6, 8});
    CHECK(saved_steps(EveryN<2>{} & cairn::Not{training::Warm{}}, steps(0, 9)) == Steps{0, 2});
    CHECK(saved_steps(training::Once{} & EveryN<2>{}, steps(1, 9)) == Steps{2});
    CHECK(saved_steps(training::warm_or_even(), steps(0, 5)) == Steps{0, 3, 4});
    CHECK(saved_steps(training::joined(), steps(0, 9)) == Steps{3, 4});
    CHECK(saved_steps(training::Warm{} & cairn::Predicate{[](const auto& at) { return at.step < 5; }},
                      steps(0, 9)) == Steps{3, 4});
}

TEST_CASE("a final policy class keeps its state in a composition", "[policy][save_policy]") {
    CHECK(saved_steps(training::Once{} | cairn::AtSteps<4>{}, steps(0, 9)) == Steps{0, 4});
    CHECK(saved_steps(cairn::Not{training::Once{}}, steps(0, 3)).empty());
    CHECK(saved_steps(training::Once{true} | EveryN<8>{}, steps(0, 9)) == Steps{0, 8});
}

TEST_CASE("a policy may own memory and read any metric", "[policy][save_policy]") {
    Asked asked{training::Falling{} & EveryN<1>{}};
    std::vector<double> saved;
    for (const double loss : {3.0, 2.0, 2.5, 2.4, 9.0}) {
        if (asked(cairn::row("loss"_m = loss)) == Answer::yes) saved.push_back(loss);
    }
    CHECK(saved == std::vector{2.0, 2.4});
}

TEST_CASE("policies are values: members, constants, copies", "[policy][save_policy]") {
    Trainer trainer;
    CHECK(saved_steps(trainer.policy, steps(0, 8)) == Steps{0, 2, 4, 6, 7});
    CHECK(saved_steps(trainer.constant | trainer.policy, steps(0, 5)) == Steps{0, 2, 3, 4});
    const auto constant = EveryN<2>{} | cairn::AtSteps<5>{};
    CHECK(saved_steps(constant & constant, steps(0, 6)) == Steps{0, 2, 4, 5});
    auto assigned = constant;
    assigned = EveryN<2>{} | cairn::AtSteps<5>{};
    CHECK(saved_steps(assigned, steps(4, 6)) == Steps{4, 5});
}

}  // namespace save_policy_test
