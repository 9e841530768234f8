// SPDX-License-Identifier: MIT
#pragma once
// TensorBoard's event files as anybody may have written them: what can be heard of them is scalars and texts.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/mirror/protobuf.hpp>
#include <cairn/mirror/tfevents.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Reads the events of a file, one after another. Cost: keeps one event, of 16 MiB at most.
class EventReader {
  public:
    /// Fails: not_found, permission, io.
    static result<EventReader> open(const os::Path& path) {
        auto file = os::File::open_read(path);
        if (!file) return file.error();
        const auto size = file->size();
        if (!size) return size.error();
        return EventReader{std::move(*file), *size};
    }

    /// The next event, good until the next call; false at the end. One that is too large to be of use is
    /// passed over. Fails: corrupt, if the file is damaged or ends within an event; from there on nothing can
    /// be read.
    result<bool> next(std::span<const std::byte>& event) {
        while (at_ < size_) {
            const auto head = bytes_at(at_, head_bytes);
            if (!head) return head.error();
            if (head->size() < head_bytes) return ends_early();
            if (masked_crc(head->first(8)) != get<std::uint32_t>(head->data() + 8))
                return damaged("the length of an event");
            const auto bytes = get<std::uint64_t>(head->data());
            const std::uint64_t begins = at_ + head_bytes, left = size_ - begins;
            if (left < 4 || bytes > left - 4) return ends_early();
            const std::uint64_t ends = begins + bytes + 4;
            if (bytes > most_bytes) {
                at_ = ends;
                continue;
            }
            const auto read = bytes_at(begins, static_cast<std::size_t>(bytes) + 4);
            if (!read) return read.error();
            if (read->size() < bytes + 4) return ends_early();
            event = read->first(static_cast<std::size_t>(bytes));
            if (masked_crc(event) != get<std::uint32_t>(event.data() + bytes)) return damaged("an event");
            at_ = ends;
            return true;
        }
        return false;
    }
    /// For an event that is no message.
    [[nodiscard]] error damaged(const char* what) const {
        return {errc::corrupt,
                std::string{what} + " at byte " + std::to_string(at_) + " of this file is damaged",
                file_.path().string(), "what lies before it was read; restore the file from a copy"};
    }

  private:
    static constexpr std::uint64_t most_bytes = std::uint64_t{16} << 20U;
    static constexpr std::size_t head_bytes = 12, window_bytes = std::size_t{64} << 10U;

    /// So many bytes of the file, good until the next call; fewer at its end.
    result<std::span<const std::byte>> bytes_at(std::uint64_t at, std::size_t count) {
        if (at < window_at_ || at + count > window_at_ + window_.size()) {
            window_.resize(std::max(count, window_bytes));
            const auto got = file_.read_at(at, writable_bytes_of(window_));
            if (!got) return got.error();
            window_.resize(*got);
            window_at_ = at;
        }
        const auto from = static_cast<std::size_t>(at - window_at_);
        return bytes_of(window_).subspan(from, std::min(count, window_.size() - from));
    }

    EventReader(os::File file, std::uint64_t size) : file_{std::move(file)}, size_{size} {}

    [[nodiscard]] error ends_early() const {
        return {errc::corrupt, "this file ends within an event, at byte " + std::to_string(at_),
                file_.path().string(), "what lies before it was read; its program may be writing still"};
    }

    os::File file_;
    std::uint64_t size_ = 0, at_ = 0;
    std::vector<std::byte> window_;  // what lies from `window_at_` on
    std::uint64_t window_at_ = 0;
};

// ---- what an event says

/// A scalar or a text of an event.
struct EventValue {
    std::string_view tag{};
    bool is_text = false;
    double number = 0;
    std::string_view text{};
};

[[nodiscard]] inline double float_of(std::uint64_t bits) noexcept {
    return double{std::bit_cast<float>(static_cast<std::uint32_t>(bits))};
}

/// The one number or text of a tensor; nothing if it has none, or several.
[[nodiscard]] inline std::optional<EventValue> value_of_tensor(std::span<const std::byte> tensor) {
    EventValue value;
    std::uint64_t type = 0;
    std::size_t count = 0;
    std::span<const std::byte> content;
    const auto take = [&](double number) {
        ++count;
        value.number = number;
    };
    const bool is_whole = each_field(tensor, [&](const ProtoField& field) {
        ByteReader packed{field.bytes};
        switch (field.number) {
            case 1: type = field.value; break;
            case 4: content = field.bytes; break;
            case 5:
                if (field.wire == 5) take(float_of(field.value));
                while (!packed.rest().empty() && packed.ok()) take(float_of(packed.fixed<std::uint32_t>()));
                break;
            case 6:
                if (field.wire == 1) take(std::bit_cast<double>(field.value));
                while (!packed.rest().empty() && packed.ok())
                    take(std::bit_cast<double>(packed.fixed<std::uint64_t>()));
                break;
            case 7:
            case 10:
            case 11:
                if (field.wire == 0) take(static_cast<double>(static_cast<std::int64_t>(field.value)));
                while (!packed.rest().empty() && packed.ok())
                    take(static_cast<double>(static_cast<std::int64_t>(packed.varint())));
                break;
            case 8:
                ++count;
                value.is_text = true;
                value.text = field.text();
                break;
            default: break;
        }
    });
    if (!is_whole) return std::nullopt;
    if (count == 0 && !content.empty()) {
        ByteReader bytes{content};
        switch (type) {
            case 1: take(float_of(bytes.fixed<std::uint32_t>())); break;
            case 2: take(std::bit_cast<double>(bytes.fixed<std::uint64_t>())); break;
            case 3: take(static_cast<double>(static_cast<std::int32_t>(bytes.fixed<std::uint32_t>()))); break;
            case 9: take(static_cast<double>(static_cast<std::int64_t>(bytes.fixed<std::uint64_t>()))); break;
            default: return std::nullopt;
        }
        if (!bytes.ok() || !bytes.rest().empty()) return std::nullopt;
    }
    return count == 1 ? std::optional{value} : std::nullopt;
}

/// Reads an event: `f(seconds, step, EventValue)` for each scalar and text; pictures, histograms and the like
/// are passed over. False if it is no event.
template <class F>
[[nodiscard]] bool read_event(std::span<const std::byte> event, F&& f) {
    double seconds = 0;
    std::int64_t step = 0;
    bool is_whole = each_field(event, [&](const ProtoField& field) {
        if (field.number == 1 && field.wire == 1) seconds = std::bit_cast<double>(field.value);
        if (field.number == 2) step = static_cast<std::int64_t>(field.value);
    });
    const auto read_value = [&](const ProtoField& one) {
        std::string_view tag;
        std::optional<EventValue> value;
        is_whole = is_whole && each_field(one.bytes, [&](const ProtoField& field) {
                       if (field.number == 1) tag = field.text();
                       if (field.number == 2 && field.wire == 5)
                           value = EventValue{{}, false, float_of(field.value)};
                       if (field.number == 8) value = value_of_tensor(field.bytes);
                   });
        if (!is_whole || !value || tag.empty()) return;
        value->tag = tag;
        f(seconds, step, std::as_const(*value));
    };
    const bool is_event = is_whole && each_field(event, [&](const ProtoField& field) {
                              if (field.number != 5 || !is_whole) return;
                              const bool is_summary = each_field(field.bytes, [&](const ProtoField& one) {
                                  if (one.number == 1 && one.wire == 2) read_value(one);
                              });
                              is_whole = is_whole && is_summary;
                          });
    return is_event && is_whole;
}

}  // namespace CAIRN_NAMESPACE::detail
