// A consumer's program: two files include the umbrella; this one logs, saves and restores, so that everything
// links.
#include <cairn/cairn.hpp>

#include <cstdio>
#include <filesystem>
#include <vector>

const char* other();  // other.cpp

namespace {

struct Model {
    std::vector<float> weight = std::vector<float>(4, 1.0F);
    void describe(auto& fields) { fields("weight", weight, {2, 2}); }
};

}  // namespace

int main() {
    using namespace cairn::literals;
    const std::filesystem::path dir = std::filesystem::temp_directory_path() / "cairn-consumer";
    std::filesystem::remove_all(dir);
    Model model, restored;
    restored.weight.assign(4, 0.0F);
    auto run = cairn::init({.project = "consumer", .dir = dir});
    auto checkpoint = run.checkpoint<cairn::EveryN<1>>("model");
    const auto saved = checkpoint.step(run.log("loss"_m = 0.5), cairn::part("model", model));
    checkpoint.restore(cairn::latest, cairn::part("model", restored));
    const bool ok = saved.saved() && restored.weight == model.weight && run.finish().has_value();
    std::filesystem::remove_all(dir);
    std::printf("cairn %s, %s: %s\n", CAIRN_VERSION, other(), ok ? "saved and restored" : "failed");
    return ok && other() == cairn::to_string(cairn::errc::busy) ? 0 : 1;
}
