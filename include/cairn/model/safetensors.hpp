// SPDX-License-Identifier: MIT
#pragma once
// The safetensors format (https://github.com/huggingface/safetensors): written byte for byte as its Python
// library does, read without trusting a byte. On a big-endian machine each element is turned around on its
// way. Costs nlohmann/json.

#include <cairn/config.hpp>
#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/core/guarded.hpp>
#include <cairn/model/detail/safetensors_header.hpp>
#include <cairn/model/detail/text.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::safetensors {

/// The texts a file carries about itself.
using Metadata = std::map<std::string, std::string>;

/// The longest header that is read or written: 100 MB, as everywhere.
inline constexpr std::uint64_t max_header_bytes = 100'000'000;

/// A file that was read: what it holds, as views of the bytes it was read from.
struct File {
    std::vector<TensorView> tensors;  ///< sorted by name; their bytes are little-endian, as in the file
    Metadata metadata;                ///< texts under `__metadata__`; empty if there are none

    /// The tensor called `name`, or null.
    [[nodiscard]] const TensorView* find(std::string_view name) const noexcept {
        const auto less = [](const TensorView& tensor, std::string_view key) { return tensor.name < key; };
        const auto found = std::lower_bound(tensors.begin(), tensors.end(), name, less);
        return found != tensors.end() && found->name == name ? &*found : nullptr;
    }
};

}  // namespace CAIRN_NAMESPACE::safetensors

namespace CAIRN_NAMESPACE::detail {

/// Copies elements of `size` bytes between the processor's order and the file's, which is little-endian.
template <class = void>
void copy_elements(std::byte* to, std::span<const std::byte> from, std::size_t size) noexcept {
    if (from.empty()) return;
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(to, from.data(), from.size());
    } else {
        for (std::size_t at = 0; at < from.size(); at += size)
            std::reverse_copy(from.data() + at, from.data() + at + size, to + at);
    }
}

template <class = void>
[[nodiscard]] error bad_safetensors(const std::string& why) {
    return {errc::corrupt, "this is not a whole safetensors file: " + why, "",
            "restore another version, or copy the file again from where it came from"};
}

/// `tensors` in the order in which a file holds them: widest alignment first, then by name.
template <class = void>
[[nodiscard]] std::vector<const TensorView*> file_order(std::span<const TensorView> tensors) {
    std::vector<const TensorView*> order;
    order.reserve(tensors.size());
    for (const TensorView& tensor : tensors) order.push_back(&tensor);
    std::sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) {
        return a->dtype != b->dtype ? a->dtype > b->dtype : a->name < b->name;
    });
    return order;
}

/// The header of a file, its length in front. Requires checked tensors.
template <class = void>
[[nodiscard]] std::string safetensors_header(const std::vector<const TensorView*>& order,
                                             const safetensors::Metadata& metadata) {
    std::string json = "{";
    const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
    const auto comma = [&json] { json += json.back() == '{' ? "" : ","; };
    if (!metadata.empty()) {
        json += "\"__metadata__\":{";
        for (const auto& [key, value] : metadata) {
            comma();
            json += quoted(key) + ":" + quoted(value);
        }
        json += '}';
    }
    std::uint64_t offset = 0;
    for (const TensorView* tensor : order) {
        comma();
        json += quoted(tensor->name) + R"(:{"dtype":")";
        json += to_string(tensor->dtype);
        json += R"(","shape":[)";
        for (const std::uint64_t extent : tensor->shape.extents()) {
            if (json.back() != '[') json += ',';
            json += std::to_string(extent);
        }
        json += R"(],"data_offsets":[)" + std::to_string(offset) + ",";
        offset += tensor->shape.elements() * size_of(tensor->dtype);
        json += std::to_string(offset) + "]}";
    }
    json += '}';
    json.resize((json.size() + 7) / 8 * 8, ' ');

    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        length[i] = static_cast<char>(std::uint64_t{json.size()} >> (8 * i) & 0xffU);
    return length + json;
}

