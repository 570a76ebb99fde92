// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The norm in which a stable matrix contracts: Lyapunov's equation, its norm and its derivative.
#pragma once

#include <algorithm>
#include <attd/adaptation/detail/small_matrices.hpp>
#include <attd/operations/detail/dense_solve.hpp>
#include <cmath>
#include <type_traits>

namespace attd::adaptation {

/// How a matrix A moves a state: h' = A h at every step, or dh/dt = A h.
enum class time_kind : bool { discrete, continuous };

/// The norm |x|_P = sqrt(x^T P x) that belongs to a stable matrix A0. Filled by `lyapunov`.
struct lyapunov_metric {
  time_kind time = time_kind::discrete;
  tensor<double> p;      ///< [n, n] symmetric, positive definite
  tensor<double> l;      ///< [n, n] lower triangular, P = L L^T: |x|_P = |L^T x|_2
  tensor<double> top;    ///< [n] unit eigenvector of P's largest eigenvalue
  double largest = 0.0;  ///< P's largest eigenvalue
  double inverse = 0.0;  ///< bound on |L^-1|_2: P >= I, or P >= I / (2 |A0|) in continuous time
  double margin = 0.0;   ///< 1 - |A0|_P, or minus A0's logarithmic norm in P; > 0, rounded down
};

/// Temporary memory of the functions of this file, used again at no cost for the same n.
struct lyapunov_scratch {
  tensor<double> a, x, y, z;
  operations::detail::lu_factors<double> lu;
  detail::symmetric_eigen eigen;
  /// Memory for systems of n states.
  void resize(index_t n) {
    for (tensor<double>* t : {&a, &x, &y, &z}) t->resize({n, n});
  }
};

namespace detail {

// q becomes the solution P of  P = X^T P X + q  (x is destroyed): P_{k+1} = P_k + X_k^T P_k X_k,
// X_{k+1} = X_k^2. False when X^(2^k) does not vanish.
inline bool double_up(view<double> x, view<double> q, view<double> work1, view<double> work2) {
  for (int k = 0; k < 60; ++k) {
    const double norm = frobenius_norm(x);
    // The limit is far above what a usable metric has, and keeps everything finite.
    if (!(norm < 1e100) || !(frobenius_norm(q) < 1e15)) return false;
    if (norm * norm < 1e-18) return true;
    multiply(q, x, work1);
    multiply_transposed(x, work1, work2);
    for (index_t i = 0; i < q.rows(); ++i) {
      for (index_t j = 0; j <= i; ++j) {
        q(i, j) += 0.5 * (work2(i, j) + work2(j, i));
        q(j, i) = q(i, j);
      }
    }
    multiply(x, x, work1);
    copy_primal(work1, x);
  }
  return false;
}

// q becomes the solution of  A^T P A - P = -q  or  A^T P + P A = -q; scratch.a holds A. The
// continuous equation is the discrete one of the Cayley transform (I + s A)(I - s A)^-1 with right
// side 2 s (I - s A)^-T q (I - s A)^-1, for any s > 0.
inline bool solve_lyapunov(time_kind time, view<double> q, lyapunov_scratch& scratch) {
  const index_t n = q.rows();
  const auto a = scratch.a.view(), x = scratch.x.view(), y = scratch.y.view(), z = scratch.z.view();
  if (time == time_kind::discrete) {
    copy_primal(a, x);
    return double_up(x, q, y, z);
  }
  const double norm = frobenius_norm(a);
  if (!is_finite(norm) || norm < 1e-300) return false;  // zero is not stable in continuous time
  const double s = 1.0 / norm;
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      y(i, j) = (i == j ? 1.0 : 0.0) - s * a(i, j);
      z(i, j) = i == j ? 1.0 : 0.0;
    }
  }
  scratch.lu.resize(n);
  scratch.lu.factor(y);
  scratch.lu.solve(y, z);  // (I - s A)^-1
  multiply(q, z, y);
  multiply_transposed(z, y, q);
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      q(i, j) *= 2.0 * s;
      y(i, j) = (i == j ? 1.0 : 0.0) + s * a(i, j);
    }
  }
  multiply(y, z, x);
  return double_up(x, q, y, z);
}

