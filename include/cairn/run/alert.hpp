// SPDX-License-Identifier: MIT
#pragma once
// Alerts: what a program wants somebody to hear of. Costs <string>.

#include <cairn/core/dynamic_row.hpp>
#include <cairn/store/stored_row.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE {

/// How bad it is.
enum class AlertLevel : unsigned char { info, warn, error };

/// The level's name: "warn".
[[nodiscard]] constexpr std::string_view to_string(AlertLevel level) noexcept {
    constexpr std::array<std::string_view, 3> names{"info", "warn", "error"};
    return names[static_cast<std::size_t>(level)];
}

/// An alert, as it is recorded and as `Options::on_alert` gets it.
struct Alert {
    std::string title;                    ///< at most 1,024 bytes are kept, as of `text`
    std::string text;                     ///< more than the title says
    AlertLevel level = AlertLevel::info;  ///< how bad it is
    std::int64_t step = 0;                ///< of the newest row that the run has collected
    std::int64_t time_ns = 0;             ///< nanoseconds since the Unix epoch
    std::string project = {};             ///< for `on_alert`; empty in what is read
    std::string run = {};                 ///< the same, its id
};

/// What `run.alert` takes beside a title.
struct AlertOptions {
    std::string text = {};                ///< more than the title says
    AlertLevel level = AlertLevel::info;  ///< how bad it is
    double wait_seconds = 60;             ///< the same title again is held back for so long
};

namespace detail {

/// Holds back what was said a moment ago. Threads: one at a time.
template <class = void>
class BasicAlertGate {
  public:
    /// Whether it may be said now; if so it counts as said.
    bool takes(const std::string& title, std::uint64_t now_ns, double wait_seconds) {
        constexpr std::size_t most_known = 1000;
        if (const auto said = said_ns_.find(title); said != said_ns_.end()) {
            if (static_cast<double>(now_ns - said->second) < wait_seconds * 1e9) return false;
            said->second = now_ns;
            return true;
        }
        if (said_ns_.size() >= most_known) said_ns_.clear();  // all different: a program's mistake
        said_ns_.emplace(title, now_ns);
        return true;
    }

  private:
    std::map<std::string, std::uint64_t> said_ns_;
};

/// The event that keeps an alert.
template <class = void>
[[nodiscard]] DynamicRow to_event(const Alert& alert) {
    const std::array<NamedValue, 4> cells{NamedValue{event_kind_cell, "alert"},
                                          {"title", alert.title},
                                          {"text", alert.text},
                                          {"level", to_string(alert.level)}};
    return {alert.step, alert.time_ns, cells.data(), cells.size()};
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
