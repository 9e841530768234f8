// SPDX-License-Identifier: MIT
#pragma once
// The other half of cairn/extern.hpp: one file of a program includes it, a file of its own, best.

#define CAIRN_ENGINE_IS_HERE
#define CAIRN_EXTERN
#include <cairn/extern.hpp>
