// SPDX-License-Identifier: MIT
// Early stopping, and why everything happened: training ends when the loss has not improved for three epochs,
// the best version and the last one are kept, and the run tells each decision in one line.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <cstdio>

using namespace cairn::literals;

int main() {
    auto run = cairn::init({.project = "custom-checkpointing", .name = "early stopping"});
    const auto data = example::make_data();
    example::LinearModel model;

    auto checkpoint = run.checkpoint("model", cairn::Best<"loss", cairn::minimize>{} | cairn::OnFinish{},
                                     cairn::KeepLast<1>{} | cairn::KeepBest<1, "loss", cairn::minimize>{});
    cairn::Patience<"loss", cairn::minimize, 3> patience;
    float rate = 1e-2F;  // grows until training diverges
    for (int epoch = 0; epoch < 100; ++epoch, rate *= 2) {
        example::Adam optimizer{model, rate};
        const double loss = example::train_one_epoch(model, optimizer, data);
        const auto row = run.log(cairn::step(epoch), "loss"_m = loss);
        checkpoint.step(row, cairn::part("model", model));
        if (run.should_stop(row, patience)) break;
    }
    checkpoint.finish(cairn::part("model", model));

    for (const cairn::Decision& decision : run.decisions()) std::printf("%s\n", to_text(decision).c_str());
    const auto& versions = checkpoint.versions();
    return example::check(run.decisions().back().step < 99, "training has stopped by itself") &&
                   example::check(versions.size() == 2, "the best version and the last one are left") &&
                   example::check(versions[0].row["loss"] < versions[1].row["loss"],
                                  "the first is the better")
               ? 0
               : 1;
}
