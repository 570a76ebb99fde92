// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A blocked matrix product on packs: the widest registers of the processor, whatever the flags.
#pragma once

#include <algorithm>
#include <attd/backends/eigen/product_loops.hpp>
#include <attd/core/tensor.hpp>
#include <type_traits>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

/// Memory for packed blocks; grows to the largest product it has seen and stays.
template <class T>
struct product_scratch {
  tensor<T> left;
  tensor<T> right;
};

// Depth of a block: a panel of it and the rows of a tile stay in the first cache.
inline constexpr index_t panel_depth = 256;
// Columns whose panels are packed at once: they stay in the second cache.
inline constexpr index_t packed_columns = 1536;
// Packs side by side in a tile.
inline constexpr int panel_packs = 2;
// Rows of a tile: with two packs each, as many sums as there are registers to keep them in.
template <int Bytes>
inline constexpr int tile_rows = Bytes == 64 ? 12 : 6;

// Four rows of four numbers, turned.
template <class T>
ATTD_INLINE void turn_four(const T* from, index_t stride, T* to, index_t step) {
  using V = pack<T, 4>;
  const auto a = V::load(from).lanes, b = V::load(from + stride).lanes;
  const auto c = V::load(from + 2 * stride).lanes, d = V::load(from + 3 * stride).lanes;
  const auto ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const auto ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const auto cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const auto cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  V r[4];
  r[0].lanes = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  r[1].lanes = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  r[2].lanes = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  r[3].lanes = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
  for (int i = 0; i < 4; ++i) r[i].store(to + i * step);
}

// to[k][j] = element k of op(B)'s column first + j for j < columns, 0 for the rest of `width`.
template <transpose Tb, class T>
ATTD_INLINE void pack_panel(view<const T> b, index_t first, index_t columns, index_t first_k,
                            index_t depth, index_t width, T* to) {
  if constexpr (Tb == transpose::no) {
    for (index_t k = 0; k < depth; ++k) {
      const T* from = b.data() + (first_k + k) * b.stride() + first;
      std::copy_n(from, columns, to + k * width);
    }
  } else {
    const T* from = b.data() + first * b.stride() + first_k;
    index_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      index_t k = 0;
      for (; k + 4 <= depth; k += 4) {
        turn_four(from + j * b.stride() + k, b.stride(), to + k * width + j, width);
      }
      for (; k < depth; ++k) {
        for (index_t i = j; i < j + 4; ++i) to[k * width + i] = from[i * b.stride() + k];
      }
    }
    for (; j < columns; ++j) {
      for (index_t k = 0; k < depth; ++k) to[k * width + j] = from[j * b.stride() + k];
    }
  }
  for (index_t k = 0; k < depth && columns < width; ++k) {
    std::fill(to + k * width + columns, to + (k + 1) * width, T(0));
  }
}

// R rows of C for one panel: every element is one sum over the block's depth, in order.
template <int Bytes, int R, class T>
ATTD_INLINE void panel_tile(const T* a, index_t row_a, index_t step_a, const T* panel, T* c,
                            index_t stride_c, index_t depth, index_t columns, bool add) {
  using V = pack<T, lane_count<T, Bytes>>;
  constexpr index_t W = V::width;
  constexpr int P = panel_packs;
  V sum[R][P];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      const index_t left = columns - p * W;
      const T* at = c + r * stride_c + p * W;
      sum[r][p] = V(T(0));
      if (add && left >= W) {
        sum[r][p] = V::load(at);
      } else if (add && left > 0) {
        sum[r][p] = V::load_partial(at, left);
      }
    }
  }
  for (index_t k = 0; k < depth; ++k, a += step_a, panel += P * W) {
    V row[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) row[p] = V::load(panel + p * W);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const V x(a[r * row_a]);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) sum[r][p] += x * row[p];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      const index_t left = columns - p * W;
      T* at = c + r * stride_c + p * W;
      if (left >= W) {
        sum[r][p].store(at);
      } else if (left > 0) {
        sum[r][p].store_partial(at, left);
      }
    }
  }
}

/// C (+)= op(A) op(B). Every element is the sum of its blocks of depth, each in order: its bits
/// depend on the depth alone, not on other rows or columns.
template <int Bytes, transpose Ta, transpose Tb, update U, class T>
ATTD_INLINE void product_in_panels(product_scratch<T>& scratch, view<const T> a, view<const T> b,
                                   view<T> c, index_t depth) {
  constexpr index_t width = panel_packs * lane_count<T, Bytes>, R = tile_rows<Bytes>;
  constexpr bool turned = Ta == transpose::yes;
  const index_t rows = c.rows(), columns = c.columns();
  scratch.right.resize({std::min(packed_columns, (columns + width - 1) / width * width) *
                        std::min(depth, panel_depth)});
  if constexpr (turned) scratch.left.resize({R * std::min(depth, panel_depth)});
  for (index_t first = 0; first < columns; first += packed_columns) {
    const index_t end = std::min(columns, first + packed_columns);
    for (index_t k0 = 0; k0 < depth; k0 += panel_depth) {
      const index_t size = std::min(panel_depth, depth - k0);
      const bool add = U == update::add || k0 > 0;
      for (index_t j = first; j < end; j += width) {
        pack_panel<Tb>(b, j, std::min(width, end - j), k0, size, width,
                       scratch.right.data() + (j - first) * size);
      }
      const auto strip = [&](auto count, index_t i) ATTD_INLINE_LAMBDA {
        constexpr index_t N = count();
        const T* from = turned ? a.data() + k0 * a.stride() + i : a.data() + i * a.stride() + k0;
        index_t row_a = a.stride(), step_a = 1;
        if constexpr (turned) {  // the strip's numbers side by side, instead of a row apart
          for (index_t k = 0; k < size; ++k) {
            for (index_t r = 0; r < N; ++r) {
              scratch.left.data()[k * N + r] = from[k * a.stride() + r];
            }
          }
          from = scratch.left.data();
          row_a = 1;
          step_a = N;
        }
        for (index_t j = first; j < end; j += width) {
          panel_tile<Bytes, N>(from, row_a, step_a, scratch.right.data() + (j - first) * size,
                               c.data() + i * c.stride() + j, c.stride(), size, end - j, add);
        }
      };
      index_t i = 0;
      for (; i + R <= rows; i += R) strip(std::integral_constant<index_t, R>{}, i);
      for (; i + 4 <= rows; i += 4) strip(std::integral_constant<index_t, 4>{}, i);
      for (; i < rows; ++i) strip(std::integral_constant<index_t, 1>{}, i);
    }
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
