// SPDX-License-Identifier: MIT
#pragma once
// What an entry of a history's index tells.

#include <cairn/store/history_index.hpp>

namespace CAIRN_NAMESPACE::detail {

/// Whether its times can be told in nanoseconds, and its ends lie between its extremes.
template <class = void>
[[nodiscard]] bool is_in_range(const SeriesNode& node) noexcept {
    const auto within = [&](std::int64_t step) { return step >= node.min_step && step <= node.max_step; };
    return node.min_ms >= -most_ms && node.min_ms <= node.max_ms && node.max_ms <= most_ms &&
           within(node.first_step) && within(node.last_step);
}

/// Reads the nodes of an entry, one after another.
template <class = void>
class BasicNodeReader {
  public:
    explicit BasicNodeReader(ByteReader& from) noexcept : from_{&from} {}

    /// The next one. False if it is damaged.
    [[nodiscard]] bool next() noexcept {
        if (!names_.next(*from_)) return false;
        const auto form = static_cast<unsigned>(from_->byte());
        const bool is_one = (form & ~NodeForm::floats) == NodeForm::one;
        node_ = {};
        if (form == NodeForm::none) return from_->ok();
        if (!is_one && (form & ~NodeForm::floats) != NodeForm::many) return false;
        const auto over_last = [&](std::int64_t base) {
            return static_cast<std::int64_t>(static_cast<std::uint64_t>(from_->signed_varint()) +
                                             static_cast<std::uint64_t>(base));
        };
        const auto over = [&](std::int64_t base) {
            return static_cast<std::int64_t>(from_->varint() + static_cast<std::uint64_t>(base));
        };
        const auto value = [&] {
            return (form & NodeForm::floats) != 0
                       ? static_cast<double>(std::bit_cast<float>(from_->template fixed<std::uint32_t>()))
                       : std::bit_cast<double>(from_->template fixed<std::uint64_t>());
        };
        if (is_one) {
            step_ = over_last(step_);
            ms_ = over_last(ms_);
            node_.add(step_, ms_, value());
        } else {
            for (std::uint64_t* count : {&node_.finite, &node_.nans, &node_.infinities, &node_.restarts})
                *count = from_->varint();
            node_.min_step = step_ = over_last(step_);
            for (std::int64_t* step : {&node_.first_step, &node_.last_step, &node_.max_step})
                *step = over(step_);
            node_.min_ms = ms_ = over_last(ms_);
            node_.max_ms = over(ms_);
            for (double* number : {&node_.min, &node_.max, &node_.last}) *number = value();
        }
        return from_->ok() && node_.count() != 0 && is_in_range(node_);
    }
    [[nodiscard]] std::uint32_t metric() const noexcept { return names_.metric(); }
    /// Good until the next call, as the node is.
    [[nodiscard]] std::string_view name() const noexcept { return names_.name(); }
    [[nodiscard]] const SeriesNode& node() const noexcept { return node_; }

  private:
    ByteReader* from_;
    BasicNameReader<> names_;
    SeriesNode node_;
    std::int64_t step_ = 0, ms_ = 0;
};

/// Reads an entry: `f(metric, name, SeriesNode)` for each metric; the name is good as long as the call. False
/// if it is damaged.
template <class F>
[[nodiscard]] bool read_index_entry(std::span<const std::byte> payload, FramePlace& frame, F&& f) {
    ByteReader from{payload};
    frame = frame_of_entry(from);
    BasicNodeReader<> nodes{from};
    for (std::uint64_t left = from.varint(); left > 0; --left) {
        if (!nodes.next()) return false;
        f(nodes.metric(), nodes.name(), nodes.node());
    }
    return from.ok();
}
/// Reads where an entry's frame lies. False if the entry is damaged.
template <class = void>
[[nodiscard]] bool read_index_entry(std::span<const std::byte> payload, FramePlace& frame) {
    return read_index_entry(payload, frame, [](std::uint32_t, std::string_view, const SeriesNode&) {});
}

}  // namespace CAIRN_NAMESPACE::detail
