// SPDX-License-Identifier: MIT
#pragma once
// Loads the tensors of a file into a model that describes itself, in two phases: a model that does not fit is
// untouched. Costs what model/safetensors.hpp costs.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/guarded.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/detail/selection.hpp>
#include <cairn/model/detail/text.hpp>
#include <cairn/model/safetensors.hpp>

#include <algorithm>
#include <bit>
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
[[nodiscard]] bool fits(const TensorView& wanted, const TensorView& found) {
    return wanted.dtype == found.dtype &&
           (wanted.shape == found.shape || (wanted.access != nullptr && wanted.access->takes(found.shape)));
}

/// Which bytes go where. Use: prepare, reserve, write.
template <class = void>
class TensorLoad {
  public:
    /// Pairs every tensor and text of the model with one of the file. Fails: mismatch, which lists what is
    /// missing, unexpected or of another shape; corrupt for a bool that is neither 0 nor 1.
    [[nodiscard]] static result<TensorLoad> prepare(Description model, const safetensors::File& file) {
        TensorLoad load;
        load.selection_ = model.selection;
        ShortList misfits;
        if (result<void> paired = load.pair_tensors(model, file, misfits); !paired) return paired.error();
        load.pair_texts(model, file.metadata);
        if (load.selection_ != nullptr && !load.selection_->strict) return load;

        std::string text;
        list(load.report_.missing).append_to(text, "missing from the file");
        list(load.report_.unexpected).append_to(text, "not in the model");
        misfits.append_to(text, "different");
        if (text.empty()) return load;
        return error{errc::mismatch, "the model does not fit the file; " + text, "",
                     "build the model as it was when it was saved; nothing was changed"};
    }

    /// Gives the tensors that take the file's size that size. Fails: user, for lack of memory; then `undo`
    /// it.
    [[nodiscard]] result<void> reserve() {
        return guarded("resizing a tensor of the model", [this]() -> result<void> {
            for (const Copy& copy : copies_) {
                if (copy.resizes()) copy.to.access->resize(copy.from.shape);
            }
            return {};
        });
    }

    /// Takes back what `reserve` did.
    void undo() {
        for (const Copy& copy : copies_) {
            if (copy.resizes()) copy.to.access->resize(copy.to.shape);
        }
    }

    /// Copies the bytes and the texts. Requires a successful reserve(). Throws what an access throws.
    void write() {
        std::vector<std::byte> buffer;
        for (const Copy& copy : copies_) copy.write(buffer);
        for (auto& [target, value] : texts_) *target = std::move(value);
        if (selection_ != nullptr) selection_->report = std::move(report_);
    }

  private:
    struct Copy {
        TensorView to;
        TensorView from;

        [[nodiscard]] bool resizes() const { return to.access != nullptr && !(to.shape == from.shape); }
        void write(std::vector<std::byte>& buffer) const {
            const std::size_t size = size_of(to.dtype);
            if (to.access == nullptr) {
                // It was handed over so: `pair_tensors` looked.
                copy_elements(const_cast<std::byte*>(to.bytes.data()), from.bytes, size);
            } else if constexpr (std::endian::native == std::endian::little) {
                to.access->write(from.bytes);
            } else {
                buffer.resize(from.bytes.size());
                copy_elements(buffer.data(), from.bytes, size);
                to.access->write(buffer);
            }
        }
    };

    result<void> pair_tensors(Description& model, const safetensors::File& file, ShortList& misfits) {
        std::vector<std::size_t> order(model.tensors.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return model.tensors[a].name < model.tensors[b].name;
        });
        auto next = file.tensors.begin();
        const auto skip_to = [&](const std::string* name) {
            for (; next != file.tensors.end() && (name == nullptr || next->name < *name); ++next) {
                if (selection_ == nullptr || selection_->has(next->name))
                    report_.unexpected.push_back(next->name);
            }
        };
        for (const std::size_t i : order) {
            TensorView& wanted = model.tensors[i];
            skip_to(&wanted.name);
            if (next == file.tensors.end() || next->name != wanted.name) {
                report_.missing.push_back(wanted.name);
                continue;
            }
            const TensorView& found = *next++;
            if (!model.writable[i]) return is_const("tensor", wanted.name);
            if (!fits(wanted, found)) {
                report_.different.push_back(wanted.name);
                misfits.add(in_quotes(wanted.name) + " is " + expected(wanted) + " in the model, " +
                            type_and_shape(found) + " in the file");
                continue;
            }
            if (found.dtype == Dtype::BOOL && std::any_of(found.bytes.begin(), found.bytes.end(),
                                                          [](std::byte b) { return b > std::byte{1}; })) {
                return bad_safetensors("the tensor " + in_quotes(found.name) +
                                       " has a bool that is neither 0 nor 1");
            }
            if (selection_ != nullptr) report_.loaded.push_back(wanted.name);
            copies_.push_back({std::move(wanted), found});
        }
        skip_to(nullptr);
        for (const DescribedText& text : model.texts) {
            if (text.target == nullptr) return is_const("text", text.name);
        }
        return {};
    }

    // What else the metadata says is no concern of the model's: Python writes who made the file.
    void pair_texts(const Description& model, const safetensors::Metadata& metadata) {
        for (const DescribedText& text : model.texts) {
            const auto found = metadata.find(text.name);
            if (found == metadata.end()) {
                report_.missing.push_back(text.name);
                continue;
            }
            if (selection_ != nullptr) report_.loaded.push_back(text.name);
            texts_.emplace_back(text.target, found->second);
        }
    }

    static error is_const(const std::string& kind, const std::string& name) {
        return {errc::invalid_argument, "the " + kind + " " + in_quotes(name) + " of the model is const", "",
                "load into an object that may change"};
    }
    static std::string expected(const TensorView& wanted) {
        const bool grows = wanted.access != nullptr && wanted.shape.elements() == 0;
        return grows ? std::string{to_string(wanted.dtype)} + "[any size]" : type_and_shape(wanted);
    }
    static ShortList list(const std::vector<std::string>& names) {
        ShortList out;
        for (const std::string& name : names) out.add(in_quotes(name));
        return out;
    }

    std::vector<Copy> copies_;
    std::vector<std::pair<std::string*, std::string>> texts_;
    Selection* selection_ = nullptr;
    LoadReport report_;
};

}  // namespace CAIRN_NAMESPACE::detail
