// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Scaling a low-rank update back until stability is certain, with derivatives.
#pragma once

#include <algorithm>
#include <attd/adaptation/lyapunov.hpp>
#include <cmath>
#include <type_traits>
#include <utility>

namespace attd::adaptation {

/// What `back_scaling` did: nothing (alpha = 1), scaled the update, or left no room for it because
/// A0's own margin is below epsilon, or the update is not finite (alpha = 0).
enum class scaling { unchanged, scaled, blocked };

/// A scale alpha and the branch that gave it, which the pullback reuses.
template <class T>
struct back_scale {
  T alpha = T(1);
  double norm = 0.0;  ///< |U V^T|_P, rounded up
  scaling kind = scaling::unchanged;
};

/// Temporary memory of the functions of this file.
struct back_scaling_scratch {
  tensor<double> u, v, x, y, k;        // [n, r]; k = x (y^T y)^(1/2)
  tensor<double> left, right, side;    // [n] dN = left^T d(U V^T) right; side = L^-T p
  tensor<double> d_u, d_v, d_p, d_a0;  // gradients of alpha, for tangents
  detail::symmetric_eigen gram;
  lyapunov_scratch metric;
};

namespace detail {

// x = L^-T x for a vector.
inline void solve_upper(view<const double> l, view<double> x) {
  for (index_t i = l.rows(); i-- > 0;) {
    double sum = x(i);
    for (index_t k = i + 1; k < l.rows(); ++k) sum -= l(k, i) * x(k);
    x(i) = sum / l(i, i);
  }
}

// N = |U V^T|_P rounded up, through r x r eigen-problems only: with X = L^T U, Y = L^-1 V and
// K = X (Y^T Y)^(1/2), X Y^T Y X^T = K K^T. With `vectors` also the singular vectors p, q of X Y^T
// for N, as left = L p, right = L^-T q, side = L^-T p.
template <class U, class V>
double update_norm(const lyapunov_metric& metric, view<U> u, view<V> v,
                   back_scaling_scratch& scratch, bool vectors) {
  const index_t n = u.rows(), r = u.columns();
  expect_shape("back_scaling", "U", u.shape(), {metric.p.extent(0), r});
  expect_shape("back_scaling", "V", v.shape(), {metric.p.extent(0), r});
  for (tensor<double>* t : {&scratch.u, &scratch.v, &scratch.x, &scratch.y, &scratch.k}) {
    t->resize({n, r});
  }
  const auto l = metric.l.view();
  const auto x = scratch.x.view(), y = scratch.y.view(), k = scratch.k.view();
  copy_primal(u, scratch.u.view());
  copy_primal(v, scratch.v.view());
  multiply_transposed(l, scratch.u.view(), x);
  for (index_t i = 0; i < n; ++i) {
    for (index_t c = 0; c < r; ++c) {
      double sum = scratch.v(i, c);
      for (index_t j = 0; j < i; ++j) sum -= l(i, j) * y(j, c);
      y(i, c) = sum / l(i, i);
    }
  }
  auto& gram = scratch.gram;
  gram.resize(r);
  multiply_transposed(y, y, gram.matrix.view());
  gram.solve();
  multiply(x, gram.vectors.view(), k);
  for (index_t c = 0; c < r; ++c) {
    const double root = std::sqrt(std::max(0.0, gram.matrix(c, c)));
    for (index_t i = 0; i < n; ++i) k(i, c) *= root;
  }
  const double x_norm = frobenius_norm(x), y_norm = frobenius_norm(y);
  const double gram_error = gram.error + rounding(n) * y_norm * y_norm;
  multiply_transposed(k, k, gram.matrix.view());
  gram.solve();
  const index_t top = gram.largest();
  const double lambda = std::max(0.0, gram.matrix(top, top));
  const double l_norm = frobenius_norm(l);
  const double norm = std::sqrt(lambda + gram.error + gram_error * x_norm * x_norm) +
                      rounding(n + r) * l_norm * y_norm *
                          (metric.inverse * x_norm + frobenius_norm(scratch.u.view()));
  if (!is_finite(norm)) return infinity;
  if (vectors) {
    for (tensor<double>* t : {&scratch.left, &scratch.right, &scratch.side}) t->assign({n});
    const auto left = scratch.left.view(), right = scratch.right.view(), side = scratch.side.view();
    const double sigma = std::sqrt(lambda);
    for (index_t i = 0; i < n; ++i) {  // p = K w / sigma
      for (index_t c = 0; c < r; ++c) side(i) += k(i, c) * gram.vectors(c, top) / sigma;
    }
    for (index_t c = 0; c < r; ++c) {  // q = Y X^T p / sigma
      double sum = 0.0;
      for (index_t i = 0; i < n; ++i) sum += x(i, c) * side(i);
      for (index_t i = 0; i < n; ++i) right(i) += y(i, c) * sum / sigma;
    }
    for (index_t i = 0; i < n; ++i) {
      for (index_t j = 0; j <= i; ++j) left(i) += l(i, j) * side(j);
    }
    solve_upper(l, right);
    solve_upper(l, side);
  }
  return norm;
}

// d margin / d lambda_max(P).
inline double margin_slope(const lyapunov_metric& metric) {
  const double decay = 1.0 / metric.largest;
  if (metric.time == time_kind::continuous) return -0.5 * decay * decay;
  const double norm = std::sqrt(std::max(0.0, 1.0 - decay));  // |A0|_P
  return norm > 0.0 ? -0.5 * decay * decay / norm : 0.0;      // A0 = 0: a corner
}

}  // namespace detail

/// Adds the gradient of alpha: d_u, d_v (each [n, r] or `view<none>`) and the part through P, d_p
/// ([n, n] or `view<none>`; hand it to `lyapunov_pullback` for A0's gradient, or leave it out and
/// A0 is a constant).
///
/// *Formula*: with N = |U V^T|_P, p and q its singular vectors in the metric,
/// dN = (L p)^T d(U V^T) (L^-T q) + N/2 <w w^T - y y^T, dP>, w = L^-T p, y = L^-T q; alpha = room/N
/// gives d alpha = d room / N - alpha dN / N, and room = margin - epsilon depends on P through its
/// largest eigenvalue. Zero where alpha is 1 or 0. Where the largest singular value (or eigenvalue)
/// is repeated there is no derivative; that of one of its vectors is taken.
/// *Shapes*: u, v [n, r]; `scale` is what the forward returned, whose branch is reused; room_slope
/// is d room / d margin: 1 where epsilon is a constant.
/// *Cost*: n^2 r and eigen-solves of order r; allocates nothing once `scratch` has seen the sizes.
template <class T, class U, class V, class DU, class DV, class DP>
void back_scaling_pullback(const lyapunov_metric& metric, const back_scale<T>& scale, view<U> u,
                           view<V> v, double d_alpha, view<DU> d_u, view<DV> d_v, view<DP> d_p,
                           back_scaling_scratch& scratch, double room_slope = 1.0) {
  if (scale.kind != scaling::scaled) return;
  const double norm = detail::update_norm(metric, u, v, scratch, true);
  const double alpha = static_cast<double>(primal(scale.alpha));
  const double d_norm = -d_alpha * alpha / norm;
  const index_t n = u.rows(), r = u.columns();
  const auto left = scratch.left.view(), right = scratch.right.view(), side = scratch.side.view();
  for (index_t c = 0; c < r; ++c) {
    double along_u = 0.0, along_v = 0.0;  // left^T U and right^T V
    for (index_t i = 0; i < n; ++i) {
      along_u += left(i) * scratch.u(i, c);
      along_v += right(i) * scratch.v(i, c);
    }
    for (index_t i = 0; i < n; ++i) {
      if constexpr (!is_none_v<view<DU>>) d_u.at(i, c) += DU(d_norm * left(i) * along_v);
      if constexpr (!is_none_v<view<DV>>) d_v.at(i, c) += DV(d_norm * right(i) * along_u);
    }
  }
  if constexpr (!is_none_v<view<DP>>) {
    const double d_largest = d_alpha / norm * room_slope * detail::margin_slope(metric);
    for (index_t i = 0; i < n; ++i) {
      for (index_t j = 0; j < n; ++j) {
        d_p.at(i, j) += DP(d_norm * 0.5 * norm * (side(i) * side(j) - right(i) * right(j)) +
                           d_largest * metric.top(i) * metric.top(j));
      }
    }
  }
}

/// The largest alpha in [0, 1] for which A0 + alpha U V^T is certainly stable:
/// |A0|_P + alpha |U V^T|_P <= 1 - epsilon, in continuous time mu_P(A0) + alpha |U V^T|_P <=
/// -epsilon (mu the logarithmic norm); by the triangle inequality the sum keeps that margin.
///
/// *Formula*: alpha = min(1, (margin - epsilon) / |U V^T|_P), 0 when margin <= epsilon, where
/// margin = 1 - |A0|_P or -mu_P(A0) comes with `metric`. The bound is sufficient, not necessary:
/// `spectral_radius_bound` may pass updates that this would scale.
/// *Shapes*: u, v [n, r] of one number type, plain or dual with one level; a full update D is
/// u = D, v = I. `a0` is `view<none>`, or the dual matrix that `metric` was computed from, whose
/// tangent then enters alpha's.
/// *Units and ranges*: 0 <= epsilon; choose it above the rounding of the number type of A.
/// *Cost*: n^2 r and eigen-solves of order r; duals a pullback more; allocates nothing once
/// `scratch` has seen the sizes.
/// *Source*: the norm of [Lyapunov1892]; the closed form and its derivative are derived here.
template <class A, class U>
back_scale<std::remove_const_t<U>> back_scaling(const lyapunov_metric& metric, double epsilon,
                                                view<A> a0, view<U> u, view<U> v,
                                                back_scaling_scratch& scratch) {
  using T = std::remove_const_t<U>;
  using Real = primal_t<T>;
  static_assert(dual_depth<T> <= 1, "attd: back_scaling knows first derivatives only");
  back_scale<T> result;
  result.norm = detail::update_norm(metric, u, v, scratch, false);
  const double room = std::max(0.0, metric.margin - epsilon);
  if (result.norm <= room) return result;
  result.kind = room > 0.0 && is_finite(result.norm) ? scaling::scaled : scaling::blocked;
  result.alpha = T(static_cast<Real>(room / result.norm));
  if constexpr (is_dual_v<T>) {
    if (result.kind == scaling::scaled) {
      const index_t n = u.rows(), r = u.columns();
      scratch.d_u.assign({n, r});
      scratch.d_v.assign({n, r});
      scratch.d_p.assign({n, n});
      back_scaling_pullback(metric, result, u, v, 1.0, scratch.d_u.view(), scratch.d_v.view(),
                            scratch.d_p.view(), scratch);
      double tangent = operations::detail::inner_product<double>(scratch.d_u.view(), u.tangent) +
                       operations::detail::inner_product<double>(scratch.d_v.view(), v.tangent);
      if constexpr (is_dual_v<typename view<A>::scalar>) {
        scratch.d_a0.assign({n, n});
        lyapunov_pullback(a0, metric, std::as_const(scratch.d_p).view(), scratch.d_a0.view(),
                          scratch.metric);
        tangent += operations::detail::inner_product<double>(scratch.d_a0.view(), a0.tangent);
      }
      result.alpha.tangent = static_cast<Real>(tangent);
    }
  }
  return result;
}

}  // namespace attd::adaptation
