// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Certificates that dense dynamics stay stable: a bound on the spectral radius, and scaling back.
#pragma once

#include <algorithm>
#include <attd/adaptation/back_scaling.hpp>
#include <attd/adaptation/lyapunov.hpp>
#include <cmath>
#include <limits>

namespace attd::adaptation {

/// Temporary memory of `spectral_radius_bound`.
struct spectral_radius_scratch {
  tensor<double> power, square;
};

namespace detail {

// D^-1 A D with D a diagonal of powers of two, so without rounding, that brings rows and columns to
// like size: the eigenvalues stay, the norm falls [Parlett1969]. Unlike there, a row without a
// column (a triangular matrix) is scaled, too.
inline void balance(view<double> a) {
  const index_t n = a.rows();
  bool changed = true;
  for (int sweep = 0; changed && sweep < 8; ++sweep) {
    changed = false;
    for (index_t i = 0; i < n; ++i) {
      double row = 0.0, column = 0.0;
      for (index_t j = 0; j < n; ++j) {
        if (j == i) continue;
        row += std::fabs(a(i, j));
        column += std::fabs(a(j, i));
      }
      if (row == 0.0 && column == 0.0) continue;
      const double ratio = std::max(row, 0x1p-40 * column) / std::max(column, 0x1p-40 * row);
      const int exponent = static_cast<int>(std::lround(0.5 * std::log2(ratio)));
      if (exponent == 0) continue;
      const double f = std::ldexp(1.0, exponent);
      if (row / f + column * f > 0.95 * (row + column)) continue;
      changed = true;
      for (index_t j = 0; j < n; ++j) {
        a(i, j) /= f;
        a(j, i) *= f;
      }
    }
  }
}

}  // namespace detail

/// An upper bound of the spectral radius:  rho(A) <= |A^(2^j)|_F^(1/2^j), j = 0 .. squarings; the
/// smallest is returned.
///
/// It bounds the true radius, not only in exact arithmetic: A is balanced first (an exact
/// similarity), and computed powers are scaled to norm one at every squaring (no overflow, no
/// underflow) and carry a bound of their rounding error, which is added. Within 1.3 % of rho at 8
/// squarings for n = 16, 0.3 % at 10; looser (but still a bound) where eigenvectors are so close
/// that rounding matters, for which `p_norm` is sharper. Stops early once the bound is at most
/// `enough`. For a continuous system pass Abar = e^(dt A).
///
/// *Shapes*: a [n, n] of any number type; primal values are used. NaN or infinity in it: infinity.
/// *Cost*: 2 n^3 operations a squaring; allocates nothing once `scratch` has seen size n.
/// *Source*: [Gelfand1941]; error bounds by [Higham2002, Sec. 3.3 and 3.5].
template <class A>
double spectral_radius_bound(view<A> a, spectral_radius_scratch& scratch, int squarings = 10,
                             double enough = 0.0) {
  const index_t n = a.columns();
  expect_shape("spectral_radius_bound", "A", a.shape(), {n, n});
  scratch.power.resize({n, n});
  scratch.square.resize({n, n});
  const auto power = scratch.power.view(), square = scratch.square.view();
  detail::copy_primal(a, power);
  double largest = 0.0;
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      const double x = std::fabs(power(i, j));
      if (!is_finite(x)) return detail::infinity;
      largest = std::max(largest, x);
    }
  }
  if (largest == 0.0) return 0.0;
  // |true power| = e^(2^j log_scale) |power + e|, |e|_F <= error.
  const double inflate = 1.0 + detail::rounding(n * n);
  // A power of two, so that it is exact; entries that this makes 0 are far below `error`.
  const double unit = std::exp2(std::floor(std::log2(largest)));
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) power(i, j) /= unit;
  }
  detail::balance(power);
  double norm = detail::frobenius_norm(power) * inflate;
  double log_scale = std::log(unit) + std::log(norm);
  double error = 4.0 * detail::unit_roundoff;
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) power(i, j) /= norm;
  }
  // Logarithms of up to 700 have absolute errors of some 1e-13 each, halved at every squaring.
  const auto bound_of = [](double log_bound) {
    return std::max(std::exp(log_bound) * (1.0 + 4e-12), std::numeric_limits<double>::min());
  };
  double best = bound_of(log_scale + std::log1p(error));
  double weight = 1.0;
  for (int k = 0; k < squarings && best > enough; ++k) {
    detail::multiply(power, power, square);
    // (p + e)^2 = p^2 + p e + e p + e^2, |p| <= 1.
    const double next_error = detail::rounding(n) + error * (2.0 + error);
    const double total = detail::frobenius_norm(square) * inflate + next_error;
    weight *= 0.5;
    log_scale += weight * std::log(total);
    best = std::min(best, bound_of(log_scale));
    error = next_error / total * (1.0 + 1e-15) + 4.0 * detail::unit_roundoff;
    for (index_t i = 0; i < n; ++i) {
      for (index_t j = 0; j < n; ++j) power(i, j) = square(i, j) / total;
    }
  }
  return best;
}

}  // namespace attd::adaptation
