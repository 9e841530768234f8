// SPDX-License-Identifier: MIT
#pragma once
// The text that is learnt: files, of which the last tenth is held back for validation.

#include "model.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace train_text {

using Text = std::vector<std::uint8_t>;

/// The window that begins at a character of the text.
[[nodiscard]] inline Window window_at(std::span<const std::uint8_t> text, std::size_t begin) {
    return text.subspan(begin).first<context + 1>();
}

/// Training and validation text. The last tenth of every file is for validation, so that both are of a kind.
struct Corpus {
    Text training, validation;

    /// Throws std::runtime_error if a file cannot be read, or all of them are too short.
    explicit Corpus(std::span<const std::filesystem::path> files) {
        for (const auto& path : files) add(path);
        if (validation.size() > context) return;
        throw std::runtime_error{"the text is too short: give it a few thousand characters"};
    }

    /// A batch of windows drawn from the training text.
    [[nodiscard]] std::vector<Window> sample(std::size_t count, auto& engine) const {
        std::uniform_int_distribution<std::size_t> begin{0, training.size() - context - 1};
        std::vector<Window> batch;
        batch.reserve(count);
        for (std::size_t i = 0; i < count; ++i) batch.push_back(window_at(training, begin(engine)));
        return batch;
    }

    /// Windows spread evenly over the validation text: always the same ones, so that losses can be compared.
    [[nodiscard]] std::vector<Window> validation_windows(std::size_t count) const {
        const std::size_t available = validation.size() - context;
        count = std::min(count, available);
        std::vector<Window> windows;
        windows.reserve(count);
        for (std::size_t i = 0; i < count; ++i)
            windows.push_back(window_at(validation, i * available / count));
        return windows;
    }

  private:
    void add(const std::filesystem::path& path) {
        std::ifstream file;
        if (!std::filesystem::is_directory(path)) file.open(path, std::ios::binary);
        if (!file.is_open()) throw std::runtime_error{path.string() + " cannot be read"};
        const Text text{std::istreambuf_iterator<char>{file}, {}};
        const auto border = text.end() - static_cast<std::ptrdiff_t>(text.size() / 10);
        training.insert(training.end(), text.begin(), border);
        validation.insert(validation.end(), border, text.end());
    }
};

}  // namespace train_text
