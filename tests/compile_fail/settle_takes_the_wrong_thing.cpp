// expect: this_policys_settle_must_take_const_auto_ref_at_and_Outcome_and_return_void<.*Once>
// A settle that does not fit would never be called, and the policy would not remember.
#include <cairn/policy/policy.hpp>

using namespace cairn::literals;

struct Once {
    bool done = false;
    cairn::Answer decide(const auto&) const { return cairn::answer(!done); }
    void settle(const auto&, const char*) { done = true; }
};

void step() {
    const auto row = cairn::row("loss"_m = 0.5);
    auto policy = Once{} & cairn::EveryN<2>{};
    policy.settle(cairn::At{row}, cairn::Outcome::saved);
}
