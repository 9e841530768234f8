// SPDX-License-Identifier: MIT
// Something happens in epoch 3, and you want to see it again and again: save what training needs just before
// it, and only then. From there it runs exactly as it ran.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <cstdio>

using namespace cairn::literals;

int main() {
    auto run = cairn::init({.project = "custom-checkpointing", .name = "debug an epoch"});
    const auto data = example::make_data();
    example::LinearModel model;
    example::Adam optimizer{model, 1e-2F};

    constexpr int suspect = 3;  // it could as well come from the command line
    auto checkpoint = run.checkpoint(
        "debug", cairn::Predicate{[before = suspect - 1](const auto& at) { return at.step == before; }});
    double seen = 0;
    for (int epoch = 0; epoch < 5; ++epoch) {
        const double loss = example::train_one_epoch(model, optimizer, data);
        if (epoch == suspect) seen = loss;
        const auto row = run.log(cairn::step(epoch), "loss"_m = loss);
        checkpoint.step(row, cairn::part("model", model), cairn::part("optimizer", optimizer));
    }

    // From here one would go on in a debugger, or with more logging.
    checkpoint.restore(cairn::latest, cairn::part("model", model), cairn::part("optimizer", optimizer));
    const double again = example::train_one_epoch(model, optimizer, data);
    std::printf("epoch %d  loss %.17g\n  again  loss %.17g\n", suspect, seen, again);
    const bool same = example::check(again == seen, "the epoch runs again exactly as it ran");
    return example::has_versions(run, "debug", {suspect - 1}) && same ? 0 : 1;
}
