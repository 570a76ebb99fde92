// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Logarithm, hyperbolic tangent, error function and square root of packs, without branches.
#pragma once

#include <attd/core/pack_exp.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // see pack.hpp

namespace attd {

namespace detail {
inline namespace ATTD_FLAGS {

// a_0 x^n + a_1 x^(n-1) + ... + a_n. Arguments instead of an array: the compiler then sees
// constants from the start.
template <class T, int W, class... A>
ATTD_INLINE pack<T, W> polynomial(const pack<T, W>& x, double first, A... rest) {
  pack<T, W> sum(first);
  ((sum = sum * x + pack<T, W>(rest)), ...);
  return sum;
}

// What the logarithm needs to know of a number format.
template <class T>
struct log_constants;
template <>
struct log_constants<float> {
  static constexpr std::int32_t one = 0x3f800000, root_half = 0x3f3504f3, fraction = 0x007fffff;
  static constexpr int fraction_bits = 23, bias = 127;
  static constexpr float round = 12582912.0f;     // 1.5 * 2^23
  static constexpr float smallest = 0x1.0p-126f;  // normal
  static constexpr float up = 0x1.0p25f;
  static constexpr int up_exponent = 25;
  static constexpr float ln2_high = 6.9313812256e-01f, ln2_low = 9.0580006145e-06f;
  template <class P>
  static ATTD_INLINE P series(const P& z) {
    return polynomial(z, 0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693);
  }
};
template <>
struct log_constants<double> {
  static constexpr std::int64_t one = 0x3ff0000000000000, root_half = 0x3fe6a09e00000000,
                                fraction = 0x000fffffffffffff;
  static constexpr int fraction_bits = 52, bias = 1023;
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double smallest = 0x1.0p-1022;
  static constexpr double up = 0x1.0p54;
  static constexpr int up_exponent = 54;
  static constexpr double ln2_high = 6.93147180369123816490e-01,
                          ln2_low = 1.90821492927058770002e-10;
  template <class P>
  static ATTD_INLINE P series(const P& z) {
    return polynomial(z, 1.479819860511658591e-01, 1.531383769920937332e-01,
                      1.818357216161805012e-01, 2.222219843214978396e-01, 2.857142874366239149e-01,
                      3.999999999940941908e-01, 6.666666666666735130e-01);
  }
};

}  // namespace ATTD_FLAGS
}  // namespace detail

inline namespace ATTD_FLAGS {

template <class T, int W>
ATTD_INLINE pack<T, W> abs(pack<T, W> x) {
  return select(x < pack<T, W>(T(0)), -x, x);
}

template <class T, int W>
ATTD_INLINE pack<T, W> sqrt(pack<T, W> x) {
#if ATTD_GCC_X86
  detail::on_registers<sizeof(x)>([&]() ATTD_INLINE_LAMBDA {
    if constexpr (sizeof(x) == 16 && sizeof(T) == 4) {
      x.lanes = __builtin_ia32_sqrtps(x.lanes);
    } else if constexpr (sizeof(x) == 16) {
      x.lanes = __builtin_ia32_sqrtpd(x.lanes);
    } else if constexpr (sizeof(x) == 32 && sizeof(T) == 4) {
      x.lanes = __builtin_ia32_sqrtps256(x.lanes);
    } else if constexpr (sizeof(x) == 32) {
      x.lanes = __builtin_ia32_sqrtpd256(x.lanes);
    } else if constexpr (sizeof(T) == 4) {
      x.lanes = __builtin_ia32_sqrtps512_mask(x.lanes, x.lanes, -1, 4);
    } else {
      x.lanes = __builtin_ia32_sqrtpd512_mask(x.lanes, x.lanes, -1, 4);
    }
  });
  return x;
#elif defined(__clang__)
  x.lanes = __builtin_elementwise_sqrt(x.lanes);
  return x;
#else
  return map_lanes(x, [](T v) { return std::sqrt(v); });
#endif
}

/// Natural logarithm within 1 ulp; -inf at 0, NaN below 0, inf at inf; denormals too. x = 2^k m,
/// m in [sqrt(1/2), sqrt(2)), and a series in s = (m - 1) / (m + 1) (coefficients of fdlibm).
template <class T, int W>
ATTD_INLINE pack<T, W> log(pack<T, W> x) {
  using P = pack<T, W>;
  using C = detail::log_constants<T>;
  const auto tiny = x < P(C::smallest);
  const P infinity(std::numeric_limits<T>::infinity());
  // Infinity and NaN are put back at the end; until then their bits would overflow the sums.
  const P scaled = select(tiny, x * P(C::up), select(x < infinity, x, P(T(1))));
  const auto bits = detail::bits_of(scaled).lanes + (C::one - C::root_half);
  // The exponent becomes a number by adding it to the bits of a large constant: conversion from
  // 64-bit integers is slow on most processors.
  typename P::integers sum, fraction;
  sum.lanes = (bits >> C::fraction_bits) - C::bias + detail::bits_of(P(C::round)).lanes;
  P k = detail::from_bits<T, W>(sum) - P(C::round);
  k = k - select(tiny, P(C::up_exponent), P(T(0)));
  fraction.lanes = (bits & C::fraction) + C::root_half;
  const P f = detail::from_bits<T, W>(fraction) - P(T(1));
  const P s = f / (P(T(2)) + f);
  const P z = s * s;
  const P r = z * C::series(z);
  const P half_square = P(T(0.5)) * f * f;
  P y = s * (half_square + r) + k * P(C::ln2_low) - half_square + f + k * P(C::ln2_high);
  y = select(x < infinity, y, x);  // inf and NaN
  y = select(x > P(T(0)), y,
             select(x < P(T(0)), infinity - infinity, select(x <= P(T(0)), -infinity, x)));
  return y;
}

/// log(1 + x) within 2 ulp, also for x near 0; -inf at -1, NaN below.
template <class T, int W>
ATTD_INLINE pack<T, W> log1p(pack<T, W> x) {
  using P = pack<T, W>;
  const P one(T(1)), u = one + x;
  // What the rounding of 1 + x lost, to first order.
  const P lost = (x - (u - one)) / u;
  const P infinity(std::numeric_limits<T>::infinity());
  const P y = log(u) + select(u > P(T(0)), select(u < infinity, lost, P(T(0))), P(T(0)));
  return select(u <= one, select(u >= one, x, y), y);  // u = 1: all of x was lost
}

/// log(1 + x) within 2 ulp for 0 <= x <= 1 alone, in half the time: x - s (x - r) with s = x / (2 +
/// x) and r = 2 atanh(s) / s - 2, by a polynomial of s^2 through Chebyshev's nodes of [0, 1/9].
template <class T, int W>
ATTD_INLINE pack<T, W> log1p_of_share(pack<T, W> x) {
  using P = pack<T, W>;
  const P s = x / (P(T(2)) + x), z = s * s;
  P r;
  if constexpr (sizeof(T) == 4) {
    r = z * detail::polynomial(z, 0.28157778363109, 0.27965157745197, 0.40024595230704,
                               0.66666321641378);
  } else {
    r = z * detail::polynomial(z, 0.17780763826113303, 0.09880789048764786, 0.13591305485579894,
                               0.15363676248891634, 0.18182859800473911, 0.22222190861346284,
                               0.28571429111657160, 0.39999999995287600, 0.66666666666682574);
  }
  return x - s * (x - r);
}

/// Hyperbolic tangent within 2 ulp (coefficients of Cephes below 0.625, above it by exp).
template <class T, int W>
ATTD_INLINE pack<T, W> tanh(pack<T, W> x) {
  using P = pack<T, W>;
  const P size = abs(x), z = x * x;
  P near;
  if constexpr (sizeof(T) == 4) {
    near = detail::polynomial(z, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2,
                              1.33314422036e-1, -3.33332819422e-1);
  } else {
    near = detail::polynomial(z, -9.64399179425052238628e-1, -9.92877231001918586564e1,
                              -1.61468768441708447952e3) /
           detail::polynomial(z, 1.0, 1.12811678491632931402e2, 2.23548839060100448583e3,
                              4.84406305325125486048e3);
  }
  near = x + x * (z * near);
  const P far = P(T(1)) - P(T(2)) / (exp(size + size) + P(T(1)));
  return select(size < P(T(0.625)), near, select(x < P(T(0)), -far, far));
}

/// The error function within 4 ulp (rational forms of Cephes, split at 1).
template <class T, int W>
ATTD_INLINE pack<T, W> erf(pack<T, W> x) {
  using P = pack<T, W>;
  const P z = x * x;
  const P near = x *
                 detail::polynomial(z, 9.60497373987051638749e0, 9.00260197203842689217e1,
                                    2.23200534594684319226e3, 7.00332514112805075473e3,
                                    5.55923013010394962768e4) /
                 detail::polynomial(z, 1.0, 3.35617141647503099647e1, 5.21357949780152679795e2,
                                    4.59432382970980127987e3, 2.26290000613890934246e4,
                                    4.92673942608635921086e4);
  // Beyond 6 the complement is below half an ulp of 1 and the polynomials could overflow.
  const P size = abs(x), a = select(size > P(T(6)), P(T(6)), size);
  const P complement =
      exp(-(a * a)) *
      detail::polynomial(
          a, 2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
          4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
          9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2) /
      detail::polynomial(a, 1.0, 1.32281951154744992508e1, 8.67072140885989742329e1,
                         3.54937778887819891062e2, 9.75708501743205489753e2,
                         1.82390916687909736289e3, 2.24633760818710981792e3,
                         1.65666309194161350182e3, 5.57535340817727675546e2);
  const P far = P(T(1)) - complement;
  const P y = select(size < P(T(1)), near, select(x < P(T(0)), -far, far));
  return y;
}

}  // namespace ATTD_FLAGS
}  // namespace attd

#pragma GCC diagnostic pop
