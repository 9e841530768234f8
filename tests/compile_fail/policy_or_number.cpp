// expect: this_is_not_a_policy_it_has_no_decide_that_takes_const_auto_ref_at<int>
#include <cairn/policy/policy.hpp>

auto policy = cairn::EveryN<2>{} | 5;
