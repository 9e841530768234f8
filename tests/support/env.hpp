// SPDX-License-Identifier: MIT
#pragma once
// The environment: a variable for one test, and what it says of how much is tested.

#include <cstdlib>
#include <string>

namespace cairn_test {

class Env {
  public:
    Env(const char* name, const char* value) : name_{name} {
        if (const char* earlier = std::getenv(name)) earlier_ = earlier;
        set(value);
    }
    ~Env() { set(earlier_.c_str()); }
    Env(const Env&) = delete;
    Env& operator=(const Env&) = delete;

  private:
    void set(const char* value) const {
#if defined(_WIN32)
        ::_putenv_s(name_, value);  // an empty value removes it
#else
        *value == '\0' ? ::unsetenv(name_) : ::setenv(name_, value, 1);
#endif
    }

    const char* name_;
    std::string earlier_;
};

/// Seeds, and how often something is tried.
inline unsigned number_from_env(const char* name, unsigned otherwise) {
    const char* given = std::getenv(name);
    return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : otherwise;
}

}  // namespace cairn_test
