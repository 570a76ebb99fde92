// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Sums and maxima over a row in packs, whose order depends on the row's length alone.
#pragma once

#include <attd/core/math.hpp>
#include <attd/core/pack_access.hpp>
#include <type_traits>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

/// All W lanes equal to x, for duals plane by plane.
template <int W, class T>
ATTD_INLINE lanes_t<T, W> broadcast(const T& x) {
  if constexpr (is_dual_v<T>) {
    return {broadcast<W>(x.value), broadcast<W>(x.tangent)};
  } else {
    return lanes_t<T, W>(x);
  }
}

/// The first `count` lanes, zero in the others (all lanes if `count` >= W).
template <class T, int W>
ATTD_INLINE pack<T, W> keep_first(const pack<T, W>& x, index_t count) {
  if (count >= W) return x;
  T part[W] = {};
  x.store_partial(part, count);
  return pack<T, W>::load(part);
}
template <class U>
ATTD_INLINE dual<U> keep_first(const dual<U>& x, index_t count) {
  return {keep_first(x.value, count), keep_first(x.tangent, count)};
}

/// Calls f(column, count) for all packs of a row; the count of full ones is known when compiling.
template <int W, class F>
ATTD_INLINE void for_each_pack(index_t columns, F&& f) {
  index_t c = 0;
  for (; c + W <= columns; c += W) f(c, std::integral_constant<index_t, W>{});
  if (c < columns) f(c, columns - c);
}

/// Sum of term(column, columns left) over a row; lanes beyond the row's end must be zero, as they
/// are in products of loaded packs, or `keep_first` is to be applied.
template <int Bytes, class X, class F>
ATTD_INLINE std::remove_const_t<X> sum_over_row(index_t columns, const F& term) {
  using T = std::remove_const_t<X>;
  constexpr int W = lane_count<X, Bytes>;
  lanes_t<T, W> sum(0);
  index_t c = 0;
  for (; c + W <= columns; c += W) sum += term(c, std::integral_constant<index_t, W>{});
  if (c < columns) sum += keep_first(term(c, columns - c), columns - c);
  return sum_lanes(sum);
}

/// The largest element of a row of plain numbers.
template <int Bytes, class T>
ATTD_INLINE std::remove_const_t<T> largest_in_row(view<T> x, index_t row) {
  using S = std::remove_const_t<T>;
  constexpr int W = lane_count<T, Bytes>;
  S largest = x.at(row, 0);
  index_t c = 0;
  if (x.columns() >= W) {
    pack<S, W> part(largest);
    for (; c + W <= x.columns(); c += W) {
      const pack<S, W> value = load<W>(x, row, c, W);
      part = select(value > part, value, part);
    }
    for (int i = 0; i < W; ++i) largest = part[i] > largest ? part[i] : largest;
  }
  for (; c < x.columns(); ++c) largest = x.at(row, c) > largest ? x.at(row, c) : largest;
  return largest;
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
