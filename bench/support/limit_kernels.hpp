// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The loops that the machine's limits are measured with, for the best instruction set it has.
#pragma once

#include <attd/config.hpp>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#define ATTD_BENCH_X86
#include <immintrin.h>
#endif

/// Plain sources and intrinsics in functions of their own target, so that a program built without
/// any -march flag measures the same limits. Nothing of the library is in here on purpose: the
/// limits must not move with the code that is compared with them.
namespace attd_bench::limit_kernels {

using attd::index_t;

enum class instruction_set { baseline, avx2, avx512 };

inline instruction_set best_instruction_set() {
#if defined(ATTD_BENCH_X86)
  if (__builtin_cpu_supports("avx512f")) return instruction_set::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return instruction_set::avx2;
#endif
  return instruction_set::baseline;
}

inline const char* name_of(instruction_set s) {
  switch (s) {
    case instruction_set::avx512:
      return "avx512";
    case instruction_set::avx2:
      return "avx2";
    default:
      return "baseline";
  }
}

/// Independent chains of products and sums that are in flight at once: enough for two units of a
/// latency of 5 cycles.
inline constexpr int chains = 12;

// 2^x on [-1/2, 1/2] to float accuracy: ln(2)^k / k!.
inline constexpr float exp2_series[] = {1.5403530e-4f, 1.3333558e-3f, 9.6181291e-3f, 5.5504109e-2f,
                                        2.4022651e-1f, 6.9314718e-1f, 1.0f};

/// `rounds` times one fused multiply-add on each chain. Returns the lanes computed at once; the
/// result goes to `sink`.
inline int fma_baseline(index_t rounds, float* sink) {
  typedef float vector __attribute__((vector_size(16)));
  vector x[chains];
  for (int i = 0; i < chains; ++i) x[i] = vector{} + float(i);
  const vector a = vector{} + 0.999f, b = vector{} + 0.001f;
  for (index_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = x[i] * a + b;
  }
  for (int i = 1; i < chains; ++i) x[0] += x[i];
  *sink = x[0][0];
  return 4;
}

/// y = 2^x for `count` (a multiple of 16) floats, |x| < 126.
inline void exp2_baseline(const float* x, float* y, index_t count) {
  for (index_t i = 0; i < count; ++i) {
    // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
    const float shifted = x[i] + 12582912.0f, whole = shifted - 12582912.0f, f = x[i] - whole;
    float sum = exp2_series[0];
    for (int k = 1; k < 7; ++k) sum = sum * f + exp2_series[k];
    const auto bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(whole) + 127) << 23;
    float scale;
    __builtin_memcpy(&scale, &bits, sizeof scale);
    y[i] = sum * scale;
  }
}

/// Sum of `count` (a multiple of 256) words: every one of them is read once.
inline std::uint32_t read_baseline(const std::uint32_t* p, std::size_t count) {
  typedef std::uint32_t vector __attribute__((vector_size(16)));
  vector sum[4] = {};
  for (std::size_t i = 0; i < count; i += 16) {
    for (std::size_t k = 0; k < 4; ++k) {
      vector v;
      __builtin_memcpy(&v, p + i + 4 * k, sizeof v);
      sum[k] += v;
    }
  }
  const vector all = sum[0] + sum[1] + sum[2] + sum[3];
  return all[0] + all[1] + all[2] + all[3];
}

#if defined(ATTD_BENCH_X86)

__attribute__((target("avx2,fma"))) inline int fma_avx2(index_t rounds, float* sink) {
  __m256 x[chains];
  for (int i = 0; i < chains; ++i) x[i] = _mm256_set1_ps(float(i));
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (index_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = _mm256_fmadd_ps(x[i], a, b);
  }
  for (int i = 1; i < chains; ++i) x[0] = _mm256_add_ps(x[0], x[i]);
  *sink = _mm256_cvtss_f32(x[0]);
  return 8;
}

__attribute__((target("avx2,fma"))) inline void exp2_avx2(const float* x, float* y, index_t count) {
#pragma GCC unroll 4
  for (index_t i = 0; i < count; i += 8) {
    const __m256 v = _mm256_loadu_ps(x + i);
    const __m256 whole = _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256 f = _mm256_sub_ps(v, whole);
    __m256 sum = _mm256_set1_ps(exp2_series[0]);
#pragma GCC unroll 6
    for (int k = 1; k < 7; ++k) sum = _mm256_fmadd_ps(sum, f, _mm256_set1_ps(exp2_series[k]));
    const __m256i scale = _mm256_slli_epi32(_mm256_cvtps_epi32(whole), 23);
    // Adding to the exponent's bits multiplies by a power of two.
    _mm256_storeu_ps(y + i, _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), scale)));
  }
}

