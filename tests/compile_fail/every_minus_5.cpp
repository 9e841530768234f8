// expect: EveryN<N> needs an N of 1 or more
#include <cairn/policy/every_n.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    return cairn::EveryN<-5>{}.decide(cairn::At{row});
}
