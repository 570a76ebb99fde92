// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The matrix product, for plain numbers and duals.
#pragma once

#include <attd/core/tensor.hpp>

namespace attd::operations {

/// Whether an operand of a matrix product is read transposed.
enum class transpose : bool { no, yes };
/// Whether a product replaces the result or is added to it.
enum class update : bool { assign, add };

namespace detail {

template <transpose Ta, class A>
ATTD_DEVICE index_t outer_extent(const A& a) {
  return Ta == transpose::no ? a.rows() : a.columns();
}
template <transpose Ta, class A>
ATTD_DEVICE index_t inner_extent(const A& a) {
  return Ta == transpose::no ? a.columns() : a.rows();
}

// The clearest form: the truth for every backend.
template <transpose Ta, transpose Tb, update U, class A, class B, class C>
void matmul_loops(view<A> a, view<B> b, view<C> c) {
  const index_t inner = inner_extent<Ta>(a);
  for (index_t i = 0; i < c.rows(); ++i) {
    for (index_t j = 0; j < c.columns(); ++j) {
      C sum = U == update::add ? C(c.at(i, j)) : C(0);
      for (index_t k = 0; k < inner; ++k) {
        const std::remove_const_t<A> x = Ta == transpose::no ? a.at(i, k) : a.at(k, i);
        const std::remove_const_t<B> y = Tb == transpose::no ? b.at(k, j) : b.at(j, k);
        sum += x * y;
      }
      c.at(i, j) = sum;
    }
  }
}

template <class V>
void fill_zero(view<V> v) {
  for (index_t i = 0; i < v.rows(); ++i) {
    for (index_t j = 0; j < v.columns(); ++j) v.at(i, j) = V(0);
  }
}

}  // namespace detail

/// Matrix product  C = op(A) op(B)  or  C += op(A) op(B), op the identity or the transpose.
///
/// Shapes: op(A) [m, k], op(B) [k, n], C [m, n]; higher ranks count as flattened rows. C must not
/// overlap A or B. Duals are computed plane by plane through the plain product: three products when
/// both are dual, two when one is. Cost: 2 m n k operations a product.
template <transpose Ta, transpose Tb, update U, class Backend, class A, class B, class C>
void matmul(Backend& backend, view<A> a, view<B> b, view<C> c) {
  ATTD_ASSERT(detail::outer_extent<Ta>(a) == c.rows());
  ATTD_ASSERT(detail::inner_extent<Tb>(b) == c.columns());
  ATTD_ASSERT(detail::inner_extent<Ta>(a) == detail::outer_extent<Tb>(b));
  constexpr int depth = dual_depth<C>;
  if constexpr (depth > 0) {
    constexpr bool a_dual = dual_depth<A> == depth;
    constexpr bool b_dual = dual_depth<B> == depth;
    const auto a_value = [&] {
      if constexpr (a_dual)
        return a.value;
      else
        return a;
    }();
    const auto b_value = [&] {
      if constexpr (b_dual)
        return b.value;
      else
        return b;
    }();
    matmul<Ta, Tb, U>(backend, a_value, b_value, c.value);
    if constexpr (a_dual) matmul<Ta, Tb, U>(backend, a.tangent, b_value, c.tangent);
    if constexpr (b_dual) {
      matmul<Ta, Tb, a_dual ? update::add : U>(backend, a_value, b.tangent, c.tangent);
    }
    if constexpr (!a_dual && !b_dual && U == update::assign) {
      if constexpr (requires { backend.fill_zero(c.tangent); }) {
        backend.fill_zero(c.tangent);
      } else {
        detail::fill_zero(c.tangent);
      }
    }
  } else if constexpr (requires { backend.template matmul<Ta, Tb, U>(a, b, c); }) {
    backend.template matmul<Ta, Tb, U>(a, b, c);
  } else {
    detail::matmul_loops<Ta, Tb, U>(a, b, c);
  }
}

}  // namespace attd::operations
