// SPDX-License-Identifier: MIT
// A header that only mentions the library's names, and the file behind it.
#include <cairn/fwd.hpp>

namespace {

void train(cairn::Run& run, const cairn::Options& options);
bool look(const cairn::DynamicRow& row, cairn::Step step, const cairn::Decision& decision,
          const cairn::TensorView& tensor, cairn::LocalStore& store, const cairn::error& failure,
          cairn::DisabledRun& off, cairn::Fields& fields, const cairn::Health& health);

}  // namespace

#include <cairn/cairn.hpp>

namespace {

[[maybe_unused]] void train(cairn::Run& run, const cairn::Options& options) { run.set_notes(options.notes); }
[[maybe_unused]] bool look(const cairn::DynamicRow& row, cairn::Step step, const cairn::Decision& decision,
                           const cairn::TensorView& tensor, cairn::LocalStore& store,
                           const cairn::error& failure, cairn::DisabledRun& off, cairn::Fields& fields,
                           const cairn::Health& health) {
    static_assert(sizeof store + sizeof off + sizeof fields != 0);
    return row.step() == step.value && decision.step == 0 && tensor.bytes.empty() && health.ok() &&
           failure.path().empty();
}

}  // namespace
