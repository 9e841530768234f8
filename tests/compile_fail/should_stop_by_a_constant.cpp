// expect: keep_this_policy_in_a_variable_outside_the_loop_it_remembers_rows<.*PatienceOf
// A constant cannot remember rows.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

bool stops(cairn::Run& run) {
    const cairn::Patience<"loss", cairn::minimize, 3> patience;
    return run.should_stop(run.log("loss"_m = 0.5), patience);
}
