// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The dense recurrence on packs: the matrix held column by column, next to the processor.
#pragma once

#include <algorithm>
#include <attd/backends/eigen/lane_array.hpp>
#include <attd/operations/dense_recurrence.hpp>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

// Larger matrices do not fit beside the states in the first cache; they run the plain loops.
inline constexpr index_t largest_dense_state = 64;

// Registers of a row of states, where their number is known, they are full, and four chains of
// sums for each fit in 16 registers; else 0.
template <class N, class P, int W>
inline constexpr int registers_of_row = 0;
template <index_t States, class P, int W>
  requires(States % W == 0 && States / W <= 2 && is_pack_v<P>)
inline constexpr int registers_of_row<std::integral_constant<index_t, States>, P, W> =
    static_cast<int>(States / W);

// A backend with no kernels.
struct plain_loops {};

// base + sum_k matrix[k, block] * row(k), in four chains of sums, since one chain would wait for
// each of its additions. The matrix is [k, block] with `blocks` registers a row.
template <int W, class P, class M, class X, class N>
ATTD_INLINE P dense_product(const P& base, const M* matrix, index_t block, index_t blocks,
                            view<X> v, index_t row, N states) {
  P part[4] = {base, P(0), P(0), P(0)};
  index_t k = 0;
  for (; k + 4 <= states; k += 4) {
#pragma GCC unroll 4
    for (index_t m = 0; m < 4; ++m) {
      part[m] += matrix[(k + m) * blocks + block] * load_broadcast<W>(v, row, k + m);
    }
  }
  for (; k < states; ++k) part[0] += matrix[k * blocks + block] * load_broadcast<W>(v, row, k);
  return (part[0] + part[1]) + (part[2] + part[3]);
}

// The same for `Blocks` registers of a row at once, which share the broadcast numbers of v.
template <int W, int Blocks, class P, class M, class X, class N>
ATTD_INLINE void dense_products(P* base, const M* matrix, view<X> v, index_t row, N) {
  constexpr index_t states = N::value, grouped = states / 4 * 4;
  P part[4][Blocks];
  for (index_t m = 0; m < 4; ++m) {
    for (int r = 0; r < Blocks; ++r) part[m][r] = m == 0 ? base[r] : P(0);
  }
#pragma GCC unroll 16
  for (index_t k = 0; k < states; ++k) {
    const auto x = load_broadcast<W>(v, row, k);
    // As in `dense_product`: what is left over after groups of four goes to the first chain.
    const index_t chain = k < grouped ? k % 4 : 0;
    for (int r = 0; r < Blocks; ++r) part[chain][r] += matrix[k * Blocks + r] * x;
  }
  for (int r = 0; r < Blocks; ++r) {
    base[r] = (part[0][r] + part[1][r]) + (part[2][r] + part[3][r]);
  }
}

template <int Bytes, class A, class X, class I, class H, class F, class N>
ATTD_INLINE void dense_recurrence_of_size(const sequences& batch, view<A> a, view<X> x,
                                          view<I> initial, view<H> h, view<F> final, N states) {
  constexpr int W = lane_count<X, Bytes>;
  using PH = lanes_t<promote_t<A, X, I>, W>;
  constexpr index_t most_blocks = (largest_dense_state + W - 1) / W;
  const index_t blocks = (states + W - 1) / W;
  lanes_t<A, W> matrix[largest_dense_state * most_blocks];
  for (index_t s = 0; s < batch.count(); ++s) {
    if (s == 0 || a.extent(0) != 1) {
      const index_t row = operations::detail::dynamics_of(a, s) * states;
      for (index_t k = 0; k < states; ++k) {
        for (index_t r = 0; r < blocks; ++r) {
          matrix[k * blocks + r] = load_rows<W>(a, row + r * W, k, states - r * W);
        }
      }
    }
    const index_t first = batch.offset(s), end = batch.offset(s + 1);
    PH next[most_blocks] = {};
    constexpr int few = registers_of_row<N, PH, W>;
    for (index_t t = first; t < (few > 0 ? first + 1 : end); ++t) {
      for (index_t r = 0; r < blocks; ++r) {
        const PH base(load<W>(x, t, r * W, states - r * W));
        if (t > first) {
          next[r] = dense_product<W>(base, matrix, r, blocks, h, t - 1, states);
        } else if constexpr (is_none_v<view<I>>) {
          next[r] = base;
        } else {
          next[r] = dense_product<W>(base, matrix, r, blocks, initial, s, states);
        }
      }
      for (index_t r = 0; r < blocks; ++r) store(h, t, r * W, states - r * W, next[r]);
    }
    if constexpr (few > 0) {
      for (index_t t = first + 1; t < end; ++t) {
        for (int r = 0; r < few; ++r) next[r] = PH(load<W>(x, t, r * W, W));
        dense_products<W, few>(next, matrix, h, t - 1, states);
        for (int r = 0; r < few; ++r) store(h, t, r * W, W, next[r]);
      }
    }
    if constexpr (!is_none_v<view<F>>) {
      for (index_t r = 0; r < blocks; ++r) store(final, s, r * W, states - r * W, next[r]);
    }
  }
}

