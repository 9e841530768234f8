// expect: this_needs_a_duration_with_its_unit_like_30min_of_std_chrono_literals_not<int>
// 30 of what?
#include <cairn/policy/clock.hpp>
#include <cairn/policy/every_n.hpp>
auto policy = cairn::at_most_every(30, cairn::EveryN<2>{});
