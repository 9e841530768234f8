// SPDX-License-Identifier: MIT
// Records runs for mirrors. usage: record STORE full|failed|crashed|ours|growing|models|ranks|file
// [PICTURE|ID|FILE]
//   full      every kind of value, metrics that go back, rich values, an artifact, output, samples, an alert
//   failed    ends as failed · crashed: kills itself
//   ours      what check.py logs by W&B's client as well
//   growing   logs a row each 20 ms, until its folder has a file "enough"; goes on with the run, if there is
//   one models    checkpoints, a dataset that "full" has logged, names and values that MLflow minds, a row of
//   10,000 ranks     two ranks write one run
//   file      an artifact "large" that is FILE
#include <cairn/cairn.hpp>
#include <cairn/media/audio.hpp>
#include <cairn/media/blob.hpp>
#include <cairn/media/field.hpp>
#include <cairn/media/histogram.hpp>
#include <cairn/media/image_file.hpp>
#include <cairn/media/scores.hpp>
#include <cairn/media/table.hpp>
#include <cairn/media/text.hpp>
#include <cairn/run/console.hpp>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using namespace cairn::literals;

namespace {

void log_values(cairn::Run& run) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN(),
                     infinity = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 20; ++i) {
        run.log(cairn::step(i), "loss/train"_m = 1.0 / (i + 1), "epoch"_m = i / 5, "on"_m = i % 2 == 0);
        if (i % 5 == 4) run.log({{"val/loss", 2.0 / (i + 1)}}, {.step = i});  // W&B has them in one row
    }
    run.log(cairn::step(20), "nan"_m = nan, "up"_m = infinity, "down"_m = -infinity, "huge"_m = 1e300,
            "zero"_m = -0.0, "many"_m = std::numeric_limits<std::int64_t>::max());
    run.log(cairn::step(21), "note"_m = "a \"text\", \xc3\xbcnd <b>more</b>\n");
    run.log({{"l\xf6ss.dot", 0.5}}, {.step = 22});  // no UTF-8
    run.log(cairn::step(23), "_step"_m = 99);       // a name that W&B keeps for itself
}
void log_media(cairn::Run& run, const char* picture) {
    std::ifstream file{picture, std::ios::binary};
    const std::string image{std::istreambuf_iterator<char>{file}, {}};
    std::vector<double> weights(1000);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<double>(i % 100);
    cairn::Table table{{"word", "count"}};
    table.add_row({"one", 1});
    table.add_row({"two", nullptr});
    const std::vector<int> truth{0, 1, 1, 0}, said{0, 1, 0, 0};
    const std::vector<float> scores{0.1F, 0.9F, 0.4F, 0.2F}, wave(800, 0.25F), field(12, 1.5F);
    run.log(cairn::step(30), "weights/fc1"_m = cairn::Histogram{weights}, "rich/table"_m = table,
            "rich/picture"_m = cairn::ImageFile{image, "a caption"});
    run.log(cairn::step(31), "confusion"_m = cairn::confusion_matrix(truth, said, {"cat", "dog"}),
            "roc"_m = cairn::roc_curve(truth, scores), "pr"_m = cairn::precision_recall_curve(truth, scores),
            "sound"_m = cairn::Audio{wave, 8000});
    run.log(cairn::step(32), "text"_m = cairn::Text{"a longer text"},
            "page"_m = cairn::Blob{"<b>html</b>", "text/html"},
            "bytes"_m = cairn::Blob{"12345", "application/x-thing"}, "field"_m = cairn::Field2D{field, 4, 3});
}

void log_pair(const char* store) {
    auto run = cairn::init({.project = "demo",
                            .name = "the pair",
                            .id = "ours",
                            .config = {{"lr", 1e-3}, {"net", {{"width", 64}}}},
                            .tags = {"cpp"},
                            .notes = "n",
                            .group = "pairs",
                            .job_type = "train",
                            .dir = store,
                            .system_seconds = 0,
                            .quiet = true});
    run.define_metric("val/loss", {.step_metric = "epoch"});
    for (int i = 0; i < 10; ++i)
        run.log(cairn::step(i), "loss"_m = 1.0 / (i + 1), "epoch"_m = i / 5, "on"_m = i % 2 == 0);
    const std::vector<double> edges{0, 1, 2};
    const std::vector<std::uint64_t> counts{1, 2};
    run.log(cairn::step(10), "nan"_m = std::numeric_limits<double>::quiet_NaN(),
            "up"_m = std::numeric_limits<double>::infinity(), "note"_m = "text",
            "h"_m = cairn::Histogram::from_bins(edges, counts));
}

struct Model {
    std::vector<float> weight;
    void describe(auto& fields) { fields("weight", weight); }
};

