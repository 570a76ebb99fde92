// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Compiled twice, with different flags, and linked together: each half keeps its own code.
#include <attd/backends/eigen.hpp>
#include <attd/operations/activations.hpp>
#include <attd/operations/normalization.hpp>
#include <cmath>
#include <cstdio>
#include <utility>

// What a kernel and a formula make of some numbers, and the registers that flags allow.
std::pair<int, double> NAME() {
  attd::eigen backend(attd::eigen_options{.register_bytes = attd::simd_bytes});
  attd::tensor<float> x({3, 21}), y({3, 21}), weight({21});
  for (attd::index_t i = 0; i < x.size(); ++i) x.data()[i] = float(i) / 10 - 3;
  weight.assign({21}, 0.5f);
  const auto& in = x;
  attd::operations::transform(backend, attd::operations::silu_function{}, y.view(), in.view());
  attd::operations::rms_norm(backend, std::as_const(y).view(), std::as_const(weight).view(), 1e-5,
                             x.view());
  double sum = 0;
  for (attd::index_t i = 0; i < x.size(); ++i) sum += double(x.data()[i]);
  return {attd::simd_bytes, sum};
}

#if defined(WITH_MAIN)
std::pair<int, double> OTHER();

int main() {
  const auto [few, a] = NAME();
  const auto [many, b] = OTHER();
  std::printf("registers of %d and %d bytes: sums %.6f and %.6f\n", few, many, a, b);
  return few == 16 && many == 32 && std::fabs(a - b) < 1e-4 * std::fabs(a) && a != 0 ? 0 : 1;
}
#endif
