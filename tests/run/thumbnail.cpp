// SPDX-License-Identifier: MIT
#include <cairn/run/thumbnail.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <limits>
#include <string>

namespace thumbnail_test {

using cairn::detail::Thumbnail;

TEST_CASE("a thumbnail shows a series from its lowest block to its highest", "[run][thumbnail]") {
    Thumbnail rising;
    CHECK(rising.text().empty());
    for (int i = 0; i < 8; ++i) rising.add(i);
    CHECK(rising.text() == "▁▂▃▄▅▆▇█");
    Thumbnail flat;
    flat.add(5);
    flat.add(5);
    CHECK(flat.text() == "▁▁");
}

TEST_CASE("a thumbnail of a long series stays short and keeps its form", "[run][thumbnail]") {
    Thumbnail thumbnail;
    for (int i = 0; i < 100'000; ++i) thumbnail.add(-i);
    const std::string text = thumbnail.text();
    CHECK(text.size() / 3 >= Thumbnail::width);
    CHECK(text.size() / 3 < 2 * Thumbnail::width);
    CHECK(text.substr(0, 3) == "█");
    CHECK(text.substr(text.size() - 3) == "▁");
}

TEST_CASE("a thumbnail passes NaN and infinities over, and bears the greatest numbers", "[run][thumbnail]") {
    constexpr double most = std::numeric_limits<double>::max();
    Thumbnail thumbnail;
    thumbnail.add(std::nan(""));
    thumbnail.add(std::numeric_limits<double>::infinity());
    CHECK(thumbnail.text().empty());
    thumbnail.add(-most);
    thumbnail.add(0);
    thumbnail.add(most);
    CHECK(thumbnail.text() == "▁▅█");
    for (int i = 0; i < 1000; ++i) thumbnail.add(most);
    CHECK(thumbnail.text().ends_with("███"));
}

TEST_CASE("a thumbnail of the least numbers there are has the lowest blocks", "[run][thumbnail]") {
    Thumbnail least;
    least.add(0);
    least.add(5e-324);  // whose half is 0
    CHECK(least.text() == "▁▁");
}

}  // namespace thumbnail_test
