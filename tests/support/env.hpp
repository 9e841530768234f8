// SPDX-License-Identifier: MIT
#pragma once
// An environment variable for one test.

#include <cstdlib>

namespace cairn_test {

class Env {
  public:
    Env(const char* name, const char* value) : name_{name} { set(value); }
    ~Env() { set(""); }
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
};

}  // namespace cairn_test
