// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Elementwise functions on packs, forward and backward.
#pragma once

#include <attd/backends/eigen/rows.hpp>
#include <attd/operations/transform.hpp>
#include <tuple>
#include <type_traits>
#include <utility>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

/// Whether operands of these types (or absent ones) can be computed in packs as wide as T's.
template <class T, class... X>
inline constexpr bool packable =
    has_lanes<T> && ((std::is_same_v<std::remove_const_t<X>, none> ||
                      (has_lanes<X> && std::is_same_v<primal_t<X>, primal_t<T>>)) &&
                     ...);

template <class V>
bool is_dense(const V& v, index_t rows, index_t columns) {
  if constexpr (is_none_v<V>) {
    return true;
  } else if constexpr (is_dual_v<typename V::scalar>) {
    return is_dense(v.value, rows, columns) && is_dense(v.tangent, rows, columns);
  } else {
    return v.contiguous() && v.rows() == rows && v.columns() == columns;
  }
}

// The same numbers as one long row, when they lie without gaps.
template <class X>
view<X> flattened(view<X> v) {
  if constexpr (std::is_same_v<X, none>) {
    return v;
  } else if constexpr (is_dual_v<X>) {
    return {flattened(v.value), flattened(v.tangent)};
  } else {
    return {v.data(), {1, v.size()}};
  }
}

// The row of an operand, or its only row; nothing of one that does not exist.
template <class X>
ATTD_INLINE view<X> row_of(view<X> x, index_t row) {
  if constexpr (is_none_v<view<X>>) {
    return x;
  } else {
    return x.row_range(x.rows() == 1 ? 0 : row, 1);
  }
}

// Whether a gradient has so many rows, or does not exist.
template <class X>
ATTD_INLINE bool has_rows(view<X> x, index_t rows) {
  if constexpr (is_none_v<view<X>>) {
    return true;
  } else {
    return x.rows() == rows;
  }
}

// Gradient J of a tuple alone.
template <std::size_t J, class... DX>
ATTD_INLINE auto only(const std::tuple<view<DX>...>& d_x) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto kept = []<std::size_t K>(std::integral_constant<std::size_t, K>, const auto& d) {
      if constexpr (K == J) {
        return d;
      } else {
        return view<none>{};
      }
    };
    return std::tuple(kept(std::integral_constant<std::size_t, I>{}, std::get<I>(d_x))...);
  }(std::index_sequence_for<DX...>{});
}

/// Whether there are several rows and the operands (or absent ones) are all dense and of y's shape,
/// so that they can be taken for one long row.
template <class Y, class... X>
bool are_alike(view<Y> y, const X&... x) {
  const index_t rows = y.rows(), columns = y.columns();
  return rows > 1 && is_dense(y, rows, columns) && (is_dense(x, rows, columns) && ...);
}

/// y = f(x...). Each element is one lane of the same instructions, so its bits do not depend on its
/// place.
template <int Bytes, class F, class Y, class... X>
ATTD_INLINE void transform(const F& f, view<Y> y, view<X>... x) {
  constexpr int W = lane_count<Y, Bytes>;
  using P = lanes_t<promote_t<X...>, W>;
  const index_t columns = y.columns();
  for (index_t r = 0; r < y.rows(); ++r) {
    [&](const auto out, const auto... in) ATTD_INLINE_LAMBDA {
      for_each_pack<W>(columns, [&](index_t c, auto count) ATTD_INLINE_LAMBDA {
        store(out, 0, c, count, P(f(P(load<W>(in, 0, c, count))...)));
      });
    }(row_of(y, r), row_of(x, r)...);
  }
}

// All gradients with as many rows as dy, in one pass: what they share is computed once.
template <int Bytes, class F, class DY, class... DX, class... X, std::size_t... I>
ATTD_INLINE void transform_backward_of_rows(const F& f, view<DY> d_y,
                                            const std::tuple<view<DX>...>& d_x,
                                            std::index_sequence<I...>, view<X>... x) {
  constexpr int W = lane_count<DY, Bytes>;
  using P = lanes_t<promote_t<X...>, W>;
  for (index_t r = 0; r < d_y.rows(); ++r) {
    const auto d_out = row_of(d_y, r);
    const auto rows = std::tuple(row_of(x, r)...);
    const auto d_rows = std::tuple(row_of(std::get<I>(d_x), r)...);
    for_each_pack<W>(d_y.columns(), [&](index_t c, auto count) ATTD_INLINE_LAMBDA {
      const auto g = load<W>(d_out, 0, c, count);
      const auto in = std::tuple(P(load<W>(std::get<I>(rows), 0, c, count))...);
      const auto one =
          [&]<std::size_t J>(std::integral_constant<std::size_t, J>) ATTD_INLINE_LAMBDA {
            if constexpr (!is_none_v<std::tuple_element_t<J, std::tuple<view<DX>...>>>) {
              add(std::get<J>(d_rows), 0, c, count,
                  g * operations::detail::partial_derivative<J>(f, std::get<I>(in)...));
            }
          };
      (one(std::integral_constant<std::size_t, I>{}), ...);
    });
  }
}

// The gradient of an operand of one row: its sum stays in a register, rows in order.
template <int Bytes, std::size_t I, class F, class DY, class DX, class... X>
ATTD_INLINE void transform_backward_of_row(const F& f, view<DY> d_y, view<DX> d_x, view<X>... x) {
  constexpr int W = lane_count<DY, Bytes>;
  using P = lanes_t<promote_t<X...>, W>;
  for_each_pack<W>(d_y.columns(), [&](index_t c, auto count) ATTD_INLINE_LAMBDA {
    lanes_t<DX, W> sum = load<W>(d_x, 0, c, count);
    for (index_t r = 0; r < d_y.rows(); ++r) {
      sum += load<W>(d_y, r, c, count) *
             operations::detail::partial_derivative<I>(f, P(load<W>(row_of(x, r), 0, c, count))...);
    }
    store(d_x, 0, c, count, sum);
  });
}

/// d_x_i += dy df/dx_i for every gradient that was asked for.
template <int Bytes, class F, class DY, class... DX, class... X>
ATTD_INLINE void transform_backward(const F& f, view<DY> d_y, std::tuple<view<DX>...> d_x,
                                    view<X>... x) {
  constexpr auto all = std::index_sequence_for<X...>{};
  [&]<std::size_t... I>(std::index_sequence<I...>) ATTD_INLINE_LAMBDA {
    // The gradients that are wanted and have as many rows, in one pass; each other one in its own.
    const bool alike = (has_rows(std::get<I>(d_x), d_y.rows()) && ...);
    if (alike) return transform_backward_of_rows<Bytes>(f, d_y, d_x, all, x...);
    const auto one = [&]<std::size_t J>(std::integral_constant<std::size_t, J>) ATTD_INLINE_LAMBDA {
      if constexpr (!is_none_v<std::tuple_element_t<J, std::tuple<view<DX>...>>>) {
        if (has_rows(std::get<J>(d_x), d_y.rows())) {
          transform_backward_of_rows<Bytes>(f, d_y, only<J>(d_x), all, x...);
        } else {
          transform_backward_of_row<Bytes, J>(f, d_y, std::get<J>(d_x), x...);
        }
      }
    };
    (one(std::integral_constant<std::size_t, I>{}), ...);
  }(all);
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
