// SPDX-License-Identifier: MIT
#pragma once
// What a program of its own prints: a list of {name, values, unit, reference} that report.py takes in.

#include <nlohmann/json.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace bench {

class Results {
  public:
    void add(const std::string& name, std::vector<double> values, const char* unit,
             const std::string& reference = {}) {
        nlohmann::json entry{{"name", name}, {"values", std::move(values)}, {"unit", unit}};
        if (!reference.empty() && reference != name) entry["reference"] = reference;
        list_.push_back(std::move(entry));
    }
    void print() const { std::puts(list_.dump(1).c_str()); }

  private:
    nlohmann::json list_ = nlohmann::json::array();
};

}  // namespace bench
