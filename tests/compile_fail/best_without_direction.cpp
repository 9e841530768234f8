// expect: this_needs_a_direction_minimize_or_maximize_after_the_metric<.*Metric<'v', 'a', 'l', '_', 'l', 'o', 's', 's'>
// Best without minimize or maximize: the direction is never guessed.
#include <cairn/policy/best.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("val_loss"_m = 0.5);
    return cairn::Best<"val_loss">{}.decide(cairn::At{row});
}
