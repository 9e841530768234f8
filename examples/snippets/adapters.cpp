// SPDX-License-Identifier: MIT
// The code of docs/adapters.md that needs no framework; the rest is in examples/; tests/readme.py compares.
#include <cairn/cairn.hpp>

#include <istream>
#include <ostream>
#include <vector>

namespace theirs {

class Grid {
  public:
    [[nodiscard]] int height() const { return 2; }
    [[nodiscard]] int width() const { return 3; }
    float* data() { return values_.data(); }
    [[nodiscard]] const float* data() const { return values_.data(); }

  private:
    std::vector<float> values_ = std::vector<float>(6);
};

class Forest {
  public:
    void write(std::ostream& out) const { out << trees_; }
    void read(std::istream& in) { in >> trees_; }

  private:
    int trees_ = 0;
};

}  // namespace theirs

template <>
struct cairn::describe_for<theirs::Grid> {
    static void describe(auto& self, auto& fields) { fields("", self.data(), {self.height(), self.width()}); }
};

template <>
struct cairn::stream_for<theirs::Forest> {
    static void save(const theirs::Forest& forest, std::ostream& out) { forest.write(out); }
    static void load(theirs::Forest& forest, std::istream& in) { forest.read(in); }
};

void save(theirs::Grid& grid, theirs::Forest& forest) {
    cairn::save("folder", cairn::part("grid", grid), cairn::part("forest", forest));
}
