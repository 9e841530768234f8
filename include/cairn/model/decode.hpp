// SPDX-License-Identifier: MIT
#pragma once
// Parts from the bytes of files: all of them, or none is touched. Costs nlohmann/json.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/function_ref.hpp>
#include <cairn/core/guarded.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/detail/byte_stream.hpp>
#include <cairn/model/detail/json_bytes.hpp>
#include <cairn/model/detail/load.hpp>
#include <cairn/model/part.hpp>
#include <cairn/model/safetensors.hpp>
#include <cairn/model/serializable.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <cstddef>
#include <istream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE::detail {

/// Gives the bytes of a file, or nothing if there is none: `find_file(std::string_view file)`. The bytes stay
/// valid until decode returns.
using FindFile = FunctionRef<std::optional<std::span<const std::byte>>(std::string_view)>;

/// Why a part has no file of its kind: there is none at all, or one that was written by another kind of type.
template <class = void>
[[nodiscard]] error missing_part(std::string_view name, std::string_view extension, FindFile find_file) {
    for (const std::string_view other : {".safetensors", ".json", ".cbor", ".bin"}) {
        std::string file{name};
        file += other;
        if (!find_file(file)) continue;
        return error{errc::mismatch, "the part \"" + std::string{name} + "\" was saved in another way", file,
                     "restore it into the type it was saved from, or give it another name"};
    }
    return error{errc::not_found, "no part \"" + std::string{name} + "\" was saved",
                 std::string{name} + std::string{extension}, "name the parts as when they were saved"};
}

/// What a part becomes, before it becomes it.
class StagedPart {
  public:
    /// Reads the part's file and checks it.
    virtual result<void> stage(FindFile find_file) = 0;
    /// Takes what memory is needed; `undo` gives it back.
    virtual result<void> reserve() { return {}; }
    virtual void undo() {}
    /// Changes the object.
    virtual void commit() = 0;

  protected:
    ~StagedPart() = default;
};

template <class T, Encoding = encoding_of<T>>
class Staged;

/// The tensors of a file, checked against those that a model describes.
template <class = void>
[[nodiscard]] result<TensorLoad<>> stage_tensors(std::string_view part, FunctionRef<void(Fields&)> describe,
                                                 FindFile find_file) {
    const std::string name = std::string{part} + ".safetensors";
    const std::optional<std::span<const std::byte>> bytes = find_file(name);
    if (!bytes) return missing_part(part, ".safetensors", find_file);
    result<safetensors::File> file = safetensors::parse(*bytes);
    if (!file) return at_path(file.error(), name);
    result<Description> model = description_by(describe);
    if (!model) return at_path(model.error(), name);
    auto load = TensorLoad<>::prepare(std::move(*model), *file);
    if (!load) return at_path(load.error(), name);
    return load;
}

template <class T>
class Staged<T, Encoding::tensors> final : public StagedPart {
  public:
    explicit Staged(const Part<T>& part) : part_{part} {}

    result<void> stage(FindFile find_file) override {
        auto load = stage_tensors(part_.name(), describing(part_.object()), find_file);
        if (!load) return load.error();
        load_ = std::move(*load);
        return {};
    }
    result<void> reserve() override { return load_.reserve(); }
    void undo() override { load_.undo(); }
    void commit() override { load_.write(); }

  private:
    Part<T> part_;
    TensorLoad<> load_;
};

/// A second object, to be moved into the first.
template <class T>
class Replacement : public StagedPart {
  public:
    void commit() final { part_.object() = std::move(*fresh_); }

  protected:
    static_assert(
        std::copy_constructible<T> || std::default_initializable<T>,
        "cairn: restoring a part needs a second object to load into, so that a failure leaves the first "
        "untouched; make the type copyable or give it a default constructor");
    static_assert(std::is_move_assignable_v<T>, "cairn: restoring a part needs a type that can be assigned");

    explicit Replacement(const Part<T>& part) : part_{part} {}
    ~Replacement() = default;

    [[nodiscard]] std::string_view name() const noexcept { return part_.name(); }
    T& fresh() {
        if constexpr (std::copy_constructible<T>)
            return fresh_.emplace(std::as_const(part_.object()));
        else
            return fresh_.emplace();
    }

