// SPDX-License-Identifier: MIT
#pragma once
// A row as a reader of a history has it. Costs <span>.

#include <cairn/core/value.hpp>
#include <cairn/store/record.hpp>

#include <cstdint>
#include <span>

namespace CAIRN_NAMESPACE::detail {

/// A row or an event as it is read back; refers to what is gone after the call that it is handed to.
struct StoredRow {
    RecordKind kind = RecordKind::row;
    std::uint32_t ring = 0;  ///< each thread writes to one of its own
    std::int64_t step = 0, time_ns = 0;
    std::span<const NamedValue> values;
};

}  // namespace CAIRN_NAMESPACE::detail
