// SPDX-License-Identifier: MIT
#pragma once
// A character-level neural language model (Bengio et al., 2003): the embeddings of the last 12 characters
// side by side, one tanh layer, softmax over the next character. A character is a byte, so any file will do.
// Back-propagation is written out. Only `describe` is for cairn.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace train_text {

inline constexpr std::size_t context = 12, symbols = 256, embedding_size = 24, hidden_size = 192;
inline constexpr std::size_t input_size = context * embedding_size;

/// What the model sees, and behind it the character it should have said.
using Window = std::span<const std::uint8_t, context + 1>;

/// The parameters. A gradient is one, too. Weights have one row for each input.
struct TextModel {
    std::vector<float> embedding = std::vector<float>(symbols * embedding_size);
    std::vector<float> hidden_weight = std::vector<float>(input_size * hidden_size);
    std::vector<float> hidden_bias = std::vector<float>(hidden_size);
    std::vector<float> output_weight = std::vector<float>(hidden_size * symbols);
    std::vector<float> output_bias = std::vector<float>(symbols);

    void describe(auto& fields) {
        fields("embedding", embedding, {symbols, embedding_size});
        fields("hidden.weight", hidden_weight, {input_size, hidden_size});
        fields("hidden.bias", hidden_bias, {hidden_size});
        fields("output.weight", output_weight, {hidden_size, symbols});
        fields("output.bias", output_bias, {symbols});
    }

    [[nodiscard]] std::array<std::span<float>, 5> tensors() {
        return {embedding, hidden_weight, hidden_bias, output_weight, output_bias};
    }
    [[nodiscard]] std::array<std::span<const float>, 5> tensors() const {
        return {embedding, hidden_weight, hidden_bias, output_weight, output_bias};
    }

    /// A model that knows nothing yet: every character is about as likely as any other.
    [[nodiscard]] static TextModel random(auto& engine) {
        TextModel model;
        const auto fill = [&engine](std::vector<float>& tensor, float deviation) {
            std::normal_distribution<float> normal{0, deviation};
            for (float& x : tensor) x = normal(engine);
        };
        fill(model.embedding, 1.0F);
        fill(model.hidden_weight, 1 / std::sqrt(static_cast<float>(input_size)));
        fill(model.output_weight, 0.1F / std::sqrt(static_cast<float>(hidden_size)));
        return model;
    }
};

/// out += a b, where b and out have rows of `Columns`. The inner loop is what a compiler turns into vector
/// instructions.
template <std::size_t Columns>
void add_product(std::span<const float> a, std::span<const float> b, std::span<float> out) {
    const std::size_t rows = out.size() / Columns, inner = b.size() / Columns;
    for (std::size_t row = 0; row < rows; ++row) {
        const float* const factors = &a[row * inner];
        std::array<float, Columns> sums{};
        std::size_t k = 0;
        // Four rows of b at once: the sums are loaded and stored a fourth as often.
        for (; k + 4 <= inner; k += 4) {
            const float f0 = factors[k], f1 = factors[k + 1], f2 = factors[k + 2], f3 = factors[k + 3];
            const float* const rows_of_b = &b[k * Columns];
            for (std::size_t i = 0; i < Columns; ++i) {
                sums[i] += f0 * rows_of_b[i] + f1 * rows_of_b[Columns + i] + f2 * rows_of_b[2 * Columns + i] +
                           f3 * rows_of_b[3 * Columns + i];
            }
        }
        for (; k < inner; ++k) {
            for (std::size_t i = 0; i < Columns; ++i) sums[i] += factors[k] * b[k * Columns + i];
        }
        for (std::size_t i = 0; i < Columns; ++i) out[row * Columns + i] += sums[i];
    }
}

/// The transpose of a matrix whose rows have `columns` numbers.
[[nodiscard]] inline std::vector<float> transposed(std::span<const float> matrix, std::size_t columns) {
    const std::size_t rows = matrix.size() / columns;
    std::vector<float> out(matrix.size());
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) out[c * rows + r] = matrix[r * columns + c];
    }
    return out;
}

