// SPDX-License-Identifier: MIT
// What others do between two of our calls.
#include <cairn/store/artifact_store.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/store.hpp>

#include "injector.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace in_between_test {

namespace os = cairn::detail::os;
using cairn_test::TempDir;
using cairn_test::WholeFileLocks;

TEST_CASE("faults: where only whole files can be locked, one who looks keeps no writer out",
          "[faults][lock]") {
    const TempDir dir;
    const auto path = dir / "lock";
    {
        const WholeFileLocks system{3};
        const auto lock = os::Lock::try_acquire(path);
        REQUIRE(lock);
        CHECK(os::Lock::is_held(path).value());
        const auto second = os::Lock::try_acquire(path);
        REQUIRE(!second);
        CHECK(second.error().code() == cairn::errc::busy);
    }
    const WholeFileLocks system{0};
    CHECK(!os::Lock::is_held(path).value());
    CHECK(os::Lock::try_acquire(path));
}

TEST_CASE("faults: an alias names a version, though it moves and that goes while it is read",
          "[faults][artifact]") {
    const TempDir dir;
    const auto store = cairn::Store::open(dir.path()).value();
    const auto model = cairn::ArtifactStore::open(store, "p", "model", "model").value();
    cairn::CommitOptions best;
    best.aliases = {"best"};
    (void)model.commit({}, {}, best).value();
    cairn_test::before_opening("v0.json", [&] {
        (void)model.commit({}, {}, best).value();
        model.remove(0).value();
        cairn_test::before_opening("v1.json", [&] {
            (void)model.commit({}, {}, best).value();
            model.remove(1).value();
        });
    });
    CHECK(model.resolve("best").value().version == 2);

    const auto aliases = store.artifact_dir("p", "model") / "aliases.json";
    std::ofstream{aliases} << R"({"gone":"v1"})";  // as nobody should have made it
    const auto gone = model.resolve("gone");
    REQUIRE(!gone);
    CHECK(gone.error().code() == cairn::errc::not_found);
}

TEST_CASE("faults: a version that goes is gone, though somebody looks whether it is there",
          "[faults][artifact]") {
    const TempDir dir;
    const auto store = cairn::Store::open(dir.path()).value();
    const auto model = cairn::ArtifactStore::open(store, "p", "model", "model").value();
    for (int i = 0; i < 2; ++i) (void)model.commit({}, {}).value();
    // Asked twice who reads it, before and after it was hidden: who comes then, as `verify` does, finds
    // nothing.
    const std::string leases = cairn::detail::lease_file;
    std::optional<cairn::detail::os::Lease> reading;
    cairn_test::before_opening(leases, [&] {
        cairn_test::before_opening(leases, [&] {
            cairn_test::before_opening(leases, [&] {
                reading = model.lease(0).value();
                CHECK(!model.get(0));
            });
        });
    });
    model.remove(0).value();
    cairn_test::before_opening("", {});
    for (const auto& entry :
         std::filesystem::directory_iterator{store.artifact_dir("p", "model") / "versions"})
        CHECK(entry.path().extension() != ".removing");
}

}  // namespace in_between_test
