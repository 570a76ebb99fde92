// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Shape checks and optional operands that the scan operations share.
#pragma once

#include <attd/core/sequences.hpp>
#include <attd/core/tensor.hpp>

namespace attd::operations::detail {

/// Throws unless an operand that may be left out has the expected shape.
template <class X>
void expect_optional(const char* place, const char* what, const view<X>& x, const shape& expected) {
  if constexpr (!is_none_v<view<X>>) expect_shape(place, what, x.shape(), expected);
}

/// Whether a view was given: neither `view<none>` nor one without a shape.
template <class X>
ATTD_DEVICE bool exists([[maybe_unused]] const view<X>& x) {
  if constexpr (is_none_v<view<X>>) {
    return false;
  } else {
    return x.shape().rank > 0;
  }
}

/// Throws unless `a` is [1 or sequence, rows, columns].
template <class A>
void expect_dynamics(const char* place, const char* what, const view<A>& a, const sequences& batch,
                     index_t rows, index_t columns) {
  if constexpr (!is_none_v<view<A>>) {
    const index_t count = a.extent(0) == 1 ? 1 : batch.count();
    expect_shape(place, what, a.shape(), {count, rows, columns});
  }
}

/// Which of the leading entries belongs to a sequence: all share the only one, or each has its own.
template <class A>
ATTD_DEVICE index_t dynamics_of(const view<A>& a, index_t sequence) {
  return a.extent(0) == 1 ? 0 : sequence;
}

/// Element of a view as a number of type S; zero where the view does not exist.
template <class S, class X, class... I>
ATTD_DEVICE S element(const view<X>& x, I... index) {
  if constexpr (is_none_v<view<X>>) {
    return S(0);
  } else {
    const std::remove_const_t<X> value = x(index...);
    return S(value);
  }
}

/// Adds to an element of a view that may not exist.
template <class X, class S, class... I>
ATTD_DEVICE void add_to_element(const view<X>& x, const S& value, I... index) {
  if constexpr (!is_none_v<view<X>>) x(index...) += value;
}

}  // namespace attd::operations::detail
