// SPDX-License-Identifier: MIT
#pragma once
// The library: runs, policies, checkpoints, artifacts. Needs nlohmann/json and nothing else. The command
// line, the queries and the adapters are headers of their own.

#include <cairn/checkpoint/artifact.hpp>
#include <cairn/checkpoint/checkpoint.hpp>
#include <cairn/checkpoint/directory.hpp>
#include <cairn/checkpoint/disabled.hpp>
#include <cairn/checkpoint/make.hpp>
#include <cairn/checkpoint/save.hpp>
#include <cairn/model/model.hpp>
#include <cairn/policy/policy.hpp>
#include <cairn/policy/simulate.hpp>
#include <cairn/run/run.hpp>
