// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The backward of the selective scan on packs, with the states recomputed in chunks of tokens.
#pragma once

#include <algorithm>
#include <attd/backends/eigen/execution.hpp>
#include <attd/backends/eigen/lane_array.hpp>
#include <attd/backends/eigen/selective_scan.hpp>
#include <attd/operations/selective_scan.hpp>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

/// Channels whose shares of d_b and d_c are summed before they are added to those of the others:
/// fixed, so that the sums do not depend on who computes them.
inline constexpr index_t channel_group = 128;

/// The forward's output y_t = d u_t + sum_n c_t h_t of a chunk's tokens, given their states, in the
/// forward's order.
template <int W, class U, class C, class D, class States, class Y>
ATTD_INLINE void scan_output_of_chunk(view<U> u, view<C> c, view<D> d, const States& h, view<Y> y,
                                      index_t begin, index_t size, index_t j, index_t states) {
  const index_t count = y.columns() - j;
  const auto skip = load_or_zero<W, lanes_t<promote_t<U, D>, W>>(d, 0, j, count);
  for (index_t i = 0; i < size; ++i) {
    lanes_t<Y, W> sum(skip * load<W>(u, begin + i, j, count));
#pragma GCC unroll 4
    for (index_t n = 0; n < states; ++n) {
      sum += h[i * states + n] * load_broadcast<W>(c, begin + i, n);
    }
    store(y, begin + i, j, count, sum);
  }
}

/// `operations::selective_scan_backward` on packs for one group of channels. States are recomputed
/// in chunks of tokens that stay in cache, from states kept at the beginning of each chunk; only
/// what the gradients asked for need is computed. Sums over channels (d_b, d_c) add registers of
/// channels in order and then their lanes. Memory: tokens / chunk x group x states numbers.
template <int Bytes, class Number, class U, class DT, class A, class B, class C, class D, class I,
          class DY, class DF, class DU, class DDT, class DA, class DB, class DC, class DD, class DI,
          class Y>
