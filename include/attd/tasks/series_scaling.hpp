// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Mean and spread of a table's columns over its training rows, to scale by and to scale back.
#pragma once

#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/io/csv.hpp>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace attd::tasks {

/// Scaling of one column: (x - mean) / deviation.
struct column_scaling {
  std::string name;
  double mean = 0;
  double deviation = 1;

  /// A measured value in deviations from the mean.
  double scaled(double x) const { return (x - mean) / deviation; }
  /// The inverse: a prediction back in the column's own unit.
  double restored(double x) const { return mean + deviation * x; }
};

/// Scaling of all columns that a task uses, outputs and inputs each in the order of the options.
struct series_scaling {
  std::vector<column_scaling> outputs;
  std::vector<column_scaling> inputs;
};

/// Mean and standard deviation (divided by n) of rows first .. first + count - 1 of a column,
/// missing values left out; no other row is read.
/// *Errors*: no such column, text in it, no value in these rows, all values equal.
inline column_scaling fit_column_scaling(const io::csv_table& table, const std::string& name,
                                         index_t first, index_t count) {
  const std::vector<double>& column = table.column(name);
  double sum = 0, squares = 0, largest = 0;
  index_t known = 0;
  for (index_t r = first; r < first + count; ++r) {
    const double x = column[static_cast<std::size_t>(r)];
    if (std::isnan(x)) continue;
    sum += x;
    largest = std::fmax(largest, std::fabs(x));
    ++known;
  }
  if (known == 0) {
    fail("series: '", table.source, "' column '", name, "' has no value in the ", count,
         " training rows from row ", first, " on; hint: leave the column out");
  }
  column_scaling scaling{name, sum / static_cast<double>(known), 1};
  for (index_t r = first; r < first + count; ++r) {
    const double x = column[static_cast<std::size_t>(r)] - scaling.mean;
    if (!std::isnan(x)) squares += x * x;
  }
  scaling.deviation = std::sqrt(squares / static_cast<double>(known));
  // Rounding leaves a constant column a deviation of a few units in the last place.
  if (!(scaling.deviation > 1e-13 * largest)) {
    fail("series: '", table.source, "' column '", name, "' is constant (", scaling.mean,
         ") in the ", count, " training rows from row ", first,
         " on; hint: leave the column out or train on more rows");
  }
  return scaling;
}

}  // namespace attd::tasks
