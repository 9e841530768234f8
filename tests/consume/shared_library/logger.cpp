#include "shared.hpp"

using namespace cairn::literals;

void log_from_logger(cairn::Run& run, int n) { run.log("row"_m = n); }
void save(cairn::Run& run, int versions) {
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model");
    Model model;
    for (int i = 0; i < versions; ++i) {
        model.weight.front() = static_cast<float>(i);
        checkpoint.step(run.log(cairn::step(i), "saved"_m = i), cairn::part("model", model));
    }
}
void step_in_logger(cairn::Run& run, std::int64_t step) {
    Model model;
    static auto checkpoint = run.checkpoint<cairn::OnSignal>("by_logger");
    checkpoint.step(run.log(cairn::step(step), "logger"_m = 1), cairn::part("model", model));
}
void fail() { throw cairn::error{cairn::errc::busy, "thrown in one library", "", ""}; }
void watch_in_logger(cairn::Run& run) {
    static Model model;
    static cairn::ModelWatch watching = run.watch(model, {.log_freq = 1});
}
