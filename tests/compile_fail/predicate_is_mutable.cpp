// expect: this_predicate_cannot_be_called_with_const_auto_ref_at<
// A callable that changes itself: a predicate is pure, or answers could not be replayed.
#include <cairn/policy/predicate.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    const cairn::Predicate tenth{[n = 0](const auto&) mutable { return ++n % 10 == 0; }};
    return tenth.decide(cairn::At{row});
}
