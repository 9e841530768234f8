// expect: capped_goes_around_the_whole_retention_write_capped_of_a_or_b
// An outer bound inside.
#include <cairn/policy/retention.hpp>
auto retention = cairn::capped(cairn::KeepLast<3>{}, 1000) | cairn::KeepEvery<10>{};
