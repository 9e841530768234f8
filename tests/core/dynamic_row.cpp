// SPDX-License-Identifier: MIT
#include <cairn/core/dynamic_row.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dynamic_row_test {

using namespace cairn::literals;
using cairn::DynamicRow;
using cairn::Reading;

TEST_CASE("a dynamic row owns its names and texts, through copies and moves", "[core][dynamic_row]") {
    std::string name = "a name that no small string holds, of that I am sure";
    std::string text = "a text that no small string holds, of that I am sure";
    const DynamicRow original = cairn::row(cairn::step(3), {{name, 0.5}, {"t", text}});
    name.assign(name.size(), '!');
    text.assign(text.size(), '!');
    DynamicRow copy = original;
    const DynamicRow moved = std::move(copy);
    for (const DynamicRow* row : {&original, &moved}) {
        CHECK(row->step() == 3);
        CHECK(row->size() == 2);
        CHECK((*row)["a name that no small string holds, of that I am sure"] == 0.5);
        CHECK(row->find("t").text() == "a text that no small string holds, of that I am sure");
    }
}

TEST_CASE("a dynamic row of any size is copied and moved whole, and is empty after a move",
          "[core][dynamic_row]") {
    for (const std::size_t count : {0U, 1U, 3U, 4U, 5U, 9U, 200U}) {
        for (const std::size_t name_bytes : {1U, 15U, 16U, 17U, 64U, 65U, 300U}) {
            CAPTURE(count, name_bytes);
            std::vector<std::string> names;
            for (std::size_t i = 0; i < count; ++i)
                names.push_back(std::string(name_bytes, static_cast<char>('a' + i % 26)) + std::to_string(i));
            std::vector<cairn::NamedValue> values;
            for (std::size_t i = 0; i < count; ++i) {
                values.push_back({names[i], i % 3 == 2 ? cairn::Value{std::string_view{names[i]}.substr(1)}
                                                       : cairn::Value{static_cast<double>(i)}});
            }
            const auto is_whole = [&](const DynamicRow& row) {
                std::size_t i = 0;
                row.for_each([&](std::string_view name, const cairn::Value& value) {
                    CHECK(name == names.at(i));
                    if (i % 3 == 2) {
                        CHECK(value.text() == names[i].substr(1));
                    } else {
                        CHECK(value.number() == static_cast<double>(i));
                    }
                    ++i;
                });
                CHECK(i == count);
                CHECK(row.size() == count);
            };
            DynamicRow row{7, 0, values.data(), values.size()};
            is_whole(row);
            DynamicRow copy = row, assigned = cairn::row(cairn::step(0), {{"x", 1}});
            is_whole(copy);
            assigned = copy;
            is_whole(assigned);
            const DynamicRow moved = std::move(row);
            is_whole(moved);
            CHECK(row.size() == 0);  // NOLINT(bugprone-use-after-move): what is asked
            assigned = std::move(copy);
            is_whole(assigned);
            CHECK(copy.size() == 0);  // NOLINT(bugprone-use-after-move): what is asked
            row = moved;
            is_whole(row);
            DynamicRow& same = row;
            row = std::move(same);
            is_whole(row);
            row = cairn::row(cairn::step(0), {{"x", 1}});
            CHECK(row.size() == 1);
            CHECK(row["x"] == 1);
        }
    }
}

TEST_CASE("a metric that a dynamic row lacks is missing, not zero", "[core][dynamic_row]") {
    const auto row = cairn::row(
        cairn::step(0), {{"x", 0.0}, {"none", std::optional<double>{}}, {"nan", std::nan("")}, {"t", "5"}});
    CHECK(row.size() == 3);
    CHECK(row["x"_m] == 0.0);
    CHECK(std::isnan(row["none"_m]));
    CHECK(std::isnan(row["never"]));
    CHECK(row.reading<cairn::MetricNamed<"x">>().kind == Reading::Kind::number);
    CHECK(row.reading<cairn::MetricNamed<"none">>().kind == Reading::Kind::missing);
    CHECK(row.reading<cairn::MetricNamed<"never">>().kind == Reading::Kind::missing);
    CHECK(row.reading<cairn::MetricNamed<"nan">>().kind == Reading::Kind::nan);
    CHECK(row.reading<cairn::MetricNamed<"t">>().kind == Reading::Kind::missing);
    CHECK(DynamicRow{}.find("x").kind() == cairn::Value::Kind::none);
}

TEST_CASE("of a name that stands twice the last value is read, and both are visited in order",
          "[core][dynamic_row]") {
    const auto row = cairn::row(cairn::step(0), {{"x", 1}, {"y", 2}, {"x", 3}, {"", 4}});
    CHECK(row["x"] == 3);
    CHECK(row[""] == 4);
    std::vector<double> seen;
    row.for_each([&](std::string_view, const cairn::Value& value) { seen.push_back(value.number()); });
    CHECK(seen == std::vector<double>{1, 2, 3, 4});
}

}  // namespace dynamic_row_test
