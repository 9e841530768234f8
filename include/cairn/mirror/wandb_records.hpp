// SPDX-License-Identifier: MIT
#pragma once
// What W&B's client says in its file of a run that it has not sent: records of protobuf, whose fields are
// those of W&B's wandb_internal.proto (client 0.28). Costs nlohmann/json.

#include <cairn/core/bytes.hpp>
#include <cairn/core/error.hpp>
#include <cairn/core/number.hpp>
#include <cairn/core/value.hpp>
#include <cairn/mirror/protobuf.hpp>
#include <cairn/mirror/text.hpp>
#include <cairn/mirror/wandb_log.hpp>
#include <cairn/query/as_json.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail::wandb {

/// A message of protobuf that is being made.
using Message = std::vector<std::byte>;

/// Which kind of record: its field in the message Record.
enum class Kind : unsigned {
    history = 2,
    summary = 3,
    config = 5,
    files = 6,
    stats = 7,
    artifact = 8,
    alert = 10,
    metric = 12,
    output = 13,
    run = 17,
    exit = 18,
    final = 20,
    header = 21,
    environment = 26
};

/// A number as W&B's JSON has it, which knows NaN and the infinities.
[[nodiscard]] inline std::string number_text(const double& value) {
    if (is_nan(value)) return "NaN";
    if (!is_finite(value))
        return std::bit_cast<std::uint64_t>(value) == infinity_bits ? "Infinity" : "-Infinity";
    if (magnitude_bits(value) == 0) return std::bit_cast<std::uint64_t>(value) == 0 ? "0" : "-0.0";
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), end.ptr};
}
/// A value as W&B's JSON has it.
[[nodiscard]] inline std::string value_text(const Value& value) {
    switch (value.kind()) {
        case Value::Kind::integer: return std::to_string(static_cast<std::int64_t>(value.bits()));
        case Value::Kind::natural: return std::to_string(value.bits());
        case Value::Kind::number: return number_text(value.number());
        case Value::Kind::boolean: return value.bits() != 0 ? "true" : "false";
        case Value::Kind::text: return json_text(std::string{value.text()});
        case Value::Kind::none: break;
    }
    return "null";
}

/// Adds {nested_key, value_json} as a field of a message: an item of history, summary, config, stats.
inline void put_item(Message& to, std::initializer_list<std::string_view> path, std::string_view json,
                     unsigned field = 1) {
    Message item;
    for (const std::string_view part : path) ProtoWriter{item}.text(2, part);
    ProtoWriter{item}.text(16, json);
    ProtoWriter{to}.message(field, item);
}
/// Adds {key, value_json}, for messages that have no nested keys.
inline void put_pair(Message& to, unsigned field, std::string_view key, std::string_view json,
                     unsigned value_field = 16) {
    Message item;
    ProtoWriter{item}.text(1, key);
    ProtoWriter{item}.text(value_field, json);
    ProtoWriter{to}.message(field, item);
}
/// Adds a text, unless it is empty.
inline void put_text(Message& to, unsigned field, std::string_view text) {
    if (!text.empty()) ProtoWriter{to}.text(field, as_utf8(text));
}
/// Adds a number, unless it is 0.
inline void put_number(Message& to, unsigned field, std::int64_t value) {
    if (value != 0) ProtoWriter{to}.varint(field, static_cast<std::uint64_t>(value));
}
/// Adds a time.
inline void put_time(Message& to, unsigned field, std::int64_t ns) {
    constexpr std::int64_t second = 1'000'000'000;
    const std::int64_t rest = ((ns % second) + second) % second;
    Message time;
    put_number(time, 1, (ns - rest) / second);
    put_number(time, 2, rest);
    ProtoWriter{to}.message(field, time);
}

/// Writes records, which are counted.
class Records {
  public:
    /// `count` records are there already.
    explicit Records(WandbLogWriter log, std::int64_t count = 0) noexcept
        : log_{std::move(log)}, count_{count} {}

    /// Fails as the disk does.
    result<void> put(Kind kind, const Message& what) {
        record_.clear();
        ProtoWriter record{record_};
        record.varint(1, static_cast<std::uint64_t>(++count_));
        record.message(static_cast<unsigned>(kind), what);
        return log_.append(record_);
    }
    /// Hands what is left to the system. Fails as the disk does.
    result<void> flush() { return log_.flush(); }
    /// So many are there.
    [[nodiscard]] std::int64_t count() const noexcept { return count_; }
    /// The file's, with what is not flushed.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return log_.bytes(); }

  private:
    WandbLogWriter log_;
    std::int64_t count_;
    Message record_;
};

}  // namespace CAIRN_NAMESPACE::detail::wandb
