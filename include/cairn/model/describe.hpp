// SPDX-License-Identifier: MIT
#pragma once
// How a model says what tensors it has: one function `describe`, which serves saving and restoring.
// Costs <memory>, <span>, <string> and <vector>.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/core/guarded.hpp>
#include <cairn/model/detail/text.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

class Fields;

/// Specialise for a type that is not yours, with `static void describe(auto& self, auto& fields)`, before its
/// first use. The primary template is unspecified.
template <class T>
struct describe_for;

namespace detail {

// A describe that returns `void` is only declared here: its body is not instantiated by asking.
template <class T>
concept DescribedOutside = requires(T& self, Fields& fields) {
    { describe_for<std::remove_cv_t<T>>::describe(self, fields) } -> std::same_as<void>;
};
template <class T>
concept DescribedByStatic = requires(T& self, Fields& fields) {
    { std::remove_cv_t<T>::describe(self, fields) } -> std::same_as<void>;
};
template <class T>
concept DescribedByMember = requires(T& self, Fields& fields) {
    { self.describe(fields) } -> std::same_as<void>;
};

}  // namespace detail

/// A type that lists its tensors. One of
/// * `void describe(auto& fields)`, a member (on a const object: a const member);
/// * `static void describe(auto& self, auto& fields)`, a static member that serves const objects too;
/// * a specialised `cairn::describe_for<T>` with such a static member.
/// It must list the same names and shapes each time, change nothing, and return void.
template <class T>
concept Describable =
    detail::DescribedOutside<T> || detail::DescribedByStatic<T> || detail::DescribedByMember<T>;

namespace detail {

struct Selection;

/// A described text; `target` is null if it is const.
struct DescribedText {
    std::string name;
    std::string_view value;
    std::string* target = nullptr;
};

/// All tensors of a model, in the order it lists them; `writable[i]` says that `tensors[i]` is not const.
struct Description {
    std::vector<TensorView> tensors;
    std::vector<bool> writable;
    std::vector<DescribedText> texts;
    Selection* selection = nullptr;  // null: all of the model
};

/// A container that is empty and takes the size of what is loaded.
template <class Container>
class EmptyContainer final : public TensorAccess {
  public:
    explicit EmptyContainer(Container& values) : values_{values} {}

    void read(std::span<std::byte>) override {}
    void write(std::span<const std::byte> from) override {
        if (!from.empty()) std::memcpy(values_.data(), from.data(), from.size());
    }
    [[nodiscard]] bool takes(const Shape& shape) const override { return shape.rank() == 1; }
    void resize(const Shape& shape) override { values_.resize(static_cast<std::size_t>(shape.elements())); }

  private:
    Container& values_;
};

template <class T>
inline constexpr bool never = false;
template <class T>
inline constexpr bool is_span = false;
template <class T, std::size_t N>
inline constexpr bool is_span<std::span<T, N>> = true;
template <class T>
inline constexpr bool is_vector_of_bool = false;
template <class Allocator>
inline constexpr bool is_vector_of_bool<std::vector<bool, Allocator>> = true;

/// A container with its elements in one row, which can be a tensor.
template <class T>
concept TensorContainer = requires(T& values) {
    requires std::is_pointer_v<decltype(values.data())>;
    requires TensorElement<std::remove_cv_t<std::remove_pointer_t<decltype(values.data())>>>;
    { values.size() } -> std::convertible_to<std::size_t>;
};

/// An array of numbers of any number of dimensions; else an element of none.
template <class T>
struct NestedArray {
    using Element = T;
    static void extents(std::vector<std::uint64_t>&) {}
};
template <class T, std::size_t N>
struct NestedArray<T[N]> {
    using Element = typename NestedArray<T>::Element;
    static void extents(std::vector<std::uint64_t>& out) {
        out.push_back(N);
        NestedArray<T>::extents(out);
    }
};
template <class T, std::size_t N>
    requires(N > 0)
struct NestedArray<std::array<T, N>> : NestedArray<T[N]> {};
template <class T, std::size_t N>
    requires(N > 0)
struct NestedArray<const std::array<T, N>> : NestedArray<const T[N]> {};

template <class T>
concept ArrayOfArrays = !std::same_as<typename NestedArray<T>::Element, T> &&
                        TensorElement<std::remove_cv_t<typename NestedArray<T>::Element>>;

/// A map from texts, a range of what lives in it (not of ranges of its own kind, without end), and what may
/// hold one value.
template <class T>
concept MemberMap = requires(T& values) {
    { values.begin()->first } -> std::convertible_to<std::string_view>;
    values.begin()->second;
};
template <class T>
concept MemberRange = requires(T& values) {
    requires std::is_lvalue_reference_v<decltype(*values.begin())>;
    requires !std::same_as<std::remove_cvref_t<decltype(*values.begin())>, std::remove_cv_t<T>>;
    values.end();
};
template <class T>
concept MemberHolder = std::is_class_v<T> && requires(T& value) {
    requires std::is_lvalue_reference_v<decltype(*value)>;
    static_cast<bool>(value);
};

template <class = void>
[[nodiscard]] result<Description> description_by(FunctionRef<void(Fields&)> describe);

}  // namespace detail

