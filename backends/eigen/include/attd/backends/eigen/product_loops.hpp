// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Loops on packs for products too small or too thin for a blocked kernel.
#pragma once

#include <algorithm>
#include <attd/core/pack_access.hpp>
#include <attd/operations/matmul.hpp>
#include <type_traits>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

using operations::transpose;
using operations::update;

// R rows and P packs of C, all full or (P = 1) the first `count` lanes of one. Every element is one
// sum over depth in order, so its bits do not depend on R, P or its place in the tile. a[r row_a +
// k step_a] is op(A), b and c are rows of the given strides.
template <int Bytes, update U, int R, int P, bool Full, class T>
ATTD_INLINE void tile(const T* a, index_t row_a, index_t step_a, const T* b, index_t stride_b, T* c,
                      index_t stride_c, index_t depth, index_t count) {
  using V = pack<T, lane_count<T, Bytes>>;
  constexpr int W = V::width;
  V sum[R][P];
  const auto load = [&](const T* p) ATTD_INLINE_LAMBDA {
    return Full ? V::load(p) : V::load_partial(p, count);
  };
  const auto rank_one = [&](auto&& put) ATTD_INLINE_LAMBDA {
    V row[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) row[p] = load(b + p * W);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const V x(a[r * row_a]);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) put(sum[r][p], x * row[p]);
    }
    a += step_a;
    b += stride_b;
  };
  if constexpr (U == update::add) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) sum[r][p] = load(c + r * stride_c + p * W);
    }
  } else {
    rank_one([](V& s, V term) ATTD_INLINE_LAMBDA { s = term; });
  }
  for (index_t k = U == update::add ? 0 : 1; k < depth; ++k) {
    rank_one([](V& s, V term) ATTD_INLINE_LAMBDA { s += term; });
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      if constexpr (Full) {
        sum[r][p].store(c + r * stride_c + p * W);
      } else {
        sum[r][p].store_partial(c + r * stride_c + p * W, count);
      }
    }
  }
}

// A strip of R rows, widest tiles first.
template <int Bytes, transpose Ta, update U, int R, class T>
ATTD_INLINE void strip(view<const T> a, view<const T> b, view<T> c, index_t depth, index_t i) {
  constexpr index_t W = lane_count<T, Bytes>;
  constexpr bool turned = Ta == transpose::yes;
  const index_t row_a = turned ? 1 : a.stride(), step_a = turned ? a.stride() : 1;
  const index_t columns = c.columns();
  const T* from = a.data() + i * row_a;
  T* to = c.data() + i * c.stride();
  index_t j = 0;
  for (; j + 2 * W <= columns; j += 2 * W) {
    tile<Bytes, U, R, 2, true>(from, row_a, step_a, b.data() + j, b.stride(), to + j, c.stride(),
                               depth, W);
  }
  if (j + W <= columns) {
    tile<Bytes, U, R, 1, true>(from, row_a, step_a, b.data() + j, b.stride(), to + j, c.stride(),
                               depth, W);
    j += W;
  }
  if (j < columns) {
    tile<Bytes, U, R, 1, false>(from, row_a, step_a, b.data() + j, b.stride(), to + j, c.stride(),
                                depth, columns - j);
  }
}

// P packs of every row of  C (+)= a b, a a column and b a row, which stays in registers; all full
// or (P = 1) the first `count` lanes of one.
template <int Bytes, update U, int P, bool Full, class T>
ATTD_INLINE void outer_columns(const T* a, index_t step_a, const T* b, T* c, index_t stride_c,
                               index_t rows, index_t count) {
  using V = pack<T, lane_count<T, Bytes>>;
  constexpr int W = V::width;
  const auto load = [&](const T* p) ATTD_INLINE_LAMBDA {
    return Full ? V::load(p) : V::load_partial(p, count);
  };
  V row[P];
  for (int p = 0; p < P; ++p) row[p] = load(b + p * W);
#pragma GCC unroll 2
  for (index_t i = 0; i < rows; ++i, a += step_a, c += stride_c) {
    const V x(*a);
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      V y = x * row[p];
      if constexpr (U == update::add) y = x * row[p] + load(c + p * W);
      if constexpr (Full) {
        y.store(c + p * W);
      } else {
        y.store_partial(c + p * W, count);
      }
    }
  }
}

// C (+)= a b for a column a and a row b.
template <int Bytes, update U, class T>
ATTD_INLINE void outer_product(const T* a, index_t step_a, const T* b, view<T> c) {
  constexpr index_t W = lane_count<T, Bytes>;
  const index_t rows = c.rows(), columns = c.columns(), stride = c.stride();
  index_t j = 0;
  for (; j + 4 * W <= columns; j += 4 * W) {
    outer_columns<Bytes, U, 4, true>(a, step_a, b + j, c.data() + j, stride, rows, W);
  }
  for (; j + 2 * W <= columns; j += 2 * W) {
    outer_columns<Bytes, U, 2, true>(a, step_a, b + j, c.data() + j, stride, rows, W);
  }
  for (; j + W <= columns; j += W) {
    outer_columns<Bytes, U, 1, true>(a, step_a, b + j, c.data() + j, stride, rows, W);
  }
  if (j < columns) {
    outer_columns<Bytes, U, 1, false>(a, step_a, b + j, c.data() + j, stride, rows, columns - j);
  }
}

