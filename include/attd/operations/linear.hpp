// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The linear layer y = x W^T + b, forward and backward.
#pragma once

#include <algorithm>
#include <attd/core/sequences.hpp>
#include <attd/operations/matmul.hpp>

namespace attd::operations {

namespace detail {

// Every row of y becomes the bias (zero tangents where only y is dual).
template <class B, class Y>
void fill_rows(view<Y> y, view<B> bias) {
  if constexpr ((dual_depth<Y>) > (dual_depth<B>)) {
    fill_rows(y.value, bias);
    fill_zero(y.tangent);
  } else if constexpr (dual_depth<Y> > 0) {
    fill_rows(y.value, bias.value);
    fill_rows(y.tangent, bias.tangent);
  } else {
    const index_t columns = y.columns(), rows = y.rows();
    const B* from = bias.data();
    if (columns == 1 && y.contiguous()) {
      std::fill_n(y.data(), rows, *from);
      return;
    }
    for (index_t t = 0; t < rows; ++t) {
      Y* to = y.data() + t * y.stride();
      for (index_t o = 0; o < columns; ++o) to[o] = from[o];
    }
  }
}

}  // namespace detail

/// Linear layer  y_t = W x_t + b.
///
/// Shapes: x [token, input], weight W [output, input], bias [output] or `view<none>`,
/// y [token, output]. One product per sequence, so that a sequence's numbers do not depend on which
/// others are in the batch. Cost: 2 token input output.
template <class Backend, class X, class W, class B, class Y>
void linear(Backend& backend, const sequences& batch, view<X> x, view<W> weight, view<B> bias,
            view<Y> y) {
  expect_equal("linear", "the number of tokens of x", x.rows(), batch.tokens());
  expect_equal("linear", "the number of tokens of y", y.rows(), batch.tokens());
  expect_equal("linear", "the input size of x", x.columns(), weight.columns());
  expect_equal("linear", "the output size of y", y.columns(), weight.rows());
  constexpr bool biased = !is_none_v<view<B>>;
  if constexpr (biased) {
    expect_equal("linear", "the size of the bias", bias.size(), y.columns());
    if constexpr (requires { backend.fill_rows(y, bias); }) {
      backend.fill_rows(y, bias);
    } else {
      detail::fill_rows(y, bias);
    }
  }
  constexpr update how = biased ? update::add : update::assign;
  for (index_t s = 0; s < batch.count(); ++s) {
    const index_t first = batch.offset(s), length = batch.length(s);
    // Single tokens of several sequences, one after the other: the weight is read once for all.
    if constexpr (requires { backend.template linear_of_tokens<how>(x, weight, y); }) {
      index_t tokens = 0;
      while (s + tokens < batch.count() && batch.length(s + tokens) == 1) ++tokens;
      if (tokens > 1) {
        backend.template linear_of_tokens<how>(x.row_range(first, tokens), weight,
                                               y.row_range(first, tokens));
        s += tokens - 1;
        continue;
      }
    }
    matmul<transpose::no, transpose::yes, how>(backend, x.row_range(first, length), weight,
                                               y.row_range(first, length));
  }
}

/// Adds the gradients of `linear`: d_x += dy W, d_weight += dy^T x, d_bias += sum_t dy_t; each only
/// when its view is not `view<none>`. Sums over tokens run in token order, sequence after sequence.
/// With `linear_backward<update::assign>` d_x is replaced instead, which saves clearing it first.
/// Cost: 2 token input output for each of d_x and d_weight.
template <update OfX = update::add, class Backend, class X, class W, class DY, class DX, class DW,
          class DB>
void linear_backward(Backend& backend, const sequences& batch, view<X> x, view<W> weight,
                     view<DY> d_y, view<DX> d_x, view<DW> d_weight, view<DB> d_bias) {
  for (index_t s = 0; s < batch.count(); ++s) {
    const index_t first = batch.offset(s), length = batch.length(s);
    const auto dy = d_y.row_range(first, length);
    if constexpr (!is_none_v<view<DX>>) {
      matmul<transpose::no, transpose::no, OfX>(backend, dy, weight, d_x.row_range(first, length));
    }
    if constexpr (!is_none_v<view<DW>>) {
      matmul<transpose::yes, transpose::no, update::add>(backend, dy, x.row_range(first, length),
                                                         d_weight);
    }
  }
  if constexpr (requires { backend.sum_of_rows(d_y, d_bias); }) {
    backend.sum_of_rows(d_y, d_bias);
  } else if constexpr (!is_none_v<view<DB>>) {
    for (index_t t = 0; t < d_y.rows(); ++t) {
      for (index_t o = 0; o < d_y.columns(); ++o) {
        const std::remove_const_t<DY> g = d_y.at(t, o);
        d_bias(o) += g;
      }
    }
  }
}

}  // namespace attd::operations
