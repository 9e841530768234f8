// SPDX-License-Identifier: MIT
#pragma once
// Names, which are short: `std::memcpy` and `std::memcmp` are calls of functions that look for the best way
// first, and cost more than the bytes. Two words that may overlap are enough for up to sixteen.

#include <cairn/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

template <class Word>
[[nodiscard]] inline Word word_at(const char* from) noexcept {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
}
template <class Word>
inline void copy_words(char* to, const char* from, std::size_t count) noexcept {
    const auto first = word_at<Word>(from), last = word_at<Word>(from + count - sizeof(Word));
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + count - sizeof(Word), &last, sizeof last);
}
template <class Word>
[[nodiscard]] inline bool are_same_words(std::string_view a, std::string_view b) noexcept {
    const std::size_t last = a.size() - sizeof(Word);  // of both
    return word_at<Word>(&a[0]) == word_at<Word>(&b[0]) && word_at<Word>(&a[last]) == word_at<Word>(&b[last]);
}

/// A call that is not inlined: where it is, and the text's length is known, g++ 12 warns of what never
/// happens.
template <class = void>
CAIRN_COLD void copy_long_text(char* to, const char* from, std::size_t count) noexcept {
    std::memcpy(to, from, count);
}
/// As `std::memcpy`.
inline void copy_text(char* to, const char* from, std::size_t count) noexcept {
    if (count > 16) {
        copy_long_text(to, from, count);
    } else if (count >= 8) {
        copy_words<std::uint64_t>(to, from, count);
    } else if (count >= 4) {
        copy_words<std::uint32_t>(to, from, count);
    } else {
        for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
    }
}
/// As `==`.
[[nodiscard]] inline bool is_same_text(std::string_view a, std::string_view b) noexcept {
    const std::size_t count = a.size();
    if (count != b.size()) return false;
    if (count > 16) return std::memcmp(a.data(), b.data(), count) == 0;
    if (count >= 8) return are_same_words<std::uint64_t>(a, b);
    if (count >= 4) return are_same_words<std::uint32_t>(a, b);
    for (std::size_t i = 0; i < count; ++i) {
        if (a[i] != b[i]) return false;
    }
    return true;
}

}  // namespace CAIRN_NAMESPACE::detail
