// SPDX-License-Identifier: MIT
// Why not simply keep the best? Here training begins with easy samples and goes on with all of them, so the
// loss must first get worse. What has "the best loss" is a model that has seen easy samples only; what one
// wants is the end of each stage.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <cstdio>
#include <vector>

using namespace cairn::literals;

int main() {
    auto run = cairn::init({.project = "custom-checkpointing", .name = "worse before better"});
    const auto all = example::make_data();
    auto easy = all;
    std::erase_if(easy, [](const example::Sample& sample) { return sample.margin < 2; });
    example::LinearModel model;
    example::Adam optimizer{model, 3e-2F};

    auto best = run.checkpoint<cairn::Best<"loss", cairn::minimize>>("curriculum-best");
    auto stages =
        run.checkpoint("curriculum", cairn::Predicate{[](const auto& at) { return at["stage_ends"_m]; }});
    for (int epoch = 0; epoch < 5; ++epoch) {
        const double loss = example::train_one_epoch(model, optimizer, epoch < 2 ? easy : all);
        const auto row =
            run.log(cairn::step(epoch), "loss"_m = loss, "stage_ends"_m = epoch == 1 || epoch == 4);
        const bool is_best = best.step(row, cairn::part("model", model)).saved();
        const bool is_end = stages.step(row, cairn::part("model", model)).saved();
        std::printf("epoch %d on %s  loss %.4f%s%s\n", epoch, epoch < 2 ? "easy samples" : "all samples ",
                    loss, is_best ? "  best so far" : "", is_end ? "  end of a stage" : "");
    }

    example::LinearModel from_best, from_stages;
    best.restore(cairn::best, cairn::part("model", from_best));
    stages.restore(cairn::latest, cairn::part("model", from_stages));
    const double best_loss = example::loss_of(from_best, all), last_loss = example::loss_of(from_stages, all);
    std::printf("loss on all samples: of \"the best\" %.4f, of the last stage %.4f\n", best_loss, last_loss);

    const bool best_as_expected = example::has_versions(run, "curriculum-best", {0, 1});
    const bool stages_as_expected = example::has_versions(run, "curriculum", {1, 4});
    const bool last_is_better =
        example::check(last_loss < best_loss, "the last stage is better than the best loss");
    return best_as_expected && stages_as_expected && last_is_better ? 0 : 1;
}
