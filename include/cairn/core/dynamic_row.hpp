// SPDX-License-Identifier: MIT
#pragma once
// Rows whose metric names are known only at run time. Costs <string> and <vector>.

#include <cairn/core/row.hpp>
#include <cairn/core/value.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// One `log()` with names known only at run time: `run.log({{"loss", 0.5}, {"epoch", 3}})` returns one. It
/// owns its names and texts. A metric it lacks is missing for a policy (unknown), not an error.
class DynamicRow {
  public:
    DynamicRow() = default;

    /// A row of `count` values, whose names and texts are copied; those of kind `none` are left out.
    /// `time_ns` is in nanoseconds since the Unix epoch, 0 if it was never logged.
    template <class = void>
    DynamicRow(std::int64_t step, std::int64_t time_ns, const NamedValue* values, std::size_t count)
        : step_{step}, time_ns_{time_ns} {
        cells_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) add(values[i]);
    }

    /// The user's step, or the logging thread's count of rows.
    [[nodiscard]] std::int64_t step() const noexcept { return step_; }
    /// Nanoseconds since the Unix epoch; 0 for a row that was never logged.
    [[nodiscard]] std::int64_t time_ns() const noexcept { return time_ns_; }
    /// The same, as a typed row has it.
    [[nodiscard]] std::int64_t clock_ns() const noexcept { return time_ns_; }
    /// How many metrics the row has.
    [[nodiscard]] std::size_t size() const noexcept { return cells_.size(); }

    /// The value of a metric; of kind `none` if the row lacks it. The last one wins where a name stands
    /// twice.
    [[nodiscard]] Value find(std::string_view name) const noexcept {
        for (std::size_t i = cells_.size(); i-- > 0;) {
            if (text(cells_[i].name) == name) return value(cells_[i]);
        }
        return {};
    }

    /// The metric as a number; NaN if the row lacks it or it is a text.
    [[nodiscard]] double operator[](std::string_view name) const noexcept { return find(name).number(); }
    /// The same by a metric's type, so that code for typed rows takes dynamic ones too.
    template <MetricName Name>
    [[nodiscard]] double operator[](Name) const noexcept {
        return find(Name::name).number();
    }

    /// A metric as a policy sees it: missing, NaN or a number; a text is missing.
    template <MetricName Name>
    [[nodiscard]] Reading reading() const noexcept {
        return find(Name::name).reading();
    }

    /// Calls `f(std::string_view name, Value)` for each metric, in the order they were written.
    template <class F>
    void for_each(F&& f) const {
        for (const Cell& cell : cells_) f(text(cell.name), value(cell));
    }

  private:
    struct Slice {
        std::size_t from = 0, size = 0;
    };
    struct Cell {
        Slice name, text;
        Value value;
    };

    template <class = void>
    void add(const NamedValue& named) {
        if (named.value.kind() == Value::Kind::none) return;
        const Slice name = keep(named.name);
        cells_.push_back({name, keep(named.value.text()), named.value});
    }
    Slice keep(std::string_view text) {
        if (text.empty()) return {};  // as of most values
        const Slice slice{pool_.size(), text.size()};
        pool_ += text;
        return slice;
    }
    [[nodiscard]] std::string_view text(Slice slice) const noexcept {
        return {pool_.data() + slice.from, slice.size};
    }
    // A text's view may point to what is gone: it is rebuilt from what the row owns.
    [[nodiscard]] Value value(const Cell& cell) const noexcept {
        return cell.value.is_text() ? Value{text(cell.text)} : cell.value;
    }

    std::int64_t step_ = 0;
    std::int64_t time_ns_ = 0;
    std::string pool_;
    std::vector<Cell> cells_;
};

namespace detail {

/// The same row, with names that only a running program knows.
template <class... Fields>
[[nodiscard]] DynamicRow to_dynamic(const Row<Fields...>& row) {
    std::vector<NamedValue> values;
    values.reserve(sizeof...(Fields));
    row.for_each(
        [&](auto name, const auto& value) { values.push_back({decltype(name)::name, Value{value}}); });
    return {row.step(), row.time_ns(), values.data(), values.size()};
}
template <class = void>
[[nodiscard]] DynamicRow to_dynamic(const DynamicRow& row) {
    return row;
}

}  // namespace detail

/// A dynamic row that is not logged: `cairn::row(cairn::step(3), {{"loss", 0.5}})`.
template <class = void>
[[nodiscard]] DynamicRow row(Step step, std::initializer_list<NamedValue> values) {
    return {step.value, 0, values.begin(), values.size()};
}

}  // namespace CAIRN_NAMESPACE
