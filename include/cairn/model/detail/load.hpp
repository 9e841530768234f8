// SPDX-License-Identifier: MIT
#pragma once
// Loads the tensors of a file into a model that describes itself, in two phases: a model that does not fit is
// untouched. Costs what model/safetensors.hpp costs.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/detail/guarded.hpp>
#include <cairn/model/detail/text.hpp>
#include <cairn/model/safetensors.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// A list for a message: the first few items, then how many more.
template <class = void>
class BasicShortList {
  public:
    void add(const std::string& item) {
        if (++count_ > shown) return;
        text_ += (count_ > 1 ? ", " : "") + item;
    }
    /// `title: items`, or nothing if there are none; `out` collects such lists.
    void append_to(std::string& out, const std::string& title) const {
        if (count_ == 0) return;
        if (!out.empty()) out += "; ";
        out += title + ": " + text_;
        if (count_ > shown) out += " and " + std::to_string(count_ - shown) + " more";
    }

  private:
    static constexpr std::size_t shown = 5;
    std::string text_;
    std::size_t count_ = 0;
};
using ShortList = BasicShortList<>;

template <class = void>
[[nodiscard]] std::string type_and_shape(const TensorView& tensor) {
    return std::string{to_string(tensor.dtype)} + to_string(tensor.shape);
}

/// Whether `found` can be loaded into `wanted`.
template <class = void>
[[nodiscard]] bool fits(const TensorView& wanted, const Slot& slot, const TensorView& found) {
    if (wanted.dtype != found.dtype) return false;
    return slot.resize != nullptr ? found.shape.rank() == 1 : wanted.shape == found.shape;
}

/// Which bytes go where. Use: prepare, reserve, write.
template <class = void>
class TensorLoad {
  public:
    /// Pairs every tensor of the model with one of the file. Fails: mismatch, which lists what is missing,
    /// unexpected or of another shape; corrupt for a bool that is neither 0 nor 1.
    [[nodiscard]] static result<TensorLoad> prepare(Description model, const safetensors::File& file) {
        std::vector<std::size_t> order(model.tensors.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return model.tensors[a].name < model.tensors[b].name;
        });

        ShortList missing;
        ShortList unexpected;
        ShortList misfits;
        TensorLoad load;
        auto next = file.tensors.begin();
        const auto skip_to = [&](const std::string* name) {
            for (; next != file.tensors.end() && (name == nullptr || next->name < *name); ++next) {
                unexpected.add(in_quotes(next->name));
            }
        };
        for (const std::size_t i : order) {
            const TensorView& wanted = model.tensors[i];
            skip_to(&wanted.name);
            if (next == file.tensors.end() || next->name != wanted.name) {
                missing.add(in_quotes(wanted.name));
                continue;
            }
            const TensorView& found = *next++;
            if (!model.slots[i].writable) {
                return error{errc::invalid_argument,
                             "the tensor " + in_quotes(wanted.name) + " of the model is const", "",
                             "load into an object that may change"};
            }
            if (!fits(wanted, model.slots[i], found)) {
                const std::string expected = model.slots[i].resize != nullptr
                                                 ? std::string{to_string(wanted.dtype)} + "[any size]"
                                                 : type_and_shape(wanted);
                misfits.add(in_quotes(wanted.name) + " is " + expected + " in the model, " +
                            type_and_shape(found) + " in the file");
                continue;
            }
            if (found.dtype == Dtype::BOOL && std::any_of(found.bytes.begin(), found.bytes.end(),
                                                          [](std::byte b) { return b > std::byte{1}; })) {
                return bad_safetensors("the tensor " + in_quotes(found.name) +
                                       " has a bool that is neither 0 nor 1");
            }
            load.copies_.push_back({model.slots[i], found.bytes, size_of(found.dtype)});
        }
        skip_to(nullptr);

        std::string text;
        missing.append_to(text, "missing from the file");
        unexpected.append_to(text, "not in the model");
        misfits.append_to(text, "different");
        if (text.empty()) return load;
        return error{errc::mismatch, "the model does not fit the file; " + text, "",
                     "build the model as it was when it was saved; nothing was changed"};
    }

    /// Gives the vectors that take the file's size that size. Fails: user, for lack of memory; all are empty
    /// then.
    [[nodiscard]] result<void> reserve() {
        result<void> done = guarded("resizing a vector of the model", [this]() -> result<void> {
            for (Copy& copy : copies_) {
                if (copy.slot.resize == nullptr) continue;
                copy.slot.target =
                    copy.slot.resize(copy.slot.container, copy.bytes.size() / copy.element_size);
            }
            return {};
        });
        if (!done) undo();
        return done;
    }

    /// Empties again what `reserve` filled.
    void undo() {
        for (const Copy& copy : copies_) {
            if (copy.slot.resize != nullptr) copy.slot.resize(copy.slot.container, 0);
        }
    }

    /// Copies the bytes. Requires a successful reserve().
    void write() noexcept {
        for (const Copy& copy : copies_) {
            copy_elements(copy.slot.target, copy.bytes, copy.element_size);
        }
    }

  private:
    struct Copy {
        Slot slot;
        std::span<const std::byte> bytes;
        std::size_t element_size = 0;
    };
    std::vector<Copy> copies_;
};

}  // namespace CAIRN_NAMESPACE::detail
