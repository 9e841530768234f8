// expect: this_metric_needs_a_number_a_bool_a_text_an_optional_of_one_or_a_rich_value_not
// A late metric is a number, as one that is logged.
#include <cairn/cairn.hpp>

#include <vector>

using namespace cairn::literals;

void late(cairn::Run& run) {
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    checkpoint.annotate("v0", "scores"_m = std::vector<double>{1, 2});
}
