// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Causal depthwise convolution on packs of channels.
#pragma once

#include <algorithm>
#include <attd/backends/eigen/execution.hpp>
#include <attd/core/pack_access.hpp>
#include <attd/core/sequences.hpp>
#include <type_traits>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

// Taps of one pack of channels are kept in registers up to this kernel size.
inline constexpr index_t most_kept_taps = 8;
// Tokens per pass over the channels, so that what a pass reads stays in the first-level cache.
inline constexpr index_t convolution_tokens = 32;

// Column j of the weight for W channels from c.
template <int W, class X>
class taps {
 public:
  ATTD_INLINE taps(view<X> weight, index_t c, index_t left) : weight_(weight), c_(c), left_(left) {
    for (index_t j = 0; j < std::min(weight.columns(), most_kept_taps); ++j) {
      kept_[j] = load_rows<W>(weight, c, j, left);
    }
  }
  ATTD_INLINE lanes_t<X, W> operator[](index_t j) const {
    return j < most_kept_taps ? kept_[j] : load_rows<W>(weight_, c_, j, left_);
  }

 private:
  view<X> weight_;
  index_t c_, left_;
  lanes_t<X, W> kept_[most_kept_taps];
};

// Inputs of one sequence; negative times are the carried ones.
template <int W, class X, class H>
struct convolution_input {
  view<X> x;        // [length, channel]
  view<H> initial;  // [K - 1, channel]
  index_t carried;

  ATTD_INLINE lanes_t<promote_t<X, H>, W> at(index_t t, index_t c, index_t left) const {
    using P = lanes_t<promote_t<X, H>, W>;
    if (t >= 0) return P(load<W>(x, t, c, left));
    if constexpr (is_none_v<view<H>>) {
      return P(0);
    } else {
      return P(load<W>(initial, t + carried, c, left));
    }
  }
};

template <int Bytes, class X, class K, class B, class H, class Y, class F>
ATTD_INLINE void causal_convolution(part channels, const sequences& batch, view<X> x,
                                    view<K> weight, view<B> bias, view<H> initial, view<Y> y,
                                    view<F> final) {
  constexpr int W = lane_count<X, Bytes>;
  using P = lanes_t<promote_t<X, K, B, H>, W>;
  const index_t carried = weight.columns() - 1, columns = x.columns();
  for (index_t b = 0; b < batch.count(); ++b) {
    const index_t first = batch.offset(b), length = batch.length(b);
    const convolution_input<W, X, H> input{x.row_range(first, length), initial[b], carried};
    for (index_t begin = 0; begin < length; begin += convolution_tokens) {
      const index_t end = std::min(length, begin + convolution_tokens);
      for (index_t c = channels.begin; c < channels.end; c += W) {
        const index_t left = columns - c;
        const taps<W, K> w(weight, c, left);
        P start(0);
        if constexpr (!is_none_v<view<B>>) start = P(load<W>(bias, 0, c, left));
        index_t t = begin;
        for (; t < std::min(end, carried); ++t) {
          P sum = start;
          for (index_t j = 0; j <= carried; ++j) sum += w[j] * input.at(t - carried + j, c, left);
          store(y, first + t, c, left, sum);
        }
        const auto rest = [&](auto taps_here, auto count) ATTD_INLINE_LAMBDA {
          for (; t < end; ++t) {
            P sum = start;
            for (index_t j = 0; j < taps_here; ++j) {
              sum += w[j] * load<W>(input.x, t - carried + j, c, count);
            }
            store(y, first + t, c, count, sum);
          }
        };
        if (carried == 3 && left >= W) {
          rest(std::integral_constant<index_t, 4>{}, std::integral_constant<index_t, W>{});
        } else {
          rest(carried + 1, left);
        }
      }
    }
    if constexpr (!is_none_v<view<F>>) {
      const auto out = final[b];
      for (index_t i = 0; i < carried; ++i) {
        for (index_t c = channels.begin; c < channels.end; c += W) {
          store(out, i, c, columns - c, input.at(length - carried + i, c, columns - c));
        }
      }
    }
  }
}

template <int Bytes, class X, class K, class H, class DY, class DF, class DX, class DK, class DB,
          class DH>
