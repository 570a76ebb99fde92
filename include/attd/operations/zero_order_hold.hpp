// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Exact discretisation of a dense continuous system whose input is constant over each step.
#pragma once

#include <attd/operations/complex_discretization.hpp>
#include <attd/operations/matrix_exponential.hpp>

namespace attd::operations {

/// Temporary memory of `zero_order_hold`; `T` is the number type of the results.
template <class T>
struct zero_order_hold_scratch {
  matrix_exponential_scratch<T> exponential;
  tensor<T> m;
};

/// Temporary memory of `zero_order_hold_backward`; `T` is the type with most dual levels among the
/// operands and the incoming gradients.
template <class T>
struct zero_order_hold_backward_scratch {
  matrix_exponential_scratch<dual<T>> exponential;
  tensor<dual<T>> m, e, phi;
  tensor<T> work;
};

namespace detail {

template <class A, class B, class DT, class O>
void expect_hold(view<A> a, view<B> b, view<DT> dt, view<O> abar, view<O> hold, view<O> bbar) {
  constexpr auto place = "zero_order_hold";
  const index_t n = a.columns(), samples = abar.extent(0);
  expect_shape(place, "A", a.shape(), {a.extent(0), n, n});
  expect_samples(place, "the number of samples of A", a, samples);
  expect_samples(place, "the number of samples of dt", dt, samples);
  expect_shape(place, "A-bar", abar.shape(), {samples, n, n});
  expect_shape(place, "the hold", hold.shape(), {samples, n, n});
  expect_shape(place, "B", b.shape(), {n, b.columns()});
  expect_shape(place, "B-bar", bbar.shape(), {samples, n, b.columns()});
}

}  // namespace detail

/// Zero-order hold of  x' = A x + B u:  x_t = Abar x_{t-1} + Bbar u_t.
///
/// *Formula*: Abar = e^(dt A);  hold = integral of e^(r A) for r in [0, dt] = dt phi1(dt A);
/// Bbar = hold B. Together they are the top rows of exp(dt [[A, B], [0, 0]]), so A may be singular.
/// *Shapes*: A [sample or 1, n, n]; B [n, input]; dt [sample or 1]; Abar and hold [sample, n, n],
/// Bbar [sample, n, input], `sample` the largest leading extent of A and dt: with an A of its own,
/// a sample has a Bbar of its own. `hold` is kept for the backward.
/// *Units and ranges*: dt > 0 in the time unit of 1 / A.
/// *Cost*: about (21 + 4 log2 |dt A|_1) n^3 + 2 n^2 input a sample; allocates nothing once
/// `scratch` has seen size n.
/// *Source*: [VanLoan1978] for the block exponential; the method is that of `matrix_exponential`,
/// whose blocks are computed without forming the larger matrix.
template <class Backend, class A, class B, class DT, class O, class T>
void zero_order_hold(Backend& backend, view<A> a, view<B> b, view<DT> dt, view<O> abar,
                     view<O> hold, view<O> bbar, zero_order_hold_scratch<T>& scratch) {
  static_assert(std::is_same_v<O, T> && std::is_same_v<T, promote_t<A, B, DT>>,
                "attd: zero_order_hold needs results and scratch of promote_t<A, B, DT>");
  detail::expect_hold(a, b, dt, abar, hold, bbar);
  if constexpr (requires { backend.zero_order_hold(a, b, dt, abar, hold, bbar, scratch); }) {
    backend.zero_order_hold(a, b, dt, abar, hold, bbar, scratch);
  } else {
    auto&& host = on_host(backend);
    const index_t n = a.columns();
    resize(host, scratch.m, {n, n});
    for (index_t s = 0; s < abar.extent(0); ++s) {
      const auto as = a[detail::sample_of(a, s)];
      const std::remove_const_t<DT> step = dt(detail::sample_of(dt, s));
      scratch.m.zero();
      detail::add_scaled(scratch.m.view(), step, as);
      detail::exponential_and_phi1(host, scratch.m.view(), abar[s], hold[s], scratch.exponential);
      for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j < n; ++j) {
          const T phi = hold(s, i, j);
          hold(s, i, j) = T(phi * step);
        }
      }
      matmul<transpose::no, transpose::no, update::assign>(host, hold[s], b, bbar[s]);
    }
  }
}

