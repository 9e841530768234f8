// expect: this_needs_a_direction_minimize_or_maximize_after_the_metric<.*Metric<'v', 'a', 'l', '_', 'a', 'c', 'c'>
// KeepBest without minimize or maximize.
#include <cairn/policy/retention.hpp>

void prune(const cairn::VersionList& versions) { cairn::KeepBest<1, "val_acc">{}.mark(versions); }