/// What `describe` is handed: call it once for each tensor, `fields(name, value)` or
/// `fields(name, value, {extents...})`. A value is
/// * a vector, array or span of numbers: a tensor of one dimension unless a shape is given;
/// * an array of arrays, `float w[2][3]` or of std::array: a tensor of as many dimensions;
/// * a number: a tensor of no dimension;
/// * a pointer to numbers, with a shape;
/// * a `std::string` in UTF-8: a text beside the tensors, in the file's `__metadata__`;
/// * another describable object, whose tensors get `name` and a dot in front (an empty name adds nothing);
/// * a range of such values, say a vector of layers: `name.0`, `name.1` and so on; a map from texts:
///   `name.<key>`; a smart pointer or optional: what it has, or nothing.
///
/// A tensor without any name, which is all of a part, is called "value".
///
/// A vector that is empty and has no shape takes, when it is loaded, the size it has in the file.
/// Fails: never here; what is wrong with a tensor is reported by whatever asked for the description.
class Fields {
  public:
    Fields(const Fields&) = delete;
    Fields& operator=(const Fields&) = delete;

    /// One tensor of the shape that the value has, or the tensors of a describable object.
    template <class V>
    void operator()(std::string_view name, V&& value);

    /// One tensor of `shape`, whose elements lie in `value` in row-major order.
    template <class V>
    void operator()(std::string_view name, V&& value, const Shape& shape);

    /// A tensor at `data` whose dtype is known at run time only. It is loaded into unless `data` is const.
    template <class Void>
        requires std::is_void_v<Void>
    void tensor(std::string_view name, Dtype dtype, const Shape& shape, Void* data) {
        add_bytes(name, dtype, data, !std::is_const_v<Void>, shape.elements(), shape);
    }
    /// A tensor whose elements `access` gets, for what does not lie in row-major order. It is loaded into
    /// unless not `writable`. Cost: while it is saved or loaded, a copy of this one tensor.
    template <class = void>
    void tensor(std::string_view name, Dtype dtype, const Shape& shape, std::shared_ptr<TensorAccess> access,
                bool writable = true) {
        add_bytes(name, dtype, nullptr, writable, 0, shape);
        found_.tensors.back().access = std::move(access);
    }

  private:
    template <class T>
    friend result<detail::Description> detail::description_by(detail::FunctionRef<void(Fields&)> describe);

    template <Describable T>
    friend class Partial;

    Fields() = default;

    /// What `body` describes gets `name` and a dot in front.
    template <class Body>
    void inside(std::string_view name, Body&& body);

    template <class Element>
    void add(std::string_view name, Element* data, std::uint64_t elements, const Shape& shape);
    template <class = void>
    void add_bytes(std::string_view name, Dtype dtype, const void* data, bool writable,
                   std::uint64_t elements, const Shape& shape);
    [[nodiscard]] std::string full_name(std::string_view name) const {
        std::string out = prefix_;
        out += name;
        if (!out.empty() && name.empty()) out.pop_back();  // the dot
        if (out.empty()) out = "value";                    // a part that is one tensor
        return out;
    }

    detail::Description found_;
    std::string prefix_;
    result<void> failure_;  // the first
};

namespace detail {

template <class T>
void describe(T& model, Fields& fields) {
    if constexpr (DescribedOutside<T>) {
        describe_for<std::remove_cv_t<T>>::describe(model, fields);
    } else if constexpr (DescribedByStatic<T>) {
        std::remove_cv_t<T>::describe(model, fields);
    } else {
        model.describe(fields);
    }
}

/// Hands `model` its fields; refers to it. (Qualified: a `describe` of the user's is no other way to do so.)
template <class T>
[[nodiscard]] auto describing(T& model) noexcept {
    return [&model](Fields& fields) { detail::describe(model, fields); };
}

/// Says at compile time what a value that cannot be a tensor should have been.
template <class V>
constexpr void check_field() {
    using T = std::remove_cvref_t<V>;
    static_assert(!is_vector_of_bool<T>,
                  "cairn: std::vector<bool> packs its bits, so it has no bytes to save; use "
                  "std::vector<unsigned char> or an array of bool");
    static_assert(
        std::is_lvalue_reference_v<V> || std::is_pointer_v<T> || is_span<T>,
        "cairn: this field is a temporary and would be gone before it is saved; describe a member, a "
        "std::span or a pointer with a shape");
}

}  // namespace detail

