// SPDX-License-Identifier: MIT
// What docs/install.md shows.

#include <cairn/extern.hpp>  // instead of cairn/cairn.hpp, in any number of files

#include <cairn/engine.hpp>  // in one file, which holds nothing else

int main() {}
