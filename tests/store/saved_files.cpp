// SPDX-License-Identifier: MIT
#include <cairn/store/saved_files.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <string>

namespace saved_files_test {

using cairn::detail::matches;
using cairn::detail::matching_files;
using cairn::detail::save_files;
using cairn_test::TempDir;

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << text;
}
std::string read(const std::filesystem::path& path) {
    std::ifstream in{path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

}  // namespace

TEST_CASE("a pattern's star is any characters and its question mark is one", "[store][saved_files]") {
    static_assert(matches("model.pt", "*.pt"));
    static_assert(!matches("model.ptx", "*.pt"));
    CHECK(matches("", "*"));
    CHECK(matches("", ""));
    CHECK_FALSE(matches("", "?"));
    CHECK(matches("abc", "a?c"));
    CHECK(matches("aXbXc", "a*b*c"));
    CHECK(matches("aabab", "*ab"));
    CHECK_FALSE(matches("abc", "ab"));
    CHECK_FALSE(matches("abc", "abcd*"));
    CHECK(matches("[x]", "[x]"));
    // Quadratic at the worst, not exponential.
    CHECK_FALSE(matches(std::string(2000, 'a'), "*a*a*a*a*a*a*a*a*a*a*a*a*b"));
}

TEST_CASE("a pattern may stand in any component of a path and finds files only", "[store][saved_files]") {
    const TempDir dir;
    write(dir.path() / "a1/x.txt", "1");
    write(dir.path() / "a2/x.txt", "2");
    write(dir.path() / "b/x.txt", "3");
    std::filesystem::create_directories(dir.path() / "a3/x.txt");
    CHECK(matching_files(dir.path() / "a*" / "x.txt").size() == 2);
    CHECK(matching_files(dir.path() / "?" / "*.txt").size() == 1);
    CHECK(matching_files(dir.path() / "*" / "*").size() == 3);
    CHECK(matching_files(dir.path() / "none*" / "*").empty());
}

TEST_CASE("a copy replaces the one before and leaves nothing else behind", "[store][saved_files]") {
    const TempDir dir;
    write(dir / "a.txt", "old");
    REQUIRE(save_files(dir / "*.txt", dir / "files", dir.path()));
    write(dir / "a.txt", "new and longer");
    write(dir / "b.txt", "b");
    REQUIRE(save_files(dir / "*.txt", dir / "files", dir.path()));
    CHECK(read(dir.path() / "files/a.txt") == "new and longer");
    CHECK(std::distance(std::filesystem::directory_iterator{dir / "files"}, {}) == 2);
}

TEST_CASE("a file that is named outright and not there is an error, an empty pattern is not",
          "[store][saved_files]") {
    const TempDir dir;
    const auto missing = save_files(dir / "none.txt", dir / "files", dir.path());
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code() == cairn::errc::not_found);
    CHECK(missing.error().path().ends_with("none.txt"));
    CHECK(save_files(dir / "*.none", dir / "files", dir.path()));
    CHECK_FALSE(std::filesystem::exists(dir / "files"));
}

TEST_CASE("one file that cannot be copied does not keep the others from it", "[store][saved_files]") {
    const TempDir dir;
    write(dir / "a.txt", "a");
    write(dir / "b.txt", "b");
    std::filesystem::create_directories(dir.path() / "files/a.txt");  // no file can take its place
    write(dir.path() / "files/a.txt/occupied", "");
    CHECK_FALSE(save_files(dir / "*.txt", dir / "files", dir.path()));
    CHECK(read(dir.path() / "files/b.txt") == "b");
    CHECK(std::distance(std::filesystem::directory_iterator{dir / "files"}, {}) == 2);
}

TEST_CASE("a name beyond ASCII stays what it is", "[store][saved_files]") {
    const TempDir dir;
    const std::filesystem::path name{u8"gr\u00fcn \u96ea.txt"};
    write(dir.path() / name, "text");
    REQUIRE(save_files(dir / "*.txt", dir / "files", dir.path()));
    REQUIRE(save_files(dir.path() / name, dir / "more", dir.path()));
    CHECK(read(dir.path() / "files" / name) == "text");
    CHECK(read(dir.path() / "more" / name) == "text");
}

}  // namespace saved_files_test
