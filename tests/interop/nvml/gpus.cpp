// SPDX-License-Identifier: MIT
// Records a run, and prints what it has of GPUs: each series' name and last value. usage: gpus STORE
// [SECONDS]
#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    const std::chrono::duration<double> most{argc > 2 ? std::atof(argv[2]) : 20};
    auto run = cairn::init({.id = "r", .dir = argv[1], .system_seconds = 0.1, .quiet = true});
    run.log({{"loss", 1.0}});
    const auto recorded = [&] { return cairn::open(argv[1]).value().find("r").value(); };
    // Until the last that a GPU tells is there; without one, until others have been for a while.
    const auto begin = std::chrono::steady_clock::now();
    while (!recorded().series("system/gpu.0.memoryClock") && std::chrono::steady_clock::now() - begin < most)
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    if (!run.finish()) return 1;
    if (!recorded().series("system/cpu")) return 3;
    for (int gpu = 0; gpu < 3; ++gpu) {
        for (const char* what :
             {"gpu", "memory", "memoryAllocatedBytes", "memoryAllocated", "temp", "powerWatts",
              "enforcedPowerLimitWatts", "powerPercent", "smClock", "memoryClock"}) {
            const std::string name = "system/gpu." + std::to_string(gpu) + "." + what;
            if (const auto series = recorded().series(name))
                std::printf("%s %g\n", name.c_str(), series->points().back().value);
        }
    }
    return 0;
}
