// SPDX-License-Identifier: MIT
// A LibTorch network learns to multiply; its best version is kept and restored into a fresh network and a
// fresh optimiser, which go on as the first ones do.

#include "support/check.hpp"

#include <cairn/adapt/torch.hpp>
#include <cairn/cairn.hpp>

#include <torch/torch.h>

#include <cstdio>

using namespace cairn::literals;

struct NetImpl : torch::nn::Module {
    torch::nn::Linear in{nullptr}, out{nullptr};
    torch::nn::BatchNorm1d norm{nullptr};

    NetImpl() {
        in = register_module("in", torch::nn::Linear(2, 64));
        norm = register_module("norm", torch::nn::BatchNorm1d(64));
        out = register_module("out", torch::nn::Linear(64, 1));
    }
    torch::Tensor forward(const torch::Tensor& x) { return out(torch::tanh(norm(in(x)))); }
};
TORCH_MODULE(Net);

double train(Net& net, torch::optim::Optimizer& optimizer, const torch::Tensor& x, const torch::Tensor& y) {
    net->train();
    optimizer.zero_grad();
    const torch::Tensor loss = torch::mse_loss(net(x), y);
    loss.backward();
    optimizer.step();
    return loss.item<double>();
}

int main() {
    torch::manual_seed(1);
    const torch::Tensor x = torch::rand({512, 2}), y = x.prod(1, true);
    Net net;
    torch::optim::Adam adam{net->parameters(), 1e-2};

    auto run = cairn::init({.project = "torch", .config = {{"lr", 1e-2}, {"optimizer", "adam"}}});
    auto checkpoint = run.checkpoint<cairn::Best<"loss", cairn::minimize>>("product");
    for (int epoch = 0; epoch < 100; ++epoch) {
        const auto row = run.log(cairn::step(epoch), "loss"_m = train(net, adam, x, y));
        checkpoint.step(row, cairn::part("model", net), cairn::part("optimizer", adam));
    }
    checkpoint.save(run.log("loss"_m = 0.0), cairn::part("model", net), cairn::part("optimizer", adam));

    Net fresh;
    torch::optim::Adam fresh_adam{fresh->parameters(), 1.0};  // the learning rate is in the file
    checkpoint.restore(cairn::latest, cairn::part("model", fresh), cairn::part("optimizer", fresh_adam));

    const auto answer = [&](Net& of) {
        of->eval();
        return of(x);
    };
    bool well = example::check(torch::equal(answer(fresh), answer(net)), "the outputs are identical");
    for (int epoch = 0; epoch < 3; ++epoch) {
        const double loss = train(net, adam, x, y);
        well = example::check(train(fresh, fresh_adam, x, y) == loss, "so is the next step") && well;
        std::printf("loss %.6f\n", loss);
    }
    return well && example::check(torch::equal(answer(fresh), answer(net)), "and the outputs after it") ? 0
                                                                                                        : 1;
}
