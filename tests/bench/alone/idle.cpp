// SPDX-License-Identifier: MIT
// What an open run takes while nothing is logged: processor time of the process, and memory that was not
// there before `init`, without the rings. Prints JSON.

#include "alone/json.hpp"
#include "measuring.hpp"

#include <chrono>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <time.h>

using namespace cairn::literals;

namespace {

double processor_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// KiB in memory, but for the mappings of ring files.
double resident_kib() {
    std::ifstream maps{"/proc/self/smaps"};
    double sum = 0;
    bool is_ring = false;
    for (std::string line; std::getline(maps, line);) {
        std::istringstream words{line};
        std::string first;
        words >> first;
        if (first.back() != ':') {
            is_ring = line.ends_with(".ring");
        } else if (double kib = 0; first == "Rss:" && !is_ring && words >> kib) {
            sum += kib;
        }
    }
    return sum;
}

}  // namespace

int main() {
    const double before = resident_kib();
    bench::Recording recording{"cairn-bench-idle"};
    for (int i = 0; i < bench::batch; ++i) recording.run().log(cairn::step(i), "loss"_m = 0.5);
    recording.drain();
    std::this_thread::sleep_for(
        std::chrono::seconds{1});  // until the collector looks as seldom as it ever does
    std::vector<double> percent;
    for (int part = 0; part < 5; ++part) {
        const auto begin = std::chrono::steady_clock::now();
        const double used = processor_seconds();
        std::this_thread::sleep_for(std::chrono::seconds{2});
        percent.push_back(100 * (processor_seconds() - used) / bench::seconds_since(begin));
    }
    bench::Results results;
    results.add("idle_cpu_percent", percent, "%");
    if (before > 0) results.add("idle_rss", {resident_kib() - before}, "KiB");
    results.print();
}
