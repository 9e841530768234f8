// expect: this_policy_cannot_be_copied<
// A policy is a value; a callable that cannot be copied makes none.
#include <cairn/policy/policy.hpp>

struct MoveOnly {
    MoveOnly() = default;
    MoveOnly(MoveOnly&&) = default;
    bool operator()(const auto& at) const { return at.step == 1; }
};

auto policy = cairn::EveryN<2>{} | cairn::Predicate{MoveOnly{}};
