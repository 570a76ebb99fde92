// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The complex diagonal scan on packs: a register of channels at a time.
#pragma once

#include <algorithm>
#include <attd/backends/eigen/execution.hpp>
#include <attd/backends/eigen/lane_array.hpp>
#include <attd/operations/complex_scan.hpp>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

// States whose recurrences run side by side in one pass over the tokens; more take more passes.
inline constexpr index_t complex_state_block = 32;

// States that the backward walks through side by side: more would not stay in registers.
inline constexpr index_t complex_tile = 2;

// Calls f(std::integral_constant of a tile's size, its first state) for all states.
template <index_t Tile, class F>
ATTD_INLINE void in_tiles(index_t states, const F& f) {
  index_t n = 0;
  for (; n + Tile <= states; n += Tile) f(std::integral_constant<index_t, Tile>{}, n);
  for (; n < states; ++n) f(std::integral_constant<index_t, 1>{}, n);
}

/// A complex number as two packs (or duals of packs).
template <class P>
struct complex_lanes {
  P re, im;

  // a x + b y, for real y
  template <class A, class X, class B, class Y>
  static ATTD_INLINE complex_lanes step(const A& a, const X& x, const B& b, const Y& y) {
    return {a.re * x.re - a.im * x.im + b.re * y, a.re * x.im + a.im * x.re + b.im * y};
  }
};

template <int W, class X>
ATTD_INLINE complex_lanes<lanes_t<X, W>> load_rows(operations::complex_view<X> v, index_t row,
                                                   index_t column, index_t count) {
  return {attd::load_rows<W>(v.re, row, column, count),
          attd::load_rows<W>(v.im, row, column, count)};
}

/// `operations::complex_scan` on packs.
template <int Bytes, operations::direction Way, class U, class A, class B, class C, class D,
          class I, class Y, class F>
  requires scannable<U, A, B, C, D, I, Y, F>
ATTD_INLINE void complex_scan(part part_of_channels, const sequences& batch, view<U> u,
                              operations::complex_view<A> a, operations::complex_view<B> b,
                              operations::complex_view<C> c, view<D> d,
                              operations::complex_view<I> initial, view<Y> y,
                              operations::complex_view<F> final) {
  using operations::detail::dynamics_of;
  constexpr int W = lane_count<U, Bytes>;
  using PH = lanes_t<promote_t<U, A, B, I>, W>;
  using PY = lanes_t<promote_t<U, A, B, C, D, I>, W>;
  const index_t channels = u.columns(), states = c.re.columns();
  complex_lanes<lanes_t<A, W>> a_n[complex_state_block];
  complex_lanes<lanes_t<B, W>> b_n[complex_state_block];
  complex_lanes<lanes_t<C, W>> c_n[complex_state_block];
  complex_lanes<PH> h[complex_state_block];
  for (index_t s = 0; s < batch.count(); ++s) {
    const index_t first = batch.offset(s), length = batch.length(s), row = s * channels;
    const index_t row_a = dynamics_of(a.re, s) * channels, row_b = dynamics_of(b.re, s) * channels;
    for (index_t j = part_of_channels.begin; j < part_of_channels.end; j += W) {
      const index_t count = channels - j;
      const auto skip = load_or_zero<W, lanes_t<promote_t<U, D>, W>>(d, 0, j, count);
      for (index_t n0 = 0; n0 < states; n0 += complex_state_block) {
        const index_t block = std::min(states - n0, complex_state_block);
        for (index_t n = 0; n < block; ++n) {
          const primal_t<U> two(2);
          a_n[n] = load_rows<W>(a, row_a + j, n0 + n, count);
          b_n[n] = load_rows<W>(b, row_b + j, n0 + n, count);
          c_n[n] = load_rows<W>(c, j, n0 + n, count);
          c_n[n] = {c_n[n].re * pack<primal_t<U>, W>(two), c_n[n].im * pack<primal_t<U>, W>(two)};
          h[n] = {load_rows_or_zero<W, PH>(initial.re, row + j, n0 + n, count),
                  load_rows_or_zero<W, PH>(initial.im, row + j, n0 + n, count)};
        }
        for (index_t i = 0; i < length; ++i) {
          const index_t t = operations::detail::scan_token<Way>(first, length, i);
          const auto x = load<W>(u, t, j, count);
          prefetch(u,
                   operations::detail::scan_token<Way>(first, length, std::min(i + 8, length - 1)),
                   j);
          PY sum = n0 == 0 ? PY(skip * x) : PY(load<W>(y, t, j, count));
          for (index_t n = 0; n < block; ++n) {
            h[n] = complex_lanes<PH>::step(a_n[n], h[n], b_n[n], x);
            sum += c_n[n].re * h[n].re - c_n[n].im * h[n].im;
          }
          store(y, t, j, count, sum);
        }
        if constexpr (!is_none_v<view<F>>) {
          for (index_t n = 0; n < block; ++n) {
            store_rows(final.re, row + j, n0 + n, count, h[n].re);
            store_rows(final.im, row + j, n0 + n, count, h[n].im);
          }
        }
      }
    }
  }
}

