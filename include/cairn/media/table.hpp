// SPDX-License-Identifier: MIT
#pragma once
// Tables. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/media/media.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE {

/// Rows of cells, each a number, a text, a bool or nothing:
/// `cairn::Table t{{"text", "truth", "predicted"}}; t.add_row({"7.png", 7, 1}); run.log("errors"_m = t);`
template <class Json = nlohmann::json>
class BasicTable {
  public:
    /// An empty one. Throws invalid_argument, if it has no columns.
    explicit BasicTable(std::vector<std::string> columns) : columns_{std::move(columns)} {
        if (columns_.empty())
            detail::raise(
                {errc::invalid_argument, "a table has at least one column", "", "name its columns"});
    }

    /// Throws invalid_argument, if it has not a cell for each column.
    void add_row(std::vector<Json> cells) {
        if (cells.size() != columns_.size()) {
            detail::raise(
                {errc::invalid_argument, "a row does not fit its table",
                 std::to_string(cells.size()) + " cells, " + std::to_string(columns_.size()) + " columns",
                 "give a cell for each column; nullptr is an empty one"});
        }
        for (const Json& cell : cells)
            memory_ += 32 + (cell.is_string() ? cell.template get_ref<const std::string&>().size() : 0);
        rows_.push_back(std::move(cells));
    }

    /// Their names.
    [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
    /// How many rows it has.
    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

    /// About how many bytes it holds.
    [[nodiscard]] std::size_t memory() const noexcept { return memory_; }
    /// `{"columns": [names], "data": [rows]}`, as W&B has it.
    [[nodiscard]] Media encode() const {
        Json out = {{"columns", columns_}, {"data", rows_}};
        if (rows_.empty()) out["data"] = Json::array();
        return {"table", "application/json", out.dump(-1, ' ', false, Json::error_handler_t::replace),
                Json{{"rows", rows_.size()}, {"columns", columns_.size()}}};
    }

  private:
    std::vector<std::string> columns_;
    std::vector<std::vector<Json>> rows_;
    std::size_t memory_ = 64;
};
using Table = BasicTable<>;

}  // namespace CAIRN_NAMESPACE
