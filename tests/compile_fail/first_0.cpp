// expect: First<k, P> needs a k of 1 or more
// No save at all.
#include <cairn/policy/every_n.hpp>
#include <cairn/policy/window.hpp>
cairn::First<0, cairn::EveryN<2>> policy;
