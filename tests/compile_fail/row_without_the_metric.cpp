// expect: this_row_has_no_metric_named<.*Metric<'l', 'o', 's'>.*Metric<'l', 'o', 's', 's'>
// A misspelt metric: the message shows what was asked for and what there is.
#include <cairn/core/row.hpp>

using namespace cairn::literals;

double read() {
    const auto row = cairn::row("loss"_m = 0.5);
    return row["los"_m];
}
