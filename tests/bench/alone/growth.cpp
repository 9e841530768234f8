// SPDX-License-Identifier: MIT
// What a row, a value on disk and a curve cost in runs of 10^4 to 10^8 rows, each logged through `run.log`.
// Prints JSON. usage: cairn_bench_growth [ROWS], the most

#include "alone/json.hpp"
#include "measuring.hpp"

#include <cairn/query/runs.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

using namespace bench;
using namespace cairn::literals;

namespace {

/// KiB, by its name in /proc/self/status.
double memory_kib(const std::string& name) {
    std::ifstream status{"/proc/self/status"};
    for (std::string word; status >> word;) {
        if (double kib = 0; word == name && status >> kib) return kib;
    }
    return 0;
}

class Training {
  public:
    explicit Training(cairn::Run& run) : run_{&run} {}
    void log() {
        run_->log(cairn::step(step_), "loss"_m = value_());
        ++step_;
    }
    [[nodiscard]] std::int64_t rows() const noexcept { return step_; }

  private:
    /// A loss that falls, with noise, rounded to float.
    float value_() {
        return static_cast<float>(1.0 / static_cast<double>(1 + step_ / 1000)) +
               static_cast<float>(random_() % 1000) * 1e-5F;
    }
    cairn::Run* run_;
    std::int64_t step_ = 0;
    std::minstd_rand random_{1};
};

/// The last rows, in batches that are timed: ns per call.
std::vector<double> timed(Recording& recording, Training& training, int samples, int batches) {
    std::vector<double> took;
    for (int sample = 0; sample < samples; ++sample) {
        double seconds = 0;
        for (int b = 0; b < batches; ++b) {
            const auto begin = std::chrono::steady_clock::now();
            for (int i = 0; i < batch; ++i) training.log();
            seconds += seconds_since(begin);
            recording.drain();
        }
        took.push_back(seconds * 1e9 / batches / batch);
    }
    return took;
}

void measure(Results& results, std::int64_t rows, const std::string& size) {
    constexpr int samples = 5, batches = 8;
    const auto add = [&](const char* what, std::vector<double> values, const char* unit) {
        results.add(std::string{"growth_"} + what + "_" + size, std::move(values), unit,
                    std::string{"growth_"} + what + "_1e4");
    };
    Recording recording{"cairn-bench-growth"};
    const auto dir = recording.run().dir();
    Training training{recording.run()};
    while (training.rows() < rows - std::int64_t{samples} * batches * batch) training.log();
    recording.drain();
    add("log", timed(recording, training, samples, batches), "ns");
    if (const cairn::Health health = recording.run().health(); health.rows_dropped != 0)
        std::fprintf(stderr, "growth: %llu rows were dropped\n",
                     static_cast<unsigned long long>(health.rows_dropped));
    recording.run().finish().value();
    const auto bytes = std::filesystem::file_size(dir / cairn::detail::history_file) +
                       std::filesystem::file_size(dir / cairn::detail::index_file);
    add("bytes", {static_cast<double>(bytes) / static_cast<double>(rows)}, "B");

    std::ofstream{"/proc/self/clear_refs"} << 5;  // the most memory is counted from here on
    const double memory = memory_kib("VmRSS:");
    auto begin = std::chrono::steady_clock::now();
    const auto run = cairn::open(recording.store()).value().find("latest").value();
    const cairn::Series series = run.series("loss").value();
    (void)series.buckets(2000);
    add("open", {1e3 * seconds_since(begin)}, "ms");

    // Windows of all widths anywhere in the run.
    std::mt19937_64 random{4};
    std::vector<double> took;
    for (int i = 0; i < 1300; ++i) {
        const auto last = static_cast<double>(series.last_step());
        const double width = 2000 * std::pow(last / 2000, std::uniform_real_distribution<double>{}(random));
        const double from = std::uniform_real_distribution<double>{0, last - width}(random);
        const auto window =
            series.window(static_cast<std::int64_t>(from), static_cast<std::int64_t>(from + width));
        begin = std::chrono::steady_clock::now();
        if (window.buckets(2000).empty()) std::fputs("growth: a window has no buckets\n", stderr);
        if (i >= 300) took.push_back(1e6 * seconds_since(begin));
    }
    add("query", {quantile(took, 0.5)}, "us");
    add("query_p99", {quantile(took, 0.99)}, "us");
    if (memory > 0) {
        const double raw = 24 * static_cast<double>(rows);  // step, time and value
        add("reader", {100 * 1024 * (memory_kib("VmHWM:") - memory) / raw}, "%");
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::int64_t most = argc > 1 ? std::atoll(argv[1]) : 100'000'000;
    Results results;
    int power = 4;
    for (std::int64_t rows = 10'000; rows <= most; rows *= 10, ++power)
        measure(results, rows, "1e" + std::to_string(power));
    results.print();
}
