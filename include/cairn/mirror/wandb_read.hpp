// SPDX-License-Identifier: MIT
#pragma once
// What the records say that W&B's client keeps of a run. Costs nlohmann/json.

#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/time.hpp>
#include <cairn/mirror/left_out.hpp>
#include <cairn/mirror/protobuf.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/wandb_log.hpp>
#include <cairn/mirror/wandb_records.hpp>
#include <cairn/store/json_depth.hpp>
#include <cairn/store/os.hpp>
#include <cairn/store/record.hpp>
#include <cairn/store/series_node.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::wandb {

/// What the records of a session say of its run, beside its rows.
struct Told {
    std::string id{}, project{}, name{}, notes{}, group{}, job_type{};
    std::vector<std::string> tags{};
    nlohmann::json config = nlohmann::json::object();
    std::int64_t start_ns = 0;
    std::optional<std::int64_t> exit{};  ///< nothing: it has no end
};

/// JSON as W&B has it, which knows NaN and the infinities: within a value they become texts. Discarded, if it
/// is none.
[[nodiscard]] inline nlohmann::json value_from(std::string_view text) {
    if (text == "NaN") return not_a_number;
    if (text == "Infinity") return infinity;
    if (text == "-Infinity") return minus_infinity;
    if (json_depth(text) > most_json_depth) return nlohmann::json::value_t::discarded;
    const std::string whole = as_utf8(text);
    nlohmann::json value = nlohmann::json::parse(whole, nullptr, false);
    if (!value.is_discarded()) return value;
    std::string plain;
    bool is_in_text = false;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const std::string_view rest = std::string_view{whole}.substr(i);
        const auto token = [&](std::string_view word) {
            if (is_in_text || !rest.starts_with(word)) return false;
            plain += '"' + std::string{word} + '"';
            i += word.size() - 1;
            return true;
        };
        if (token("NaN") || token("-Infinity") || token("Infinity")) continue;
        if (whole[i] == '"') is_in_text = !is_in_text;
        plain += whole[i];
        if (is_in_text && whole[i] == '\\' && i + 1 < whole.size()) plain += whole[++i];
    }
    return nlohmann::json::parse(plain, nullptr, false);
}

/// An item of history or config: {key, nested_key, value_json}.
struct Item {
    std::vector<std::string> path;
    std::string_view json;

    /// The first so many parts of the path, as the name of a metric.
    [[nodiscard]] std::string name(std::size_t parts) const {
        std::string out;
        for (std::size_t i = 0; i < parts; ++i) out += (i == 0 ? "" : ".") + path[i];
        return out;
    }
};
[[nodiscard]] inline bool read_item(std::span<const std::byte> message, Item& item) {
    constexpr std::size_t most_parts = 2 * max_metric_name_bytes;  // more than any name or config has
    std::string key;
    item.path.clear();
    item.json = {};
    const bool is_whole = each_field(message, [&](const ProtoField& field) {
        if (field.number == 1) key = field.text();
        if (field.number == 2 && item.path.size() < most_parts) item.path.emplace_back(field.text());
        if (field.number == 16) item.json = field.text();
    });
    if (item.path.empty()) item.path.push_back(std::move(key));
    return is_whole;
}

/// Puts what a record of the config says into the config. W&B's own part, `_wandb`, is left out.
[[nodiscard]] inline bool take_config(std::span<const std::byte> record, nlohmann::json& config) {
    constexpr std::uint64_t update = 1, remove = 2;
    bool is_whole = true;
    Item item;
    const bool is_record = each_field(record, [&](const ProtoField& field) {
        if (field.number != update && field.number != remove) return;
        const bool is_item = read_item(field.bytes, item);
        if (is_item && item.path.front() == "_wandb") return;
        nlohmann::json value = field.number == update ? value_from(item.json) : nlohmann::json{};
        if (!is_item || value.is_discarded() || item.path.size() + json_depth(item.json) > most_json_depth) {
            is_whole = false;
            return;
        }
        nlohmann::json* at = &config;
        for (std::size_t i = 0; i + 1 < item.path.size(); ++i) {
            if (field.number == remove && (!at->is_object() || !at->contains(item.path[i]))) return;
            at = &(*at)[item.path[i]];
            if (!at->is_object() && field.number == update) *at = nlohmann::json::object();
        }
        if (field.number == update)
            (*at)[item.path.back()] = std::move(value);
        else if (at->is_object())
            at->erase(item.path.back());
    });
    return is_record && is_whole;
}
/// The same for the record of the run. Later ones say what has changed.
[[nodiscard]] inline bool take_run(std::span<const std::byte> record, Told& told) {
    std::vector<std::string> tags;
    bool is_whole = true;
    const bool is_record = each_field(record, [&](const ProtoField& field) {
        switch (field.number) {
            case 1: told.id = field.text(); break;
            case 3: told.project = field.text(); break;
            case 4: is_whole = take_config(field.bytes, told.config) && is_whole; break;
            case 6: told.group = as_utf8(field.text()); break;
            case 7: told.job_type = as_utf8(field.text()); break;
            case 8: told.name = as_utf8(field.text()); break;
            case 9: told.notes = as_utf8(field.text()); break;
            case 10: tags.push_back(as_utf8(field.text())); break;
            case 17: {
                constexpr std::int64_t second = 1'000'000'000, most = most_ms / 1000;
                std::int64_t seconds = 0, rest = 0;
                is_whole = each_field(field.bytes,
                                      [&](const ProtoField& part) {
                                          if (part.number == 1)
                                              seconds = static_cast<std::int64_t>(part.value);
                                          if (part.number == 2) rest = static_cast<std::int64_t>(part.value);
                                      }) &&
                           is_whole;
                told.start_ns =
                    std::clamp(seconds, -most, most) * second + std::clamp<std::int64_t>(rest, 0, second - 1);
                break;
            }
            default: break;
        }
    });
    if (!tags.empty()) told.tags = std::move(tags);
    return is_record && is_whole;
}

/// Calls `f(kind, message) -> result<bool>` for each record of a file; false: it is not what it says, and is
/// passed over. Fails as the disk and as `f` do.
template <class F>
result<void> each_record(const os::Path& path, LeftOut& damaged, F&& f) {
    auto log = WandbLogReader::open(path);
    if (!log && log.error().code() == errc::corrupt) {
        damaged.add_once(log.error());
        return {};
    }
    if (!log) return log.error();
    std::span<const std::byte> record;
    for (;;) {
        const auto more = log->next(record);
        if (!more && more.error().code() != errc::corrupt) return more.error();
        if (!more) damaged.add_once(more.error());
        if (!more || !*more) return {};
        result<bool> is_one = true;
        const bool is_record = each_field(record, [&](const ProtoField& field) {
            constexpr std::uint64_t most_kind = 1000;
            if (field.wire == 2 && field.number < most_kind && is_one && *is_one)
                is_one = f(static_cast<Kind>(field.number), field.bytes);
        });
        if (!is_one) return is_one.error();
        if (!is_record || !*is_one) damaged.add_once(log->damaged("a record that ends"));
    }
}

}  // namespace CAIRN_NAMESPACE::detail::wandb
