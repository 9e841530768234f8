// expect: give_a_checkpoint_one_policy_and_at_most_one_retention_one_sink_and_one_SaveOptions<.*EveryN
// Two policies side by side: which of them? They are joined by | or &.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

auto make(cairn::Run& run) { return run.checkpoint<cairn::EveryN<2>>("model", cairn::Manual{}); }
