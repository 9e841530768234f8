// SPDX-License-Identifier: MIT
// No watching and no checkpoint object: a plain save to a path of one's own each epoch (what torch.save is in
// Python), and an artifact made of those files, under an alias that says which epoch it is.

#include "support/check.hpp"
#include "support/linear.hpp"

#include <cairn/cairn.hpp>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

using namespace cairn::literals;

int main() {
    auto run = cairn::init({.project = "custom-checkpointing", .name = "plain files"});
    const auto data = example::make_data();
    example::LinearModel model;
    example::Adam optimizer{model, 1e-2F};

    std::vector<std::string> saved;
    for (int epoch = 0; epoch < 5; ++epoch) {
        const double loss = example::train_one_epoch(model, optimizer, data);
        run.log(cairn::step(epoch), "loss"_m = loss);

        const std::string name = "epoch-" + std::to_string(epoch);
        const std::filesystem::path folder = run.dir() / "checkpoints" / name;
        cairn::save(folder, cairn::part("model", model), cairn::part("optimizer", optimizer));
        cairn::Artifact artifact{"plain-files", "model"};
        artifact.add_dir(folder);
        artifact.metadata = {{"epoch", epoch}, {"loss", example::loss_of(model, data)}};
        saved.push_back(run.log_artifact(artifact, {name}).label());
    }

    bool all_come_back = true;
    for (int epoch = 0; epoch < 5; ++epoch) {
        const auto artifact = run.use_artifact("plain-files:epoch-" + std::to_string(epoch));
        example::LinearModel restored;
        cairn::load(artifact.path() / "model.safetensors", cairn::part("model", restored));
        const double loss = example::loss_of(restored, data);
        std::printf("epoch %d  %s  loss %.4f\n", epoch, artifact.label().c_str(), loss);
        all_come_back &=
            example::check(artifact.metadata()["loss"] == loss, "a model comes back as it was saved");
    }
    return example::has_versions_named(run, "plain-files", saved) && all_come_back ? 0 : 1;
}
