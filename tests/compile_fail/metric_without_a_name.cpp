// expect: a metric needs a name
#include <cairn/core/metric.hpp>

using namespace cairn::literals;

auto nameless = ""_m = 0.5;
