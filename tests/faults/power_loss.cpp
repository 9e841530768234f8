// SPDX-License-Identifier: MIT
// The machine loses its power after each change that an operation makes.

#include "power_loss.hpp"
#include "injector.hpp"
#include "world.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <vector>

#include <sys/stat.h>

using namespace cairn_test;
namespace fs = std::filesystem;

std::uint64_t PowerLoss::number_of(const fs::path& path) {
    struct ::stat info{};
    REQUIRE(::lstat(path.c_str(), &info) == 0);
    return info.st_ino;
}

TEST_CASE("faults: what was saved for power loss outlives it", "[faults][power]") {
    for (const Operation& operation : operations()) {
        const TempDir dir;
        const auto live = open_model(dir / "store", cairn::Durability::power_loss);
        operation.prepare(live);
        PowerLoss disk{dir / "store"};
        record_events();
        const auto ended = operation.run(live);
        const std::vector<FileEvent> events = take_events();
        REQUIRE(ended);

        for (std::size_t i = 0; i < events.size(); ++i) {
            disk.apply(events[i]);
            const bool has_returned = i + 1 == events.size();
            for (const auto& [chance, seed] :
                 {std::pair{0.0, 0U}, {1.0, 0U}, {0.5, 1U}, {0.5, 2U}, {0.8, 3U}}) {
                INFO(operation.name << ", power lost after change " << i << " of " << events.size()
                                    << ", chance " << chance << ", seed " << seed);
                const fs::path left = dir / "left";
                fs::remove_all(left);
                disk.lose_power(chance, seed, left);
                // They go when they are a day old: nobody knows that the machine was another before.
                for (const auto& entry : fs::directory_iterator{left / "tmp"}) fs::remove_all(entry.path());
                const auto model = open_model(left);
                const Shelf seen = look(model);
                if (has_returned) CHECK(seen == operation.after);
                check_between(operation, seen);
                go_on(model, seen);
            }
        }
    }
}
