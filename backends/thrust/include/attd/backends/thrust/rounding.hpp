// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Whole tensors from one number for storage to another.
#pragma once

#include <attd/core/bfloat16.hpp>
#include <attd/core/tensor.hpp>

namespace attd::thrust_detail {

/// Some neighbours of a tensor converted by f at once, so that a GPU moves whole words. Tensors
/// begin at a cache line, so that groups are aligned.
template <class F, class From, class To>
struct converted_group {
  static constexpr index_t together = 4;
  template <class T>
  struct alignas(together * sizeof(T)) group {
    T x[together];
  };

  F f;
  view<const From> from;
  view<To> to;

  index_t count() const { return (to.size() + together - 1) / together; }

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t first = index * together, size = to.size();
    if (first + together <= size) {
      const auto in = *reinterpret_cast<const group<From>*>(from.data() + first);
      group<To> out;
      for (int i = 0; i < together; ++i) out.x[i] = f(in.x[i]);
      *reinterpret_cast<group<To>*>(to.data() + first) = out;
    } else {
      for (index_t i = first; i < size; ++i) to.data()[i] = f(from.data()[i]);
    }
  }
};

struct rounding_function {
  ATTD_HD bfloat16 operator()(float x) const { return bfloat16::rounded(x); }
};
struct widening_function {
  ATTD_HD float operator()(bfloat16 x) const { return x; }
};

}  // namespace attd::thrust_detail