// Lower triangular L with P = L L^T; false unless P is positive definite.
inline bool cholesky(view<const double> p, view<double> l) {
  const index_t n = p.rows();
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      if (j > i) {
        l(i, j) = 0.0;
        continue;
      }
      double sum = p(i, j);
      for (index_t k = 0; k < j; ++k) sum -= l(i, k) * l(j, k);
      if (i == j) {
        if (!(sum > 0.0)) return false;
        l(i, i) = std::sqrt(sum);
      } else {
        l(i, j) = sum / l(j, j);
      }
    }
  }
  return true;
}

// |A^T P A - P + I|_F or |A^T P + P A + I|_F, with its rounding and that of Cholesky's factor.
inline double lyapunov_residual(const lyapunov_metric& metric, lyapunov_scratch& scratch) {
  const auto a = scratch.a.view(), x = scratch.x.view(), y = scratch.y.view();
  const auto p = metric.p.view();
  const index_t n = a.rows();
  const bool discrete = metric.time == time_kind::discrete;
  multiply(p, a, x);
  if (discrete) multiply_transposed(a, x, y);
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      const double one = i == j ? 1.0 : 0.0;
      scratch.z(i, j) = discrete ? y(i, j) - p(i, j) + one : x(i, j) + x(j, i) + one;
    }
  }
  const double norm = frobenius_norm(a);
  return frobenius_norm(scratch.z.view()) +
         rounding(2 * n) * frobenius_norm(p) * (discrete ? 1.0 + norm * norm : 2.0 * norm);
}

}  // namespace detail

/// Finds the norm in which A0 contracts; false when A0 is not stable (or so nearly unstable that
/// rounding leaves it open), in which case `metric` is of no use.
///
/// *Formula*: A0^T P A0 - P = -I, then |A0|_P = sqrt(1 - 1 / lambda_max(P)) < 1; in continuous time
/// A0^T P + P A0 = -I, then the logarithmic norm of A0 in P is -1 / (2 lambda_max(P)) < 0. A
/// solution P > 0 exists exactly for stable A0, so every stable A0 passes. The residual of the
/// computed P, bounded with its rounding, is part of `margin`, which therefore is a certificate.
/// *Shapes*: a0 [n, n] of any number type; primal values are used.
/// *Cost*: about 8 n^3 log2(1 / (1 - rho)) operations and one symmetric eigen-solve; allocates
/// nothing once metric and scratch have seen size n.
/// *Source*: [Smith1968] for the doubling; [Lyapunov1892] for the criterion.
template <class A>
[[nodiscard]] bool lyapunov(view<A> a0, lyapunov_metric& metric, lyapunov_scratch& scratch,
                            time_kind time = time_kind::discrete) {
  const index_t n = a0.columns();
  expect_shape("lyapunov", "A0", a0.shape(), {n, n});
  scratch.resize(n);
  metric.time = time;
  metric.margin = 0.0;
  metric.p.assign({n, n});
  metric.l.resize({n, n});
  metric.top.resize({n});
  detail::copy_primal(a0, scratch.a.view());
  for (index_t i = 0; i < n; ++i) metric.p(i, i) = 1.0;
  if (!detail::solve_lyapunov(time, metric.p.view(), scratch)) return false;
  if (!detail::cholesky(metric.p.view(), metric.l.view())) return false;
  const double residual = detail::lyapunov_residual(metric, scratch);
  if (!(residual < 0.5)) return false;
  const double low =
      time == time_kind::discrete ? 1.0 : 0.5 / detail::frobenius_norm(scratch.a.view());
  metric.inverse = 1.0 / std::sqrt(low * (1.0 - residual));
  scratch.eigen.resize(n);
  detail::copy_primal(metric.p.view(), scratch.eigen.matrix.view());
  scratch.eigen.solve();
  const index_t k = scratch.eigen.largest();
  metric.largest = scratch.eigen.matrix(k, k);
  for (index_t i = 0; i < n; ++i) metric.top(i) = scratch.eigen.vectors(i, k);
  const double bound = (metric.largest + scratch.eigen.error) * (1.0 + detail::rounding(n));
  const double decay = (1.0 - residual) / bound;
  // 1 - sqrt(1 - x) without cancellation.
  metric.margin = time == time_kind::discrete
                      ? decay / (1.0 + std::sqrt(std::max(0.0, 1.0 - decay)))
                      : 0.5 * decay;
  return metric.margin > 0.0;
}

