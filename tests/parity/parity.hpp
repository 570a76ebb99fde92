// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Runs an operation's case on a backend and on the reference, and compares.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <attd/backends/reference.hpp>
#include <cmath>
#include <limits>
#include <operations/checks.hpp>

namespace attd::testing {

// Root mean square of the difference over that of the reference, the worst plane.
template <class T>
double rms_ratio(const tensor<T>& found, const tensor<T>& expected) {
  if constexpr (is_dual_v<T>) {
    return std::max(rms_ratio(found.value, expected.value),
                    rms_ratio(found.tangent, expected.tangent));
  } else {
    double difference = 0, size = 0;
    for (index_t i = 0; i < expected.size(); ++i) {
      const double e = static_cast<double>(expected.data()[i]);
      const double d = static_cast<double>(found.data()[i]) - e;
      difference += d * d;
      size += e * e;
    }
    if (difference == 0) return 0;
    // Differences below the smallest normal float of an all-but-zero result mean nothing.
    return std::sqrt(difference / std::max(size, 1e-30));
  }
}

template <class S>
tensors<S> random_of_type(const std::vector<shape>& shapes, std::uint64_t stream) {
  const tensors<double> value = random_tensors(shapes, stream);
  const tensors<double> tangent = random_tensors(shapes, stream + 500);
  tensors<S> result(shapes.size());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    convert(value[i], result[i]);
    if constexpr (is_dual_v<S>) convert(tangent[i], result[i].tangent);
  }
  return result;
}

template <class Fast, class S, class Case>
void expect_parity(const Case& op) {
  const double tolerance = std::is_same_v<primal_t<S>, float> ? 1e-5 : 1e-12;
  const tensors<S> in = random_of_type<S>(op.inputs(), 11);
  const tensors<S> d_out = random_of_type<S>(op.outputs(), 12);
  reference plain;
  Fast fast;
  tensors<S> expected = zero_tensors<S>(op.outputs()), found = expected;
  // Whatever was in the result must be gone.
  for (auto& x : found) x.assign(x.shape(), S(std::numeric_limits<primal_t<S>>::quiet_NaN()));
  op.forward(plain, in, expected);
  op.forward(fast, in, found);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(rms_ratio(found[i], expected[i]) <= tolerance);
  }
  // Gradients are added to what is there, so they do not start from zero here.
  tensors<S> d_expected = random_of_type<S>(op.inputs(), 13), d_found = d_expected;
  op.backward(plain, in, d_out, d_expected);
  op.backward(fast, in, d_out, d_found);
  for (std::size_t i = 0; i < d_found.size(); ++i) {
    CHECK(rms_ratio(d_found[i], d_expected[i]) <= tolerance);
  }
}

// The bars: 1e-5 in float, 1e-12 in double.
template <class Fast, class Case>
void expect_parity_everywhere(const Case& op) {
  expect_parity<Fast, float>(op);
  expect_parity<Fast, double>(op);
  expect_parity<Fast, dual<double>>(op);
}

}  // namespace attd::testing
