// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What is read from the common trajectories of many samples: `Course` is any struct with `errors`,
// the scored error after k = 0 .. Kmax steps.
#pragma once

#include <attd/config.hpp>
#include <cstddef>
#include <vector>

namespace support {

/// Mean error of the samples after k steps.
template <class Course>
double mean_at(const std::vector<Course>& courses, attd::index_t k) {
  double sum = 0;
  for (const auto& c : courses) sum += c.errors[static_cast<std::size_t>(k)];
  return sum / double(courses.size());
}

/// The number of steps, first .. last, with the least mean error; ties to fewer.
template <class Course>
attd::index_t best_fixed(const std::vector<Course>& courses, attd::index_t first,
                         attd::index_t last) {
  attd::index_t best = first;
  for (attd::index_t k = first; k <= last; ++k) {
    if (mean_at(courses, k) < mean_at(courses, best)) best = k;
  }
  return best;
}

}  // namespace support
