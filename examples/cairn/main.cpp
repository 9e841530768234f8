// SPDX-License-Identifier: MIT
// The `cairn` command; docs/command.md tells what it can do.

#include <cairn/cli/cli.hpp>

int main(int argc, char** argv) { return cairn::cli::main(argc, argv); }
