// SPDX-License-Identifier: MIT
// Pre-training: only the model at the end counts, whatever the loss did on the way. `finish` says that this
// is the end; a run that crashes saves nothing.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <cstdio>

using namespace cairn::literals;

int main() {
    auto run = cairn::init({.project = "custom-checkpointing", .name = "only the final model"});
    const auto data = example::make_data();
    example::LinearModel model;
    example::Adam optimizer{model, 1e-2F};

    auto checkpoint = run.checkpoint<cairn::OnFinish>("pretrained");
    for (int epoch = 0; epoch < 5; ++epoch) {
        const double loss = example::train_one_epoch(model, optimizer, data);
        const auto row = run.log(cairn::step(epoch), "loss"_m = loss);
        checkpoint.step(row, cairn::part("model", model));  // tells the checkpoint which row is the last one
        std::printf("epoch %d  loss %.4f\n", epoch, loss);
    }
    checkpoint.finish(cairn::part("model", model));

    example::LinearModel tuned;  // what comes next starts from it
    checkpoint.restore(cairn::latest, cairn::part("model", tuned));
    std::printf("fine-tuning starts at loss %.4f\n", example::loss_of(tuned, data));
    return example::has_versions(run, "pretrained", {4}) ? 0 : 1;
}
