// SPDX-License-Identifier: MIT
// What an open run takes while nothing is logged: processor time of the process, and memory that was not
// there before `init`, without the rings. And what it takes to record the machine's use as often as it does
// by default. Prints JSON.

#include "alone/json.hpp"
#include "measuring.hpp"

#include <algorithm>
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

/// Of a core, what the process takes in each of five times two seconds.
std::vector<double> percents() {
    std::vector<double> all;
    for (int part = 0; part < 5; ++part) {
        const auto begin = std::chrono::steady_clock::now();
        const double used = processor_seconds();
        std::this_thread::sleep_for(std::chrono::seconds{2});
        all.push_back(100 * (processor_seconds() - used) / bench::seconds_since(begin));
    }
    return all;
}

}  // namespace

int main() {
    const double before = resident_kib();
    bench::Recording recording{"cairn-bench-idle"};
    for (int i = 0; i < bench::batch; ++i) recording.run().log(cairn::step(i), "loss"_m = 0.5);
    recording.drain();
    std::this_thread::sleep_for(
        std::chrono::seconds{1});  // until the collector looks as seldom as it ever does
    const std::vector<double> idle = percents();
    const double resident = resident_kib();
    std::vector<double> sampled;
    {
        constexpr double often = 0.1;  // seconds
        bench::Recording with{"cairn-bench-system", often};
        for (const double percent : percents())
            sampled.push_back(std::max(0.0, percent - bench::quantile(idle, 0.5)) * often /
                              cairn::Options{}.system_seconds);
    }
    bench::Results results;
    results.add("idle_cpu_percent", idle, "%");
    results.add("system_cpu_percent", sampled, "%");
    if (before > 0) results.add("idle_rss", {resident - before}, "KiB");
    results.print();
}
