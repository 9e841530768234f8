// SPDX-License-Identifier: MIT
#pragma once
// One named thing inside a checkpoint: `cairn::part("model", model)`. Costs nlohmann/json.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/name.hpp>
#include <cairn/model/serializable.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <type_traits>

namespace CAIRN_NAMESPACE {

/// A serializable object under a name; refers to both. Made by `part`.
template <class T>
class Part {
  public:
    using type = T;  ///< const, if the object is

    /// For `part`. Refers to both.
    Part(std::string_view name, T& object) noexcept : name_{name}, object_{&object} {}

    /// The name, as it was given.
    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    /// The object itself.
    [[nodiscard]] T& object() const noexcept { return *object_; }

  private:
    std::string_view name_;
    T* object_;
};

/// `object` under `name`, to be handed to a function that saves or restores; it refers to both, so use it in
/// the same expression. The name becomes a file name: letters, digits, '.', '_' and '-'; it is checked when
/// it is used. A const object can be saved, not restored.
template <class T>
[[nodiscard]] Part<T> part(std::string_view name, T& object) noexcept {
    return Part<T>{name, object};
}

/// A temporary would be gone before it is saved or after it is restored.
template <class T>
void part(std::string_view name, const T&& object) = delete;

namespace detail {

template <class T>
inline constexpr bool is_part = false;
template <class T>
inline constexpr bool is_part<Part<T>> = true;

/// What `cairn::part` makes.
template <class T>
concept AnyPart = is_part<T>;

// Never defined: their names are the compiler's message.
template <class T>
struct this_is_no_part_hand_it_over_as_cairn_part_name_object;
template <class T>
struct this_type_can_be_no_part_it_does_not_describe_itself_nor_stream_nor_convert_to_json;

template <class T>
struct this_model_is_const_and_its_describe_is_not_write_static_void_describe_auto_self_auto_fields;

template <class T>
inline constexpr bool can_be_saved = false;
template <Serializable T>
inline constexpr bool can_be_saved<Part<T>> = true;

/// Parts that can be saved. Where it does not hold, `explain_parts` makes the compiler say why.
template <class... Ts>
concept SavableParts = (can_be_saved<Ts> && ...);

template <class T>
void explain_part() noexcept {
    if constexpr (!AnyPart<T>) {
        (void)sizeof(this_is_no_part_hand_it_over_as_cairn_part_name_object<T>);
    } else if constexpr (Serializable<std::remove_const_t<typename T::type>> && !can_be_saved<T>) {
        (void)sizeof(
            this_model_is_const_and_its_describe_is_not_write_static_void_describe_auto_self_auto_fields<
                typename T::type>);
    } else if constexpr (!can_be_saved<T>) {
        (void)sizeof(this_type_can_be_no_part_it_does_not_describe_itself_nor_stream_nor_convert_to_json<
                     typename T::type>);
    }
}
template <class... Ts>
void explain_parts() noexcept {
    (explain_part<Ts>(), ...);
}

/// Success if every name can be a file's and no two are the same. Sorts them.
template <class = void>
[[nodiscard]] result<void> check_part_names(std::string_view* begin, std::string_view* end) {
    for (const std::string_view* name = begin; name != end; ++name) {
        if (result<void> checked = check_name("part", *name); !checked) return checked;
    }
    std::sort(begin, end);
    if (const auto twice = std::adjacent_find(begin, end); twice != end) {
        return error{errc::invalid_argument, "two parts are called \"" + std::string{*twice} + "\"", "",
                     "give every part a name of its own"};
    }
    return {};
}
template <AnyPart... Parts>
[[nodiscard]] result<void> check_parts(const Parts&... parts) {
    std::string_view names[sizeof...(Parts) + 1] = {parts.name()...};  // there may be none
    return check_part_names(names, names + sizeof...(Parts));
}

}  // namespace detail

}  // namespace CAIRN_NAMESPACE
