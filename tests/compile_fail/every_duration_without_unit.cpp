// expect: this_needs_a_duration_with_its_unit_like_30min_of_std_chrono_literals_not<int>
// 30 of what?
#include <cairn/policy/clock.hpp>
cairn::EveryDuration policy{30};
