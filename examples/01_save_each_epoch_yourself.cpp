// SPDX-License-Identifier: MIT
// Nothing is saved behind your back: the policy is "save no best model", and the state of each epoch becomes
// a version of an artifact because this program says so.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

using namespace cairn::literals;

int main() {
    auto run = cairn::init({.project = "custom-checkpointing", .name = "save each epoch yourself"});
    const auto data = example::make_data();
    example::LinearModel model;
    example::Adam optimizer{model, 1e-2F};

    auto automatic = run.checkpoint<cairn::NoBestSave>("automatic");
    static_assert(std::is_empty_v<decltype(automatic)>);  // a checkpoint that is off is no code and no data

    std::vector<std::string> saved;
    for (int epoch = 0; epoch < 5; ++epoch) {
        const double loss = example::train_one_epoch(model, optimizer, data);
        const auto row = run.log(cairn::step(epoch), "loss"_m = loss);
        automatic.step(row, cairn::part("model", model));

        const auto version =
            run.log_model("each-epoch", cairn::part("model", model), cairn::part("optimizer", optimizer));
        saved.push_back(version.label());
        std::printf("epoch %d  loss %.4f  saved as %s\n", epoch, loss, version.label().c_str());
    }
    return example::has_versions_named(run, "each-epoch", saved) ? 0 : 1;
}
