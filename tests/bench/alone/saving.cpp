// SPDX-License-Identifier: MIT
// What saving costs the loop and the machine: a state of 256 MiB, saved again and again, beside what copying,
// hashing and writing such a state costs on its own. The store lies in memory where there is a /dev/shm, so
// that the processor is measured and not a disk; what a disk adds is measured apart, with a small state.
// Prints JSON.

#include "alone/json.hpp"
#include "measuring.hpp"

#include <cairn/core/sha256.hpp>
#include <cairn/run/init.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace cairn::literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20U, state_bytes = 256 * mib;
constexpr int rounds = 11;

constexpr std::size_t layers = 20;

/// So many layers, all alike.
struct Model {
    std::vector<std::vector<float>> layers;
    explicit Model(std::size_t bytes, std::size_t count = ::layers)
        : layers(count, std::vector<float>(bytes / count / sizeof(float))) {
        float x = 0;  // no two are equal
        for (auto& layer : layers) {
            for (float& value : layer) value = x += 1;
        }
    }
    void describe(auto& fields) {
        for (std::size_t i = 0; i < layers.size(); ++i)
            fields("layer" + std::to_string(i), layers[i], {layers[i].size()});
    }
    void train(float by) {
        for (auto& layer : layers) {
            for (std::size_t i = 0; i < layer.size(); i += 512) layer[i] += by;
        }
    }
};

/// Of the process; the peak so far, and now. 0 where the system does not tell.
double resident(const char* which) {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);) {
        std::istringstream words{line};
        std::string first;
        double kib = 0;
        if (words >> first >> kib && first == which) return 1024 * kib;
    }
    return 0;
}

std::uint64_t bytes_below(const std::filesystem::path& folder) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
        // A plain path is a second name of an object.
        if (entry.is_regular_file() && entry.path().string().find("/objects/") != std::string::npos)
            bytes += entry.file_size();
        else if (entry.is_regular_file() && entry.path().extension() == ".json")
            bytes += entry.file_size();
    }
    return bytes;
}

cairn::Run open_run(const std::filesystem::path& store, cairn::Durability durability) {
    return cairn::init({.project = "bench", .dir = store, .quiet = true, .durability = durability});
}

}  // namespace

int main() {
    const std::filesystem::path memory = bench::memory_folder();
    const std::filesystem::path store = memory / "cairn-bench-saving", file = memory / "cairn-bench-file";
    const std::filesystem::path disk = bench::folder("cairn-bench-saving");
    std::filesystem::remove_all(store);
    std::filesystem::remove_all(disk);
    bench::Results results;

    Model model{state_bytes};
    std::vector<std::byte> from(state_bytes, std::byte{1}), to(state_bytes);
    std::vector<double> copied, hashed, written;
    for (int i = 0; i < rounds; ++i) {
        copied.push_back(bench::timed([&] { std::memcpy(to.data(), from.data(), state_bytes); }));
        hashed.push_back(state_bytes / bench::timed([&] { (void)cairn::sha256(from); }));
        written.push_back(state_bytes / bench::timed([&] {
                              std::FILE* const out = std::fopen(file.c_str(), "wb");
                              std::setvbuf(out, nullptr, _IONBF, 0);
                              std::fwrite(from.data(), 1, state_bytes, out);
                              std::fclose(out);
                          }));
        std::filesystem::remove(file);
    }
    from = {};
    to = {};
    results.add("memcpy_256mib", copied, "s");
    results.add("sha256_bytes_per_s", hashed, "B/s");
    results.add("write_bytes_per_s", written, "B/s");
    results.add("save_limit_bytes_per_s",
                bench::quantile(hashed, 0.5) < bench::quantile(written, 0.5) ? hashed : written, "B/s");

    {
        auto run = open_run(store, cairn::Durability::power_loss);
        auto checkpoint = run.checkpoint<cairn::Manual>("model");
        std::int64_t step = 0;
        const auto save = [&] {
            return checkpoint.save(run.log(cairn::step(step++), "loss"_m = 0.5), cairn::part("model", model));
        };
        const double before = resident("VmRSS:");
        results.add("save_blocked_first", {bench::timed(save)}, "s", "memcpy_256mib");
        checkpoint.wait();
        std::vector<double> blocked, committed;
        for (int i = 0; i < rounds; ++i) {
            model.train(0.25F);
            const auto begin = Clock::now();
            const auto saved = save();
            blocked.push_back(bench::seconds_since(begin));
            const auto copy_made = Clock::now();
            saved.wait();
            committed.push_back(state_bytes / bench::seconds_since(copy_made));
            // Off the clock: freeing 256 MiB is no part of committing them, and memory that is new to the
            // machine costs more than such that was used before, as the file's above was.
            cairn::ArtifactStore::open(cairn::Store::open(store).value(), "bench", "model")
                .value()
                .remove(saved.version().number - 1)
                .value();
        }
        results.add("save_blocked", blocked, "s", "memcpy_256mib");
        results.add("save_bytes_per_s", committed, "B/s", "save_limit_bytes_per_s");
        if (before > 0) results.add("save_memory", {(resident("VmHWM:") - before) / state_bytes}, "×");
        const auto there = static_cast<double>(bytes_below(store));
        save().wait();
        results.add("save_unchanged_bytes", {static_cast<double>(bytes_below(store)) - there}, "B");
    }
    std::filesystem::remove_all(store);

    {
        auto run = open_run(store, cairn::Durability::power_loss);
        auto checkpoint = run.checkpoint<cairn::Manual>("model", cairn::LocalStore{cairn::share::tensors});
        const auto save = [&](auto& of, std::int64_t step) {
            checkpoint.save(run.log(cairn::step(step), "loss"_m = 0.5), cairn::part("model", of)).wait();
        };
        save(model, 0);
        const auto there = static_cast<double>(bytes_below(store));
        for (std::size_t i = 0; i < layers / 10; ++i) model.layers[i].back() = -1;
        save(model, 1);
        results.add("save_frozen_bytes",
                    {100 * (static_cast<double>(bytes_below(store)) - there) / state_bytes}, "%");
        model.layers.clear();
        Model many{std::size_t{100'000} * 400, 100'000};
        std::vector<double> seconds;
        for (int i = 0; i < 3; ++i) {
            many.train(0.25F);
            seconds.push_back(bench::timed([&] { save(many, 2 + i); }));
        }
        results.add("save_100k_tensors", seconds, "s");
    }
    std::filesystem::remove_all(store);

    Model small{mib};
    const auto levels = {std::pair{"save_1mib_process_crash", cairn::Durability::process_crash},
                         std::pair{"save_1mib_power_loss", cairn::Durability::power_loss}};
    for (const auto& [name, durability] : levels) {
        auto run = open_run(disk / name, durability);
        auto checkpoint = run.checkpoint<cairn::Manual>("model", cairn::KeepLast<2>{});
        std::vector<double> seconds;
        for (int i = 0; i < 40; ++i) {
            small.train(0.25F);
            const auto row = run.log(cairn::step(i), "loss"_m = 0.5);
            seconds.push_back(
                bench::timed([&] { checkpoint.save(row, cairn::part("model", small)).wait(); }));
        }
        results.add(name, seconds, "s", "save_1mib_process_crash");
    }
    std::filesystem::remove_all(disk);
    results.print();
}
