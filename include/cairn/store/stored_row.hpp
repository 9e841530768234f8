// SPDX-License-Identifier: MIT
#pragma once
// A row as a reader of a history has it. Costs <span>.

#include <cairn/core/value.hpp>
#include <cairn/store/record.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// A row or an event as it is read back; refers to what is gone after the call that it is handed to.
struct StoredRow {
    RecordKind kind = RecordKind::row;
    std::uint32_t ring = 0;  ///< each thread writes to one of its own
    std::int64_t step = 0, time_ns = 0;
    std::span<const NamedValue> values;
};

/// The name of the first value of an event, which says what kind it is.
inline constexpr std::string_view event_kind_cell = "kind";
/// What kind of event it is; empty for a row.
[[nodiscard]] inline std::string_view event_kind(const StoredRow& row) noexcept {
    const bool is_event =
        row.kind == RecordKind::event && !row.values.empty() && row.values[0].name == event_kind_cell;
    return is_event ? row.values[0].value.text() : std::string_view{};
}

}  // namespace CAIRN_NAMESPACE::detail
