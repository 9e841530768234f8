// SPDX-License-Identifier: MIT
// Trains a character-level language model on text files (by default this repository's own README and
// headers), saves its best and its latest states, and shows that the best one comes back from disk exactly as
// it was.
//
//     train_text [--steps N] [--seed N] [FILE...]
//
// A run that was killed goes on where it was last saved: CAIRN_RESUME=must CAIRN_RUN_ID=<its id> train_text

#include "../support/adam.hpp"
#include "arguments.hpp"
#include "corpus.hpp"
#include "model.hpp"
#include "progress.hpp"

#include <cairn/cairn.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <random>
#include <string>

using namespace cairn::literals;
using namespace train_text;

namespace {

constexpr std::size_t batch_size = 128;
constexpr float learning_rate = 3e-3F;
constexpr double longest_gradient = 1;

/// What the model writes: one character after the other, drawn as likely as the model says.
std::string generate(const TextModel& model, std::size_t length, auto& engine) {
    constexpr float sharpness = 1.5F;  // above 1, unlikely characters come even less often
    std::array<std::uint8_t, context + 1> window{};
    window.fill('\n');
    std::string text;
    Pass pass;
    while (text.size() < length) {
        const Window view{window};
        pass.forward(model, {&view, 1});
        const auto likely = pass.probabilities(0);
        for (float& x : likely) x = std::pow(x, sharpness);
        window[context] =
            static_cast<std::uint8_t>(std::discrete_distribution(likely.begin(), likely.end())(engine));
        text += static_cast<char>(window[context]);
        std::shift_left(window.begin(), window.end(), 1);
    }
    return text;
}

}  // namespace

int main(int argc, char** argv) try {
    const Arguments arguments = parse(argc, argv);
    if (arguments.help) return std::puts(usage) < 0 ? 1 : 0;
    const Corpus corpus{arguments.files};
    const auto validation = corpus.validation_windows(4096);

    auto run = cairn::init({.project = "train-text",
                            .config = {{"steps", arguments.steps},
                                       {"seed", arguments.seed},
                                       {"batch_size", batch_size},
                                       {"learning_rate", learning_rate},
                                       {"characters", corpus.training.size()}}});
    auto checkpoint =
        run.checkpoint("text-model", cairn::Best<"val/loss", cairn::minimize>{} | cairn::EveryN<500>{},
                       cairn::KeepLast<2>{} | cairn::KeepBest<1, "val/loss", cairn::minimize>{});

    std::mt19937 random{arguments.seed};
    TextModel model = TextModel::random(random), gradient;
    example::Adam optimizer{model};
    std::int64_t first = 1;
    // A run may also have been killed before it saved anything; then it begins anew.
    if (run.resumed() && !checkpoint.versions().empty()) {
        const auto version =
            checkpoint.restore(cairn::latest, cairn::part("model", model),
                               cairn::part("optimizer", optimizer), cairn::part("random", random));
        first = version.step() + 1;
    }

    Pass pass;
    double latest_validation = pass.forward(model, validation);
    std::printf(
        "%zu parameters learn from %zu characters; before step %lld the validation loss is %.3f nats\n",
        example::parameter_count(model), corpus.training.size(), static_cast<long long>(first),
        latest_validation);
    Progress progress{first, arguments.steps};
    for (std::int64_t step = first; step <= arguments.steps; ++step) {
        const double began = progress.seconds();
        const auto batch = corpus.sample(batch_size, random);
        const double loss = pass.forward(model, batch);
        pass.backward(model, batch, gradient);
        const double gradient_norm = example::clip(gradient, longest_gradient);
        const double done = static_cast<double>(step) / static_cast<double>(arguments.steps);
        optimizer.learning_rate = learning_rate * static_cast<float>(1 - done);
        optimizer.step(model, gradient);
        const double rate = static_cast<double>(batch_size) / (progress.seconds() - began);

        std::optional<double> val_loss;  // a row has it every 100 steps, and the last row has it
        if (step % 100 == 0 || step == arguments.steps) {
            latest_validation = pass.forward(model, validation);
            val_loss = latest_validation;
        }
        const auto row = run.log(cairn::step(step), "train/loss"_m = loss, "val/loss"_m = val_loss,
                                 "grad_norm"_m = gradient_norm, "samples_per_s"_m = rate);
        checkpoint.step(row, cairn::part("model", model), cairn::part("optimizer", optimizer),
                        cairn::part("random", random));
        progress.show(step, loss, latest_validation);
    }
    const std::string text = generate(model, 500, random);
    std::printf("\nwhat the model writes now:\n\n%s\n\n", text.c_str());
    run.finish().value();

    for (const cairn::Version& version : checkpoint.versions()) {
        std::printf("kept: %s of step %lld\n", version.label().c_str(),
                    static_cast<long long>(version.step()));
    }
    TextModel fresh;
    example::Adam fresh_optimizer{fresh};
    const cairn::Version best = checkpoint.restore(cairn::best, cairn::part("model", fresh),
                                                   cairn::part("optimizer", fresh_optimizer));
    const double recorded = best.row["val/loss"_m];
    const double computed = pass.forward(fresh, validation);
    const bool same = recorded == computed;
    std::printf("best: %s, restored into a fresh model: validation loss %.17g, recorded %.17g: %s\n",
                best.label().c_str(), computed, recorded, same ? "the same number" : "NOT THE SAME");
    std::printf("look at it: cairn ls; cairn show %s; cairn plot %s val/loss\n", run.id().c_str(),
                run.id().c_str());
    return same ? 0 : 1;
} catch (const std::exception& failure) {
    std::fprintf(stderr, "train_text: %s\n", failure.what());
    return 1;
}
