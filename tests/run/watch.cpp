// SPDX-License-Identifier: MIT
// Watched models: which rows are sampled, what of the model, and that nothing is touched when nobody watches.
#include <cairn/run/detail/tensor_histogram.hpp>
#include <cairn/run/watch.hpp>
#include <cairn/store/media_file.hpp>

#include "run/support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace watch_test {

using namespace cairn_test;
using namespace cairn::literals;

namespace {

struct Model {
    std::vector<float> weight{1, 2, 3, 4};
    std::vector<double> bias{0.5, NAN};
    mutable int described = 0;
    void describe(auto& fields) {
        ++described;
        fields("fc.weight", weight, {2, 2});
        fields("fc.bias", bias, {2});
    }
};
struct WithGradients : Model {
    std::vector<float> change{-1, 1, 0, 0};
    void describe_gradients(auto& fields) { fields("fc.weight", change, {2, 2}); }
};
struct Bad {
    std::vector<float> values{1};
    void describe(auto& fields) {
        fields("a", values, {1});
        fields("a", values, {1});
    }
};
static_assert(!cairn::DescribesGradients<Model> && cairn::DescribesGradients<WithGradients>);

/// The steps of each metric's values, and the last of them.
struct Kept {
    std::map<std::string, std::vector<std::int64_t>> steps;
    std::map<std::string, nlohmann::json> last;
};
Kept kept_in(const std::filesystem::path& run_dir) {
    Kept out;
    auto reader = cairn::detail::MediaReader::open(run_dir / cairn::detail::media_file);
    cairn::detail::MediaEntry entry;
    while (reader && reader->next(entry).value()) {
        const auto about = nlohmann::json::parse(entry.text);
        const std::string metric = about["metric"];
        out.steps[metric].push_back(about["step"]);
        out.last[metric] = nlohmann::json::parse(reader->read(entry).value());
    }
    return out;
}
/// Whether each sample was taken that was due. A slow emulator needs a twentieth of its time for the smallest
/// model.
bool all_were_taken(const cairn::Run& run) {
    if (run.health().watches_left_out == 0) return true;
    CHECK(run.health().watched_ns > 50'000'000);
    WARN("not here: samples were too dear for this machine");
    return false;
}
/// Samples that were taken, or left out as too dear.
std::uint64_t due(const cairn::Run& run) { return run.health().watches + run.health().watches_left_out; }
cairn::Run start(const TempDir& dir) { return cairn::init({.id = "r", .dir = dir.path(), .quiet = true}); }

}  // namespace

TEST_CASE("watch: the first row and then every so manyth, while somebody watches", "[run][watch]") {
    const TempDir dir;
    auto run = start(dir);
    Model model;
    run.log(cairn::step(0), "loss"_m = 1.0);
    {
        const auto watch = run.watch(model, {.log_freq = 3});
        for (int i = 1; i <= 7; ++i) run.log(cairn::step(i), "loss"_m = 1.0);
        run.log({{"loss", 1.0}}, {.step = 8});
    }
    for (int i = 9; i < 20; ++i) run.log(cairn::step(i), "loss"_m = 1.0);
    REQUIRE(run.finish());
    CHECK(due(run) == 3);
    CHECK(run.health().rows_logged == 20);
    if (!all_were_taken(run)) return;
    CHECK(model.described == 3);
    const Kept kept = kept_in(run.dir());
    CHECK(kept.steps.at("parameters/fc.weight") == std::vector<std::int64_t>{1, 4, 7});
    CHECK(kept.steps.size() == 2);
    CHECK(kept.last.at("parameters/fc.weight")["max"] == 4);
    CHECK(kept.last.at("parameters/fc.weight")["counts"].size() == 64);
    CHECK(kept.last.at("parameters/fc.bias")["nan"] == 1);
    CHECK(rows_of(run.dir()).size() == 20);
}

