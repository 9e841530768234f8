// expect: cairn: Patience<...> needs a number of rows of 1 or more
// A patience of no rows would stop at once.
#include <cairn/policy/patience.hpp>

cairn::Patience<"loss", cairn::minimize, 0> patience;
