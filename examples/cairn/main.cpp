// SPDX-License-Identifier: MIT
// The `cairn` command: `cairn ls`, `cairn show RUN`, `cairn plot RUN KEY`, `cairn verify`, `cairn gc`.

#include <cairn/cli/cli.hpp>

int main(int argc, char** argv) { return cairn::cli::main(argc, argv); }
