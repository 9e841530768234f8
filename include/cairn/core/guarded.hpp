// SPDX-License-Identifier: MIT
#pragma once
// Runs the user's code so that nothing it throws escapes. Costs what core/error.hpp costs.

#include <cairn/config.hpp>
#include <cairn/core/error.hpp>

#include <exception>
#include <string>
#include <string_view>

namespace CAIRN_NAMESPACE::detail {

/// What `body()` returns (a `result`); what it throws becomes an error that says what was `tried`.
template <class Body>
[[nodiscard]] auto guarded(std::string_view tried, Body&& body) -> decltype(body()) {
#if CAIRN_HAS_EXCEPTIONS
    try {
        return body();
    } catch (const error& e) {
        return e;
    } catch (const std::exception& e) {
        return error{errc::user, std::string{tried} + " threw: " + e.what(), "",
                     "mend what it complains about; nothing was changed"};
    } catch (...) {
        return error{errc::user, std::string{tried} + " threw something that is not a std::exception", "",
                     "throw exceptions derived from std::exception, so that they can say why"};
    }
#else
    static_cast<void>(tried);
    return body();
#endif
}

/// `failure` with `path`, if it named none.
template <class = void>
[[nodiscard]] error at_path(const error& failure, std::string_view path) {
    if (!failure.path().empty()) return failure;
    return error{failure.code(), failure.tried(), std::string{path}, failure.advice()};
}

}  // namespace CAIRN_NAMESPACE::detail
