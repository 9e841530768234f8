// SPDX-License-Identifier: MIT
// The same loops with what is off and without it; `check.py` compiles this file both ways and compares the
// functions.
#include <cairn/cairn.hpp>

#include <type_traits>
#include <utility>
#include <vector>

using namespace cairn::literals;

#if WITH_WHAT_IS_OFF
#define WHEN_WITH(...) __VA_ARGS__
#else
#define WHEN_WITH(...)
#endif

namespace {

struct Model {  // not Serializable: what is off does not ask
    std::vector<float> weight;
};

static_assert(std::is_empty_v<cairn::Checkpoint<cairn::NoBestSave>>);
static_assert(std::is_empty_v<cairn::Checkpoint<cairn::NoBestSave, cairn::KeepLast<3>, cairn::Memory>>);
static_assert(std::is_empty_v<cairn::DisabledRun>);
static_assert(std::is_empty_v<decltype(std::declval<cairn::Run&>().checkpoint<cairn::NoBestSave>(""))>);
static_assert(std::is_empty_v<decltype(cairn::DisabledRun{}.checkpoint<cairn::EveryN<2>>(""))>);

}  // namespace

extern "C" {

double train(float* weight, unsigned long count, int epoch);

/// Nothing is logged; the checkpoint is stepped with a row of its own.
double checkpoint_off([[maybe_unused]] cairn::Run& run, Model& model, int epochs) {
    WHEN_WITH(auto checkpoint = run.checkpoint<cairn::NoBestSave>("model");)
    double best = 1e9;
    for (int epoch = 0; epoch < epochs; ++epoch) {
        const double loss = train(model.weight.data(), model.weight.size(), epoch);
        WHEN_WITH(
            checkpoint.step(cairn::row(cairn::step(epoch), "loss"_m = loss), cairn::part("model", model));)
        if (loss < best) best = loss;
    }
    WHEN_WITH(checkpoint.finish(cairn::part("model", model));)
    return best;
}

/// Nothing is called from the loop either, so that the optimiser is free to do with it what it can.
double checkpoint_off_inlined([[maybe_unused]] cairn::Run& run, Model& model, int epochs) {
    WHEN_WITH(auto checkpoint = run.checkpoint("model", cairn::KeepLast<3>{}, cairn::NoBestSave{});)
    double total = 0;
    for (int epoch = 0; epoch < epochs; ++epoch) {
        float loss = 0;
        for (float& x : model.weight) {
            loss += x * x;
            x -= 0.1F * x;
        }
        total += static_cast<double>(loss);
        WHEN_WITH(if (checkpoint.step(cairn::row("loss"_m = loss), cairn::part("model", model))) total = 0;)
    }
    return total;
}

/// Logging stays on in both.
double checkpoint_off_logging_on(cairn::Run& run, Model& model, int epochs) {
    WHEN_WITH(auto checkpoint = run.checkpoint<cairn::NoBestSave>("model");)
    double best = 1e9;
    for (int epoch = 0; epoch < epochs; ++epoch) {
        const double loss = train(model.weight.data(), model.weight.size(), epoch);
        [[maybe_unused]] const auto row = run.log(cairn::step(epoch), "loss"_m = loss);
        WHEN_WITH(checkpoint.step(row, cairn::part("model", model));)
        if (loss < best) best = loss;
    }
    return best;
}

/// A run that is off, with rows whose names are known to the compiler.
double run_off_typed(Model& model, int epochs) {
    WHEN_WITH(auto run = cairn::init<cairn::Disabled>();
              auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");)
    double best = 1e9;
    for (int epoch = 0; epoch < epochs; ++epoch) {
        const double loss = train(model.weight.data(), model.weight.size(), epoch);
        WHEN_WITH(const auto row =
                      run.log(cairn::step(epoch), "loss"_m = loss, "epoch"_m = epoch, "phase"_m = "train");)
        WHEN_WITH(checkpoint.step(row, cairn::part("model", model));)
        if (loss < best) best = loss;
    }
    WHEN_WITH(checkpoint.finish(cairn::part("model", model));
              run.log_model("model", cairn::part("model", model));)
    WHEN_WITH((void)run.finish();)
    return best;
}

/// The same with names known only at run time; another constant, or GCC makes one function of this and the
/// last.
double run_off_dynamic(Model& model, int epochs) {
    WHEN_WITH(auto run = cairn::init<cairn::Disabled>();
              auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");)
    double best = 2e9;
    for (int epoch = 0; epoch < epochs; ++epoch) {
        const double loss = train(model.weight.data(), model.weight.size(), epoch);
        WHEN_WITH(const auto row =
                      run.log({{"loss", loss}, {"epoch", epoch}, {"phase", "train"}}, {.step = epoch});)
        WHEN_WITH(checkpoint.step(row, cairn::part("model", model));)
        if (loss < best) best = loss;
    }
    return best;
}

/// A run that is off, watching a model and asked when to stop by a policy that never says so.
double run_off_watching(Model& model, int epochs) {
    WHEN_WITH(auto run = cairn::init<cairn::Disabled>(); run.watch(model);
              auto checkpoint = run.checkpoint<cairn::OnSignal>("model");
              auto guard = checkpoint.guard(cairn::part("model", model));)
    double best = 3e9;
    for (int epoch = 0; epoch < epochs; ++epoch) {
        const double loss = train(model.weight.data(), model.weight.size(), epoch);
        WHEN_WITH(const auto row = run.log(cairn::step(epoch), "loss"_m = loss);
                  if (run.should_stop(row, cairn::NoBestSave{})) break;)
        WHEN_WITH(checkpoint.step(row, cairn::part("model", model));)
        if (loss < best) best = loss;
    }
    return best;
}

/// A policy that is switched off by one of its operands, whatever the other one is; the other's model is not
/// even asked whether it can be saved.
double checkpoint_off_by_an_operand([[maybe_unused]] cairn::Run& run, Model& model, int epochs) {
    WHEN_WITH(auto checkpoint = run.checkpoint(
                  "model", cairn::NoBestSave{} & (cairn::Best<"loss", cairn::minimize>{} | cairn::OnSignal{}),
                  cairn::KeepBest<1, "loss", cairn::minimize>{});
              auto guard = checkpoint.guard(cairn::part("model", model));)
    double best = 4e9;
    for (int epoch = 0; epoch < epochs; ++epoch) {
        const double loss = train(model.weight.data(), model.weight.size(), epoch);
        WHEN_WITH(
            checkpoint.step(cairn::row(cairn::step(epoch), "loss"_m = loss), cairn::part("model", model));)
        if (loss < best) best = loss;
    }
    return best;
}

}  // extern "C"
