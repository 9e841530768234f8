// SPDX-License-Identifier: MIT
// Saving that has nothing to do with metrics: when someone sends SIGUSR1, as batch systems do before they end
// a job. The policy never says yes; the program saves when it was asked to.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <csignal>
#include <cstdio>

using namespace cairn::literals;

namespace {

volatile std::sig_atomic_t asked_to_save = 0;

extern "C" void on_signal(int) { asked_to_save = 1; }

}  // namespace

int main() {
    std::signal(SIGUSR1, on_signal);  // from outside: kill -USR1 <process id>
    auto run = cairn::init({.project = "custom-checkpointing", .name = "when asked from outside"});
    const auto data = example::make_data();
    example::LinearModel model;
    example::Adam optimizer{model, 1e-2F};

    auto checkpoint = run.checkpoint<cairn::Manual>("on-request");
    for (int epoch = 0; epoch < 5; ++epoch) {
        const double loss = example::train_one_epoch(model, optimizer, data);
        const auto row = run.log(cairn::step(epoch), "loss"_m = loss);
        if (epoch == 1 || epoch == 3) std::raise(SIGUSR1);  // stands for the one outside
        if (asked_to_save != 0) {
            asked_to_save = 0;
            checkpoint.save(row, cairn::part("model", model), cairn::part("optimizer", optimizer));
            std::printf("epoch %d  loss %.4f  saved, as asked\n", epoch, loss);
        } else {
            std::printf("epoch %d  loss %.4f\n", epoch, loss);
        }
    }
    return example::has_versions(run, "on-request", {1, 3}) ? 0 : 1;
}
