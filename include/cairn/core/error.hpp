// SPDX-License-Identifier: MIT
#pragma once
// What fails and how it says so: `cairn::error` (thrown by opening and configuring) and `cairn::result`
// (returned where a failure is an ordinary outcome). Costs <string>.

#include <cairn/config.hpp>

#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#if !CAIRN_HAS_EXCEPTIONS
#include <cstdio>
#include <cstdlib>
#endif

namespace CAIRN_NAMESPACE {

/// What kind of failure it was; stable, so a program can branch on it.
enum class errc : unsigned char {
    invalid_argument,  ///< a value that can never work (shape, option, pattern, config)
    invalid_name,      ///< a project, artifact, part or run name that cannot be stored safely
    not_found,         ///< no such run, artifact, version, alias or file
    already_exists,    ///< what must be new is there already
    busy,              ///< another process or object holds it
    corrupt,           ///< bytes on disk are not what was written
    mismatch,          ///< the model does not fit the file: names, shapes or types
    permission,        ///< the operating system forbids it
    no_space,          ///< the disk or the quota is full
    io,                ///< any other failure of the operating system
    unsupported,       ///< this platform, sink or format version cannot do it
    not_a_number,      ///< a metric is NaN where a policy was told that this is an error
    user,              ///< reported by the user's own code (a sink, a model that streams itself)
};

/// The code's name as it is printed, for example `no_space`.
[[nodiscard]] constexpr std::string_view to_string(errc code) noexcept {
    switch (code) {
        case errc::invalid_argument: return "invalid_argument";
        case errc::invalid_name: return "invalid_name";
        case errc::not_found: return "not_found";
        case errc::already_exists: return "already_exists";
        case errc::busy: return "busy";
        case errc::corrupt: return "corrupt";
        case errc::mismatch: return "mismatch";
        case errc::permission: return "permission";
        case errc::no_space: return "no_space";
        case errc::io: return "io";
        case errc::unsupported: return "unsupported";
        case errc::not_a_number: return "not_a_number";
        case errc::user: return "user";
    }
    return "unknown";
}

namespace detail {

/// `cairn: TRIED: PATH [CODE]; ADVICE`.
template <class = void>
[[nodiscard]] std::string error_line(errc code, std::string_view tried, std::string_view path,
                                     std::string_view advice) {
    std::string line = "cairn: ";
    line += tried;
    if (!path.empty()) (line += ": ") += path;
    ((line += " [") += to_string(code)) += ']';
    if (!advice.empty()) (line += "; ") += advice;
    for (char& c : line) c = c == '\0' ? '?' : c;  // not every library's what() goes on after one
    return line;
}

}  // namespace detail

/// A failure in four parts: a code, what was tried, the path it concerns (may be empty) and what to do.
/// `what()` is one line of all four, where `?` stands for a zero byte. Copying never throws. Threads: a
/// value.
class CAIRN_ONE_IN_PROCESS error : public std::runtime_error {
  public:
    error() : std::runtime_error{""} {}

    /// Composes `what()` of the four; `path` and `advice` may be empty.
    error(errc code, std::string_view tried, std::string_view path, std::string_view advice)
        : std::runtime_error{detail::error_line(code, tried, path, advice)}, code_{code},
          tried_{tried.size()}, path_{path.size()}, advice_{advice.size()} {}

    /// The kind of failure, for a program to branch on.
    [[nodiscard]] errc code() const noexcept { return code_; }
    /// What was tried and why it failed, in one clause.
    [[nodiscard]] std::string tried() const { return part(before_tried, tried_); }
    /// The file, folder or name concerned; empty if there is none.
    [[nodiscard]] std::string path() const { return part(before_tried + tried_ + 2, path_); }
    /// What the user can do about it.
    [[nodiscard]] std::string advice() const {
        const std::size_t size = std::string_view{what()}.size();
        return advice_ <= size ? part(size - advice_, advice_) : std::string{};
    }

  private:
    [[nodiscard]] std::string part(std::size_t at, std::size_t size) const {
        const std::string_view line = what();  // one that was moved from has lost it
        const bool there = at <= line.size() && size <= line.size() - at;
        return there ? std::string{line.substr(at, size)} : std::string{};
    }

