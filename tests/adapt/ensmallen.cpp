// SPDX-License-Identifier: MIT
#include <cairn/adapt/ensmallen.hpp>
#include <cairn/cairn.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <ensmallen.hpp>

#include <cstddef>
#include <vector>

namespace ensmallen_test {

using namespace cairn::literals;

namespace {

/// The sum of (x - i)^2 over i of 0 to 9, in ten pieces.
struct Squares {
    static std::size_t NumFunctions() { return 10; }
    static void Shuffle() {}
    static double EvaluateWithGradient(const arma::mat& x, std::size_t first, arma::mat& slope,
                                       std::size_t count) {
        slope.zeros(1, 1);
        double sum = 0;
        for (std::size_t i = first; i < first + count; ++i) {
            const double off = x(0) - static_cast<double>(i);
            sum += off * off;
            slope(0) += 2 * off;
        }
        return sum;
    }
    static double EvaluateWithGradient(const arma::mat& x, arma::mat& slope) {
        return EvaluateWithGradient(x, 0, slope, 10);
    }
};

}  // namespace

TEST_CASE("ensmallen calls back after each epoch, to log, save and stop", "[adapt][ensmallen]") {
    const cairn_test::TempDir folder;
    auto run = cairn::init({.project = "ensmallen", .dir = folder.path()});
    auto checkpoint = run.checkpoint<cairn::Best<"objective", cairn::minimize>>("x");
    Squares squares;
    arma::mat x{100.0}, last;
    std::vector<std::size_t> epochs;
    ens::StandardSGD sgd{0.01, 2, 1000, -1};
    sgd.Optimize(squares, x, cairn::EachEpoch{[&](std::size_t epoch, double objective, const arma::mat& at) {
                     epochs.push_back(epoch);
                     const auto row = run.log(cairn::step(epoch), "objective"_m = objective);
                     checkpoint.step(row, cairn::part("x", at));
                     last = at;
                     return epochs.size() == 4;
                 }});
    REQUIRE(epochs.size() == 4);
    CHECK(epochs[3] == epochs[0] + 3);
    REQUIRE(checkpoint.versions().size() == 4);
    arma::mat restored;
    checkpoint.restore(cairn::latest, cairn::part("x", restored));
    CHECK(restored(0) == last(0));
    CHECK(restored(0) < 100);
}

TEST_CASE("ensmallen calls back after each step of an optimiser without epochs", "[adapt][ensmallen]") {
    Squares squares;
    arma::mat x{100.0};
    std::size_t steps = 0;
    double least = 0;
    ens::L_BFGS{}.Optimize(squares, x, cairn::EachStep{[&](std::size_t step, double objective, const auto&) {
                               CHECK(step == steps++);
                               least = objective;
                           }});
    CHECK(steps > 0);
    CHECK(least == Approx(82.5));

    // Which ensmallen would pass over in silence.
    const auto call = [](std::size_t, double, const auto&) {};
    CHECK_THROWS_AS(ens::L_BFGS{}.Optimize(squares, x = arma::mat{100.0}, cairn::EachEpoch{call}),
                    cairn::error);
}

}  // namespace ensmallen_test
