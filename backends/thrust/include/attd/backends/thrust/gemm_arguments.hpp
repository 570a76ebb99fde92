// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A product of row-major views as the arguments of a BLAS, whose matrices are column-major. Needs
// no BLAS, so it is tested on every machine.
#pragma once

#include <algorithm>
#include <attd/operations/matmul.hpp>
#include <concepts>
#include <type_traits>

namespace attd::thrust_detail {

/// One call of a BLAS:  C = op(A) op(B) + beta C  of column-major matrices, under BLAS's names.
/// With beta = 0 it does not read C. Factors may be of a narrower number than the result.
template <class Factor, class Result = Factor>
struct gemm_call {
  operations::transpose op_a, op_b;
  index_t m, n, k;  // op(A) [m, k], op(B) [k, n], C [m, n]
  const Factor* a;
  index_t lda;
  const Factor* b;
  index_t ldb;
  Result beta;
  Result* c;
  index_t ldc;
};

/// Whether both factors are of one type of number, but for const.
template <class A, class B>
concept SameFactor = std::same_as<std::remove_const_t<A>, std::remove_const_t<B>>;
/// Whether all three are of one type of number, but for const.
template <class A, class B, class C>
concept SameNumber =
    SameFactor<A, B> && !std::is_const_v<C> && std::same_as<std::remove_const_t<A>, C>;

/// Whether a BLAS can take a view: its rows must not overlap.
template <class X>
bool has_gemm_rows(view<X> x) {
  return x.rows() <= 1 || x.stride() >= x.columns();
}

/// Whether a product is one that a BLAS computes: there is something to compute and to sum (what it
/// does at depth zero is not the same for all), and it can take the views.
template <operations::transpose Ta, class A, class B, class C>
bool fits_gemm(view<A> a, view<B> b, view<C> c) {
  return c.size() > 0 && operations::detail::inner_extent<Ta>(a) > 0 && has_gemm_rows(a) &&
         has_gemm_rows(b) && has_gemm_rows(c);
}

/// The distance between rows as a BLAS wants it: at least the length of a row, also of a view with
/// one row, whose stride means nothing.
template <class X>
index_t leading_dimension(view<X> x) {
  return std::max({x.stride(), x.columns(), index_t{1}});
}

/// The arguments by which a BLAS computes  C = op(A) op(B)  or  C += op(A) op(B).
///
/// What row-major memory holds as X [r, c], a BLAS reads as X^T [c, r]. So it is asked for
/// C^T = op(B)^T op(A)^T: operands change places, m and n too, and transposes stay with their
/// operand.
///
/// Shapes: op(A) [m, k], op(B) [k, n], C [m, n], for which `fits_gemm` holds.
template <operations::transpose Ta, operations::transpose Tb, operations::update U, class A,
          class B, class C>
  requires(SameFactor<A, B> && !std::is_const_v<C>)
gemm_call<std::remove_const_t<A>, C> gemm_arguments(view<A> a, view<B> b, view<C> c) {
  return {.op_a = Tb,
          .op_b = Ta,
          .m = c.columns(),
          .n = c.rows(),
          .k = operations::detail::inner_extent<Ta>(a),
          .a = b.data(),
          .lda = leading_dimension(b),
          .b = a.data(),
          .ldb = leading_dimension(a),
          .beta = U == operations::update::add ? C(1) : C(0),
          .c = c.data(),
          .ldc = leading_dimension(c)};
}

}  // namespace attd::thrust_detail
