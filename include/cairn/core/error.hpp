// SPDX-License-Identifier: MIT
#pragma once
// What fails and how it says so: `cairn::error` (thrown by opening and configuring) and `cairn::result`
// (returned where a failure is an ordinary outcome). Costs <string> and <optional>.

#include <cairn/config.hpp>

#include <exception>
#include <new>
#include <optional>
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

/// A failure in four parts: a code, what was tried, the path it concerns (may be empty) and what to do.
/// `what()` is one line of all four. Threads: a value, share it as any `std::string`.
class CAIRN_ONE_IN_PROCESS error : public std::exception {
  public:
    error() = default;

    /// Composes `what()` of the four; `path` and `advice` may be empty.
    error(errc code, std::string tried, std::string path, std::string advice)
        : code_{code}, tried_{std::move(tried)}, path_{std::move(path)}, advice_{std::move(advice)} {
        text_ = "cairn: " + tried_;
        if (!path_.empty()) text_ += ": " + path_;
        text_ += " [";
        text_ += to_string(code_);
        text_ += "]";
        if (!advice_.empty()) text_ += "; " + advice_;
    }

    /// The kind of failure, for a program to branch on.
    [[nodiscard]] errc code() const noexcept { return code_; }
    /// What was tried and why it failed, in one clause.
    [[nodiscard]] const std::string& tried() const noexcept { return tried_; }
    /// The file, folder or name concerned; empty if there is none.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// What the user can do about it.
    [[nodiscard]] const std::string& advice() const noexcept { return advice_; }
    /// One line of all four, for a person: `cairn: TRIED: PATH [CODE]; ADVICE`.
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

  private:
    errc code_ = errc::io;
    std::string tried_, path_, advice_, text_;
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

/// Success, or an `error`. `value()` throws it.
template <>
class [[nodiscard]] result<void> {
  public:
    result() = default;
    /// A failure.
    result(cairn::error failure) : error_{std::move(failure)} {}  // NOLINT(google-explicit-constructor)

    /// Whether it succeeded.
    [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
    /// The same, for `if (auto done = …)`.
    [[nodiscard]] explicit operator bool() const noexcept { return !error_.has_value(); }
    /// Requires failure.
    [[nodiscard]] const cairn::error& error() const noexcept { return *error_; }
    /// Throws the error, if there is one.
    void value() && {
        if (error_) detail::raise(std::move(*error_));
    }

  private:
    std::optional<cairn::error> error_;
};

}  // namespace CAIRN_NAMESPACE
