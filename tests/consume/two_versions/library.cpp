// A library with cairn inside; LIBRARY is its function's name. It calls `between` while its own run is open,
// and says how many rows it then reads of all runs in the store, its own and the other version's.
#include <cairn/cairn.hpp>
#include <cairn/query/runs.hpp>

#include <cstddef>
#include <vector>

using namespace cairn::literals;

namespace {

struct Model {
    std::vector<float> weight = std::vector<float>(4, 1.0F);
    void describe(auto& fields) { fields("weight", weight, {4}); }
};

std::size_t record(const char* dir, void (*between)()) {
    Model model, restored;
    restored.weight.assign(4, 0.0F);
    auto run = cairn::init({.project = "shared", .dir = dir, .quiet = true});
    auto checkpoint = run.checkpoint<cairn::EveryN<5>>("model");
    for (int step = 0; step < 10; ++step) {
        if (step == 5) between();
        checkpoint.step(run.log("loss"_m = 1.0 / (step + 1)), cairn::part("model", model));
    }
    checkpoint.restore(cairn::latest, cairn::part("model", restored));
    run.finish().value();

    std::size_t rows = 0;
    for (const auto& recorded : cairn::open(dir).value().runs().value().runs)
        rows += recorded.rows().value().size();
    return restored.weight == model.weight ? rows : 0;
}

}  // namespace

extern "C" std::size_t LIBRARY(const char* dir, void (*between)()) { return record(dir, between); }
