// expect: this_is_not_a_retention_it_has_no_const_mark_that_takes_const_VersionList_ref<int>
#include <cairn/policy/retention.hpp>

auto keep = 3 | cairn::KeepBest<1, "val_loss", cairn::minimize>{};
