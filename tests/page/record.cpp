// SPDX-License-Identifier: MIT
// Records runs for the tests of the page: five trainings with a spike, NaNs, checkpoints and hostile texts.
// usage: record STORE [RUNS]
//        record STORE live ROWS: one run, a row every 20 ms
//        record STORE many RUNS: small runs
//        record STORE twins ROWS: two projects, each with a run of one id
//        record STORE sessions ROWS: a run that is resumed from half its rows; what it prints and samples
//        record STORE wide METRICS: one run of so many metrics, 100 values each
//        record STORE long ROWS: one run of one metric, as fast as it can
//        record STORE fast SECONDS: the same, 200 rows a millisecond

#include <cairn/cairn.hpp>
#include <cairn/media/values.hpp>
#include <cairn/run/console.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
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

/// One of each kind, histograms over the steps, and texts that would like to be more.
void log_rich_values(cairn::Run& run) {
    std::mt19937 random{99};
    std::normal_distribution<float> noise{0, 1};
    for (int step = 0; step <= 19'000; step += 1000) {
        std::vector<float> weights(2000);
        const float shift = static_cast<float>(step) / 10'000, width = 1 - static_cast<float>(step) / 40'000;
        for (float& weight : weights) weight = shift + width * noise(random);
        run.log(cairn::step(step), "parameters/fc.weight"_m = cairn::Histogram{weights},
                "sample"_m = cairn::Text{"step " + std::to_string(step) + "\n<script>alert(3)</script>"});
    }
    std::vector<int> truth, predicted;
    std::vector<double> scores;
    for (int i = 0; i < 600; ++i) {
        truth.push_back(i % 3);
        predicted.push_back(i % 7 == 0 ? (i + 1) % 3 : i % 3);
        scores.push_back(static_cast<double>(i % 3 == 1) + static_cast<double>(noise(random)));
    }
    std::vector<int> is_one;
    for (const int one : truth) is_one.push_back(one == 1 ? 1 : 0);
    cairn::Table table{{"picture", "<u>truth</u>", "predicted"}};
    for (int i = 0; i < 150; ++i)
        table.add_row(
            {std::to_string(i) + ".png", i % 10, i % 7 == 0 ? "<img src=x onerror=alert(4)>" : "ok"});
    std::vector<double> heat;
    for (int y = 0; y < 40; ++y) {
        for (int x = 0; x < 60; ++x) heat.push_back(std::sin(x / 9.0) * std::cos(y / 7.0));
    }
    std::vector<float> sound;
    for (int i = 0; i < 4000; ++i) sound.push_back(0.3F * std::sin(static_cast<float>(i) * 0.2F));
    const std::string dot =
        std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde", 33) +
        std::string("\0\0\0\x0cIDATx\x9c"
                    "c\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef",
                    24) +
        std::string("\0\0\0\0IEND\xae"
                    "B`\x82",
                    12);
    run.log(cairn::step(19'000),
            "confusion"_m = cairn::confusion_matrix(truth, predicted, {"cat", "<b>dog</b>", "fox"}),
            "roc"_m = cairn::roc_curve(is_one, scores), "errors"_m = table,
            "temperature"_m = cairn::Field2D{heat, 60, 40, {.caption = "<b>at noon</b>", .unit = "K"}},
            "voice"_m = cairn::Audio{sound, 8000}, "dot"_m = cairn::ImageFile{dot, "a red dot"},
            "mesh"_m = cairn::Blob{std::string(2000, 'x'), "model/gltf-binary"});
}

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
    if (number == 2) (void)run.use_artifact("model");
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
    if (number == 4) log_rich_values(run);
    if (number == 3) {
        while (run.health().rows_collected < run.health().rows_logged)  // an alert is at the newest of these
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        run.alert("the loss <i>rises</i>", {.text = "since 2 epochs", .level = cairn::AlertLevel::warn});
        // What record_git tells, wherever this is built.
        (void)run.core()->try_describe([](nlohmann::json& about) {
            about["environment"]["git"] = {
                {"commit", std::string(40, 'c')}, {"branch", "wider"}, {"dirty", true}};
        });
        (void)run.fail("it diverged <b>on purpose</b>");
    }
}

