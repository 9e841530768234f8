// SPDX-License-Identifier: MIT
#include <cairn/adapt/eigen.hpp>
#include <cairn/model/model.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"

#include <Eigen/Core>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

namespace eigen_test {

using cairn::errc;
using cairn::part;
using cairn::Shape;
using cairn::detail::decode;
using cairn::detail::encode;
using cairn_test::Files;

namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class T>
struct Holder {
    T w;
    static void describe(auto& self, auto& fields) { fields("w", self.w); }
};
template <class T>
Holder(T) -> Holder<T>;

template <class T>
Files saved(const Holder<T>& holder) {
    Files files;
    encode(part("m", holder), files.emit()).value();
    return files;
}

template <class T>
std::vector<T> elements(const Files& files, const Shape& shape) {
    const auto file =
        cairn::safetensors::parse(cairn_test::bytes_of(files.content.at("m.safetensors"))).value();
    REQUIRE(file.tensors.size() == 1);
    CHECK(file.tensors[0].name == "w");
    CHECK(file.tensors[0].dtype == cairn::dtype_of<T>);
    CHECK(file.tensors[0].shape == shape);
    std::vector<T> out(file.tensors[0].bytes.size() / sizeof(T));
    cairn::detail::copy_elements(reinterpret_cast<std::byte*>(out.data()), file.tensors[0].bytes, sizeof(T));
    return out;
}

const std::vector<float> counted{1, 2, 3, 4, 5, 6};

}  // namespace

TEST_CASE("Eigen's matrices are saved as rows whatever order they lie in", "[adapt][eigen]") {
    Holder<Eigen::MatrixXf> columns{Eigen::MatrixXf(2, 3)};
    columns.w << 1, 2, 3, 4, 5, 6;
    const Files files = saved(columns);
    CHECK(elements<float>(files, {2, 3}) == counted);
    CHECK(saved(Holder<RowMajor>{columns.w}).content == files.content);
    CHECK(saved(Holder<Eigen::ArrayXXf>{columns.w.array()}).content == files.content);
    CHECK(saved(Holder<Eigen::Matrix<float, 2, 3>>{columns.w}).content == files.content);
    CHECK(saved(Holder<Eigen::Matrix<float, 2, 3, Eigen::RowMajor>>{columns.w}).content == files.content);

    Holder<Eigen::MatrixXf> other{Eigen::MatrixXf::Zero(2, 3)};
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(other.w == columns.w);
    Holder<RowMajor> rows{RowMajor::Zero(2, 3)};
    REQUIRE(decode(files.find(), part("m", rows)));
    CHECK(rows.w == columns.w);
    Holder<Eigen::MatrixXf> turned{Eigen::MatrixXf::Zero(3, 2)};
    CHECK(decode(files.find(), part("m", turned)).error().code() == errc::mismatch);
    CHECK(turned.w.isZero());
}

TEST_CASE("Eigen's vectors have one dimension, fixed ones too", "[adapt][eigen]") {
    const Eigen::VectorXd v{{1.5, -2, 3}};
    const Files files = saved(Holder<Eigen::VectorXd>{v});
    CHECK(elements<double>(files, {3}) == std::vector<double>{1.5, -2, 3});
    CHECK(saved(Holder<Eigen::RowVectorXd>{v.transpose()}).content == files.content);
    CHECK(saved(Holder<Eigen::Vector3d>{v}).content == files.content);
    Holder<Eigen::Array3d> other{Eigen::Array3d::Zero()};
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(other.w.matrix() == v);
}

