// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A formula of a matrix and its low-rank changes, and the gradients of the factors.
#pragma once

#include <attd/backends/thrust/elementwise.hpp>
#include <attd/backends/thrust/rows.hpp>
#include <attd/backends/thrust/team_reductions.hpp>
#include <attd/operations/low_rank_map.hpp>

namespace attd::thrust_detail {

using operations::detail::through_slope;

/// A matrix and the factors of its changes; V's rows from `first_v` on.
template <class X, class U>
struct changed_matrix {
  view<X> x;
  view<U> u, v;
  index_t first_v;

  /// g(x(i, j), change(s, i, j)), both as S.
  template <class S, class G>
  ATTD_HD auto at(index_t s, index_t i, index_t j, const G& g) const {
    return g(number<S>(x, i, j), S(operations::detail::low_rank_entry(u, v, s, i, first_v + j)));
  }
};

/// Set, row and column of a number of a contiguous [set, row, column].
struct place {
  index_t s, i, j;

  ATTD_DEVICE static place of(index_t index, index_t rows, index_t columns) {
    const index_t row = index / columns;
    return {row / rows, row % rows, index % columns};
  }
};

/// y(s, i, j) = f(x(i, j), change(s, i, j)).
template <class F, class Y, class Matrix>
struct low_rank_map_element {
  F f;
  view<Y> y;
  Matrix matrix;

  ATTD_DEVICE void operator()(index_t index) const {
    const place p = place::of(index, y.extent(1), y.columns());
    y(p.s, p.i, p.j) = matrix.template at<Y>(p.s, p.i, p.j, f);
  }
};

/// g(s, i, j) = dy df/d change.
template <class F, class DY, class G, class Matrix>
struct low_rank_slope_element {
  F f;
  view<DY> d_y;
  view<G> g;
  Matrix matrix;

  ATTD_DEVICE void operator()(index_t index) const {
    const place p = place::of(index, g.extent(1), g.columns());
    const G slope = matrix.template at<G>(p.s, p.i, p.j, partial_call<1, F>{f});
    g(p.s, p.i, p.j) = through_slope(element<G>(d_y, p.s, p.i, p.j), slope);
  }
};

/// dx(i, j) += sum_s dy df/dx.
template <class F, class DY, class DX, class G, class Matrix>
struct low_rank_d_matrix {
  F f;
  view<DY> d_y;
  view<DX> d_x;
  Matrix matrix;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t i = index / d_x.columns(), j = index % d_x.columns();
    G sum(0);
    for (index_t s = 0; s < d_y.extent(0); ++s) {
      const G slope = matrix.template at<G>(s, i, j, partial_call<0, F>{f});
      sum += through_slope(element<G>(d_y, s, i, j), slope);
    }
    d_x.at(i, j) += sum;
  }
};

/// dU(s, i, k) += sum_j g(s, i, j) V(s, first_v + j, k).
template <class G, class U>
struct low_rank_d_u {
  view<G> g;
  view<U> v;
  index_t first_v;
  view<G> d_u;

  ATTD_DEVICE void operator()(index_t index) const {
    const place p = place::of(index, d_u.extent(1), d_u.columns());
    G sum(0);
    for (index_t j = 0; j < g.columns(); ++j) {
      sum += element<G>(g, p.s, p.i, j) * element<G>(v, p.s, first_v + j, p.j);
    }
    d_u(p.s, p.i, p.j) += sum;
  }
};

/// dV(s, first_v + j, k) += sum_i g(s, i, j) U(s, i, k), as sums over i for
/// `give_sums_over_tokens`.
template <class G, class U>
struct low_rank_d_v {
  static constexpr int count = 1;
  view<G> g;
  view<U> u;
  index_t first_v;
  view<G> d_v;

  index_t channels() const { return g.extent(0) * g.columns() * u.columns(); }
  ATTD_DEVICE void add(index_t i, index_t end, int step, index_t c, registers<G, 1>& sums) const {
    const place p = place::of(c, g.columns(), u.columns());
    for (; i < end; i += step) {
      sums[0] += element<G>(g, p.s, i, p.i) * element<G>(u, p.s, i, p.j);
    }
  }
  ATTD_DEVICE void give(int, index_t c, const G& sum) const {
    const place p = place::of(c, g.columns(), u.columns());
    d_v(p.s, first_v + p.i, p.j) += sum;
  }
};

}  // namespace attd::thrust_detail
