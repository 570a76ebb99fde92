// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The matrix product, one element of the result at a time.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/operations/matmul.hpp>

namespace attd::thrust_detail {

/// One element of C = op(A) op(B) or C += op(A) op(B), summed along the depth in order.
template <operations::transpose Ta, operations::transpose Tb, operations::update U, class A,
          class B, class C>
struct product_element {
  view<A> a;
  view<B> b;
  view<C> c;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t i = index / c.columns(), j = index % c.columns();
    const index_t inner = operations::detail::inner_extent<Ta>(a);
    C sum = U == operations::update::add ? C(c.at(i, j)) : C(0);
    for (index_t k = 0; k < inner; ++k) {
      const C x = Ta == operations::transpose::no ? a.at(i, k) : a.at(k, i);
      const C y = Tb == operations::transpose::no ? b.at(k, j) : b.at(j, k);
      sum += x * y;
    }
    c.at(i, j) = sum;
  }
};

/// Zero at one element.
template <class Y>
struct zero_element {
  view<Y> y;

  ATTD_DEVICE void operator()(index_t index) const {
    y.at(index / y.columns(), index % y.columns()) = Y(0);
  }
};

/// Every row of y becomes the bias.
template <class Y, class B>
struct filled_element {
  view<Y> y;
  view<B> bias;

  ATTD_HD void operator()(index_t index) const {
    const index_t t = index / y.columns(), o = index % y.columns();
    y.at(t, o) = element<Y>(bias, o);
  }
};

}  // namespace attd::thrust_detail
