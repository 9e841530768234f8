// SPDX-License-Identifier: MIT
#pragma once
// All of the library but the server, which needs cpp-httplib, and the adapters, each of which is for one
// framework: also the queries, policies that are written as text, the command line. Needs nlohmann/json and
// CLI11.

#include <cairn/cairn.hpp>
#include <cairn/checkpoint/sharded.hpp>
#include <cairn/cli/cli.hpp>
#include <cairn/media/values.hpp>
#include <cairn/mirror/import_csv.hpp>
#include <cairn/mirror/live_mirror.hpp>
#include <cairn/mirror/tensorboard.hpp>
#include <cairn/mirror/wandb.hpp>
#include <cairn/mirror/import_tensorboard.hpp>
#include <cairn/model/partial.hpp>
#include <cairn/policy/parse.hpp>
#include <cairn/policy/parse_retention.hpp>
#include <cairn/query/api.hpp>
#include <cairn/query/fsck.hpp>
#include <cairn/query/runs.hpp>
#include <cairn/query/series.hpp>
#include <cairn/run/console.hpp>
#include <cairn/run/git.hpp>
#include <cairn/run/watch.hpp>
#include <cairn/store/garbage.hpp>
#include <cairn/store/row_block.hpp>
#include <cairn/store/safetensors_file.hpp>
#include <cairn/store/verify.hpp>
