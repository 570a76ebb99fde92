// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The causal convolution: every output and every gradient is one sum of its own.
#pragma once

#include <attd/backends/thrust/rows.hpp>

namespace attd::thrust_detail {

/// Input at time t of sequence s; negative times are carried in.
template <class S, class X, class H>
ATTD_HD inline S convolution_input(const batch_view& batch, const view<X>& x,
                                   const view<H>& initial, index_t carried, index_t s, index_t t,
                                   index_t c) {
  return t >= 0 ? element<S>(x, batch.offset(s) + t, c) : element<S>(initial, s, t + carried, c);
}

/// One output.
template <class X, class W, class B, class H, class Y>
struct convolution_element {
  batch_view batch;
  view<X> x;
  view<W> weight;
  view<B> bias;
  view<H> initial;
  view<Y> y;

  ATTD_DEVICE void operator()(index_t index) const {
    using S = promote_t<X, W, B, H>;
    const index_t row = index / x.columns(), c = index % x.columns();
    const index_t s = batch.sequence_of(row), t = row - batch.offset(s);
    const index_t carried = weight.columns() - 1;
    S sum = element<S>(bias, c);
    for (index_t j = 0; j <= carried; ++j) {
      const std::remove_const_t<W> w = weight.at(c, j);
      sum +=
          w * convolution_input<promote_t<X, H>>(batch, x, initial, carried, s, t - carried + j, c);
    }
    y.at(row, c) = sum;
  }
};

/// One carried input for the next piece of a sequence.
template <class X, class H, class F>
struct convolution_final {
  batch_view batch;
  view<X> x;
  view<H> initial;
  view<F> final;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t carried = final.extent(1), c = index % x.columns();
    const index_t i = index / x.columns() % carried, s = index / (x.columns() * carried);
    final(s, i, c) = convolution_input<promote_t<X, H>>(batch, x, initial, carried, s,
                                                        batch.length(s) - carried + i, c);
  }
};

/// The gradient of one input, at time t of sequence s; negative times are carried in.
template <class G, class W, class DY, class DF>
ATTD_DEVICE G convolution_input_gradient(const batch_view& batch, const view<W>& weight,
                                         const view<DY>& d_y, const view<DF>& d_final, index_t s,
                                         index_t t, index_t c) {
  const index_t carried = weight.columns() - 1, length = batch.length(s);
  G sum(0);
  for (index_t j = carried; j >= 0; --j) {  // of the output at time t + carried - j
    const index_t output = t + carried - j;
    if (output < 0 || output >= length) continue;
    const std::remove_const_t<DY> g = d_y.at(batch.offset(s) + output, c);
    const std::remove_const_t<W> w = weight.at(c, j);
    sum += g * w;
  }
  const index_t i = t - (length - carried);
  if (i >= 0) sum += element<G>(d_final, s, i, c);
  return sum;
}

/// d_x of one element.
template <class W, class DY, class DF, class DX>
struct convolution_d_x {
  batch_view batch;
  view<W> weight;
  view<DY> d_y;
  view<DF> d_final;
  view<DX> d_x;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t row = index / d_y.columns(), c = index % d_y.columns();
    const index_t s = batch.sequence_of(row);
    d_x.at(row, c) += convolution_input_gradient<promote_t<W, DY, DF>>(batch, weight, d_y, d_final,
                                                                       s, row - batch.offset(s), c);
  }
};

/// d_initial of one element.
template <class W, class DY, class DF, class DH>
struct convolution_d_initial {
  batch_view batch;
  view<W> weight;
  view<DY> d_y;
  view<DF> d_final;
  view<DH> d_initial;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t channels = d_y.columns(), carried = d_initial.extent(1), c = index % channels;
    const index_t i = index / channels % carried, s = index / (channels * carried);
    d_initial(s, i, c) += convolution_input_gradient<promote_t<W, DY, DF>>(
        batch, weight, d_y, d_final, s, i - carried, c);
  }
};

/// d_weight of one tap of one channel, all tokens in order.
template <class X, class H, class DY, class DW>
struct convolution_d_weight {
  batch_view batch;
  view<X> x;
  view<H> initial;
  view<DY> d_y;
  view<DW> d_weight;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t taps = d_weight.columns(), c = index / taps, j = index % taps;
    for (index_t s = 0; s < batch.count; ++s) {
      for (index_t t = 0; t < batch.length(s); ++t) {
        const std::remove_const_t<DY> g = d_y.at(batch.offset(s) + t, c);
        d_weight.at(c, j) += g * convolution_input<promote_t<X, H>>(batch, x, initial, taps - 1, s,
                                                                    t - (taps - 1) + j, c);
      }
    }
  }
};

/// d_b += sum of one column of d_y.
template <class DY, class DB>
struct column_sum {
  view<DY> d_y;
  view<DB> d_bias;

  ATTD_DEVICE void operator()(index_t c) const {
    for (index_t t = 0; t < d_y.rows(); ++t) {
      const std::remove_const_t<DY> g = d_y.at(t, c);
      d_bias(c) += g;
    }
  }
};

}  // namespace attd::thrust_detail
