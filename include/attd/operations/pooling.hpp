// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// One row per sequence: the mean of its tokens, or its last token.
#pragma once

#include <attd/core/sequences.hpp>
#include <attd/core/tensor.hpp>

namespace attd::operations {

namespace detail {

inline void check_pooling(const char* place, const sequences& batch, const shape& tokens,
                          const shape& pooled) {
  expect_equal(place, "the number of tokens", tokens.rows(), batch.tokens());
  expect_equal(place, "the number of pooled rows", pooled.rows(), batch.count());
  expect_equal(place, "the number of pooled columns", pooled.columns(), tokens.columns());
}

}  // namespace detail

/// Mean over each sequence's own tokens  y_b = (1 / length_b) sum_t x_t, summed in token order.
///
/// Shapes: x [token, channel], y [sequence, channel]. Cost: token channel.
template <class Backend, class X, class Y>
void mean_pool(Backend& backend, const sequences& batch, view<X> x, view<Y> y) {
  detail::check_pooling("mean_pool", batch, x.shape(), y.shape());
  if constexpr (requires { backend.mean_pool(batch, x, y); }) {
    backend.mean_pool(batch, x, y);
  } else {
    using T = std::remove_const_t<X>;
    for (index_t b = 0; b < batch.count(); ++b) {
      const T count = T(static_cast<double>(batch.length(b)));
      for (index_t c = 0; c < x.columns(); ++c) {
        T sum(0);
        for (index_t t = 0; t < batch.length(b); ++t) sum += T(x.at(batch.offset(b) + t, c));
        y.at(b, c) = sum / count;
      }
    }
  }
}

/// Adds the gradient of `mean_pool`: d_x_t += dy_b / length_b for every token of sequence b.
template <class Backend, class DY, class DX>
void mean_pool_backward(Backend& backend, const sequences& batch, view<DY> d_y, view<DX> d_x) {
  if constexpr (!is_none_v<view<DX>>) {
    detail::check_pooling("mean_pool_backward", batch, d_x.shape(), d_y.shape());
    if constexpr (requires { backend.mean_pool_backward(batch, d_y, d_x); }) {
      backend.mean_pool_backward(batch, d_y, d_x);
    } else {
      using G = std::remove_const_t<DY>;
      for (index_t b = 0; b < batch.count(); ++b) {
        const G count = G(static_cast<double>(batch.length(b)));
        for (index_t t = 0; t < batch.length(b); ++t) {
          for (index_t c = 0; c < d_x.columns(); ++c) {
            d_x.at(batch.offset(b) + t, c) += G(d_y.at(b, c)) / count;
          }
        }
      }
    }
  }
}

/// The last token of each sequence  y_b = x_last.
///
/// Shapes: x [token, channel], y [sequence, channel].
template <class Backend, class X, class Y>
void last_pool(Backend& backend, const sequences& batch, view<X> x, view<Y> y) {
  detail::check_pooling("last_pool", batch, x.shape(), y.shape());
  if constexpr (requires { backend.last_pool(batch, x, y); }) {
    backend.last_pool(batch, x, y);
  } else {
    for (index_t b = 0; b < batch.count(); ++b) {
      for (index_t c = 0; c < x.columns(); ++c) {
        y.at(b, c) = std::remove_const_t<X>(x.at(batch.offset(b + 1) - 1, c));
      }
    }
  }
}

/// Adds the gradient of `last_pool`: d_x_last += dy_b.
template <class Backend, class DY, class DX>
void last_pool_backward(Backend& backend, const sequences& batch, view<DY> d_y, view<DX> d_x) {
  if constexpr (!is_none_v<view<DX>>) {
    detail::check_pooling("last_pool_backward", batch, d_x.shape(), d_y.shape());
    if constexpr (requires { backend.last_pool_backward(batch, d_y, d_x); }) {
      backend.last_pool_backward(batch, d_y, d_x);
    } else {
      for (index_t b = 0; b < batch.count(); ++b) {
        for (index_t c = 0; c < d_x.columns(); ++c) {
          d_x.at(batch.offset(b + 1) - 1, c) += std::remove_const_t<DY>(d_y.at(b, c));
        }
      }
    }
  }
}

}  // namespace attd::operations
