// SPDX-License-Identifier: MIT
#pragma once
// The library: runs, policies, checkpoints, artifacts. Needs nlohmann/json and nothing else. The command
// line, the queries and the adapters are headers of their own.

#include <cairn/api.hpp>
#include <cairn/run/init.hpp>
