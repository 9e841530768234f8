// expect: this_predicate_must_return_bool_or_Answer_not<.*void>
// A callback where a question was asked.
#include <cairn/policy/predicate.hpp>

using namespace cairn::literals;

auto ask() {
    const auto row = cairn::row("loss"_m = 0.5);
    const cairn::Predicate callback{[](const auto&) {}};
    return callback.decide(cairn::At{row});
}