template <class V>
void Fields::operator()(std::string_view name, V&& value) {
    using T = std::remove_reference_t<V>;
    detail::check_field<V&&>();
    if constexpr (Describable<T>) {
        inside(name, [&] { detail::describe(value, *this); });
    } else if constexpr (TensorElement<std::remove_cv_t<T>>) {
        add(name, &value, 1, Shape{});
    } else if constexpr (std::same_as<std::remove_const_t<T>, std::string>) {
        found_.texts.push_back({full_name(name), value, nullptr});
        if constexpr (!std::is_const_v<T>) found_.texts.back().target = &value;
    } else if constexpr (detail::ArrayOfArrays<T>) {
        using Element = typename detail::NestedArray<T>::Element;
        std::vector<std::uint64_t> extents;
        detail::NestedArray<T>::extents(extents);
        add(name, reinterpret_cast<Element*>(&value), sizeof(T) / sizeof(Element), Shape{extents});
    } else if constexpr (detail::TensorContainer<T>) {
        const auto size = static_cast<std::size_t>(value.size());
        add(name, value.data(), size, Shape{size});
        if constexpr (requires { value.resize(size); }) {
            if (size == 0) found_.tensors.back().access = std::make_shared<detail::EmptyContainer<T>>(value);
        }
    } else if constexpr (detail::MemberMap<T>) {
        inside(name, [&] {
            for (auto& [key, member] : value) (*this)(key, member);
        });
    } else if constexpr (detail::MemberRange<T>) {
        inside(name, [&] {
            std::size_t number = 0;
            for (auto& member : value) (*this)(std::to_string(number++), member);
        });
    } else if constexpr (detail::MemberHolder<T>) {
        if (value) (*this)(name, *value);
    } else {
        static_assert(!std::is_pointer_v<T>,
                      "cairn: a pointer does not know how many elements it points to; add the shape: "
                      "fields(name, pointer, {rows, columns})");
        static_assert(
            std::is_pointer_v<T> || detail::is_vector_of_bool<std::remove_cv_t<T>> || detail::never<T>,
            "cairn: this field is not a number, a text, nor a contiguous container of numbers, and has no "
            "describe of its own (on a const object, a describe must be const or static)");
    }
}

template <class V>
void Fields::operator()(std::string_view name, V&& value, const Shape& shape) {
    using T = std::remove_cvref_t<V>;
    detail::check_field<V&&>();
    if constexpr (std::is_pointer_v<T>) {
        static_assert(TensorElement<std::remove_cv_t<std::remove_pointer_t<T>>>,
                      "cairn: this pointer does not point to numbers that a tensor can hold");
        add(name, value, shape.elements(), shape);
    } else if constexpr (std::is_bounded_array_v<T>) {
        add(name, value, std::extent_v<T>, shape);
    } else if constexpr (TensorElement<T>) {
        add(name, &value, 1, shape);
    } else if constexpr (detail::TensorContainer<std::remove_reference_t<V>>) {
        add(name, value.data(), static_cast<std::size_t>(value.size()), shape);
    } else {
        static_assert(detail::is_vector_of_bool<T>,
                      "cairn: a shape belongs to a pointer to numbers or to a contiguous container of them");
    }
}

template <class Body>
void Fields::inside(std::string_view name, Body&& body) {
    const std::size_t outer = prefix_.size();
    if (!name.empty()) {
        prefix_ += name;
        prefix_ += '.';
    }
    body();
    prefix_.resize(outer);
}

template <class Element>
void Fields::add(std::string_view name, Element* data, std::uint64_t elements, const Shape& shape) {
    static_assert(!std::is_volatile_v<Element>, "cairn: a volatile object cannot be a tensor");
    add_bytes(name, dtype_of<std::remove_const_t<Element>>, data, !std::is_const_v<Element>, elements, shape);
}

template <class T>
void Fields::add_bytes(std::string_view name, Dtype dtype, const void* data, bool writable,
                       std::uint64_t elements, const Shape& shape) {
    TensorView tensor{full_name(name), dtype, shape, {}};
    const char* problem = nullptr;
    if (elements > std::numeric_limits<std::size_t>::max() / size_of(dtype))
        problem = " is larger than the memory";
    if (data == nullptr && elements != 0) problem = " is a null pointer";
    if (problem != nullptr) {
        if (failure_) {
            failure_ = error{errc::invalid_argument, "the tensor " + detail::in_quotes(tensor.name) + problem,
                             "", "describe the memory the tensor has"};
        }
    } else {
        tensor.bytes = {static_cast<const std::byte*>(data),
                        static_cast<std::size_t>(elements) * size_of(dtype)};
    }
    found_.tensors.push_back(std::move(tensor));
    found_.writable.push_back(writable);
}

template <class T>
result<detail::Description> detail::description_by(FunctionRef<void(Fields&)> describe) {
    Fields fields;
    result<void> described = guarded("describing the model", [&]() -> result<void> {
        describe(fields);
        if (!fields.failure_) return std::move(fields.failure_);
        return check_tensors(fields.found_.tensors);
    });
    if (!described) return described.error();
    return std::move(fields.found_);
}

}  // namespace CAIRN_NAMESPACE
