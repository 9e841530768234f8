// expect: no_policy_or_retention_of_this_checkpoint_watches_a_metric_so_there_is_no_best<
// Restoring the best of a checkpoint that watches no metric.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

struct Model {
    std::vector<float> weight;
    void describe(auto& fields) { fields("weight", weight); }
};
void restore(cairn::Run& run, Model& model) {
    run.checkpoint<cairn::EveryN<2>>("model").restore(cairn::best, cairn::part("model", model));
}
