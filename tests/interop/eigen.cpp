// SPDX-License-Identifier: MIT
// One matrix, kept by Eigen in every order, for compare_eigen.py: eigen write|read FILE
#include <cairn/adapt/eigen.hpp>
#include <cairn/cairn.hpp>

#include <Eigen/Core>

#include <cstdio>
#include <string_view>

namespace {

struct Matrices {
    Eigen::MatrixXd columns;
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows;
    Eigen::Matrix<float, 2, 3> fixed;
    Eigen::VectorXi vector;
    void describe(auto& fields) {
        fields("columns", columns);
        fields("rows", rows);
        fields("fixed", fixed);
        fields("vector", vector);
    }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    Matrices matrices;
    if (std::string_view{argv[1]} == "write") {
        matrices.columns.resize(2, 3);
        matrices.columns << 1, 2, 3, 4, 5, 6;
        matrices.rows = matrices.columns;
        matrices.fixed = matrices.columns.cast<float>();
        matrices.vector = Eigen::VectorXi::LinSpaced(4, 0, 3);
        cairn::save(argv[2], cairn::part("matrices", matrices));
        return 0;
    }
    cairn::load(argv[2], cairn::part("matrices", matrices));
    Eigen::MatrixXd expected(2, 3);
    expected << 10, 20, 30, 40, 50, 60;
    const bool same = matrices.columns == expected && matrices.rows == expected &&
                      matrices.fixed.cast<double>() == expected && matrices.vector(3) == 30;
    std::puts(same ? "the same" : "not the same");
    return same ? 0 : 1;
}
