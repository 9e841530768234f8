// expect: write_this_step_as_cairn_step_of_n<
// A number where a step belongs.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

void log(cairn::Run& run, long step, double loss) { run.log(step, "loss"_m = loss); }
