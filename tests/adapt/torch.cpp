// SPDX-License-Identifier: MIT
#include <cairn/adapt/torch.hpp>
#include <cairn/cairn.hpp>
#include <cairn/model/model.hpp>
#include <cairn/run/watch.hpp>
#include <cairn/store/media_file.hpp>

#include "model/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace torch_test {

using namespace cairn::literals;
using cairn::errc;
using cairn::part;
using cairn::detail::decode;
using cairn::detail::encode;
using cairn_test::Files;

namespace {

cairn::safetensors::File parsed(const Files& files) {
    return cairn::safetensors::parse(cairn_test::bytes_of(files.content.at("m.safetensors"))).value();
}
template <class T>
Files saved(T& object) {
    Files files;
    encode(part("m", object), files.emit()).value();
    return files;
}
std::vector<std::string> names_of(const Files& files) {
    std::vector<std::string> names;
    for (const auto& tensor : parsed(files).tensors) names.push_back(tensor.name);
    return names;
}

struct NetImpl : torch::nn::Module {
    torch::nn::Linear in{nullptr}, out{nullptr};
    torch::nn::BatchNorm1d norm{nullptr};
    NetImpl() {
        in = register_module("in", torch::nn::Linear(3, 4));
        norm = register_module("norm", torch::nn::BatchNorm1d(4));
        out = register_module("out", torch::nn::Linear(torch::nn::LinearOptions(4, 1).bias(false)));
    }
    torch::Tensor forward(const torch::Tensor& x) { return out(norm(in(x)).relu()); }
};
TORCH_MODULE(Net);

const torch::Tensor inputs = torch::randn({16, 3});

double step(Net& net, torch::optim::Optimizer& optimizer) {
    torch::Tensor loss;
    optimizer.step([&] {
        optimizer.zero_grad();
        loss = net(inputs).pow(2).mean();
        loss.backward();
        return loss;
    });
    return loss.item<double>();
}

/// A fresh pair that is restored goes on as the first one does, from the first step and from the third.
template <class Optimizer, class Options>
void goes_on_alike(const Options& options, const Options& others) {
    Net net;
    Optimizer optimizer{net->parameters(), options};
    net->in->weight.set_requires_grad(false);  // no state is ever made for it
    Files at_first, files;
    REQUIRE(encode(part("net", net), at_first.emit()));
    encode(part("optimizer", optimizer), at_first.emit()).value();
    const double first = step(net, optimizer);
    step(net, optimizer);
    REQUIRE(encode(part("net", net), files.emit()));
    encode(part("optimizer", optimizer), files.emit()).value();

    Net fresh;
    fresh->in->weight.set_requires_grad(false);
    Optimizer fresh_optimizer{fresh->parameters(), others};
    decode(files.find(), part("net", fresh), part("optimizer", fresh_optimizer)).value();
    for (int i = 0; i < 3; ++i) {
        const double here = step(net, optimizer), there = step(fresh, fresh_optimizer);
        CHECK(here == there);
    }
    CHECK(torch::equal(net->out->weight, fresh->out->weight));

    decode(at_first.find(), part("net", fresh), part("optimizer", fresh_optimizer)).value();
    CHECK(step(fresh, fresh_optimizer) == first);
    step(fresh, fresh_optimizer);
    Files again;
    REQUIRE(encode(part("net", fresh), again.emit()));
    CHECK(again.content.at("net.safetensors") == files.content.at("net.safetensors"));
}

}  // namespace

TEST_CASE("a module is saved under the names that Python gives", "[adapt][torch]") {
    Net net;
    const Files files = saved(net);
    CHECK(names_of(files) == std::vector<std::string>{"in.bias", "in.weight", "norm.bias",
                                                      "norm.num_batches_tracked", "norm.running_mean",
                                                      "norm.running_var", "norm.weight", "out.weight"});
    const auto file = parsed(files);
    CHECK(file.find("in.weight")->shape == cairn::Shape{4, 3});
    CHECK(file.find("norm.num_batches_tracked")->dtype == cairn::Dtype::I64);
    CHECK(file.find("norm.num_batches_tracked")->shape.rank() == 0);

    // As a holder, a pointer, a module, a const one, a field.
    CHECK(saved(*net).content == files.content);
    const auto pointer = net.ptr();
    CHECK(saved(pointer).content == files.content);
    const NetImpl& fixed = *net;
    CHECK(saved(fixed).content == files.content);
    struct Holder {
        Net net;
        torch::Tensor scale = torch::ones({2});
        void describe(cairn::Fields& fields) {
            fields("net", net);
            fields("scale", scale);
        }
    } holder{net};
    CHECK(parsed(saved(holder)).find("net.in.weight") != nullptr);
    CHECK(parsed(saved(holder)).find("scale") != nullptr);

    Net other;
    other->forward(inputs);  // its buffers are not as new
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(saved(other).content == files.content);
    CHECK(other->in->weight.requires_grad());

    const std::shared_ptr<NetImpl> none;
    Files nothing;
    CHECK(encode(part("m", none), nothing.emit()).error().code() == errc::invalid_argument);
}

