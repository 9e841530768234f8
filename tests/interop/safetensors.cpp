// SPDX-License-Identifier: MIT
// Reads and writes safetensors files for compare.py, which knows what they should be:
//     safetensors judge FOLDER      what is in each file of the folder, a line of JSON each
//     safetensors copy FROM TO      reads a file and writes it again
//     safetensors model TO          a model with an optimiser, a text and a step
//     safetensors load FROM         loads such a model and says what became of it
#include <cairn/cairn.hpp>
#include <cairn/model/partial.hpp>
#include <cairn/store/safetensors_file.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Model {
    std::vector<float> weight{0, 0.5F, 1, 1.5F, std::numeric_limits<float>::quiet_NaN(), -0.0F};
    std::vector<std::int64_t> none;
    std::int64_t step = 7;
    std::string vocabulary = "a\nb \xc3\xa9";
    struct Optimizer {
        std::vector<double> mean{1, 2};
        double rate = 1e-3;
        bool nesterov = true;
        void describe(auto& fields) {
            fields("mean", mean);
            fields("rate", rate);
            fields("nesterov", nesterov);
        }
    } optimizer;
    void describe(auto& fields) {
        fields("fc.weight", weight, {2, 3});
        fields("none", none, {0, 4});
        fields("step", step);
        fields("vocabulary", vocabulary);
        fields("optimizer", optimizer);
    }
};

std::string hex(std::span<const std::byte> bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const std::byte b : bytes) {
        out += digits[std::to_integer<unsigned>(b) >> 4U];
        out += digits[std::to_integer<unsigned>(b) & 15U];
    }
    return out;
}

void judge(const std::filesystem::path& path) {
    nlohmann::json line{{"file", path.filename().string()}};
    const auto file = cairn::safetensors::MappedFile::try_open(path);
    if (!file) {
        line["error"] = file.error().what();
    } else {
        line["metadata"] = file->metadata();
        line["tensors"] = nlohmann::json::object();
        for (const auto& tensor : file->tensors()) {
            line["tensors"][tensor.name] = {to_string(tensor.dtype), tensor.shape.extents(),
                                            hex(tensor.bytes)};
        }
    }
    std::puts(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const std::string& command = arguments.at(0);
    if (command == "judge") {
        for (const auto& entry : std::filesystem::directory_iterator{arguments.at(1)}) judge(entry.path());
    } else if (command == "copy") {
        const cairn::safetensors::MappedFile from{arguments.at(1)};
        cairn::safetensors::save(arguments.at(2), from.tensors(), from.metadata());
    } else if (command == "model") {
        Model model;
        cairn::save(arguments.at(1), cairn::part("model", model));
    } else if (command == "load") {
        Model model;
        model.vocabulary.clear();
        model.weight.assign(6, 0);
        cairn::load(arguments.at(1), cairn::part("model", model));
        const bool same = model.vocabulary == Model{}.vocabulary && model.weight[3] == 1.5F &&
                          std::isnan(model.weight[4]) && std::signbit(model.weight[5]);
        std::puts(same ? "the same" : "not the same");
        return same ? 0 : 1;
    } else {
        return 2;
    }
    return 0;
}
