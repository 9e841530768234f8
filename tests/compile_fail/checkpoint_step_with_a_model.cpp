// expect: this_is_no_part_hand_it_over_as_cairn_part_name_object<Model>
// A model where a part belongs.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

struct Model {
    std::vector<float> weight;
    void describe(auto& fields) { fields("weight", weight); }
};
void step(cairn::Run& run, Model& model) {
    run.checkpoint<cairn::EveryN<2>>("model").step(run.log("loss"_m = 1.0), model);
}
