// SPDX-License-Identifier: MIT
// What others take for the same value: a step, the wall time and one double, paced as `log_typed_1` is. What
// a peer leaves to its own thread or to a flush is off the clock, as the collector is.

#include "measuring.hpp"

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>
#include <spdlog/async.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using namespace bench;

namespace {

/// An empty folder for the time of a benchmark.
class Folder {
  public:
    Folder() {
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_ = folder("cairn-bench-peer");
};

constexpr const char* with_time = "%E.%e %v";  // seconds since 1970 and milliseconds

void spdlog_file(benchmark::State& state) {
    const Folder folder;
    spdlog::logger logger{"bench", std::make_shared<spdlog::sinks::basic_file_sink_st>(folder.file("log"))};
    logger.set_pattern(with_time);
    in_batches(state, [&](int i) { logger.info("{} loss {}", i, loss(i)); }, [&] { logger.flush(); });
}
void spdlog_async(benchmark::State& state) {
    const Folder folder;
    const auto pool = std::make_shared<spdlog::details::thread_pool>(8192, 1);
    const auto logger = std::make_shared<spdlog::async_logger>(
        "bench", std::make_shared<spdlog::sinks::basic_file_sink_mt>(folder.file("log")), pool);
    logger->set_pattern(with_time);
    in_batches(
        state, [&](int i) { logger->info("{} loss {}", i, loss(i)); },
        [&] {
            while (pool->queue_size() != 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        });
}

void nlohmann_fwrite(benchmark::State& state) {
    const Folder folder;
    std::FILE* file = std::fopen(folder.file("log.jsonl").c_str(), "w");
    in_batches(
        state,
        [&](int i) {
            const nlohmann::json row{{"step", i}, {"time", cairn::detail::wall_ns()}, {"loss", loss(i)}};
            const std::string line = row.dump() + '\n';
            std::fwrite(line.data(), 1, line.size(), file);
        },
        [&] { std::fflush(file); });
    std::fclose(file);
}

/// A table of (metric, step, time, value) with its inserting statement prepared. One row a transaction is
/// what survives a kill as our row does.
class Table {
  public:
    explicit Table(const std::string& path) {
        check(::sqlite3_open(path.c_str(), &db_));
        execute("PRAGMA journal_mode=WAL");
        execute("PRAGMA synchronous=NORMAL");
        execute("CREATE TABLE metrics(metric TEXT, step INTEGER, time INTEGER, value REAL)");
        check(
            ::sqlite3_prepare_v2(db_, "INSERT INTO metrics VALUES('loss', ?, ?, ?)", -1, &insert_, nullptr));
    }
    ~Table() {
        ::sqlite3_finalize(insert_);
        ::sqlite3_close(db_);
    }
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    void execute(const char* sql) { check(::sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)); }
    void insert(std::int64_t step, std::int64_t time, double value) {
        ::sqlite3_bind_int64(insert_, 1, step);
        ::sqlite3_bind_int64(insert_, 2, time);
        ::sqlite3_bind_double(insert_, 3, value);
        check(::sqlite3_step(insert_));
        ::sqlite3_reset(insert_);
    }

  private:
    static void check(int code) {
        if (code != SQLITE_OK && code != SQLITE_DONE) throw std::runtime_error{::sqlite3_errstr(code)};
    }
    ::sqlite3* db_ = nullptr;
    ::sqlite3_stmt* insert_ = nullptr;
};

void sqlite_wal(benchmark::State& state) {
    const Folder folder;
    Table table{folder.file("log.db")};
    in_batches(state, [&](int i) { table.insert(i, cairn::detail::wall_ns(), loss(i)); }, [] {});
}
/// A transaction for each batch: a kill loses all of it.
void sqlite_wal_batched(benchmark::State& state) {
    const Folder folder;
    Table table{folder.file("log.db")};
    in_batches(
        state,
        [&](int i) {
            if (i == 0) table.execute("BEGIN");
            table.insert(i, cairn::detail::wall_ns(), loss(i));
            if (i == batch - 1) table.execute("COMMIT");
        },
        [] {});
}

}  // namespace

BENCHMARK(spdlog_file)->UseManualTime()->Iterations(200);
BENCHMARK(spdlog_async)->UseManualTime()->Iterations(200);
BENCHMARK(nlohmann_fwrite)->UseManualTime()->Iterations(200);
BENCHMARK(sqlite_wal)->UseManualTime()->Iterations(200);
BENCHMARK(sqlite_wal_batched)->UseManualTime()->Iterations(200);
