// SPDX-License-Identifier: MIT
#include <cairn/model/shape.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace shape_test {

using cairn::Shape;

namespace {

std::uint64_t elements(const Shape& shape) { return shape.elements(); }

}  // namespace

TEST_CASE("a shape is a braced list of any integers", "[model][shape]") {
    const std::size_t rows = 2;
    const short columns = 10;
    CHECK(elements({rows, columns}) == 20);
    CHECK(elements({2, 3U, 4LL}) == 24);
    CHECK(elements({5}) == 5);
    CHECK(elements({}) == 1);
    CHECK(elements({3, 0, 7}) == 0);
    CHECK(elements(std::vector<std::int64_t>{4, 5}) == 20);
    CHECK(elements({std::vector<int>{4, 5}}) == 20);
    CHECK(to_string(Shape{2, 10}) == "[2, 10]");
    CHECK(to_string(Shape{}) == "[]");
    CHECK(Shape{2, 3} == Shape{2U, 3U});
    CHECK_FALSE(Shape{2, 3} == Shape{3, 2});
    CHECK_FALSE(Shape{} == Shape{1});
    CHECK(Shape{2, 3}.rank() == 2);
}

TEST_CASE("a shape that cannot be is refused", "[model][shape]") {
    const auto code = [](auto&& make) {
        try {
            make();
        } catch (const cairn::error& e) {
            return e.code();
        }
        return cairn::errc::io;
    };
    CHECK(code([] { return Shape{2, -1}; }) == cairn::errc::invalid_argument);
    CHECK(code([] { return Shape{std::vector<std::int64_t>{-5}}; }) == cairn::errc::invalid_argument);
    CHECK(code([] { return Shape{1ULL << 32U, 1ULL << 32U}; }) == cairn::errc::invalid_argument);
    CHECK(code([] { return Shape{std::vector<int>(65, 1)}; }) == cairn::errc::invalid_argument);
    CHECK(Shape{std::vector<int>(64, 1)}.elements() == 1);
    CHECK(Shape{std::numeric_limits<std::uint64_t>::max()}.elements() ==
          std::numeric_limits<std::uint64_t>::max());
    CHECK(Shape{0, 1ULL << 63U, 4}.elements() == 0);
}

}  // namespace shape_test
