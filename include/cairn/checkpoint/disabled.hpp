// SPDX-License-Identifier: MIT
#pragma once
// A run that is off at compile time: `cairn::init<cairn::Disabled>(…)`. An empty type with the interface of
// `Run`, whose calls compile to nothing.

#include <cairn/checkpoint/checkpoint.hpp>
#include <cairn/core/rich_row.hpp>
#include <cairn/core/row.hpp>
#include <cairn/core/value.hpp>
#include <cairn/fwd.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/run/alert.hpp>
#include <cairn/run/decision.hpp>
#include <cairn/run/health.hpp>
#include <cairn/run/options.hpp>
#include <cairn/run/run.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What a dynamic `log` of a disabled run returns: a row that holds nothing, since an owning one is not free.
struct NoRow {
    ///@{
    /// As those of `DynamicRow`: the row is empty.
    static constexpr std::int64_t step() noexcept { return 0; }
    static constexpr std::int64_t time_ns() noexcept { return 0; }
    template <MetricName Name>
    static constexpr Reading reading() noexcept {
        return {};
    }
    ///@}
};

/// What ending a disabled run gives: a `result<void>` that is always a success and holds no room for an
/// error.
struct [[nodiscard]] Done {
    ///@{
    /// As those of `result<void>`: it succeeded.
    constexpr explicit operator bool() const noexcept { return true; }
    [[nodiscard]] static constexpr bool has_value() noexcept { return true; }
    constexpr void value() const noexcept {}
    ///@}
};

/// What watches no model.
struct NoWatch {
    /// Nothing is watched anyway.
    static constexpr void unwatch() noexcept {}
};

/// The dashboard of a run that records nothing: there is none.
struct NoDashboard {
    /// As that of `Dashboard`.
    [[nodiscard]] static std::string url() { return {}; }
};

/// A run that records nothing. Arguments are evaluated as ever; nothing is done with them.
class DisabledRun {
  public:
    ///@{
    /// The row, as `run.log` gives it; it is not recorded. Cost: none.
    template <class... Names, class... Ts>
    constexpr auto log(Step step, Field<Names, Ts>... fields) const noexcept {
        return detail::row_of_numbers(step.value, 0, std::move(fields)...);
    }
    template <class... Names, class... Ts>
        requires(sizeof...(Names) > 0)
    constexpr auto log(Field<Names, Ts>... fields) const noexcept {
        return detail::row_of_numbers(0, 0, std::move(fields)...);
    }
    template <EncodesMedia V>
    constexpr void log(std::string_view, const V&, const LogOptions& = {}) const noexcept {}
    constexpr NoRow log(std::initializer_list<NamedValue>, const LogOptions& = {}) const noexcept {
        return {};
    }
    constexpr NoRow log(std::span<const NamedValue>, const LogOptions& = {}) const noexcept { return {}; }
    ///@}

    /// An empty checkpoint, whatever the policy.
    template <class Policy, class... Rest>
    [[nodiscard]] constexpr auto checkpoint(std::string_view, const Rest&...) const noexcept {
        return Checkpoint<NoBestSave>{};
    }
    /// The same with policy, retention and sink as values.
    template <class... Parts>
    [[nodiscard]] constexpr auto checkpoint(std::string_view, const Parts&...) const noexcept {
        return Checkpoint<NoBestSave>{};
    }

    /// Decides as ever: when training stops does not depend on whether it is recorded.
    template <class R, class P>
        requires SavePolicy<std::remove_cvref_t<P>>
    constexpr bool should_stop(const R& row, P&& policy) const {
        if constexpr (std::same_as<R, NoRow>) {
            (void)sizeof(detail::a_disabled_run_keeps_no_dynamic_rows_so_stop_by_a_typed_row<R>);
            return false;
        } else {
            return detail::ask_to_stop(row, policy);
        }
    }
    ///@{
    /// What `Run` has under the same name, for a run that records nothing: takes what it is given, gives
    /// what is empty, and never fails. Cost: none.
    [[nodiscard]] static std::vector<Decision> decisions() { return {}; }
    /// Watches nothing, whatever the model is.
    void alert(const std::string&, const AlertOptions& = {}) const noexcept {}
    template <class M, class Options = WatchOptions>
    constexpr NoWatch watch(const M&, const Options&) const noexcept {
        return {};
    }
    constexpr NoWatch watch(const auto&) const noexcept { return {}; }

    template <class Options = ServeOptions>
    [[nodiscard]] static NoDashboard serve(const Options& = {}) noexcept {
        return {};
    }

    template <class A>
    constexpr void log_artifact(const A&, std::initializer_list<std::string_view> = {}) const noexcept {}
    template <class... Parts>
    constexpr void log_model(std::string_view, const Parts&...) const noexcept {}
    void save(const auto&, When = When::live) const noexcept {}

    template <class Json = nlohmann::json>
    [[nodiscard]] static Json config() {
        return Json::object();
    }
    void update_config(const nlohmann::json&) const noexcept {}
    template <class Json = nlohmann::json>
    [[nodiscard]] static Json summary() {
        return Json::object();
    }
    void set_summary(const std::string&, const nlohmann::json&) const noexcept {}
    void define_metric(std::string_view, const MetricOptions&) const noexcept {}
    void set_notes(const std::string&) const noexcept {}
    void add_tag(const std::string&) const noexcept {}

    [[nodiscard]] static std::string id() { return {}; }
    [[nodiscard]] static std::string project() { return {}; }
    [[nodiscard]] static std::string name() { return {}; }
    [[nodiscard]] static std::filesystem::path dir() { return {}; }
    [[nodiscard]] static constexpr bool disabled() noexcept { return true; }
    [[nodiscard]] static constexpr bool resumed() noexcept { return false; }
    [[nodiscard]] static constexpr std::int64_t first_step() noexcept { return 0; }
    [[nodiscard]] static Health health() { return {}; }
    static constexpr Done finish(const auto&...) noexcept { return {}; }
    static constexpr Done fail(const std::string&) noexcept { return {}; }
    ///@}
};

/// `init<Disabled>(options)`: a run that is off at compile time. The options are made and not looked at;
/// without any, nothing is made either.
template <std::same_as<Disabled> Off>
[[nodiscard]] constexpr DisabledRun init() noexcept {
    return {};
}
/// The same with options, which are not looked at.
template <std::same_as<Disabled> Off>
[[nodiscard]] constexpr DisabledRun init(const Options&) noexcept {
    return {};
}

}  // namespace CAIRN_NAMESPACE
