// expect: EveryN<N> needs an N of 1 or more
#include <cairn/policy/every_n.hpp>

cairn::EveryN<0> never;
