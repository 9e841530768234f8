// SPDX-License-Identifier: MIT
#include <cairn/core/name.hpp>

#include "support/catch.hpp"

#include <string>
#include <string_view>

namespace name_test {

using cairn::detail::check_name;
using cairn::detail::name_problem;
using cairn::detail::parse_version_label;
using cairn::detail::suggest_name;
using cairn::detail::version_label;

TEST_CASE("names of letters, digits, dots, underscores and hyphens are accepted", "[core][name]") {
    static_assert(name_problem("model").empty());
    for (const std::string_view name : {"a", "run-01", "v1.2_final", "_x", "-x", "0"}) {
        CHECK(check_name("part", name).has_value());
    }
    CHECK(check_name("part", std::string(128, 'x')).has_value());
}

TEST_CASE("a name that cannot be a file name is refused with the rule and a valid suggestion",
          "[core][name]") {
    using namespace std::string_view_literals;
    const auto problem = [](std::string_view name) { return std::string{name_problem(name)}; };
    CHECK(problem("") == "is empty");
    CHECK(problem(std::string(129, 'x')) == "is longer than 128 bytes");
    CHECK(problem("..") == "starts with a dot");
    CHECK(problem("a/b") == "contains a path separator");
    CHECK(problem("a\\b") == "contains a path separator");
    CHECK(problem("a\0b"sv) == "contains a control character");
    CHECK(problem("a\x7f") == "contains a control character");
    CHECK_FALSE(problem("caf\xc3\xa9").empty());
    CHECK_FALSE(problem("a b").empty());

    for (const std::string_view name :
         {""sv, ".."sv, "../../etc/passwd"sv, "a b"sv, "\xff\xfe"sv, "..."sv, "a\0b"sv}) {
        CHECK(name_problem(suggest_name(name)).empty());
        const cairn::result<> refused = check_name("project", name);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code() == cairn::errc::invalid_name);
        CHECK(refused.error().tried().find("project name ") == 0);
    }
    CHECK(name_problem(suggest_name(std::string(500, '/'))).empty());
}

TEST_CASE("version labels: v and digits, no sign, no zero in front, no overflow", "[core][name]") {
    CHECK(version_label(18446744073709551615U) == "v18446744073709551615");
    CHECK(parse_version_label("v0") == 0U);
    CHECK(parse_version_label("v18446744073709551615") == 18446744073709551615U);
    for (const char* bad :
         {"", "v", "3", "V3", "v-1", "v+1", "v01", "v1x", "v 1", "v18446744073709551616", "v1.json"}) {
        INFO(bad);
        CHECK_FALSE(parse_version_label(bad).has_value());
    }
}

#if defined(_WIN32)
TEST_CASE("what Windows would take for another name is told", "[core][name]") {
    using cairn::detail::windows_problem;
    for (const char* good : {"a", "con1", "console", "com", "lpt10", "a.con", "nullable.txt", "COMx"})
        CHECK(windows_problem(good) == "");
    for (const char* bad : {"con", "NUL", "nul.json", "Com1", "lpt9.tar.gz", "aux", "prn.", "a.", "a ", "a?b",
                            "a:b", "a\\b", "nul .csv", "conin$", "COM\xC2\xB9", "lpt\xC2\xB3.txt"})
        CHECK(windows_problem(bad) != "");
}
#endif

}  // namespace name_test
