// expect: this_row_has_no_metric_named<.*Metric<'e', 'p', 'o', 'c', 'h'>
// A row that lacks the metric which the policy counts.
#include <cairn/policy/every_n.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    return cairn::EveryN<2, "epoch">{}.decide(cairn::At{row});
}
