// SPDX-License-Identifier: MIT
#pragma once
// Catch2 v2 and v3 behind one include; tests use what both have.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

#if defined(__clang__)
#if __has_warning("-Wc2y-extensions")
// Catch's macros use __COUNTER__, and 2 is older than the warning.
#pragma clang diagnostic ignored "-Wc2y-extensions"
#endif
#endif