/// `operations::complex_scan_backward` on packs. For each register of channels, states are kept at
/// the beginning of chunks of tokens and recomputed chunk by chunk in cache.
template <int Bytes, operations::direction Way, class Number, class U, class A, class B, class C,
          class D, class I, class DY, class DF, class DU, class DA, class DB, class DC, class DD,
          class DI>
  requires scannable<U, A, B, C, D, I, DY, DF, DU, DA, DB, DC, DD, DI>
ATTD_INLINE void complex_scan_backward(
    part part_of_channels, const sequences& batch, tensor<Number>& memory, view<U> u,
    operations::complex_view<A> a, operations::complex_view<B> b, operations::complex_view<C> c,
    view<D> d, operations::complex_view<I> initial, view<DY> d_y,
    operations::complex_view<DF> d_final, view<DU> d_u, operations::complex_view<DA> d_a,
    operations::complex_view<DB> d_b, operations::complex_view<DC> d_c, view<DD> d_d,
    operations::complex_view<DI> d_initial) {
  using operations::detail::dynamics_of;
  constexpr int W = lane_count<U, Bytes>;
  using number = primal_t<U>;
  using PU = lanes_t<U, W>;
  using PDY = lanes_t<DY, W>;
  using PH = lanes_t<promote_t<U, A, B, I>, W>;
  using PG = lanes_t<promote_t<A, C, DY, DF>, W>;
  using PS = lanes_t<promote_t<U, A, B, C, I, DY, DF>, W>;
  constexpr bool want_u = !is_none_v<view<DU>>, want_a = !is_none_v<view<DA>>;
  constexpr bool want_b = !is_none_v<view<DB>>, want_c = !is_none_v<view<DC>>;
  constexpr bool want_d = !is_none_v<view<DD>>;
  constexpr bool want_states = want_a || want_c;
  const pack<number, W> two(number(2));

  const index_t channels = u.columns(), states = c.re.columns();
  constexpr index_t chunk = 128;  // what a tile keeps of its tokens stays in the first cache
  index_t longest = 0;
  for (index_t s = 0; s < batch.count(); ++s) longest = std::max(longest, batch.length(s));
  const index_t most_chunks = (longest + chunk - 1) / chunk;

  struct arrays {
    lane_array<PH> starts_re, starts_im;    // [chunk, state]: the state before each chunk
    lane_array<PH> h_re, h_im;              // [token + 1, state of the tile]
    lane_array<PG> carried_re, carried_im;  // [state]: a* g of the token after
    lane_array<PS> sums;                    // [state, 6]: d_a, d_b, d_c
    lane_array<PS> in_sum;                  // [token]: Re sum_n g b*
    lane_array<PU> x;                       // [token]
    lane_array<PDY> dy;                     // [token]
  };
  const auto cut = [=](lane_arena<number>& arena) {
    arrays m;
    m.starts_re = arena.template take<PH>(most_chunks * states);
    m.starts_im = arena.template take<PH>(most_chunks * states);
    m.h_re = arena.template take<PH>((chunk + 1) * complex_tile);
    m.h_im = arena.template take<PH>((chunk + 1) * complex_tile);
    m.carried_re = arena.template take<PG>(states);
    m.carried_im = arena.template take<PG>(states);
    m.sums = arena.template take<PS>(6 * states);
    m.in_sum = arena.template take<PS>(chunk);
    m.x = arena.template take<PU>(chunk);
    m.dy = arena.template take<PDY>(chunk);
    return m;
  };
  lane_arena<number> sizes;
  cut(sizes);
  memory.resize({sizes.used});
  lane_arena<number> arena{memory.data()};
  const arrays m = cut(arena);

  for (index_t s = 0; s < batch.count(); ++s) {
    const index_t first = batch.offset(s), length = batch.length(s), row = s * channels;
    const index_t row_a = dynamics_of(a.re, s) * channels, row_b = dynamics_of(b.re, s) * channels;
    const index_t chunks = (length + chunk - 1) / chunk;
    const auto token = [=](index_t i) {
      return operations::detail::scan_token<Way>(first, length, i);
    };
    for (index_t j = part_of_channels.begin; j < part_of_channels.end; j += W) {
      const index_t count = channels - j;
      PS sum_d(0);
      for (index_t n = 0; n < states; ++n) {
        m.starts_re.set(n, load_rows_or_zero<W, PH>(initial.re, row + j, n, count));
        m.starts_im.set(n, load_rows_or_zero<W, PH>(initial.im, row + j, n, count));
        m.carried_re.set(n, load_rows_or_zero<W, PG>(d_final.re, row + j, n, count));
        m.carried_im.set(n, load_rows_or_zero<W, PG>(d_final.im, row + j, n, count));
        m.sums.from(6 * n).fill_zero(6);
      }
      // The state at the beginning of each chunk; several states side by side, since each waits for
      // its own last value.
      for (index_t q = 0; want_states && q + 1 < chunks; ++q) {
        for (index_t i = 0; i < chunk; ++i) m.x.set(i, load<W>(u, token(q * chunk + i), j, count));
        const auto run = [&](auto tile, index_t n0) ATTD_INLINE_LAMBDA {
          constexpr index_t Tile = tile();
          complex_lanes<lanes_t<A, W>> a_n[Tile];
          complex_lanes<lanes_t<B, W>> b_n[Tile];
          complex_lanes<PH> h[Tile];
          for (index_t k = 0; k < Tile; ++k) {
            a_n[k] = load_rows<W>(a, row_a + j, n0 + k, count);
            b_n[k] = load_rows<W>(b, row_b + j, n0 + k, count);
            h[k] = {m.starts_re[q * states + n0 + k], m.starts_im[q * states + n0 + k]};
          }
          for (index_t i = 0; i < chunk; ++i) {
            const PU x = m.x[i];
#pragma GCC unroll 4
            for (index_t k = 0; k < Tile; ++k) {
              h[k] = complex_lanes<PH>::step(a_n[k], h[k], b_n[k], x);
            }
          }
          for (index_t k = 0; k < Tile; ++k) {
            m.starts_re.set((q + 1) * states + n0 + k, h[k].re);
            m.starts_im.set((q + 1) * states + n0 + k, h[k].im);
          }
        };
        in_tiles<complex_tile>(states, run);
      }

      for (index_t q = chunks - 1; q >= 0; --q) {
        const index_t begin = q * chunk, size = std::min(chunk, length - begin);
        for (index_t i = 0; i < size; ++i) {
          m.x.set(i, load<W>(u, token(begin + i), j, count));
          m.dy.set(i, load<W>(d_y, token(begin + i), j, count));
          m.in_sum.set(i, PS(0));
        }
        const auto walk = [&](auto tile, index_t n0) ATTD_INLINE_LAMBDA {
          constexpr index_t Tile = tile();
          complex_lanes<lanes_t<A, W>> a_n[Tile];
          complex_lanes<lanes_t<B, W>> b_n[Tile];
          complex_lanes<lanes_t<C, W>> c_n[Tile];
          complex_lanes<PG> g[Tile];
          PS sum[Tile][6];
          for (index_t k = 0; k < Tile; ++k) {
            a_n[k] = load_rows<W>(a, row_a + j, n0 + k, count);
            b_n[k] = load_rows<W>(b, row_b + j, n0 + k, count);
            c_n[k] = load_rows<W>(c, j, n0 + k, count);
            g[k] = {m.carried_re[n0 + k], m.carried_im[n0 + k]};
            for (index_t i = 0; i < 6; ++i) sum[k][i] = m.sums[6 * (n0 + k) + i];
          }
          if constexpr (want_states) {
            complex_lanes<PH> h[Tile];
            for (index_t k = 0; k < Tile; ++k) {
              h[k] = {m.starts_re[q * states + n0 + k], m.starts_im[q * states + n0 + k]};
            }
            for (index_t i = 0; i < size; ++i) {
              const PU x = m.x[i];
#pragma GCC unroll 4
              for (index_t k = 0; k < Tile; ++k) {
                m.h_re.set(i * Tile + k, h[k].re);
                m.h_im.set(i * Tile + k, h[k].im);
                h[k] = complex_lanes<PH>::step(a_n[k], h[k], b_n[k], x);
              }
            }
            for (index_t k = 0; k < Tile; ++k) {
              m.h_re.set(size * Tile + k, h[k].re);
              m.h_im.set(size * Tile + k, h[k].im);
            }
          }
          for (index_t i = size - 1; i >= 0; --i) {
            const PDY dy = m.dy[i] * two;
            const PU x = m.x[i];
            PS in_sum = m.in_sum[i];
#pragma GCC unroll 4
            for (index_t k = 0; k < Tile; ++k) {
              g[k].re += c_n[k].re * dy;
              g[k].im -= c_n[k].im * dy;
              if constexpr (want_u) in_sum += g[k].re * b_n[k].re + g[k].im * b_n[k].im;
              if constexpr (want_a) {
                const PH re = m.h_re[i * Tile + k], im = m.h_im[i * Tile + k];
                sum[k][0] += g[k].re * re + g[k].im * im;
                sum[k][1] += g[k].im * re - g[k].re * im;
              }
              if constexpr (want_b) {
                sum[k][2] += g[k].re * x;
                sum[k][3] += g[k].im * x;
              }
              if constexpr (want_c) {
                sum[k][4] += dy * m.h_re[(i + 1) * Tile + k];
                sum[k][5] -= dy * m.h_im[(i + 1) * Tile + k];
              }
              g[k] = {g[k].re * a_n[k].re + g[k].im * a_n[k].im,
                      g[k].im * a_n[k].re - g[k].re * a_n[k].im};
            }
            if constexpr (want_u) m.in_sum.set(i, in_sum);
          }
          for (index_t k = 0; k < Tile; ++k) {
            m.carried_re.set(n0 + k, g[k].re);
            m.carried_im.set(n0 + k, g[k].im);
            for (index_t i = 0; i < 6; ++i) m.sums.set(6 * (n0 + k) + i, sum[k][i]);
          }
        };
        in_tiles<complex_tile>(states, walk);
        for (index_t i = 0; i < size; ++i) {
          if constexpr (want_u) {
            const auto skip = load_or_zero<W, lanes_t<promote_t<U, D>, W>>(d, 0, j, count);
            add(d_u, token(begin + i), j, count, m.in_sum[i] + skip * m.dy[i]);
          }
          if constexpr (want_d) sum_d += m.dy[i] * m.x[i];
        }
      }

      if constexpr (want_d) add(d_d, 0, j, count, sum_d);
      for (index_t n = 0; n < states; ++n) {
        const auto sum = m.sums.from(6 * n);
        if constexpr (want_a) {
          const index_t row_da = dynamics_of(d_a.re, s) * channels + j;
          add_rows(d_a.re, row_da, n, count, sum[0]);
          add_rows(d_a.im, row_da, n, count, sum[1]);
        }
        if constexpr (want_b) {
          const index_t row_db = dynamics_of(d_b.re, s) * channels + j;
          add_rows(d_b.re, row_db, n, count, sum[2]);
          add_rows(d_b.im, row_db, n, count, sum[3]);
        }
        if constexpr (want_c) {
          add_rows(d_c.re, j, n, count, sum[4]);
          add_rows(d_c.im, j, n, count, sum[5]);
        }
        if constexpr (!is_none_v<view<DI>>) {
          add_rows(d_initial.re, row + j, n, count, m.carried_re[n]);
          add_rows(d_initial.im, row + j, n, count, m.carried_im[n]);
        }
      }
    }
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
