// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A formula of every entry of a matrix and of a low-rank change of it, for several changes at once.
#pragma once

#include <attd/core/tensor.hpp>
#include <attd/operations/transform.hpp>
#include <type_traits>

namespace attd::operations {

namespace detail {

/// (U V^T)(i, j) of one set of factors; the sum over the rank in its order.
template <class U>
ATTD_DEVICE auto low_rank_entry(view<U> u, view<U> v, index_t set, index_t i, index_t j) {
  using D = std::remove_const_t<U>;
  D sum(0);
  for (index_t k = 0; k < u.extent(2); ++k) {
    const D left = u(set, i, k), right = v(set, j, k);
    sum += left * right;
  }
  return sum;
}

/// d times a slope; 0 where the slope is, whatever d: an entry that is held at a limit takes no
/// part.
template <class S>
ATTD_HD inline S through_slope(const S& d, const S& slope) {
  return is_zero(slope) ? S(0) : S(d * slope);
}

/// Throws unless factors fit a table of rows and columns.
template <class X, class U, class Y>
void expect_low_rank_shapes(const char* place, view<X> x, view<U> u, view<U> v, index_t first_v,
                            view<Y> y) {
  expect_equal(place, "the number of rows of the matrix", x.rows(), y.extent(1));
  expect_equal(place, "the number of columns of the matrix", x.columns(), y.columns());
  expect_shape(place, "u", u.shape(), {y.extent(0), y.extent(1), u.extent(2)});
  expect_shape(place, "v", v.shape(), {y.extent(0), v.extent(1), u.extent(2)});
  if (first_v < 0 || first_v + y.columns() > v.extent(1)) {
    fail(place, ": v has ", v.extent(1), " rows, expected at least ", first_v + y.columns());
  }
}

}  // namespace detail

/// y(s, i, j) = f(x(i, j), (U V^T)(s, i, j)), with V's rows from `first_v` on.
///
/// Shapes: x [rows, columns] (or [1, rows, columns]), u [set, rows, rank], v [set, at least first_v
/// + columns, rank], y [set, rows, columns]. `f` is a functor as in `transform`, of two arguments;
/// it runs number by number. Cost: y.size() (rank + f); allocates nothing. Errors: `attd::error`
/// for shapes that disagree.
template <class Backend, class F, class X, class U, class Y>
void low_rank_map(Backend& backend, const F& f, view<X> x, view<U> u, view<U> v, index_t first_v,
                  view<Y> y) {
  detail::expect_low_rank_shapes("low_rank_map", x, u, v, first_v, y);
  if constexpr (requires { backend.low_rank_map(f, x, u, v, first_v, y); }) {
    backend.low_rank_map(f, x, u, v, first_v, y);
  } else {
    for (index_t s = 0; s < y.extent(0); ++s) {
      for (index_t i = 0; i < y.extent(1); ++i) {
        for (index_t j = 0; j < y.columns(); ++j) {
          const std::remove_const_t<X> entry = x.at(i, j);
          y(s, i, j) = f(Y(entry), Y(detail::low_rank_entry(u, v, s, i, first_v + j)));
        }
      }
    }
  }
}

/// Adds the gradients of `low_rank_map`: with g(s, i, j) = dy df/d change,  dU += g V,
/// dV += g^T U (from row `first_v` on), and dx += sum_s dy df/dx unless `d_x` is `view<none>`.
/// Where a slope of f is exactly 0 its product is 0, also with an infinite dy.
///
/// Shapes: those of the operands. Cost: that of the forward three times; allocates nothing after
/// warm-up. Errors: `attd::error` for shapes that disagree.
template <class Backend, class F, class X, class U, class DY, class DX, class G>
void low_rank_map_backward(Backend& backend, const F& f, view<X> x, view<U> u, view<U> v,
                           index_t first_v, view<DY> d_y, view<DX> d_x, view<G> d_u, view<G> d_v) {
  const char* const place = "low_rank_map_backward";
  detail::expect_low_rank_shapes(place, x, u, v, first_v, d_y);
  expect_shape(place, "d_u", d_u.shape(), u.shape());
  expect_shape(place, "d_v", d_v.shape(), v.shape());
  if constexpr (!is_none_v<view<DX>>) {
    expect_equal(place, "the number of rows of d_x", d_x.rows(), x.rows());
    expect_equal(place, "the number of columns of d_x", d_x.columns(), x.columns());
  }
  if constexpr (requires {
                  backend.low_rank_map_backward(f, x, u, v, first_v, d_y, d_x, d_u, d_v);
                }) {
    backend.low_rank_map_backward(f, x, u, v, first_v, d_y, d_x, d_u, d_v);
  } else {
    using D = std::remove_const_t<U>;
    for (index_t s = 0; s < d_y.extent(0); ++s) {
      for (index_t i = 0; i < d_y.extent(1); ++i) {
        for (index_t j = 0; j < d_y.columns(); ++j) {
          const std::remove_const_t<X> entry = x.at(i, j);
          const G change = G(detail::low_rank_entry(u, v, s, i, first_v + j));
          const std::remove_const_t<DY> d = d_y(s, i, j);
          const G g =
              detail::through_slope(G(d), G(detail::partial_derivative<1>(f, G(entry), change)));
          for (index_t k = 0; k < u.extent(2); ++k) {
            d_u(s, i, k) += g * D(v(s, first_v + j, k));
            d_v(s, first_v + j, k) += g * D(u(s, i, k));
          }
          if constexpr (!is_none_v<view<DX>>) {
            d_x.at(i, j) +=
                detail::through_slope(G(d), G(detail::partial_derivative<0>(f, G(entry), change)));
          }
        }
      }
    }
  }
}

}  // namespace attd::operations
