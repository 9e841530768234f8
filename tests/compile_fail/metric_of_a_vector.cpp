// expect: this_metric_needs_a_number_a_bool_a_text_an_optional_of_one_or_a_rich_value_not<.*Metric<'l', 'o', 's', 's'>, .*vector<
#include <cairn/core/metric.hpp>

#include <vector>

using namespace cairn::literals;

void log(const auto&) {}

void train() { log("loss"_m = std::vector<double>{0.5, 0.4}); }
