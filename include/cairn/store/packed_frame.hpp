// SPDX-License-Identifier: MIT
#pragma once
// What a frame of packed rows has before its block: the names of its metrics.

#include <cairn/store/byte_stream.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/record.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// The greatest number that a metric may have.
inline constexpr std::uint64_t most_metrics = std::numeric_limits<std::uint32_t>::max();

// Metrics by number and name, as frames and their index have them, in the order of the numbers.
//
//   name   varint metric, over the one after that of the name before · varint how many bytes it has in common
//          with that · varint bytes of the rest · the rest

/// Writes names; keeps its memory for the next ones.
template <class = void>
class BasicNameWriter {
  public:
    void restart() noexcept {
        before_.clear();
        least_ = 0;
    }
    void put(ByteWriter& out, std::uint32_t metric, std::string_view name) {
        out.varint(metric - least_);
        least_ = std::uint64_t{metric} + 1;
        std::size_t common = 0;
        while (common < name.size() && common < before_.size() && name[common] == before_[common]) ++common;
        out.varint(common);
        out.varint(name.size() - common);
        out.text(name.substr(common));
        before_ = name;
    }

  private:
    std::string before_;
    std::uint64_t least_ = 0;  // that the next number may be
};

/// Reads names. `are_whole`: as version 2 wrote them, varint metric · varint bytes · bytes.
template <class = void>
class BasicNameReader {
  public:
    explicit BasicNameReader(bool are_whole = false) noexcept : are_whole_{are_whole} {}

    /// Reads the next one. False if it is damaged.
    [[nodiscard]] bool next(ByteReader& from) noexcept {
        const std::uint64_t number = from.varint() + (are_whole_ ? 0 : least_);
        const std::uint64_t common = are_whole_ ? 0 : from.varint(), more = from.varint();
        if (number < least_ || number > most_metrics || common > bytes_ ||
            more > max_metric_name_bytes - common)
            return false;
        whole_ += common + more;  // what a name shares costs no byte here, but one of whoever keeps it
        if (whole_ > max_frame_bytes) return false;
        metric_ = static_cast<std::uint32_t>(number);
        least_ = number + 1;
        const auto rest = from.bytes(static_cast<std::size_t>(more));
        if (!rest.empty()) std::memcpy(name_ + common, rest.data(), rest.size());
        bytes_ = static_cast<std::size_t>(common) + rest.size();
        return from.ok();
    }
    [[nodiscard]] std::uint32_t metric() const noexcept { return metric_; }
    /// Good until the next call.
    [[nodiscard]] std::string_view name() const noexcept { return {name_, bytes_}; }

  private:
    bool are_whole_;
    std::uint64_t least_ = 0, whole_ = 0;
    std::uint32_t metric_ = 0;
    std::size_t bytes_ = 0;
    char name_[max_metric_name_bytes] = {};
};

/// The block in a frame of packed rows, after `f(metric, name)` for each name it brings, which is good as
/// long as the call; empty if the bytes are damaged.
template <class F>
[[nodiscard]] std::span<const std::byte> block_of(const Frame& frame, F&& f) {
    ByteReader from{frame.payload};
    BasicNameReader<> names{frame.kind == FrameKind::whole_names};
    for (std::uint64_t left = from.varint(); left > 0; --left) {
        if (!names.next(from)) return {};
        f(names.metric(), names.name());
    }
    const std::uint64_t size = from.varint();
    return from.ok() && size <= from.rest().size() ? from.bytes(static_cast<std::size_t>(size))
                                                   : std::span<const std::byte>{};
}

}  // namespace CAIRN_NAMESPACE::detail
