// A file that uses all of cairn and is compiled in three ways; USE is its function's name.
#include "macros.hpp"

#include <cairn/cairn.hpp>

#include <vector>

using namespace cairn::literals;

namespace {

struct Model {
    std::vector<float> weight = std::vector<float>(4, 1.0F);
    void describe(auto& fields) { fields("weight", weight, {4}); }
};

}  // namespace

std::vector<std::size_t> USE(const char* dir) {
    Model model, restored;
    restored.weight.assign(4, 0.0F);
    auto run = cairn::init({.project = "macros", .dir = dir, .quiet = true});
    auto checkpoint = run.checkpoint("model", cairn::Best<"loss", cairn::minimize>{} | cairn::EveryN<2>{});
    auto row = run.log("loss"_m = 0.5);
    checkpoint.step(row, cairn::part("model", model));
    checkpoint.restore(cairn::latest, cairn::part("model", restored));
    bool refused = false;
    try {
        checkpoint.restore("v9", cairn::part("model", restored));
    } catch (const cairn::error& e) {
        refused = e.code() == cairn::errc::not_found;
    }
    if (!refused || restored.weight != model.weight || !run.finish()) return {};
    return {sizeof(row),
            sizeof(cairn::Value),
            sizeof(cairn::error),
            sizeof(cairn::result<int>),
            sizeof(cairn::At<decltype(row)>),  // so far also without exceptions
            sizeof(run),
            sizeof(checkpoint),
            sizeof(cairn::Options),
            sizeof(cairn::Version),
            sizeof(cairn::DynamicRow),
            sizeof(cairn::detail::Lane)};
}
