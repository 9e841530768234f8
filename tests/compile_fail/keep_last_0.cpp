// expect: KeepLast<n> needs an n of 1 or more
#include <cairn/policy/retention.hpp>

void prune(const cairn::VersionList& versions) { cairn::KeepLast<0>{}.mark(versions); }
