// expect: this_row_has_no_metric_named<.*Metric<'v', 'a', 'l', '_', 'a', 'c', 'c'>
// A predicate that reads a metric which the row lacks.
#include <cairn/policy/predicate.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    const cairn::Predicate accurate{[](const auto& at) { return at["val_acc"_m] > 0.9; }};
    return accurate.decide(cairn::At{row});
}
