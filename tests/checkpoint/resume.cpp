// SPDX-License-Identifier: MIT
// A run that is resumed decides as if it had never stopped, whatever the policy and wherever it was killed.
#include <cairn/checkpoint/checkpoint.hpp>

#include <cairn/policy/parse.hpp>

#include "policy/asked.hpp"
#include "support.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

namespace resume_test {

using namespace cairn_test;
using namespace cairn::literals;
using namespace std::chrono_literals;
using cairn::Answer;
using cairn::DynamicRow;
using cairn::EveryN;
using cairn::minimize;
using cairn::Outcome;
using cairn::part;

namespace {

/// Saves at every third row that it sees: exact only if it hears of just the rows it was asked about.
struct EveryThirdLook {
    int looks = 0;
    [[nodiscard]] constexpr Answer decide(const auto&) const { return cairn::answer(looks % 3 == 2); }
    constexpr void settle(const auto&, Outcome outcome) {
        if (outcome == Outcome::annotated || outcome == Outcome::restored) return;
        ++looks;
    }
};

/// A store that takes no version of some rows.
struct Flaky : cairn::LocalStore {
    std::int64_t step = 0;
    cairn::result<void> begin(const cairn::VersionInfo& info) {
        step = info.row.step();
        return cairn::LocalStore::begin(info);
    }
    cairn::result<cairn::Version> commit() {
        if (step % 7 != 5) return cairn::LocalStore::commit();
        return cairn::error{cairn::errc::no_space, "no room for this step", "", ""};
    }
};

/// Says yes once, and shows what it was asked at.
struct Peek {
    double* seconds;
    double* save_seconds;
    Answer decide(const auto& at) const {
        *seconds = at.seconds;
        *save_seconds = at.save_seconds;
        return cairn::answer(at.step == 0);
    }
};

struct Planned {
    DynamicRow row;
    bool is_asked = true;
};

/// Rows of a training run: most of them are asked about, some have no metric or a NaN, some steps go back.
/// None comes twice in a row: the one just restored is not asked about again.
std::vector<Planned> plan(std::mt19937& random, std::size_t count) {
    std::vector<Planned> rows;
    std::int64_t step = 0, time_ns = cairn::detail::wall_ns();
    for (std::size_t i = 0; i < count; ++i) {
        step += pick(random, 0, 12) == 0 ? -pick(random, 1, 4) : pick(random, 1, 3);
        time_ns += pick(random, 1, 300) * 1'000'000'000LL;
        const int kind = pick(random, 0, 9);
        const double value = kind == 1 ? NaN : pick(random, -8, 8) - 0.1 * static_cast<double>(i);
        const std::vector<cairn::NamedValue> values = {{"epoch", step / 4}, {"v", value}};
        rows.push_back({{step, time_ns, values.data(), kind == 0 ? 1U : 2U}, pick(random, 0, 5) != 0});
    }
    return rows;
}

/// What came of a row, as a word.
std::string outcome_of(const cairn::SaveResult& answer) {
    const cairn::SaveResult& result = answer.wait();
    if (result.saved()) return "saved " + result.version().label();
    return result.failed() ? "failed" : std::string{to_string(result.reason())};
}

/// Logs a row as it is, with its time.
void log(cairn::Run& run, const DynamicRow& row) { run.core()->append(row); }

cairn::Run open_image(const std::filesystem::path& store) {
    cairn::Options options;
    options.project = "p";
    options.id = "r";
    options.dir = store;
    options.resume = cairn::Resume::allow;
    options.quiet = true;
    return cairn::init(std::move(options));
}

/// Runs from row `from` on; after each row `after(i)`.
template <class C, class After>
std::vector<std::string> train(cairn::Run& run, C& checkpoint, const std::vector<Planned>& rows,
                               std::size_t from, After&& after) {
    std::vector<std::string> outcomes(rows.size());
    for (std::size_t i = from; i < rows.size(); ++i) {
        Model model = model_of(static_cast<float>(i));
        log(run, rows[i].row);
        if (rows[i].is_asked) outcomes[i] = outcome_of(checkpoint.step(rows[i].row, part("model", model)));
        checkpoint.wait();
        after(i);
    }
    return outcomes;
}

/// Kills a run after each of its rows, resumes what is left of it, and compares every later decision.
template <class P, class R>
void check_every_resume(const P& policy, const R& retention, std::uint32_t seed) {
    INFO("CAIRN_TEST_SEED=" << seed << " " << cairn::to_text(policy));
    std::mt19937 random{seed};
    const std::vector<Planned> rows = plan(random, 18);
    TempDir dir;
    const StderrCapture quiet;  // the saves that fail
    std::vector<std::string> whole;
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", policy, retention, Flaky{});
        whole = train(run, checkpoint, rows, 0, [&](std::size_t i) {
            // What a kill right now would leave.
            cairn_test::copy_as_killed(dir / "store", dir / ("image" + std::to_string(i)));
        });
        // Replay finds again what was decided.
        const auto decisions = checkpoint.decisions();
        std::size_t at = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (!rows[i].is_asked) continue;
            REQUIRE(at < decisions.size());
            const cairn::Decision& d = decisions[at++];
            CHECK(d.step == rows[i].row.step());
            CHECK((d.answer == Answer::yes) == (whole[i] == "failed" || whole[i].starts_with("saved")));
            CHECK((d.kind == cairn::Decision::Kind::saved) == whole[i].starts_with("saved"));
            CHECK_FALSE(d.because.empty());
        }
        CHECK(at == decisions.size());
    }
    for (std::size_t killed = 0; killed < rows.size(); ++killed) {
        auto run = open_image(dir / ("image" + std::to_string(killed)));
        auto checkpoint = run.checkpoint("model", policy, retention, Flaky{});
        Model model;
        const auto restored = checkpoint.try_restore(cairn::latest, part("model", model));
        if (!restored) continue;  // nothing was saved yet
        std::size_t from = 0;
        while (whole[from] != "saved " + restored->label()) ++from;
        INFO("killed after row " << killed << ", restored " << restored->label() << " of row " << from);
        REQUIRE(from <= killed);
        CHECK(model == model_of(static_cast<float>(from)));
        const auto resumed = train(run, checkpoint, rows, from + 1, [](std::size_t) {});
        for (std::size_t i = from + 1; i < rows.size(); ++i) CHECK(resumed[i] == whole[i]);
    }
}

