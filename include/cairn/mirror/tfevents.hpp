// SPDX-License-Identifier: MIT
#pragma once
// TensorBoard's event files, written without protobuf: only what this library has to say (scalars, texts,
// hyperparameters, rich values).
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
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
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

}  // namespace CAIRN_NAMESPACE::detail
