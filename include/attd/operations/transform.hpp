// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Elementwise functions of one to three tensors; their gradients come from dual numbers.
#pragma once

#include <attd/core/math.hpp>
#include <attd/core/tensor.hpp>
#include <tuple>

namespace attd::operations {

namespace detail {

/// A functor with ordinary branches says `static constexpr bool scalar = true;` and then runs lane
/// by lane instead of on packs.
template <class F>
inline constexpr bool is_scalar_functor = requires { requires F::scalar; };

// An operand of one row stands for that row repeated.
template <class X>
ATTD_DEVICE std::remove_const_t<X> broadcast_at(view<X> x, index_t row, index_t column) {
  return x.at(x.rows() == 1 ? 0 : row, column);
}

// df/dx_I at plain or dual arguments: one more dual level, seeded in slot I only.
template <std::size_t I, class F, class... X>
ATTD_HD inline auto partial_derivative(const F& f, const X&... x) {
  using S = promote_t<X...>;
  const auto seed = [&]<std::size_t J>(const auto& v)
                        ATTD_INLINE_LAMBDA { return dual<S>(S(v), J == I ? S(1) : S(0)); };
  return [&]<std::size_t... J>(std::index_sequence<J...>) ATTD_INLINE_LAMBDA {
    return f(seed.template operator()<J>(x)...).tangent;
  }(std::index_sequence_for<X...>{});
}

}  // namespace detail

/// y = f(x...) element by element.
///
/// `f` is a functor with one templated call operator, `ATTD_HD`; it is called with `T`, `dual<T>`
/// and SIMD packs of these and uses attd's own exp, log, tanh, select, ... unqualified; all its
/// arguments have the type with most dual levels among the operands. Operands have y's shape, or
/// one row that is used for every row. y may be the same tensor as an operand.
template <class Backend, class F, class Y, class... X>
void transform(Backend& backend, const F& f, view<Y> y, view<X>... x) {
  (expect_equal("transform", "the number of columns of an operand", x.columns(), y.columns()), ...);
  if constexpr (requires { backend.transform(f, y, x...); }) {
    backend.transform(f, y, x...);
  } else {
    using S = promote_t<X...>;
    for (index_t r = 0; r < y.rows(); ++r) {
      for (index_t c = 0; c < y.columns(); ++c) {
        y.at(r, c) = f(S(detail::broadcast_at(x, r, c))...);
      }
    }
  }
}

/// Adds the gradients of `transform`: d_x_i += dy * df/dx_i (summed over rows where x_i is one row
/// for all), for the operands whose view in `d_x` is not `view<none>`.
template <class Backend, class F, class DY, class... DX, class... X>
void transform_backward(Backend& backend, const F& f, view<DY> d_y, std::tuple<view<DX>...> d_x,
                        view<X>... x) {
  static_assert(sizeof...(DX) == sizeof...(X), "attd: one gradient view (or none) per operand");
  if constexpr (requires { backend.transform_backward(f, d_y, d_x, x...); }) {
    backend.transform_backward(f, d_y, d_x, x...);
  } else {
    const auto one = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
      const auto& out = std::get<I>(d_x);
      if constexpr (!is_none_v<std::remove_cvref_t<decltype(out)>>) {
        for (index_t r = 0; r < d_y.rows(); ++r) {
          for (index_t c = 0; c < d_y.columns(); ++c) {
            const std::remove_const_t<DY> g = d_y.at(r, c);
            out.at(out.rows() == 1 ? 0 : r, c) +=
                g * detail::partial_derivative<I>(f, detail::broadcast_at(x, r, c)...);
          }
        }
      }
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (one(std::integral_constant<std::size_t, I>{}), ...);
    }(std::index_sequence_for<X...>{});
  }
}

}  // namespace attd::operations
