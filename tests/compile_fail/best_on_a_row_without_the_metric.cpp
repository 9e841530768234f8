// expect: this_row_has_no_metric_named<.*Metric<'v', 'a', 'l', '_', 'l', 'o', 's', 's'>
// A row that lacks the metric which the policy watches.
#include <cairn/policy/best.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    return cairn::Best<"val_loss", cairn::minimize>{}.decide(cairn::At{row});
}
