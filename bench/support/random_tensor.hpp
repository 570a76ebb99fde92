// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Tensors of random numbers as operands of benchmarks.
#pragma once

#include <attd/core/dual.hpp>
#include <attd/core/random.hpp>
#include <attd/core/tensor.hpp>
#include <cstdint>

namespace attd_bench {

/// Uniform in [low, high); of duals the tangents are normal.
template <class X>
attd::tensor<X> random_tensor(const attd::shape& s, std::uint64_t stream, double low, double high) {
  attd::random_stream random{4, stream};
  attd::tensor<X> x(s);
  const auto v = x.view();
  for (attd::index_t r = 0; r < v.rows(); ++r) {
    for (attd::index_t c = 0; c < v.columns(); ++c) {
      if constexpr (attd::is_dual_v<X>) {
        v.at(r, c) =
            X(attd::primal_t<X>(random.uniform(low, high)), attd::primal_t<X>(random.normal()));
      } else {
        v.at(r, c) = static_cast<X>(random.uniform(low, high));
      }
    }
  }
  return x;
}

}  // namespace attd_bench
