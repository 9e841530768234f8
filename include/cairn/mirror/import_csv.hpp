// SPDX-License-Identifier: MIT
#pragma once
// A table as a run. Costs nlohmann/json, and all that records a run.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/time.hpp>
#include <cairn/core/value.hpp>
#include <cairn/mirror/run_import.hpp>
#include <cairn/policy/parse.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/series_node.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// How a table is read.
struct CsvImportOptions {
    ImportOptions into = {};  ///< where the run goes
    std::string step = {};    ///< the column that has the steps; default the first
};

namespace detail {

/// Reads records as RFC 4180 has them; ends of lines may be of any system. Cost: keeps one record, of 16 MiB
/// at most.
class CsvReader {
  public:
    /// Fails: not_found, permission, io.
    static result<CsvReader> open(const os::Path& path) {
        auto file = os::File::open_read(path);
        if (!file) return file.error();
        return CsvReader{std::move(*file)};
    }

    /// The next record that is not empty; false at the end. Fails: corrupt.
    result<bool> next(std::vector<std::string>& cells) {
        while (true) {
            cells.assign(1, {});
            line_ = next_line_;
            auto more = read_record(cells);
            if (!more || !*more || cells.size() != 1 || !cells.front().empty()) return more;
        }
    }
    /// What is wrong with the record that was read last.
    [[nodiscard]] error wrong(const std::string& what) const {
        return {errc::corrupt, "line " + std::to_string(line_) + " of this table " + what,
                file_.path().string(), "correct it; nothing was imported"};
    }

  private:
    static constexpr std::size_t most_bytes = std::size_t{16} << 20U;

    explicit CsvReader(os::File file) : file_{std::move(file)} {}

    /// The next character; -1 at the end. A failure is kept.
    int get() {
        if (at_ == buffer_.size() && !failed_) {
            buffer_.resize(std::size_t{1} << 16U);
            const auto got = file_.read_some(writable_bytes_of(buffer_));
            if (!got) failed_ = got.error();
            buffer_.resize(got ? *got : 0);
            at_ = 0;
            if (is_first_ && buffer_.starts_with("\xef\xbb\xbf")) at_ = 3;  // a mark of UTF-8
            is_first_ = false;
        }
        return at_ == buffer_.size() ? -1 : static_cast<unsigned char>(buffer_[at_++]);
    }
    /// Whether the next one is `c`; then it is taken.
    bool take(char c) {
        if (get() == static_cast<unsigned char>(c)) return true;
        if (at_ != 0) --at_;
        return false;
    }

    result<bool> read_record(std::vector<std::string>& cells) {
        std::size_t bytes = 0;
        bool is_quoted = false, any = false;
        for (int c = get();; c = get()) {
            if (failed_) return *failed_;
            if (c == -1) {
                if (is_quoted) return wrong("has a quotation mark that is not closed");
                return any;
            }
            any = true;
            if (++bytes > most_bytes) return wrong("is longer than 16 MiB");
            if (c == '\n') ++next_line_;
            if (is_quoted) {
                if (c != '"')
                    cells.back() += static_cast<char>(c);
                else if (take('"'))
                    cells.back() += '"';
                else
                    is_quoted = false;
            } else if (c == '"') {
                is_quoted = true;
            } else if (c == ',') {
                cells.emplace_back();
            } else if (c == '\n') {
                return true;
            } else if (c == '\r') {
                if (!take('\n')) return true;
                ++next_line_;
                return true;
            } else {
                cells.back() += static_cast<char>(c);
            }
        }
    }

