// SPDX-License-Identifier: MIT
// From the rings to the disk and back: what a value takes, what packing it costs, and how soon a curve of a
// hundred million is drawn. The series are those of a training: a loss that falls, with noise; a schedule; a
// constant.

#include "../support/read_series.hpp"
#include "measuring.hpp"

#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

using namespace cairn::detail;
using bench::folder;
using bench::seconds_since;
using cairn::Value;

namespace {

constexpr std::int64_t million = 1'000'000;

/// Rows about 12 ms apart, each of the next `in_row` of the metrics; a step has all of them: `value(step,
/// k)`.
class Rows {
  public:
    explicit Rows(std::size_t metrics, std::size_t in_row) : metrics_{metrics}, in_row_{in_row} {}
    explicit Rows(std::size_t metrics) : Rows{metrics, metrics} {}

    template <class F>
    bool put(Ring& ring, F&& value) {
        const std::size_t bytes = row_header_bytes + in_row_ * cell_bytes;
        if (!ring.has_room(bytes) && !ring.advance(bytes)) return false;
        const auto in_step = static_cast<std::int64_t>(metrics_ / in_row_);
        const std::int64_t step = rows_ / in_step;
        std::byte* to = put_row_header(ring.end(), bytes, RecordKind::row, 0, in_row_, step,
                                       static_cast<std::int64_t>(ms_) * ns_per_ms);
        std::size_t k = static_cast<std::size_t>(rows_ % in_step) * in_row_;
        for (std::size_t i = 0; i < in_row_; ++i, ++k)
            to = put_cell(to, static_cast<std::uint32_t>(k), Value{value(step, k)});
        ring.commit(bytes);
        ++rows_;
        ms_ += 12.345 * jitter_(random_);
        return true;
    }
    void name(Ring& ring) {
        for (std::size_t k = 0; k < metrics_; ++k) {
            const std::string name = "metric/" + std::to_string(k);
            if (!ring.advance(name_record_size(name))) std::abort();
            put_name(ring.end(), static_cast<std::uint32_t>(k), name);
            ring.commit(name_record_size(name));
        }
    }
    [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
    [[nodiscard]] std::size_t in_row() const noexcept { return in_row_; }

  private:
    std::size_t metrics_, in_row_;
    std::int64_t rows_ = 0;
    double ms_ = 1.7e12;
    std::mt19937_64 random_{1};
    std::uniform_real_distribution<double> jitter_{0.95, 1.05};
};

/// What the collector does with a ring, on this thread: returns the seconds that it took.
class Collecting {
  public:
    explicit Collecting(const std::filesystem::path& dir)
        : dir_{dir}, memory_(ring_file_bytes / sizeof(Line)), ring_{Ring::create(memory_[0].bytes, 0)},
          history_{HistoryWriter::open(dir / history_file, 0).value()},
          index_{IndexWriter::open(dir / index_file, 0).value()} {}

    Ring& ring() { return ring_; }
    double drain() {
        const auto begin = std::chrono::steady_clock::now();
        for (intake_.look(ring_, board_); intake_.waiting() != 0; intake_.look(ring_, board_)) {
            const auto place = history_.append(intake_.frame(0, board_)).value();
            ring_.release(intake_.written());
            entry_.begin(place, intake_.nodes().size());
            for (const auto& [metric, node] : intake_.nodes())
                entry_.add(metric, board_.name_of(metric), node);
            index_.append(entry_).value();
        }
        return seconds_since(begin);
    }
    [[nodiscard]] std::uint64_t bytes() const { return history_.bytes() + index_.bytes(); }

