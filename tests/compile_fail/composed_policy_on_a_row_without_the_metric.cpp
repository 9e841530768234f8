// expect: this_row_has_no_metric_named<.*Metric<'v', 'a', 'l', '_', 'l', 'o', 's', 's'>
// The same inside a composition: the message names the metric, not the composition.
#include <cairn/policy/policy.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    const auto policy =
        (cairn::Best<"val_loss", cairn::minimize>{} & cairn::EveryN<500>{}) | cairn::OnFinish{};
    return policy.decide(cairn::At{row});
}