/// Adds the gradients of `zero_order_hold`; each only when its view is not `view<none>`.
///
/// *Formula*: with M = dt A, G_h = d_Bbar B^T and L_f(M^T, G) the adjoint Frechet derivative of
/// f = exp, phi1:  d_A += dt L_exp(M^T, d_Abar) + dt^2 L_phi1(M^T, G_h);  d_B += hold^T d_Bbar;
/// d_dt += <d_Abar, A Abar> + <d_Bbar, Abar B>, because d hold / d dt = Abar.
/// *Shapes*: as in the forward; abar and hold are its results; gradients have their operand's
/// shape, so those of shared operands are summed over the samples in order.
/// *Cost*: d_A about six forwards; d_B and d_dt a few products; allocates nothing once `scratch`
/// has seen size n.
/// *Source*: [Higham2008, Ch. 3] for the adjoint; derivatives through duals as in
/// `matrix_exponential_backward`.
template <class Backend, class A, class B, class DT, class O, class DAB, class DBB, class DA,
          class DB, class DDT, class T>
void zero_order_hold_backward(Backend& backend, view<A> a, view<B> b, view<DT> dt, view<O> abar,
                              view<O> hold, view<DAB> d_abar, view<DBB> d_bbar, view<DA> d_a,
                              view<DB> d_b, view<DDT> d_dt,
                              zero_order_hold_backward_scratch<T>& scratch) {
  using In = promote_t<A, B, DT>;
  static_assert(std::is_same_v<T, promote_t<In, DAB, DBB>>,
                "attd: zero_order_hold_backward needs a scratch of promote_t of all operands");
  constexpr auto no = transpose::no;
  constexpr auto yes = transpose::yes;
  const index_t n = a.columns(), samples = abar.extent(0);
  expect_shape("zero_order_hold_backward", "d_abar", d_abar.shape(), abar.shape());
  expect_shape("zero_order_hold_backward", "d_bbar", d_bbar.shape(), {samples, n, b.columns()});
  if constexpr (requires {
                  backend.zero_order_hold_backward(a, b, dt, abar, hold, d_abar, d_bbar, d_a, d_b,
                                                   d_dt, scratch);
                }) {
    backend.zero_order_hold_backward(a, b, dt, abar, hold, d_abar, d_bbar, d_a, d_b, d_dt, scratch);
  } else {
    auto&& host = on_host(backend);
    resize(host, scratch.work, {n, n});
    for (auto* t : {&scratch.m, &scratch.e, &scratch.phi}) resize(host, *t, {n, n});
    const auto work = scratch.work.view();
    for (index_t s = 0; s < samples; ++s) {
      const auto as = a[detail::sample_of(a, s)];
      const std::remove_const_t<DT> step = dt(detail::sample_of(dt, s));
      if constexpr (!is_none_v<view<DB>>) {
        matmul<yes, no, update::add>(host, hold[s], d_bbar[s], d_b);
      }
      if constexpr (!is_none_v<view<DDT>>) {
        T sum = T(0);
        matmul<no, no, update::assign>(host, as, abar[s], work);
        sum += detail::inner_product<T>(d_abar[s], work);
        matmul<no, yes, update::assign>(host, d_bbar[s], b, work);
        sum += detail::inner_product<T>(abar[s], work);
        d_dt(detail::sample_of(dt, s)) += sum;
      }
      if constexpr (!is_none_v<view<DA>>) {
        const auto m = scratch.m.view(), e = scratch.e.view(), phi = scratch.phi.view();
        // Two runs on the same matrix: the tangent of e for d_abar, the tangent of phi for G_h.
        detail::dual_of_transpose(as, d_abar[s], m);
        detail::scale(m.value, step);
        detail::exponential_and_phi1(host, m, e, view<none>{}, scratch.exponential);
        detail::add_scaled(d_a[detail::sample_of(a, s)], step, e.tangent);
        matmul<no, yes, update::assign>(host, d_bbar[s], b, m.tangent);
        detail::exponential_and_phi1(host, m, e, phi, scratch.exponential);
        detail::add_scaled(d_a[detail::sample_of(a, s)], step * step, phi.tangent);
      }
    }
  }
}

}  // namespace attd::operations