  private:
    struct alignas(64) Line {
        std::byte bytes[64];
    };
    std::filesystem::path dir_;
    std::vector<Line> memory_;
    Ring ring_;
    Intake intake_;
    MetricBoard board_;
    HistoryWriter history_;
    IndexWriter index_;
    IndexEntry entry_;
};

template <class F>
void collect(benchmark::State& state, Rows of, F&& value, std::int64_t count = million) {
    const auto dir = folder("cairn-bench-collect");
    for (auto _ : state) {
        std::filesystem::remove_all(dir);
        std::filesystem::create_directories(dir);
        Collecting collecting{dir};
        Rows rows = of;
        rows.name(collecting.ring());
        double seconds = 0;
        while (rows.rows() < count) {
            while (rows.rows() < count && rows.put(collecting.ring(), value)) {
            }
            seconds += collecting.drain();
        }
        const double values = static_cast<double>(count) * static_cast<double>(rows.in_row());
        state.SetIterationTime(seconds);
        state.counters["bytes_per_value"] = static_cast<double>(collecting.bytes()) / values;
        state.counters["values_per_s"] = values / seconds;
    }
    std::filesystem::remove_all(dir);
}

double falling(std::int64_t i, double gauss) {
    return (0.05 + 2.3 * std::exp(-6.0 * static_cast<double>(i) / million)) * (1 + 0.05 * gauss);
}
struct Noise {
    std::mt19937_64 random{2};
    std::normal_distribution<double> gauss;
    double operator()() { return gauss(random); }
};

void history_f32_1(benchmark::State& state) {
    Noise noise;
    collect(state, Rows{1},
            [&](std::int64_t i, std::size_t) { return static_cast<float>(falling(i, noise())); });
}
void history_f32_4(benchmark::State& state) {
    Noise noise;
    collect(state, Rows{4},
            [&](std::int64_t i, std::size_t) { return static_cast<float>(falling(i, noise())); });
}
void history_f64_noise(benchmark::State& state) {
    Noise noise;
    collect(state, Rows{1}, [&](std::int64_t i, std::size_t) { return falling(i, noise()); });
}
void history_cosine(benchmark::State& state) {
    collect(state, Rows{1}, [](std::int64_t i, std::size_t) {
        return 0.5 * (1 + std::cos(3.141592653589793 * static_cast<double>(i) / million));
    });
}
void history_constant(benchmark::State& state) {
    collect(state, Rows{1}, [](std::int64_t, std::size_t) { return 3e-4; });
}

// A thousand metrics: all in a row, or a row each.
void history_wide(benchmark::State& state) {
    Noise noise;
    collect(state, Rows{1000}, [&](std::int64_t, std::size_t) { return static_cast<float>(noise()); }, 1000);
}
void history_wide_alone(benchmark::State& state) {
    Noise noise;
    collect(state, Rows{1000, 1}, [&](std::int64_t, std::size_t) { return static_cast<float>(noise()); });
}

/// A run of that many values, made once.
const std::filesystem::path& long_run(std::int64_t values) {
    static std::filesystem::path dir;
    if (!dir.empty()) return dir;
    dir = folder("cairn-bench-long");
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
    Collecting collecting{dir};
    Rows rows{1};
    rows.name(collecting.ring());
    std::mt19937_64 random{3};
    while (rows.rows() < values) {
        while (rows.rows() < values && rows.put(collecting.ring(), [&](std::int64_t i, std::size_t) {
            return static_cast<float>(1.0 / static_cast<double>(1 + i / 1000)) +
                   static_cast<float>(random() % 1000) * 1e-5F;
        })) {
        }
        collecting.drain();
    }
    std::atexit([] { std::filesystem::remove_all(folder("cairn-bench-long")); });
    return dir;
}
std::int64_t long_values() {
    const char* given = std::getenv("CAIRN_BENCH_VALUES");
    return given != nullptr ? std::strtoll(given, nullptr, 10) : 100 * million;
}

void query_open(benchmark::State& state) {
    const auto& dir = long_run(long_values());
    for (auto _ : state) {
        const auto series = cairn_test::read_series(dir, "metric/0").value();
        benchmark::DoNotOptimize(series.buckets(2000));
    }
}
/// Windows of all widths anywhere in the run.
void query(benchmark::State& state) {
    const auto& dir = long_run(long_values());
    const auto series = cairn_test::read_series(dir, "metric/0").value();
    std::mt19937_64 random{4};
    const auto look = [&] {
        const double last = static_cast<double>(series.last_step());
        const double width = 2000 * std::pow(last / 2000, std::uniform_real_distribution<double>{}(random));
        const double from = std::uniform_real_distribution<double>{0, last - width}(random);
        return series.window(static_cast<std::int64_t>(from), static_cast<std::int64_t>(from + width));
    };
    for (int i = 0; i < 300; ++i) benchmark::DoNotOptimize(look().buckets(2000));
    std::vector<double> took;
    for (auto _ : state) {
        const auto window = look();
        const auto begin = std::chrono::steady_clock::now();
        benchmark::DoNotOptimize(window.buckets(2000));
        took.push_back(seconds_since(begin));
        state.SetIterationTime(took.back());
    }
    std::sort(took.begin(), took.end());
    state.counters["p50"] = took[took.size() / 2];
    state.counters["p99"] = took[took.size() * 99 / 100];
}
void decode(benchmark::State& state) {
    const auto& dir = long_run(long_values());
    const auto series = cairn_test::read_series(dir, "metric/0").value();
    std::uint64_t values = 0;
    double seconds = 0;
    std::int64_t from = 0;
    for (auto _ : state) {
        const auto begin = std::chrono::steady_clock::now();
        double sum = 0;
        series.window(from, from + million - 1).each([&](const cairn::Series::Point& point) {
            sum += point.value;
            ++values;
        });
        benchmark::DoNotOptimize(sum);
        const double took = seconds_since(begin);
        from = (from + million) % (series.last_step() - million);
        seconds += took;
        state.SetIterationTime(took);
    }
    state.counters["values_per_s"] = static_cast<double>(values) / seconds;
}

}  // namespace

BENCHMARK(history_f32_1)->Repetitions(15)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(history_f32_4)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(history_f64_noise)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(history_cosine)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(history_constant)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(history_wide)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(history_wide_alone)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(query_open)->Repetitions(15)->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(query)->Repetitions(15)->UseManualTime()->Iterations(1000)->Unit(benchmark::kMicrosecond);
BENCHMARK(decode)->Repetitions(15)->UseManualTime()->Iterations(20)->Unit(benchmark::kMillisecond);