  private:
    Part<T> part_;
    std::optional<T> fresh_;
};

template <class T>
class Staged<T, Encoding::json> final : public Replacement<T> {
  public:
    explicit Staged(const Part<T>& part) : Replacement<T>{part} {}

    result<void> stage(FindFile find_file) override {
        auto format = nlohmann::json::input_format_t::json;
        std::string name = std::string{this->name()} + ".json";
        std::optional<std::span<const std::byte>> bytes = find_file(name);
        if (!bytes) {
            format = nlohmann::json::input_format_t::cbor;
            name = std::string{this->name()} + ".cbor";
            bytes = find_file(name);
        }
        if (!bytes) return missing_part(this->name(), ".json", find_file);
        nlohmann::json value = parse_json(*bytes, format);
        if (value.is_discarded()) {
            return error{errc::corrupt, "this is not one whole JSON value", name,
                         "restore another version, or copy the file again from where it came from"};
        }
        result<void> done = guarded("converting the part from JSON", [&]() -> result<void> {
            T& target = this->fresh();
            if constexpr (std::same_as<T, nlohmann::json>)
                target = std::move(value);
            else
                value.get_to(target);
            return {};
        });
        if (done) return done;
        return at_path(done.error(), name);
    }
};

template <class T>
class Staged<T, Encoding::stream> final : public Replacement<T> {
  public:
    explicit Staged(const Part<T>& part) : Replacement<T>{part} {}

    result<void> stage(FindFile find_file) override {
        const std::string name = std::string{this->name()} + ".bin";
        const std::optional<std::span<const std::byte>> bytes = find_file(name);
        if (!bytes) return missing_part(this->name(), ".bin", find_file);
        result<void> done = guarded("loading the part", [&]() -> result<void> {
            InputBytes buffer{*bytes};
            std::istream in{&buffer};
            prepare_stream(in);
            return load_from(this->fresh(), in);
        });
        if (done) return done;
        return at_path(done.error(), name);
    }

  private:
    static result<void> load_from(T& object, std::istream& in) {
        if constexpr (StreamsOutside<T>) {
            stream_for<T>::load(object, in);
        } else if constexpr (StreamsByMembers<T>) {
            if constexpr (std::same_as<decltype(object.load(in)), bool>) {
                if (!object.load(in)) in.setstate(std::ios_base::failbit);
            } else {
                object.load(in);
            }
        } else {
            in >> object;
        }
        if (!in.fail()) return {};
        return error{errc::user, "loading the part left its stream in a failed state", "",
                     "see whether its load or operator>> reads what its save or operator<< writes"};
    }
};

template <class = void>
[[nodiscard]] result<void> decode_all(StagedPart* const* begin, StagedPart* const* end, FindFile find_file) {
    for (auto part = begin; part != end; ++part) {
        if (result<void> done = (*part)->stage(find_file); !done) return done;
    }
    for (auto part = begin; part != end; ++part) {
        if (result<void> done = (*part)->reserve(); !done) {
            for (auto each = begin; each != end; ++each) (*each)->undo();
            return done;
        }
    }
    return guarded("assigning the loaded parts", [&]() -> result<void> {
        for (auto part = begin; part != end; ++part) (*part)->commit();
        return {};
    });
}

/// Loads every part from its file. First all files are read and checked; only then is any object changed, so
/// after a failure all are as before. Fails: not_found, mismatch, corrupt, invalid_name, invalid_argument,
/// user. (What an assignment operator throws in the second phase is reported as user, and parts before it are
/// changed.)
template <AnyPart... Parts>
[[nodiscard]] result<void> decode(FindFile find_file, const Parts&... parts) {
    static_assert((!std::is_const_v<typename Parts::type> && ...),
                  "cairn: a const object cannot be restored; hand over one that may change");
    if (result<void> checked = check_parts(parts...); !checked) return checked;
    const auto decode_each = [&](Staged<typename Parts::type>&&... staged) {
        StagedPart* const all[sizeof...(Parts) + 1] = {&staged...};  // there may be none
        return decode_all(all, all + sizeof...(Parts), find_file);
    };
    return decode_each(Staged<typename Parts::type>{parts}...);
}

}  // namespace CAIRN_NAMESPACE::detail
