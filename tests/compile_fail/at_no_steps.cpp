// expect: AtSteps<\.\.\.> needs at least one step
#include <cairn/policy/every_n.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    return cairn::AtSteps<>{}.decide(cairn::At{row});
}
