// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Factors of a product in bfloat16: the rounding of two matrices of floats. Needs no GPU, so it is
// tested on every machine.
#pragma once

#include <algorithm>
#include <attd/backends/thrust/systems.hpp>
#include <attd/core/bfloat16.hpp>
#include <attd/core/tensor.hpp>
#include <attd/operations/memory.hpp>
#include <utility>

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

/// Memory for the rounded factors of one product at a time, in the system's memory. It grows to the
/// largest pair: within that, a product of the same shapes finds its factors at the same addresses,
/// which recordings need. A copy has none.
class rounded_factors {
 public:
  struct pair {
    view<const bfloat16> a, b;
  };

  rounded_factors() = default;
  rounded_factors(const rounded_factors&) {}
  rounded_factors(rounded_factors&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
  rounded_factors& operator=(rounded_factors other) noexcept {
    memory_ = std::move(other.memory_);
    return *this;
  }

  /// Rounds a and b, which may be the same. The result is valid for what the system does before the
  /// next call: operations are done in order.
  template <class System>
  pair round(System& system, view<const float> a, view<const float> b) {
    const index_t of_a = space(a);
    grow(system, of_a + space(b));
    const rounded_rows x{a, placed(a, memory_.data())}, y{b, placed(b, memory_.data() + of_a)};
    for_each_index(system, x.count() + y.count(), rounded_pair{x, y, x.count()});
    return {x.to, y.to};
  }

 private:
  // Whole cache lines of a GPU: b is then as well aligned as a.
  static index_t space(view<const float> x) {
    return (x.rows() * rounded_rows::stride_for(x) + 63) / 64 * 64;
  }
  static view<bfloat16> placed(view<const float> x, bfloat16* at) {
    return {at, {x.rows(), x.columns()}, rounded_rows::stride_for(x)};
  }
  template <class System>
  void grow(System& system, index_t count) {
    if (count <= memory_.size()) return;
    operations::finish(system);  // what is being recorded cannot take memory: it ends here
    operations::resize(system, memory_, {count});  // gives back what was there: recordings are void
  }

  tensor<bfloat16> memory_;
};

}  // namespace attd::thrust_detail
