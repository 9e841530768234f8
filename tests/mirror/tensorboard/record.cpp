// SPDX-License-Identifier: MIT
// Records a run for TensorBoard to read, and says what it has. usage: record STORE [ROWS]
//   values NaN, both infinities, both zeros, numbers that no float has; steps that are negative and that go
//   back; a row of several metrics; texts. With ROWS: so many rows of one metric.
#include <cairn/cairn.hpp>

#include <cstdint>
#include <cstdlib>
#include <limits>

using namespace cairn::literals;

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    const std::int64_t rows = argc > 2 ? std::atoll(argv[2]) : 0;
    auto run =
        cairn::init({.project = "demo",
                     .id = rows != 0 ? "long" : "run",
                     .config = {{"lr", 1e-3}, {"deep", true}, {"net", {{"act", "relu"}, {"width", 64}}}},
                     .dir = argv[1],
                     .quiet = true});
    for (std::int64_t i = 0; i < rows; ++i) {
        run.log(cairn::step(i), "loss"_m = 1.0 / static_cast<double>(i + 1));
        if (i % 8192 == 0) {  // a training does more between two rows
            while (run.health().rows_collected + 8192 < static_cast<std::uint64_t>(i))
                cairn::detail::os::sys::sleep_ns(100'000);
        }
    }
    if (rows != 0) return run.health().ok() ? 0 : 1;
    constexpr double nan = std::numeric_limits<double>::quiet_NaN(),
                     infinity = std::numeric_limits<double>::infinity();
    constexpr double values[] = {0.0, -0.0, nan, infinity, -infinity, 0.1, 1e300, 1e-300, 16777217, -3.5};
    std::int64_t step = -4;
    for (const double value : values) {
        run.log(cairn::step(step), "loss/train"_m = value, "seen"_m = step, "ok"_m = step % 2 == 0);
        ++step;
    }
    for (const double value : values) {
        step -= 2;
        run.log(cairn::step(step), "loss/back"_m = value);
    }
    run.log({{"l\xf6ss", 0.5}}, {.step = 3});  // no UTF-8
    run.log(cairn::step(std::numeric_limits<std::int64_t>::max()), "last"_m = 1,
            "note"_m = "a **text**, ünd <b>more</b>");
}