TEST_CASE("a tensor with gaps, turned or negated is saved in row-major order", "[adapt][torch]") {
    const torch::Tensor whole = torch::arange(12, torch::kFloat).reshape({3, 4});
    torch::Tensor turned = whole.t();
    torch::Tensor plain = turned.contiguous();
    const Files files = saved(turned);
    CHECK(files.content == saved(plain).content);
    turned.zero_();
    REQUIRE(decode(files.find(), part("m", turned)));
    CHECK(torch::equal(turned, plain));
    CHECK(whole[0][1].item<float>() == 1);  // through the view

    torch::Tensor column = whole.slice(1, 1, 2);
    const Files three = saved(column);
    CHECK(parsed(three).find("value")->shape == cairn::Shape{3, 1});
    column.fill_(-1);
    REQUIRE(decode(three.find(), part("m", column)));
    CHECK(whole[2][1].item<float>() == 9);
    CHECK(whole[2][2].item<float>() == 10);

    torch::Tensor negated = at::_neg_view(torch::ones({2}));
    REQUIRE(negated.is_neg());
    torch::Tensor minus = torch::full({2}, -1.0F);
    CHECK(saved(negated).content == saved(minus).content);
}

TEST_CASE("each of LibTorch's dtypes that safetensors has is kept", "[adapt][torch]") {
    for (const auto type : {torch::kFloat, torch::kDouble, torch::kHalf, torch::kBFloat16, torch::kLong,
                            torch::kInt, torch::kShort, torch::kChar, torch::kByte, torch::kBool}) {
        torch::Tensor tensor = torch::ones({2, 2}, type), other = torch::zeros({2, 2}, type);
        INFO(c10::toString(type));
        const Files files = saved(tensor);
        CHECK(parsed(files).tensors[0].bytes.size() == tensor.nbytes());
        REQUIRE(decode(files.find(), part("m", other)));
        CHECK(torch::equal(tensor, other));
    }
    torch::Tensor whole = torch::ones({2}, torch::kLong), real = torch::ones({2}, torch::kFloat);
    CHECK(decode(saved(whole).find(), part("m", real)).error().code() == errc::mismatch);
    torch::Tensor scalar = torch::tensor(2.5), none = torch::empty({0, 3});
    CHECK(parsed(saved(scalar)).tensors[0].shape.rank() == 0);
    CHECK(parsed(saved(none)).tensors[0].shape == cairn::Shape{0, 3});
    CHECK(decode(saved(none).find(), part("m", none)));
}

TEST_CASE("tensors that no file can hold are refused by name", "[adapt][torch]") {
    const auto refused = [](torch::Tensor tensor, std::string_view why) {
        Files files;
        const auto done = encode(part("m", tensor), files.emit());
        REQUIRE_FALSE(done);
        INFO(done.error().what());
        CHECK(done.error().code() == errc::unsupported);
        CHECK(std::string_view{done.error().what()}.find(why) != std::string_view::npos);
    };
    refused(torch::ones({2}, torch::kComplexFloat), "ComplexFloat");
    refused(torch::eye(2).to_sparse(), "sparse");
    refused(torch::Tensor{}, "undefined");
}

TEST_CASE("an optimiser that is restored takes the next steps alike", "[adapt][torch]") {
    using namespace torch::optim;
    goes_on_alike<Adam>(AdamOptions(0.01).amsgrad(true), AdamOptions(1).amsgrad(true));
    goes_on_alike<Adam>(AdamOptions(0.01), AdamOptions(1));
    goes_on_alike<AdamW>(AdamWOptions(0.01), AdamWOptions(1));
    goes_on_alike<SGD>(SGDOptions(0.01).momentum(0.9), SGDOptions(1).momentum(0.9));
    goes_on_alike<SGD>(SGDOptions(0.01), SGDOptions(1));
    goes_on_alike<RMSprop>(RMSpropOptions(0.01).momentum(0.9).centered(true),
                           RMSpropOptions(1).momentum(0.9).centered(true));
    goes_on_alike<Adagrad>(AdagradOptions(0.01), AdagradOptions(1));
}

