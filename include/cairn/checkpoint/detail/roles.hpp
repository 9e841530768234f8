// SPDX-License-Identifier: MIT
#pragma once
// Which of a checkpoint's arguments is the policy, which the retention, which the sink, which the options.

#include <cairn/checkpoint/save_options.hpp>
#include <cairn/checkpoint/sink.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/policy/save_policy.hpp>

namespace CAIRN_NAMESPACE::detail {

// Never defined: their names are the compiler's message.
template <class T>
struct this_is_no_policy_no_retention_no_sink_and_no_SaveOptions;
template <class... Ts>
struct give_a_checkpoint_one_policy_and_at_most_one_retention_one_sink_and_one_SaveOptions;
template <class P>
struct this_policy_can_never_save_its_parts_never_say_yes_at_the_same_time;

template <class T>
inline constexpr bool is_options = std::same_as<T, SaveOptions>;

template <class T>
inline constexpr bool has_role = SavePolicy<T> || RetentionPolicy<T> || ArtifactSink<T> || is_options<T>;

/// Says, as one compile error, what `T` lacks to be handed to a checkpoint; nothing if it lacks nothing.
template <class T>
constexpr void explain_role() {
    if constexpr (requires(T part) { part.decide(AnyRow{}); } || requires { &T::decide; }) {
        explain_policy<T>();
    } else if constexpr (!has_role<T>) {
        (void)sizeof(this_is_no_policy_no_retention_no_sink_and_no_SaveOptions<T>);
    }
}

/// The first argument of which `is` holds.
template <class Is, class First, class... Rest>
constexpr auto& pick_first(Is is, First& first, Rest&... rest) {
    if constexpr (Is{}.template operator()<First>()) {
        return first;
    } else {
        return pick_first(is, rest...);
    }
}

}  // namespace CAIRN_NAMESPACE::detail
