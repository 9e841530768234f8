// SPDX-License-Identifier: MIT
#pragma once
// `run.watch(model)`: histograms of its parameters and gradients while it trains.

#include <cairn/core/error.hpp>
#include <cairn/core/time.hpp>
#include <cairn/media/histogram.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/tensors_of.hpp>
#include <cairn/run/detail/tensor_histogram.hpp>
#include <cairn/run/run.hpp>
#include <cairn/run/run_core.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// What `run.watch` logs of a model.
enum class WatchLog : unsigned char { parameters, gradients, all };
/// `run.watch(model, {.log = cairn::watch::all})`.
namespace watch {
inline constexpr WatchLog parameters = WatchLog::parameters;  ///< what it has learnt
inline constexpr WatchLog gradients = WatchLog::gradients;    ///< what it is told to change
inline constexpr WatchLog all = WatchLog::all;                ///< both
}  // namespace watch

/// How a model is watched: `run.watch(model, {.log = cairn::watch::all, .log_freq = 100})`.
struct WatchOptions {
    WatchLog log = watch::parameters;  ///< of what there are histograms
    std::uint64_t log_freq = 1000;     ///< every so many rows of the thread that watches, from the first on
    std::size_t bins = 64;             ///< of each histogram
};

/// A model that tells its gradients too, under the names of its parameters: `void describe_gradients(auto&
/// fields)`, as `describe`. A type of somebody else's has it in `cairn::describe_for<T>`.
template <class M>
concept DescribesGradients = requires(M& model, Fields& fields) {
    { model.describe_gradients(fields) } -> std::same_as<void>;
} || requires(M& model, Fields& fields) {
    { describe_for<std::remove_cv_t<M>>::describe_gradients(model, fields) } -> std::same_as<void>;
};

/// The model is watched as long as this lives; it must not outlive the model. Movable. Threads: any may let
/// go of it; that waits for a sample that is being taken.
class ModelWatch {
  public:
    /// Watches nothing.
    ModelWatch() = default;
    /// For `run.watch`.
    ModelWatch(std::shared_ptr<detail::RunCore> core, std::uint64_t id) : core_{std::move(core)}, id_{id} {}
    /// Takes over what the other watches.
    ModelWatch(ModelWatch&& other) noexcept : core_{std::move(other.core_)}, id_{other.id_} {}
    /// Unwatches what it watched.
    ModelWatch& operator=(ModelWatch&& other) noexcept {
        if (this != &other) {
            unwatch();
            core_ = std::move(other.core_);
            id_ = other.id_;
        }
        return *this;
    }
    ~ModelWatch() { unwatch(); }
    /// From here on nothing of the model is looked at.
    void unwatch() noexcept {
        if (const auto core = std::exchange(core_, nullptr)) core->unwatch(id_);
    }

  private:
    std::shared_ptr<detail::RunCore> core_;
    std::uint64_t id_ = 0;
};

namespace detail {

/// What one `run.watch` has. Threads: that which watches.
class Watching {
  public:
    using Tensors = std::function<result<std::vector<TensorView>>()>;

    Watching(RunCore& core, const WatchOptions& options, Tensors parameters, Tensors gradients)
        : core_{&core}, options_{options}, parameters_{std::move(parameters)},
          gradients_{std::move(gradients)}, began_ns_{steady_ns()} {}

    /// After a row.
    void look(std::int64_t step, std::int64_t time_ns) {
        if (is_looking_ || rows_++ % options_.log_freq != 0)
            return;  // a model that logs is not looked at for that
        is_looking_ = true;
        sample(step, time_ns);
        is_looking_ = false;
    }

  private:
    void sample(std::int64_t step, std::int64_t time_ns) noexcept {
        try {
            sample_all(step, time_ns);
        } catch (const std::exception& failure) {  // of a device, say
            core_->note_failure({errc::user, std::string{"watching a model: "} + failure.what(), "", ""},
                                false);
            core_->count_watched(0, true);
        } catch (...) {
            core_->count_watched(0, true);
        }
    }
    void sample_all(std::int64_t step, std::int64_t time_ns) {
        const std::int64_t began = steady_ns();
        if (is_too_dear(began)) return core_->count_watched(0, true);
        if (options_.log != watch::gradients) sample("parameters/", parameters_, step, time_ns);
        if (options_.log != watch::parameters) sample("gradients/", gradients_, step, time_ns);
        const std::int64_t cost = steady_ns() - began;
        spent_ns_ += cost;
        core_->count_watched(static_cast<std::uint64_t>(cost), false);
    }

    /// A twentieth of the time may go into it; the first second is not counted.
    [[nodiscard]] bool is_too_dear(std::int64_t now) const noexcept {
        constexpr std::int64_t second = 1'000'000'000;
        return spent_ns_ > second / 20 && spent_ns_ > (now - began_ns_) / 20;
    }
    void sample(std::string_view prefix, const Tensors& tensors, std::int64_t step, std::int64_t time_ns) {
        const auto all = tensors();
        if (!all) return core_->note_failure(all.error(), false);
        for (const TensorView& tensor : *all) {
            if (auto histogram = histogram_of(tensor, options_.bins))
                core_->keep(std::string{prefix} + tensor.name, step, time_ns, std::move(*histogram));
        }
    }

    RunCore* core_;
    WatchOptions options_;
    Tensors parameters_, gradients_;
    std::uint64_t rows_ = 0;
    std::int64_t began_ns_, spent_ns_ = 0;
    bool is_looking_ = false;
};

template <class M>
[[nodiscard]] result<std::vector<TensorView>> gradients_of(M& model) {
    const auto describe = [&](Fields& fields) {
        if constexpr (requires { model.describe_gradients(fields); })
            model.describe_gradients(fields);
        else
            describe_for<std::remove_cv_t<M>>::describe_gradients(model, fields);
    };
    auto found = description_by(describe);
    if (!found) return found.error();
    return std::move(found->tensors);
}

}  // namespace detail

template <class T>
template <class M, class Options>
auto BasicRun<T>::watch(M& model, Options options) {
    static_assert(Describable<M>, "cairn: a model that is watched lists its tensors: give it `describe`");
    if (options.log_freq == 0 || options.bins == 0 || options.bins > 65536) {
        detail::raise(
            {errc::invalid_argument, "a model cannot be watched so",
             "log_freq " + std::to_string(options.log_freq) + ", bins " + std::to_string(options.bins),
             "give a log_freq of 1 or more, and 1 to 65536 bins"});
    }
    detail::Watching::Tensors gradients;
    if constexpr (DescribesGradients<M>) {
        gradients = [&model] { return detail::gradients_of(model); };
    } else if (options.log != cairn::watch::parameters) {
        detail::raise({errc::invalid_argument, "the model tells no gradients", "",
                       "give it describe_gradients, or watch its parameters"});
    }
    if (!core_) return ModelWatch{};
    const auto watching = std::make_shared<detail::Watching>(
        *core_, options, [&model] { return tensors_of(model); }, std::move(gradients));
    const auto look = [watching](std::int64_t step, std::int64_t time_ns) { watching->look(step, time_ns); };
    return ModelWatch{core_, core_->watch(look)};
}

}  // namespace CAIRN_NAMESPACE
