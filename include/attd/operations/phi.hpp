// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// phi1(z) = (e^z - 1) / z, the factor of a zero-order hold, real and complex.
#pragma once

#include <array>
#include <attd/core/complex.hpp>

namespace attd::operations {

namespace detail {

inline constexpr std::size_t phi1_terms = 17;

// 1 / (k + 1)!. The first term left out is below 2e-18 in the second derivative at |z| = 0.5. The
// table is the function's own: a GPU cannot read arrays of the host's, constant or not.
ATTD_HD inline double phi1_coefficient(std::size_t k) {
  constexpr std::array<double, phi1_terms> coefficients = [] {
    std::array<double, phi1_terms> c{};
    double factorial = 1.0;  // exact up to 17! < 2^53
    for (std::size_t i = 0; i < c.size(); ++i) {
      factorial *= static_cast<double>(i + 1);
      c[i] = 1.0 / factorial;
    }
    return c;
  }();
  return coefficients[k];
}

// Horner's rule; `Real` is the plain type in which the coefficients enter, so that duals do not
// multiply by zero tangents.
template <class Real, class Z>
ATTD_HD inline Z phi1_series(Z z, Z start) {
  Z sum = start;
  for (std::size_t k = phi1_terms - 1; k-- > 0;) {
    if constexpr (is_complex_v<Z>) {
      sum = sum * z;
      sum.re = sum.re + Real(phi1_coefficient(k));
    } else {
      sum = sum * z + Real(phi1_coefficient(k));
    }
  }
  return sum;
}

}  // namespace detail

/// phi1(z) = (e^z - 1) / z, with phi1(0) = 1.
///
/// A Taylor series for |z| < 0.5, the quotient elsewhere, chosen on the primal value. The quotient
/// alone would lose its derivatives near 0: in nested duals its second derivative is off by 4e-6 at
/// |z| = 1e-5. Value, first and second derivative are right to a few ulps of the largest term,
/// across the seam and at 0. Packs compute both sides. Cost: an exponential or 16 multiply-adds.
///
/// *Source*: [Higham2008, Sec. 10.7.4] for the function; the series is its definition.
template <class T>
ATTD_HD inline T phi1(T z) {
  using Real = primal_t<T>;
  const T start = T(Real(detail::phi1_coefficient(detail::phi1_terms - 1)));
  const auto small = primal(abs(z)) < Real(0.5);
  if constexpr (is_pack_v<Real>) {
    return select(small, detail::phi1_series<Real>(z, start), (exp(z) - Real(1)) / z);
  } else {
    if (small) return detail::phi1_series<Real>(z, start);
    return (exp(z) - Real(1)) / z;
  }
}

/// phi1 of a complex number; the same rule with |z| the modulus.
template <class T>
ATTD_HD inline complex_number<T> phi1(complex_number<T> z) {
  using Real = primal_t<T>;
  const complex_number<T> start{T(Real(detail::phi1_coefficient(detail::phi1_terms - 1))),
                                T(Real(0))};
  const Real x = primal(z.re), y = primal(z.im);
  const auto small = x * x + y * y < Real(0.25);
  const auto quotient = [&] {
    complex_number<T> e = exp(z);
    e.re = e.re - Real(1);
    return e / z;
  };
  if constexpr (is_pack_v<Real>) {
    return select(small, detail::phi1_series<Real>(z, start), quotient());
  } else {
    if (small) return detail::phi1_series<Real>(z, start);
    return quotient();
  }
}

}  // namespace attd::operations
