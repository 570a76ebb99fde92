// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The dense recurrence: a sequence at a time, gradients of the matrix entry by entry.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/operations/dense_recurrence.hpp>

namespace attd::thrust_detail {

/// All tokens of one sequence.
template <class A, class X, class I, class H, class F>
struct dense_recurrence_sequence {
  batch_view batch;
  view<A> a;
  view<X> x;
  view<I> initial;
  view<H> h;
  view<F> final;

  ATTD_DEVICE void operator()(index_t s) const {
    using S = promote_t<A, X, I>;
    const index_t first = batch.offset(s), end = batch.offset(s + 1), states = x.columns();
    for (index_t t = first; t < end; ++t) {
      for (index_t i = 0; i < states; ++i) {
        S sum = element<S>(x, t, i);
        for (index_t k = 0; k < states; ++k) {
          sum += element<S>(a, dynamics_of(a, s), i, k) *
                 (t == first ? element<S>(initial, s, k) : element<S>(h, t - 1, k));
        }
        h(t, i) = sum;
      }
    }
    if constexpr (!is_none_v<view<F>>) {
      for (index_t i = 0; i < states; ++i) final(s, i) = element<S>(h, end - 1, i);
    }
  }
};

/// g_t = d_h_t + A^T g_{t+1} of all tokens of one sequence, kept in g; d_initial = A^T g_1.
template <class T, class A, class DH, class DF, class DI>
struct dense_recurrence_adjoints {
  batch_view batch;
  view<A> a;
  view<DH> d_h;
  view<DF> d_final;
  view<T> g;
  view<DI> d_initial;

  ATTD_DEVICE void operator()(index_t s) const {
    const index_t first = batch.offset(s), last = batch.offset(s + 1) - 1, states = g.columns();
    for (index_t t = last; t >= first; --t) {
      for (index_t k = 0; k < states; ++k) {
        const T later = t == last ? element<T>(d_final, s, k) : pulled(s, t + 1, k);
        g(t, k) = element<T>(d_h, t, k) + later;
      }
    }
    if constexpr (!is_none_v<view<DI>>) {
      for (index_t k = 0; k < states; ++k) d_initial(s, k) += pulled(s, first, k);
    }
  }
  /// (A^T g_t)_k.
  ATTD_DEVICE T pulled(index_t s, index_t t, index_t k) const {
    T sum(0);
    for (index_t i = 0; i < g.columns(); ++i) {
      sum += element<T>(a, dynamics_of(a, s), i, k) * element<T>(g, t, i);
    }
    return sum;
  }
};

/// d_x of one element.
template <class T, class DX>
struct dense_recurrence_d_x {
  view<T> g;
  view<DX> d_x;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t t = index / g.columns(), i = index % g.columns();
    d_x(t, i) += element<T>(g, t, i);
  }
};

/// One entry of d_a, of the sequences that share it.
template <class T, class H, class I, class DA>
struct dense_recurrence_d_a {
  batch_view batch;
  view<T> g;
  view<H> h;
  view<I> initial;
  view<DA> d_a;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t states = g.columns(), k = index % states, i = index / states % states;
    const index_t set = index / (states * states);
    const index_t end = d_a.extent(0) == 1 ? batch.count : set + 1;
    for (index_t s = set; s < end; ++s) {
      const index_t first = batch.offset(s);
      for (index_t t = batch.offset(s + 1) - 1; t >= first; --t) {
        const T before = t == first ? element<T>(initial, s, k) : element<T>(h, t - 1, k);
        d_a(set, i, k) += element<T>(g, t, i) * before;
      }
    }
  }
};

}  // namespace attd::thrust_detail
