// The README's first program, to the letter; tests/readme.py compares.
#include <cairn/cairn.hpp>
using namespace cairn::literals;

struct Model {                                   // one function serves saving and restoring
    std::vector<float> weight = std::vector<float>(20), bias = std::vector<float>(2);
    void describe(auto& fields) { fields("weight", weight, {2, 10}); fields("bias", bias, {2}); }
};

int main() {
    auto run = cairn::init({.project = "quickstart", .config = {{"lr", 1e-3}, {"epochs", 5}}});
    Model model;
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");   // or cairn::NoBestSave: costs nothing
    for (int epoch = 0; epoch < 5; ++epoch) {
        auto row = run.log(cairn::step(epoch), "loss"_m = 1.0 / (epoch + 1));
        checkpoint.step(row, cairn::part("model", model));
    }
}
