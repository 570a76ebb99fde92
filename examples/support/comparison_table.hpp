// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The comparison of methods over seeds as a table for terminals and reports.
#pragma once

#include <attd/metrics/comparison.hpp>
#include <string>
#include <vector>

#include "table.hpp"

namespace support {

/// "0.123 [0.110, 0.134]".
inline std::string format_interval(double value, const attd::metrics::interval& range) {
  return format_number(value) + " [" + format_number(range.low) + ", " + format_number(range.high) +
         "]";
}

/// One row per method: mean with its interval by Student's t and by bootstrap, difference to the
/// baseline with its interval, p of the three tests after the correction. The baseline's row has
/// dashes there.
inline table comparison_table(const std::string& title,
                              const std::vector<attd::metrics::comparison_row>& rows) {
  table result{.title = title,
               .columns = {"method", "n", "mean [t]", "[bootstrap]", "difference", "p: paired t",
                           "signed rank", "Mann-Whitney"}};
  for (const auto& row : rows) {
    const auto& range = row.bootstrap;
    const auto p_cell = [&](double p) {
      return row.is_baseline ? std::string("-") : format_number(p, 2);
    };
    result.add({row.method, std::to_string(row.clusters), format_interval(row.mean, row.student),
                "[" + format_number(range.low) + ", " + format_number(range.high) + "]",
                row.is_baseline ? "-" : format_interval(row.difference, row.difference_interval),
                p_cell(row.corrected_t), p_cell(row.corrected_signed_rank),
                p_cell(row.corrected_mann_whitney)});
  }
  return result;
}

}  // namespace support