ATTD_INLINE void selective_scan_backward_of_group(part group, const sequences& batch,
                                                  tensor<Number>& memory, view<U> u, view<DT> dt,
                                                  view<A> a, view<B> b, view<C> c, view<D> d,
                                                  view<I> initial, view<DY> d_y, view<DF> d_final,
                                                  view<DU> d_u, view<DDT> d_dt, view<DA> d_a,
                                                  view<DB> d_b, view<DC> d_c, view<DD> d_d,
                                                  view<DI> d_initial, view<Y> y) {
  constexpr int W = lane_count<U, Bytes>;
  using number = primal_t<U>;
  using E = promote_t<DT, A>;
  using H = promote_t<E, U, B, I>;
  using G = promote_t<E, C, DY, DF>;
  using PA = lanes_t<A, W>;
  using PE = lanes_t<E, W>;
  using PH = lanes_t<H, W>;
  using PG = lanes_t<G, W>;
  using PS = lanes_t<promote_t<G, H>, W>;  // sums
  using PI = lanes_t<promote_t<DT, U>, W>;
  using PDT = lanes_t<DT, W>;
  using PDY = lanes_t<DY, W>;
  constexpr bool want_u = !is_none_v<view<DU>>, want_dt = !is_none_v<view<DDT>>;
  constexpr bool want_a = !is_none_v<view<DA>>, want_b = !is_none_v<view<DB>>;
  constexpr bool want_c = !is_none_v<view<DC>>, want_d = !is_none_v<view<DD>>;
  constexpr bool want_state = want_dt || want_a;  // the states before each token
  constexpr bool may_want_y = !is_none_v<view<Y>>;
  [[maybe_unused]] const bool want_y = operations::detail::exists(y);
  constexpr index_t tile = 4;  // states whose carried values stay in registers

  const index_t channels = u.columns(), states = b.columns();
  const index_t blocks = (group.end - group.begin + W - 1) / W;
  // About 48 KiB for what a chunk keeps of each token.
  const index_t per_token =
      states * static_cast<index_t>(sizeof(PE) + sizeof(PH) + (want_b ? sizeof(PS) : 0) +
                                    (want_c ? sizeof(PS) : 0));
  const index_t chunk = std::clamp<index_t>(49152 / std::max<index_t>(1, per_token), 4, 64);
  index_t longest = 0;
  for (index_t s = 0; s < batch.count(); ++s) longest = std::max(longest, batch.length(s));
  const index_t most_chunks = (longest + chunk - 1) / chunk;

  struct arrays {
    lane_array<PA> rates;        // [block, state], times log2(e)
    lane_array<PH> starts;       // [chunk, block, state]: the state before each chunk
    lane_array<PH> h;            // [token + 1, state]
    lane_array<PE> decay;        // [token, state]
    lane_array<PG> carried;      // [block, state]: e_{t+1} g_{t+1}
    lane_array<PS> sum_a;        // [block, state]
    lane_array<PS> sum_b;        // [token, state]
    lane_array<PS> sum_c;        // [token, state]
    lane_array<PS> sum_d;        // [block]
    lane_array<PS> through_sum;  // [token]: sum_n a e h g / log(2)
    lane_array<PS> in_sum;       // [token]: sum_n b g
    lane_array<PI> in;           // [token]: dt u
    lane_array<PDT> step;        // [token]
    lane_array<PDY> dy;          // [token]
  };
  const auto cut = [=](lane_arena<number>& arena) {
    arrays m;
    m.rates = arena.template take<PA>(blocks * states);
    m.starts = arena.template take<PH>(most_chunks * blocks * states);
    m.h = arena.template take<PH>((chunk + 1) * states);
    m.decay = arena.template take<PE>(chunk * states);
    m.carried = arena.template take<PG>(blocks * states);
    m.sum_a = arena.template take<PS>(want_a ? blocks * states : 0);
    m.sum_b = arena.template take<PS>(want_b ? chunk * states : 0);
    m.sum_c = arena.template take<PS>(want_c ? chunk * states : 0);
    m.sum_d = arena.template take<PS>(want_d ? blocks : 0);
    m.through_sum = arena.template take<PS>(chunk);
    m.in_sum = arena.template take<PS>(chunk);
    m.in = arena.template take<PI>(chunk);
    m.step = arena.template take<PDT>(chunk);
    m.dy = arena.template take<PDY>(chunk);
    return m;
  };
  lane_arena<number> sizes;
  cut(sizes);
  memory.resize({sizes.used});
  lane_arena<number> arena{memory.data()};
  const arrays m = cut(arena);

  for (index_t s = 0; s < batch.count(); ++s) {
    const index_t first = batch.offset(s), length = batch.length(s);
    const index_t row_a = operations::detail::dynamics_of(a, s) * channels, row = s * channels;
    const index_t chunks = (length + chunk - 1) / chunk;

    // A single token's output has an order of its own in the forward.
    if constexpr (may_want_y) {
      if (want_y && length == 1) {
        selective_scan_of_token<Bytes>(group, first, row_a, row, u, dt, a, b, c, d, initial, y,
                                       view<none>{});
      }
    }
    // The state at the beginning of every chunk.
    for (index_t k = 0; k < blocks; ++k) {
      const index_t j = group.begin + k * W, count = channels - j, at = k * states;
      const auto rate = m.rates.from(at);
      for (index_t n = 0; n < states; ++n) {
        rate.set(n, load_rows<W>(a, row_a + j, n, count) * pack<number, W>(log2_of_e));
        m.starts.set(at + n, load_rows_or_zero<W, PH>(initial, row + j, n, count));
        m.carried.set(at + n, load_rows_or_zero<W, PG>(d_final, row + j, n, count));
        if constexpr (want_a) m.sum_a.set(at + n, PS(0));
      }
      if constexpr (want_d) m.sum_d.set(k, PS(0));
    }
    for (index_t q = 0; q + 1 < chunks; ++q) {
      for (index_t k = 0; k < blocks; ++k) {
        const index_t j = group.begin + k * W, count = channels - j, at = k * states;
        const auto rate = m.rates.from(at);
        const auto now = m.starts.from(q * blocks * states + at);
        const auto next = m.starts.from((q + 1) * blocks * states + at);
        for (index_t n = 0; n < states; ++n) next.set(n, now[n]);
        const index_t ahead = k + 1 < blocks ? 0 : chunk,
                      ahead_column = k + 1 < blocks ? j + W : group.begin;
        for (index_t t = first + q * chunk; t < first + (q + 1) * chunk; ++t) {
          const index_t ahead_row = std::min(t + ahead, first + length - 1);
          prefetch<2>(dt, ahead_row, ahead_column);
          prefetch<2>(u, ahead_row, ahead_column);
          const auto dt_t = load<W>(dt, t, j, count);
          const auto in_t = dt_t * load<W>(u, t, j, count);
#pragma GCC unroll 4
          for (index_t n = 0; n < states; ++n) {
            next.set(n, power_of_2(dt_t * rate[n]) * next[n] + in_t * load_broadcast<W>(b, t, n));
          }
        }
      }
    }

    for (index_t q = chunks - 1; q >= 0; --q) {
      const index_t begin = first + q * chunk, size = std::min(chunk, first + length - begin);
      if constexpr (want_b) m.sum_b.fill_zero(size * states);
      if constexpr (want_c) m.sum_c.fill_zero(size * states);
      for (index_t k = 0; k < blocks; ++k) {
        const index_t j = group.begin + k * W, count = channels - j, at = k * states;
        const auto rate = m.rates.from(at);

        // Forward through the chunk, keeping states and decays.
        const auto start = m.starts.from(q * blocks * states + at);
        for (index_t n = 0; n < states; ++n) m.h.set(n, start[n]);
        const index_t ahead = k + 1 < blocks ? 0 : chunk,
                      ahead_column = k + 1 < blocks ? j + W : group.begin;
        for (index_t i = 0; i < size; ++i) {
          const index_t ahead_row = std::max(begin + i - ahead, first);
          prefetch<2>(dt, ahead_row, ahead_column);
          prefetch<2>(u, ahead_row, ahead_column);
          prefetch<2>(d_y, ahead_row, ahead_column);
          prefetch<2>(d_u, ahead_row, ahead_column);
          prefetch<2>(d_dt, ahead_row, ahead_column);
          const auto dt_t = load<W>(dt, begin + i, j, count);
          const auto in_t = dt_t * load<W>(u, begin + i, j, count);
          m.step.set(i, dt_t);
          m.in.set(i, in_t);
          m.dy.set(i, load<W>(d_y, begin + i, j, count));
          m.through_sum.set(i, PS(0));
          m.in_sum.set(i, PS(0));
          const auto before = m.h.from(i * states), after = m.h.from((i + 1) * states);
          const auto e = m.decay.from(i * states);
#pragma GCC unroll 4
          for (index_t n = 0; n < states; ++n) {
            const PE e_n = power_of_2(dt_t * rate[n]);
            e.set(n, e_n);
            if constexpr (want_state || want_c || may_want_y) {
              after.set(n, e_n * before[n] + in_t * load_broadcast<W>(b, begin + i, n));
            }
          }
        }
        if constexpr (may_want_y) {
          if (want_y && length > 1) {
            scan_output_of_chunk<W>(u, c, d, m.h.from(states), y, begin, size, j, states);
          }
        }

        // Backward, a tile of states at a time.
        const auto walk = [&]<index_t Tile>(std::integral_constant<index_t, Tile>,
                                            index_t n0) ATTD_INLINE_LAMBDA {
          PG g[Tile];
          PS total[Tile];
          for (index_t n = 0; n < Tile; ++n) {
            g[n] = m.carried[at + n0 + n];
            if constexpr (want_a) total[n] = m.sum_a[at + n0 + n];
          }
          for (index_t i = size - 1; i >= 0; --i) {
            const index_t t = begin + i, cell = i * states + n0;
            const PDY dy_t = m.dy[i];
            PS through_sum = m.through_sum[i], in_sum = m.in_sum[i];
#pragma GCC unroll 4
            for (index_t n = 0; n < Tile; ++n) {
              const PG g_t = g[n] + dy_t * load_broadcast<W>(c, t, n0 + n);
              g[n] = g_t * m.decay[cell + n];
              if constexpr (want_u || want_dt) in_sum += g_t * load_broadcast<W>(b, t, n0 + n);
              if constexpr (want_b) m.sum_b.accumulate(cell + n, PS(g_t * m.in[i]));
              if constexpr (want_c) m.sum_c.accumulate(cell + n, PS(dy_t * m.h[cell + states + n]));
              if constexpr (want_state) {
                const PS through = g[n] * m.h[cell + n];
                if constexpr (want_dt) through_sum += through * rate[n0 + n];
                if constexpr (want_a) total[n] += through * m.step[i];
              }
            }
            if constexpr (want_dt) m.through_sum.set(i, through_sum);
            if constexpr (want_u || want_dt) m.in_sum.set(i, in_sum);
          }
          for (index_t n = 0; n < Tile; ++n) {
            m.carried.set(at + n0 + n, g[n]);
            if constexpr (want_a) m.sum_a.set(at + n0 + n, total[n]);
          }
        };
        index_t n0 = 0;
        for (; n0 + tile <= states; n0 += tile) walk(std::integral_constant<index_t, tile>{}, n0);
        for (; n0 < states; ++n0) walk(std::integral_constant<index_t, 1>{}, n0);

        if constexpr (want_u || want_dt || want_d) {
          for (index_t i = 0; i < size; ++i) {
            const index_t t = begin + i;
            const auto x = load<W>(u, t, j, count);
            if constexpr (want_u) {
              const auto skip = load_or_zero<W, lanes_t<promote_t<U, D>, W>>(d, 0, j, count);
              add(d_u, t, j, count, m.in_sum[i] * m.step[i] + skip * m.dy[i]);
            }
            if constexpr (want_dt) {
              add(d_dt, t, j, count,
                  m.through_sum[i] * pack<number, W>(log_of_2) + m.in_sum[i] * x);
            }
            if constexpr (want_d) m.sum_d.accumulate(k, PS(m.dy[i] * x));
          }
        }
      }
      for (index_t i = 0; i < size; ++i) {
        for (index_t n = 0; n < states; ++n) {
          if constexpr (want_b) d_b.at(begin + i, n) += sum_lanes(m.sum_b[i * states + n]);
          if constexpr (want_c) d_c.at(begin + i, n) += sum_lanes(m.sum_c[i * states + n]);
        }
      }
    }

    for (index_t k = 0; k < blocks; ++k) {
      const index_t j = group.begin + k * W, count = channels - j, at = k * states;
      if constexpr (want_d) add(d_d, 0, j, count, m.sum_d[k]);
      for (index_t n = 0; n < states; ++n) {
        if constexpr (want_a) {
          const index_t row_da = operations::detail::dynamics_of(d_a, s) * channels;
          add_rows(d_a, row_da + j, n, count, m.sum_a[at + n]);
        }
        if constexpr (!is_none_v<view<DI>>)
          add_rows(d_initial, row + j, n, count, m.carried[at + n]);
      }
    }
  }
}