__attribute__((target("avx2"))) inline std::uint32_t read_avx2(const std::uint32_t* p,
                                                               std::size_t count) {
  __m256i sum[8];
  for (int k = 0; k < 8; ++k) sum[k] = _mm256_setzero_si256();
  for (std::size_t i = 0; i < count; i += 64) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < 8; ++k) {
      const auto* from = reinterpret_cast<const __m256i*>(p + i + 8 * k);
      sum[k] = _mm256_add_epi32(sum[k], _mm256_loadu_si256(from));
    }
  }
  for (int k = 1; k < 8; ++k) sum[0] = _mm256_add_epi32(sum[0], sum[k]);
  alignas(32) std::uint32_t lanes[8], all = 0;
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sum[0]);
  for (const std::uint32_t lane : lanes) all += lane;
  return all;
}

__attribute__((target("avx512f"))) inline int fma_avx512(index_t rounds, float* sink) {
  __m512 x[chains];
  for (int i = 0; i < chains; ++i) x[i] = _mm512_set1_ps(float(i));
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (index_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = _mm512_fmadd_ps(x[i], a, b);
  }
  for (int i = 1; i < chains; ++i) x[0] = _mm512_add_ps(x[0], x[i]);
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, x[0]);
  *sink = lanes[0];
  return 16;
}

__attribute__((target("avx512f"))) inline void exp2_avx512(const float* x, float* y,
                                                           index_t count) {
  // The forms with a mask that lets everything pass: g++ 12 warns inside its own other ones.
  const __mmask16 all = 0xffff;
#pragma GCC unroll 4
  for (index_t i = 0; i < count; i += 16) {
    const __m512 v = _mm512_loadu_ps(x + i);
    const __m512i whole = _mm512_maskz_cvtps_epi32(all, v);
    const __m512 f = _mm512_sub_ps(v, _mm512_maskz_cvtepi32_ps(all, whole));
    __m512 sum = _mm512_set1_ps(exp2_series[0]);
#pragma GCC unroll 6
    for (int k = 1; k < 7; ++k) sum = _mm512_fmadd_ps(sum, f, _mm512_set1_ps(exp2_series[k]));
    _mm512_storeu_ps(
        y + i, _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(sum),
                                                    _mm512_maskz_slli_epi32(all, whole, 23))));
  }
}

__attribute__((target("avx512f"))) inline std::uint32_t read_avx512(const std::uint32_t* p,
                                                                    std::size_t count) {
  __m512i sum[8];
  for (int k = 0; k < 8; ++k) sum[k] = _mm512_setzero_si512();
  for (std::size_t i = 0; i < count; i += 128) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < 8; ++k) {
      sum[k] = _mm512_add_epi32(sum[k], _mm512_loadu_si512(p + i + 16 * k));
    }
  }
  for (int k = 1; k < 8; ++k) sum[0] = _mm512_add_epi32(sum[0], sum[k]);
  alignas(64) std::uint32_t lanes[16], all = 0;
  _mm512_store_si512(lanes, sum[0]);
  for (const std::uint32_t lane : lanes) all += lane;
  return all;
}

#endif

/// The same by the best instruction set.
inline int fma(index_t rounds, float* sink) {
#if defined(ATTD_BENCH_X86)
  const instruction_set s = best_instruction_set();
  if (s == instruction_set::avx512) return fma_avx512(rounds, sink);
  if (s == instruction_set::avx2) return fma_avx2(rounds, sink);
#endif
  return fma_baseline(rounds, sink);
}
inline void exp2(const float* x, float* y, index_t count) {
#if defined(ATTD_BENCH_X86)
  const instruction_set s = best_instruction_set();
  if (s == instruction_set::avx512) return exp2_avx512(x, y, count);
  if (s == instruction_set::avx2) return exp2_avx2(x, y, count);
#endif
  exp2_baseline(x, y, count);
}
inline std::uint32_t read(const std::uint32_t* p, std::size_t count) {
#if defined(ATTD_BENCH_X86)
  const instruction_set s = best_instruction_set();
  if (s == instruction_set::avx512) return read_avx512(p, count);
  if (s == instruction_set::avx2) return read_avx2(p, count);
#endif
  return read_baseline(p, count);
}

}  // namespace attd_bench::limit_kernels
