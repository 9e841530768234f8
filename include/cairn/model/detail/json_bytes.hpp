// SPDX-License-Identifier: MIT
#pragma once
// A JSON value as bytes and back: as text where text can hold it, else as CBOR. Costs nlohmann/json.

#include <cairn/config.hpp>
#include <cairn/core/number.hpp>
#include <cairn/model/detail/text.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// JSON text has no NaN, no infinity, no bytes, and only UTF-8.
template <class Json = nlohmann::json>
[[nodiscard]] bool fits_json_text(const Json& value) {
    switch (value.type()) {
        case Json::value_t::number_float: return is_finite(value.template get_ref<const double&>());
        case Json::value_t::string: return is_utf8(value.template get_ref<const std::string&>());
        case Json::value_t::binary: return false;
        case Json::value_t::array:
            for (const auto& item : value) {
                if (!fits_json_text(item)) return false;
            }
            return true;
        case Json::value_t::object:
            for (const auto& [key, item] : value.template get_ref<const typename Json::object_t&>()) {
                if (!is_utf8(key) || !fits_json_text(item)) return false;
            }
            return true;
        default: return true;
    }
}

/// Stops at a nesting that would exhaust the stack of whoever walks the value; keeps nothing.
template <class = void>
class DepthCheck final : public nlohmann::json_sax<nlohmann::json> {
  public:
    static constexpr int deepest = 500;

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool key(string_t&) override { return true; }
    bool start_object(std::size_t) override { return ++depth_ <= deepest; }
    bool start_array(std::size_t) override { return ++depth_ <= deepest; }
    bool end_object() override { return --depth_ >= 0; }
    bool end_array() override { return --depth_ >= 0; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
        return false;
    }

  private:
    int depth_ = 0;
};

/// The value in `bytes`; a discarded one if they are not one whole value in that format, nested at most 500
/// deep.
template <class Json = nlohmann::json>
[[nodiscard]] Json parse_json(std::span<const std::byte> bytes, typename Json::input_format_t format) {
    const auto* const begin = reinterpret_cast<const char*>(bytes.data());
    const auto* const end = begin + bytes.size();
    DepthCheck<> check;
    nlohmann::json_sax<Json>* const events = &check;
    if (!Json::sax_parse(begin, end, events, format)) return Json::value_t::discarded;
    return format == Json::input_format_t::json ? Json::parse(begin, end, nullptr, false)
                                                : Json::from_cbor(begin, end, true, false);
}

}  // namespace CAIRN_NAMESPACE::detail
