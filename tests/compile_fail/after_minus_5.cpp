// expect: After<n> and Until<n> need an n of 0 or more
// A negative window.
#include <cairn/policy/window.hpp>
#include <cairn/policy/every_n.hpp>
auto policy = cairn::After<-5>{} & cairn::AtSteps<1>{};
