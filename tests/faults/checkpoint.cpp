// SPDX-License-Identifier: MIT
// A training that is killed while it saves: at each call into the system, and at random moments.
// CAIRN_TEST_SEED draws the moments, CAIRN_TEST_KILLS says how many.

#include "injector.hpp"
#include "checkpoint/support.hpp"

#include <cairn/store/garbage.hpp>
#include <support/catch.hpp>
#include <support/child.hpp>
#include <support/env.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include <sys/mman.h>

using namespace cairn_test;
using namespace cairn::literals;

namespace {

/// The store, and where in the next save the calls of the thread that is there begin to count.
struct Armed : cairn::LocalStore {
    explicit Armed(cairn::Share share = cairn::share::files) : LocalStore{share} {}

    enum class At { nowhere, reserve, begin };
    struct Plan {
        At at = At::nowhere;
        FaultPlan faults{};
    };
    std::shared_ptr<Plan> plan = std::make_shared<Plan>();

    void arm_at(At here) const {
        if (plan->at == here) arm(plan->faults);
    }
    cairn::result<cairn::Reservation> reserve(const cairn::VersionInfo& info) {
        arm_at(At::reserve);
        auto reserved = cairn::LocalStore::reserve(info);
        if (plan->at == At::reserve) (void)disarm();
        return reserved;
    }
    cairn::result<void> begin(const cairn::VersionInfo& info) {
        arm_at(At::begin);  // and on, until the thread is done with it: the retention is in it
        return cairn::LocalStore::begin(info);
    }
};

/// A checkpoint that saves at each step and keeps the two newest and the best.
[[nodiscard]] auto checkpoint_of(cairn::Run& run, Armed sink = Armed{}, bool async = true) {
    return run.checkpoint("model", cairn::EveryN<1>{}, std::move(sink), cairn::SaveOptions{.async = async},
                          cairn::KeepLast<2>{} | cairn::KeepBest<1, "loss", cairn::minimize>{});
}
template <class C>
[[nodiscard]] auto save(cairn::Run& run, C& checkpoint, std::int64_t step) {
    const auto row =
        run.log(cairn::step(step), "loss"_m = step % 7 == 3 ? 0.0 : 1.0 + static_cast<double>(step));
    Model model = model_of(static_cast<float>(step));
    return checkpoint.step(row, cairn::part("model", model)).wait();
}

/// Opens the run again, as a program that goes on does; gives the step of the newest version.
/// \param killed  how often in a row the training was killed before a save of it was done: as many versions
///                may still wait for the next save to take them away.
[[nodiscard]] std::int64_t newest_step(const TempDir& dir, const std::string& id, std::size_t killed = 1) {
    cairn::Run run = open_run(dir, id);
    auto checkpoint = checkpoint_of(run);
    Model model;
    const auto restored = checkpoint.try_restore(cairn::latest, cairn::part("model", model));
    for (const auto& problem : run.health().errors) FAIL_CHECK(problem);
    if (!restored) {
        CHECK(checkpoint.versions().empty());
        return -1;
    }
    CHECK(model == model_of(static_cast<float>(restored->step())));
    // All others are whole, too; and what the retention wants is there.
    const auto store = cairn::Store::open(dir / "store").value();
    const auto artifact = cairn::ArtifactStore::open(store, "p", "model").value();
    const auto listing = artifact.list().value();
    CHECK(listing.damaged.empty());
    for (const auto& manifest : listing.versions) CHECK(artifact.verify(manifest));
    // Two, the best, the one that training went on from, and those that were to go.
    CHECK(listing.versions.size() <= 4 + killed);
    for (const auto& [alias, number] : artifact.aliases().value()) CHECK(artifact.get(number));
    return restored->step();
}

}  // namespace

TEST_CASE("faults: a training killed at each call of a save goes on from that save or the one before",
          "[faults][kill]") {
    struct Way {
        const char* name;
        cairn::Share share;
        bool async;
        Armed::At at;
        std::uint64_t calls;  // there are more
    };
    for (const Way& way : {Way{"at once", cairn::share::files, false, Armed::At::begin, 50},
                           {"beside the loop", cairn::share::files, true, Armed::At::begin, 50},
                           {"in pieces", cairn::share::tensors, true, Armed::At::begin, 50},
                           {"its number", cairn::share::files, true, Armed::At::reserve, 5}}) {
        for (std::uint64_t at = 0;; ++at) {
            INFO(way.name << ", killed at call " << at);
            const TempDir dir;
            const int ended = in_child([&] {
                cairn::Run run = open_run(dir);
                Armed sink{way.share};
                const auto plan = sink.plan;
                auto checkpoint = checkpoint_of(run, std::move(sink), way.async);
                for (std::int64_t step = 0; step < 3; ++step) {
                    if (!save(run, checkpoint, step).saved()) return 1;
                }
                checkpoint.wait();
                *plan = {way.at, {Fault::kill, at, 0}};
                const auto saved = save(run, checkpoint, 3);  // the best so far; another goes
                checkpoint.wait();
                (void)disarm();
                return saved.saved() ? 0 : 1;
            });
            const std::int64_t step = newest_step(dir, "r");
            if (ended == 0) {
                CHECK(step == 3);
                CHECK(at > way.calls);  // it did something
                break;
            }
            REQUIRE(ended == -SIGKILL);
            CHECK((step == 2 || step == 3));
        }
    }
}

TEST_CASE("faults: a training killed at a random moment of its saves loses none that was acknowledged",
          "[faults][kill]") {
    const unsigned seed = number_from_env("CAIRN_TEST_SEED", std::random_device{}());
    const unsigned kills = number_from_env("CAIRN_TEST_KILLS", 25);
    std::printf("killed saves: CAIRN_TEST_SEED=%u\n", seed);
    std::mt19937_64 random{seed};
    auto* const saved = static_cast<std::atomic<std::int64_t>*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    REQUIRE(saved != MAP_FAILED);
    std::unique_ptr<TempDir> dir;
    std::size_t killed = 0;
    for (unsigned round = 0; round < kills; ++round) {
        INFO("round " << round);
        if (round % 20 == 0) {  // a run of its own for every twenty
            dir = std::make_unique<TempDir>();
            saved->store(-1);
            killed = 0;
        }
        const std::int64_t before = saved->load();
        const ::pid_t child = start_child([&] {
            cairn::Run run = open_run(*dir);
            auto checkpoint = checkpoint_of(run);
            Model model;
            (void)checkpoint.try_restore(cairn::latest, cairn::part("model", model));
            for (std::int64_t step = saved->load() + 1;; ++step) {
                if (!save(run, checkpoint, step).saved()) return 1;
                saved->store(step);
            }
        });
        std::this_thread::sleep_for(std::chrono::microseconds{random() % 60'000});
        ::kill(child, SIGKILL);
        REQUIRE(wait_for(child) == -SIGKILL);
        const std::int64_t acknowledged = saved->load();
        killed = acknowledged > before ? 1 : killed + 1;
        const std::int64_t step = newest_step(*dir, "r", killed);
        CHECK((step == acknowledged || step == acknowledged + 1));
        saved->store(step);
    }
    ::munmap(saved, 4096);
}
