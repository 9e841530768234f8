// expect: this_metric_needs_a_number_a_bool_a_text_an_optional_of_one_or_a_rich_value_not<.*Metric<'p', 'h', 'a', 's', 'e'>, .*Phase
#include <cairn/core/metric.hpp>

using namespace cairn::literals;

enum class Phase { warm_up, train };
void log(const auto&) {}

void train() { log("phase"_m = Phase::train); }
