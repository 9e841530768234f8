// SPDX-License-Identifier: MIT
#pragma once
// What can be a part of a checkpoint, and in which of three ways it is written: as tensors, as JSON or as the
// bytes it streams. Costs nlohmann/json.

#include <cairn/config.hpp>
#include <cairn/model/describe.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <istream>
#include <ostream>
#include <type_traits>

namespace CAIRN_NAMESPACE {

/// Specialise for a type that is not yours and is written as bytes, with `static void save(const T& self,
/// std::ostream& out)` and `static void load(T& self, std::istream& in)`, before its first use. The primary
/// template is unspecified.
template <class T>
struct stream_for;

namespace detail {

template <class T>
concept StreamsOutside = requires(const T& self, T& target, std::ostream& out, std::istream& in) {
    { stream_for<T>::save(self, out) } -> std::same_as<void>;
    { stream_for<T>::load(target, in) } -> std::same_as<void>;
};

/// Here every type has operators and JSON functions that take exactly it. One of the user's that takes it
/// through a conversion or a base class loses to these, and would lose data; one that takes the type itself
/// wins or ties.
namespace exact {

struct Lost {};

template <class U>
Lost operator<<(std::ostream&, const U&);
template <class U>
Lost operator>>(std::istream&, U&);
template <class U>
Lost to_json(nlohmann::json&, const U&);
template <class U>
Lost from_json(const nlohmann::json&, U&);

template <class T>
concept StreamLost = requires(std::ostream& out, const T& self) {
    { out << self } -> std::same_as<Lost>;
} || requires(std::istream& in, T& target) {
    { in >> target } -> std::same_as<Lost>;
};

template <class T>
concept JsonLost = requires(nlohmann::json& json, const T& self) {
    { to_json(json, self) } -> std::same_as<Lost>;
} || requires(const nlohmann::json& json, T& target) {
    { from_json(json, target) } -> std::same_as<Lost>;
};

}  // namespace exact

template <class T>
concept StreamsByOperators = requires(const T& self, T& target, std::ostream& out, std::istream& in) {
    { out << self } -> std::convertible_to<std::ostream&>;
    { in >> target } -> std::convertible_to<std::istream&>;
} && !exact::StreamLost<T>;

/// A save or load that takes this too is a template for another library's archives.
struct NotAStream {};

template <class T>
concept StreamsByMembers = requires(const T& self, T& target, std::ostream& out, std::istream& in) {
    self.save(out);
    target.load(in);
} && !requires(const T& self, NotAStream& archive) {
    self.save(archive);
} && !requires(T& target, NotAStream& archive) { target.load(archive); };

/// There is a to_json that the author of T or of its base wrote.
template <class T>
concept HasOwnJson = requires(nlohmann::json& json, const T& self) { to_json(json, self); };

template <class T>
concept JsonByConversion = !std::is_pointer_v<T> && std::constructible_from<nlohmann::json, const T&> &&
                           requires(const nlohmann::json& json, T& target) { json.get_to(target); };

// Two ways in which nlohmann/json would take what is not all of the object: by the functions of a base class,
// and, for a class that can be iterated over, by its elements, although it says itself how it is saved.
template <class T>
concept Json = JsonByConversion<T> && (HasOwnJson<T> ? !exact::JsonLost<T> : !StreamsByMembers<T>);

}  // namespace detail

/// A type that nlohmann/json converts from and to: `nlohmann::json` itself, numbers, `std::string`,
/// containers of such, structs with NLOHMANN_DEFINE_TYPE_* or a `to_json` and `from_json` of their own.
template <class T>
concept JsonSerializable =
    !detail::StreamsOutside<std::remove_const_t<T>> && detail::Json<std::remove_const_t<T>>;

/// A type that writes itself: `save(std::ostream&) const` and `load(std::istream&)`, or the operators `<<`
/// and `>>` for exactly this type; or one for which `stream_for` is specialised. What is loaded must be what
/// was saved; the stream has the classic locale and enough digits.
template <class T>
concept StreamSerializable =
    detail::StreamsOutside<std::remove_const_t<T>> || detail::StreamsByMembers<std::remove_const_t<T>> ||
    detail::StreamsByOperators<std::remove_const_t<T>>;

/// A type that can be a part of a checkpoint. Written as tensors if it is `Describable`, else as JSON if it
/// is `JsonSerializable`, else as the bytes it streams. A const object can be saved, but not loaded into; if
/// it describes itself, then through a const or a static describe.
template <class T>
concept Serializable = !std::is_reference_v<T> && !std::is_volatile_v<T> &&
                       (Describable<T> || (!Describable<std::remove_const_t<T>> &&
                                           (JsonSerializable<T> || StreamSerializable<T>)));

namespace detail {

enum class Encoding : unsigned char { tensors, json, stream };

/// How a T is written; the same for const T.
template <Serializable T>
inline constexpr Encoding encoding_of = Describable<T>        ? Encoding::tensors
                                        : JsonSerializable<T> ? Encoding::json
                                                              : Encoding::stream;

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
