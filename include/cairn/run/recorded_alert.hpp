// SPDX-License-Identifier: MIT
#pragma once
// An alert as the history of a run has it.

#include <cairn/run/alert.hpp>
#include <cairn/store/stored_row.hpp>

#include <optional>

namespace CAIRN_NAMESPACE::detail {

/// The alert that an event keeps; nothing if it keeps none.
template <class = void>
[[nodiscard]] std::optional<Alert> alert_of(const StoredRow& event) {
    if (event_kind(event) != "alert") return std::nullopt;
    Alert alert;
    alert.step = event.step;
    alert.time_ns = event.time_ns;
    for (const auto& [name, value] : event.values) {
        if (name == "title") alert.title = value.text();
        if (name == "text") alert.text = value.text();
        for (const AlertLevel level : {AlertLevel::warn, AlertLevel::error}) {
            if (name == "level" && value.text() == to_string(level)) alert.level = level;
        }
    }
    return alert;
}

}  // namespace CAIRN_NAMESPACE::detail