/// One pass of a batch through a model. The way back reuses what the way forward computed.
class Pass {
  public:
    /// The mean cross entropy of the model on these windows, in nats for each character.
    double forward(const TextModel& model, std::span<const Window> windows) {
        const std::size_t count = windows.size();
        inputs_.clear();
        for (const Window window : windows) {
            for (std::size_t i = 0; i < context; ++i) {
                const auto row =
                    model.embedding.begin() + static_cast<std::ptrdiff_t>(window[i] * embedding_size);
                inputs_.insert(inputs_.end(), row, row + embedding_size);
            }
        }
        repeat(model.hidden_bias, count, hidden_);
        add_product<hidden_size>(inputs_, model.hidden_weight, hidden_);
        for (float& x : hidden_) x = std::tanh(x);

        repeat(model.output_bias, count, probabilities_);  // scores, until the softmax
        add_product<symbols>(hidden_, model.output_weight, probabilities_);
        double loss = 0;
        for (std::size_t row = 0; row < count; ++row) {
            const auto scores = probabilities(row);
            const float greatest = *std::max_element(scores.begin(), scores.end());
            const double target = scores[windows[row][context]];
            double total = 0;
            for (float& x : scores) total += x = std::exp(x - greatest);
            for (float& x : scores) x /= static_cast<float>(total);
            loss += std::log(total) + greatest - target;
        }
        return loss / static_cast<double>(count);
    }

    /// How likely each character is to follow the window `row` of the last forward pass.
    [[nodiscard]] std::span<float, symbols> probabilities(std::size_t row) {
        return std::span<float, symbols>{&probabilities_[row * symbols], symbols};
    }

    /// The derivative of the loss by every parameter, for the model and the windows of the last forward pass.
    void backward(const TextModel& model, std::span<const Window> windows, TextModel& gradient) {
        const std::size_t count = windows.size();
        for (const auto tensor : gradient.tensors()) std::fill(tensor.begin(), tensor.end(), 0.0F);

        // Softmax and cross entropy together: probability minus one for the right character, minus zero for
        // the others.
        std::vector<float>& d_scores = probabilities_;
        for (std::size_t row = 0; row < count; ++row) probabilities(row)[windows[row][context]] -= 1;
        for (float& x : d_scores) x /= static_cast<float>(count);
        add_product<symbols>(transposed(hidden_, hidden_size), d_scores, gradient.output_weight);
        add_rows(d_scores, gradient.output_bias);

        d_hidden_.assign(hidden_.size(), 0);
        add_product<hidden_size>(d_scores, transposed(model.output_weight, symbols), d_hidden_);
        for (std::size_t i = 0; i < hidden_.size(); ++i) d_hidden_[i] *= 1 - hidden_[i] * hidden_[i];
        add_product<hidden_size>(transposed(inputs_, input_size), d_hidden_, gradient.hidden_weight);
        add_rows(d_hidden_, gradient.hidden_bias);

        d_inputs_.assign(inputs_.size(), 0);
        add_product<input_size>(d_hidden_, transposed(model.hidden_weight, hidden_size), d_inputs_);
        const float* d_input = d_inputs_.data();
        for (const Window window : windows) {
            for (std::size_t i = 0; i < context; ++i) {
                float* const row = &gradient.embedding[window[i] * embedding_size];
                for (std::size_t j = 0; j < embedding_size; ++j) row[j] += *d_input++;
            }
        }
    }

  private:
    static void repeat(const std::vector<float>& row, std::size_t count, std::vector<float>& out) {
        out.clear();
        for (std::size_t i = 0; i < count; ++i) out.insert(out.end(), row.begin(), row.end());
    }
    static void add_rows(const std::vector<float>& matrix, std::vector<float>& sum) {
        for (std::size_t i = 0; i < matrix.size(); ++i) sum[i % sum.size()] += matrix[i];
    }

    std::vector<float> inputs_, hidden_, probabilities_;  // one row for each window
    std::vector<float> d_hidden_, d_inputs_;              // derivatives of the loss by them
};

}  // namespace train_text
