// SPDX-License-Identifier: MIT
#pragma once
// Names for headers that only mention them: `void train(cairn::Run& run);`. Costs nothing. A checkpoint is
// not among them, since its type is made of all of its parts: take it as a template's argument.

#include <cairn/config.hpp>

namespace CAIRN_NAMESPACE {

class DisabledRun;
class DynamicRow;
class Fields;
class LocalStore;
class error;
struct Decision;
struct Health;
struct Options;
struct ServeOptions;
struct Step;
struct TensorView;
struct Version;
struct WatchOptions;
template <class T>
class BasicRun;
using Run = BasicRun<void>;
template <class T>
class Part;
template <class... Fields>
class Row;
template <class T>
class result;

}  // namespace CAIRN_NAMESPACE