TEST_CASE("Eigen's maps and blocks with gaps leave the gaps alone", "[adapt][eigen]") {
    std::array<float, 12> memory{};
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i);
    using Gaps = Eigen::Map<Eigen::MatrixXf, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
    Holder<Gaps> gaps{Gaps{memory.data(), 2, 3, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>{4, 2}}};
    const Files files = saved(gaps);
    CHECK(elements<float>(files, {2, 3}) == std::vector<float>{0, 4, 8, 2, 6, 10});
    const auto before = memory;
    gaps.w.setConstant(-1);
    REQUIRE(decode(files.find(), part("m", gaps)));
    CHECK(memory == before);

    Eigen::MatrixXf whole = Eigen::MatrixXf::Zero(4, 4);
    auto block = whole.block(1, 1, 2, 3);
    Holder<decltype(block)> part_of_it{block};
    REQUIRE(decode(files.find(), part("m", part_of_it)));
    CHECK(whole(1, 2) == 4);
    CHECK(whole(2, 1) == 2);
    CHECK(whole.sum() == 30);

    const Eigen::VectorXf one = Eigen::VectorXf::LinSpaced(6, 1, 6);
    Holder<Eigen::Map<const Eigen::VectorXf, 0, Eigen::InnerStride<2>>> every_second{
        Eigen::Map<const Eigen::VectorXf, 0, Eigen::InnerStride<2>>{one.data(), 3}};
    CHECK(elements<float>(saved(every_second), {3}) == std::vector<float>{1, 3, 5});
    CHECK(decode(saved(every_second).find(), part("m", every_second)).error().code() ==
          errc::invalid_argument);
}

TEST_CASE("an empty matrix takes the file's size, within what its type allows", "[adapt][eigen]") {
    Holder<Eigen::MatrixXf> matrix{Eigen::MatrixXf(2, 3)};
    matrix.w << 1, 2, 3, 4, 5, 6;
    const Files files = saved(matrix);
    Holder<Eigen::MatrixXf> empty;
    REQUIRE(decode(files.find(), part("m", empty)));
    CHECK(empty.w == matrix.w);
    Holder<RowMajor> rows;
    REQUIRE(decode(files.find(), part("m", rows)));
    CHECK(rows.w == matrix.w);
    Holder<Eigen::Matrix<float, 2, Eigen::Dynamic>> two_rows;
    REQUIRE(decode(files.find(), part("m", two_rows)));
    CHECK(two_rows.w == matrix.w);
    Holder<Eigen::Matrix<float, 3, Eigen::Dynamic>> three_rows;
    CHECK(decode(files.find(), part("m", three_rows)).error().code() == errc::mismatch);
    Holder<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, 0, 2, 2>> small;
    CHECK(decode(files.find(), part("m", small)).error().code() == errc::mismatch);
    Holder<Eigen::VectorXf> vector;
    CHECK(decode(files.find(), part("m", vector)).error().code() == errc::mismatch);
    REQUIRE(decode(saved(Holder<Eigen::VectorXf>{Eigen::VectorXf::Ones(4)}).find(), part("m", vector)));
    CHECK(vector.w.sum() == 4);

    Holder<Eigen::MatrixXf> none{Eigen::MatrixXf(0, 5)};
    CHECK(elements<float>(saved(none), {0, 5}).empty());
    Holder<Eigen::MatrixXf> same{Eigen::MatrixXf(0, 5)};
    CHECK(decode(saved(none).find(), part("m", same)));
}

TEST_CASE("Eigen's small floats are those of safetensors, and a matrix alone is a part", "[adapt][eigen]") {
    Holder<Eigen::Array<Eigen::half, 2, 1>> half{{Eigen::half{1.5F}, Eigen::half{-2.0F}}};
    CHECK(elements<Eigen::half>(saved(half), {2})[1] == Eigen::half{-2.0F});
    Holder<Eigen::Array<Eigen::bfloat16, 2, 1>> brain{{Eigen::bfloat16{1.5F}, Eigen::bfloat16{-2.0F}}};
    CHECK(elements<Eigen::bfloat16>(saved(brain), {2})[0] == Eigen::bfloat16{1.5F});

    Eigen::Matrix2f matrix;
    matrix << 1, 2, 3, 4;
    Files files;
    REQUIRE(encode(part("matrix", matrix), files.emit()));
    const auto file =
        cairn::safetensors::parse(cairn_test::bytes_of(files.content.at("matrix.safetensors"))).value();
    CHECK(file.find("value") != nullptr);
    Eigen::MatrixXf other;
    REQUIRE(decode(files.find(), part("matrix", other)));
    CHECK(other == matrix);
}

}  // namespace eigen_test
