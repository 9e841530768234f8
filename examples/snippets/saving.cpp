// SPDX-License-Identifier: MIT
// The code of docs/saving.md; tests/readme.py compares.
#include <cairn/cairn.hpp>
#include <cairn/model/partial.hpp>
#include <cairn/store/safetensors_file.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace cairn::literals;

struct Model {
    std::vector<float> weight = std::vector<float>(4);
    void describe(auto& fields) { fields("weight", weight); }
};

void step(cairn::Run& run, Model& model, std::mt19937& adam) {
    const auto row = run.log("loss"_m = 1.0);
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    auto saved = checkpoint.step(row, cairn::part("model", model), cairn::part("optimizer", adam));
}

void beside_the_loop(cairn::Run& run, Model& model) {
    const auto row = run.log("loss"_m = 1.0);
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    auto saved = checkpoint.step(row, cairn::part("model", model));
    if (!saved) return;
    std::printf("%s\n", saved.version().label().c_str());  // known at once
    if (saved.wait().failed()) std::printf("%s\n", saved.error().what());
}

std::int64_t go_on(Model& model) {
    auto run = cairn::init({.project = "mnist", .id = "first", .resume = cairn::Resume::allow});
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    std::int64_t epoch = 0;
    if (auto version = checkpoint.try_restore(cairn::latest, cairn::part("model", model)))
        epoch = version->step() + 1;
    return epoch;
}

void some_of_it(cairn::Run& run, Model& model) {
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    cairn::Partial encoder{model, {.only = {"encoder.*", "head.bias"}}};
    cairn::load("pretrained.safetensors", cairn::part("model", encoder));
    cairn::Partial whatever_fits{model, {.strict = false}};
    checkpoint.restore(cairn::latest, cairn::part("model", whatever_fits));
    for (const std::string& name : whatever_fits.report().missing) std::puts(name.c_str());
}

float of_others() {
    const cairn::safetensors::MappedFile file{"pretrained.safetensors"};
    for (const auto& tensor : file.tensors())
        std::printf("%s %s\n", tensor.name.c_str(), to_string(tensor.shape).c_str());
    const std::span<const float> bias = file.values<float>("head.bias");  // in place
    return bias[0];
}

struct MySink {
    cairn::result<void> begin(const cairn::VersionInfo& info);
    cairn::result<void> write(std::string_view file, std::span<const std::byte> bytes);
    cairn::result<cairn::Version> commit();
    void abort() noexcept;
};
static_assert(cairn::ArtifactSink<MySink>);
