// expect: this_metric_needs_a_number_a_bool_a_text_an_optional_of_one_or_a_rich_value_not<.*Metric<'n', 'o', 't', 'e'>, .*nullptr_t
// Where a row has no value: an empty std::optional.
#include <cairn/core/metric.hpp>

using namespace cairn::literals;

void log(const auto&) {}

void train() { log("note"_m = nullptr); }
