// expect: the policy and the retention of this checkpoint disagree on which way
// The policy wants it low and the retention keeps the highest.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

auto make(cairn::Run& run) {
    return run.checkpoint("model", cairn::Best<"loss", cairn::minimize>{},
                          cairn::KeepBest<1, "loss", cairn::maximize>{});
}
