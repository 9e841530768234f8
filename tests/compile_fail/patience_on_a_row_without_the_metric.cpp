// expect: this_row_has_no_metric_named<.*Metric<'v', 'a', 'l', '_', 'l', 'o', 's', 's'>
// A misspelt metric would never stop anything.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

bool stops(cairn::Run& run) {
    cairn::Patience<"val_loss", cairn::minimize, 3> patience;
    return run.should_stop(run.log("loss"_m = 0.5), patience);
}
