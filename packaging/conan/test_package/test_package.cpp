#include <cairn/cairn.hpp>

#include <cstdio>

int main() {
    using namespace cairn::literals;
    auto run = cairn::init<cairn::Disabled>();
    const auto row = run.log("loss"_m = 0.5);
    std::printf("cairn %s: loss %g\n", CAIRN_VERSION, row["loss"_m]);
    return cairn::EveryN<2>{}.decide(cairn::At{row}) == cairn::Answer::yes ? 0 : 1;
}
