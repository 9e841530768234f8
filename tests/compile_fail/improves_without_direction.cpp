// expect: this_needs_a_direction_minimize_or_maximize_after_the_metric<.*Metric<'l', 'o', 's', 's'>
// Which way is better?
#include <cairn/policy/best.hpp>
using namespace cairn::literals;
auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    return cairn::Improves<"loss">{0.1}.decide(cairn::At{row});
}
