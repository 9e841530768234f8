// SPDX-License-Identifier: MIT
// In which order versions are handed on.
#include <cairn/mirror/versions.hpp>

#include "support/catch.hpp"

#include <string>
#include <vector>

namespace versions_test {

TEST_CASE("mirrors: versions are handed on by their numbers", "[mirror]") {
    const cairn::detail::VersionNames names{"net:v10", "net:v9", "a:v2", "net:v0", "net-2:v1"};
    CHECK(std::vector<std::string>(names.begin(), names.end()) ==
          std::vector<std::string>{"a:v2", "net:v0", "net:v9", "net:v10", "net-2:v1"});
}

}  // namespace versions_test
