// SPDX-License-Identifier: MIT
#pragma once
// Rows whose metric names are known only at run time. Costs <vector>.

#include <cairn/core/row.hpp>
#include <cairn/core/short_text.hpp>
#include <cairn/core/value.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {
namespace detail {

/// Some `T` that are copied as bytes, of which the first `N` need no allocation. Empty after a move.
template <class T, std::size_t N>
class Few {
  public:
    Few() = default;
    Few(const Few& other) : many_{other.many_} { take_few(other); }
    Few(Few&& other) noexcept : many_{std::move(other.many_)} {
        take_few(other);
        other.count_ = 0;
    }
    Few& operator=(const Few&) = delete;
    Few& operator=(Few&& other) noexcept {
        many_ = std::move(other.many_);
        take_few(other);
        other.count_ = 0;
        return *this;
    }
    ~Few() = default;

    [[nodiscard]] std::size_t size() const noexcept { return count_ == all_are_many ? many_.size() : count_; }
    [[nodiscard]] const T* data() const noexcept {
        return count_ == all_are_many ? many_.data() : reinterpret_cast<const T*>(few_.bytes);
    }
    [[nodiscard]] const T* begin() const noexcept { return data(); }
    [[nodiscard]] const T* end() const noexcept { return data() + size(); }

    void reserve(std::size_t count) {
        if (count > N) many_.reserve(count);
    }
    void append(const T* from, std::size_t count) {
        static_assert(std::is_trivially_copyable_v<T>);
        if (count_ + count > N) return append_to_many(from, count);
        copy_text(reinterpret_cast<char*>(few_.bytes + count_ * sizeof(T)),
                  reinterpret_cast<const char*>(from), count * sizeof(T));
        count_ += count;
    }

  private:
    static constexpr std::size_t all_are_many = N + 1;
    /// Left as it is: to fill it takes a fifth of a row's time.
    union Room {
        Room() noexcept : none{} {}
        char none;
        alignas(T) std::byte bytes[N * sizeof(T)];
    };

    void take_few(const Few& other) noexcept {
        count_ = other.count_;
        if (count_ != all_are_many) std::memcpy(few_.bytes, other.few_.bytes, count_ * sizeof(T));
    }
    /// All go where many are. Not `insert`, of whose ways g++ 12 warns that are never gone.
    CAIRN_COLD void append_to_many(const T* from, std::size_t count) {
        const std::size_t before = size();
        many_.resize(before + count);
        if (count_ != all_are_many && before != 0) std::memcpy(many_.data(), few_.bytes, before * sizeof(T));
        // At once: a loop in what is cold is made small, not fast.
        if (count != 0) std::memcpy(many_.data() + before, from, count * sizeof(T));
        count_ = all_are_many;
    }

    Room few_;
    std::size_t count_ = 0;  // in `few_`, or `all_are_many`
    std::vector<T> many_{};  // all, where they are more than a few
};

}  // namespace detail

/// One `log()` with names known only at run time: `run.log({{"loss", 0.5}, {"epoch", 3}})` returns one. It
/// owns its names and texts. A metric it lacks is missing for a policy (unknown), not an error.
class DynamicRow {
  public:
    DynamicRow() = default;
    DynamicRow(const DynamicRow&) = default;
    DynamicRow(DynamicRow&&) noexcept = default;
    /// Becomes `other`. By value: where memory runs out for a copy, the row stays as it was.
    DynamicRow& operator=(DynamicRow other) noexcept {
        step_ = other.step_;
        time_ns_ = other.time_ns_;
        texts_ = std::move(other.texts_);
        cells_ = std::move(other.cells_);
        return *this;
    }
    ~DynamicRow() = default;

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
            const Cell& cell = cells_.data()[i];
            if (name_of(cell) == name) return value_of(cell);
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
        for (const Cell& cell : cells_) f(name_of(cell), value_of(cell));
    }

  private:
    struct Cell {
        std::size_t from = 0, name_bytes = 0;  // of the name in `texts_`, which the value's text follows
        Value value;
    };

    template <class = void>
    void add(const NamedValue& named) {
        if (named.value.kind() == Value::Kind::none) return;
        const Cell cell{texts_.size(), named.name.size(), named.value};
        cells_.append(&cell, 1);
        texts_.append(named.name.data(), named.name.size());
        if (named.value.is_text()) texts_.append(named.value.text().data(), named.value.text().size());
    }
    [[nodiscard]] std::string_view name_of(const Cell& cell) const noexcept {
        return {texts_.data() + cell.from, cell.name_bytes};
    }
    // A text's view may point to what is gone: it is rebuilt from what the row owns.
    [[nodiscard]] Value value_of(const Cell& cell) const noexcept {
        if (!cell.value.is_text()) return cell.value;
        return std::string_view{texts_.data() + cell.from + cell.name_bytes, cell.value.text().size()};
    }

    std::int64_t step_ = 0;
    std::int64_t time_ns_ = 0;
    // So much that a row of a few metrics, as a training loop logs them, needs no allocation.
    detail::Few<char, 64> texts_;
    detail::Few<Cell, 4> cells_;
};

namespace detail {

/// A dynamic row as its author wrote it: names and texts are his, nothing is copied.
class GivenRow {
  public:
    GivenRow(std::int64_t step, std::int64_t time_ns, const NamedValue* values, std::size_t count) noexcept
        : step_{step}, time_ns_{time_ns}, values_{values}, count_{count} {}

    [[nodiscard]] std::int64_t step() const noexcept { return step_; }
    [[nodiscard]] std::int64_t time_ns() const noexcept { return time_ns_; }
    [[nodiscard]] std::int64_t clock_ns() const noexcept { return time_ns_; }

    template <class F>
    void for_each(F&& f) const {
        for (std::size_t i = 0; i < count_; ++i) {
            if (values_[i].value.kind() != Value::Kind::none) f(values_[i].name, values_[i].value);
        }
    }
    template <class F>
    void apply(F&& f) const {
        f(step_, time_ns_, values_, count_);
    }
    [[nodiscard]] DynamicRow owned() const { return {step_, time_ns_, values_, count_}; }

  private:
    std::int64_t step_, time_ns_;
    const NamedValue* values_;
    std::size_t count_;
};

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
