#include "shared.hpp"

using namespace cairn::literals;

cairn::Run& opened(const char* dir) {
    static cairn::Run run = cairn::init({.project = "shared", .dir = dir, .quiet = true});
    return run;
}
void log_from_opener(cairn::Run& run, int n) { run.log("row"_m = n); }
float restored(cairn::Run& run) {
    auto checkpoint = run.checkpoint<cairn::Manual>("model");
    Model model;
    checkpoint.restore(cairn::latest, cairn::part("model", model));
    return model.weight.front();
}
void step_in_opener(cairn::Run& run, std::int64_t step) {
    Model model;
    static auto checkpoint = run.checkpoint<cairn::OnSignal>("by_opener");
    checkpoint.step(run.log(cairn::step(step), "opener"_m = 1), cairn::part("model", model));
}
void watch_in_opener(cairn::Run& run) {
    static Model model;
    static cairn::ModelWatch watching = run.watch(model, {.log_freq = 1});
}
