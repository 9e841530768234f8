// SPDX-License-Identifier: MIT
// The code of docs/media.md; tests/readme.py compares.
#include <cairn/cairn.hpp>
#include <cairn/media/values.hpp>
#include <cairn/query/media.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/run/watch.hpp>

#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace cairn::literals;

void log_values(cairn::Run& run, int epoch, double loss, const std::vector<float>& weights,
                const std::vector<int>& truth, const std::vector<int>& predicted, const std::string& sample) {
    run.log(cairn::step(epoch), "loss"_m = loss, "weights"_m = cairn::Histogram{weights},
            "confusion"_m = cairn::confusion_matrix(truth, predicted, {"cat", "dog"}));
    run.log("sample"_m = cairn::Text{sample});
    run.log("layer " + std::to_string(epoch), cairn::Histogram{weights}, {.step = epoch});
}

void watch(cairn::Run& run, auto& model) {
    auto watching = run.watch(model, {.log = cairn::watch::all, .log_freq = 100});
    run.log("loss"_m = 1.0);
}

struct Layer {
    std::vector<float> weight, weight_gradient;

    void describe(auto& fields) { fields("weight", weight); }
    void describe_gradients(auto& fields) { fields("weight", weight_gradient); }
};
template void watch<Layer>(cairn::Run&, Layer&);

struct Mesh {
    std::vector<std::byte> bytes;

    std::size_t memory() const { return bytes.size(); }
    cairn::Media encode() const {  // on a thread of the run
        std::string file{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
        return {.kind = "blob", .type = "model/gltf-binary", .bytes = std::move(file)};
    }
};

void log_own(cairn::Run& run, Mesh mesh) { run.log("mesh"_m = std::move(mesh)); }

void read() {
    auto recorded = cairn::open("cairn").value().find("latest").value();
    auto media = cairn::media_of(recorded).value();
    for (const cairn::RecordedMedia& one : media.all())
        std::printf("%s of step %lld: %s\n", one.metric.c_str(), static_cast<long long>(one.step),
                    one.type.c_str());
    std::string bytes = media.bytes_of(media.all().back()).value();
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}
