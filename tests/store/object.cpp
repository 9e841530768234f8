// SPDX-License-Identifier: MIT
#include <cairn/store/object.hpp>

#include "support.hpp"

#include <csignal>
#include <thread>

#if CAIRN_TEST_FORK
#include <sys/resource.h>
#endif

namespace object_test {

using namespace cairn_test;
using cairn::errc;
namespace detail = cairn::detail;
namespace fs = std::filesystem;

TEST_CASE("object: pieces are hashed as one, read-only, and gone without a commit", "[store][object]") {
    const Fixture f;
    {
        auto writer = cairn::ObjectWriter::create(f.store).value();
        writer.write(bytes_of("hello ")).value();
        writer.write({}).value();
        writer.write(bytes_of("world")).value();
        const auto object = writer.finish().value();
        CHECK(object.digest().hex() == digest_of("hello world"));
        CHECK(object.size() == 11);
        const auto temps = tree(f.store.temp_dir());
        REQUIRE(temps.size() == 1);
        CHECK((fs::status(f.store.temp_dir() / temps[0]).permissions() & fs::perms(0222)) == fs::perms::none);
    }
    {
        auto unfinished = cairn::ObjectWriter::create(f.store).value();
        unfinished.write(bytes_of("half")).value();
    }
    CHECK(fs::is_empty(f.store.temp_dir()));
    CHECK(!fs::exists(f.store.root() / "objects"));
}

TEST_CASE("object: large and small pieces are hashed in order, beside and at once", "[store][object]") {
    const Fixture f;
    std::string all;
    auto writer = cairn::ObjectWriter::create(f.store).value();
    for (const std::size_t size : {std::size_t{3} << 20U, std::size_t{10}, std::size_t{1} << 20U,
                                   std::size_t{0}, std::size_t{5} << 20U, std::size_t{77}}) {
        const std::string piece(size, static_cast<char>('a' + all.size() % 26));
        writer.write(bytes_of(piece)).value();
        all += piece;
    }
#if CAIRN_TEST_FORK
    std::this_thread::sleep_for(std::chrono::milliseconds{20});  // its thread sleeps
    const int child = in_child([&] {  // the thread is the parent's: nothing is waited for
        ::alarm(60);
        auto inherited = std::move(writer);
        bool goes_on = true;
        for (int i = 0; i < 3; ++i) {  // its own thread sleeps between them
            goes_on = goes_on && inherited.write(bytes_of(std::string(std::size_t{2} << 20U, 'z')));
            std::this_thread::sleep_for(std::chrono::milliseconds{20});
        }
        return goes_on ? 0 : 1;
    });
    if (in_child([] { return std::thread{[] {}}.join(), 0; }) == 0)
        CHECK(child == 0);
    else
        WARN("not here: an emulator lets no forked child start a thread");
#endif
    CHECK(writer.finish().value().digest().hex() == digest_of(all));
}

TEST_CASE("object: installed once, shared after, replaced when its size is wrong", "[store][object]") {
    const Fixture f{cairn::Durability::power_loss};
    const fs::path path = f.store.object_path(digest_of("text"));
    auto first = stage_bytes(f.store, bytes_of("text")).value();
    CHECK(first.install(f.store).value());
    CHECK(slurp(path) == "text");
    auto second = stage_bytes(f.store, bytes_of("text")).value();
    CHECK_FALSE(second.install(f.store).value());
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    spit(path, "tex");
    CHECK(code_of(detail::verify_object(f.store, digest_of("text"))) == errc::corrupt);
    auto third = stage_bytes(f.store, bytes_of("text")).value();
    CHECK_FALSE(third.install(f.store).value());
    detail::verify_object(f.store, digest_of("text")).value();
}

TEST_CASE("object: verify tells missing, flipped, cut, a link and a folder from whole", "[store][object]") {
    const Fixture f;
    const std::string text(3'000'000, 'x');
    const std::string digest = digest_of(text);
    const fs::path path = f.store.object_path(digest);
    CHECK(code_of(detail::verify_object(f.store, digest)) == errc::not_found);
    CHECK(stage_bytes(f.store, bytes_of(text)).value().install(f.store).value());
    detail::verify_object(f.store, digest).value();
    for (const std::size_t at : {std::size_t{0}, std::size_t{1} << 20U, text.size() - 1}) {
        std::string flipped = text;
        flipped[at] = 'y';
        erase_all(path);
        spit(path, flipped);
        CHECK(code_of(detail::verify_object(f.store, digest)) == errc::corrupt);
    }
    erase_all(path);
    spit(path, text.substr(1));
    CHECK(code_of(detail::verify_object(f.store, digest)) == errc::corrupt);
    erase_all(path);
    spit(f.dir / "other", text);
    if (has_symlinks) {
        fs::create_symlink(f.dir / "other", path);
        CHECK(code_of(detail::verify_object(f.store, digest)) == errc::corrupt);
        erase_all(path);
    }
    fs::create_directory(path);
    CHECK(code_of(detail::verify_object(f.store, digest)) == errc::corrupt);
}

TEST_CASE("object: a file is staged by its bytes and none, a folder or a pipe is an error",
          "[store][object]") {
    const Fixture f;
    spit(f.dir / "file", "abc");
    CHECK(stage_file(f.store, f.dir / "file").value().digest().hex() == digest_of("abc"));
    CHECK(code_of(stage_file(f.store, f.dir / "none")) == errc::not_found);
    CHECK(code_of(stage_file(f.store, f.dir.path())) == errc::invalid_argument);
    CHECK(fs::is_empty(f.store.temp_dir()));
}

#if CAIRN_TEST_FORK
TEST_CASE("object: a write that failed is not forgotten by finish", "[store][object]") {
    const Fixture f;
    CHECK(in_child([&] {
              std::signal(SIGXFSZ, SIG_IGN);
              const rlimit small{1000, 1000};
              ::setrlimit(RLIMIT_FSIZE, &small);
              auto writer = cairn::ObjectWriter::create(f.store).value();
              const auto written = writer.write(bytes_of(std::string(2000, 'x')));
              if (written || written.error().code() != errc::no_space) return 1;
              const rlimit large{RLIM_INFINITY, RLIM_INFINITY};
              ::setrlimit(RLIMIT_FSIZE, &large);
              if (writer.write(bytes_of("more"))) return 2;
              const auto object = writer.finish();
              return !object && object.error().code() == errc::no_space ? 0 : 3;
          }) == 0);
    CHECK(fs::is_empty(f.store.temp_dir()));
}
#endif

}  // namespace object_test