/// `operations::dense_recurrence` on packs, for up to `largest_dense_state` states.
template <int Bytes, class A, class X, class I, class H, class F>
  requires scannable<X, A, I, H, F>
ATTD_INLINE void dense_recurrence(const sequences& batch, view<A> a, view<X> x, view<I> initial,
                                  view<H> h, view<F> final) {
  const index_t states = x.columns();
  if (states == 16) {  // a size worth a kernel of its own: all loops unroll
    dense_recurrence_of_size<Bytes>(batch, a, x, initial, h, final,
                                    std::integral_constant<index_t, 16>{});
  } else if (states <= largest_dense_state) {
    dense_recurrence_of_size<Bytes>(batch, a, x, initial, h, final, states);
  } else {
    plain_loops loops;
    operations::dense_recurrence(loops, batch, a, x, initial, h, final);
  }
}

template <int Bytes, class T, class A, class H, class I, class DH, class DF, class DX, class DA,
          class DI, class N>
ATTD_INLINE void dense_recurrence_backward_of_size(const sequences& batch,
                                                   operations::dense_recurrence_scratch<T>& scratch,
                                                   view<A> a, view<H> h, view<I> initial,
                                                   view<DH> d_h, view<DF> d_final, view<DX> d_x,
                                                   view<DA> d_a, view<DI> d_initial, N states) {
  constexpr int W = lane_count<H, Bytes>;
  using PG = lanes_t<promote_t<A, DH, DF>, W>;
  using PS = lanes_t<promote_t<A, DH, DF, H, I>, W>;
  constexpr index_t most_blocks = (largest_dense_state + W - 1) / W;
  const index_t blocks = (states + W - 1) / W;
  lanes_t<A, W> matrix[largest_dense_state * most_blocks];
  index_t longest = 0;
  for (index_t s = 0; s < batch.count(); ++s) longest = std::max(longest, batch.length(s));
  // g of every token of a sequence: d_a is a product of it afterwards, with its sums in registers.
  scratch.gradient.resize({longest, most_blocks * W});
  const view<T> g = scratch.gradient.view();
  for (index_t s = 0; s < batch.count(); ++s) {
    if (s == 0 || a.extent(0) != 1) {
      const index_t row = operations::detail::dynamics_of(a, s) * states;
      for (index_t i = 0; i < states; ++i) {
        for (index_t r = 0; r < blocks; ++r) {
          matrix[i * blocks + r] = load<W>(a, row + i, r * W, states - r * W);
        }
      }
    }
    const index_t first = batch.offset(s), length = batch.length(s);
    constexpr int few = registers_of_row<N, PG, W>;
    for (index_t i = length - 1; i >= (few > 0 ? length - 1 : 0); --i) {
      const index_t t = first + i;
      for (index_t r = 0; r < blocks; ++r) {
        const index_t count = states - r * W;
        const PG direct(load<W>(d_h, t, r * W, count));
        PG sum;
        if (i == length - 1) {
          sum = direct + load_or_zero<W, PG>(d_final, s, r * W, count);
        } else {
          sum = dense_product<W>(direct, matrix, r, blocks, g, i + 1, states);
        }
        store(g, i, r * W, W, sum);
        if constexpr (!is_none_v<view<DX>>) add(d_x, t, r * W, count, sum);
      }
    }
    if constexpr (few > 0) {
      for (index_t i = length - 2; i >= 0; --i) {
        PG sums[few];
        for (int r = 0; r < few; ++r) sums[r] = PG(load<W>(d_h, first + i, r * W, W));
        dense_products<W, few>(sums, matrix, g, i + 1, states);
        for (int r = 0; r < few; ++r) {
          store(g, i, r * W, W, sums[r]);
          if constexpr (!is_none_v<view<DX>>) add(d_x, first + i, r * W, W, sums[r]);
        }
      }
    }
    if constexpr (!is_none_v<view<DI>>) {
      for (index_t r = 0; r < blocks; ++r) {
        add(d_initial, s, r * W, states - r * W,
            dense_product<W>(PG(0), matrix, r, blocks, g, 0, states));
      }
    }
    if constexpr (!is_none_v<view<DA>>) {
      const index_t row = operations::detail::dynamics_of(d_a, s) * states;
      // Rows of d_a times registers of columns that are summed at once.
      const auto tile = [&]<index_t Rows, index_t Blocks>(std::integral_constant<index_t, Rows>,
                                                          std::integral_constant<index_t, Blocks>,
                                                          index_t i0,
                                                          index_t r0) ATTD_INLINE_LAMBDA {
        const auto count = [&](index_t r) ATTD_INLINE_LAMBDA -> index_t {
          return few > 0 ? W : states - (r0 + r) * W;  // whole registers where the size is known
        };
        PS sum[Rows][Blocks];
        for (index_t m = 0; m < Rows; ++m) {
          for (index_t r = 0; r < Blocks; ++r) sum[m][r] = PS(0);
        }
        const auto add_products = [&](const auto& before, index_t row_before,
                                      index_t i) ATTD_INLINE_LAMBDA {
#pragma GCC unroll 8
          for (index_t m = 0; m < Rows; ++m) {
            const auto gradient = load_broadcast<W>(g, i, i0 + m);
#pragma GCC unroll 2
            for (index_t r = 0; r < Blocks; ++r) {
              sum[m][r] += gradient * load<W>(before, row_before, (r0 + r) * W, count(r));
            }
          }
        };
        for (index_t i = length - 1; i > 0; --i) add_products(h, first + i - 1, i);
        if constexpr (!is_none_v<view<I>>) add_products(initial, s, 0);
        for (index_t m = 0; m < Rows; ++m) {
          for (index_t r = 0; r < Blocks; ++r) {
            add(d_a, row + i0 + m, (r0 + r) * W, count(r), sum[m][r]);
          }
        }
      };
      constexpr std::integral_constant<index_t, 1> one{};
      if constexpr (few == 2) {  // both registers of a row: fewer loads for as many sums
        for (index_t i0 = 0; i0 < states; i0 += 4) {
          tile(std::integral_constant<index_t, 4>{}, std::integral_constant<index_t, 2>{}, i0, 0);
        }
      } else {
        for (index_t r = 0; r < blocks; ++r) {
          index_t i0 = 0;
          for (; i0 + 8 <= states; i0 += 8) {
            tile(std::integral_constant<index_t, 8>{}, one, i0, r);
          }
          if (states % 8 != 0) {  // known where the size is: no such loop then
            for (; i0 < states; ++i0) tile(one, one, i0, r);
          }
        }
      }
    }
  }
}

