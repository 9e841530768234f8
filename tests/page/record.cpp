// SPDX-License-Identifier: MIT
// Records runs for the tests of the page: five trainings with a spike, NaNs, checkpoints and hostile texts.
// usage: record STORE [RUNS]; record STORE live ROWS: one run, a row every 20 ms

#include <cairn/cairn.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace cairn::literals;

namespace {

struct Model {
    std::vector<float> weight = std::vector<float>(1000);
    void describe(auto& fields) { fields("weight", weight, {weight.size()}); }
};

void train(const std::string& store, int number) {
    static const std::vector<std::string> names = {"baseline", "wide", "deep", "<img src=x onerror=alert(1)>",
                                                   "small-lr"};
    constexpr int steps = 20'000;
    std::mt19937 random{static_cast<unsigned>(number)};
    std::normal_distribution<double> noise{0, 0.08};
    const auto place = static_cast<std::size_t>(number);
    auto run = cairn::init(
        {.project = number < 4 ? "mnist" : "other",
         .name = place < names.size() ? names[place] : "run " + std::to_string(number),
         .id = "r" + std::to_string(number),
         .config = {{"optimizer", {{"name", "adam"}, {"lr", 0.001 * (number + 1)}}}, {"batch_size", 64}},
         .tags = {number % 2 == 0 ? "even" : "odd", "<b>bold</b>"},
         .notes = "</script><script>alert(2)</script>",
         .dir = store,
         .quiet = true});
    run.define_metric("val/loss", {.goal = cairn::minimize});
    run.define_metric("val/accuracy", {.goal = cairn::maximize});
    Model model;
    auto checkpoint =
        run.checkpoint("model", cairn::Best<"val/loss", cairn::minimize>{} | cairn::EveryN<5000>{},
                       cairn::KeepLast<2>{} | cairn::KeepBest<1, "val/loss", cairn::minimize>{});
    for (int step = 0; step < steps; ++step) {
        const double share = static_cast<double>(step) / steps;
        const double base = 2.3 * std::exp(-4 * share * (1 + 0.3 * number)) + 0.1 + 0.02 * number;
        double loss = std::abs(base + noise(random) * base);
        if (number == 1 && step == 7123) loss = 40;  // one spike in 20,000 rows
        if (number == 2 && step > 15'000 && step < 15'040) loss = std::numeric_limits<double>::quiet_NaN();
        model.weight[0] = static_cast<float>(step);
        if (step % 500 != 0) {
            run.log(cairn::step(step), "train/loss"_m = loss,
                    "gradient_norm"_m = std::abs(noise(random)) * 10);
            continue;
        }
        const auto row =
            run.log(cairn::step(step), "train/loss"_m = loss,
                    "val/loss"_m = base * 1.1 + std::abs(noise(random)) * 0.3,
                    "val/accuracy"_m = 1 - base / 2.6, "lr"_m = 0.001 * (number + 1) * (1 - share));
        checkpoint.step(row, cairn::part("model", model));
    }
    if (number == 3) (void)run.fail("it diverged <b>on purpose</b>");
}

void go_on(const std::string& store, int rows) {
    auto run = cairn::init({.project = "mnist", .name = "live", .id = "live", .dir = store, .quiet = true});
    for (int step = 0; step < rows; ++step) {
        run.log(cairn::step(step), "live/loss"_m = 1.0 / (1 + step));
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 3) {
        go_on(arguments[1], std::atoi(arguments[3]));
        return 0;
    }
    const int runs = count > 2 ? std::atoi(arguments[2]) : 5;
    for (int number = 0; number < runs; ++number) train(arguments[1], number);
}
