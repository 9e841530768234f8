#include <cairn/cairn.hpp>

#include <vector>

// Of all files the same: what a file does with a type of its own, it has alone.
struct Model {
    std::vector<float> weight = std::vector<float>(4, 1.0F);
    void describe(auto& fields) { fields("weight", weight, {4}); }
};

extern "C" void unit_0(const char* dir);
extern "C" void unit_0(const char* dir) {
    using namespace cairn::literals;
    Model model;
    auto run = cairn::init({.project = "size", .dir = dir, .quiet = true});
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model");
    checkpoint.step(run.log("loss"_m = 0.5), cairn::part("model", model));
}