void go_on(const std::string& store, int rows) {
    auto run = cairn::init({.project = "mnist", .name = "live", .id = "live", .dir = store, .quiet = true});
    for (int step = 0; step < rows; ++step) {
        run.log(cairn::step(step), "live/loss"_m = 1.0 / (1 + step));
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

void record_many(const std::string& store, int runs) {
    std::mt19937 random{1};
    std::uniform_real_distribution<double> rate{-4, -1};
    for (int number = 0; number < runs; ++number) {
        const double lr = std::pow(10, rate(random));
        auto run = cairn::init({.project = "sweep",
                                .name = "trial " + std::to_string(number),
                                .id = "trial-" + std::to_string(number),
                                .config = {{"lr", lr}, {"batch_size", 1 << (number % 8)}},
                                .dir = store,
                                .quiet = true});
        run.define_metric("val/loss", {.goal = cairn::minimize});
        for (int step = 0; step < 50; ++step) {
            run.log(cairn::step(step), "train/loss"_m = 1.0 / (1 + step * lr * 100),
                    "val/loss"_m = 1.1 / (1 + step * lr * 90), "epoch"_m = step / 10, "lr"_m = lr);
        }
    }
}

void record_twins(const std::string& store, int rows) {
    for (const std::string project : {"first", "second"}) {
        auto run = cairn::init(
            {.project = project, .name = "of " + project, .id = "twin", .dir = store, .quiet = true});
        for (int step = 0; step < rows; ++step)
            run.log(cairn::step(step), "loss"_m = project == "first" ? step : -step);
    }
}

void record_sessions(const std::string& store, int rows) {
    for (const int first : {0, rows / 2}) {
        auto run = cairn::init({.project = "again",
                                .name = "resumed",
                                .id = "again",
                                .dir = store,
                                .resume = first == 0 ? cairn::Resume::never : cairn::Resume::must,
                                .system_seconds = 0.1,
                                .quiet = true});
        const cairn::Console console{run};
        for (int step = first; step < first + rows; ++step) {
            std::cout << "step " << step << " <b>of many</b>\n";
            run.log(cairn::step(step), "loss"_m = 1.0 / (1 + step));
            std::this_thread::sleep_for(std::chrono::milliseconds{5});
        }
    }
}

void record_wide(const std::string& store, int metrics) {
    auto run = cairn::init({.project = "sizes", .name = "wide", .id = "wide", .dir = store, .quiet = true});
    std::vector<std::string> names;
    for (int i = 0; i < metrics; ++i)
        names.push_back("layer" + std::to_string(i / 10) + "/weight" + std::to_string(i % 10));
    for (int step = 0; step < 100; ++step) {
        for (int i = 0; i < metrics; ++i)
            run.log({{names[static_cast<std::size_t>(i)], std::sin(0.001 * step * i)}}, {.step = step});
    }
}

void record_long(const std::string& store, long rows) {
    auto run = cairn::init({.project = "sizes", .name = "long", .id = "long", .dir = store, .quiet = true});
    std::mt19937 random{7};
    for (long step = 0; step < rows; ++step) {
        const double noise = static_cast<double>(random()) / 4294967296.0;
        run.log(cairn::step(step), "loss"_m = 1 / (1 + 1e-6 * static_cast<double>(step)) + 0.1 * noise);
    }
}

void record_fast(const std::string& store, long seconds) {
    auto run = cairn::init({.project = "sizes", .name = "fast", .id = "fast", .dir = store, .quiet = true});
    std::mt19937 random{7};
    std::int64_t step = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (long ms = 0; ms < seconds * 1000; ++ms) {
        for (int i = 0; i < 200; ++i, ++step)
            run.log(cairn::step(step), "loss"_m = static_cast<double>(random()) / 4294967296.0);
        std::this_thread::sleep_until(begin + std::chrono::milliseconds{ms + 1});
    }
}

}  // namespace

int main(int count, char** arguments) {
    const std::string store = count > 1 ? arguments[1] : "";
    const std::string what = count > 3 ? arguments[2] : "";
    const long size = count > 3 ? std::atol(arguments[3]) : 0;
    if (what == "live")
        go_on(store, static_cast<int>(size));
    else if (what == "many")
        record_many(store, static_cast<int>(size));
    else if (what == "twins")
        record_twins(store, static_cast<int>(size));
    else if (what == "sessions")
        record_sessions(store, static_cast<int>(size));
    else if (what == "wide")
        record_wide(store, static_cast<int>(size));
    else if (what == "long")
        record_long(store, size);
    else if (what == "fast")
        record_fast(store, size);
    else
        for (int number = 0; number < (count > 2 ? std::atoi(arguments[2]) : 5); ++number)
            train(store, number);
}
