// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Loading packs from views and storing them there, the same way for plain numbers and duals.
#pragma once

#include <attd/core/pack.hpp>
#include <attd/core/tensor.hpp>

namespace attd {

namespace detail {

template <class T, int W>
struct lanes_of {
  using type = pack<T, W>;
};
template <class U, int W>
struct lanes_of<dual<U>, W> {
  using type = dual<typename lanes_of<U, W>::type>;
};
template <int W>
struct lanes_of<none, W> {
  using type = none;
};

}  // namespace detail

/// `W` numbers of type `T` side by side: `pack<T, W>`, or a dual (of a dual ...) of packs.
template <class T, int W>
using lanes_t = typename detail::lanes_of<std::remove_const_t<T>, W>::type;

/// Lanes in one register for the plain number under `T`.
template <class T, int Bytes = simd_bytes>
inline constexpr int lane_count = Bytes / int(sizeof(primal_t<T>));

/// Whether kernels on packs exist for the number type `T`: float, double and one dual level of
/// these. `none` counts as supported, since nothing is done with it.
template <class T>
inline constexpr bool has_lanes = dual_depth<T> <= 1 && (std::is_same_v<primal_t<T>, float> ||
                                                         std::is_same_v<primal_t<T>, double>);
template <>
inline constexpr bool has_lanes<none> = true;
template <>
inline constexpr bool has_lanes<const none> = true;

/// Elements (row, column) ... (row, column + count - 1) of a view; lanes beyond `count` are zero.
/// `count` >= W loads all W lanes. Zero lanes keep a full lane's arithmetic independent of where
/// the row ends.
template <int W, class X>
ATTD_INLINE lanes_t<X, W> load(view<X> v, index_t row, index_t column, index_t count) {
  if constexpr (is_dual_v<X>) {
    return {load<W>(v.value, row, column, count), load<W>(v.tangent, row, column, count)};
  } else {
    const auto* p = v.data() + row * v.stride() + column;
    return count >= W ? lanes_t<X, W>::load(p) : lanes_t<X, W>::load_partial(p, count);
  }
}

/// All W lanes equal to element (row, column).
template <int W, class X>
ATTD_INLINE lanes_t<X, W> load_broadcast(view<X> v, index_t row, index_t column) {
  if constexpr (is_dual_v<X>) {
    return {load_broadcast<W>(v.value, row, column), load_broadcast<W>(v.tangent, row, column)};
  } else {
    return lanes_t<X, W>(v.data()[row * v.stride() + column]);
  }
}

/// Column `column` of `count` rows from `row`: lane i is element (row + i, column), zero beyond.
template <int W, class X>
ATTD_INLINE lanes_t<X, W> load_rows(view<X> v, index_t row, index_t column, index_t count) {
  if constexpr (is_dual_v<X>) {
    return {load_rows<W>(v.value, row, column, count), load_rows<W>(v.tangent, row, column, count)};
  } else {
    std::remove_const_t<X> part[W] = {};
    for (index_t i = 0; i < (count < W ? count : W); ++i) part[i] = v.at(row + i, column);
    return lanes_t<X, W>::load(part);
  }
}

/// Writes the first `count` lanes (all of them if `count` >= W). A plain value written to a view of
/// duals gets a zero tangent.
template <class X, class P>
ATTD_INLINE void store(view<X> v, index_t row, index_t column, index_t count, const P& x) {
  if constexpr (is_dual_v<X>) {
    if constexpr (dual_depth<P> == dual_depth<X>) {
      store(v.value, row, column, count, x.value);
      store(v.tangent, row, column, count, x.tangent);
    } else {
      store(v.value, row, column, count, x);
      store(v.tangent, row, column, count, P(0));
    }
  } else {
    static_assert(!is_dual_v<P>, "attd: a dual result needs a view of duals");
    X* p = v.data() + row * v.stride() + column;
    if (count >= P::width) {
      x.store(p);
    } else {
      x.store_partial(p, count);
    }
  }
}

/// Adds the first `count` lanes to what is there.
template <class X, class P>
ATTD_INLINE void add(view<X> v, index_t row, index_t column, index_t count, const P& x) {
  if constexpr (is_dual_v<X>) {
    if constexpr (dual_depth<P> == dual_depth<X>) {
      add(v.value, row, column, count, x.value);
      add(v.tangent, row, column, count, x.tangent);
    } else {
      add(v.value, row, column, count, x);
    }
  } else {
    store(v, row, column, count, load<P::width>(v, row, column, count) + x);
  }
}

/// Writes lane i to element (row + i, column), for the first `count` lanes.
template <class X, class P>
ATTD_INLINE void store_rows(view<X> v, index_t row, index_t column, index_t count, const P& x) {
  if constexpr (is_dual_v<X>) {
    if constexpr (dual_depth<P> == dual_depth<X>) {
      store_rows(v.value, row, column, count, x.value);
      store_rows(v.tangent, row, column, count, x.tangent);
    } else {
      store_rows(v.value, row, column, count, x);
      store_rows(v.tangent, row, column, count, P(0));
    }
  } else {
    X part[P::width];
    x.store(part);
    for (index_t i = 0; i < (count < P::width ? count : P::width); ++i) {
      v.at(row + i, column) = part[i];
    }
  }
}

/// Adds lane i to element (row + i, column), for the first `count` lanes.
template <class X, class P>
ATTD_INLINE void add_rows(view<X> v, index_t row, index_t column, index_t count, const P& x) {
  if constexpr (is_dual_v<X>) {
    if constexpr (dual_depth<P> == dual_depth<X>) {
      add_rows(v.value, row, column, count, x.value);
      add_rows(v.tangent, row, column, count, x.tangent);
    } else {
      add_rows(v.value, row, column, count, x);
    }
  } else {
    store_rows(v, row, column, count, load_rows<P::width>(v, row, column, count) + x);
  }
}

/// Sum of all lanes in a fixed pairwise order, for duals plane by plane.
template <class U>
ATTD_INLINE auto sum_lanes(const dual<U>& x) {
  const auto value = sum_lanes(x.value);
  return dual<std::remove_const_t<decltype(value)>>(value, sum_lanes(x.tangent));
}

}  // namespace attd
