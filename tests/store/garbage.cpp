// SPDX-License-Identifier: MIT
#include <cairn/store/garbage.hpp>

#include "support.hpp"

namespace garbage_test {

using namespace cairn_test;
namespace fs = std::filesystem;

TEST_CASE("garbage: objects that no version names go, and no others", "[store][garbage]") {
    const Fixture f;
    CHECK(cairn::collect_garbage(f.store).value().objects == 0);
    const auto kept = commit(f.model, {{"a", "A"}, {"b", "B"}}).value().manifest;
    CHECK(stage_bytes(f.store, bytes_of("orphan")).value().install(f.store).value());  // a kill before the
                                                                                       // manifest
    auto staged = stage_bytes(f.store, bytes_of("waiting")).value();
    spit(f.store.root() / "objects/notes.txt", "mine");
    const auto freed = cairn::collect_garbage(f.store).value();
    CHECK(freed.objects == 1);
    CHECK(freed.bytes == 6);
    f.model.verify(kept).value();
    CHECK(staged.install(f.store).value());
    CHECK(fs::exists(f.store.root() / "objects/notes.txt"));
}

TEST_CASE("garbage: a manifest that cannot be read at all stops it", "[store][garbage]") {
    const Fixture f;
    (void)commit(f.model, {{"a", "A"}}).value();
    const fs::path manifest = f.store.artifact_dir("p", "model") / "versions/v0.json";
    fs::rename(manifest, f.dir / "aside");
    fs::create_directory(manifest);
    CHECK(!cairn::collect_garbage(f.store));
    CHECK(fs::exists(f.store.object_path(digest_of("A"))));
    erase_all(manifest);
    fs::rename(f.store.project_dir("p"), f.dir / "p");
    if (!has_symlinks) {
        WARN("not here: there are no symbolic links");
        return;
    }
    fs::create_directory_symlink("nowhere", f.store.project_dir("p"));  // a disk that is not mounted
    CHECK(!cairn::collect_garbage(f.store));
    CHECK(fs::exists(f.store.object_path(digest_of("A"))));
}

TEST_CASE("garbage: a version that was removed while damaged is freed", "[store][garbage]") {
    const Fixture f;
    (void)commit(f.model, {{"a", "A"}}).value();
    (void)commit(f.model, {{"a", "B"}}).value();
    spit(f.store.artifact_dir("p", "model") / "versions/v0.json", "damaged");
    f.model.remove(0).value();
    CHECK(fs::exists(f.store.object_path(digest_of("A"))));
    CHECK(cairn::collect_garbage(f.store).value().objects == 1);
    CHECK(!fs::exists(f.store.object_path(digest_of("A"))));
    CHECK(fs::exists(f.store.object_path(digest_of("B"))));
}

}  // namespace garbage_test
