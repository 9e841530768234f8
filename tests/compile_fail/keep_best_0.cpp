// expect: KeepBest<n, \.\.\.> needs an n of 1 or more
#include <cairn/policy/retention.hpp>

void prune(const cairn::VersionList& versions) {
    cairn::KeepBest<0, "val_loss", cairn::minimize>{}.mark(versions);
}