namespace {

struct NoOptions : torch::optim::OptimizerCloneableOptions<NoOptions> {};

/// One of the user's own, with a state that only it knows.
class Shrinking : public torch::optim::Optimizer {
  public:
    double rate = 0.5;
    explicit Shrinking(const torch::Tensor& tensor)
        : Optimizer(std::vector{tensor}, std::make_unique<NoOptions>()) {}
    torch::Tensor step(LossClosure) override {
        const torch::NoGradGuard guard;
        for (torch::Tensor& tensor : param_groups()[0].params()) tensor.mul_(rate *= 0.5);
        return {};
    }
    void save(torch::serialize::OutputArchive& archive) const override { archive.write("rate", rate); }
    void load(torch::serialize::InputArchive& archive) override {
        c10::IValue loaded;
        archive.read("rate", loaded);
        rate = loaded.toDouble();
    }
};

}  // namespace

TEST_CASE("any other optimiser is saved as LibTorch saves it", "[adapt][torch]") {
    torch::Tensor tensor = torch::ones({2});
    Shrinking optimizer{tensor}, other{tensor};
    optimizer.step({});
    const Files files = saved(optimizer);
    CHECK(names_of(files) == std::vector<std::string>{"archive"});
    CHECK(parsed(files).tensors[0].dtype == cairn::Dtype::U8);
    REQUIRE(decode(files.find(), part("m", other)));
    CHECK(other.rate == 0.25);

    // Some versions of LibTorch cannot save an LBFGS that has been used: then that is said.
    torch::Tensor weight = torch::ones({2}).set_requires_grad(true);
    torch::optim::LBFGS lbfgs{{weight}, torch::optim::LBFGSOptions(0.1)};
    CHECK(names_of(saved(lbfgs)) == std::vector<std::string>{"archive"});
    lbfgs.step([&] {
        lbfgs.zero_grad();
        torch::Tensor loss = weight.pow(2).sum();
        loss.backward();
        return loss;
    });
    Files later;
    const auto done = encode(part("m", lbfgs), later.emit());
    CHECK((done || done.error().code() == errc::user));
    CHECK((done || std::string_view{done.error().what()}.find("frame #") == std::string_view::npos));
}

TEST_CASE("an optimiser's state is numbered as in Python", "[adapt][torch]") {
    torch::Tensor a = torch::ones({2, 3}).set_requires_grad(true),
                  b = torch::ones({}).set_requires_grad(true);
    torch::optim::Adam adam{{torch::optim::OptimizerParamGroup{{a}}, torch::optim::OptimizerParamGroup{{b}}},
                            torch::optim::AdamOptions(0.5)};
    CHECK(parsed(saved(adam)).find("state.1.exp_avg")->shape == cairn::Shape{0});
    (a.sum() + b).backward();
    adam.step();
    const Files files = saved(adam);
    CHECK(names_of(files) == std::vector<std::string>{"param_groups.0.lr", "param_groups.1.lr",
                                                      "state.0.exp_avg", "state.0.exp_avg_sq",
                                                      "state.0.max_exp_avg_sq", "state.0.step",
                                                      "state.1.exp_avg", "state.1.exp_avg_sq",
                                                      "state.1.max_exp_avg_sq", "state.1.step"});
    CHECK(parsed(files).find("state.0.exp_avg")->shape == cairn::Shape{2, 3});
    CHECK(parsed(files).find("state.1.exp_avg")->shape.rank() == 0);

    torch::Tensor c = torch::ones({3, 2}).set_requires_grad(true);
    torch::optim::Adam other{{torch::optim::OptimizerParamGroup{{c}}, torch::optim::OptimizerParamGroup{{b}}},
                             torch::optim::AdamOptions(0.5)};
    CHECK(decode(files.find(), part("m", other)).error().code() == errc::mismatch);
    CHECK(other.state().empty());
}

TEST_CASE("torch: a watched module tells its parameters, and its gradients once it has some",
          "[adapt][watch]") {
    const cairn_test::TempDir dir;
    auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true});
    torch::nn::Linear net{3, 2};
    {
        const auto watch = run.watch(net, {.log = cairn::watch::all, .log_freq = 1});
        run.log("loss"_m = 1.0);
        net(torch::ones({4, 3})).sum().backward();
        run.log("loss"_m = 0.5);
    }
    REQUIRE(run.finish());
    std::map<std::string, int> seen;
    auto media = cairn::detail::MediaReader::open(run.dir() / cairn::detail::media_file).value();
    cairn::detail::MediaEntry entry;
    while (media.next(entry).value()) {
        const auto about = nlohmann::json::parse(entry.text);
        ++seen[about["metric"]];
        if (about["metric"] == "gradients/weight")
            CHECK(nlohmann::json::parse(media.read(entry).value())["max"] == 4);
    }
    CHECK(seen == std::map<std::string, int>{{"parameters/weight", 2},
                                             {"parameters/bias", 2},
                                             {"gradients/weight", 1},
                                             {"gradients/bias", 1}});
}

}  // namespace torch_test