/// The same for all groups of a part of the channels, whose ends are ends of groups.
template <int Bytes, class Number, class... Views>
ATTD_INLINE void selective_scan_backward(part channels, const sequences& batch,
                                         tensor<Number>& memory, const Views&... views) {
  for (index_t j = channels.begin; j < channels.end; j += channel_group) {
    selective_scan_backward_of_group<Bytes>(
        part{j, std::min(j + channel_group, channels.end), channels.worker}, batch, memory,
        views...);
  }
}

/// Runs scan(b_of, c_of)(bytes, channels) over all channels, where b_of(channels) and
/// c_of(channels) say where the shares of d_b and d_c go: straight to their places or, with several
/// threads, to places of each group's own that are added up in order.
template <class T, class DB, class DC, class F>
void with_shares(execution& run, operations::selective_scan_scratch<T>& scratch, index_t channels,
                 index_t work, view<DB> d_b, view<DC> d_c, const F& scan) {
  const index_t groups = (channels + channel_group - 1) / channel_group;
  const auto all_b = [&](const part&) { return d_b; };
  const auto all_c = [&](const part&) { return d_c; };
  constexpr bool want_b = !is_none_v<view<DB>>, want_c = !is_none_v<view<DC>>;
  if constexpr (!want_b && !want_c) {
    return run.in_parts(channels, channel_group, work, scan(all_b, all_c));
  } else {
    if (groups < 2 || !run.is_worth(work)) return run.whole(channels, scan(all_b, all_c));
    const auto make_place = [&](tensor<T>& places, const auto& d) {
      if constexpr (!is_none_v<std::remove_cvref_t<decltype(d)>>) {
        places.assign({groups, d.rows(), d.columns()});
      }
    };
    make_place(scratch.shares_b, d_b);
    make_place(scratch.shares_c, d_c);
    const auto place_of = [](tensor<T>& places, const auto& d) {
      return [&](const part& p) {
        if constexpr (is_none_v<std::remove_cvref_t<decltype(d)>>) {
          return d;
        } else {
          return places.view()[p.begin / channel_group];
        }
      };
    };
    const auto b_of = place_of(scratch.shares_b, d_b);
    const auto c_of = place_of(scratch.shares_c, d_c);
    const auto kernel = scan(b_of, c_of);
    run.each(groups, [&](index_t worker, index_t g) {
      run.with_part({g * channel_group, std::min((g + 1) * channel_group, channels), worker},
                    kernel);
    });
    const auto add_up = [&](tensor<T>& places, const auto& d) {
      if constexpr (!is_none_v<std::remove_cvref_t<decltype(d)>>) {
        for (index_t g = 0; g < groups; ++g) {
          const auto share = places.view()[g];
          for (index_t r = 0; r < d.rows(); ++r) {
            for (index_t c = 0; c < d.columns(); ++c) d.at(r, c) += T(share.at(r, c));
          }
        }
      }
    };
    add_up(scratch.shares_b, d_b);
    add_up(scratch.shares_c, d_c);
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
