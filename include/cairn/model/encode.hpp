// SPDX-License-Identifier: MIT
#pragma once
// A part as the bytes of a file. Costs nlohmann/json.

#include <cairn/config.hpp>
#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/core/guarded.hpp>
#include <cairn/core/name.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/detail/byte_stream.hpp>
#include <cairn/model/detail/json_bytes.hpp>
#include <cairn/model/detail/text.hpp>
#include <cairn/model/part.hpp>
#include <cairn/model/safetensors.hpp>
#include <cairn/model/serializable.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <cstddef>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Takes the next bytes of a file: `emit(std::string_view file, std::span<const std::byte>) -> result<void>`.
using Emit = FunctionRef<result<void>(std::string_view, std::span<const std::byte>)>;

template <class T>
[[nodiscard]] result<void> save_to(const T& object, std::ostream& out) {
    if constexpr (StreamsOutside<T>) {
        stream_for<T>::save(object, out);
    } else if constexpr (StreamsByMembers<T>) {
        if constexpr (std::same_as<decltype(object.save(out)), bool>) {
            if (!object.save(out)) out.setstate(std::ios_base::failbit);
        } else {
            object.save(out);
        }
    } else {
        out << object;
    }
    if (out) return {};
    return error{errc::user, "saving the part left its stream in a failed state", "",
                 "see why its save or operator<< failed"};
}

// Each way of encoding, without the type of what is encoded.

template <class = void>
[[nodiscard]] result<void> emit_tensors(std::string_view name, FunctionRef<void(Fields&)> describe,
                                        Emit put) {
    const std::string file = std::string{name} + ".safetensors";
    result<Description> model = description_by(describe);
    if (!model) return at_path(model.error(), file);
    safetensors::Metadata texts;
    for (DescribedText& text : model->texts) {
        if (texts.emplace(text.name, std::string{text.value}).second) continue;
        return error{errc::invalid_argument, "two texts are called " + in_quotes(text.name), file,
                     "give every text a name of its own"};
    }
    if (result<void> checked = check_metadata(texts); !checked) return at_path(checked.error(), file);
    return write_safetensors(model->tensors, texts, [&](std::span<const std::byte> bytes) -> result<void> {
        return put(file, bytes);
    });
}

template <class = void>
[[nodiscard]] result<void> emit_json(std::string_view name, FunctionRef<nlohmann::json()> convert, Emit put) {
    const std::string part{name};
    std::vector<std::uint8_t> cbor;
    std::string text;
    result<void> converted = guarded("converting the part \"" + part + "\" to JSON", [&]() -> result<void> {
        const nlohmann::json value = convert();
        if (fits_json_text(value)) {
            text = value.dump();
        } else {
            cbor = nlohmann::json::to_cbor(value);
        }
        return {};
    });
    if (!converted) return at_path(converted.error(), part + ".json");
    if (!cbor.empty()) return put(part + ".cbor", bytes_of(cbor));
    return put(part + ".json", bytes_of(text));
}

template <class = void>
[[nodiscard]] result<void> emit_stream(std::string_view name, FunctionRef<result<void>(std::ostream&)> save,
                                       Emit put) {
    const std::string part{name};
    OutputBytes buffer;
    result<void> saved = guarded("saving the part \"" + part + "\"", [&] {
        std::ostream out{&buffer};
        prepare_stream(out);
        return save(out);
    });
    if (!saved) return at_path(saved.error(), part + ".bin");
    return put(part + ".bin", buffer.bytes());
}

/// Emits the file of `part`: `<name>.safetensors`, `.json` (`.cbor` if it holds what JSON text cannot) or
/// `.bin`, in order, in one or more pieces, at least one. Fails: invalid_argument (a model that does not
/// describe itself well), user (its code threw), and whatever `emit` returns. Requires a checked name.
template <class T>
[[nodiscard]] result<void> encode(const Part<T>& part, Emit put) {
    constexpr Encoding encoding = encoding_of<T>;
    if constexpr (encoding == Encoding::tensors) {
        return emit_tensors(part.name(), describing(part.object()), put);
    } else if constexpr (encoding == Encoding::json) {
        return emit_json(part.name(), [&] { return nlohmann::json(part.object()); }, put);
    } else {
        return emit_stream(
            part.name(),
            [&](std::ostream& out) { return save_to<std::remove_const_t<T>>(part.object(), out); }, put);
    }
}

/// The files of all parts, one after another. Fails also if two parts share a name.
template <AnyPart... Parts>
[[nodiscard]] result<void> encode_all(Emit put, const Parts&... parts) {
    result<void> done = check_parts(parts...);
    (void)((done && (done = encode(parts, put), bool{done})) && ...);
    return done;
}

}  // namespace CAIRN_NAMESPACE::detail