/// `operations::dense_recurrence_backward` on packs, for up to `largest_dense_state` states.
/// Memory: g of the longest sequence's tokens.
template <int Bytes, class T, class A, class H, class I, class DH, class DF, class DX, class DA,
          class DI>
  requires scannable<H, T, A, I, DH, DF, DX, DA, DI>
ATTD_INLINE void dense_recurrence_backward(const sequences& batch,
                                           operations::dense_recurrence_scratch<T>& scratch,
                                           view<A> a, view<H> h, view<I> initial, view<DH> d_h,
                                           view<DF> d_final, view<DX> d_x, view<DA> d_a,
                                           view<DI> d_initial) {
  const index_t states = h.columns();
  if (states == 16) {
    dense_recurrence_backward_of_size<Bytes>(batch, scratch, a, h, initial, d_h, d_final, d_x, d_a,
                                             d_initial, std::integral_constant<index_t, 16>{});
  } else if (states <= largest_dense_state) {
    dense_recurrence_backward_of_size<Bytes>(batch, scratch, a, h, initial, d_h, d_final, d_x, d_a,
                                             d_initial, states);
  } else {
    plain_loops loops;
    operations::dense_recurrence_backward(loops, batch, scratch, a, h, initial, d_h, d_final, d_x,
                                          d_a, d_initial);
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