template <class P>
void check_every_resume(const P& policy) {
    for (const std::uint32_t seed : seeds(2))
        check_every_resume(policy, cairn::KeepLast<1>{} | cairn::KeepEvery<20>{}, seed);
}

}  // namespace

TEST_CASE("a resumed run decides as the whole one: counts and steps", "[checkpoint][resume]") {
    check_every_resume(EveryN<3>{});
    check_every_resume(EveryN<2, "epoch">{} | cairn::AtSteps<9, 11>{});
    check_every_resume((!EveryN<2>{}) & cairn::after(4));
}

TEST_CASE("a resumed run decides as the whole one: metrics", "[checkpoint][resume]") {
    check_every_resume(cairn::Best<"v", minimize>{});
    check_every_resume(cairn::Best<"v", minimize>{} & EveryN<2>{});
    check_every_resume(cairn::TopK<2, "v", minimize>{} | cairn::Improves<"v", cairn::maximize>{1.5});
}

TEST_CASE("a resumed run decides as the whole one: windows and time", "[checkpoint][resume]") {
    check_every_resume(cairn::first(3, EveryN<2>{} | cairn::Best<"v", minimize>{}) | EveryN<11>{});
    check_every_resume(cairn::once(cairn::Below<"v">{0}) | EveryN<6>{});
    check_every_resume(cairn::at_most_every(6min, EveryN<2>{}) | cairn::AtSteps<3>{});
    check_every_resume(cairn::EveryDuration{7min} | cairn::AtSteps<2>{});
}

TEST_CASE("a resumed run decides as the whole one: a policy that counts looks, and one from text",
          "[checkpoint][resume]") {
    check_every_resume(EveryThirdLook{});
    check_every_resume(cairn::parse_policy("first(4, every(2)) | best(v, min) & every(3)").value());
}

