// SPDX-License-Identifier: MIT
#pragma once
// TensorBoard's event files, written and read without protobuf: only what this library has to say and to
// hear (scalars, texts, hyperparameters). What is read may be anybody's.
//
//   record  u64 bytes · u32 masked CRC-32C of these 8 bytes · an event · u32 masked CRC-32C of the event
//   event   a message of protobuf: 1 double seconds · 2 varint step · 3 text version · 5 message summary
//
// Little-endian. A file has no head and no end.

#include <cairn/core/bytes.hpp>
#include <cairn/core/crc32c.hpp>
#include <cairn/core/error.hpp>
#include <cairn/mirror/append_file.hpp>
#include <cairn/mirror/protobuf.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/store/byte_stream.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

[[nodiscard]] inline std::uint32_t masked_crc(std::span<const std::byte> bytes) noexcept {
    return std::rotr(crc32c(bytes), 15) + 0xa282ead8U;
}

/// Writes events. Cost: keeps a MiB, and the names of metrics.
class EventWriter {
  public:
    /// A new file. `seconds`, since the Unix epoch, is when its first event was. Fails: already_exists, or as
    /// the disk does.
    static result<EventWriter> create(const os::Path& path, double seconds) {
        auto file = AppendFile::create(path);
        if (!file) return file.error();
        EventWriter writer{std::move(*file)};
        writer.begin(seconds, 0);
        ProtoWriter{writer.event_}.text(3, "brain.Event:2");
        if (auto ended = writer.end(); !ended) return ended.error();
        return writer;
    }
    /// See `AppendFile::go_on`. The first value of each metric says once more what it is.
    static result<EventWriter> go_on(const os::Path& path, std::uint64_t bytes) {
        auto file = AppendFile::go_on(path, bytes);
        if (!file) return file.error();
        return EventWriter{std::move(*file)};
    }

