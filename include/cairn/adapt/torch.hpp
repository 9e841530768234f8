// SPDX-License-Identifier: MIT
#pragma once
// LibTorch's modules, optimisers and tensors as parts and as fields: `cairn::part("model", *net)`. Needs
// LibTorch 1.13 or 2; costs what it costs. With clang and 1.13 include it before `torch/torch.h`.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>
#include <cairn/model/describe.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>

#include <ATen/core/ivalue.h>  // first: the other headers of 1.13 are no C++20 to clang without it

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/optim.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace CAIRN_NAMESPACE {

namespace detail {

/// Does `body()`; what LibTorch throws becomes an error without the pages of its stack.
template <class Body>
void in_torch(Body&& body) {
    try {
        body();
    } catch (const c10::Error& e) {
        raise({errc::user, std::string{"LibTorch: "} + e.what_without_backtrace(), "",
               "mend what it complains about"});
    }
}

/// The dtype of a tensor's elements. By name, since newer versions have more. Throws `cairn::error`.
template <class = void>
[[nodiscard]] Dtype torch_dtype(const at::Tensor& tensor) {
    static constexpr std::pair<std::string_view, Dtype> names[] = {
        {"Float", Dtype::F32},          {"Double", Dtype::F64},
        {"Half", Dtype::F16},           {"BFloat16", Dtype::BF16},
        {"Long", Dtype::I64},           {"Int", Dtype::I32},
        {"Short", Dtype::I16},          {"Char", Dtype::I8},
        {"UInt64", Dtype::U64},         {"UInt32", Dtype::U32},
        {"UInt16", Dtype::U16},         {"Byte", Dtype::U8},
        {"Bool", Dtype::BOOL},          {"Float8_e4m3fn", Dtype::F8_E4M3},
        {"Float8_e5m2", Dtype::F8_E5M2}};
    const std::string_view name = c10::toString(tensor.scalar_type());
    for (const auto& [known, dtype] : names) {
        if (name == known) return dtype;
    }
    raise({errc::unsupported, "a tensor of " + std::string{name} + " has no place in a safetensors file", "",
           "save it as one of another dtype"});
}

template <class = void>
void copy_to_host(const at::Tensor& tensor, std::span<std::byte> to) {
    if (to.empty()) return;
    in_torch([&] {
        const at::Tensor host = tensor.detach().resolve_neg().to(at::kCPU).contiguous();
        std::memcpy(to.data(), host.data_ptr(), to.size());
    });
}
template <class = void>
void copy_from_host(at::Tensor tensor, std::span<const std::byte> from) {
    if (from.empty()) return;
    in_torch([&] {
        const torch::NoGradGuard no_gradients;
        at::Tensor host = at::empty(tensor.sizes(), tensor.options().device(at::kCPU).requires_grad(false));
        std::memcpy(host.data_ptr(), from.data(), from.size());
        tensor.copy_(host);
    });
}

/// A tensor on a device, or with gaps.
template <class = void>
class BasicTorchAccess final : public TensorAccess {
  public:
    explicit BasicTorchAccess(at::Tensor tensor) : tensor_{std::move(tensor)} {}
    void read(std::span<std::byte> to) override { copy_to_host(tensor_, to); }
    void write(std::span<const std::byte> from) override { copy_from_host(tensor_, from); }

  private:
    at::Tensor tensor_;
};
using TorchAccess = BasicTorchAccess<>;

template <class = void>
void describe_tensor(std::string_view name, const at::Tensor& tensor, bool writable, Fields& fields) {
    if (!tensor.defined() || tensor.layout() != at::kStrided) {
        raise({errc::unsupported,
               "the tensor \"" + std::string{name} + "\" is " + (tensor.defined() ? "sparse" : "undefined"),
               "", "describe dense tensors"});
    }
    const Dtype dtype = torch_dtype(tensor);
    const Shape shape{tensor.sizes()};
    if (!tensor.device().is_cpu() || !tensor.is_contiguous() || tensor.is_neg()) {
        fields.tensor(name, dtype, shape, std::make_shared<TorchAccess>(tensor), writable);
    } else if (writable) {
        fields.tensor(name, dtype, shape, static_cast<void*>(tensor.data_ptr()));
    } else {
        fields.tensor(name, dtype, shape, static_cast<const void*>(tensor.data_ptr()));
    }
}

template <class = void>
void describe_module(const torch::nn::Module& module, bool writable, Fields& fields) {
    for (const auto& entry : module.named_parameters())
        describe_tensor(entry.key(), entry.value(), writable, fields);
    for (const auto& entry : module.named_buffers())
        describe_tensor(entry.key(), entry.value(), writable, fields);
}

/// Of parameters that have one so far.
template <class = void>
void describe_gradients(const torch::nn::Module& module, Fields& fields) {
    for (const auto& entry : module.named_parameters()) {
        if (const at::Tensor& gradient = entry.value().grad(); gradient.defined())
            describe_tensor(entry.key(), gradient, false, fields);
    }
}

template <class T>
concept TorchModule = std::derived_from<T, torch::nn::Module>;
// What TORCH_MODULE makes, and pointers as make_shared gives them.
template <class T>
concept TorchHolder = (std::is_base_of_v<torch::detail::ModuleHolderIndicator, T> || requires {
                          requires TorchModule<typename T::element_type>;
                      }) && requires(const T& holder) {
    { *holder } -> std::convertible_to<const torch::nn::Module&>;
    { holder.get() };
};

// What an optimiser keeps for each parameter: visit(name, the member) for each.

template <class State>
    requires std::same_as<State, torch::optim::AdamParamState> ||
             std::same_as<State, torch::optim::AdamWParamState>
void each_member(State& state, auto&& visit) {
    visit("step", state.step());
    visit("exp_avg", state.exp_avg());
    visit("exp_avg_sq", state.exp_avg_sq());
    visit("max_exp_avg_sq", state.max_exp_avg_sq());
}
void each_member(std::same_as<torch::optim::SGDParamState> auto& state, auto&& visit) {
    visit("momentum_buffer", state.momentum_buffer());
}
void each_member(std::same_as<torch::optim::RMSpropParamState> auto& state, auto&& visit) {
    visit("step", state.step());
    visit("square_avg", state.square_avg());
    visit("momentum_buffer", state.momentum_buffer());
    visit("grad_avg", state.grad_avg());
}
void each_member(std::same_as<torch::optim::AdagradParamState> auto& state, auto&& visit) {
    visit("step", state.step());
    visit("sum", state.sum());
}

/// Where an optimiser keeps what it knows of one parameter; it may not have it yet.
template <class State>
class TorchState {
  public:
    TorchState(torch::optim::Optimizer& optimizer, at::Tensor parameter)
        : optimizer_{optimizer}, parameter_{std::move(parameter)} {}

    [[nodiscard]] const at::Tensor& parameter() const noexcept { return parameter_; }

    /// Null if there is none.
    [[nodiscard]] State* find() const {
        const auto found = optimizer_.state().find(key());
        return found == optimizer_.state().end() ? nullptr : static_cast<State*>(found->second.get());
    }
    [[nodiscard]] State& find_or_make() {
        auto& state = optimizer_.state()[key()];
        if (state == nullptr) state = std::make_unique<State>();
        return static_cast<State&>(*state);
    }
    /// Forgets it when nothing has been counted and no tensor is there, as before the first step: an
    /// optimiser makes what it does not find, and takes what it finds for whole.
    void drop_if_empty() {
        State* const state = find();
        if (state == nullptr) return;
        bool is_empty = true;
        each_member(*state, [&](std::string_view, const auto& member) {
            if constexpr (std::same_as<std::remove_cvref_t<decltype(member)>, at::Tensor>) {
                is_empty = is_empty && !member.defined();
            } else {
                is_empty = is_empty && member == 0;
            }
        });
        if (is_empty) optimizer_.state().erase(key());
    }

  private:
    using States = std::remove_cvref_t<decltype(std::declval<torch::optim::Optimizer&>().state())>;

    // The address as a text in 1.13, and as it is in 2.
    template <class Key = typename States::key_type>
    [[nodiscard]] Key key() const {
        if constexpr (std::is_pointer_v<Key>) {
            return parameter_.unsafeGetTensorImpl();
        } else {
            std::ostringstream text;
            text << static_cast<const void*>(parameter_.unsafeGetTensorImpl());
            return text.str();
        }
    }

    torch::optim::Optimizer& optimizer_;
    at::Tensor parameter_;
};

/// The member number `which` of a state: a tensor like the parameter, or [0] where there is none; or a count.
template <class State, class Member>
class TorchStateAccess final : public TensorAccess {
  public:
    TorchStateAccess(TorchState<State> state, int which) : state_{std::move(state)}, which_{which} {}

    [[nodiscard]] Shape shape() const {
        const Member* const member = find();
        if constexpr (!is_tensor)
            return Shape{};
        else
            return has_elements(member) ? Shape{member->sizes()} : Shape{0};
    }
    [[nodiscard]] Dtype dtype() const {
        const Member* const member = find();
        if constexpr (!is_tensor)
            return dtype_of<Member>;
        else
            return torch_dtype(has_elements(member) ? *member : state_.parameter());
    }

    void read(std::span<std::byte> to) override {
        const Member* const member = find();
        if constexpr (is_tensor) {
            if (has_elements(member)) copy_to_host(*member, to);
        } else {
            const Member value = member == nullptr ? Member{} : *member;
            std::memcpy(to.data(), &value, sizeof value);
        }
    }
    void write(std::span<const std::byte> from) override {
        if constexpr (is_tensor) {
            if (!from.empty()) {
                at::Tensor loaded = at::empty_like(state_.parameter(), at::MemoryFormat::Preserve).detach();
                copy_from_host(loaded, from);
                member_of(state_.find_or_make()) = loaded;
            } else if (State* const state = state_.find()) {
                member_of(*state) = at::Tensor{};
            }
        } else {
            std::memcpy(&member_of(state_.find_or_make()), from.data(), sizeof(Member));
        }
        state_.drop_if_empty();
    }
    [[nodiscard]] bool takes(const Shape& shape) const override {
        return is_tensor && (shape == Shape{state_.parameter().sizes()} || shape == Shape{0});
    }

  private:
    static constexpr bool is_tensor = std::same_as<Member, at::Tensor>;

    [[nodiscard]] static bool has_elements(const Member* tensor) {
        return tensor != nullptr && tensor->defined();
    }
    [[nodiscard]] Member& member_of(State& state) const {
        Member* found = nullptr;
        int at = 0;
        each_member(state, [&](std::string_view, auto& member) {
            if constexpr (std::same_as<std::remove_cvref_t<decltype(member)>, Member>) {
                if (at == which_) found = &member;
            }
            ++at;
        });
        return *found;
    }
    [[nodiscard]] const Member* find() const {
        State* const state = state_.find();
        return state == nullptr ? nullptr : &member_of(*state);
    }
    TorchState<State> state_;
    int which_;
};

/// The learning rate of a group of parameters, which schedules change.
template <class = void>
class BasicTorchRate final : public TensorAccess {
  public:
    explicit BasicTorchRate(torch::optim::OptimizerOptions& options) : options_{options} {}
    void read(std::span<std::byte> to) override {
        const double rate = options_.get_lr();
        std::memcpy(to.data(), &rate, sizeof rate);
    }
    void write(std::span<const std::byte> from) override {
        double rate = 0;
        std::memcpy(&rate, from.data(), sizeof rate);
        options_.set_lr(rate);
    }

  private:
    torch::optim::OptimizerOptions& options_;
};

template <class State>
void describe_states(torch::optim::Optimizer& optimizer, bool writable, Fields& fields) {
    std::size_t number = 0;  // as in Python, through all groups
    for (std::size_t group = 0; group < optimizer.param_groups().size(); ++group) {
        for (const at::Tensor& parameter : optimizer.param_groups()[group].params()) {
            const std::string prefix = "state." + std::to_string(number++) + ".";
            State any;
            int which = 0;
            each_member(any, [&](std::string_view name, auto& member) {
                using Access = TorchStateAccess<State, std::remove_reference_t<decltype(member)>>;
                auto access = std::make_shared<Access>(TorchState<State>{optimizer, parameter}, which++);
                const Dtype dtype = access->dtype();
                const Shape shape = access->shape();
                fields.tensor(prefix + std::string{name}, dtype, shape, std::move(access), writable);
            });
        }
        fields.tensor("param_groups." + std::to_string(group) + ".lr", Dtype::F64, Shape{},
                      std::make_shared<BasicTorchRate<>>(optimizer.param_groups()[group].options()),
                      writable);
    }
}

/// All that an optimiser saves of itself, in LibTorch's own format.
template <class = void>
class BasicTorchArchive final : public TensorAccess {
  public:
    explicit BasicTorchArchive(torch::optim::Optimizer& optimizer) : optimizer_{optimizer} {
        in_torch([&] {
            torch::serialize::OutputArchive archive;
            optimizer.save(archive);
            std::ostringstream out;
            archive.save_to(out);
            bytes_ = out.str();
        });
    }
    [[nodiscard]] Shape shape() const { return Shape{bytes_.size()}; }

    void read(std::span<std::byte> to) override { std::memcpy(to.data(), bytes_.data(), to.size()); }
    void write(std::span<const std::byte> from) override {
        in_torch([&] {
            torch::serialize::InputArchive archive;
            archive.load_from(reinterpret_cast<const char*>(from.data()), from.size());
            optimizer_.load(archive);
        });
    }
    [[nodiscard]] bool takes(const Shape& shape) const override { return shape.rank() == 1; }

  private:
    torch::optim::Optimizer& optimizer_;
    std::string bytes_;
};

template <class = void>
void describe_optimizer(torch::optim::Optimizer& optimizer, bool writable, Fields& fields) {
    const auto is = [&](auto* type) { return dynamic_cast<decltype(type)>(&optimizer) != nullptr; };
    if (is(static_cast<torch::optim::Adam*>(nullptr))) {
        describe_states<torch::optim::AdamParamState>(optimizer, writable, fields);
    } else if (is(static_cast<torch::optim::AdamW*>(nullptr))) {
        describe_states<torch::optim::AdamWParamState>(optimizer, writable, fields);
    } else if (is(static_cast<torch::optim::SGD*>(nullptr))) {
        describe_states<torch::optim::SGDParamState>(optimizer, writable, fields);
    } else if (is(static_cast<torch::optim::RMSprop*>(nullptr))) {
        describe_states<torch::optim::RMSpropParamState>(optimizer, writable, fields);
    } else if (is(static_cast<torch::optim::Adagrad*>(nullptr))) {
        describe_states<torch::optim::AdagradParamState>(optimizer, writable, fields);
    } else {
        auto archive = std::make_shared<BasicTorchArchive<>>(optimizer);
        const Shape shape = archive->shape();
        fields.tensor("archive", Dtype::U8, shape, std::move(archive), writable);
    }
}

}  // namespace detail

/// A tensor of any device and layout but sparse ones, as a field or a part. One in the host's memory without
/// gaps is saved in place; others are copied to it, one at a time. Fails: unsupported for complex and
/// quantised elements, and if it is undefined.
template <>
struct describe_for<at::Tensor> {
    /// For `fields(name, tensor)`.
    template <class Self>
    static void describe(Self& self, Fields& fields) {
        detail::describe_tensor("", self, !std::is_const_v<Self>, fields);
    }
};

/// A module: its parameters and buffers and those of the modules in it, by the names that Python's
/// `state_dict` has. What is loaded is copied into the tensors there are, on their devices.
template <detail::TorchModule T>
struct describe_for<T> {
    /// For `cairn::part(name, *module)` and `fields(name, *module)`.
    template <class Self>
    static void describe(Self& self, Fields& fields) {
        detail::describe_module(self, !std::is_const_v<Self>, fields);
    }
    /// For `run.watch(*module, {.log = cairn::watch::all})`: the gradients that the parameters have when a
    /// row is logged. Zero them after that, not before.
    template <class Self>
    static void describe_gradients(Self& self, Fields& fields) {
        detail::describe_gradients(self, fields);
    }
};

/// A module behind a holder (`torch::nn::Linear`) or a pointer (`std::make_shared<Net>()`): the module.
/// Fails: invalid_argument if there is none.
template <detail::TorchHolder T>
struct describe_for<T> {
    /// For `cairn::part(name, net)` and `fields(name, net)`.
    template <class Self>
    static void describe(Self& self, Fields& fields) {
        if (self.get() == nullptr)
            detail::raise({errc::invalid_argument, "the module is null", "", "make it first"});
        detail::describe_module(*self, !std::is_const_v<Self>, fields);
    }
    /// For `run.watch(net, {.log = cairn::watch::all})`.
    template <class Self>
    static void describe_gradients(Self& self, Fields& fields) {
        if (self.get() != nullptr) detail::describe_gradients(*self, fields);
    }
};

/// An optimiser. Adam, AdamW, SGD, RMSprop and Adagrad: `state.<number of the parameter>.<name>` as in
/// Python, with [0] for what is not there yet, and `param_groups.<number>.lr`; the rest of their options is
/// the program's, as is which parameters they have. Any other (LBFGS): `archive`, the bytes that
/// `torch::save` would write.
template <std::derived_from<torch::optim::Optimizer> T>
struct describe_for<T> {
    /// For `cairn::part(name, optimizer)`.
    template <class Self>
    static void describe(Self& self, Fields& fields) {
        detail::describe_optimizer(const_cast<T&>(self), !std::is_const_v<Self>, fields);
    }
};

}  // namespace CAIRN_NAMESPACE