TEST_CASE("a run that is resumed twice still decides as the whole one", "[checkpoint][resume]") {
    for (const std::uint32_t seed : seeds(4)) {
        INFO("CAIRN_TEST_SEED=" << seed);
        std::mt19937 random{seed};
        const std::vector<Planned> rows = plan(random, 40);
        const auto policy = EveryThirdLook{};
        TempDir dir;
        const StderrCapture quiet;
        std::vector<std::string> whole;
        std::map<std::size_t, std::filesystem::path> images;
        int count = 0;
        const auto keep_image = [&](const std::filesystem::path& store, std::size_t i) {
            images[i] = dir / ("image" + std::to_string(count++));
            cairn_test::copy_as_killed(store, images[i]);
        };
        {
            auto run = open_run(dir);
            auto checkpoint = run.checkpoint("model", policy, Flaky{});
            whole = train(run, checkpoint, rows, 0, [&](std::size_t i) {
                if (i == 17) keep_image(dir / "store", i);
            });
        }
        std::size_t killed = 17;
        for (int again = 0; again < 3; ++again) {
            const std::filesystem::path store = images[killed];
            auto run = open_image(store);
            auto checkpoint = run.checkpoint("model", policy, Flaky{});
            Model model;
            // Not always to the newest version: then what came after it never happened.
            const auto& versions = checkpoint.versions();
            const auto which = versions.size() - 1 - static_cast<std::size_t>(pick(random, 0, 1));
            const auto restored = checkpoint.restore(versions[which].label(), part("model", model));
            std::size_t from = 0;
            while (rows[from].row.time_ns() != restored.row.time_ns()) ++from;
            const std::size_t next =
                std::min(from + 1 + static_cast<std::size_t>(pick(random, 3, 9)), rows.size() - 1);
            const auto resumed = train(run, checkpoint, rows, from + 1, [&](std::size_t i) {
                if (i == next) keep_image(store, i);
            });
            for (std::size_t i = from + 1; i < rows.size(); ++i)
                CHECK(resumed[i].substr(0, 5) ==
                      whole[i].substr(0, 5));  // not the numbers: some were skipped
            killed = next;
        }
    }
}

TEST_CASE("what a checkpoint was asked about is known however its rows come", "[checkpoint][resume]") {
    using Row = decltype(std::declval<cairn::Run&>().log(cairn::step(0), "loss"_m = 1.0));
    const auto check = [](const char* name, auto&& train) {
        INFO(name);
        TempDir dir;
        int looks = 0;
        {
            auto run = open_run(dir);
            auto checkpoint = run.checkpoint<EveryThirdLook>("model");
            Model model;
            const auto log = [&](std::int64_t step) { return run.log(cairn::step(step), "loss"_m = 1.0); };
            const auto ask = [&](const Row& row) { (void)checkpoint.step(row, part("model", model)); };
            train(log, ask);
            looks = checkpoint.policy().looks;
            CHECK(checkpoint.decisions().size() == static_cast<std::size_t>(looks));
            ask(log(100));  // after a note
            CHECK(checkpoint.policy().looks == ++looks);
        }
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint<EveryThirdLook>("model");
        CHECK(checkpoint.policy().looks == looks);
        CHECK(checkpoint.decisions().size() == static_cast<std::size_t>(looks));
    };
    check("each row", [](auto log, auto ask) {
        for (int i = 0; i < 7; ++i) ask(log(i));
    });
    check("all rows, then all looks", [](auto log, auto ask) {
        std::vector<Row> rows;
        for (int i = 0; i < 7; ++i) rows.push_back(log(i));
        for (const Row& row : rows) ask(row);
    });
    check("two rows, then two looks", [](auto log, auto ask) {
        for (int i = 0; i < 8; i += 2) {
            const Row first = log(i), second = log(i + 1);
            ask(first);
            ask(second);
        }
    });
    check("each row twice", [](auto log, auto ask) {
        for (int i = 0; i < 4; ++i) {
            const Row row = log(i);
            ask(row);
            ask(row);
        }
    });
    check("every other row", [](auto log, auto ask) {
        for (int i = 0; i < 13; ++i) {
            const Row row = log(i);
            if (i % 2 == 1) ask(row);
        }
    });
    check("rows that were never logged", [](auto, auto ask) {
        for (int i = 0; i < 7; ++i) ask(cairn::row(cairn::step(i), "loss"_m = 1.0));
    });
    check("a worker thread", [](auto log, auto ask) {
        std::thread{[&] {
            for (int i = 0; i < 7; ++i) ask(log(i));
        }}.join();
    });
    check("a worker thread for the looks alone", [](auto log, auto ask) {
        for (int i = 0; i < 7; ++i) {
            const Row row = log(i);
            std::thread{[&] { ask(row); }}.join();
        }
    });
    check("a thread for each row", [](auto log, auto ask) {
        for (int i = 0; i < 7; ++i) std::thread{[&] { ask(log(i)); }}.join();
    });
}

