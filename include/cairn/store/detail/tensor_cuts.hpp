// SPDX-License-Identifier: MIT
#pragma once
// Where a safetensors file is cut, so that versions can share its tensors. Costs nlohmann/json.

#include <cairn/model/safetensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// Cuts a safetensors file, as its bytes come by, after its header and around each large tensor; small ones
/// stay together until they are large. What is no such file is not cut.
template <class = void>
class BasicTensorCuts {
  public:
    explicit BasicTensorCuts(std::string_view file) : is_over_{!file.ends_with(".safetensors")} {}

    /// How many of `bytes`, the next ones, lie before the next cut.
    [[nodiscard]] std::size_t take(std::span<const std::byte> bytes) {
        const std::uint64_t most = is_over_ ? bytes.size() : next_ - at_;
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(most, bytes.size()));
        at_ += count;
        if (!is_over_ && cuts_.empty()) read_header(bytes.first(count));
        return count;
    }
    /// Whether the file is to be cut here.
    [[nodiscard]] bool is_due() {
        if (is_over_ || cuts_.empty() || at_ != next_) return false;
        is_over_ = ++passed_ == cuts_.size();
        if (!is_over_) next_ = cuts_[passed_];
        return true;
    }

  private:
    static constexpr std::uint64_t large = std::uint64_t{1} << 20U, length_bytes = 8;

    void read_header(std::span<const std::byte> bytes) {
        header_.insert(header_.end(), bytes.begin(), bytes.end());
        if (at_ != next_) return;
        if (at_ == length_bytes) {
            std::uint64_t length = 0;
            for (std::size_t i = 0; i < length_bytes; ++i)
                length |= static_cast<std::uint64_t>(header_[i]) << (8 * i);
            is_over_ = length == 0 || length > safetensors::max_header_bytes;
            next_ += length;
            return;
        }
        const auto ends = safetensors::tensor_ends(header_);
        is_over_ = !ends;
        if (!ends) return;
        cuts_ = {at_};  // the header's end
        for (std::size_t i = 0; i < ends->size(); ++i) {
            const std::uint64_t begin = at_ + (i == 0 ? 0 : (*ends)[i - 1]), end = at_ + (*ends)[i];
            if (end - begin >= large && begin > cuts_.back()) cuts_.push_back(begin);
            if (end - cuts_.back() >= large) cuts_.push_back(end);
        }
        header_ = {};
    }

    std::vector<std::byte> header_;
    std::vector<std::uint64_t> cuts_;  // once the header is there
    std::size_t passed_ = 0;
    std::uint64_t at_ = 0, next_ = length_bytes;
    bool is_over_;  // there are no more cuts
};
using TensorCuts = BasicTensorCuts<>;

}  // namespace CAIRN_NAMESPACE::detail
