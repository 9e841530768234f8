// SPDX-License-Identifier: MIT
#include <cairn/adapt/armadillo.hpp>
#include <cairn/model/model.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"

#include <armadillo>

namespace armadillo_test {

using cairn::errc;
using cairn::part;
using cairn::Shape;
using cairn::detail::decode;
using cairn::detail::encode;
using cairn_test::Files;

TEST_CASE("Armadillo's matrices are saved as rows and its vectors have one dimension", "[adapt][armadillo]") {
    const auto saved = [](auto& matrix) {
        Files files;
        encode(part("m", matrix), files.emit()).value();
        return files;
    };
    const auto shape_of = [](const Files& files) {
        return cairn::safetensors::parse(cairn_test::bytes_of(files.content.at("m.safetensors")))
            .value()
            .find("value")
            ->shape;
    };
    const arma::mat matrix{{1, 2, 3}, {4, 5, 6}};
    const Files files = saved(matrix);
    CHECK(shape_of(files) == Shape{2, 3});
    const double in_rows[2][3] = {{1, 2, 3}, {4, 5, 6}};
    struct Plain {
        const double (&value)[2][3];
        void describe(cairn::Fields& fields) { fields("value", value); }
    } plain{in_rows};
    CHECK(saved(plain).content == files.content);

    arma::mat other(2, 3), empty, turned(3, 2);
    arma::mat::fixed<2, 3> fixed;
    REQUIRE(decode(files.find(), part("m", other)));
    REQUIRE(decode(files.find(), part("m", empty)));
    REQUIRE(decode(files.find(), part("m", fixed)));
    CHECK(arma::approx_equal(other, matrix, "absdiff", 0));
    CHECK(arma::approx_equal(empty, matrix, "absdiff", 0));
    CHECK(arma::approx_equal(fixed, matrix, "absdiff", 0));
    CHECK(decode(files.find(), part("m", turned)).error().code() == errc::mismatch);

    arma::fvec column{1, 2, 3}, none;
    arma::frowvec row{1, 2, 3};
    CHECK(shape_of(saved(column)) == Shape{3});
    CHECK(saved(row).content == saved(column).content);
    REQUIRE(decode(saved(row).find(), part("m", none)));
    CHECK(arma::approx_equal(none, column, "absdiff", 0));
}

}  // namespace armadillo_test
