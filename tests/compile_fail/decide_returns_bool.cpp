// expect: this_policys_decide_must_return_Answer_not<.*Warm, bool>
#include <cairn/policy/policy.hpp>

struct Warm {
    bool decide(const auto& at) const { return at.step > 100; }
};

auto policy = Warm{} & cairn::EveryN<2>{};
