// SPDX-License-Identifier: MIT
// Several processes that write one version together.
#include <cairn/checkpoint/sharded.hpp>
#include <cairn/query/runs.hpp>

#include "../../examples/support/process_ranks.hpp"
#include "support.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

namespace sharded_test {

using namespace cairn_test;
using namespace cairn::literals;
using cairn::errc;
using cairn::EveryN;
using cairn::minimize;
using cairn::OnFinish;
using cairn::part;
using cairn::Sharded;
using example::on_ranks;
using example::ProcessRanks;

namespace {

/// The run "r" of one rank; rank 0 opens it first.
cairn::Run open_rank(const TempDir& dir, ProcessRanks& ranks) {
    cairn::Options options;
    options.project = "p";
    options.id = "r";
    options.dir = dir / "store";
    options.resume = cairn::Resume::allow;
    options.quiet = true;
    options.rank = ranks.rank();
    if (ranks.rank() == 0) {
        auto run = cairn::init(std::move(options));
        (void)ranks.broadcast("open");
        return run;
    }
    (void)ranks.broadcast("");
    return cairn::init(std::move(options));
}

/// Each rank's own weights at a step.
Model shard_of(unsigned rank, std::int64_t step) {
    return model_of(static_cast<float>(100 * rank + static_cast<unsigned>(step)));
}

/// A disk that is full on one rank, at one step.
template <class Ranks>
struct FailsOnRank : Sharded<Ranks> {
    FailsOnRank(Ranks& ranks, unsigned rank, std::int64_t step)
        : Sharded<Ranks>{ranks}, fails{ranks.rank() == rank}, at{step} {}
    bool fails;
    std::int64_t at, now = 0;
    cairn::result<void> begin(const cairn::VersionInfo& info) {
        now = info.row.step();
        return Sharded<Ranks>::begin(info);
    }
    cairn::result<void> write(std::string_view file, std::span<const std::byte> bytes) {
        if (!fails || now != at) return Sharded<Ranks>::write(file, bytes);
        return cairn::error{errc::no_space, "the disk of this rank is full", "/data", "make room"};
    }
};

}  // namespace

TEST_CASE("three ranks write one version, each its own shard, and restore it", "[checkpoint][sharded]") {
    TempDir dir;
    const auto train = [&](ProcessRanks& ranks) {
        auto run = open_rank(dir, ranks);
        auto checkpoint = run.checkpoint("model", EveryN<2>{}, cairn::KeepLast<2>{}, Sharded{ranks});
        for (std::int64_t step = 0; step < 7; ++step) {
            Model model = shard_of(ranks.rank(), step);
            const auto result = checkpoint.step(run.log(cairn::step(step), "loss"_m = 1.0 + ranks.rank()),
                                                part("model", model));
            if (result.wait().saved() != (step % 2 == 0)) return 1;
            if (result.wait().saved() && result.version().row["loss"] != 1.0) return 2;  // the row of rank 0
        }
        Model model;
        const auto version = checkpoint.restore(cairn::latest, part("model", model));
        if (version.label() != "v3" || model != shard_of(ranks.rank(), 6)) return 3;
        if (labels_of(checkpoint) != Labels{"v2", "v3"}) return 4;
        checkpoint.restore("v2", part("model", model));
        return model == shard_of(ranks.rank(), 4) && run.health().ok() ? 0 : 5;
    };
    REQUIRE(on_ranks(3, train) == 0);
    CHECK(versions_on_disk(dir, "model") == Labels{"v2.json", "v3.json"});
    CHECK(files_below(artifact_dir(dir, "model") / "v3") ==
          Labels{"rank-0/model.safetensors", "rank-1/model.safetensors", "rank-2/model.safetensors"});
    CHECK(objects_on_disk(dir) == 6);
    CHECK(files_below(dir / "store" / "tmp").empty());
    // Each rank has a history of its own, and a record of every decision.
    const auto recorded = cairn::open(dir / "store").value().find("r").value();
    CHECK(recorded.ranks().value() == std::vector<unsigned>{0, 1, 2});
    for (const unsigned rank : {0U, 1U, 2U}) {
        Steps saved;
        for (const cairn::Decision& d : recorded.decisions(rank).value()) {
            if (d.kind == cairn::Decision::Kind::saved) saved.push_back(d.step);
        }
        CHECK(saved == Steps{0, 2, 4, 6});
    }
}

TEST_CASE("all ranks decide as rank 0 does, whatever they see themselves", "[checkpoint][sharded]") {
    TempDir dir;
    const auto train = [&](ProcessRanks& ranks) {
        auto run = open_rank(dir, ranks);
        auto checkpoint = run.checkpoint(
            "model", cairn::Best<"loss", minimize>{} & cairn::first(3, EveryN<1>{}), Sharded{ranks});
        Model model;
        Steps saved;
        const std::vector<std::optional<double>> of_rank_0 = {5, 6, 4, {}, std::nan(""), 3, 2, 1};
        for (std::size_t i = 0; i < of_rank_0.size(); ++i) {
            // The others would decide otherwise, at each row.
            const std::optional<double> loss =
                ranks.rank() == 0 ? of_rank_0[i] : 100.0 - static_cast<double>(i) * (i % 2 == 0 ? 1 : -1);
            const auto row = run.log(cairn::step(static_cast<std::int64_t>(i)), "loss"_m = loss);
            if (checkpoint.step(row, part("model", model))) saved.push_back(row.step());
        }
        return saved == Steps{0, 2, 5} ? 0 : 1;
    };
    CHECK(on_ranks(2, train) == 0);
}

TEST_CASE("a version exists only if the files of all ranks are there", "[checkpoint][sharded]") {
    for (const unsigned broken : {0U, 1U, 2U}) {
        INFO("the disk of rank " << broken << " is full at step 1");
        TempDir dir;
        const StderrCapture quiet;
        const auto train = [&](ProcessRanks& ranks) {
            auto run = open_rank(dir, ranks);
            auto checkpoint =
                run.checkpoint("model", EveryN<1>{}, FailsOnRank<ProcessRanks>{ranks, broken, 1});
            std::string came;
            for (std::int64_t step = 0; step < 3; ++step) {
                Model model = shard_of(ranks.rank(), step);
                const auto result =
                    checkpoint.step(run.log(cairn::step(step), "loss"_m = 1.0), part("model", model));
                came += result.wait().saved() ? "saved " : result.failed() ? "failed " : "skipped ";
                if (result.failed() && ranks.rank() == broken && result.error().code() != errc::no_space)
                    return 2;
            }
            Model model;
            checkpoint.restore(cairn::latest, part("model", model));
            return came == "saved failed saved " && model == shard_of(ranks.rank(), 2) ? 0 : 1;
        };
        CHECK(on_ranks(3, train) == 0);
        CHECK(versions_on_disk(dir, "model") == Labels{"v0.json", "v1.json"});
        CHECK(objects_on_disk(dir) == 6);
        CHECK(files_below(dir / "store" / "tmp").empty());
    }
}

TEST_CASE("a shard that is damaged makes all ranks restore the version before", "[checkpoint][sharded]") {
    TempDir dir;
    REQUIRE(on_ranks(2, [&](ProcessRanks& ranks) {
                auto run = open_rank(dir, ranks);
                auto checkpoint = run.checkpoint("model", EveryN<1>{} | OnFinish{}, Sharded{ranks});
                for (std::int64_t step = 0; step < 3; ++step) {
                    Model model = shard_of(ranks.rank(), step);
                    checkpoint.step(run.log(cairn::step(step), "loss"_m = 1.0), part("model", model));
                }
                return 0;
            }) == 0);
    flip_a_byte(object_of(dir, "model", 2, "rank-1/model.safetensors"));
    const StderrCapture quiet;
    CHECK(on_ranks(2, [&](ProcessRanks& ranks) {
              auto run = open_rank(dir, ranks);
              auto checkpoint = run.checkpoint("model", EveryN<1>{} | OnFinish{}, Sharded{ranks});
              Model model;
              const auto version = checkpoint.restore(cairn::latest, part("model", model));
              if (version.label() != "v1" || model != shard_of(ranks.rank(), 1)) return 1;
              // Training goes on, together.
              if (!checkpoint.step(run.log(cairn::step(2), "loss"_m = 1.0), part("model", model))) return 2;
              return run.health().ok() ? 3 : 0;
          }) == 0);
}

TEST_CASE("ranks that are fewer than saved a version are told so, all of them", "[checkpoint][sharded]") {
    TempDir dir;
    const auto save = [&](ProcessRanks& ranks) {
        auto run = open_rank(dir, ranks);
        auto checkpoint = run.checkpoint("model", OnFinish{}, Sharded{ranks});
        Model model;
        checkpoint.step(run.log(cairn::step(1), "loss"_m = 1.0), part("model", model));
        return checkpoint.finish(part("model", model)).wait().saved() ? 0 : 1;
    };
    REQUIRE(on_ranks(3, save) == 0);
    const StderrCapture quiet;
    CHECK(on_ranks(2, [&](ProcessRanks& ranks) {
              auto run = open_rank(dir, ranks);
              auto checkpoint = run.checkpoint("model", OnFinish{}, Sharded{ranks});
              Model model;
              const auto restored = checkpoint.try_restore(cairn::latest, part("model", model));
              if (restored || restored.error().code() != errc::mismatch) return 1;
              return std::string{restored.error().what()}.find("saved by 3 ranks") != std::string::npos ? 0
                                                                                                        : 2;
          }) == 0);
}

TEST_CASE("ranks that are resumed decide as one run", "[checkpoint][sharded]") {
    TempDir dir;
    const auto policy = cairn::first(3, EveryN<2>{}) | cairn::Best<"loss", minimize>{};
    const auto session = [&](std::int64_t from, std::int64_t to, bool restores) {
        return on_ranks(2, [&](ProcessRanks& ranks) {
            auto run = open_rank(dir, ranks);
            auto checkpoint = run.checkpoint("model", policy, Sharded{ranks});
            Model model;
            if (restores) checkpoint.restore(cairn::latest, part("model", model));
            for (std::int64_t step = from; step < to; ++step) {
                model = shard_of(ranks.rank(), step);
                const double loss = ranks.rank() == 0 ? 10.0 : -static_cast<double>(step);
                checkpoint.step(run.log(cairn::step(step), "loss"_m = loss), part("model", model));
            }
            return 0;
        });
    };
    REQUIRE(session(0, 4, false) == 0);  // saves 0 and 2
    REQUIRE(session(3, 9, true) == 0);   // and only one more
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint<EveryN<1>>("model");
    CHECK(steps_of(checkpoint) == Steps{0, 2, 4});
}

TEST_CASE("late metrics and the name best are rank 0's work, and all ranks see them",
          "[checkpoint][sharded]") {
    TempDir dir;
    CHECK(on_ranks(2, [&](ProcessRanks& ranks) {
              auto run = open_rank(dir, ranks);
              auto checkpoint =
                  run.checkpoint("model", EveryN<1>{}, cairn::KeepBest<1, "val", minimize>{}, Sharded{ranks});
              Model model;
              for (std::int64_t step = 0; step < 3; ++step)
                  checkpoint.step(run.log(cairn::step(step), "loss"_m = 1.0), part("model", model));
              if (!checkpoint.annotate("v1", "val"_m = 0.5)) return 1;
              if (!checkpoint.annotate("v0", "val"_m = 0.9)) return 2;
              if (labels_of(checkpoint) != Labels{"v1", "v2"}) return 3;
              if (checkpoint.restore(cairn::best, part("model", model)).label() != "v1") return 4;
              return run.use_artifact("model:best").label() == "v1" ? 0 : 5;
          }) == 0);
    CHECK(versions_on_disk(dir, "model") == Labels{"v1.json", "v2.json"});
}

TEST_CASE("what rank 0 cannot remove stays on all ranks, and late metrics find it", "[checkpoint][sharded]") {
    TempDir dir;
    CHECK(on_ranks(2, [&](ProcessRanks& ranks) {
              auto run = open_rank(dir, ranks);
              auto checkpoint = run.checkpoint("model", EveryN<1>{} | cairn::Best<"loss", minimize>{},
                                               cairn::KeepLast<1>{}, Sharded{ranks});
              Model model;
              for (std::int64_t step = 0; step < 3; ++step)  // v0 is the best: the alias names it
                  checkpoint.step(run.log(cairn::step(step), "loss"_m = 1.0 + static_cast<double>(step)),
                                  part("model", model));
              if (labels_of(checkpoint) != Labels{"v0", "v2"}) return 1;
              if (!checkpoint.annotate("v0", "val"_m = 3.0)) return 2;
              if (checkpoint.annotate("v1", "val"_m = 3.0)) return 3;
              return checkpoint.step(run.log(cairn::step(9), "loss"_m = 0.5), part("model", model)) ? 0 : 4;
          }) == 0);
}

TEST_CASE("late metrics are those of rank 0, so that all ranks decide alike", "[checkpoint][sharded]") {
    TempDir dir;
    CHECK(on_ranks(2, [&](ProcessRanks& ranks) {
              auto run = open_rank(dir, ranks);
              auto checkpoint =
                  run.checkpoint("model", EveryN<100>{} | cairn::Best<"loss", minimize>{}, Sharded{ranks});
              Model model;
              const auto step = [&](std::int64_t at, std::optional<double> loss) {
                  return checkpoint.step(run.log(cairn::step(at), "loss"_m = loss), part("model", model));
              };
              if (!step(0, std::nullopt).wait().saved()) return 1;
              if (!checkpoint.annotate("v0", "loss"_m = 1.0 + ranks.rank())) return 2;
              if (checkpoint.versions()[0].row["loss"] != 1.0) return 3;
              if (!step(1, 1.5).skipped()) return 4;
              return step(2, 0.5).wait().saved() ? 0 : 5;
          }) == 0);
}

TEST_CASE("a rank that was left alone with its decision is out of step, and no version is made of it",
          "[checkpoint][sharded]") {
    TempDir dir;
    // Whatever At says, rank 1 wants to save at step 1 and rank 0 does not.
    CHECK(on_ranks(2, [&](ProcessRanks& ranks) {
              auto run = open_rank(dir, ranks);
              auto checkpoint = run.checkpoint("model", cairn::Predicate{[&ranks](const auto& at) {
                                                   return at.step != 1 || ranks.rank() == 1;
                                               }},
                                               Sharded{ranks});
              const auto step = [&](std::int64_t at) {
                  Model model = shard_of(ranks.rank(), at);
                  return checkpoint.step(run.log(cairn::step(at), "loss"_m = 1.0), part("model", model));
              };
              if (!step(0).wait().saved()) return 1;
              const auto wrong = step(1);
              if (ranks.rank() == 1 ? !wrong.failed() : !wrong.skipped()) return 2;
              const auto after = step(2);
              if (!after.failed()) return 3;
              return after.error().what() == std::string_view{} ? 4 : 0;
          }) == 0);
    CHECK(versions_on_disk(dir, "model") == Labels{"v0.json"});
}

TEST_CASE("without a communicator rank 0 saves and the other ranks say so", "[checkpoint][sharded]") {
    TempDir dir;
    CHECK(on_ranks(2, [&](ProcessRanks& ranks) {
              auto run = open_rank(dir, ranks);
              auto checkpoint = run.checkpoint<EveryN<1>>("model");
              Model model;
              const auto result = checkpoint.step(run.log("loss"_m = 1.0), part("model", model));
              if (ranks.rank() == 0) return result.wait().saved() ? 0 : 1;
              return result.skipped() && result.reason() == cairn::SkipReason::other_rank ? 0 : 2;
          }) == 0);
    CHECK(versions_on_disk(dir, "model") == Labels{"v0.json"});
}

TEST_CASE("a rank that dies is a failure of the others' next step, not a wait", "[checkpoint][sharded]") {
    TempDir dir;
    const StderrCapture quiet;
    int of_rank_0 = -1;
    const int status = on_ranks(2, [&](ProcessRanks& ranks) {
        auto run = open_rank(dir, ranks);
        auto checkpoint = run.checkpoint("model", EveryN<1>{}, Sharded{ranks});
        Model model;
        checkpoint.step(run.log("loss"_m = 1.0), part("model", model));
        if (ranks.rank() == 1) ::_exit(42);
        const auto result = checkpoint.step(run.log("loss"_m = 1.0), part("model", model));
        of_rank_0 = result.failed() && run.health().saves_failed == 1 ? 0 : 1;
        return of_rank_0;
    });
    CHECK(status == 42);
    CHECK(of_rank_0 == 0);
    CHECK(versions_on_disk(dir, "model") == Labels{"v0.json"});
    CHECK(files_below(dir / "store" / "tmp").empty());
}

TEST_CASE("a run that is open as another rank than the communicator's is refused", "[checkpoint][sharded]") {
    struct Second {
        static unsigned rank() { return 1; }
        static unsigned size() { return 2; }
        static std::string broadcast(const std::string& bytes) { return bytes; }
        static std::vector<std::string> gather(const std::string&) { return {}; }
    };
    TempDir dir;
    auto run = open_run(dir);
    Second second;
    CHECK(error_of([&] { (void)run.checkpoint("model", EveryN<1>{}, Sharded{second}); }).code() ==
          errc::invalid_argument);
}

TEST_CASE("what ranks send each other comes through as it was", "[checkpoint][sharded]") {
    const std::vector<cairn::NamedValue> values = {{"nan", std::nan("")},
                                                   {"inf", -std::numeric_limits<double>::infinity()},
                                                   {"text", "caf\xc3\xa9"},
                                                   {"big", std::numeric_limits<std::uint64_t>::max()},
                                                   {"small", std::numeric_limits<std::int64_t>::min()},
                                                   {"yes", true},
                                                   {"tiny", 5e-324}};
    const cairn::DynamicRow row{-3, 77, values.data(), values.size()};
    cairn::At<cairn::DynamicRow> at{row};
    at.time_ns = 99;
    at.seconds = 1.25;
    at.save_seconds = 0.5;
    at.signal = true;
    const auto shared = cairn::detail::moment_of(
        cairn::detail::unpack(cairn::detail::pack(cairn::detail::moment_to_json(at))));
    const auto again = shared.at();
    CHECK(again.step == -3);
    CHECK(again.row.time_ns() == 77);
    CHECK(again.time_ns == 99);
    CHECK(again.seconds == 1.25);
    CHECK(again.save_seconds == 0.5);
    CHECK((again.signal && !again.final && !again.failure));
    CHECK(std::isnan(again.row["nan"]));
    CHECK(again.row["inf"] == -std::numeric_limits<double>::infinity());
    CHECK(again.row.find("text").text() == "caf\xc3\xa9");
    CHECK(again.row.find("big").bits() == std::numeric_limits<std::uint64_t>::max());
    CHECK(static_cast<std::int64_t>(again.row.find("small").bits()) ==
          std::numeric_limits<std::int64_t>::min());
    CHECK(again.row.find("yes").kind() == cairn::Value::Kind::boolean);
    CHECK(again.row["tiny"] == 5e-324);
    CHECK(again.row.size() == values.size());
}

}  // namespace sharded_test
