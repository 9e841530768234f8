// expect: this_predicate_must_return_bool_or_Answer_not<.*int>
// `at.step % 2` is true at the odd steps; the user meant the even ones.
#include <cairn/policy/predicate.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    const cairn::Predicate even{[](const auto& at) { return static_cast<int>(at.step % 2); }};
    return even.decide(cairn::At{row});
}
