// A library that watches a model for a while, and is unloaded then.
#include "shared.hpp"

namespace {
Model model;
cairn::ModelWatch watching;
}  // namespace

extern "C" EXPORTED void begin(cairn::Run& run) { watching = run.watch(model, {.log_freq = 1}); }
extern "C" EXPORTED void end() { watching.unwatch(); }
