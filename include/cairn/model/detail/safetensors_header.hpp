// SPDX-License-Identifier: MIT
#pragma once
// Reads the JSON header of a safetensors file as a stream of events, so that a hostile one costs no more than
// its own length: nothing is nested, repeated or unexpected that is accepted. Costs nlohmann/json.

#include <cairn/config.hpp>
#include <cairn/model/detail/text.hpp>
#include <cairn/model/dtype.hpp>
#include <cairn/model/shape.hpp>
#include <cairn/model/tensor.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

struct HeaderEntry {
    std::string name;
    Dtype dtype = Dtype::F32;
    std::vector<std::uint64_t> extents;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

/// A handler for `nlohmann::json::sax_parse`. A template so that only those who read files compile it.
template <class = void>
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
  public:
    std::vector<HeaderEntry> entries;
    std::map<std::string, std::string> metadata;
    /// Why the header was refused.
    std::string problem;

    bool start_object(std::size_t) override {
        if (depth_ == 0) {
            ++depth_;
            return true;
        }
        if (depth_ != 1) return refuse("has an object where a tensor's values belong");
        ++depth_;
        return true;
    }

    bool key(string_t& key) override {
        if (depth_ == 1) {
            in_metadata_ = key == metadata_key;
            if (in_metadata_ && std::exchange(had_metadata_, true)) return refuse("has its metadata twice");
            seen_ = 0;
            numbers_.clear();
            if (!in_metadata_) entries.push_back({std::move(key), {}, {}, 0, 0});
            return true;
        }
        if (in_metadata_) {
            key_ = std::move(key);
            return true;
        }
        field_ = key == "dtype"          ? dtype_field
                 : key == "shape"        ? shape_field
                 : key == "data_offsets" ? offsets_field
                                         : 0U;
        if (field_ == 0) return refuse_tensor("has the unknown key " + in_quotes(key));
        if ((seen_ & field_) != 0) return refuse_tensor("has its " + key + " twice");
        seen_ |= field_;
        return true;
    }

    bool string(string_t& value) override {
        if (depth_ == 2 && in_metadata_) {
            if (metadata.emplace(key_, std::move(value)).second) return true;
            return refuse("has the metadata key " + in_quotes(key_) + " twice");
        }
        if (depth_ != 2 || field_ != dtype_field) return unexpected("a text");
        const std::optional<Dtype> dtype = parse_dtype(value);
        if (!dtype) return refuse_tensor("has the unknown dtype " + in_quotes(value));
        entries.back().dtype = *dtype;
        return true;
    }

    bool start_array(std::size_t) override {
        if (depth_ != 2 || in_metadata_ || field_ == dtype_field) return unexpected("a list");
        ++depth_;
        numbers_.clear();
        return true;
    }

    bool number_unsigned(number_unsigned_t value) override {
        if (depth_ != 3) return unexpected("a number");
        if (numbers_.size() == Shape::max_rank) return refuse_tensor("has more than 64 dimensions");
        numbers_.push_back(value);
        return true;
    }

    bool end_array() override {
        --depth_;
        HeaderEntry& entry = entries.back();
        if (field_ == shape_field) {
            entry.extents = numbers_;
            return true;
        }
        if (numbers_.size() != 2) return refuse_tensor("does not have two data_offsets");
        entry.begin = numbers_[0];
        entry.end = numbers_[1];
        return true;
    }

    bool end_object() override {
        --depth_;
        if (depth_ == 0 || in_metadata_) return true;
        if (seen_ == (dtype_field | shape_field | offsets_field)) return true;
        return refuse_tensor("lacks its dtype, shape or data_offsets");
    }

    bool null() override { return unexpected("a null"); }
    bool boolean(bool) override { return unexpected("a boolean"); }
    bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
    bool number_float(number_float_t, const string_t&) override {
        return unexpected("a number that is not whole or too large");
    }
    bool binary(binary_t&) override { return unexpected("binary data"); }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
        return refuse("is not JSON at byte " + std::to_string(position));
    }

  private:
    static constexpr unsigned dtype_field = 1;
    static constexpr unsigned shape_field = 2;
    static constexpr unsigned offsets_field = 4;

    bool refuse(std::string why) {
        problem = std::move(why);
        return false;
    }
    bool refuse_tensor(const std::string& why) {
        return refuse("says that " + in_quotes(entries.back().name) + " " + why);
    }
    bool unexpected(const std::string& what) { return refuse("has " + what + " in the wrong place"); }

    int depth_ = 0;
    bool in_metadata_ = false;
    bool had_metadata_ = false;
    unsigned field_ = 0;
    unsigned seen_ = 0;
    string_t key_;
    std::vector<std::uint64_t> numbers_;
};

}  // namespace CAIRN_NAMESPACE::detail
