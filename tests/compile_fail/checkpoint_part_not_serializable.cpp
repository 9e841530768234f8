// expect: this_type_can_be_no_part_it_does_not_describe_itself_nor_stream_nor_convert_to_json<Opaque
// A part of a type that says in no way how it is saved.
#include <cairn/cairn.hpp>

using namespace cairn::literals;

struct Opaque {
    int* handle = nullptr;
};
void step(cairn::Run& run, Opaque& model) {
    run.checkpoint<cairn::EveryN<2>>("model").step(run.log("loss"_m = 1.0), cairn::part("model", model));
}
