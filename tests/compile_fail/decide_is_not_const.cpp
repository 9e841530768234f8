// expect: this_policys_decide_must_be_const<.*Counter>
// A decision that changes the policy cannot be asked twice.
#include <cairn/policy/policy.hpp>

struct Counter {
    int n = 0;
    cairn::Answer decide(const auto&) { return cairn::answer(++n % 2 == 0); }
};

auto policy = cairn::EveryN<2>{} | Counter{};
