// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The causal convolution: every output and gradient of an input is a sum of its own, gradients of
// weights are sums over tokens that teams share.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/backends/thrust/scratch.hpp>
#include <attd/backends/thrust/team_reductions.hpp>

namespace attd::thrust_detail {

/// Input at time t of sequence s; negative times are carried in.
template <class S, class X, class H>
ATTD_HD inline S convolution_input(const batch_view& batch, const view<X>& x,
                                   const view<H>& initial, index_t carried, index_t s, index_t t,
                                   index_t c) {
  return t >= 0 ? element<S>(x, batch.offset(s) + t, c) : element<S>(initial, s, t + carried, c);
}

/// One output v; and y = silu(v), if wanted.
template <class X, class W, class B, class H, class V, class Y>
struct convolution_element {
  batch_view batch;
  view<X> x;
  view<W> weight;
  view<B> bias;
  view<H> initial;
  view<V> v;
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
    v.at(row, c) = sum;
    if constexpr (!is_none_v<view<Y>>) y.at(row, c) = silu(sum);
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

/// The gradient of the convolution's output as it is.
template <class DY>
struct given_rows {
  using number_type = std::remove_const_t<DY>;
  static constexpr bool replaces = false;  // d_x is added to
  view<DY> d_y;

  ATTD_DEVICE index_t rows() const { return d_y.rows(); }
  ATTD_DEVICE index_t columns() const { return d_y.columns(); }
  ATTD_DEVICE number_type at(index_t row, index_t c) const { return d_y.at(row, c); }
};

/// Or through what follows it, y = silu(v): d_y silu'(v).
template <class DY, class V>
struct rows_through_silu {
  using number_type = promote_t<DY, V>;
  static constexpr bool replaces = true;
  view<DY> d_y;
  view<V> v;

  ATTD_DEVICE index_t rows() const { return d_y.rows(); }
  ATTD_DEVICE index_t columns() const { return d_y.columns(); }
  ATTD_DEVICE number_type at(index_t row, index_t c) const {
    const auto x = number<number_type>(v, row, c), open = sigmoid(x);
    return number<number_type>(d_y, row, c) * silu_slope(x, open);
  }
};

/// The gradient of one input, at time t of sequence s; negative times are carried in.
template <class G, class W, class Rows, class DF>
ATTD_DEVICE G convolution_input_gradient(const batch_view& batch, const view<W>& weight,
                                         const Rows& d_y, const view<DF>& d_final, index_t s,
                                         index_t t, index_t c) {
  const index_t carried = weight.columns() - 1, length = batch.length(s);
  G sum(0);
  for (index_t j = carried; j >= 0; --j) {  // of the output at time t + carried - j
    const index_t output = t + carried - j;
    if (output < 0 || output >= length) continue;
    const std::remove_const_t<W> w = weight.at(c, j);
    sum += d_y.at(batch.offset(s) + output, c) * w;
  }
  const index_t i = t - (length - carried);
  if (i >= 0) sum += element<G>(d_final, s, i, c);
  return sum;
}

/// d_x of one element.
template <class W, class Rows, class DF, class DX>
struct convolution_d_x {
  batch_view batch;
  view<W> weight;
  Rows d_y;
  view<DF> d_final;
  view<DX> d_x;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t row = index / d_y.columns(), c = index % d_y.columns();
    const index_t s = batch.sequence_of(row);
    using G = promote_t<W, typename Rows::number_type, DF>;
    const G g =
        convolution_input_gradient<G>(batch, weight, d_y, d_final, s, row - batch.offset(s), c);
    if constexpr (Rows::replaces) {
      d_x.at(row, c) = g;
    } else {
      d_x.at(row, c) += g;
    }
  }
};

/// d_initial of one element.
template <class W, class Rows, class DF, class DH>
struct convolution_d_initial {
  batch_view batch;
  view<W> weight;
  Rows d_y;
  view<DF> d_final;
  view<DH> d_initial;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t channels = d_y.columns(), carried = d_initial.extent(1), c = index % channels;
    const index_t i = index / channels % carried, s = index / (channels * carried);
    using G = promote_t<W, typename Rows::number_type, DF>;
    d_initial(s, i, c) +=
        convolution_input_gradient<G>(batch, weight, d_y, d_final, s, i - carried, c);
  }
};

/// d_weight of 4 taps from `first_tap`, and with them d_bias: sums over all tokens.
template <class S, class X, class H, class Rows, class DW, class DB>
struct convolution_weight_sums {
  static constexpr int taps = 4;
  static constexpr bool has_bias = !is_none_v<view<DB>>;
  static constexpr int count = taps + has_bias;
  using G = typename Rows::number_type;

  batch_view batch;
  index_t first_tap;
  view<X> x;
  view<H> initial;
  Rows d_y;
  view<DW> d_weight;
  view<DB> d_bias;

  ATTD_DEVICE void add(index_t token, index_t end, int step, index_t c,
                       registers<S, count>& sums) const {
    if (token >= end) return;
    const index_t carried = d_weight.columns() - 1;
    index_t s = batch.sequence_of(token), first = batch.offset(s), next = batch.offset(s + 1);
    for (; token < end; token += step) {
      while (token >= next) {
        first = next;
        next = batch.offset(++s + 1);
      }
      const G g = d_y.at(token, c);
      ATTD_UNROLL
      for (int k = 0; k < taps; ++k) {
        const index_t j = first_tap + k;
        if (j > carried) continue;
        sums[k] += g * convolution_input<promote_t<X, H>>(batch, x, initial, carried, s,
                                                          token - first - carried + j, c);
      }
      if constexpr (has_bias) sums[taps] += g;
    }
  }
  ATTD_DEVICE void give(int k, index_t c, const S& sum) const {
    if (k < taps) {
      if (first_tap + k < d_weight.columns()) d_weight.at(c, first_tap + k) += sum;
    } else if constexpr (has_bias) {
      if (first_tap == 0) d_bias(c) += lowered<DB>(sum);
    }
  }
};

/// d_weight, 4 taps at a time, and d_bias.
template <class Backend, class X, class H, class Rows, class DW, class DB>
void convolution_weight_gradients(Backend& backend, scratch& memory, const batch_view& batch,
                                  view<X> x, view<H> initial, const Rows& d_y, view<DW> d_weight,
                                  view<DB> d_bias) {
  using S = promote_t<X, H, typename Rows::number_type>;
  using sums = convolution_weight_sums<S, X, H, Rows, DW, DB>;
  const view<S> partial =
      memory.take<S>(backend, shape_of_partial(d_y.rows(), sums::count, d_y.columns()));
  for (index_t first_tap = 0; first_tap < d_weight.columns(); first_tap += sums::taps) {
    give_sums_over_tokens(backend, d_y.rows(),
                          sums{batch, first_tap, x, initial, d_y, d_weight, d_bias}, partial);
  }
}

}  // namespace attd::thrust_detail
