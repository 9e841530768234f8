// expect: this_is_no_rule_for_a_policy_they_are_those_of_ties_and_of_nan<int>
// A number where a rule for ties or NaN may stand; a margin is Improves.
#include <cairn/policy/best.hpp>

cairn::Best<"loss", cairn::minimize, 3> policy;
