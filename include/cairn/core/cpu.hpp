// SPDX-License-Identifier: MIT
#pragma once
// Which optional instructions this processor has, asked of the processor itself (g++ 12's
// __builtin_cpu_supports does not know "sha", and needs a run-time library that not every compiler has).
// Costs <cpuid.h> on x86-64.

#include <cairn/config.hpp>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

namespace CAIRN_NAMESPACE::detail {

struct CpuFeatures {
    bool sha = false;    // SHA-NI, and the SSSE3 and SSE4.1 that code for it also uses
    bool sse42 = false;  // the crc32 instruction
    bool avx2 = false;   // and a system that keeps its registers
};

[[nodiscard]] inline CpuFeatures detect_cpu() noexcept {
    CpuFeatures found;
#if defined(__x86_64__) && defined(__GNUC__)
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return found;
    const bool ssse3 = (ecx >> 9U & 1U) != 0;
    const bool sse41 = (ecx >> 19U & 1U) != 0;
    found.sse42 = (ecx >> 20U & 1U) != 0;
    const bool has_osxsave = (ecx >> 27U & 1U) != 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return found;
    found.sha = ssse3 && sse41 && (ebx >> 29U & 1U) != 0;
    if (has_osxsave) {
        unsigned kept = 0;
        __asm__("xgetbv" : "=a"(kept), "=d"(edx) : "c"(0));
        found.avx2 = (kept & 6U) == 6 && (ebx >> 5U & 1U) != 0;
    }
#endif
    return found;
}

/// What this processor has; asked once.
[[nodiscard]] inline const CpuFeatures& cpu() noexcept {
    static const CpuFeatures found = detect_cpu();
    return found;
}

}  // namespace CAIRN_NAMESPACE::detail
