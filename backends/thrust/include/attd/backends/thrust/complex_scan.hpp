// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The complex diagonal scan: recurrences side by side, sums over states afterwards.
#pragma once

#include <attd/backends/thrust/selective_scan.hpp>
#include <attd/core/complex.hpp>
#include <attd/operations/complex_scan.hpp>

namespace attd::thrust_detail {

using operations::complex_view;
using operations::direction;

/// A complex element, of number type S.
template <class S, class X, class... I>
ATTD_HD inline complex_number<S> complex_element(const complex_view<X>& x, I... index) {
  return {element<S>(x.re, index...), element<S>(x.im, index...)};
}
template <class X, class S, class... I>
ATTD_HD inline void add_to_complex(const complex_view<X>& x, const complex_number<S>& value,
                                   I... index) {
  add_to_element(x.re, value.re, index...);
  add_to_element(x.im, value.im, index...);
}

/// All tokens of one channel of one sequence.
template <direction Way, class U, class A, class B, class C, class D, class I, class Y, class F>
struct complex_scan_channel {
  batch_view batch;
  view<U> u;
  complex_view<A> a;
  complex_view<B> b;
  complex_view<C> c;
  view<D> d;
  complex_view<I> initial;
  view<Y> y;
  complex_view<F> final;

  ATTD_DEVICE void operator()(index_t index) const {
    using S = promote_t<U, A, B, C, D, I>;
    const index_t j = index % u.columns(), s = index / u.columns();
    const index_t first = batch.offset(s), length = batch.length(s);
    for (index_t t = first; t < first + length; ++t) {
      y(t, j) = element<S>(d, j) * element<S>(u, t, j);
    }
    const primal_t<S> two(2);
    for (index_t n = 0; n < c.re.columns(); ++n) {
      const auto rate = complex_element<S>(a, dynamics_of(a.re, s), j, n);
      const auto in = complex_element<S>(b, dynamics_of(b.re, s), j, n);
      const auto out = complex_element<S>(c, j, n);
      auto h = complex_element<S>(initial, s, j, n);
      for (index_t i = 0; i < length; ++i) {
        const index_t t = operations::detail::scan_token<Way>(first, length, i);
        h = rate * h + in * element<S>(u, t, j);
        y(t, j) += two * (out.re * h.re - out.im * h.im);
      }
      if constexpr (!is_none_v<view<F>>) {
        final.re(s, j, n) = h.re;
        final.im(s, j, n) = h.im;
      }
    }
  }
};

/// What the kernels of the backward read, and a group of channels whose adjoints are kept in memory
/// as two planes [token, count, state]: what d_u sums over states.
template <direction Way, class T, class U, class A, class B, class C, class D, class I, class DY,
          class DF>
struct complex_scan_operands {
  using scalar = T;
  static constexpr direction way = Way;
  batch_view batch;
  view<U> u;
  complex_view<A> a;
  complex_view<B> b;
  complex_view<C> c;
  view<D> d;
  complex_view<I> initial;
  view<DY> d_y;
  complex_view<DF> d_final;
  view<T> h_re, h_im, to_u;
  index_t first, count;
};

/// Gradients of a, b, c and the initial state of one channel and state number, all sequences in
/// order; what the state passes on to d_u goes to memory.
template <class Operands, class DA, class DB, class DC, class DI>
struct complex_scan_adjoints {
  using T = typename Operands::scalar;
  Operands x;
  complex_view<DA> d_a;
  complex_view<DB> d_b;
  complex_view<DC> d_c;
  complex_view<DI> d_initial;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t states = x.c.re.columns(), n = index % states, jj = index / states;
    for (index_t s = 0; s < x.batch.count; ++s) sequence(s, jj, n);
  }
  ATTD_DEVICE void sequence(index_t s, index_t jj, index_t n) const {
    const index_t j = x.first + jj, first = x.batch.offset(s), length = x.batch.length(s);
    const auto rate = complex_element<T>(x.a, dynamics_of(x.a.re, s), j, n);
    const auto in = complex_element<T>(x.b, dynamics_of(x.b.re, s), j, n);
    const auto out = complex_element<T>(x.c, j, n);
    const auto start = complex_element<T>(x.initial, s, j, n);
    auto h = start;
    for (index_t i = 0; i < length; ++i) {
      const index_t t = operations::detail::scan_token<Operands::way>(first, length, i);
      h = rate * h + in * element<T>(x.u, t, j);
      x.h_re(t, jj, n) = h.re;
      x.h_im(t, jj, n) = h.im;
    }
    const primal_t<T> two(2);
    auto g = complex_element<T>(x.d_final, s, j, n);
    complex_number<T> sum_a{T(0), T(0)}, sum_b = sum_a, sum_c = sum_a;
    for (index_t i = length - 1; i >= 0; --i) {
      const index_t t = operations::detail::scan_token<Operands::way>(first, length, i);
      const T dy = element<T>(x.d_y, t, j), input = element<T>(x.u, t, j);
      const complex_number<T> after{element<T>(x.h_re, t, jj, n), element<T>(x.h_im, t, jj, n)};
      g.re += two * (out.re * dy);
      g.im -= two * (out.im * dy);
      x.to_u(t, jj, n) = g.re * in.re + g.im * in.im;
      const auto before = i == 0 ? start : state(first, length, i - 1, jj, n);
      sum_a = sum_a + g * complex_number<T>{before.re, -before.im};
      sum_b = sum_b + g * input;
      sum_c = sum_c + complex_number<T>{two * (dy * after.re), -(two * (dy * after.im))};
      g = g * complex_number<T>{rate.re, -rate.im};
    }
    if constexpr (!is_none_v<view<DA>>) add_to_complex(d_a, sum_a, dynamics_of(d_a.re, s), j, n);
    if constexpr (!is_none_v<view<DB>>) add_to_complex(d_b, sum_b, dynamics_of(d_b.re, s), j, n);
    add_to_complex(d_c, sum_c, j, n);
    add_to_complex(d_initial, g, s, j, n);
  }
  /// The state after step i of a sequence.
  ATTD_HD complex_number<T> state(index_t first, index_t length, index_t i, index_t jj,
                                  index_t n) const {
    const index_t t = operations::detail::scan_token<Operands::way>(first, length, i);
    return {element<T>(x.h_re, t, jj, n), element<T>(x.h_im, t, jj, n)};
  }
};

