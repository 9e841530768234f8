// SPDX-License-Identifier: MIT
// Logs COUNT rows, or trains as many steps, for instructions.py to count what one takes.
// usage: cairn_bench_instructions FUNCTION COUNT

#include "measuring.hpp"
#include "network.hpp"

#include <cairn/cairn.hpp>

#include <cstdlib>
#include <cstring>
#include <memory>

using namespace cairn::literals;

namespace {
bench::Network& network() {
    static const auto one = std::make_unique<bench::Network>();
    return *one;
}
}  // namespace

// Functions with a name that valgrind can be told.
extern "C" {
[[gnu::noinline]] void floor_1(cairn::Run&, int i) {
    static bench::Floor floor;
    floor.write<48>(i, 0.5);
}
[[gnu::noinline]] void log_typed_1(cairn::Run& run, int i) { run.log(cairn::step(i), "loss"_m = 0.5); }
[[gnu::noinline]] void log_typed_4(cairn::Run& run, int i) {
    run.log(cairn::step(i), "loss"_m = 0.5, "lr"_m = 1e-3, "norm"_m = 2.0, "epoch"_m = i);
}
[[gnu::noinline]] void log_dynamic_2(cairn::Run& run, int i) {
    run.log({{"loss", 0.5}, {"epoch", i}}, {.step = i});
}
[[gnu::noinline]] void step_plain(cairn::Run&, int) { network().step(); }
[[gnu::noinline]] void step_logged(cairn::Run& run, int i) {
    run.log(cairn::step(i), "loss"_m = network().step());
}
}

int main(int argc, char** argv) {
    const struct {
        const char* name;
        void (*log)(cairn::Run&, int);
    } functions[] = {{"floor_1", floor_1},         {"log_typed_1", log_typed_1},
                     {"log_typed_4", log_typed_4}, {"log_dynamic_2", log_dynamic_2},
                     {"step_plain", step_plain},   {"step_logged", step_logged}};
    if (argc != 3) return 2;
    bench::Recording recording{"cairn-bench-instructions"};
    for (const auto& function : functions) {
        if (std::strcmp(argv[1], function.name) != 0) continue;
        for (int i = 0; i < std::atoi(argv[2]); ++i) function.log(recording.run(), i);
        return 0;
    }
    return 2;
}