namespace detail {

// scratch.y = L^T M L^-T; returns a bound on the norm of its error. The solve is backward stable
// row by row, so that its error is at most rounding |L| |L^-1| (|y| + |M|).
template <class M>
double in_metric(view<M> m, const lyapunov_metric& metric, lyapunov_scratch& scratch) {
  const index_t n = m.columns();
  expect_shape("p_norm", "the matrix", m.shape(), metric.p.shape());
  scratch.resize(n);
  copy_primal(m, scratch.x.view());
  const auto l = metric.l.view();
  const auto y = scratch.y.view();
  multiply_transposed(l, scratch.x.view(), y);
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      double sum = y(i, j);
      for (index_t k = 0; k < j; ++k) sum -= l(j, k) * y(i, k);
      y(i, j) = sum / l(j, j);
    }
  }
  return rounding(n) * frobenius_norm(l) * metric.inverse *
         (frobenius_norm(y) + frobenius_norm(scratch.x.view()));
}

}  // namespace detail

/// |M|_P = |L^T M L^-T|_2, the norm of M induced by `metric`: rho(M) <= |M|_P.
///
/// The largest singular value comes from a full symmetric eigen-solve (power iteration would give
/// a value from below, no certificate); rounding errors are bounded and added. Infinity when M is
/// not finite. Cost: 3 n^3 and a Jacobi eigen-solve of order n (some 10 sweeps of 6 n^3).
template <class M>
double p_norm(view<M> m, const lyapunov_metric& metric, lyapunov_scratch& scratch) {
  const double error = detail::in_metric(m, metric, scratch);
  auto& eigen = scratch.eigen;
  eigen.resize(m.columns());
  detail::multiply_transposed(scratch.y.view(), scratch.y.view(), eigen.matrix.view());
  eigen.solve();
  const index_t k = eigen.largest();
  const double norm = std::sqrt(std::max(0.0, eigen.matrix(k, k) + eigen.error)) + error;
  return is_finite(norm) ? norm : detail::infinity;
}

/// The logarithmic norm of M in `metric`: the largest eigenvalue of the symmetric part of
/// L^T M L^-T. It bounds the real parts of M's eigenvalues and |e^(t M)|_P <= e^(t mu); mu(M + N)
/// <= mu(M) + |N|_P. Rounding is added, NaN gives infinity. Cost: as `p_norm`. *Source*:
/// [Soederlind2006].
template <class M>
double logarithmic_norm(view<M> m, const lyapunov_metric& metric, lyapunov_scratch& scratch) {
  const double error = detail::in_metric(m, metric, scratch);
  auto& eigen = scratch.eigen;
  const index_t n = m.columns();
  eigen.resize(n);
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      eigen.matrix(i, j) = 0.5 * (scratch.y(i, j) + scratch.y(j, i));
    }
  }
  eigen.solve();
  const index_t k = eigen.largest();
  const double mu = eigen.matrix(k, k) + eigen.error + error;
  return is_finite(mu) ? mu : detail::infinity;
}

/// Adds to d_a0 the gradient of what was computed from P:  d_a0 += 2 P A0 Z with
/// Z = A0 Z A0^T + d_p (discrete), or d_a0 += 2 P Z with A0 Z + Z A0^T = -d_p (continuous).
///
/// *Shapes*: a0, d_a0 [n, n]; d_p [n, n] symmetric, for instance from many calls of
/// `back_scaling_pullback`: the map is linear, so one call at the end serves them all.
/// *Cost*: as `lyapunov`. *Source*: the adjoint of the equation, derived here.
template <class A, class DA>
void lyapunov_pullback(view<A> a0, const lyapunov_metric& metric, view<const double> d_p,
                       view<DA> d_a0, lyapunov_scratch& scratch) {
  const index_t n = a0.columns();
  scratch.resize(n);
  const auto p0 = primal_view(a0);
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      scratch.a(i, j) = static_cast<double>(p0.at(j, i));  // the adjoint equation has A0^T
    }
  }
  auto& z = scratch.eigen.matrix;
  z.resize({n, n});
  detail::copy_primal(d_p, z.view());
  if (!detail::solve_lyapunov(metric.time, z.view(), scratch)) {
    fail(
        "lyapunov_pullback: A0 is not stable, but its metric was used; hint: pass the A0 that the "
        "metric was computed from");
  }
  auto result = z.view();
  if (metric.time == time_kind::discrete) {
    detail::multiply_transposed(scratch.a.view(), z.view(), scratch.x.view());  // A0 Z
    result = scratch.x.view();
  }
  detail::multiply(metric.p.view(), result, scratch.y.view());
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      d_a0.at(i, j) += static_cast<std::remove_const_t<DA>>(2.0 * scratch.y(i, j));
    }
  }
}

}  // namespace attd::adaptation
