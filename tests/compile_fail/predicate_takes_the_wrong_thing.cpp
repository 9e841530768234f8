// expect: this_predicate_cannot_be_called_with_const_auto_ref_at<
// A callable that wants the step itself.
#include <cairn/policy/predicate.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    const cairn::Predicate even{[](int step) { return step % 2 == 0; }};
    return even.decide(cairn::At{row});
}
