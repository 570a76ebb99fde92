// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The selective scan: a diagonal recurrence whose step size, input and read-out change by token.
#pragma once

#include <attd/core/math.hpp>
#include <attd/operations/detail/scan_shapes.hpp>
#include <vector>

namespace attd::operations {

/// Memory that `selective_scan_backward` computes in; keep it between calls. `T` is the type with
/// most dual levels among the operands. The plain loops keep the states of one channel and state
/// number over one sequence in `states`; other backends use what they like.
template <class T>
struct selective_scan_scratch {
  tensor<T> states;
  std::vector<tensor<primal_t<T>>> workers;  ///< memory of each thread
  tensor<T> shares_b, shares_c;              ///< [part, token, state]: shares of d_b and d_c
  tensor<T> adjoints;                        ///< [token, channel, state], where they are kept
};

namespace detail {

/// Throws unless the operands of a selective scan have shapes that agree.
template <class U, class DT, class A, class B, class C, class D, class I, class Y, class F>
void expect_scan(const char* place, const sequences& batch, view<U> u, view<DT> dt, view<A> a,
                 view<B> b, view<C> c, view<D> d, view<I> initial, view<Y> y, view<F> final) {
  const index_t channels = u.columns(), states = b.columns();
  expect_shape(place, "u", u.shape(), {batch.tokens(), channels});
  expect_shape(place, "dt", dt.shape(), {batch.tokens(), channels});
  expect_shape(place, "b", b.shape(), {batch.tokens(), states});
  expect_shape(place, "c", c.shape(), {batch.tokens(), states});
  expect_shape(place, "y", y.shape(), {batch.tokens(), channels});
  expect_dynamics(place, "a", a, batch, channels, states);
  expect_optional(place, "d", d, {channels});
  expect_optional(place, "the initial state", initial, {batch.count(), channels, states});
  expect_optional(place, "the final state", final, {batch.count(), channels, states});
}

}  // namespace detail

/// Selective scan, for every sequence, channel j and state number n:
///   h_t = exp(dt_t a) h_{t-1} + dt_t b_t u_t,   y_t = sum_n c_t h_t + d u_t.
///
/// Shapes: u, dt, y [token, channel]; a [1 or sequence, channel, state] (1: shared by all
/// sequences); b, c [token, state]; d [channel] or `view<none>` (no skip); initial and final
/// [sequence, channel, state] or `view<none>` (zero; not wanted). final may be the same tensor as
/// initial; y must not overlap an operand. Ranges: dt > 0, the step size with bias and softplus
/// already applied; a < 0 for a stable recurrence. A step of streaming use is a scan of one token.
/// Cost: one exponential and 6 operations per token, channel and state; allocates nothing.
/// Errors: `attd::error` for shapes that disagree.
/// Source: [Gu2023, Algorithm 2]; the input is discretised by Euler (dt b), as its code does.
template <class Backend, class U, class DT, class A, class B, class C, class D, class I, class Y,
          class F>
void selective_scan(Backend& backend, const sequences& batch, view<U> u, view<DT> dt, view<A> a,
                    view<B> b, view<C> c, view<D> d, view<I> initial, view<Y> y, view<F> final) {
  detail::expect_scan("selective_scan", batch, u, dt, a, b, c, d, initial, y, final);
  const index_t channels = u.columns();
  if constexpr (requires { backend.selective_scan(batch, u, dt, a, b, c, d, initial, y, final); }) {
    backend.selective_scan(batch, u, dt, a, b, c, d, initial, y, final);
  } else {
    using S = promote_t<U, DT, A, B, C, D, I>;
    for (index_t s = 0; s < batch.count(); ++s) {
      for (index_t j = 0; j < channels; ++j) {
        for (index_t t = batch.offset(s); t < batch.offset(s + 1); ++t) {
          y(t, j) = detail::element<S>(d, j) * detail::element<S>(u, t, j);
        }
        for (index_t n = 0; n < b.columns(); ++n) {
          const S rate = detail::element<S>(a, detail::dynamics_of(a, s), j, n);
          S h = detail::element<S>(initial, s, j, n);
          for (index_t t = batch.offset(s); t < batch.offset(s + 1); ++t) {
            const S step = detail::element<S>(dt, t, j), x = detail::element<S>(u, t, j);
            const S in = detail::element<S>(b, t, n), out = detail::element<S>(c, t, n);
            h = exp(step * rate) * h + step * in * x;
            y(t, j) += out * h;
          }
          if constexpr (!is_none_v<view<F>>) final(s, j, n) = h;
        }
      }
    }
  }
}

/// Adds the gradients of `selective_scan`, each only when its view is not `view<none>`. With
/// g_t = c_t dy_t + exp(dt_{t+1} a) g_{t+1}, g of the last token + d_final, e_t = exp(dt_t a):
///   d_u_t  += sum_n g_t dt_t b_t + d dy_t      d_dt_t += sum_n g_t (a e_t h_{t-1} + b_t u_t)
///   d_a    += sum_t g_t dt_t e_t h_{t-1}       d_b_t  += sum_j g_t dt_t u_t
///   d_c_t  += sum_j dy_t h_t                   d_d    += sum_t dy_t u_t
///   d_initial += e_1 g_1.
///
/// Shapes: those of the operands; d_a sums over sequences where its first extent is 1. d_final
/// [sequence, channel, state] or `view<none>` (zero). The states are computed again from u, dt, a,
/// b and initial. Cost: about 3 forward scans. Sums over tokens run sequence after sequence.
///
/// The states passed on the way give the forward's output as well, for who did not keep it: y
/// [token, channel] is replaced by it, to the forward's bits; `view<none>` or a view without a
/// shape if it is not wanted. Cost: 2 operations per token, channel and state more; the plain loops
/// repeat the forward.
template <class Backend, class T, class U, class DT, class A, class B, class C, class D, class I,
          class DY, class DF, class DU, class DDT, class DA, class DB, class DC, class DD, class DI,
          class Y = none>
void selective_scan_backward(Backend& backend, const sequences& batch,
                             selective_scan_scratch<T>& scratch, view<U> u, view<DT> dt, view<A> a,
                             view<B> b, view<C> c, view<D> d, view<I> initial, view<DY> d_y,
                             view<DF> d_final, view<DU> d_u, view<DDT> d_dt, view<DA> d_a,
                             view<DB> d_b, view<DC> d_c, view<DD> d_d, view<DI> d_initial,
                             view<Y> y = {}) {
  const char* place = "selective_scan_backward";
  const index_t channels = u.columns(), states = b.columns(), tokens = batch.tokens();
  expect_shape(place, "d_y", d_y.shape(), {tokens, channels});
  detail::expect_optional(place, "d_final", d_final, {batch.count(), channels, states});
  detail::expect_optional(place, "d_u", d_u, {tokens, channels});
  detail::expect_optional(place, "d_dt", d_dt, {tokens, channels});
  detail::expect_dynamics(place, "d_a", d_a, batch, channels, states);
  detail::expect_optional(place, "d_b", d_b, {tokens, states});
  detail::expect_optional(place, "d_c", d_c, {tokens, states});
  detail::expect_optional(place, "d_d", d_d, {channels});
  detail::expect_optional(place, "d_initial", d_initial, {batch.count(), channels, states});
  const bool has_y = detail::exists(y);
  if (has_y) detail::expect_optional(place, "y", y, {tokens, channels});
  if constexpr (requires {
                  backend.selective_scan_backward(batch, scratch, u, dt, a, b, c, d, initial, d_y,
                                                  d_final, d_u, d_dt, d_a, d_b, d_c, d_d, d_initial,
                                                  y);
                }) {
    backend.selective_scan_backward(batch, scratch, u, dt, a, b, c, d, initial, d_y, d_final, d_u,
                                    d_dt, d_a, d_b, d_c, d_d, d_initial, y);
  } else {
    if constexpr (!is_none_v<view<Y>>) {
      if (has_y) selective_scan(backend, batch, u, dt, a, b, c, d, initial, y, view<none>{});
    }
    for (index_t s = 0; s < batch.count(); ++s) {
      const index_t first = batch.offset(s), length = batch.length(s);
      scratch.states.resize({length + 1});
      const view<T> h = scratch.states.view();  // h(0) is the initial state
      for (index_t j = 0; j < channels; ++j) {
        for (index_t t = first; t < first + length; ++t) {
          const T x = detail::element<T>(u, t, j), dy = detail::element<T>(d_y, t, j);
          detail::add_to_element(d_u, detail::element<T>(d, j) * dy, t, j);
          detail::add_to_element(d_d, dy * x, j);
        }
        for (index_t n = 0; n < states; ++n) {
          const T rate = detail::element<T>(a, detail::dynamics_of(a, s), j, n);
          h(0) = detail::element<T>(initial, s, j, n);
          for (index_t i = 0; i < length; ++i) {
            const T step = detail::element<T>(dt, first + i, j);
            const T x = detail::element<T>(u, first + i, j);
            const T in = detail::element<T>(b, first + i, n);
            const T before = h(i);
            h(i + 1) = exp(step * rate) * before + step * in * x;
          }
          T g = detail::element<T>(d_final, s, j, n), sum_a = T(0);
          for (index_t i = length - 1; i >= 0; --i) {
            const index_t t = first + i;
            const T step = detail::element<T>(dt, t, j), x = detail::element<T>(u, t, j);
            const T in = detail::element<T>(b, t, n), out = detail::element<T>(c, t, n);
            const T dy = detail::element<T>(d_y, t, j);
            const T before = h(i), after = h(i + 1);
            const T decay = exp(step * rate);
            g += out * dy;
            detail::add_to_element(d_u, g * step * in, t, j);
            detail::add_to_element(d_dt, g * (rate * decay * before + in * x), t, j);
            detail::add_to_element(d_b, g * step * x, t, n);
            detail::add_to_element(d_c, dy * after, t, n);
            sum_a += g * step * decay * before;
            g *= decay;
          }
          if constexpr (!is_none_v<view<DA>>) d_a(detail::dynamics_of(d_a, s), j, n) += sum_a;
          detail::add_to_element(d_initial, g, s, j, n);
        }
      }
    }
  }
}

}  // namespace attd::operations