ATTD_INLINE void causal_convolution_backward(part channels, const sequences& batch, view<X> x,
                                             view<K> weight, view<H> initial, view<DY> d_y,
                                             view<DF> d_final, view<DX> d_x, view<DK> d_weight,
                                             view<DB> d_bias, view<DH> d_initial) {
  constexpr int W = lane_count<X, Bytes>;
  const index_t carried = weight.columns() - 1, columns = x.columns();
  for (index_t b = 0; b < batch.count(); ++b) {
    const index_t first = batch.offset(b), length = batch.length(b);
    const convolution_input<W, X, H> input{x.row_range(first, length), initial[b], carried};
    const auto dy = d_y.row_range(first, length);
    for (index_t begin = 0; begin < length; begin += convolution_tokens) {
      const index_t end = std::min(length, begin + convolution_tokens);
      for (index_t c = channels.begin; c < channels.end; c += W) {
        const index_t left = columns - c;
        if constexpr (!is_none_v<view<DB>>) {
          lanes_t<DB, W> sum = load<W>(d_bias, 0, c, left);
          for (index_t t = begin; t < end; ++t) sum += load<W>(dy, t, c, left);
          store(d_bias, 0, c, left, sum);
        }
        if constexpr (!is_none_v<view<DK>>) {
          using P = lanes_t<DK, W>;
          if (carried == 3 && left >= W) {  // the usual kernel: all its taps in one pass
            P sum[4];
            const index_t inside = std::min(end, std::max(begin, carried));
            for (index_t j = 0; j < 4; ++j) {
              sum[j] = load_rows<W>(d_weight, c, j, left);
              for (index_t t = begin; t < inside; ++t) {
                sum[j] += load<W>(dy, t, c, W) * input.at(t - carried + j, c, W);
              }
            }
            for (index_t t = inside; t < end; ++t) {
              const auto g = load<W>(dy, t, c, W);
#pragma GCC unroll 4
              for (index_t j = 0; j < 4; ++j) sum[j] += g * load<W>(input.x, t - 3 + j, c, W);
            }
            for (index_t j = 0; j < 4; ++j) store_rows(d_weight, c, j, left, sum[j]);
          } else {
            for (index_t j = 0; j <= carried; ++j) {
              P sum = load_rows<W>(d_weight, c, j, left);
              for (index_t t = begin; t < end; ++t) {
                sum += load<W>(dy, t, c, left) * input.at(t - carried + j, c, left);
              }
              store_rows(d_weight, c, j, left, sum);
            }
          }
        }
      }
    }
    // Gradient of the input at time s: what the outputs s .. s + K - 1 made of it, in that order.
    const auto gather = [&](index_t s, index_t c, index_t left, const taps<W, K>& w,
                            auto sum) ATTD_INLINE_LAMBDA {
      for (index_t t = std::max<index_t>(s, 0); t <= std::min(s + carried, length - 1); ++t) {
        sum += load<W>(dy, t, c, left) * w[carried - (t - s)];
      }
      if constexpr (!is_none_v<view<DF>>) {
        const index_t i = s - length + carried;
        if (i >= 0) sum += load<W>(d_final[b], i, c, left);
      }
      return sum;
    };
    if constexpr (!is_none_v<view<DX>>) {
      for (index_t begin = 0; begin < length; begin += convolution_tokens) {
        const index_t end = std::min(length, begin + convolution_tokens);
        for (index_t c = channels.begin; c < channels.end; c += W) {
          const index_t left = columns - c;
          const taps<W, K> w(weight, c, left);
          index_t s = begin;
          if (carried == 3 && left >= W) {  // the usual kernel, away from the sequence's end
            for (; s < std::min(end, length - 3); ++s) {
              lanes_t<DX, W> sum = load<W>(d_x, first + s, c, W);
#pragma GCC unroll 4
              for (index_t i = 0; i < 4; ++i) sum += load<W>(dy, s + i, c, W) * w[3 - i];
              store(d_x, first + s, c, W, sum);
            }
          }
          for (; s < end; ++s) {
            store(d_x, first + s, c, left,
                  gather(s, c, left, w, lanes_t<DX, W>(load<W>(d_x, first + s, c, left))));
          }
        }
      }
    }
    if constexpr (!is_none_v<view<DH>>) {
      const auto out = d_initial[b];
      for (index_t c = channels.begin; c < channels.end; c += W) {
        const index_t left = columns - c;
        const taps<W, K> w(weight, c, left);
        for (index_t i = 0; i < carried; ++i) {
          store(out, i, c, left,
                gather(i - carried, c, left, w, lanes_t<DH, W>(load<W>(out, i, c, left))));
        }
      }
    }
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
