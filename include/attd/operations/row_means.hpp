// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The mean of each row of a matrix.
#pragma once

#include <attd/core/math.hpp>
#include <attd/core/tensor.hpp>

namespace attd::operations {

namespace detail {

/// (1/C) sum_c x_rc, summed in the order of c.
template <class X>
ATTD_DEVICE std::remove_const_t<X> mean_of_row(const view<X>& x, index_t row) {
  using S = std::remove_const_t<X>;
  S sum(0);
  for (index_t c = 0; c < x.columns(); ++c) sum += S(x.at(row, c));
  return sum / primal_t<S>(static_cast<double>(x.columns()));
}

}  // namespace detail

/// y_r = (1/C) sum_c x_rc.
///
/// Shapes: x [row, channel] of C >= 1 channels, y [row]. Cost: row channel.
template <class Backend, class X, class Y>
void row_means(Backend& backend, view<X> x, view<Y> y) {
  expect_equal("row_means", "the size of y", y.size(), x.rows());
  if constexpr (requires { backend.row_means(x, y); }) {
    backend.row_means(x, y);
  } else {
    for (index_t r = 0; r < x.rows(); ++r) y(r) = detail::mean_of_row(x, r);
  }
}

/// d_x_rc = d_y_r / C: replaces what was there.
///
/// Shapes: those of `row_means`; d_y may have fewer dual levels than d_x.
template <class Backend, class DY, class DX>
void row_means_backward(Backend& backend, view<DY> d_y, view<DX> d_x) {
  expect_equal("row_means_backward", "the size of d_y", d_y.size(), d_x.rows());
  if constexpr (requires { backend.row_means_backward(d_y, d_x); }) {
    backend.row_means_backward(d_y, d_x);
  } else {
    using G = std::remove_const_t<DY>;
    const auto channels = primal_t<G>(static_cast<double>(d_x.columns()));
    for (index_t r = 0; r < d_x.rows(); ++r) {
      const DX share(G(d_y(r)) / channels);
      for (index_t c = 0; c < d_x.columns(); ++c) d_x.at(r, c) = share;
    }
  }
}

}  // namespace attd::operations
