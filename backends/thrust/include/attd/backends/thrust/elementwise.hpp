// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Elementwise functions and their gradients.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/operations/transform.hpp>
#include <cstddef>
#include <tuple>

namespace attd::thrust_detail {

/// Up to three operands of an elementwise function; those beyond the number in use are `none`.
template <class X0, class X1 = none, class X2 = none>
struct operands {
  view<X0> x0;
  view<X1> x1;
  view<X2> x2;

  /// g(x0, x1, ...) at one element, operands of one row read at that row.
  template <class G>
  ATTD_HD decltype(auto) apply_at(index_t row, index_t column, const G& g) const {
    using operations::detail::broadcast_at;
    if constexpr (is_none_v<view<X1>>) {
      return g(broadcast_at(x0, row, column));
    } else if constexpr (is_none_v<view<X2>>) {
      return g(broadcast_at(x0, row, column), broadcast_at(x1, row, column));
    } else {
      return g(broadcast_at(x0, row, column), broadcast_at(x1, row, column),
               broadcast_at(x2, row, column));
    }
  }
};
template <class X0>
operands<X0> operands_of(view<X0> x0) {
  return {x0, {}, {}};
}
template <class X0, class X1>
operands<X0, X1> operands_of(view<X0> x0, view<X1> x1) {
  return {x0, x1, {}};
}
template <class X0, class X1, class X2>
operands<X0, X1, X2> operands_of(view<X0> x0, view<X1> x1, view<X2> x2) {
  return {x0, x1, x2};
}

/// f with all its arguments in the type with most dual levels among them.
template <class F, class S>
struct promoted_call {
  F f;
  template <class... V>
  ATTD_HD S operator()(const V&... v) const {
    return f(S(v)...);
  }
};

/// y = f(x...) at one element.
template <class F, class S, class Y, class X>
struct transform_element {
  F f;
  view<Y> y;
  X x;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t r = index / y.columns(), c = index % y.columns();
    y.at(r, c) = x.apply_at(r, c, promoted_call<F, S>{f});
  }
};

/// df/dx_I of an element's arguments.
template <std::size_t I, class F>
struct partial_call {
  F f;
  template <class... V>
  ATTD_HD auto operator()(const V&... v) const {
    return operations::detail::partial_derivative<I>(f, v...);
  }
};

/// d_x_I += dy df/dx_I: one element, or the sum over one column where all rows share x_I.
template <std::size_t I, class F, class DY, class DX, class X>
struct transform_gradient {
  F f;
  view<DY> d_y;
  view<DX> d_x;
  X x;

  ATTD_DEVICE void operator()(index_t index) const {
    if (d_x.rows() == 1) {
      for (index_t r = 0; r < d_y.rows(); ++r) add(r, index, 0);
    } else {
      const index_t r = index / d_y.columns();
      add(r, index % d_y.columns(), r);
    }
  }
  ATTD_HD void add(index_t r, index_t c, index_t to) const {
    const std::remove_const_t<DY> g = d_y.at(r, c);
    d_x.at(to, c) += g * x.apply_at(r, c, partial_call<I, F>{f});
  }
};

}  // namespace attd::thrust_detail