TEST_CASE("watch: gradients, where the model tells them", "[run][watch]") {
    const TempDir dir;
    auto run = start(dir);
    WithGradients model;
    auto watch = run.watch(model, {.log = cairn::watch::all, .log_freq = 1, .bins = 4});
    run.log("loss"_m = 1.0);
    watch = run.watch(model, {.log = cairn::watch::gradients, .log_freq = 1});
    run.log("loss"_m = 1.0);
    watch.unwatch();
    watch.unwatch();
    run.log("loss"_m = 1.0);
    REQUIRE(run.finish());
    const Kept kept = kept_in(run.dir());
    CHECK(kept.steps.at("gradients/fc.weight") == std::vector<std::int64_t>{0, 1});
    CHECK(kept.steps.at("parameters/fc.weight") == std::vector<std::int64_t>{0});
    CHECK(kept.last.at("gradients/fc.weight")["min"] == -1);
    Model without;
    CHECK_THROWS_AS(run.watch(without, {.log = cairn::watch::gradients}), cairn::error);
    CHECK_THROWS_AS(run.watch(without, {.log_freq = 0}), cairn::error);
    CHECK_THROWS_AS(run.watch(without, {.bins = 0}), cairn::error);
}

TEST_CASE("watch: rows of other threads are not sampled, and none is lost", "[run][watch]") {
    const TempDir dir;
    auto run = start(dir);
    Model model;
    const auto watch = run.watch(model, {.log_freq = 1});
    std::thread other{[&] {
        for (int i = 0; i < 100; ++i) run.log(cairn::step(1000 + i), "loss"_m = 1.0);
    }};
    for (int i = 0; i < 10; ++i) run.log(cairn::step(i), "loss"_m = 1.0);
    other.join();
    CHECK(due(run) == 10);
    if (all_were_taken(run)) CHECK(model.described == 10);
    REQUIRE(run.finish());
    CHECK(run.health().rows_logged == 110);
}

TEST_CASE("watch: a model that fails to tell its tensors costs no row", "[run][watch]") {
    const TempDir dir;
    auto run = cairn::init({.id = "r", .dir = dir.path(), .quiet = true, .on_error = [](const auto&) {}});
    Bad model;
    const auto watch = run.watch(model, {.log_freq = 1});
    run.log("loss"_m = 1.0);
    run.log("loss"_m = 1.0);
    CHECK(run.health().errors.size() == 1);
    CHECK(run.health().rows_logged == 2);
}

struct Restless {
    std::vector<float> values{1};
    cairn::Run* run = nullptr;
    cairn::ModelWatch* watch = nullptr;
    int described = 0;
    void describe(auto& fields) {
        ++described;
        fields("a", values, {1});
        if (run != nullptr) run->log("from describe"_m = 1);
        if (watch != nullptr) watch->unwatch();
    }
};

TEST_CASE("watch: a model that logs, or that lets go of itself, while it is looked at", "[run][watch]") {
    const TempDir dir;
    auto run = start(dir);
    Restless model;
    model.run = &run;
    {
        const auto watch = run.watch(model, {.log_freq = 1});
        run.log("loss"_m = 1.0);
        run.log("loss"_m = 1.0);
        CHECK(due(run) == 2);
        if (!all_were_taken(run)) return;
        CHECK(model.described == 2);
    }
    model.run = nullptr;
    auto watch = run.watch(model, {.log_freq = 1});
    model.watch = &watch;
    run.log("loss"_m = 1.0);
    run.log("loss"_m = 1.0);
    if (all_were_taken(run)) CHECK(model.described == 3);
}

TEST_CASE("watch: another thread in an ended one's place does not go on with its watch", "[run][watch]") {
    const TempDir dir;
    auto run = start(dir);
    Model model;
    cairn::ModelWatch watch;
    std::thread{[&] {
        watch = run.watch(model, {.log_freq = 1});
        run.log("loss"_m = 1.0);
    }}.join();
    std::thread{[&] { run.log("loss"_m = 1.0); }}.join();
    CHECK(model.described == 1);
}

TEST_CASE("watch: those who come and go take no watch from others", "[run][watch]") {
    const TempDir dir;
    auto run = start(dir);
    Model model, other;
    std::atomic<bool> stop{false};
    std::thread restless{[&] {
        while (!stop) (void)run.watch(other, {.log_freq = 1});
    }};
    for (int i = 1; i <= 300; ++i) {
        const auto watch = run.watch(model, {.log_freq = 1});
        run.log("loss"_m = 1.0);
        REQUIRE(model.described == i);
    }
    stop = true;
    restless.join();
}

