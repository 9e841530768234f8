// expect: give_a_checkpoint_one_policy_and_at_most_one_retention_one_sink_and_one_SaveOptions<.*KeepLast.*3
// A retention and no policy: nothing says when to save.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

auto make(cairn::Run& run) { return run.checkpoint("model", cairn::KeepLast<3>{}); }
