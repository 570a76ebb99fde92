// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// All macros of the library, and the one index type.
#pragma once

#include <cassert>
#include <cstddef>

/// Marks a function that must also compile for the device when a CUDA compiler reads it, and that a
/// CPU computes on whole registers: it becomes part of the code around it, which knows the
/// processor. For functions of a few lines.
#if defined(__CUDACC__)
#define ATTD_HD __host__ __device__
#elif defined(__GNUC__) || defined(__clang__)
#define ATTD_HD __attribute__((always_inline))
#else
#define ATTD_HD
#endif

/// The same without a say about inlining: for functions of any length that loop bodies of a device
/// call. Means nothing to other compilers.
#if defined(__CUDACC__)
#define ATTD_DEVICE __host__ __device__
#else
#define ATTD_DEVICE
#endif

/// For code whose inlining decides the speed of a kernel.
#if defined(__GNUC__) || defined(__clang__)
#define ATTD_INLINE inline __attribute__((always_inline))
#else
#define ATTD_INLINE inline
#endif

/// The same for a lambda: stands after its parameters.
#if defined(__GNUC__) || defined(__clang__)
#define ATTD_INLINE_LAMBDA __attribute__((always_inline))
#else
#define ATTD_INLINE_LAMBDA
#endif

/// Before the template head of an `ATTD_HD` formula that is also used with `recorded<>` numbers,
/// whose operations are the host's: nvcc would warn of a call that the GPU never makes.
#if defined(__CUDACC__)
#define ATTD_ALSO_RECORDED _Pragma("nv_exec_check_disable")
#else
#define ATTD_ALSO_RECORDED
#endif

// `ATTD_NO_DISPATCH`, which a user may define, leaves out the code for registers that the flags
// lack. nvcc knows neither the names of instructions nor functions with a target of their own; and
// without optimisation wide registers gain nothing and take long to compile.
#if !defined(ATTD_NO_DISPATCH) && (defined(__CUDACC__) || !defined(__OPTIMIZE__))
#define ATTD_NO_DISPATCH
#endif

/// Name of the instruction set that the flags of a source file allow. Types whose code depends on
/// it live in an inline namespace of this name, so that sources with different flags can be linked.
#if defined(__AVX512F__)
#define ATTD_FLAGS avx512
#elif defined(__AVX2__)
#define ATTD_FLAGS avx2
#elif defined(__AVX__)
#define ATTD_FLAGS avx
#elif defined(__x86_64__) && defined(ATTD_NO_DISPATCH)
#define ATTD_FLAGS narrow
#elif defined(__SSE4_2__)
#define ATTD_FLAGS sse4
#elif defined(__x86_64__)
#define ATTD_FLAGS sse2
#else
#define ATTD_FLAGS baseline
#endif

/// Whether GCC's own names for instructions of x86-64 can be used.
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__) && defined(__x86_64__)
#define ATTD_GCC_X86 1
#else
#define ATTD_GCC_X86 0
#endif

/// Marks a function that is compiled for the registers of AVX2 or AVX-512, whatever the flags are.
#if defined(__x86_64__)
#define ATTD_FOR_AVX2 __attribute__((target("avx2,fma,bmi2")))
#define ATTD_FOR_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2")))
#endif

/// Programmer errors (an index out of range, say); on unless NDEBUG is defined.
#define ATTD_ASSERT(condition) assert(condition)

namespace attd {

/// Every size, index and stride of the library: one signed type, so that differences are safe.
using index_t = std::ptrdiff_t;

}  // namespace attd