TEST_CASE("watch: in a run that is off, and after its end, nothing is looked at", "[run][watch]") {
    Model model;
    cairn::Run off;
    const auto none = off.watch(model, {.log_freq = 1});
    off.log("loss"_m = 1.0);
    const TempDir dir;
    auto run = start(dir);
    const auto watch = run.watch(model, {.log_freq = 1});
    REQUIRE(run.finish());
    run.log("loss"_m = 1.0);
    CHECK(model.described == 0);
}

TEST_CASE("tensor histogram: of each type, and halves bit by bit", "[run][watch]") {
    using cairn::Dtype;
    const auto of = [](Dtype dtype, const auto& values) {
        const auto bytes = cairn::detail::bytes_of(values);
        return cairn::detail::histogram_of({"t", dtype, cairn::Shape{values.size()}, bytes}, 8);
    };
    CHECK(of(Dtype::I8, std::vector<std::int8_t>{-128, 127})->min() == -128);
    CHECK(of(Dtype::U64, std::vector<std::uint64_t>{3, ~std::uint64_t{0}})->max() == 0x1p64);
    CHECK(of(Dtype::I64, std::vector<std::int64_t>{-5, 7})->min() == -5);
    CHECK(of(Dtype::BOOL, std::vector<std::uint8_t>{0, 1, 1})->mean() == Approx(2.0 / 3));
    CHECK(of(Dtype::BF16, std::vector<std::uint16_t>{0x3f80, 0xc000})->min() == -2);
    const std::vector<std::uint16_t> halves{0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0xfc00, 0x7e00, 0x0000};
    const auto h = of(Dtype::F16, halves);
    CHECK(h->min() == -2);
    CHECK(h->max() == 65504);
    CHECK(h->nan() == 1);
    CHECK(h->positive_infinity() == 1);
    CHECK(h->negative_infinity() == 1);
    CHECK(cairn::detail::half_to_float(0x0001) == 0x1p-24F);
    CHECK(cairn::detail::half_to_float(0x83ff) == -1023 * 0x1p-24F);
    CHECK(cairn::detail::half_to_float(0x0400) == 0x1p-14F);
    CHECK(cairn::detail::half_to_float(0x3555) == Approx(1.0 / 3).epsilon(0.001));
    CHECK_FALSE(of(Dtype::F8_E4M3, std::vector<std::uint8_t>{1}));
    const std::vector<float> none;
    CHECK(of(Dtype::F32, none)->finite() == 0);

    struct Elsewhere final : cairn::TensorAccess {
        void read(std::span<std::byte> to) override {
            const std::vector<float> values{3, -4};
            std::memcpy(to.data(), values.data(), to.size());
        }
        void write(std::span<const std::byte>) override {}
    };
    const cairn::TensorView on_device{"t", Dtype::F32, cairn::Shape{2}, {}, std::make_shared<Elsewhere>()};
    CHECK(cairn::detail::histogram_of(on_device, 8)->min() == -4);

    std::vector<float> many(1'000'003, 0.25F);
    many[999'999] = 7;
    many[500'001] = -3;
    many[123'457] = NAN;
    const auto large = of(Dtype::F32, many);
    CHECK(large->min() == -3);
    CHECK(large->max() == 7);
    CHECK(large->nan() == 1);
    CHECK(large->finite() == many.size() - 1);
    std::uint64_t counted = 0;
    for (const std::uint64_t count : large->counts()) counted += count;
    std::vector<float> columns;  // the first of 64 is 0
    for (int i = 0; i < 64 * 65536; ++i) columns.push_back(i % 64 == 0 ? 0.0F : i % 2 == 0 ? 1.0F : -1.0F);
    CHECK(static_cast<double>(of(Dtype::F32, columns)->counts()[4]) <
          static_cast<double>(columns.size()) / 32);
    CHECK(static_cast<double>(counted) == Approx(static_cast<double>(many.size())).epsilon(0.001));
}

}  // namespace watch_test