/// Writes one tensor's elements of `size` bytes.
template <class = void>
result<void> write_elements(std::span<const std::byte> bytes, std::size_t size,
                            FunctionRef<result<void>(std::span<const std::byte>)> sink) {
    if (size == 1 || std::endian::native == std::endian::little) return sink(bytes);
    std::vector<std::byte> piece(std::size_t{64} * 1024);  // a multiple of every element's size
    while (!bytes.empty()) {
        const std::size_t n = std::min(bytes.size(), piece.size());
        copy_elements(piece.data(), bytes.first(n), size);
        if (result<void> done = sink(std::span<const std::byte>{piece}.first(n)); !done) return done;
        bytes = bytes.subspan(n);
    }
    return {};
}

/// Success if all of it is UTF-8.
template <class = void>
[[nodiscard]] result<void> check_metadata(const safetensors::Metadata& metadata) {
    for (const auto& [key, value] : metadata) {
        if (is_utf8(key) && is_utf8(value)) continue;
        return error{errc::invalid_argument, "the metadata " + in_quotes(key) + " is not UTF-8", "",
                     "encode binary data as text, or as a tensor of bytes"};
    }
    return {};
}

/// Writes tensors and metadata that were checked.
template <class = void>
result<void> write_safetensors(std::span<const TensorView> tensors, const safetensors::Metadata& metadata,
                               FunctionRef<result<void>(std::span<const std::byte>)> sink) {
    const std::vector<const TensorView*> order = file_order(tensors);
    const std::string header = safetensors_header(order, metadata);
    if (header.size() - 8 > safetensors::max_header_bytes) {
        return error{errc::invalid_argument, "the header of the safetensors file would exceed 100 MB", "",
                     "describe fewer tensors or give them shorter names"};
    }
    if (result<void> done = sink(bytes_of(header)); !done) return done;
    std::vector<std::byte> buffer;
    for (const TensorView* tensor : order) {
        std::span<const std::byte> bytes;
        result<void> done = guarded("reading the tensor " + in_quotes(tensor->name), [&]() -> result<void> {
            bytes = elements_of(*tensor, buffer);
            return {};
        });
        if (done && !bytes.empty()) done = write_elements(bytes, size_of(tensor->dtype), sink);
        if (!done) return done;
    }
    return {};
}

/// The entries of a header as views of `data`, if they cover it exactly.
template <class = void>
[[nodiscard]] result<std::vector<TensorView>> place_tensors(std::vector<HeaderEntry>& entries,
                                                            std::span<const std::byte> data) {
    std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    std::vector<TensorView> tensors;
    tensors.reserve(entries.size());
    std::uint64_t covered = 0;
    for (HeaderEntry& entry : entries) {
        const std::string name = in_quotes(entry.name);
        if (entry.name.empty()) return bad_safetensors("a tensor has no name");
        if (entry.begin != covered) {
            return bad_safetensors("the data of " + name + " leaves a hole or overlaps another tensor's");
        }
        if (entry.end < entry.begin || entry.end > data.size()) {
            return bad_safetensors("the data of " + name + " ends outside the file");
        }
        const std::uint64_t size = entry.end - entry.begin;
        const std::optional<std::uint64_t> elements = product(entry.extents);
        if (!elements || size % size_of(entry.dtype) != 0 || size / size_of(entry.dtype) != *elements) {
            return bad_safetensors("the data of " + name + " is not as long as its shape and dtype say");
        }
        covered = entry.end;
        tensors.push_back(
            {std::move(entry.name), entry.dtype, Shape{entry.extents},
             data.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(size))});
    }
    if (covered != data.size()) return bad_safetensors("there are bytes after the last tensor");
    std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    const auto same = [](const TensorView& a, const TensorView& b) { return a.name == b.name; };
    const auto twice = std::adjacent_find(tensors.begin(), tensors.end(), same);
    if (twice != tensors.end())
        return bad_safetensors("the tensor " + in_quotes(twice->name) + " is in it twice");
    return tensors;
}

