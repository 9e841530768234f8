// expect: KeepEvery<n> needs an n of 1 or more
// Every 0 steps.
#include <cairn/policy/retention.hpp>
cairn::KeepEvery<0> retention;
