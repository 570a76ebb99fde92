// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The matrix exponential (and its integral phi1), forward, backward and in duals.
#pragma once

#include <algorithm>
#include <attd/core/math.hpp>
#include <attd/operations/detail/dense_solve.hpp>
#include <attd/operations/matmul.hpp>
#include <attd/operations/memory.hpp>
#include <cmath>

namespace attd::operations {

/// Temporary memory of `matrix_exponential` for matrices of number type `T`.
template <class T>
struct matrix_exponential_scratch {
  tensor<T> m, m2, m4, m6, odd, even, work;
  detail::lu_factors<primal_t<T>> lu;

  template <class Backend>
  void resize(Backend& backend, index_t n) {
    for (tensor<T>* t : {&m, &m2, &m4, &m6, &odd, &even, &work}) {
      operations::resize(backend, *t, {n, n});
    }
    lu.resize(n);
  }
};

/// Temporary memory of `matrix_exponential_backward`; `T` is the type with most dual levels among
/// the matrix and the incoming gradient.
template <class T>
struct matrix_exponential_backward_scratch {
  matrix_exponential_scratch<dual<T>> forward;
  tensor<dual<T>> m, e;
};

namespace detail {

// Below this 1-norm the [13/13] approximant is exact to rounding in value and derivatives: 5.37
// would do for the value [Higham2005, Sec. 2], 4.74 for the first derivative [AlMohy2009,
// Table 6.1]; second derivatives get a little more room. One limit for all number types, so that
// the primal plane of a dual result equals the plain result bit for bit.
inline constexpr double pade_norm_limit = 4.0;

// Largest absolute column sum of the primal plane.
template <class M>
auto one_norm(view<M> m) {
  const auto p = primal_view(m);
  using Real = primal_t<M>;
  Real largest = Real(0);
  for (index_t j = 0; j < p.columns(); ++j) {
    Real sum = Real(0);
    for (index_t i = 0; i < p.rows(); ++i) sum += abs(Real(p.at(i, j)));
    if (!(sum <= largest)) largest = sum;  // NaN gets through
  }
  return largest;
}

// e = e^m and, when `phi` is not none, phi = phi1(m) = sum_k m^k / (k + 1)!.
//
// With the Pade approximant r = q^-1 p, p = v + u, q = v - u, u = m w (w, v even polynomials):
// (r - 1) / m = q^-1 2 w. This is the upper right block that the same method would give for the
// exponential of [[m, I], [0, 0]], without forming it; so is the doubling of phi1 below.
template <class Backend, class M, class E, class P, class T>
void exponential_and_phi1(Backend& backend, view<M> m, view<E> e, view<P> phi,
                          matrix_exponential_scratch<T>& scratch) {
  static_assert(std::is_same_v<E, T>, "attd: the scratch has the number type of the result");
  using Real = primal_t<T>;
  constexpr auto no = transpose::no;
  constexpr auto set = update::assign;
  const index_t n = m.rows();
  scratch.resize(backend, n);
  const Real norm = one_norm(m);
  int squarings = 0;
  if (is_finite(norm) && norm > Real(pade_norm_limit)) {
    squarings = std::max(0, static_cast<int>(std::ceil(std::log2(norm / Real(pade_norm_limit)))));
  }
  const Real scale = std::ldexp(Real(1), -squarings);
  const auto a = scratch.m.view(), a2 = scratch.m2.view(), a4 = scratch.m4.view(),
             a6 = scratch.m6.view(), odd = scratch.odd.view(), even = scratch.even.view(),
             work = scratch.work.view();
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j) {
      const std::remove_const_t<M> x = m.at(i, j);
      a.at(i, j) = T(x * scale);
    }
  }
  matmul<no, no, set>(backend, a, a, a2);
  matmul<no, no, set>(backend, a2, a2, a4);
  matmul<no, no, set>(backend, a2, a4, a6);
  // Coefficients of the [13/13] approximant divided by the constant one, which keeps floats small.
  constexpr double c0 = 64764752532480000.0;
  const auto b = [](double c) { return static_cast<Real>(c / c0); };
  combine(work, b(1.0), a6, b(16380.0), a4, b(40840800.0), a2);
  matmul<no, no, set>(backend, a6, work, odd);
  combine_add(odd, b(33522128640.0), a6, b(10559470521600.0), a4, b(1187353796428800.0), a2);
  add_to_diagonal(odd, b(32382376266240000.0));  // w
  combine(work, b(182.0), a6, b(960960.0), a4, b(1323241920.0), a2);
  matmul<no, no, set>(backend, a6, work, even);
  combine_add(even, b(670442572800.0), a6, b(129060195264000.0), a4, b(7771770303897600.0), a2);
  add_to_diagonal(even, Real(1));              // v
  matmul<no, no, set>(backend, a, odd, work);  // u
  combine(e, Real(1), even, Real(1), work, Real(0), work);
  combine(even, Real(1), even, Real(-1), work, Real(0), work);  // q
  scratch.lu.factor(primal_view(even));
  scratch.lu.solve(even, e);
  if constexpr (!is_none_v<view<P>>) {
    static_assert(std::is_same_v<P, T>, "attd: phi has the number type of the exponential");
    combine(phi, Real(2), odd, Real(0), odd, Real(0), odd);
    scratch.lu.solve(even, phi);
  }
  for (int k = 0; k < squarings; ++k) {
    if constexpr (!is_none_v<view<P>>) {  // phi1(2 m) = (e^m + 1) phi1(m) / 2
      matmul<no, no, set>(backend, e, phi, work);
      combine(phi, Real(0.5), phi, Real(0.5), work, Real(0), work);
    }
    matmul<no, no, set>(backend, e, e, work);
    combine(e, Real(1), work, Real(0), work, Real(0), work);
  }
}

}  // namespace detail

