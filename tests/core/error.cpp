// SPDX-License-Identifier: MIT
#include <cairn/core/error.hpp>

#include "support/catch.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace error_test {

using cairn::errc;
using cairn::error;
using cairn::result;

TEST_CASE("an error prints its four parts on one line", "[core][error]") {
    const error full{errc::no_space, "cannot write the object", "cairn/objects/ab", "free some space"};
    CHECK(std::string{full.what()} ==
          "cairn: cannot write the object: cairn/objects/ab [no_space]; free some space");
    CHECK(full.code() == errc::no_space);
    CHECK(full.tried() == "cannot write the object");
    CHECK(full.path() == "cairn/objects/ab");
    CHECK(full.advice() == "free some space");

    const error bare{errc::io, "cannot read", "", ""};
    CHECK(std::string{bare.what()} == "cairn: cannot read [io]");
    CHECK(bare.tried() == "cannot read");
    CHECK(bare.path().empty());
    CHECK(bare.advice().empty());
    CHECK(error{}.tried().empty());

    using namespace std::string_view_literals;
    const error cut{errc::invalid_name, "a\0b"sv, "c\0"sv, "\0d"sv};  // a zero ends no part
    CHECK(cut.tried() == "a?b");
    CHECK(cut.path() == "c?");
    CHECK(cut.advice() == "?d");
}

TEST_CASE("an error that lost its text has no parts", "[core][error]") {
    error from{errc::io, std::string(4096, 'x'), std::string(4096, 'y'), std::string(4096, 'z')};
    const error to = std::move(from);
    CHECK(to.path() == std::string(4096, 'y'));
    // NOLINTBEGIN(bugprone-use-after-move)
    CHECK(from.tried().size() + from.path().size() + from.advice().size() <= 3 * 4096);
    // NOLINTEND(bugprone-use-after-move)
    error other{errc::io, std::string(4096, 'x'), std::string(4096, 'y'), std::string(4096, 'z')};
    static_cast<std::runtime_error&>(other) = std::runtime_error{"short"};
    CHECK(other.tried().empty());
    CHECK(other.path().empty());
    CHECK(other.advice().empty());
}

TEST_CASE("an error copied while it is thrown keeps its text", "[core][error]") {
    try {
        cairn::detail::raise(error{errc::busy, "locked", "x", "wait"});
    } catch (const std::exception& caught) {
        CHECK(std::string{caught.what()} == "cairn: locked: x [busy]; wait");
        return;
    }
    FAIL("nothing was thrown");
}

TEST_CASE("every error code has a name of its own", "[core][error]") {
    static_assert(to_string(errc::invalid_argument) == "invalid_argument");
    for (int a = 0; a <= static_cast<int>(errc::user); ++a) {
        CHECK(to_string(static_cast<errc>(a)) != "unknown");
        for (int b = 0; b < a; ++b) CHECK(to_string(static_cast<errc>(a)) != to_string(static_cast<errc>(b)));
    }
    CHECK(to_string(static_cast<errc>(200)) == "unknown");
}

TEST_CASE("a result holds a value or an error, also of a type that only moves", "[core][error]") {
    result<std::unique_ptr<int>> good{std::make_unique<int>(3)};
    REQUIRE(good);
    CHECK(**good == 3);
    CHECK(*std::move(good).value() == 3);

    result<std::string> bad = error{errc::not_found, "no such run", "r1", ""};
    REQUIRE_FALSE(bad.has_value());
    CHECK(bad.error().code() == errc::not_found);
    CHECK_THROWS_AS(std::move(bad).value(), error);
}

TEST_CASE("a result without a value is success until it is given an error", "[core][error]") {
    result<> good;
    CHECK(good.has_value());
    CHECK_NOTHROW(std::move(good).value());
    result<> bad = error{errc::user, "said no", "", ""};
    CHECK_FALSE(bad);
    CHECK_THROWS_AS(std::move(bad).value(), error);
}

TEST_CASE("of several things that are all tried, the first failure is told", "[core][error]") {
    result<> told;
    for (const char* what : {"", "first", "", "second"}) {
        cairn::detail::keep_first(told, *what == 0 ? result<>{} : result<>{error{errc::io, what, "", ""}});
    }
    REQUIRE_FALSE(told);
    CHECK(told.error().tried() == "first");
}

}  // namespace error_test
