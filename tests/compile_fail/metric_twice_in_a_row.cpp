// expect: this_row_has_the_same_metric_twice<.*Metric<'l', 'o', 's', 's'>
#include <cairn/core/row.hpp>

using namespace cairn::literals;

auto row = cairn::row("loss"_m = 0.5, "epoch"_m = 1, "loss"_m = 0.6);