/// Matrix exponential  E_s = e^(M_s).
///
/// *Shapes*: m, e [sample, n, n]; e has m's number type; they must not overlap.
/// *Units and ranges*: any finite matrix; a matrix with NaN or infinity gives NaN.
/// *Cost*: about (18 + 2 log2 |M|_1) n^3 operations a matrix, three times that in duals (products
/// run plane by plane); allocates nothing once `scratch` has seen size n. The scaling and the
/// pivots are decided on primal values; the primal plane of a dual result is the plain result.
/// *Source*: scaling and squaring with the [13/13] Pade approximant [Higham2005, Alg. 2.3].
/// *Differs from the source:* always degree 13, and a limit of 4 instead of 5.37 on the scaled
/// norm, which is also right for first and second derivatives.
template <class Backend, class M, class E, class T>
void matrix_exponential(Backend& backend, view<M> m, view<E> e,
                        matrix_exponential_scratch<T>& scratch) {
  expect_equal("matrix_exponential", "the number of columns of m", m.columns(), m.extent(1));
  expect_shape("matrix_exponential", "e", e.shape(), m.shape());
  if constexpr (requires { backend.matrix_exponential(m, e, scratch); }) {
    backend.matrix_exponential(m, e, scratch);
  } else {
    auto&& host = on_host(backend);
    for (index_t s = 0; s < m.extent(0); ++s) {
      detail::exponential_and_phi1(host, m[s], e[s], view<none>{}, scratch);
    }
  }
}

/// Adds the gradient of `matrix_exponential`: d_m_s += L(M_s^T, d_e_s), L the Frechet derivative.
///
/// *Formula*: L(M^T, G) is the tangent of the exponential of the dual matrix (M^T, G), which equals
/// the upper right block of exp([[M^T, G], [0, M^T]]) at less than half its cost.
/// *Shapes*: m, d_e, d_m [sample, n, n].
/// *Cost*: about three times the forward; allocates nothing once `scratch` has seen size n.
/// *Source*: [AlMohy2009, Sec. 6] (differentiate scaling and squaring); the adjoint is
/// [Higham2008, Ch. 3].
template <class Backend, class M, class DE, class DM, class T>
void matrix_exponential_backward(Backend& backend, view<M> m, view<DE> d_e, view<DM> d_m,
                                 matrix_exponential_backward_scratch<T>& scratch) {
  static_assert(std::is_same_v<T, promote_t<M, DE>>,
                "attd: matrix_exponential_backward needs a scratch of promote_t<M, DE>");
  expect_equal("matrix_exponential_backward", "the number of columns of m", m.columns(),
               m.extent(1));
  expect_shape("matrix_exponential_backward", "d_e", d_e.shape(), m.shape());
  expect_shape("matrix_exponential_backward", "d_m", d_m.shape(), m.shape());
  if constexpr (requires { backend.matrix_exponential_backward(m, d_e, d_m, scratch); }) {
    backend.matrix_exponential_backward(m, d_e, d_m, scratch);
  } else {
    auto&& host = on_host(backend);
    const index_t n = m.columns();
    resize(host, scratch.m, {n, n});
    resize(host, scratch.e, {n, n});
    for (index_t s = 0; s < m.extent(0); ++s) {
      detail::dual_of_transpose(m[s], d_e[s], scratch.m.view());
      detail::exponential_and_phi1(host, scratch.m.view(), scratch.e.view(), view<none>{},
                                   scratch.forward);
      detail::add_scaled(d_m[s], primal_t<T>(1), scratch.e.tangent.view());
    }
  }
}

}  // namespace attd::operations
