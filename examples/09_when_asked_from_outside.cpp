// SPDX-License-Identifier: MIT
// Saving that has nothing to do with metrics: when someone sends SIGUSR1, as batch systems do before they end
// a job (kill -USR1 <process id>). Nothing is saved from inside the signal; the next step is.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <csignal>
#include <cstdio>

using namespace cairn::literals;

int main() {
    auto run = cairn::init({.project = "custom-checkpointing", .name = "when asked from outside"});
    const auto data = example::make_data();
    example::LinearModel model;
    example::Adam optimizer{model, 1e-2F};

    auto checkpoint = run.checkpoint<cairn::OnSignal>("on-request");
    for (int epoch = 0; epoch < 5; ++epoch) {
        const double loss = example::train_one_epoch(model, optimizer, data);
        if (epoch == 1 || epoch == 3) std::raise(SIGUSR1);  // stands for the one outside
        const auto row = run.log(cairn::step(epoch), "loss"_m = loss);
        const auto result =
            checkpoint.step(row, cairn::part("model", model), cairn::part("optimizer", optimizer));
        std::printf("epoch %d  loss %.4f  %s\n", epoch, loss, result ? "saved, as asked" : "not saved");
    }
    return example::has_versions(run, "on-request", {1, 3}) ? 0 : 1;
}
