// expect: this_is_no_part_hand_it_over_as_cairn_part_name_object<Model
// A model where a part belongs.
#include <cairn/cairn.hpp>

struct Model {
    std::vector<float> weight;
    void describe(auto& fields) { fields("weight", weight); }
};
void save(cairn::Run& run, Model& model) { run.log_model("model", model); }