#if CAIRN_TEST_FORK
TEST_CASE("a worker thread that is killed is resumed as the whole run", "[checkpoint][resume]") {
    TempDir dir;
    const auto steps = [&](std::int64_t from, std::int64_t end) {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", cairn::Patience<"loss", minimize, 5>{});
        std::thread{[&] {
            Model model;
            for (std::int64_t step = from; step < end; ++step)
                (void)checkpoint.step(run.log(cairn::step(step), "loss"_m = 1.0), part("model", model));
        }}.join();
        return steps_of(checkpoint);
    };
    CHECK(in_child([&] {
              auto run = open_run(dir);
              auto checkpoint = run.checkpoint("model", cairn::Patience<"loss", minimize, 5>{});
              std::thread{[&] {
                  Model model;
                  for (std::int64_t step = 0; step < 4; ++step)
                      (void)checkpoint.step(run.log(cairn::step(step), "loss"_m = 1.0), part("model", model));
                  std::raise(SIGKILL);
              }}.join();
              return 1;
          }) == -SIGKILL);
    CHECK(steps(4, 7) == Steps{5, 6});
}
#endif

TEST_CASE("the best value so far is known after its version was pruned", "[checkpoint][resume]") {
    TempDir dir;
    Model model;
    {
        auto run = open_run(dir);
        auto checkpoint =
            run.checkpoint("model", cairn::Best<"v", minimize>{} | EveryN<10>{}, cairn::KeepLast<1>{});
        checkpoint.step(run.log(cairn::step(1), "v"_m = 0.5), part("model", model));
        checkpoint.step(run.log(cairn::step(10), "v"_m = 0.9), part("model", model));
        checkpoint.wait();
        // Its name keeps the best one; somebody takes both away.
        const auto store = cairn::Store::open_existing(dir / "store").value();
        const auto artifact = cairn::ArtifactStore::open(store, "p", "model").value();
        REQUIRE(artifact.remove_alias("best"));
        REQUIRE(artifact.remove(0));
        REQUIRE(versions_on_disk(dir, "model") == Labels{"v1.json"});
    }
    auto run = open_run(dir);
    auto checkpoint =
        run.checkpoint("model", cairn::Best<"v", minimize>{} | EveryN<10>{}, cairn::KeepLast<1>{});
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v1");
    CHECK_FALSE(checkpoint.step(run.log(cairn::step(11), "v"_m = 0.6), part("model", model)));
    CHECK(checkpoint.step(run.log(cairn::step(12), "v"_m = 0.4), part("model", model)));
}

TEST_CASE("a version whose record a kill prevented counts as saved", "[checkpoint][resume]") {
    TempDir dir;
    Model model;
    const auto policy = cairn::first(2, EveryN<1>{});
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", policy);
        checkpoint.step(run.log(cairn::step(0), "v"_m = 1), part("model", model)).wait();
        const auto row = run.log(cairn::step(1), "v"_m = 1);
        cairn_test::copy_as_killed(dir / "store", dir / "image");
        checkpoint.step(row, part("model", model));
    }
    // The manifest of v1 came to be, and the process died before it said so.
    const auto versions = std::filesystem::path{"projects"} / "p" / "artifacts" / "model" / "versions";
    std::filesystem::copy(dir / "store" / versions / "v1.json", dir / "image" / versions / "v1.json");
    auto run = open_image(dir / "image");
    auto checkpoint = run.checkpoint("model", policy);
    CHECK(checkpoint.restore(cairn::latest, part("model", model)).label() == "v1");
    CHECK_FALSE(checkpoint.step(run.log(cairn::step(2), "v"_m = 1), part("model", model)));
}

TEST_CASE("time spent and the cost of saving count on in a resumed run", "[checkpoint][resume]") {
    TempDir dir;
    Model model;
    double seconds = 0, save_seconds = 0;
    const auto row_at = [](std::int64_t step, double after_s) {
        return DynamicRow{step, cairn::detail::wall_ns() + static_cast<std::int64_t>(after_s * 1e9), nullptr,
                          0};
    };
    double spent = 0;
    {
        auto run = open_run(dir);
        auto checkpoint = run.checkpoint("model", Peek{&seconds, &save_seconds});
        const auto row = row_at(0, 1000);
        log(run, row);
        REQUIRE(checkpoint.step(row, part("model", model)));
        CHECK(seconds > 999);
        CHECK(save_seconds == 0);
        checkpoint.step(row_at(1, 2000), part("model", model));
        spent = save_seconds;
        CHECK(spent > 0);
    }
    auto run = open_run(dir);
    auto checkpoint = run.checkpoint("model", Peek{&seconds, &save_seconds});
    checkpoint.restore(cairn::latest, part("model", model));
    checkpoint.step(row_at(1, 5), part("model", model));
    CHECK(seconds > 1004);
    CHECK(seconds < 1100);
    CHECK(save_seconds == spent);
}

}  // namespace resume_test
