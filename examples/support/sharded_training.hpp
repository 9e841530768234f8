// SPDX-License-Identifier: MIT
#pragma once
// One classifier that several processes train together: each owns the weights of one class (one against the
// rest, so none needs the others' gradients), and saves them as its shard of every version. The same for any
// communicator.

#include "check.hpp"
#include "linear.hpp"

#include <cairn/cairn.hpp>
#include <cairn/checkpoint/sharded.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace example {

/// The weights of one class.
struct ClassShard {
    std::size_t label;
    std::vector<float> weight = std::vector<float>(inputs), bias = std::vector<float>(1);

    void describe(auto& fields) {
        fields("weight", weight, {1, inputs});
        fields("bias", bias, {1});
    }
    [[nodiscard]] double score(const Sample& sample) const {
        double sum = bias[0];
        for (std::size_t i = 0; i < inputs; ++i) sum += weight[i] * sample.x[i];
        return sum;
    }
    /// One pass of gradient descent; the mean loss before each step.
    double train(const std::vector<Sample>& data, float rate) {
        double loss = 0;
        for (const Sample& sample : data) {
            const double wanted = sample.label == label ? 1 : 0;
            const double guess = 1 / (1 + std::exp(-score(sample)));
            loss -= std::log(wanted == 1 ? guess : 1 - guess);
            const auto slope = static_cast<float>(guess - wanted) * rate;
            for (std::size_t i = 0; i < inputs; ++i) weight[i] -= slope * sample.x[i];
            bias[0] -= slope;
        }
        return loss / static_cast<double>(data.size());
    }
};

/// What each process runs. All open one run: rank 0 makes it and tells the others its id.
template <class Ranks>
int train_together(Ranks& ranks) {
    using namespace cairn::literals;
    cairn::Options options{.project = "sharded"};
    if (ranks.rank() != 0) {
        options.id = ranks.broadcast({});
        options.rank = ranks.rank();
    }
    auto run = cairn::init(std::move(options));
    if (ranks.rank() == 0) (void)ranks.broadcast(run.id());

    const auto data = make_data();
    ClassShard shard{ranks.rank() % classes};
    auto checkpoint = run.checkpoint("model", cairn::Best<"loss", cairn::minimize>{} & cairn::EveryN<2>{},
                                     cairn::KeepLast<2>{}, cairn::Sharded{ranks});
    for (int epoch = 0; epoch < 8; ++epoch) {
        const double mine = shard.train(data, 1e-3F);
        double loss = 0;  // known to rank 0 alone, whose row decides
        for (const std::string& part : ranks.gather(std::to_string(mine))) loss += std::stod(part);
        const auto row = run.log(cairn::step(epoch), "loss"_m = loss, "own_loss"_m = mine);
        const auto result = checkpoint.step(row, cairn::part("class", shard));
        if (ranks.rank() == 0)
            std::printf("epoch %d  loss %.4f  %s\n", epoch, loss, result ? "saved" : "not saved");
    }

    ClassShard fresh{shard.label};
    const auto version = checkpoint.restore(cairn::latest, cairn::part("class", fresh));
    const bool is_whole = version.step() == 6 && fresh.weight != ClassShard{}.weight &&
                          std::filesystem::exists(version.path / ("rank-" + std::to_string(ranks.rank())) /
                                                  "class.safetensors");
    std::printf("rank %u of %u restored its shard of %s\n", ranks.rank(), ranks.size(),
                version.label().c_str());
    return check(is_whole, "every rank finds its shard in the newest version") &&
                   check(checkpoint.versions().size() == 2, "the two newest versions are left")
               ? 0
               : 1;
}

}  // namespace example