// C (+)= op(A) B with the columns of C in packs.
template <int Bytes, transpose Ta, update U, class T>
ATTD_INLINE void column_product(view<const T> a, view<const T> b, view<T> c, index_t depth) {
  if (depth == 1) {
    return outer_product<Bytes, U>(a.data(), Ta == transpose::no ? a.stride() : 1, b.data(), c);
  }
  const index_t rows = c.rows();
  index_t i = 0;
  for (; i + 4 <= rows; i += 4) strip<Bytes, Ta, U, 4>(a, b, c, depth, i);
  for (; i < rows; ++i) strip<Bytes, Ta, U, 1>(a, b, c, depth, i);
}

// C (+)= op(A) B^T for few rows: dot products, four rows of B at a time so that x is loaded once
// and four streams of B are read from memory.
template <int Bytes, transpose Ta, update U, class T>
ATTD_INLINE void dot_product(view<const T> a, view<const T> b, view<T> c, index_t depth) {
  using V = pack<T, lane_count<T, Bytes>>;
  constexpr index_t W = V::width;
  const index_t stride_b = b.stride();
  const auto load_x = [&](index_t i, index_t k, index_t left) ATTD_INLINE_LAMBDA {
    if constexpr (Ta == transpose::no) {
      return left >= W ? V::load(&a.at(i, k)) : V::load_partial(&a.at(i, k), left);
    } else {
      V x(T(0));
      for (index_t l = 0; l < std::min(left, W); ++l) x.lanes[l] = a.at(k + l, i);
      return x;
    }
  };
  const auto dots = [&]<int N>(std::integral_constant<int, N>, index_t i, index_t j)
                        ATTD_INLINE_LAMBDA {
                          V sum[N];
                          for (int n = 0; n < N; ++n) sum[n] = V(T(0));
                          const T* from = &b.at(j, 0);
                          index_t k = 0;
                          for (; k + W <= depth; k += W, from += W) {
                            const V x = load_x(i, k, W);
#pragma GCC unroll 4
                            for (int n = 0; n < N; ++n) sum[n] += x * V::load(from + n * stride_b);
                          }
                          if (k < depth) {
                            const V x = load_x(i, k, depth - k);
#pragma GCC unroll 4
                            for (int n = 0; n < N; ++n)
                              sum[n] += x * V::load_partial(from + n * stride_b, depth - k);
                          }
                          for (int n = 0; n < N; ++n) {
                            const T s = sum_lanes(sum[n]);
                            c.at(i, j + n) = U == update::add ? c.at(i, j + n) + s : s;
                          }
                        };
  // Rows of B outside: they may be many, and are read from memory once.
  index_t j = 0;
  for (; j + 4 <= c.columns(); j += 4) {
    for (index_t i = 0; i < c.rows(); ++i) dots(std::integral_constant<int, 4>{}, i, j);
  }
  for (; j < c.columns(); ++j) {
    for (index_t i = 0; i < c.rows(); ++i) dots(std::integral_constant<int, 1>{}, i, j);
  }
}

// y (+)= A x for one column: four rows at a time, so that x is loaded once for all of them. Every
// element is the sum of one register over depth, so its bits do not depend on the other rows.
template <int Bytes, update U, class T>
ATTD_INLINE void vector_product(view<const T> a, view<const T> x, view<T> y, index_t depth) {
  using V = pack<T, lane_count<T, Bytes>>;
  constexpr index_t W = V::width;
  const T* factor = x.data();
  T* to = y.data();
  const index_t stride = a.stride(), step = y.stride(), length = y.rows();
  const auto rows = [&]<int N>(std::integral_constant<int, N>, index_t i) ATTD_INLINE_LAMBDA {
    const T* from = a.data() + i * stride;
    V sum[N];
    index_t k = 0;
    if (depth >= W) {
      const V part = V::load(factor);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[n] = part * V::load(from + n * stride);
      k = W;
    } else {
      for (V& s : sum) s = V(T(0));
    }
    for (; k + W <= depth; k += W) {
      const V part = V::load(factor + k);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[n] += part * V::load(from + n * stride + k);
    }
    if (k < depth) {
      const V part = V::load_partial(factor + k, depth - k);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n)
        sum[n] += part * V::load_partial(from + n * stride + k, depth - k);
    }
    const auto put = [](T& out, T total) { out = U == update::add ? out + total : total; };
    if constexpr (N == 4 && W >= 4) {
      pack<T, 4> total = sum_lanes_of_four(sum);
      if (step == 1) {
        if constexpr (U == update::add) total += pack<T, 4>::load(to + i);
        total.store(to + i);
      } else {
        for (int n = 0; n < N; ++n) put(to[(i + n) * step], total[n]);
      }
    } else {
      for (int n = 0; n < N; ++n) put(to[(i + n) * step], sum_lanes(sum[n]));
    }
  };
  index_t i = 0;
  for (; i + 4 <= length; i += 4) rows(std::integral_constant<int, 4>{}, i);
  for (; i < length; ++i) rows(std::integral_constant<int, 1>{}, i);
}

// y (+)= a x for one column and one number x: rows are lanes.
template <int Bytes, update U, class T>
ATTD_INLINE void scaled_column(view<const T> a, T x, view<T> y) {
  using V = pack<T, lane_count<T, Bytes>>;
  constexpr index_t W = V::width;
  const V factor(x);
  const index_t length = y.rows();
  const auto result = [&](const V& in, const V& before) ATTD_INLINE_LAMBDA {
    return U == update::add ? factor * in + before : factor * in;
  };
  index_t i = 0;
  if (a.stride() == 1 && y.stride() == 1) {
    for (; i + W <= length; i += W) {
      result(V::load(&a.at(i, 0)), V::load(&y.at(i, 0))).store(&y.at(i, 0));
    }
  }
  for (; i < length; ++i) y.at(i, 0) = result(V(a.at(i, 0)), V(y.at(i, 0)))[0];
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
