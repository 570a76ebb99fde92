// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Elementary functions for every number type: float, double, packs of them, and duals of all.
#pragma once

#include <attd/core/dual.hpp>
#include <attd/core/pack.hpp>
#include <attd/core/pack_math.hpp>
#include <bit>
#include <cmath>
#include <cstdint>

namespace attd {

// ---- plain numbers -------------------------------------------------------------------------

template <std::floating_point T>
ATTD_HD inline T exp(T x) {
  return std::exp(x);
}
template <std::floating_point T>
ATTD_HD inline T log(T x) {
  return std::log(x);
}
template <std::floating_point T>
ATTD_HD inline T log1p(T x) {
  return std::log1p(x);
}
template <std::floating_point T>
ATTD_HD inline T sqrt(T x) {
  return std::sqrt(x);
}
template <std::floating_point T>
ATTD_HD inline T sin(T x) {
  return std::sin(x);
}
template <std::floating_point T>
ATTD_HD inline T cos(T x) {
  return std::cos(x);
}
template <std::floating_point T>
ATTD_HD inline T atan(T x) {
  return std::atan(x);
}
template <std::floating_point T>
ATTD_HD inline T tanh(T x) {
  return std::tanh(x);
}
template <std::floating_point T>
ATTD_HD inline T erf(T x) {
  return std::erf(x);
}
template <std::floating_point T>
ATTD_HD inline T abs(T x) {
  return std::fabs(x);
}
template <std::floating_point T>
ATTD_HD inline T select(bool condition, T a, T b) {
  return condition ? a : b;
}

/// Whether x is neither infinite nor NaN. Looks at the exponent bits, so that it stays true to its
/// name in programs compiled with -ffast-math.
ATTD_HD inline bool is_finite(double x) {
  return (std::bit_cast<std::uint64_t>(x) & 0x7ff0000000000000ull) != 0x7ff0000000000000ull;
}
ATTD_HD inline bool is_finite(float x) {
  return (std::bit_cast<std::uint32_t>(x) & 0x7f800000u) != 0x7f800000u;
}
template <class T>
ATTD_HD inline bool is_finite(const dual<T>& x) {
  return is_finite(x.value) && is_finite(x.tangent);
}
/// Whether a number, and its tangents if it is a dual, are zero.
template <class S>
ATTD_HD inline bool is_zero(const S& x) {
  if constexpr (is_dual_v<S>) {
    return is_zero(x.value) && is_zero(x.tangent);
  } else {
    return x == S(0);
  }
}

// ---- packs without a vector form of their own ----------------------------------------------

template <class T, int W>
ATTD_INLINE pack<T, W> sin(pack<T, W> x) {
  return map_lanes(x, [](T v) { return std::sin(v); });
}
template <class T, int W>
ATTD_INLINE pack<T, W> cos(pack<T, W> x) {
  return map_lanes(x, [](T v) { return std::cos(v); });
}
template <class T, int W>
ATTD_INLINE pack<T, W> atan(pack<T, W> x) {
  return map_lanes(x, [](T v) { return std::atan(v); });
}

// ---- duals ---------------------------------------------------------------------------------

template <class M, class T>
ATTD_HD inline dual<T> select(const M& condition, const dual<T>& a, const dual<T>& b) {
  return {select(condition, a.value, b.value), select(condition, a.tangent, b.tangent)};
}
template <class T>
ATTD_HD inline dual<T> exp(const dual<T>& x) {
  const T e = exp(x.value);
  return {e, e * x.tangent};
}
template <class T>
ATTD_HD inline dual<T> log(const dual<T>& x) {
  return {log(x.value), x.tangent / x.value};
}
template <class T>
ATTD_HD inline dual<T> log1p(const dual<T>& x) {
  return {log1p(x.value), x.tangent / (T(1) + x.value)};
}
template <class T>
ATTD_HD inline dual<T> sqrt(const dual<T>& x) {
  const T r = sqrt(x.value);
  return {r, x.tangent / (T(2) * r)};
}
template <class T>
ATTD_HD inline dual<T> sin(const dual<T>& x) {
  return {sin(x.value), cos(x.value) * x.tangent};
}
template <class T>
ATTD_HD inline dual<T> cos(const dual<T>& x) {
  return {cos(x.value), -sin(x.value) * x.tangent};
}
template <class T>
ATTD_HD inline dual<T> atan(const dual<T>& x) {
  return {atan(x.value), x.tangent / (T(1) + x.value * x.value)};
}
template <class T>
ATTD_HD inline dual<T> tanh(const dual<T>& x) {
  const T y = tanh(x.value);
  return {y, (T(1) - y * y) * x.tangent};
}
template <class T>
ATTD_HD inline dual<T> erf(const dual<T>& x) {
  const T slope = T(1.12837916709551257390) * exp(-(x.value * x.value));  // 2 / sqrt(pi)
  return {erf(x.value), slope * x.tangent};
}
/// x^n for a constant n and x > 0 (or an n that is whole).
template <class T>
ATTD_HD inline dual<T> pow(const dual<T>& x, double n) {
  using std::pow;
  return {T(pow(x.value, n)), T(n) * T(pow(x.value, n - 1.0)) * x.tangent};
}
template <class T>
ATTD_HD inline dual<T> abs(const dual<T>& x) {
  return select(primal(x) < primal_t<T>(0), -x, x);
}

// ---- made of the above, for every number type ----------------------------------------------

template <class T>
ATTD_HD inline T maximum(T a, T b) {
  return select(primal(a) > primal(b), a, b);
}
template <class T>
ATTD_HD inline T minimum(T a, T b) {
  return select(primal(a) < primal(b), a, b);
}

/// 1 / (1 + e^-x), without overflow for any x.
template <class T>
ATTD_HD inline T sigmoid(T x) {
  const T e = exp(-abs(x));  // in (0, 1]: neither branch can overflow
  const T r = T(1) / (T(1) + e);
  return select(primal(x) < primal_t<T>(0), e * r, r);
}
/// Slope e^-|x| / (1 + e^-|x|)^2, the same on both sides of 0.
template <class T>
ATTD_HD inline dual<T> sigmoid(const dual<T>& x) {
  const T e = exp(-abs(x.value)), r = T(1) / (T(1) + e), er = e * r;
  return {select(primal(x.value) < primal_t<T>(0), er, r), er * r * x.tangent};
}

/// log(1 + x) where x is known to lie in [0, 1]; packs have a shorter way then.
template <class T>
ATTD_HD inline T log1p_of_share(T x) {
  return log1p(x);
}
template <class T>
ATTD_HD inline dual<T> log1p_of_share(dual<T> x) {
  return {log1p_of_share(x.value), x.tangent / (T(1) + x.value)};
}

/// log(1 + e^x) = max(x, 0) + log1p(e^-|x|): smooth everywhere, no cut-off.
template <class T>
ATTD_HD inline T softplus(T x) {
  // Both branches must take the same side at 0 (abs takes x), or the derivative there is wrong.
  return select(primal(x) >= primal_t<T>(0), x, T(0)) + log1p_of_share(exp(-abs(x)));
}

template <class T>
ATTD_HD inline T relu(T x) {
  return select(primal(x) > primal_t<T>(0), x, T(0));
}

/// x sigmoid(x)  [Elfwing2017].
template <class T>
ATTD_HD inline T silu(T x) {
  return x * sigmoid(x);
}

/// x Phi(x), Phi the standard normal distribution (the exact form, by erf)  [Hendrycks2016].
template <class T>
ATTD_HD inline T gelu(T x) {
  return T(0.5) * x * (T(1) + erf(T(0.70710678118654752440) * x));
}

}  // namespace attd