    os::File file_;
    std::string buffer_;
    std::size_t at_ = 0, line_ = 1, next_line_ = 1;
    bool is_first_ = true;
    std::optional<error> failed_;
};

/// A number as this library, Python and spreadsheets write it; nothing if it is none.
[[nodiscard]] inline std::optional<double> number_in(std::string_view text) {
    std::string word{text};
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (word.starts_with('+')) word.erase(0, 1);
    if (word == "nan") return not_a_number;
    if (word == "inf" || word == "infinity") return infinity;
    if (word == "-inf" || word == "-infinity") return minus_infinity;
    return word.find_first_of("in") == std::string::npos ? whole_number<double>(word) : std::nullopt;
}
/// A whole number, written with or without a fraction of zeros.
[[nodiscard]] inline std::optional<std::int64_t> integer_in(std::string_view text) {
    if (const auto integer = whole_number<std::int64_t>(text)) return integer;
    const auto number = number_in(text);
    constexpr double most = 9007199254740992;  // 2^53: from there on a double is no count
    if (!number || !(std::abs(*number) <= most) || std::trunc(*number) != *number) return std::nullopt;
    return static_cast<std::int64_t>(*number);
}
/// What a cell says: a number, a word for yes or no, or a text, which it then refers to.
[[nodiscard]] inline Value value_in(const std::string& cell) {
    if (const auto integer = whole_number<std::int64_t>(cell)) return Value{*integer};
    if (const auto number = number_in(cell)) return Value{*number};
    for (const auto& [word, is_true] :
         {std::pair{"true", true}, {"True", true}, {"false", false}, {"False", false}}) {
        if (cell == word) return Value{is_true};
    }
    return Value{cell};
}

/// Calls `f(step, time_ns, values) -> result<void>` for each record. Fails: corrupt.
template <class F>
result<void> read_table(const os::Path& path, const std::string& step_column, F&& f) {
    auto reader = CsvReader::open(path);
    if (!reader) return reader.error();
    std::vector<std::string> names, cells;
    const auto head = reader->next(names);
    if (!head) return head.error();
    if (!*head) return reader->wrong("has no names of columns: it is empty");
    const auto place =
        step_column.empty() ? names.begin() : std::find(names.begin(), names.end(), step_column);
    if (place == names.end()) return reader->wrong("has no column \"" + suggest_name(step_column) + "\"");
    std::set<std::string_view> known;
    for (auto name = names.begin(); name != names.end(); ++name) {
        if (name != place && name->empty()) return reader->wrong("has a column without a name");
        if (!known.insert(*name).second)
            return reader->wrong("has two columns of one name: \"" + suggest_name(*name) + "\"");
    }
    const auto of_step = static_cast<std::size_t>(place - names.begin());
    const auto of_time =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), "time_ms") - names.begin());
    const std::int64_t now_ns = wall_ns();
    std::vector<NamedValue> values;
    while (true) {
        const auto more = reader->next(cells);
        if (!more) return more.error();
        if (!*more) return {};
        if (cells.size() != names.size()) {
            return reader->wrong("has " + std::to_string(cells.size()) + " cells, and the first one " +
                                 std::to_string(names.size()));
        }
        const auto step = integer_in(cells[of_step]);
        if (!step)
            return reader->wrong("has no whole number for a step: \"" + suggest_name(cells[of_step]) + "\"");
        std::int64_t time_ns = now_ns;
        if (of_time < cells.size() && of_time != of_step) {
            const auto ms = integer_in(cells[of_time]);
            if (!ms || *ms > most_ms || *ms < -most_ms)
                return reader->wrong("has no time in milliseconds: \"" + suggest_name(cells[of_time]) + "\"");
            time_ns = *ms * ns_per_ms;
        }
        values.clear();
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i != of_step && i != of_time && !cells[i].empty())
                values.push_back({names[i], value_in(cells[i])});
        }
        if (auto done = f(*step, time_ns, values); !done) return done;
    }
}

}  // namespace detail

/// Makes a run of a table, called as the file is. Its first line has the names of the metrics; each other one
/// is a row, with its step in the first column or in that which `step` names, and its time in the column
/// `time_ms`, if there is one, as `cairn export --csv` writes it. A cell is a number, a text, or nothing.
/// Nothing is imported if a line is wrong. Fails: not_found; corrupt, naming the line; already_exists; as the
/// disk does. Throws what `init` throws. Cost: reads the file twice, a record at a time.
[[nodiscard]] inline result<ImportedRun> import_csv(const std::filesystem::path& file,
                                                    const CsvImportOptions& options = {}) {
    const auto nothing = [](std::int64_t, std::int64_t, const std::vector<NamedValue>&) {
        return result<void>{};
    };
    if (auto checked = detail::read_table(file, options.step, nothing); !checked) return checked.error();
    detail::RunImport into{options.into, {.name = file.stem().string()}};
    const auto add = [&](std::int64_t step, std::int64_t time_ns, const std::vector<NamedValue>& values) {
        return into.add(step, time_ns, values);
    };
    if (auto read = detail::read_table(file, options.step, add); !read) {
        into.fail(read.error());
        return read.error();
    }
    return into.finish();
}

}  // namespace CAIRN_NAMESPACE
