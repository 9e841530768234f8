// SPDX-License-Identifier: MIT
#pragma once
// Of what was logged together, the row without the rich values. Costs <tuple>.

#include <cairn/core/row.hpp>

#include <concepts>
#include <cstdint>
#include <tuple>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

template <class Name, class T>
[[nodiscard]] constexpr auto if_number(Field<Name, T>& field) {
    if constexpr (RichValue<T>)
        return std::tuple<>{};
    else
        return std::tuple{std::move(field)};
}
/// The row of those fields that are not rich, which are left as they are.
template <class... Names, class... Ts>
[[nodiscard]] constexpr auto row_of_numbers(std::int64_t step, std::int64_t time_ns,
                                            Field<Names, Ts>&&... fields) {
    if constexpr (!(RichValue<Ts> || ...)) {
        return make_row(step, time_ns, std::move(fields)...);
    } else if constexpr (((times_named<Names, Field<Names, Ts>...> == 1) && ...)) {
        return std::apply([&](auto... numbers) { return make_row(step, time_ns, std::move(numbers)...); },
                          std::tuple_cat(if_number(fields)...));
    } else {
        (void)sizeof(this_row_has_the_same_metric_twice<Names...>);
        return Row<>{step, time_ns};
    }
}

}  // namespace CAIRN_NAMESPACE::detail
