// SPDX-License-Identifier: MIT
// ensmallen fits a line to noisy points; its best coefficients are kept and restored.

#include "support/check.hpp"

#include <cairn/adapt/ensmallen.hpp>
#include <cairn/cairn.hpp>

#include <ensmallen.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>

using namespace cairn::literals;

namespace {

/// The squared errors of y = w0 + w1 x, one function for each point.
struct Line {
    arma::rowvec x, y;

    [[nodiscard]] std::size_t NumFunctions() const { return x.n_elem; }
    static void Shuffle() {}
    [[nodiscard]] double Evaluate(const arma::mat& w, std::size_t first, std::size_t count) const {
        return arma::accu(arma::square(errors(w, first, count)));
    }
    void Gradient(const arma::mat& w, std::size_t first, arma::mat& slope, std::size_t count) const {
        const arma::rowvec off = 2 * errors(w, first, count);
        slope.set_size(2, 1);
        slope(0) = arma::accu(off);
        slope(1) = arma::accu(off % x.cols(first, first + count - 1));
    }
    [[nodiscard]] arma::rowvec errors(const arma::mat& w, std::size_t first, std::size_t count) const {
        return w(0) + w(1) * x.cols(first, first + count - 1) - y.cols(first, first + count - 1);
    }
};

}  // namespace

int main() {
    arma::arma_rng::set_seed(1);
    Line line;
    line.x = arma::randu<arma::rowvec>(200);
    line.y = 3 + 2 * line.x + 0.1 * arma::randn<arma::rowvec>(200);

    auto run = cairn::init({.project = "ensmallen", .config = {{"step_size", 0.01}}});
    auto checkpoint = run.checkpoint<cairn::Best<"objective", cairn::minimize>>("line");
    arma::mat w(2, 1, arma::fill::zeros);
    double least = 1e9;
    ens::Adam adam{0.01, 1, 0.9, 0.999, 1e-8, 8000, -1};
    adam.Optimize(line, w, cairn::EachEpoch{[&](std::size_t epoch, double, const arma::mat& now) {
                      const double objective = line.Evaluate(now, 0, line.NumFunctions());
                      least = std::min(least, objective);
                      const auto row = run.log(cairn::step(epoch), "objective"_m = objective);
                      checkpoint.step(row, cairn::part("coefficients", now));
                  }});

    arma::mat best;
    checkpoint.restore(cairn::best, cairn::part("coefficients", best));
    std::printf("y = %.2f + %.2f x\n", best(0), best(1));
    const bool same = line.Evaluate(best, 0, line.NumFunctions()) == least;
    return example::check(same, "the best fit is restored") && example::check(least < 5, "it fits") ? 0 : 1;
}
