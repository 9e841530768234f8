// SPDX-License-Identifier: MIT
#include <cairn/adapt/dlib.hpp>
#include <cairn/model/model.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"

#include <dlib/dnn.h>
#include <dlib/matrix.h>

#include <sstream>
#include <string>
#include <vector>

namespace dlib_test {

using cairn::errc;
using cairn::part;
using cairn::Shape;
using cairn::detail::decode;
using cairn::detail::encode;
using cairn_test::Files;

namespace {

using InColumns = dlib::matrix<float, 0, 0, dlib::default_memory_manager, dlib::column_major_layout>;

template <class T>
Files saved(T& matrix) {
    Files files;
    encode(part("m", matrix), files.emit()).value();
    return files;
}
cairn::safetensors::File parsed(const Files& files) {
    return cairn::safetensors::parse(cairn_test::bytes_of(files.content.at("m.safetensors"))).value();
}

}  // namespace

TEST_CASE("dlib's matrices are saved as rows whatever order they lie in", "[adapt][dlib]") {
    dlib::matrix<float> matrix(2, 3);
    matrix = 1, 2, 3, 4, 5, 6;
    const Files files = saved(matrix);
    CHECK(parsed(files).find("value")->shape == Shape{2, 3});
    InColumns columns = matrix;
    CHECK(saved(columns).content == files.content);
    const dlib::matrix<float, 2, 3> fixed = matrix;
    CHECK(saved(fixed).content == files.content);

    InColumns other(2, 3), empty;
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(other == matrix);
    REQUIRE(decode(files.find(), part("m", empty)));
    CHECK(empty == matrix);
    dlib::matrix<float, 0, 2> two_columns;
    CHECK(decode(files.find(), part("m", two_columns)).error().code() == errc::mismatch);
    CHECK(two_columns.size() == 0);

    dlib::matrix<double, 0, 1> vector(3), none;
    vector = 1, 2, 3;
    CHECK(parsed(saved(vector)).find("value")->shape == Shape{3});
    REQUIRE(decode(saved(vector).find(), part("m", none)));
    CHECK(none == vector);
}

TEST_CASE("a dlib network is the file that dlib writes, and is restored from it", "[adapt][dlib]") {
    using Network =
        dlib::loss_mean_squared<dlib::fc<1, dlib::relu<dlib::fc<4, dlib::input<dlib::matrix<float>>>>>>;
    Network network, other;
    const dlib::matrix<float> x = dlib::ones_matrix<float>(2, 1);
    const float before = network(x);  // gives it its parameters
    const Files files = saved(network);
    std::istringstream in{files.content.at("m.bin")};
    Network by_dlib;
    dlib::deserialize(by_dlib, in);
    CHECK(by_dlib(x) == before);
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(other(x) == before);

    Files damaged = files;
    damaged.content["m.bin"].resize(20);
    CHECK(decode(damaged.find(), part("m", other)).error().code() == errc::user);
    CHECK(other(x) == before);
}

}  // namespace dlib_test
