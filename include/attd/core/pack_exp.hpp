// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Exponentials of packs, to float and double accuracy, without branches.
#pragma once

#include <attd/core/pack.hpp>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // see pack.hpp

namespace attd {
namespace detail {
inline namespace ATTD_FLAGS {

// a > b ? a : b, so b where one of them is not a number. One instruction on x86: Clang finds it in
// the general form, GCC needs to be told.
template <class T, int W>
ATTD_INLINE pack<T, W> larger(const pack<T, W>& a, const pack<T, W>& b) {
#if ATTD_GCC_X86
  pack<T, W> r;
  on_registers<sizeof(r)>([&]() ATTD_INLINE_LAMBDA {
    if constexpr (sizeof(r) == 16 && sizeof(T) == 4) {
      r.lanes = __builtin_ia32_maxps(a.lanes, b.lanes);
    } else if constexpr (sizeof(r) == 16) {
      r.lanes = __builtin_ia32_maxpd(a.lanes, b.lanes);
    } else if constexpr (sizeof(r) == 32 && sizeof(T) == 4) {
      r.lanes = __builtin_ia32_maxps256(a.lanes, b.lanes);
    } else if constexpr (sizeof(r) == 32) {
      r.lanes = __builtin_ia32_maxpd256(a.lanes, b.lanes);
    } else if constexpr (sizeof(T) == 4) {
      r.lanes = __builtin_ia32_maxps512_mask(a.lanes, b.lanes, b.lanes, -1, 4);
    } else {
      r.lanes = __builtin_ia32_maxpd512_mask(a.lanes, b.lanes, b.lanes, -1, 4);
    }
  });
  return r;
#else
  return select(a > b, a, b);
#endif
}

// a < b ? a : b.
template <class T, int W>
ATTD_INLINE pack<T, W> smaller(const pack<T, W>& a, const pack<T, W>& b) {
#if ATTD_GCC_X86
  pack<T, W> r;
  on_registers<sizeof(r)>([&]() ATTD_INLINE_LAMBDA {
    if constexpr (sizeof(r) == 16 && sizeof(T) == 4) {
      r.lanes = __builtin_ia32_minps(a.lanes, b.lanes);
    } else if constexpr (sizeof(r) == 16) {
      r.lanes = __builtin_ia32_minpd(a.lanes, b.lanes);
    } else if constexpr (sizeof(r) == 32 && sizeof(T) == 4) {
      r.lanes = __builtin_ia32_minps256(a.lanes, b.lanes);
    } else if constexpr (sizeof(r) == 32) {
      r.lanes = __builtin_ia32_minpd256(a.lanes, b.lanes);
    } else if constexpr (sizeof(T) == 4) {
      r.lanes = __builtin_ia32_minps512_mask(a.lanes, b.lanes, b.lanes, -1, 4);
    } else {
      r.lanes = __builtin_ia32_minpd512_mask(a.lanes, b.lanes, b.lanes, -1, 4);
    }
  });
  return r;
#else
  return select(a < b, a, b);
#endif
}

// The numbers' bits as integers, and back.
template <class T, int W>
ATTD_INLINE typename pack<T, W>::integers bits_of(const pack<T, W>& x) {
  typename pack<T, W>::integers bits;
  std::memcpy(&bits.lanes, &x.lanes, sizeof bits.lanes);
  return bits;
}
template <class T, int W>
ATTD_INLINE pack<T, W> from_bits(const typename pack<T, W>::integers& bits) {
  pack<T, W> x;
  std::memcpy(&x.lanes, &bits.lanes, sizeof bits.lanes);
  return x;
}

// x limited to [low, high]; NaN stays NaN.
template <class T, int W>
ATTD_INLINE pack<T, W> limited(const pack<T, W>& x, T low, T high) {
  return smaller(pack<T, W>(high), larger(pack<T, W>(low), x));
}

// 2^n p for the integer n that was rounded to by adding `magic` = 1.5 * 2^23 + 127 (float) or
// 1.5 * 2^52 + 1023 (double): shifting leaves the exponent bits of 2^n, which is 0 for the lowest
// exponent and infinite for the highest.
template <class T, int W>
ATTD_INLINE pack<T, W> scale_by_rounded(const pack<T, W>& p, const pack<T, W>& with_magic) {
  auto bits = bits_of(with_magic);
  bits.lanes <<= sizeof(T) == 4 ? 23 : 52;
  return p * from_bits<T, W>(bits);
}

// 2^n p for the integer n = shifted - round, which is added to the exponent of p. Where n is too
// large for that, and for NaN, the sum of bits wraps around: it must be one of unsigned numbers.
template <int W>
ATTD_INLINE pack<double, W> scale_by_difference(const pack<double, W>& p,
                                                const pack<double, W>& shifted,
                                                const pack<double, W>& round) {
  typedef unsigned long long words __attribute__((vector_size(sizeof(double) * W)));
  words of_p, of_shifted, of_round;
  std::memcpy(&of_p, &p.lanes, sizeof of_p);
  std::memcpy(&of_shifted, &shifted.lanes, sizeof of_shifted);
  std::memcpy(&of_round, &round.lanes, sizeof of_round);
  of_p += (of_shifted - of_round) << 52;
  pack<double, W> x;
  std::memcpy(&x.lanes, &of_p, sizeof of_p);
  return x;
}

}  // namespace ATTD_FLAGS
}  // namespace detail

inline namespace ATTD_FLAGS {

/// 2^x to 2 ulp (float) or 3e-16 relative (double), exact at 0: the exponential to use where a
/// factor log2(e) can be multiplied in beforehand. 0 below the normal range, inf above it, NaN
/// stays NaN. Polynomial of least relative error on [-1/2, 1/2] among those with p(0) = 1.
template <int W>
ATTD_INLINE pack<float, W> exp2(pack<float, W> x) {
  using P = pack<float, W>;
  constexpr float magic = 12582912.0f + 127.0f;
  x = detail::limited(x, -127.0f, 128.0f);
  const P with_magic = x + P(magic);
  const P r = x - (with_magic - P(magic));
  P p(0.0013264582593048495f);
  p = p * r + P(0.0096713726459984901f);
  p = p * r + P(0.055507328678338047f);
  p = p * r + P(0.24022244322463296f);
  p = p * r + P(0.69314697893212052f);
  p = p * r + P(1.0f);
  return detail::scale_by_rounded(p, with_magic);
}

template <int W>
ATTD_INLINE pack<double, W> exp2(pack<double, W> x) {
  using P = pack<double, W>;
  constexpr double magic = 6755399441055744.0 + 1023.0;
  x = detail::limited(x, -1023.0, 1024.0);
  const P with_magic = x + P(magic);
  const P r = x - (with_magic - P(magic));
  P p(4.4348008656549263044e-10);
  p = p * r + P(7.073738634376873095e-09);
  p = p * r + P(1.0178199010934608505e-07);
  p = p * r + P(1.3215435525788288396e-06);
  p = p * r + P(1.5252733495383389713e-05);
  p = p * r + P(0.00015403530456660176817);
  p = p * r + P(0.0013333558146771298369);
  p = p * r + P(0.0096181291075944450736);
  p = p * r + P(0.055504108664820098196);
  p = p * r + P(0.24022650695910130469);
  p = p * r + P(0.69314718055994528623);
  p = p * r + P(1.0);
  return detail::scale_by_rounded(p, with_magic);
}

/// e^x to 1 ulp (float) or 4e-16 relative (double); 0 below the normal range, inf above it, NaN
/// stays NaN. Cody-Waite reduction to [-ln2/2, ln2/2] and a polynomial (Cephes coefficients).
template <int W>
ATTD_INLINE pack<float, W> exp(pack<float, W> x) {
  using P = pack<float, W>;
  constexpr float magic = 12582912.0f + 127.0f;
  x = detail::limited(x, -88.0f, 89.0f);
  const P with_magic = x * P(1.44269504088896341f) + P(magic);
  const P n = with_magic - P(magic);
  P r = x - n * P(0.693359375f);
  r = r + n * P(2.12194440e-4f);
  P p = P(1.9875691500e-4f);
  p = p * r + P(1.3981999507e-3f);
  p = p * r + P(8.3334519073e-3f);
  p = p * r + P(4.1665795894e-2f);
  p = p * r + P(1.6666665459e-1f);
  p = p * r + P(5.0000001201e-1f);
  p = p * (r * r) + r + P(1.0f);
  return detail::scale_by_rounded(p, with_magic);
}

template <int W>
ATTD_INLINE pack<double, W> exp(pack<double, W> x) {
  using P = pack<double, W>;
  constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  const P shifted = x * P(1.4426950408889634074) + P(round);
  const P n = shifted - P(round);
  P r = x - n * P(6.93145751953125e-1);
  r = r - n * P(1.42860682030941723212e-6);
  const P rr = r * r;
  P numerator = P(1.26177193074810590878e-4);
  numerator = numerator * rr + P(3.02994407707441961300e-2);
  numerator = r * (numerator * rr + P(9.99999999999999999910e-1));
  P denominator = P(3.00198505138664455042e-6);
  denominator = denominator * rr + P(2.52448340349684104192e-3);
  denominator = denominator * rr + P(2.27265548208155028766e-1);
  denominator = denominator * rr + P(2.0);
  P p = P(1.0) + P(2.0) * (numerator / (denominator - numerator));
  P result = detail::scale_by_difference(p, shifted, P(round));
  result = select(x < P(-708.0), P(0.0), result);
  result = select(x > P(709.0), P(__builtin_inf()), result);
  return select(x <= x, result, x);  // NaN
}

}  // namespace ATTD_FLAGS
}  // namespace attd

#pragma GCC diagnostic pop