void log_models(const char* store) {
    auto run = cairn::init({.project = "demo",
                            .id = "models",
                            .config = {{"lr", 0.1}, {"long", std::string(7000, 'x')}, {"a[0]", 1}},
                            .dir = store,
                            .system_seconds = 0,
                            .quiet = true});
    (void)run.use_artifact("data:golden");
    run.update_config({{"lr", 0.2}});
    auto checkpoint = run.checkpoint<cairn::Best<"val/loss", cairn::minimize>>("net");
    Model model{std::vector<float>(std::size_t{1} << 18U, 1.5F)};
    for (int epoch = 0; epoch < 5; ++epoch) {
        model.weight.front() = static_cast<float>(epoch);
        const auto row = run.log(cairn::step(epoch), "val/loss"_m = 1.0 / (epoch + 1));
        (void)checkpoint.step(row, cairn::part("model", model));
    }
    const std::filesystem::path file = std::filesystem::path{store} / "input.txt";
    std::ofstream{file} << "odd";
    cairn::Artifact odd{"odd", "other"};
    odd.add_file(file, "a b/50% \xc3\xbc+.txt");
    odd.add_file(file, "no #1.txt");  // MLflow has no path with a #
    (void)run.log_artifact(odd);
    const std::string names[] = {"grad[0]",
                                 "a//b",
                                 "/c",
                                 "d/",
                                 "../e",
                                 "f/./g",
                                 "loss=1",
                                 "ratio:x",
                                 "_x005B_",
                                 "\xd0\xbc\xd0\xb5\xd1\x82\xd1\x80\xd0\xb8\xd0\xba\xd0\xb0/1",
                                 "\xf0\x9f\x98\x80",
                                 std::string(300, 'n'),
                                 std::string(300, 'n') + "2",
                                 ".",
                                 "step",
                                 "__x"};
    for (const std::string& name : names) run.log({{name, 1.0}}, {.step = 10});
    std::vector<std::string> many;
    for (int i = 0; i < 10'000; ++i) many.push_back("wide/" + std::to_string(i));
    std::vector<cairn::NamedValue> row;
    for (std::size_t i = 0; i < many.size(); ++i) row.push_back({many[i], static_cast<double>(i)});
    run.log(row, {.step = 11});
}

void log_ranks(const char* store) {
    for (unsigned rank = 0; rank < 2; ++rank) {
        auto run = cairn::init({.project = "demo",
                                .id = "ranks",
                                .dir = store,
                                .rank = rank,
                                .system_seconds = 0,
                                .quiet = true});
        for (int i = 0; i < 3; ++i) run.log(cairn::step(i), "loss"_m = rank + 0.5 * i);
    }
}

void log_file(const char* store, const char* file) {
    auto run =
        cairn::init({.project = "demo", .id = "file", .dir = store, .system_seconds = 0, .quiet = true});
    cairn::Artifact large{"large", "dataset"};
    large.add_file(file);
    (void)run.log_artifact(large);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string what = argv[2];
    if (what == "ours") {
        log_pair(argv[1]);
        return 0;
    }
    if (what == "file" && argc > 3) {
        log_file(argv[1], argv[3]);
        return 0;
    }
    if (what == "models" || what == "ranks") {
        (what == "models" ? log_models : log_ranks)(argv[1]);
        return 0;
    }
    auto run =
        cairn::init({.project = "demo",
                     .name = "the " + what + " run",
                     .id = what == "growing" && argc > 3 ? argv[3] : what,
                     .config = {{"lr", 1e-3}, {"deep", true}, {"net", {{"act", "relu"}, {"width", 64}}}},
                     .tags = {"cpp", "test"},
                     .notes = "what it is",
                     .group = "pairs",
                     .job_type = "train",
                     .dir = argv[1],
                     .resume = what == "growing" ? cairn::Resume::allow : cairn::Resume::never,
                     .system_seconds = 0.1,
                     .quiet = true});
    if (what == "growing") {
        for (int i = 0; !std::filesystem::exists(run.dir() / "enough"); ++i) {
            run.log(cairn::step(i), "loss"_m = 1.0 / (i + 1));
            cairn::detail::os::sys::sleep_ns(20'000'000);
        }
        return 0;
    }
    run.define_metric("val/loss", {.goal = cairn::minimize, .step_metric = "epoch"});
    {
        const cairn::Console console{run};
        std::cout << "first line\nsecond \xc3\xbcline" << std::endl;
    }
    log_values(run);
    if (what == "failed") return run.fail("out of luck") ? 0 : 1;
    if (what == "crashed") {
        cairn::detail::os::sys::sleep_ns(300'000'000);
        std::raise(SIGKILL);
    }
    log_media(run, argc > 3 ? argv[3] : "");
    run.set_summary("best", {{"epoch", 3}});
    run.alert("look", {.text = "here", .level = cairn::AlertLevel::error});
    cairn::Artifact data{"data", "dataset"};
    data.metadata = {{"rows", 3}};
    data.description = "three files";
    const std::filesystem::path folder = std::filesystem::path{argv[1]} / "input";
    std::filesystem::create_directories(folder);
    std::ofstream{folder / "a.txt"} << "hello";
    std::ofstream{folder / "empty.txt"};
    data.add_file(folder / "a.txt", "a.txt");
    data.add_file(folder / "empty.txt", "deep/empty.txt");
    (void)run.log_artifact(data, {"golden"});
    cairn::detail::os::sys::sleep_ns(300'000'000);
    return run.finish() && run.health().ok() ? 0 : 1;
}
