// SPDX-License-Identifier: MIT
// Every other epoch once more, by a rule of one's own: any callable is a policy, and sees the row's metrics.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <cstdio>

using namespace cairn::literals;

int main() {
    auto run = cairn::init({.project = "custom-checkpointing", .name = "predicate"});
    const auto data = example::make_data();
    example::LinearModel model;
    example::Adam optimizer{model, 1e-2F};

    auto checkpoint =
        run.checkpoint("predicate", cairn::Predicate{[](const auto& at) { return at.step % 2 == 0; }});
    for (int epoch = 0; epoch < 5; ++epoch) {
        const double loss = example::train_one_epoch(model, optimizer, data);
        const auto row = run.log(cairn::step(epoch), "loss"_m = loss);
        const auto result = checkpoint.step(row, cairn::part("model", model));
        std::printf("epoch %d  loss %.4f  %s\n", epoch, loss, result ? "saved" : "not saved");
    }
    return example::has_versions(run, "predicate", {0, 2, 4}) ? 0 : 1;
}
