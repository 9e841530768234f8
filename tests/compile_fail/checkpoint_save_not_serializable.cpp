// expect: this_type_can_be_no_part_it_does_not_describe_itself_nor_stream_nor_convert_to_json<Opaque
// The same where it is saved by hand.
#include <cairn/cairn.hpp>

struct Opaque {
    int* handle = nullptr;
};
void save(Opaque& model) { cairn::save("model.bin", cairn::part("model", model)); }
