// SPDX-License-Identifier: MIT
#pragma once
// The verb that shows a store in a browser: serve. Opt-in: costs cpp-httplib.
// `cairn::cli::main(argc, argv, {&cairn::cli::add_serve})`.

#include <cairn/cli/call.hpp>
#include <cairn/serve/server.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <utility>

namespace CAIRN_NAMESPACE::cli {

/// `cairn serve`.
inline void add_serve(CLI::App& app, Call& call) {
    const auto wanted = std::make_shared<ServeOptions>();
    CLI::App* const verb = call.verb(
        app, "serve", "show the runs in a browser, until it is stopped", [&call, wanted]() -> result<void> {
            auto store = call.store();
            if (!store) return store.error();
            Server server{std::move(*store), *wanted};
            call.out(server.url() + "\n");
            (void)std::fflush(stdout);  // somebody may wait for it at the other end of a pipe
            server.run();
            return {};
        });
    verb->add_option("--port", wanted->port, "where to listen (default 0: any that is free)")
        ->check(CLI::Range(0, 65535));
    verb->add_option("--host", wanted->host,
                     "the address to listen on (default 127.0.0.1: this machine only)");
    verb->add_flag("--write", wanted->writable,
                   "who opens the printed address may change names, notes and tags, and delete runs");
}

}  // namespace CAIRN_NAMESPACE::cli
