// SPDX-License-Identifier: MIT
// How does training converge? Save at chosen steps, close together at first and far apart later, and compare
// what was saved with where training ended.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <cstdio>

using namespace cairn::literals;

int main() {
    auto run = cairn::init({.project = "custom-checkpointing", .name = "chosen steps"});
    const auto data = example::make_data();
    example::LinearModel model;
    example::Adam optimizer{model, 1e-2F};

    auto checkpoint = run.checkpoint<cairn::AtSteps<1, 4, 16, 64>>("convergence");
    int step = 0;
    for (int epoch = 0; epoch < 5; ++epoch) {
        for (const auto batch : example::batches_of(data)) {
            const double loss = example::train_one_batch(model, optimizer, batch);
            const auto row = run.log(cairn::step(++step), "loss"_m = loss, "epoch"_m = epoch);
            checkpoint.step(row, cairn::part("model", model));
        }
    }

    for (const cairn::Version& version : checkpoint.versions()) {
        example::LinearModel earlier;
        checkpoint.restore(version.label(), cairn::part("model", earlier));
        std::printf("step %3d  loss %.4f  distance to the end %.3f\n", static_cast<int>(version.step()),
                    example::loss_of(earlier, data), example::distance(earlier, model));
    }
    return example::has_versions(run, "convergence", {1, 4, 16, 64}) ? 0 : 1;
}
