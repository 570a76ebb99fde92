// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The selective scan on packs: a register of channels at a time, all their states in cache.
#pragma once

#include <algorithm>
#include <attd/backends/eigen/execution.hpp>
#include <attd/backends/eigen/lane_array.hpp>
#include <attd/backends/eigen/rows.hpp>
#include <attd/operations/selective_scan.hpp>
#include <type_traits>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

// States whose recurrences run side by side in one pass over the tokens; more take more passes.
inline constexpr index_t scan_state_block = 64;
// Channels that a thread takes at least.
inline constexpr index_t scan_channels = 64;
// How many tokens before their use inputs are asked for.
inline constexpr index_t tokens_ahead = 8;

// Token t of a sequence of one token, whose dynamics and state begin at these rows: a register of
// states at a time. Those of a channel lie side by side, so that nothing is turned.
template <int Bytes, class U, class DT, class A, class B, class C, class D, class I, class Y,
          class F>
ATTD_INLINE void selective_scan_of_token(part channels, index_t t, index_t row_a, index_t row,
                                         view<U> u, view<DT> dt, view<A> a, view<B> b, view<C> c,
                                         view<D> d, view<I> initial, view<Y> y, view<F> final) {
  constexpr int W = lane_count<U, Bytes>;
  using PH = lanes_t<promote_t<U, DT, A, B, I>, W>;
  using S = promote_t<U, DT, A, B, C, D, I>;
  const index_t states = b.columns();
  for (index_t j = channels.begin; j < channels.end; ++j) {
    const auto step = load_broadcast<W>(dt, t, j);
    const auto in = step * load_broadcast<W>(u, t, j);
    const auto power = step * pack<primal_t<U>, W>(log2_of_e);
    lanes_t<S, W> sum(0);
    for_each_pack<W>(states, [&](index_t n, auto count) ATTD_INLINE_LAMBDA {
      const PH h = power_of_2(power * load<W>(a, row_a + j, n, count)) *
                       load_or_zero<W, PH>(initial, row + j, n, count) +
                   in * load<W>(b, t, n, count);
      if constexpr (!is_none_v<view<F>>) store(final, row + j, n, count, h);
      sum += h * load<W>(c, t, n, count);  // lanes beyond the last state are 0
    });
    S total = sum_lanes(sum);
    if constexpr (!is_none_v<view<D>>) {
      const std::remove_const_t<U> x = u.at(t, j);
      const std::remove_const_t<D> skip = d.at(0, j);
      total += skip * x;
    }
    y.at(t, j) = total;
  }
}

/// `operations::selective_scan` on packs, for a part of the channels. A lane's arithmetic depends
/// on nothing but its own channel, so results do not change with the other channels or sequences.
template <int Bytes, class U, class DT, class A, class B, class C, class D, class I, class Y,
          class F>
  requires scannable<U, DT, A, B, C, D, I, Y, F>
ATTD_INLINE void selective_scan(part channels, const sequences& batch, view<U> u, view<DT> dt,
                                view<A> a, view<B> b, view<C> c, view<D> d, view<I> initial,
                                view<Y> y, view<F> final) {
  constexpr int W = lane_count<U, Bytes>;
  using number = primal_t<U>;
  using PA = lanes_t<A, W>;
  using PH = lanes_t<promote_t<U, DT, A, B, I>, W>;
  using PY = lanes_t<promote_t<U, DT, A, B, C, D, I>, W>;
  const index_t columns = u.columns(), states = b.columns();
  PA rate[scan_state_block];
  PH h[scan_state_block];
  for (index_t s = 0; s < batch.count(); ++s) {
    const index_t row_a = operations::detail::dynamics_of(a, s) * columns, row = s * columns;
    const index_t end = batch.offset(s + 1);
    if (end - batch.offset(s) == 1) {
      selective_scan_of_token<Bytes>(channels, end - 1, row_a, row, u, dt, a, b, c, d, initial, y,
                                     final);
      continue;
    }
    const auto scan_pack = [&](index_t j, auto count, auto all_states) ATTD_INLINE_LAMBDA {
      const auto skip = load_or_zero<W, lanes_t<promote_t<U, D>, W>>(d, 0, j, count);
      for (index_t n0 = 0; n0 < all_states; n0 += scan_state_block) {
        const index_t block = std::min<index_t>(all_states - n0, scan_state_block);
        for (index_t n = 0; n < block; ++n) {
          rate[n] = load_rows<W>(a, row_a + j, n0 + n, count) * pack<number, W>(log2_of_e);
          h[n] = load_rows_or_zero<W, PH>(initial, row + j, n0 + n, count);
        }
        for (index_t t = batch.offset(s); t < end; ++t) {
          const auto x = load<W>(u, t, j, count);
          const auto step = load<W>(dt, t, j, count);
          prefetch(u, t + tokens_ahead, j);
          prefetch(dt, t + tokens_ahead, j);
          const auto in = step * x;
          PY sum = n0 == 0 ? PY(skip * x) : PY(load<W>(y, t, j, count));
#pragma GCC unroll 4
          for (index_t n = 0; n < block; ++n) {
            h[n] = power_of_2(step * rate[n]) * h[n] + in * load_broadcast<W>(b, t, n0 + n);
            sum += h[n] * load_broadcast<W>(c, t, n0 + n);
          }
          store(y, t, j, count, sum);
        }
        if constexpr (!is_none_v<view<F>>) {
          for (index_t n = 0; n < block; ++n) store_rows(final, row + j, n0 + n, count, h[n]);
        }
      }
    };
    for (index_t j = channels.begin; j < channels.end; j += W) {
      if (columns - j >= W && states == 16) {  // the usual number: its loops unroll
        scan_pack(j, std::integral_constant<index_t, W>{}, std::integral_constant<index_t, 16>{});
      } else {
        scan_pack(j, columns - j, states);
      }
    }
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
