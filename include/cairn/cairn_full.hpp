// SPDX-License-Identifier: MIT
#pragma once
// All of the library but the adapters, each of which is for one framework: also rich values, queries,
// mirrors, policies that are written as text, the command line. Needs nlohmann/json and CLI11; the page and
// the mirrors on the network need cpp-httplib, images need libpng, and are there where these are.

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
#include <cairn/policy/simulate.hpp>
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

#if __has_include(<httplib.h>)
#include <cairn/cli/s3.hpp>
#include <cairn/cli/serve.hpp>
#include <cairn/cli/sync_http.hpp>
#include <cairn/mirror/webhook.hpp>
#endif
#if __has_include(<png.h>)
#include <cairn/media/image.hpp>
#endif
