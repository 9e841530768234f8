// expect: a_retention_and_a_policy_cannot_be_joined<.*KeepLast.*3.*EveryN
#include <cairn/policy/policy.hpp>

auto keep = cairn::KeepLast<3>{} | cairn::EveryN<2>{};
