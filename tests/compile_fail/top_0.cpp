// expect: TopK<k, ...> needs a k of 1 or more
// None of the best.
#include <cairn/policy/best.hpp>
cairn::TopK<0, "loss", cairn::minimize> policy;
