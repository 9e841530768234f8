// SPDX-License-Identifier: MIT
// A LibTorch network and its optimiser, 192 MiB in all, saved by `torch::save` and by a checkpoint: how long
// the loop waits, and how long it takes until the file is there. Both into memory where there is a /dev/shm,
// both without a sync. Prints JSON.
#include <cairn/adapt/torch.hpp>

#include "alone/json.hpp"
#include "measuring.hpp"

#include <cairn/run/init.hpp>

#include <torch/torch.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

using namespace cairn::literals;

namespace {

constexpr std::int64_t width = 1296;
constexpr int layers = 10, rounds = 31;

}  // namespace

int main() {
    const std::filesystem::path memory = bench::memory_folder();
    const std::filesystem::path store = memory / "cairn-bench-torch",
                                files = memory / "cairn-bench-torch-files";
    std::filesystem::remove_all(store);
    std::filesystem::create_directories(files);

    torch::nn::Sequential net;
    for (int i = 0; i < layers; ++i) net->push_back(torch::nn::Linear(width, width));
    torch::optim::Adam adam{net->parameters(), 1e-3};
    const auto train = [&] {
        adam.zero_grad();
        net->forward(torch::rand({4, width})).pow(2).mean().backward();
        adam.step();
    };
    std::vector<double> by_torch, blocked, until_there;
    {
        auto run = cairn::init({.project = "bench",
                                .dir = store,
                                .quiet = true,
                                .durability = cairn::Durability::process_crash});
        auto checkpoint = run.checkpoint<cairn::Manual>("model", cairn::KeepLast<1>{});
        for (int i = 0; i <= rounds; ++i) {
            train();
            const double torch_took = bench::timed([&] {
                torch::save(net, (files / "model.pt").string());
                torch::save(adam, (files / "optimizer.pt").string());
            });
            train();
            const auto row = run.log(cairn::step(i), "loss"_m = 0.5);
            const auto begin = std::chrono::steady_clock::now();
            const auto saved =
                checkpoint.save(row, cairn::part("model", *net), cairn::part("optimizer", adam));
            const double held_up = bench::seconds_since(begin);
            saved.wait();
            const double took = bench::seconds_since(begin);
            if (i == 0) continue;  // each touches its memory for the first time
            by_torch.push_back(torch_took);
            blocked.push_back(held_up);
            until_there.push_back(took);
        }
    }
    std::filesystem::remove_all(store);
    std::filesystem::remove_all(files);
    bench::Results results;
    results.add("torch_save", by_torch, "s");
    results.add("torch_blocked", blocked, "s", "torch_save");
    results.add("torch_until_there", until_there, "s", "torch_save");
    results.print();
}
