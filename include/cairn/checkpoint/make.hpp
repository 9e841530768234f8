// SPDX-License-Identifier: MIT
#pragma once
// `run.checkpoint(…)`: makes a checkpoint of a policy, a retention and a sink in any order.

#include <cairn/checkpoint/checkpoint.hpp>
#include <cairn/checkpoint/detail/roles.hpp>
#include <cairn/checkpoint/local_store.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/run/run.hpp>

#include <concepts>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

/// Sorts policy, retention and sink out of arguments in any order and makes the checkpoint of them. With
/// `NoBestSave` nothing is touched, not even the run's count of owners: that is what makes it free.
template <class... Ts>
[[nodiscard]] auto make_checkpoint(const std::shared_ptr<RunCore>& core, std::string_view name,
                                   Ts&... arguments) {
    constexpr auto policies = (0 + ... + (SavePolicy<Ts> ? 1 : 0));
    constexpr auto retentions = (0 + ... + (RetentionPolicy<Ts> ? 1 : 0));
    constexpr auto options = (0 + ... + (is_options<Ts> ? 1 : 0));
    constexpr auto sinks = (0 + ... + (ArtifactSink<Ts> ? 1 : 0));
    if constexpr (!(has_role<Ts> && ...)) {
        (explain_role<Ts>(), ...);
        return Checkpoint<NoBestSave>{};  // for the compiler, which is to say nothing but the line above
    } else if constexpr (policies != 1 || retentions > 1 || sinks > 1 || options > 1) {
        (void)sizeof(
            give_a_checkpoint_one_policy_and_at_most_one_retention_one_sink_and_one_SaveOptions<Ts...>);
        return Checkpoint<NoBestSave>{};
    } else if constexpr (((SavePolicy<Ts> && chance_of<Ts>().is_none()) || ...)) {
        const auto name_it = []<class T>() {
            if constexpr (SavePolicy<T> && chance_of<T>().is_none())
                (void)sizeof(this_policy_can_never_save_its_parts_never_say_yes_at_the_same_time<T>);
        };
        (name_it.template operator()<Ts>(), ...);
        return Checkpoint<NoBestSave>{};
    } else {
        // The defaults stand last, so that they are taken only where nothing was given.
        KeepAll keep_all;
        auto& policy = pick_first([]<class T>() { return SavePolicy<T>; }, arguments...);
        auto& retention = pick_first([]<class T>() { return RetentionPolicy<T>; }, arguments..., keep_all);
        // A lambda within decltype, read from a precompiled header, makes clang 14 crash.
        const auto of_sinks = []<class T>() { return ArtifactSink<T>; };
        if constexpr (std::same_as<std::remove_reference_t<decltype(policy)>, NoBestSave>) {
            using SinkType = decltype(pick_first(of_sinks, arguments..., std::declval<LocalStore&>()));
            return Checkpoint<NoBestSave, std::remove_reference_t<decltype(retention)>,
                              std::remove_reference_t<SinkType>>{};
        } else {
            LocalStore local_store;
            auto& sink = pick_first(of_sinks, arguments..., local_store);
            SaveOptions defaults;
            const auto& how = pick_first([]<class T>() { return is_options<T>; }, arguments..., defaults);
            return Checkpoint{core, name, std::move(policy), std::move(retention), std::move(sink), how};
        }
    }
}

}  // namespace detail

template <class T>
template <class Policy, class... Rest>
auto BasicRun<T>::checkpoint(std::string_view name, Rest... rest) {
    Policy policy{};
    return detail::make_checkpoint(core_, name, policy, rest...);
}

template <class T>
template <class... Parts>
auto BasicRun<T>::checkpoint(std::string_view name, Parts... parts) {
    return detail::make_checkpoint(core_, name, parts...);
}

}  // namespace CAIRN_NAMESPACE
