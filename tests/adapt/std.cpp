// SPDX-License-Identifier: MIT
#include <cairn/adapt/std.hpp>
#include <cairn/model/model.hpp>
#include <cairn/model/tensors_of.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace std_test {

using cairn::errc;
using cairn::part;
using cairn::Shape;
using cairn::detail::decode;
using cairn::detail::encode;
using cairn_test::Files;

namespace {

struct Layer {
    std::vector<float> weight{1, 2};
    static void describe(auto& self, auto& fields) { fields("weight", self.weight); }
};

struct Model {
    std::vector<Layer> layers = std::vector<Layer>(2);
    std::array<std::vector<double>, 2> rows{{{1}, {2, 3}}};
    std::map<std::string, Layer> heads{{"a", {}}, {"b", {{7}}}};
    std::unique_ptr<Layer> there = std::make_unique<Layer>(), absent;
    std::optional<float> rate = 0.5F;
    float plain[2][3] = {{1, 2, 3}, {4, 5, 6}};
    std::array<std::array<int, 2>, 2> nested{{{1, 2}, {3, 4}}};
    static void describe(auto& self, auto& fields) {
        fields("layers", self.layers);
        fields("rows", self.rows);
        fields("heads", self.heads);
        fields("there", self.there);
        fields("absent", self.absent);
        fields("rate", self.rate);
        fields("plain", self.plain);
        fields("nested", self.nested);
    }
};

/// What std::mdspan has of C++23.
template <class T, std::size_t Rank>
struct View {
    using element_type = T;
    T* data;
    std::array<std::size_t, Rank> extents, strides;
    static constexpr std::size_t rank() { return Rank; }
    T* data_handle() const { return data; }
    std::size_t extent(std::size_t d) const { return extents[d]; }
    std::size_t stride(std::size_t d) const { return strides[d]; }
};
template <class T, std::size_t Rank>
struct Viewed {
    View<T, Rank> view;
    void describe(auto& fields) { fields("w", view); }
};

template <class T>
Files saved(T& object) {
    Files files;
    encode(part("m", object), files.emit()).value();
    return files;
}
cairn::safetensors::File parsed(const Files& files) {
    return cairn::safetensors::parse(cairn_test::bytes_of(files.content.at("m.safetensors"))).value();
}

}  // namespace

TEST_CASE("vectors, maps and pointers of parts of a model are described by their places", "[adapt][std]") {
    Model model;
    const Files files = saved(model);
    const auto file = parsed(files);
    std::vector<std::string> names;
    for (const auto& tensor : file.tensors) names.push_back(tensor.name);
    CHECK(names == std::vector<std::string>{"heads.a.weight", "heads.b.weight", "layers.0.weight",
                                            "layers.1.weight", "nested", "plain", "rate", "rows.0", "rows.1",
                                            "there.weight"});
    CHECK(file.find("plain")->shape == Shape{2, 3});
    CHECK(file.find("nested")->shape == Shape{2, 2});
    CHECK(file.find("nested")->dtype == cairn::Dtype::I32);
    const Model& fixed = model;
    CHECK(saved(fixed).content == files.content);

    Model other;
    other.layers[1].weight = {0, 0};
    other.heads.at("b").weight = {0};
    other.rows[1] = {0, 0};
    other.plain[1][2] = 0;
    other.nested[0][1] = 0;
    other.rate = 0;
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(saved(other).content == files.content);
    CHECK(other.plain[1][2] == 6);

    other.layers.pop_back();
    const auto done = decode(files.find(), part("m", other));
    REQUIRE_FALSE(done);
    CHECK(std::string_view{done.error().what()}.find("not in the model: \"layers.1.weight\"") !=
          std::string_view::npos);
}

TEST_CASE("a view of any layout is saved in row-major order", "[adapt][std]") {
    std::vector<float> values(24);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    Viewed<float, 3> rows{{values.data(), {2, 3, 4}, {12, 4, 1}}};
    Viewed<const float, 3> turned{{values.data(), {4, 3, 2}, {1, 4, 12}}};
    CHECK(parsed(saved(rows)).find("w")->shape == Shape{2, 3, 4});
    CHECK(parsed(saved(turned)).find("w")->shape == Shape{4, 3, 2});
    CHECK(decode(saved(turned).find(), part("m", turned)).error().code() == errc::invalid_argument);

    float start[3];
    const Files as_rows = saved(turned);
    const auto file = parsed(as_rows);
    cairn::detail::copy_elements(reinterpret_cast<std::byte*>(start),
                                 file.find("w")->bytes.first(sizeof start), sizeof(float));
    CHECK(std::vector<float>(start, start + 3) == std::vector<float>{0, 12, 4});

    // The transposed of the transposed is the first again.
    std::vector<float> again(24);
    Viewed<float, 3> target{{again.data(), {4, 3, 2}, {1, 4, 12}}};
    REQUIRE(decode(saved(turned).find(), part("m", target)));
    CHECK(again == values);
    CHECK(cairn::tensors_of(rows).value()[0].bytes.data() == reinterpret_cast<std::byte*>(values.data()));

    Viewed<float, 2> none{{nullptr, {0, 3}, {3, 1}}};
    CHECK(parsed(saved(none)).find("w")->shape == Shape{0, 3});
    Viewed<float, 0> scalar{{values.data() + 5, {}, {}}};
    CHECK(parsed(saved(scalar)).find("w")->shape.rank() == 0);
}

}  // namespace std_test
