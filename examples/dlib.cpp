// SPDX-License-Identifier: MIT
// A dlib network learns which points lie in a circle; the best on points that it has not seen is kept,
// restored into a fresh network, and gives the same answers.

#include "support/check.hpp"

#include <cairn/adapt/dlib.hpp>
#include <cairn/cairn.hpp>

#include <dlib/dnn.h>
#include <dlib/rand.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <vector>

using namespace cairn::literals;

namespace {

using Point = dlib::matrix<float>;
using Network = dlib::loss_multiclass_log<dlib::fc<2, dlib::relu<dlib::fc<16, dlib::input<Point>>>>>;

struct Points {
    std::vector<Point> x;
    std::vector<unsigned long> inside;
};

Points circle(std::size_t count, dlib::rand& random) {
    Points points;
    for (std::size_t i = 0; i < count; ++i) {
        Point point(2, 1);
        point = 2 * random.get_random_float() - 1, 2 * random.get_random_float() - 1;
        points.inside.push_back(dlib::dot(point, point) < 0.5F ? 1 : 0);
        points.x.push_back(point);
    }
    return points;
}

double wrong(Network& network, const Points& points) {
    const std::vector<unsigned long> answers = network(points.x);
    double count = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) count += answers[i] == points.inside[i] ? 0 : 1;
    return count / static_cast<double>(answers.size());
}

}  // namespace

int main() {
    dlib::rand random{1};
    const Points known = circle(500, random), unseen = circle(500, random);
    Network network;
    dlib::dnn_trainer<Network> trainer{network, dlib::sgd{0, 0.9F}};
    trainer.set_learning_rate(0.05);

    auto run = cairn::init({.project = "dlib", .config = {{"lr", 0.05}}});
    auto checkpoint = run.checkpoint<cairn::Best<"wrong", cairn::minimize>>("circle", cairn::KeepLast<1>{});
    double least = 1;
    for (int epoch = 0; epoch < 100; ++epoch) {
        trainer.train_one_step(known.x, known.inside);
        trainer.get_net();  // waits until the step is done
        const double share = wrong(network, unseen);
        least = std::min(least, share);
        checkpoint.step(run.log(cairn::step(epoch), "wrong"_m = share), cairn::part("model", network));
    }

    Network fresh;
    checkpoint.restore(cairn::best, cairn::part("model", fresh));
    std::printf("%.1f %% of the unseen points are told wrong\n", 100 * least);
    bool well = example::check(wrong(fresh, unseen) == least, "the best version is as good as it was");
    cairn::save("last.dat", cairn::part("model", network));
    Network by_dlib;
    dlib::deserialize("last.dat") >> by_dlib;
    well = example::check(by_dlib(unseen.x) == network(unseen.x), "dlib reads it itself") && well;
    return well && example::check(least < 0.1, "it has learned") ? 0 : 1;
}
