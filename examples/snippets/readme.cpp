// SPDX-License-Identifier: MIT
// The code of README.md but for its first program; tests/readme.py compares.
#include <cairn/cairn.hpp>

#include <random>
#include <vector>

using namespace cairn::literals;

struct Model {
    std::vector<float> weight = std::vector<float>(4);
    void describe(auto& fields) { fields("weight", weight); }
};

void say_when(cairn::Run& run) {
    using namespace cairn;
    auto a = run.checkpoint<NoBestSave>("model");          // never; cairn::save and log_model still do
    auto b = run.checkpoint<EveryN<2>>("model");           // every other step
    auto c = run.checkpoint<EveryN<1, "epoch">>("model");  // by a metric that counts
    auto d = run.checkpoint("model", Predicate{[](const auto& at) { return at["loss"_m] < 0.1; }});
    auto e = run.checkpoint("model", Best<"val/loss", minimize>{} | EveryN<500>{},
                            KeepLast<3>{} | KeepBest<1, "val/loss", minimize>{});
    (void)a;
}

int restore(cairn::Run& run, Model& model, std::mt19937& adam) {
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    auto version =
        checkpoint.restore(cairn::latest, cairn::part("model", model), cairn::part("optimizer", adam));
    int first = int(version.step()) + 1;  // also: cairn::best, "v3"
    return first;
}

void without_a_run(Model& model) {
    cairn::save("model.safetensors", cairn::part("model", model));
    cairn::load("model.safetensors", cairn::part("model", model));
}
