// expect: this_is_no_policy_no_retention_no_sink_and_no_SaveOptions<int>
// A number where a policy, a retention or a sink belongs.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

auto make(cairn::Run& run) { return run.checkpoint<cairn::EveryN<2>>("model", 3); }
