// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The rounding of matrices of floats to bfloat16, as factors of a product. Needs no GPU, so it is
// tested on every machine.
#pragma once

#include <algorithm>
#include <attd/backends/thrust/systems.hpp>
#include <attd/core/bfloat16.hpp>
#include <attd/core/tensor.hpp>

namespace attd::thrust_detail {

/// Rounds a matrix, some neighbours of a row at a time, so that a GPU writes whole words and
/// divides once for all of them.
///
/// Shapes: `from` and `to` [rows, columns]; rows of `to` begin at multiples of 16 bytes. What is
/// between its rows becomes zero.
struct rounded_rows {
  static constexpr index_t together = 4;
  /// What rows begin at a multiple of, so that a BLAS can read 16 bytes at once.
  static constexpr index_t alignment = 8;
  struct alignas(8) group {
    bfloat16 x[together];
  };

  view<const float> from;
  view<bfloat16> to;

  static index_t stride_for(view<const float> x) {
    return (x.columns() + alignment - 1) / alignment * alignment;
  }
  /// Numbers that `to` takes, in whole cache lines of a GPU: what comes next is as well aligned.
  static index_t space(view<const float> x) { return (x.rows() * stride_for(x) + 63) / 64 * 64; }
  static view<bfloat16> placed(view<const float> x, bfloat16* at) {
    return {at, {x.rows(), x.columns()}, stride_for(x)};
  }
  index_t count() const { return to.rows() * (to.stride() / together); }

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t groups = to.stride() / together;
    const index_t row = index / groups, first = index % groups * together;
    group g;
    for (int i = 0; i < together; ++i) {
      const index_t column = first + i;
      g.x[i] = bfloat16::rounded(column < from.columns() ? from.at(row, column) : 0.0f);
    }
    *reinterpret_cast<group*>(&to.at(row, first)) = g;
  }
};

/// Rounds two matrices by one launch.
struct rounded_pair {
  rounded_rows a, b;
  index_t of_a;  // a.count()

  ATTD_DEVICE void operator()(index_t index) const {
    if (index < of_a) {
      a(index);
    } else {
      b(index - of_a);
    }
  }
};

/// Whether a product gains by factors in bfloat16. Rounding moves 6 bytes a number, of which a
/// product that reads 2 bytes in place of 4 gives 2 back; meanwhile a GPU of today (an H200: 67
/// TFLOP/s in float, 4.8 TB/s) does some 56 operations in float, and a number takes part in two for
/// each row, or column, of the result. From data sheets, not measured.
template <class C>
bool worth_rounding(view<C> c) {
  return std::min(c.rows(), c.columns()) >= 32;
}

}  // namespace attd::thrust_detail
