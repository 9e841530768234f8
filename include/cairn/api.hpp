// SPDX-License-Identifier: MIT
#pragma once
// All that `cairn/cairn.hpp` has but what records a run, behind `cairn::init`: what most files of a program
// that consists of several need (see extern.hpp).

#include <cairn/checkpoint/artifact.hpp>
#include <cairn/checkpoint/checkpoint.hpp>
#include <cairn/checkpoint/directory.hpp>
#include <cairn/checkpoint/disabled.hpp>
#include <cairn/checkpoint/make.hpp>
#include <cairn/checkpoint/save.hpp>
#include <cairn/model/model.hpp>
#include <cairn/policy/policy.hpp>
#include <cairn/run/run.hpp>
