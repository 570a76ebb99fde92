// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Code for wider registers than the compiler flags allow, chosen by the processor at run time.
#pragma once

#include <attd/config.hpp>
#include <attd/core/pack.hpp>
#include <attd/error.hpp>
#include <type_traits>

// With flags for AVX or more, the flags are taken at their word and nothing is chosen at run time.
#if defined(__x86_64__) && !defined(__AVX__) && !defined(ATTD_NO_DISPATCH)
#define ATTD_DISPATCHES 1
#else
#define ATTD_DISPATCHES 0
#endif

// GCC: whatever is called inside is compiled for the wide registers too, formulas of users as well.
// Clang: only what is called directly; it inlines small functions by itself.
// Not under sanitizers, which make that minutes of compiling.
#if defined(__clang__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ATTD_FLATTEN
#else
#define ATTD_FLATTEN __attribute__((flatten))
#endif

namespace attd {
inline namespace ATTD_FLAGS {

/// Bytes of the widest registers for which there is code and which this processor has: 64 (AVX-512
/// F, BW, DQ and VL), 32 (AVX2 and FMA), or what the flags of this source file say.
inline int widest_register() {
#if ATTD_DISPATCHES
  static const int bytes = [] {
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("bmi2");
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return avx2 && avx512 ? 64 : avx2 ? 32 : simd_bytes;
  }();
  return bytes;
#else
  return simd_bytes;
#endif
}

/// `bytes` itself, or the widest register for 0.
/// *Errors*: `attd::error` when there is no code for such registers or the processor lacks them.
inline int checked_register(int bytes) {
  if (bytes == 0) return widest_register();
  const bool known = bytes == simd_bytes || (ATTD_DISPATCHES && (bytes == 32 || bytes == 64));
  if (!known || bytes > widest_register()) {
    fail("eigen: registers of ", bytes, " bytes, but this program has code for ", simd_bytes,
         ATTD_DISPATCHES ? ", 32 and 64" : "", " bytes and the processor takes at most ",
         widest_register(), "; hint: 0 takes the widest");
  }
  return bytes;
}

}  // namespace ATTD_FLAGS

namespace detail {
inline namespace ATTD_FLAGS {

#if ATTD_DISPATCHES
template <class F>
ATTD_FLATTEN ATTD_FOR_AVX2 void run_avx2(const F& f) {
  f(std::integral_constant<int, 32>{});
}
template <class F>
ATTD_FLATTEN ATTD_FOR_AVX512 void run_avx512(const F& f) {
  f(std::integral_constant<int, 64>{});
}
#endif

}  // namespace ATTD_FLAGS
}  // namespace detail

inline namespace ATTD_FLAGS {

/// Calls f(std::integral_constant<int, bytes>) inside a function that is compiled for registers of
/// so many bytes. What f does on packs must be inlined into it: f and the lambdas in it are marked
/// `ATTD_INLINE_LAMBDA`, the functions `ATTD_INLINE`. A function that is not inlined gives the same
/// numbers to rounding, slowly.
template <class F>
ATTD_INLINE void with_registers([[maybe_unused]] int bytes, const F& f) {
#if ATTD_DISPATCHES
  if (bytes == 64) return detail::run_avx512(f);
  if (bytes == 32) return detail::run_avx2(f);
#endif
  f(std::integral_constant<int, simd_bytes>{});
}

}  // namespace ATTD_FLAGS
}  // namespace attd

#undef ATTD_FLATTEN
