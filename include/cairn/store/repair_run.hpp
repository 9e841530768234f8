// SPDX-License-Identifier: MIT
#pragma once
// Looks at what a run has on disk (its records, its history, the history's index, its rings, its rich values)
// and mends what can be mended. Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/store/atomic_file.hpp>
#include <cairn/store/check_index.hpp>
#include <cairn/store/finding.hpp>
#include <cairn/store/frame.hpp>
#include <cairn/store/history.hpp>
#include <cairn/store/history_index.hpp>
#include <cairn/store/media_file.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/rank_dir.hpp>
#include <cairn/store/run_reader.hpp>
#include <cairn/store/store.hpp>
#include <cairn/store/stored_row.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// One rank of a run. Threads: one at a time.
template <class = void>
class BasicRunRepair {
  public:
    BasicRunRepair(const Store& store, std::string project, std::string run, unsigned rank)
        : store_{store}, project_{std::move(project)}, run_{std::move(run)}, rank_{rank},
          dir_{store_.run_dir(project_, run_, rank)} {}

    /// Looks, and if something is found and to be mended, looks once more as the run's one writer. One that
    /// is being written is not touched.
    [[nodiscard]] std::vector<Finding> look(Repair repair, SetAside& aside) {
        std::vector<Finding> findings = look_once(Repair::no, aside);
        if (findings.empty() || repair == Repair::no) return findings;
        const result<RunFolder> writer = open_writer();
        if (writer) return look_once(Repair::yes, aside);
        for (Finding& finding : findings) finding.not_done = writer.error().what();
        return findings;
    }

