// SPDX-License-Identifier: MIT
#pragma once
// Catch2 v2 and v3 behind one include; tests use what both have.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
