// SPDX-License-Identifier: MIT
#pragma once
// What `cairn::init` does. Whoever includes it compiles all that records a run.

#include <cairn/core/deferred.hpp>
#include <cairn/run/options.hpp>
#include <cairn/run/run.hpp>
#include <cairn/run/run_engine.hpp>

#include <concepts>
#include <utility>

namespace CAIRN_NAMESPACE {

template <std::same_as<Enabled> E>
[[nodiscard]] Run init(Options options) {
    options = detail::resolve(std::move(options));
    if (options.mode == Mode::disabled) return Run{};
    return Run{detail::BasicRunEngine<detail::Deferred<void, E>>::open(std::move(options))};
}

}  // namespace CAIRN_NAMESPACE