    /// Begins an event; values follow, and `end`.
    void begin(double seconds, std::int64_t step) {
        event_.clear();
        summary_.clear();
        ProtoWriter event{event_};
        event.number(1, seconds);
        if (step != 0) event.varint(2, static_cast<std::uint64_t>(step));
    }
    /// TensorBoard has floats only.
    void scalar(std::string_view tag, const double& value) {
        tensor_.clear();
        ProtoWriter tensor{tensor_};
        tensor.varint(1, 1);  // float
        tensor.text(2, {});   // of no dimension
        std::byte bits[4];
        put(bits, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
        tensor.message(5, bits);
        add(tag, "scalars", 1);
    }
    void text(std::string_view tag, std::string_view text) {
        tensor_.clear();
        ProtoWriter tensor{tensor_};
        tensor.varint(1, 7);  // texts
        tensor.text(2, {});
        tensor.text(8, text);
        add(tag, "text", 2);
    }
    /// Texts of a plugin's own meaning, in a row. `content` is what the plugin wants to be told beside it.
    void texts(std::string_view tag, std::string_view plugin, std::span<const std::string_view> texts,
               std::span<const std::byte> content = {}) {
        tensor_.clear();
        ProtoWriter tensor{tensor_};
        tensor.varint(1, 7);
        put_shape(tensor, {texts.size()});
        for (const std::string_view text : texts) tensor.text(8, text);
        add(tag, plugin, 3, content);
    }
    /// Bins: for each its left edge, its right edge and its count, one behind the other.
    void histogram(std::string_view tag, std::span<const double> bins) {
        tensor_.clear();
        ProtoWriter tensor{tensor_};
        tensor.varint(1, 2);  // doubles
        put_shape(tensor, {bins.size() / 3, 3});
        std::vector<std::byte> bytes(bins.size() * sizeof(double));
        for (std::size_t i = 0; i < bins.size(); ++i)
            put(bytes.data() + i * sizeof(double), std::bit_cast<std::uint64_t>(bins[i]));
        tensor.message(4, bytes);
        add(tag, "histograms", 2);
    }
    /// So many true positives, false positives, true negatives and false negatives, precision and recall at
    /// each of as many thresholds evenly over [0, 1], one list behind the other.
    void pr_curve(std::string_view tag, std::span<const float> lists) {
        constexpr std::size_t count = 6;
        const std::size_t thresholds = lists.size() / count;
        tensor_.clear();
        ProtoWriter tensor{tensor_};
        tensor.varint(1, 1);  // floats
        put_shape(tensor, {count, thresholds});
        std::vector<std::byte> bytes(lists.size() * sizeof(float));
        for (std::size_t i = 0; i < lists.size(); ++i)
            put(bytes.data() + i * sizeof(float), std::bit_cast<std::uint32_t>(lists[i]));
        tensor.message(4, bytes);
        std::vector<std::byte> content;
        ProtoWriter{content}.varint(2, thresholds);
        add(tag, "pr_curves", 2, content);
    }
    /// What a plugin alone understands.
    void content(std::string_view tag, std::string_view plugin, std::span<const std::byte> content) {
        tensor_.clear();
        ProtoWriter tensor{tensor_};
        constexpr std::string_view no_values{"\x12\x00", 2};  // a dimension of none
        tensor.varint(1, 1);
        tensor.text(2, no_values);
        add(tag, plugin, 0, content);
    }
    /// Fails as the disk does.
    result<void> end() {
        if (!summary_.empty()) ProtoWriter{event_}.message(5, summary_);
        std::vector<std::byte>& to = file_.buffer();
        ByteWriter out{to};
        const std::size_t at = to.size();
        out.fixed(std::uint64_t{event_.size()});
        out.fixed(masked_crc(bytes_of(to).subspan(at)));
        to.insert(to.end(), event_.begin(), event_.end());
        out.fixed(masked_crc(event_));
        return file_.settle();
    }
    /// Hands what is left to the system. Fails as the disk does.
    result<void> flush() { return file_.flush(); }
    /// Writes what is left. Fails as the disk does.
    result<void> close() { return file_.close(); }
    /// Of the file, with what is not flushed.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return file_.bytes(); }

  private:
    /// A metric as it was written.
    struct Tag {
        std::string written, plugin;
    };

    explicit EventWriter(AppendFile file) : file_{std::move(file)} {}

    static void put_shape(ProtoWriter& tensor, std::initializer_list<std::size_t> sizes) {
        std::vector<std::byte> shape, dimension;
        for (const std::size_t size : sizes) {
            dimension.clear();
            ProtoWriter{dimension}.varint(1, size);
            ProtoWriter{shape}.message(2, dimension);
        }
        tensor.message(2, shape);
    }
    /// A value of the event, of what is in `tensor_`. The first of a tag says which plugin it is for; another
    /// plugin's values of that name have the plugin's behind it, since a tag is of one kind.
    void add(std::string_view tag, std::string_view plugin, std::uint64_t data_class,
             std::span<const std::byte> content = {}) {
        auto known = tags_.find(tag);
        if (known != tags_.end() && known->second.plugin != plugin) {
            const std::string other = std::string{tag} + "/" + std::string{plugin};
            return add(other, plugin, data_class, content);
        }
        value_.clear();
        ProtoWriter value{value_};
        const bool is_first = known == tags_.end();
        if (is_first) known = tags_.emplace(tag, Tag{as_utf8(tag), std::string{plugin}}).first;
        value.text(1, known->second.written);
        if (is_first) {
            std::vector<std::byte> data, metadata;
            ProtoWriter{data}.text(1, plugin);
            if (!content.empty()) ProtoWriter{data}.message(2, content);
            ProtoWriter{metadata}.message(1, data);
            if (data_class != 0) ProtoWriter{metadata}.varint(4, data_class);
            value.message(9, metadata);
        }
        value.message(8, tensor_);
        ProtoWriter{summary_}.message(1, value_);
    }

    AppendFile file_;
    std::vector<std::byte> event_, summary_, value_, tensor_;
    std::map<std::string, Tag, std::less<>> tags_;
};

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
