// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What the loop bodies share: elements of any view, and the sequence that a token belongs to.
#pragma once

#include <attd/core/math.hpp>
#include <attd/core/sequences.hpp>
#include <attd/core/tensor.hpp>
#include <attd/operations/detail/scan_shapes.hpp>

namespace attd::thrust_detail {

using operations::detail::add_to_element;
using operations::detail::dynamics_of;
using operations::detail::element;
using operations::detail::exists;

/// The number at a flattened row and column, as a number of type S.
template <class S, class X>
ATTD_HD inline S number(const view<X>& x, index_t row, index_t column) {
  const std::remove_const_t<X> value = x.at(row, column);
  return S(value);
}

/// silu'(x), given sigmoid(x).
template <class S>
ATTD_HD inline S silu_slope(const S& x, const S& open) {
  return open * (S(1) + x * (S(1) - open));
}

/// Offsets of a batch, for loop bodies.
struct batch_view {
  const index_t* offsets;
  index_t count;

  ATTD_HD index_t offset(index_t s) const { return offsets[s]; }
  ATTD_HD index_t length(index_t s) const { return offsets[s + 1] - offsets[s]; }
  /// The sequence that a token belongs to, by bisection.
  ATTD_DEVICE index_t sequence_of(index_t token) const {
    index_t low = 0, high = count;
    while (high - low > 1) {
      const index_t middle = (low + high) / 2;
      (offsets[middle] <= token ? low : high) = middle;
    }
    return low;
  }
};

}  // namespace attd::thrust_detail
