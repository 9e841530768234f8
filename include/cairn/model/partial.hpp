// SPDX-License-Identifier: MIT
#pragma once
// Some of a model's tensors, to be saved or loaded without the others, and loads that leave out what does not
// fit. Costs what model/describe.hpp costs.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/detail/selection.hpp>
#include <cairn/model/detail/text.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What of a model a `Partial` is.
struct PartialOptions {
    /// Names, as "head.bias", and beginnings of names with a star behind, as "encoder.*"; empty: all.
    std::vector<std::string> only = {};
    /// Whether each of these must be in the file, with the model's shape and dtype, and nothing else that
    /// they name. If not, what does not fit is left as it was, and is in the report.
    bool strict = true;
};

/// Some of a model's tensors and texts, as a part: `cairn::Partial encoder{model, {.only = {"encoder.*"}}};
/// cairn::load(path, cairn::part("model", encoder));`. What they do not name is neither saved nor loaded, and
/// nothing is said of it. Refers to the model. Fails, when it is used: invalid_argument if something in
/// `only` names nothing of the model, or if it is a field of another model.
template <Describable T>
class Partial {
  public:
    /// Of `model`, which must outlive it.
    explicit Partial(T& model, PartialOptions options = {})
        : model_{&model}, selection_{std::move(options.only), options.strict, {}} {}

    /// What the last successful load did.
    [[nodiscard]] const LoadReport& report() const noexcept { return selection_.report; }

    /// For saving and loading.
    void describe(Fields& fields) {
        if (!fields.prefix_.empty() || !fields.found_.tensors.empty() || !fields.found_.texts.empty()) {
            fields.failure_ = error{errc::invalid_argument, "a Partial is described as a field of a model",
                                    "", "hand it over as a part of its own"};
            return;
        }
        detail::describe(*model_, fields);
        if (result<void> kept = keep(fields.found_); !kept) fields.failure_ = kept;
    }

  private:
    result<void> keep(detail::Description& all) {
        std::vector<bool> used(selection_.only.size());
        const auto chosen = [&](const std::string& name) {
            for (std::size_t i = 0; i < used.size(); ++i)
                used[i] = used[i] || detail::Selection::fits(selection_.only[i], name);
            return selection_.has(name);
        };
        detail::Description some;
        some.selection = &selection_;
        for (std::size_t i = 0; i < all.tensors.size(); ++i) {
            if (!chosen(all.tensors[i].name)) continue;
            some.tensors.push_back(std::move(all.tensors[i]));
            some.writable.push_back(all.writable[i]);
        }
        for (detail::DescribedText& text : all.texts) {
            if (chosen(text.name)) some.texts.push_back(std::move(text));
        }
        all = std::move(some);
        const auto idle = std::find(used.begin(), used.end(), false);
        if (idle == used.end()) return {};
        const auto& pattern = selection_.only[static_cast<std::size_t>(idle - used.begin())];
        return error{errc::invalid_argument, "nothing in the model is called " + detail::in_quotes(pattern),
                     "", "write a name of the model, or the beginning of one with a star behind"};
    }

    T* model_;
    detail::Selection selection_;
};

}  // namespace CAIRN_NAMESPACE
