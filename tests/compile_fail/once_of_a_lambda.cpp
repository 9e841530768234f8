// expect: this_is_not_a_policy_it_has_no_decide_that_takes_const_auto_ref_at
// A lambda is no policy; Predicate makes one of it.
#include <cairn/policy/window.hpp>
auto policy = cairn::once([](const auto& at) { return at.step > 3; });
