// SPDX-License-Identifier: MIT
// The code of docs/policies.md; tests/readme.py compares.
#include <cairn/cairn.hpp>
#include <cairn/checkpoint/sharded.hpp>
#include <cairn/policy/parse.hpp>
#include <cairn/policy/parse_retention.hpp>
#include <cairn/policy/simulate.hpp>

#include <cstdio>
#include <string>
#include <vector>

using namespace cairn::literals;

// NOLINTBEGIN(readability-identifier-naming)
namespace cairn {

/// Stands for the one of <cairn/adapt/mpi.hpp>, which needs an MPI library.
struct MpiRanks {
    static unsigned rank() { return 0; }
    static unsigned size() { return 1; }
    static std::string broadcast(const std::string& bytes) { return bytes; }
    static std::vector<std::string> gather(const std::string& bytes) { return {bytes}; }
};

}  // namespace cairn
// NOLINTEND(readability-identifier-naming)

struct Model {
    std::vector<float> weight = std::vector<float>(4);
    void describe(auto& fields) { fields("weight", weight); }
};
double validate(const Model& model);
double train_one_epoch();

struct WarmEnough {
    constexpr cairn::Answer decide(const auto& at) const { return cairn::answer(at.seconds > 60); }
};

void own_policy(cairn::Run& run) {
    auto checkpoint = run.checkpoint("model", cairn::Any{WarmEnough{}, cairn::OnFinish{}});
}

void late(cairn::Run& run, Model& model) {
    auto checkpoint = run.checkpoint<cairn::EveryN<2>>("model");
    const auto row = run.log("loss"_m = 1.0);
    auto saved = checkpoint.step(row, cairn::part("model", model));
    const double score = validate(model);
    if (saved) checkpoint.annotate(saved.version(), "val/loss"_m = score);

    for (const auto& decision : run.decisions()) std::puts(to_text(decision).c_str());
    for (const auto& decision : checkpoint.decisions())
        std::puts(to_text(decision).c_str());  // about every row
}

void stop(cairn::Run& run) {
    cairn::Patience<"val/loss", cairn::minimize, 5> patience{
        0.01};  // 5 rows that were no better by more than 0.01
    for (int epoch = 0; epoch < 1000; ++epoch) {
        const auto row = run.log(cairn::step(epoch), "val/loss"_m = train_one_epoch());
        if (run.should_stop(row, patience)) break;
    }
}

void dry_run(const std::vector<cairn::DynamicRow>& rows) {
    auto done = cairn::simulate(cairn::Best<"val/loss", cairn::minimize>{} | cairn::EveryN<500>{},
                                cairn::KeepLast<3>{} | cairn::KeepBest<1, "val/loss", cairn::minimize>{},
                                rows, {.version_bytes = 1'300'000});
    for (const auto& version : done.versions)
        std::printf("step %lld\n", static_cast<long long>(version.step));
    std::printf("%zu are left; a crash costs at most %zu rows\n", done.kept(), done.most_rows_lost());
}

void as_text(cairn::Run& run) {
    auto policy = cairn::parse_policy("best(val/loss, min) | every(500) & after(100)").value();
    auto retention = cairn::parse_retention("last(3) | best(1, val/loss, min)").value();
    auto checkpoint = run.checkpoint("model", policy, retention);
}

void ranks_of_mpi(cairn::Run& run) {
    cairn::MpiRanks ranks;  // #include <cairn/adapt/mpi.hpp>, or a communicator of your own in four functions
    auto checkpoint = run.checkpoint("model", cairn::EveryN<100>{}, cairn::Sharded{ranks});
}