/// Reads a header; gives its length, the eight bytes in front included.
template <class = void>
[[nodiscard]] result<std::size_t> read_header(std::span<const std::byte> bytes, HeaderReader<>& reader) {
    if (bytes.size() < 8) return bad_safetensors("it is shorter than 8 bytes");
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < 8; ++i) length |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    if (length > bytes.size() - 8) return bad_safetensors("it ends before its header does");
    if (length > safetensors::max_header_bytes) return bad_safetensors("its header is longer than 100 MB");
    const std::string_view header{reinterpret_cast<const char*>(bytes.data()) + 8,
                                  static_cast<std::size_t>(length)};
    if (header.empty() || header.front() != '{') return bad_safetensors("its header does not begin with '{'");
    // The JSON parser would take a zero byte for the end of its input.
    if (header.find('\0') != std::string_view::npos) return bad_safetensors("its header has a zero byte");

    nlohmann::json_sax<nlohmann::json>* const events = &reader;
    if (!nlohmann::json::sax_parse(header.data(), header.data() + header.size(), events)) {
        return bad_safetensors("its header " + reader.problem);
    }
    return 8 + header.size();
}

}  // namespace CAIRN_NAMESPACE::detail

namespace CAIRN_NAMESPACE::safetensors {

/// Writes a file of `tensors`: calls `sink(std::span<const std::byte>) -> result<void>` for the header, then
/// for each tensor, with the tensor's own bytes. The same content gives the same file, whatever its order
/// here. Fails: invalid_argument for a name that is empty, reserved, not UTF-8 or there twice, or a shape
/// that is not the data's; user if a tensor's access throws; whatever `sink` returns. Cost: no copy of the
/// data on a little-endian machine, but of one tensor at a time where it has an access.
template <class Sink>
    requires std::is_invocable_r_v<result<void>, Sink&, std::span<const std::byte>>
result<void> write(std::span<const TensorView> tensors, const Metadata& metadata, Sink&& sink) {
    if (result<void> checked = detail::check_tensors(tensors); !checked) return checked;
    if (result<void> checked = detail::check_metadata(metadata); !checked) return checked;
    // A plain function is no object that could be referred to.
    const auto pass_on = [&sink](std::span<const std::byte> bytes) -> result<void> { return sink(bytes); };
    return detail::write_safetensors(tensors, metadata, pass_on);
}

/// What the file in `bytes` holds. The views stay valid as long as `bytes` does; the data may not be aligned.
/// Fails: corrupt for anything but a whole, well-formed file: never undefined, whatever the bytes are.
/// Cost: memory for the header alone.
template <class = void>
[[nodiscard]] result<File> parse(std::span<const std::byte> bytes) {
    detail::HeaderReader<> reader;
    const auto length = detail::read_header(bytes, reader);
    if (!length) return length.error();
    auto tensors = detail::place_tensors(reader.entries, bytes.subspan(*length));
    if (!tensors) return tensors.error();
    return File{std::move(*tensors), std::move(reader.metadata)};
}

/// Where the tensors of a file end, in ascending order, counted from the end of its header: from the header
/// alone. Fails: corrupt, if it is no header, or its tensors do not follow one another.
template <class = void>
[[nodiscard]] result<std::vector<std::uint64_t>> tensor_ends(std::span<const std::byte> header) {
    detail::HeaderReader<> reader;
    const auto length = detail::read_header(header, reader);
    if (!length) return length.error();
    std::sort(reader.entries.begin(), reader.entries.end(),
              [](const auto& a, const auto& b) { return a.end < b.end; });
    std::vector<std::uint64_t> ends;
    ends.reserve(reader.entries.size());
    for (const auto& entry : reader.entries) {
        if (entry.begin > entry.end ||
            (entry.begin != entry.end && entry.begin != (ends.empty() ? 0 : ends.back())))
            return detail::bad_safetensors("its tensors leave a hole or overlap");
        ends.push_back(entry.end);
    }
    return ends;
}

}  // namespace CAIRN_NAMESPACE::safetensors
