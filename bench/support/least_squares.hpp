// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A straight line through measured points.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace attd_bench {

/// y = a + b x.
struct line {
  double a;
  double b;
};

/// The line of least squares.
inline line fit_line(std::span<const double> x, std::span<const double> y) {
  double mean_x = 0, mean_y = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / double(x.size());
    mean_y += y[i] / double(x.size());
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return {mean_y - xy / xx * mean_x, xy / xx};
}

inline double median(std::vector<double> v) {
  const auto middle = v.begin() + std::ptrdiff_t(v.size() / 2);
  std::nth_element(v.begin(), middle, v.end());
  return *middle;
}

}  // namespace attd_bench
