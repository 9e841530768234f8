// SPDX-License-Identifier: MIT
// A network of two layers, written with Eigen, learns to tell two spirals apart. The best one on points that
// it has not seen is kept, and loaded into a fresh network, which gives the same answers.

#include "support/check.hpp"

#include <cairn/adapt/eigen.hpp>
#include <cairn/cairn.hpp>

#include <Eigen/Core>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>

using namespace cairn::literals;

namespace {

struct Points {
    Eigen::MatrixXf x;  // a column for each point
    Eigen::RowVectorXf label;
};

Points spirals(Eigen::Index count, std::uint32_t seed) {
    std::mt19937 random{seed};
    std::uniform_real_distribution<float> along{0.3F, 1};
    std::normal_distribution<float> noise{0, 0.02F};
    Points points{Eigen::MatrixXf(2, count), Eigen::RowVectorXf(count)};
    for (Eigen::Index i = 0; i < count; ++i) {
        const float r = along(random), turn = 6 * r + (i % 2 == 0 ? 0.0F : 3.14159F);
        points.x.col(i) << r * std::cos(turn) + noise(random), r * std::sin(turn) + noise(random);
        points.label(i) = i % 2 == 0 ? 0.0F : 1.0F;
    }
    return points;
}

/// Also its own gradient and momentum: each is a set of the same matrices. Only `describe` is for cairn.
struct Network {
    Eigen::MatrixXf in, out;
    Eigen::VectorXf in_bias, out_bias;

    static Network zeros() {
        constexpr int hidden = 32;
        return {Eigen::MatrixXf::Zero(hidden, 2), Eigen::MatrixXf::Zero(1, hidden),
                Eigen::VectorXf::Zero(hidden), Eigen::VectorXf::Zero(1)};
    }
    static Network random(std::uint32_t seed) {
        std::mt19937 engine{seed};
        std::normal_distribution<float> normal;
        Network network = zeros();
        network.in = network.in.unaryExpr([&](float) { return 3 * normal(engine); });
        network.out = network.out.unaryExpr([&](float) { return 0.2F * normal(engine); });
        network.in_bias = network.in_bias.unaryExpr([&](float) { return normal(engine); });
        return network;
    }

    [[nodiscard]] Eigen::MatrixXf hidden(const Eigen::MatrixXf& x) const {
        return ((in * x).colwise() + in_bias).array().tanh();
    }
    /// How likely each point is of the second spiral.
    [[nodiscard]] Eigen::RowVectorXf answer(const Eigen::MatrixXf& x) const {
        const Eigen::MatrixXf score = (out * hidden(x)).colwise() + out_bias;
        return 1 / (1 + (-score.array()).exp());
    }

    void describe(auto& fields) {
        fields("in.weight", in);
        fields("in.bias", in_bias);
        fields("out.weight", out);
        fields("out.bias", out_bias);
    }
};

double loss_of(const Network& network, const Points& points) {
    const Eigen::ArrayXXf p = network.answer(points.x).array().max(1e-6F).min(1 - 1e-6F);
    const auto label = points.label.array();
    return -static_cast<double>((label * p.log() + (1 - label) * (1 - p).log()).mean());
}

/// One step of gradient descent with momentum.
void train(Network& network, Network& momentum, const Points& points) {
    constexpr float rate = 0.5F, keep = 0.9F;
    const Eigen::MatrixXf h = network.hidden(points.x);
    const Eigen::RowVectorXf slope =
        (network.answer(points.x) - points.label) / static_cast<float>(points.label.size());
    const Eigen::MatrixXf back = (network.out.transpose() * slope).array() * (1 - h.array().square());
    const auto move = [=](auto& parameter, auto& speed, const auto& gradient) {
        speed = keep * speed + gradient;
        parameter -= rate * speed;
    };
    move(network.out, momentum.out, slope * h.transpose());
    move(network.out_bias, momentum.out_bias, slope.rowwise().sum());
    move(network.in, momentum.in, back * points.x.transpose());
    move(network.in_bias, momentum.in_bias, back.rowwise().sum());
}

}  // namespace

int main() {
    const Points known = spirals(400, 1), unseen = spirals(200, 2);
    Network network = Network::random(3), momentum = Network::zeros();

    auto run = cairn::init({.project = "eigen", .config = {{"hidden", network.in.rows()}}});
    auto checkpoint =
        run.checkpoint("spirals", cairn::Best<"val_loss", cairn::minimize>{} & cairn::EveryN<50>{});
    for (int step = 0; step < 500; ++step) {
        train(network, momentum, known);
        const auto row = run.log(cairn::step(step), "loss"_m = loss_of(network, known),
                                 "val_loss"_m = loss_of(network, unseen));
        checkpoint.step(row, cairn::part("model", network), cairn::part("momentum", momentum));
    }
    checkpoint.save(run.log(cairn::step(500), "val_loss"_m = loss_of(network, unseen)),
                    cairn::part("model", network), cairn::part("momentum", momentum));

    Network again, speed;  // empty: they take the sizes that the file has
    checkpoint.restore(cairn::latest, cairn::part("model", again), cairn::part("momentum", speed));
    std::printf(
        "%.1f %% of the unseen points are told right\n",
        static_cast<double>(
            100 *
            ((again.answer(unseen.x).array() > 0.5F) == (unseen.label.array() > 0.5F)).cast<float>().mean()));
    bool well = example::check(again.answer(unseen.x) == network.answer(unseen.x),
                               "the restored network gives the same answers");
    train(network, momentum, known);
    train(again, speed, known);
    well = example::check(again.in == network.in && again.out_bias == network.out_bias,
                          "the next step of training is the same") &&
           well;
    return well && example::check(loss_of(network, unseen) < 0.2, "it has learned") ? 0 : 1;
}
