// SPDX-License-Identifier: MIT
// Watching is one thing, saving is another: every epoch logs what one wants to look at, every other epoch is
// saved.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <cstdio>

using namespace cairn::literals;

int main() {
    auto run = cairn::init(
        {.project = "custom-checkpointing",
         .name = "every other epoch",
         .config = {{"epochs", 5}, {"batch_size", example::batch_size}, {"learning_rate", 1e-2}}});
    const auto data = example::make_data();
    example::LinearModel model, gradient;
    example::Adam optimizer{model, 1e-2F};

    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("every-other-epoch");
    for (int epoch = 0; epoch < 5; ++epoch) {
        example::train_one_epoch(model, optimizer, data);
        const double loss = example::loss_of(model, data, &gradient);
        const auto row = run.log(cairn::step(epoch), "loss"_m = loss, "weight_norm"_m = example::norm(model),
                                 "gradient_norm"_m = example::norm(gradient));
        const auto result =
            checkpoint.step(row, cairn::part("model", model), cairn::part("optimizer", optimizer));
        std::printf("epoch %d  loss %.4f  %s\n", epoch, loss, result ? "saved" : "not saved");
    }
    run.finish().value();
    return example::has_versions(run, "every-other-epoch", {0, 2, 4}) ? 0 : 1;
}
