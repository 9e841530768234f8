// expect: this_row_has_no_metric_named<.*Metric<'v', 'a', 'l', '_', 'l', 'o', 's', 's'>
// A row that lacks the metric which the limit is for, behind a window.
#include <cairn/policy/best.hpp>
#include <cairn/policy/window.hpp>
using namespace cairn::literals;
auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    return cairn::once(cairn::Below<"val_loss">{0.1}).decide(cairn::At{row});
}
