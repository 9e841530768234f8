// expect: this_model_is_const_and_its_describe_is_not_write_static_void_describe_auto_self_auto_fields<const Model
// A model that is const where it is saved, though its describe is not.
#include <cairn/cairn.hpp>

struct Model {
    std::vector<float> weight;
    void describe(auto& fields) { fields("weight", weight); }
};
void save(cairn::Run& run, const Model& model) { run.log_model("model", cairn::part("model", model)); }
