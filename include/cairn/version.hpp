// SPDX-License-Identifier: MIT
#pragma once
// The one place that says which version this is; CMake, Meson, Conan and the port read it here.

#define CAIRN_VERSION_MAJOR 0
#define CAIRN_VERSION_MINOR 1
#define CAIRN_VERSION_PATCH 0
#define CAIRN_VERSION "0.1.0"
