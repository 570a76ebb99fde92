// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The complex diagonal scan: a time-invariant recurrence on complex states, as S4D has it.
#pragma once

#include <attd/core/math.hpp>
#include <attd/operations/detail/scan_shapes.hpp>
#include <vector>

namespace attd::operations {

/// Which way a scan walks through each sequence: from its first token to its last or the reverse.
enum class direction : bool { forward, backward_in_time };

/// Complex numbers as two views of one shape, real and imaginary parts.
template <class X>
struct complex_view {
  view<X> re;
  view<X> im;
};

/// Pairs two views of real numbers.
template <class X>
complex_view<X> complex_planes(view<X> re, view<X> im) {
  return {re, im};
}

/// Memory that `complex_scan_backward` computes in; keep it between calls. `T` is the type with
/// most dual levels among the operands. The plain loops keep the states of one channel and state
/// number over one sequence in `states`; other backends use what they like.
template <class T>
struct complex_scan_scratch {
  tensor<T> states;
  std::vector<tensor<primal_t<T>>> workers;  ///< memory of each thread
  tensor<T> adjoints;                        ///< [token, channel, state], where they are kept
};

namespace detail {

// Token of step i in a sequence of `length` tokens from `first`.
template <direction Way>
ATTD_DEVICE index_t scan_token(index_t first, index_t length, index_t i) {
  return Way == direction::forward ? first + i : first + length - 1 - i;
}

template <class X>
void expect_complex(const char* place, const char* what, const complex_view<X>& x,
                    const shape& expected) {
  expect_optional(place, what, x.re, expected);
  expect_optional(place, what, x.im, expected);
}

template <class X>
void expect_complex_dynamics(const char* place, const char* what, const complex_view<X>& x,
                             const sequences& batch, index_t channels, index_t states) {
  expect_dynamics(place, what, x.re, batch, channels, states);
  if constexpr (!is_none_v<view<X>>) expect_shape(place, what, x.im.shape(), x.re.shape());
}

}  // namespace detail

/// Complex diagonal scan with the same coefficients for all tokens, for every sequence, channel j
/// and state number n (complex h, a, b, c):
///   h_t = a h_{t-1} + b u_t,   y_t = 2 Re(sum_n c h_t) + d u_t,
/// the half of the states that conjugate pairs leave to compute. With `direction::backward_in_time`
/// every sequence is read from its last token to its first: initial is the state after the end,
/// final the one after the first token.
///
/// Shapes: u, y [token, channel]; a, b [1 or sequence, channel, state] (1: shared by all
/// sequences), already discretised; c [channel, state]; d [channel] or `view<none>` (no skip);
/// initial and final [sequence, channel, state] or of `none` (zero; not wanted). final may be the
/// same tensors as initial; y must not overlap an operand. Ranges: |a| < 1 for a stable recurrence.
/// Cost: 12 operations per token, channel and state; allocates nothing. Errors: `attd::error` for
/// shapes that disagree. Source: [Gu2022, Sec. 3.3], computed as a recurrence.
template <direction Way = direction::forward, class Backend, class U, class A, class B, class C,
          class D, class I, class Y, class F>
void complex_scan(Backend& backend, const sequences& batch, view<U> u, complex_view<A> a,
                  complex_view<B> b, complex_view<C> c, view<D> d, complex_view<I> initial,
                  view<Y> y, complex_view<F> final) {
  const char* place = "complex_scan";
  const index_t channels = u.columns(), states = c.re.columns();
  expect_shape(place, "u", u.shape(), {batch.tokens(), channels});
  expect_shape(place, "y", y.shape(), {batch.tokens(), channels});
  detail::expect_complex_dynamics(place, "a", a, batch, channels, states);
  detail::expect_complex_dynamics(place, "b", b, batch, channels, states);
  detail::expect_complex(place, "c", c, {channels, states});
  detail::expect_optional(place, "d", d, {channels});
  detail::expect_complex(place, "the initial state", initial, {batch.count(), channels, states});
  detail::expect_complex(place, "the final state", final, {batch.count(), channels, states});
  if constexpr (requires {
                  backend.template complex_scan<Way>(batch, u, a, b, c, d, initial, y, final);
                }) {
    backend.template complex_scan<Way>(batch, u, a, b, c, d, initial, y, final);
  } else {
    using S = promote_t<U, A, B, C, D, I>;
    for (index_t s = 0; s < batch.count(); ++s) {
      const index_t first = batch.offset(s), length = batch.length(s);
      const index_t sa = detail::dynamics_of(a.re, s), sb = detail::dynamics_of(b.re, s);
      for (index_t j = 0; j < channels; ++j) {
        for (index_t t = first; t < first + length; ++t) {
          y(t, j) = detail::element<S>(d, j) * detail::element<S>(u, t, j);
        }
        for (index_t n = 0; n < states; ++n) {
          const S a_re = detail::element<S>(a.re, sa, j, n),
                  a_im = detail::element<S>(a.im, sa, j, n);
          const S b_re = detail::element<S>(b.re, sb, j, n),
                  b_im = detail::element<S>(b.im, sb, j, n);
          const S c_re = detail::element<S>(c.re, j, n), c_im = detail::element<S>(c.im, j, n);
          S re = detail::element<S>(initial.re, s, j, n),
            im = detail::element<S>(initial.im, s, j, n);
          for (index_t i = 0; i < length; ++i) {
            const index_t t = detail::scan_token<Way>(first, length, i);
            const S x = detail::element<S>(u, t, j);
            const S next = a_re * re - a_im * im + b_re * x;
            im = a_re * im + a_im * re + b_im * x;
            re = next;
            y(t, j) += primal_t<S>(2) * (c_re * re - c_im * im);
          }
          if constexpr (!is_none_v<view<F>>) {
            final.re(s, j, n) = re;
            final.im(s, j, n) = im;
          }
        }
      }
    }
  }
}

/// Adds the gradients of `complex_scan` for the same direction, each only when its views are not
/// `view<none>`. A gradient's planes are the derivatives with respect to the real and imaginary
/// parts. With p the token before t in the direction of the scan, q the one after, * the conjugate:
///   g_t = 2 c* dy_t + a* g_q (g of the last token + d_final),
///   d_u_t += Re(sum_n g_t b*) + d dy_t,   d_a += sum_t g_t h_p*,   d_b += sum_t g_t u_t,
///   d_c += 2 sum_t dy_t h_t*,   d_d += sum_t dy_t u_t,   d_initial += a* g of the first token.
///
/// Shapes: those of the operands; d_a and d_b sum over sequences where their first extent is 1;
/// d_final [sequence, channel, state] or of `none` (zero). The states are computed again. Cost:
/// about 3 forward scans. Sums over tokens run against the direction, sequence after sequence.
template <direction Way = direction::forward, class Backend, class T, class U, class A, class B,
          class C, class D, class I, class DY, class DF, class DU, class DA, class DB, class DC,
          class DD, class DI>
void complex_scan_backward(Backend& backend, const sequences& batch,
                           complex_scan_scratch<T>& scratch, view<U> u, complex_view<A> a,
                           complex_view<B> b, complex_view<C> c, view<D> d, complex_view<I> initial,
                           view<DY> d_y, complex_view<DF> d_final, view<DU> d_u,
                           complex_view<DA> d_a, complex_view<DB> d_b, complex_view<DC> d_c,
                           view<DD> d_d, complex_view<DI> d_initial) {
  const char* place = "complex_scan_backward";
  const index_t channels = u.columns(), states = c.re.columns(), tokens = batch.tokens();
  expect_shape(place, "d_y", d_y.shape(), {tokens, channels});
  detail::expect_complex(place, "d_final", d_final, {batch.count(), channels, states});
  detail::expect_optional(place, "d_u", d_u, {tokens, channels});
  detail::expect_complex_dynamics(place, "d_a", d_a, batch, channels, states);
  detail::expect_complex_dynamics(place, "d_b", d_b, batch, channels, states);
  detail::expect_complex(place, "d_c", d_c, {channels, states});
  detail::expect_optional(place, "d_d", d_d, {channels});
  detail::expect_complex(place, "d_initial", d_initial, {batch.count(), channels, states});
  if constexpr (requires {
                  backend.template complex_scan_backward<Way>(batch, scratch, u, a, b, c, d,
                                                              initial, d_y, d_final, d_u, d_a, d_b,
                                                              d_c, d_d, d_initial);
                }) {
    backend.template complex_scan_backward<Way>(batch, scratch, u, a, b, c, d, initial, d_y,
                                                d_final, d_u, d_a, d_b, d_c, d_d, d_initial);
  } else {
    const primal_t<T> two(2);
    for (index_t s = 0; s < batch.count(); ++s) {
      const index_t first = batch.offset(s), length = batch.length(s);
      const index_t sa = detail::dynamics_of(a.re, s), sb = detail::dynamics_of(b.re, s);
      scratch.states.resize({2, length + 1});
      const view<T> h_re = scratch.states.view()[0], h_im = scratch.states.view()[1];
      for (index_t j = 0; j < channels; ++j) {
        for (index_t t = first; t < first + length; ++t) {
          const T x = detail::element<T>(u, t, j), dy = detail::element<T>(d_y, t, j);
          detail::add_to_element(d_u, detail::element<T>(d, j) * dy, t, j);
          detail::add_to_element(d_d, dy * x, j);
        }
        for (index_t n = 0; n < states; ++n) {
          const T a_re = detail::element<T>(a.re, sa, j, n),
                  a_im = detail::element<T>(a.im, sa, j, n);
          const T b_re = detail::element<T>(b.re, sb, j, n),
                  b_im = detail::element<T>(b.im, sb, j, n);
          const T c_re = detail::element<T>(c.re, j, n), c_im = detail::element<T>(c.im, j, n);
          h_re(0) = detail::element<T>(initial.re, s, j, n);
          h_im(0) = detail::element<T>(initial.im, s, j, n);
          for (index_t i = 0; i < length; ++i) {
            const T x = detail::element<T>(u, detail::scan_token<Way>(first, length, i), j);
            const T re = h_re(i), im = h_im(i);
            h_re(i + 1) = a_re * re - a_im * im + b_re * x;
            h_im(i + 1) = a_re * im + a_im * re + b_im * x;
          }
          T g_re = detail::element<T>(d_final.re, s, j, n);
          T g_im = detail::element<T>(d_final.im, s, j, n);
          T sum_a_re(0), sum_a_im(0), sum_b_re(0), sum_b_im(0), sum_c_re(0), sum_c_im(0);
          for (index_t i = length - 1; i >= 0; --i) {
            const index_t t = detail::scan_token<Way>(first, length, i);
            const T x = detail::element<T>(u, t, j), dy = detail::element<T>(d_y, t, j);
            const T before_re = h_re(i), before_im = h_im(i);
            const T after_re = h_re(i + 1), after_im = h_im(i + 1);
            g_re += two * (c_re * dy);
            g_im -= two * (c_im * dy);
            detail::add_to_element(d_u, g_re * b_re + g_im * b_im, t, j);
            sum_a_re += g_re * before_re + g_im * before_im;
            sum_a_im += g_im * before_re - g_re * before_im;
            sum_b_re += g_re * x;
            sum_b_im += g_im * x;
            sum_c_re += two * (dy * after_re);
            sum_c_im -= two * (dy * after_im);
            const T next = g_re * a_re + g_im * a_im;
            g_im = g_im * a_re - g_re * a_im;
            g_re = next;
          }
          if constexpr (!is_none_v<view<DA>>) {
            d_a.re(detail::dynamics_of(d_a.re, s), j, n) += sum_a_re;
            d_a.im(detail::dynamics_of(d_a.im, s), j, n) += sum_a_im;
          }
          if constexpr (!is_none_v<view<DB>>) {
            d_b.re(detail::dynamics_of(d_b.re, s), j, n) += sum_b_re;
            d_b.im(detail::dynamics_of(d_b.im, s), j, n) += sum_b_im;
          }
          detail::add_to_element(d_c.re, sum_c_re, j, n);
          detail::add_to_element(d_c.im, sum_c_im, j, n);
          detail::add_to_element(d_initial.re, g_re, s, j, n);
          detail::add_to_element(d_initial.im, g_im, s, j, n);
        }
      }
    }
  }
}

}  // namespace attd::operations