/// d_u of one token and channel: the sum over states.
template <class Operands, class DU>
struct complex_scan_channel_sums {
  using T = typename Operands::scalar;
  Operands x;
  view<DU> d_u;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t jj = index % x.count, t = index / x.count, j = x.first + jj;
    T sum = element<T>(x.d, j) * element<T>(x.d_y, t, j);
    for (index_t n = 0; n < x.c.re.columns(); ++n) sum += element<T>(x.to_u, t, jj, n);
    d_u(t, j) += sum;
  }
};

/// d_d of one channel: the sum over tokens.
template <class Operands, class DD>
struct skip_gradient {
  using T = typename Operands::scalar;
  Operands x;
  view<DD> d_d;

  ATTD_DEVICE void operator()(index_t j) const {
    for (index_t t = 0; t < x.u.rows(); ++t) {
      d_d(j) += element<T>(x.d_y, t, j) * element<T>(x.u, t, j);
    }
  }
};

/// How many channels' states and adjoints are kept at a time: about 2^21 of each.
inline index_t channels_at_a_time(index_t tokens, index_t channels, index_t states) {
  if (tokens * states == 0) return channels;
  const index_t fitting = (index_t{1} << 21) / (tokens * states);
  return fitting < 1 ? 1 : fitting < channels ? fitting : channels;
}

/// All of the backward, group after group.
template <class Backend, class Scratch, class Operands, class DU, class DA, class DB, class DC,
          class DD, class DI>
void complex_scan_backward(Backend& backend, Scratch& scratch, Operands x, view<DU> d_u,
                           complex_view<DA> d_a, complex_view<DB> d_b, complex_view<DC> d_c,
                           view<DD> d_d, complex_view<DI> d_initial) {
  const index_t tokens = x.u.rows(), channels = x.u.columns(), states = x.c.re.columns();
  const index_t group = channels_at_a_time(tokens, channels, states);
  for (x.first = 0; x.first < channels; x.first += group) {
    x.count = channels - x.first < group ? channels - x.first : group;
    operations::resize(backend, scratch.states, {2 * tokens, x.count, states});
    operations::resize(backend, scratch.adjoints, {tokens, x.count, states});
    const index_t plane = tokens * x.count;  // rows of [., state]
    const auto planes = scratch.states.view();
    const shape s{tokens, x.count, states};
    x.h_re = reshaped(planes.row_range(0, plane), s);
    x.h_im = reshaped(planes.row_range(plane, plane), s);
    x.to_u = scratch.adjoints.view();
    backend.for_each_index(x.count * states, complex_scan_adjoints<Operands, DA, DB, DC, DI>{
                                                 x, d_a, d_b, d_c, d_initial});
    if constexpr (!is_none_v<view<DU>>) {
      backend.for_each_index(tokens * x.count, complex_scan_channel_sums<Operands, DU>{x, d_u});
    }
  }
  if constexpr (!is_none_v<view<DD>>) {
    backend.for_each_index(channels, skip_gradient<Operands, DD>{x, d_d});
  }
}

}  // namespace attd::thrust_detail
