// SPDX-License-Identifier: MIT
#pragma once
// What versions share.

#include <cairn/config.hpp>

namespace CAIRN_NAMESPACE {

/// What versions have in common on the disk: files that are equal, or also the tensors of their safetensors
/// files that are.
enum class Share : unsigned char { files, tensors };
/// `LocalStore{cairn::share::tensors}`.
namespace share {
inline constexpr Share files = Share::files;      ///< each file is one object
inline constexpr Share tensors = Share::tensors;  ///< a frozen layer costs its bytes once
}  // namespace share

}  // namespace CAIRN_NAMESPACE
