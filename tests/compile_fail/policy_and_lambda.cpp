// expect: this_is_not_a_policy_it_has_no_decide_that_takes_const_auto_ref_at<.*(lambda|Late)
// A bare lambda is no policy: wrap it in cairn::Predicate.
#include <cairn/policy/policy.hpp>

auto policy = [](const auto& at) { return at.step > 100; } & cairn::Best<"loss", cairn::minimize>{};
