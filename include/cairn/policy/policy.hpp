// SPDX-License-Identifier: MIT
#pragma once
// All policies and retentions, for those who want nothing else of the library: no JSON, no file, no thread.

#include <cairn/policy/answer.hpp>
#include <cairn/policy/at.hpp>
#include <cairn/policy/best.hpp>
#include <cairn/policy/clock.hpp>
#include <cairn/policy/combine.hpp>
#include <cairn/policy/direction.hpp>
#include <cairn/policy/event.hpp>
#include <cairn/policy/every_n.hpp>
#include <cairn/policy/never.hpp>
#include <cairn/policy/patience.hpp>
#include <cairn/policy/predicate.hpp>
#include <cairn/policy/reason.hpp>
#include <cairn/policy/retention.hpp>
#include <cairn/policy/save_policy.hpp>
#include <cairn/policy/window.hpp>
