// SPDX-License-Identifier: MIT
#pragma once
// A way to spare the compiler what a program does not use.

#include <cairn/config.hpp>

namespace CAIRN_NAMESPACE::detail {

template <class V, class>
struct DeferredType {
    using type = V;
};
/// V, by a name that depends on T, which is a parameter of a template. What the template does with it the
/// compiler looks into only where that is used, and not in each file that includes it.
template <class V, class T>
using Deferred = typename DeferredType<V, T>::type;

}  // namespace CAIRN_NAMESPACE::detail
