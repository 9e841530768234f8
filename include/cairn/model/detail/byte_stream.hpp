// SPDX-License-Identifier: MIT
#pragma once
// Standard streams over bytes in memory, as the (de)serialisers of users get them. Costs <istream>, <ostream>
// and <streambuf>.

#include <cairn/config.hpp>
#include <cairn/core/bytes.hpp>

#include <cstddef>
#include <ios>
#include <istream>
#include <limits>
#include <locale>
#include <ostream>
#include <span>
#include <streambuf>
#include <string>

namespace CAIRN_NAMESPACE::detail {

/// Collects what is written.
template <class = void>
class BasicOutputBytes final : public std::streambuf {
  public:
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_of(text_); }

  private:
    int_type overflow(int_type c) override {
        if (!traits_type::eq_int_type(c, traits_type::eof())) text_ += traits_type::to_char_type(c);
        return traits_type::not_eof(c);
    }
    std::streamsize xsputn(const char* data, std::streamsize size) override {
        text_.append(data, static_cast<std::size_t>(size));
        return size;
    }

    std::string text_;
};
using OutputBytes = BasicOutputBytes<>;

/// Reads bytes in place. They are never written to.
template <class = void>
class BasicInputBytes final : public std::streambuf {
  public:
    explicit BasicInputBytes(std::span<const std::byte> bytes) {
        char* const begin = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
        setg(begin, begin, begin + bytes.size());
    }

  private:
    pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode which) override {
        const off_type start = from == std::ios_base::beg   ? 0
                               : from == std::ios_base::cur ? gptr() - eback()
                                                            : egptr() - eback();
        if ((which & std::ios_base::in) == 0 || offset < -start || offset > (egptr() - eback()) - start) {
            return pos_type(off_type(-1));
        }
        setg(eback(), eback() + start + offset, egptr());
        return pos_type(start + offset);
    }
    pos_type seekpos(pos_type position, std::ios_base::openmode which) override {
        return seekoff(off_type(position), std::ios_base::beg, which);
    }
};
using InputBytes = BasicInputBytes<>;

/// Numbers look the same in every country, and keep all their digits.
template <class = void>
void prepare_stream(std::ios& stream) {
    stream.imbue(std::locale::classic());
    stream.precision(std::numeric_limits<long double>::max_digits10);
}

}  // namespace CAIRN_NAMESPACE::detail
