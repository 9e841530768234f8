// expect: keep_this_policy_in_a_variable_outside_the_loop_it_remembers_rows<.*PatienceOf
// A patience that is made anew for each row never ends.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

bool stops(cairn::Run& run) {
    return run.should_stop(run.log("loss"_m = 0.5), cairn::Patience<"loss", cairn::minimize, 3>{});
}
