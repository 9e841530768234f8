// SPDX-License-Identifier: MIT
// The `cairn` command; docs/command.md tells what it can do.

#include <cairn/cli/cli.hpp>

#if defined(CAIRN_TOOL_SERVES)
#include <cairn/cli/s3.hpp>
#include <cairn/cli/serve.hpp>
#include <cairn/cli/sync_http.hpp>
#endif

int main(int argc, char** argv) {
#if defined(CAIRN_TOOL_SERVES)
    return cairn::cli::main(argc, argv,
                            {&cairn::cli::add_serve, &cairn::cli::add_sync_http, &cairn::cli::add_s3});
#else
    return cairn::cli::main(argc, argv);
#endif
}