    static constexpr std::size_t before_tried = std::string_view{"cairn: "}.size();

    errc code_ = errc::io;
    std::size_t tried_ = 0, path_ = 0, advice_ = 0;  // where the parts are in what(): how long each is
};

namespace detail {

/// Throws `e`; without exceptions, prints it and aborts.
[[noreturn]] inline void raise(error e) {
#if CAIRN_HAS_EXCEPTIONS
    throw e;  // NOLINT(misc-throw-by-value-catch-by-reference): a value, moved into the exception
#else
    std::fputs(e.what(), stderr);
    std::abort();
#endif
}

}  // namespace detail

/// Either a `T` or an `error`. Converts from both; `value()` throws the error, `operator*` requires success.
/// Moves only. Holds a union of its own because `std::optional` and `std::variant` cost a program that
/// includes the library a tenth of its compile time.
template <class T = void>
class [[nodiscard]] result {
  public:
    /// A success.
    // NOLINTNEXTLINE(google-explicit-constructor)
    result(T value) : good_{true}, value_(std::move(value)) {}
    /// A failure.
    // NOLINTNEXTLINE(google-explicit-constructor)
    result(cairn::error failure) : good_{false}, error_{std::move(failure)} {}
    result(result&& other) noexcept : good_{other.good_} { take(other); }
    result& operator=(result&& other) noexcept {
        if (this == &other) return *this;
        drop();
        good_ = other.good_;
        take(other);
        return *this;
    }
    ~result() { drop(); }

    /// Whether there is a value.
    [[nodiscard]] bool has_value() const noexcept { return good_; }
    /// The same, for `if (auto file = read(…))`.
    [[nodiscard]] explicit operator bool() const noexcept { return good_; }
    /// Requires success.
    [[nodiscard]] T& operator*() & noexcept { return value_; }
    ///@{
    /// The value. Requires success; not checked.
    [[nodiscard]] const T& operator*() const& noexcept { return value_; }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(value_); }
    [[nodiscard]] T* operator->() noexcept { return &value_; }
    [[nodiscard]] const T* operator->() const noexcept { return &value_; }
    ///@}
    /// Requires failure.
    [[nodiscard]] const cairn::error& error() const noexcept { return error_; }
    /// The value, or throws the error.
    T value() && {
        if (!good_) detail::raise(std::move(error_));
        return std::move(value_);
    }

  private:
    void take(result& other) noexcept {
        if (good_)
            ::new (static_cast<void*>(&value_)) T(std::move(other.value_));
        else
            ::new (static_cast<void*>(&error_)) cairn::error(std::move(other.error_));
    }
    void drop() noexcept {
        if (good_)
            value_.~T();
        else
            error_.~error();
    }

    bool good_;
    union {
        T value_;
        cairn::error error_;
    };
};

namespace detail {
struct Nothing {};
}  // namespace detail

/// Success, or an `error`. `value()` throws it.
template <>
class [[nodiscard]] result<void> : private result<detail::Nothing> {
    using Base = result<detail::Nothing>;

  public:
    result() : Base{detail::Nothing{}} {}
    /// A failure.
    result(cairn::error failure) : Base{std::move(failure)} {}  // NOLINT(google-explicit-constructor)
    ///@{
    /// Copies too, which a `result` of a value does not.
    result(const result& other) : Base{other ? Base{detail::Nothing{}} : Base{other.error()}} {}
    result(result&&) noexcept = default;
    result& operator=(const result& other) { return *this = result{other}; }
    result& operator=(result&&) noexcept = default;
    ~result() = default;
    ///@}

    using Base::error;
    using Base::has_value;
    using Base::operator bool;
    /// Throws the error, if there is one.
    void value() && { (void)std::move(*this).Base::value(); }
};

namespace detail {
/// Of several things that are all tried, the first failure is told.
inline void keep_first(result<void>& first, const result<void>& next) {
    if (first) first = next;
}
}  // namespace detail

}  // namespace CAIRN_NAMESPACE