    /// How many rows it has.
    [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

  private:
    [[nodiscard]] result<RunFolder> open_writer() const {
        // Where the file system has no locks, its own record tells.
        const auto reader = RunReader::open(store_, project_, run_, rank_);
        const auto state = reader ? reader->state() : reader.error();
        if (state && *state == RunState::running)
            return error{errc::busy, "the run is being written", dir_.string(),
                         "repair it when it has ended"};
        return RunFolder::open_writer(store_, project_, run_, rank_);
    }
    /// Whether somebody writes it, or repairs it.
    [[nodiscard]] bool is_live() const {
        const auto held = os::Lock::is_held(dir_ / run_lock_file);
        return !held || *held;
    }

    [[nodiscard]] std::vector<Finding> look_once(Repair repair, SetAside& aside) {
        std::vector<Finding> findings;
        Mender mender{repair, aside, findings};
        // The index first: what it does not have yet is found in the history.
        const auto index = read_file(dir_ / index_file, max_history_bytes);
        look_at_history(mender);
        look_at_index(mender, index);
        look_at_media(mender);
        look_at_record(mender);
        for (const char* name : {"config.json", "summary.json"}) look_at_json(mender, name);
        return findings;
    }

    // ---- history and rings

    void look_at_history(Mender& mender) {
        const Reader reader = mender.repairs() ? Reader::writer : Reader::other;
        auto report = read(reader);
        if (!report && report.error().code() == errc::corrupt) {
            mender.found({report.error()}, [&] { return mend_head(mender.aside()); });
            if (!mender.repairs()) return;
            report = read(reader);
        }
        if (!report) return mender.found(report.error());
        if (report->damaged != 0 && report->torn_bytes != 0) {
            const error what{errc::corrupt,
                             "the last " + std::to_string(report->torn_bytes) +
                                 " bytes of a run's history are no whole frame",
                             (dir_ / history_file).string(),
                             "resuming the run cuts them, as does: cairn fsck --repair"};
            mender.found({what},
                         [&] { return cut(dir_ / history_file, report->whole_bytes, mender.aside()); });
            if (mender.repairs()) report = read(reader);
            if (!report) return mender.found(report.error());
            if (report->torn_bytes != 0) --report->damaged;  // it was told
        }
        for (const error& unread : report->unread) {
            mender.found({unread}, [&]() -> result<std::string> {
                if (unread.code() != errc::corrupt) return unread;
                const std::string kept = unread.path() + std::string{damaged_suffix};
                if (auto moved = os::rename_replace(unread.path(), kept); !moved) return moved.error();
                return "set it aside, as " + kept;
            });
        }
        report->unread.clear();
        for (const error& damage : report->errors(dir_.string())) mender.found(damage);
        rows_ = report->rows;
    }
    [[nodiscard]] result<HistoryReport> read(Reader reader) {
        first_ns_.reset();
        return read_history(
            dir_,
            [&](const StoredRow& row) { first_ns_ = std::min(first_ns_.value_or(row.time_ns), row.time_ns); },
            reader);
    }
    /// A history that does not begin as one: its frames may be whole.
    result<std::string> mend_head(SetAside& aside) {
        const os::Path path = dir_ / history_file;
        const auto text = read_file(path, max_history_bytes);
        if (!text) return text.error();
        const std::span<const std::byte> bytes = bytes_of(*text);
        FrameReader frames{bytes};
        if (Frame frame; !frames.next(frame)) return aside.move(path);
        auto kept = aside.keep(path, bytes.first(history_header_bytes));
        if (!kept) return kept;
        auto file = HistoryWriter::open(path, bytes.size());
        if (!file) return file.error();
        if (auto synced = file->sync(); !synced) return synced.error();
        return "wrote its first bytes anew; " + *kept;
    }
    static result<std::string> cut(const os::Path& path, std::uint64_t whole_bytes, SetAside& aside) {
        auto file = os::File::open_read_write(path);
        if (!file) return file.error();
        const auto size = file->size();
        if (!size) return size.error();
        const std::uint64_t torn = *size - std::min(*size, whole_bytes);
        if (torn > most_media_bytes) {
            return error{errc::unsupported, "what is torn is longer than anything that can be kept of it",
                         path.string(), "move the file away by hand"};
        }
        std::vector<std::byte> rest(static_cast<std::size_t>(torn));
        const auto got = file->read_at(whole_bytes, rest);
        if (!got) return got.error();
        auto kept = aside.keep(path, std::span{rest}.first(*got));
        if (!kept) return kept;
        if (auto done = file->truncate(whole_bytes); !done) return done.error();
        if (auto synced = file->sync(); !synced) return synced.error();
        return kept;
    }

    void look_at_index(Mender& mender, const result<std::string>& index) {
        const auto history = read_file(dir_ / history_file, max_history_bytes);
        if (!history || (!index && index.error().code() != errc::not_found)) return;
        if (!check_history(bytes_of(*history), dir_)) return;
        const std::string none;
        const IndexState state = check_index(bytes_of(index ? *index : none), bytes_of(*history));
        const bool is_wrong = state == IndexState::wrong;
        if (state == IndexState::whole || (!is_wrong && !mender.repairs() && is_live())) return;
        const error what{is_wrong ? errc::corrupt : errc::io,
                         is_wrong ? "the index of a history tells what the history has not"
                                  : "the index of a history lacks something, which makes curves slow",
                         (dir_ / index_file).string(),
                         "delete it, or write it anew with: cairn fsck --repair"};
        mender.found({what, is_wrong}, [&]() -> result<std::string> {
            auto made = rebuild_index(dir_, bytes_of(*history), store_.temp_dir());
            if (!made) return made.error();
            return std::string{"wrote it anew, from the history"};
        });
    }

    // ---- rich values

    void look_at_media(Mender& mender) {
        const os::Path path = dir_ / media_file;
        auto reader = MediaReader::open(path);
        if (!reader) {
            const error& why = reader.error();
            if (why.code() == errc::not_found) return;
            return mender.found({why}, [&]() -> result<std::string> {
                if (why.code() != errc::corrupt) return why;
                return mender.aside().move(path);
            });
        }
        std::size_t damaged = 0;
        MediaEntry entry;
        auto more = reader->next(entry);
        for (; more && *more; more = reader->next(entry)) {
            const auto value = reader->read(entry);
            if (!value && value.error().code() != errc::corrupt) return mender.found(value.error());
            if (!value) ++damaged;
        }
        if (!more) return mender.found(more.error());
        damaged += reader->gaps();
        if (damaged != 0) {
            mender.found(error{errc::corrupt,
                               std::to_string(damaged) + " stretches of a run's rich values are damaged",
                               path.string(), "restore the file from a copy; the others can be read"});
        }
        const std::uint64_t whole = reader->whole_bytes();
        if (reader->bytes() <= whole || (!mender.repairs() && is_live())) return;
        const error what{errc::io,
                         "the last " + std::to_string(reader->bytes() - whole) +
                             " bytes of a run's rich values are no whole one",
                         path.string(), "resuming the run cuts them, as does: cairn fsck --repair"};
        mender.found({what, false}, [&] { return cut(path, whole, mender.aside()); });
    }

    // ---- records

    void look_at_record(Mender& mender) {
        const auto folder = RunReader::open(store_, project_, run_, rank_);
        const auto record = folder ? folder->read_run() : result<nlohmann::json>{folder.error()};
        if (record) return;
        const error& why = record.error();
        const bool is_missing = why.code() == errc::not_found;
        if (is_missing && !first_ns_) return;  // it has nothing yet
        const os::Path path = dir_ / "run.json";
        const error what = is_missing ? error{errc::corrupt, "the record of a run is missing", path.string(),
                                              "restore it from a copy"}
                                      : why;
        mender.found({what}, [&]() -> result<std::string> {
            std::string kept;
            if (!is_missing) {
                if (why.code() != errc::corrupt) return why;
                auto moved = mender.aside().move(path);
                if (!moved) return moved;
                kept = "; " + *moved;
            }
            nlohmann::json made = {{"format", 1},
                                   {"id", run_},
                                   {"project", project_},
                                   {"name", run_},
                                   {"metrics", nlohmann::json::object()}};
            if (first_ns_) made["created_ns"] = *first_ns_;
            auto written =
                write_file_atomically(path, made.dump(1) + "\n", store_.durability(), store_.temp_dir());
            if (!written) return written.error();
            return "wrote one with what is known of the run" + kept;
        });
    }
    void look_at_json(Mender& mender, const char* name) {
        const auto folder = RunReader::open(store_, project_, run_, rank_);
        if (!folder) return;
        const auto value = folder->read_json(name);
        if (value ? value->is_object() : value.error().code() == errc::not_found) return;
        const os::Path path = dir_ / name;
        const error what = value ? error{errc::corrupt, "this file of the run is no object", path.string(),
                                         "restore it from a copy, or delete it"}
                                 : value.error();
        mender.found({what}, [&]() -> result<std::string> {
            if (what.code() != errc::corrupt) return what;
            return mender.aside().move(path);
        });
    }

    Store store_;
    std::string project_, run_;
    unsigned rank_;
    os::Path dir_;
    std::uint64_t rows_ = 0;
    std::optional<std::int64_t> first_ns_;  // the least time of its rows and events
};
using RunRepair = BasicRunRepair<>;

}  // namespace CAIRN_NAMESPACE::detail
