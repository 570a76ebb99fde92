// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Tables of text with aligned columns, and short forms of numbers.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace support {

/// A number with `digits` significant digits; exponents only below 1e-4 and from 1e6 on.
/// Non-finite values read "n/a" (NaN), "inf", "-inf".
inline std::string format_number(double value, int digits = 3) {
  if (std::isnan(value)) return "n/a";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const double size = std::abs(value);
  char text[64];
  if (value == 0) return "0";
  if (size < 1e-4 || size >= 1e6) {
    std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
    return text;
  }
  // Rounding first tells the true place of the leading digit: 9.999 reads 10.0, not 10.00.
  std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
  const double rounded = std::strtod(text, nullptr);
  const int leading = static_cast<int>(std::floor(std::log10(std::abs(rounded)) + 1e-9));
  std::snprintf(text, sizeof text, "%.*f", std::max(0, digits - 1 - leading), value);
  return text;
}

/// A number with a fixed count of decimals; non-finite values as in `format_number`.
inline std::string format_fixed(double value, int decimals) {
  if (!std::isfinite(value)) return format_number(value);
  char text[400];  // the largest double has 309 digits before the point
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// A share in percent with one decimal: 0.125 reads "12.5 %".
inline std::string format_share(double share) {
  return std::isfinite(share) ? format_fixed(share * 100, 1) + " %" : format_number(share);
}

/// A count with a decimal prefix: 1234567 reads "1.23 M".
inline std::string format_count(double count) {
  const char* prefix[] = {"", " k", " M", " G", " T", " P"};
  std::size_t step = 0;
  // 999.5 would round to 1000 with three digits.
  while (std::isfinite(count) && std::abs(count) >= 999.5 && step < 5) {
    count /= 1000;
    ++step;
  }
  return format_number(count) + prefix[step];
}

/// Seconds with a fitting unit: 0.00123 reads "1.23 ms".
inline std::string format_seconds(double seconds) {
  if (!std::isfinite(seconds) || seconds == 0) return format_number(seconds);
  const double size = std::abs(seconds);
  if (size < 0.9995e-3) return format_number(seconds * 1e6) + " us";
  if (size < 0.9995) return format_number(seconds * 1e3) + " ms";
  return format_number(seconds) + " s";
}

/// A table as text: a title, column names, rows of cells. The first `text_columns` columns are set
/// flush left, the rest flush right.
struct table {
  std::string title;
  std::vector<std::string> columns;
  attd::index_t text_columns = 1;
  std::vector<std::vector<std::string>> rows = {};

  /// Appends a row. *Errors*: `attd::error` unless it has one cell per column.
  void add(std::vector<std::string> cells) {
    if (cells.size() != columns.size())
      attd::fail("table '", title, "': row has ", cells.size(), " cells, expected ", columns.size(),
                 "; hint: one cell per column");
    rows.push_back(std::move(cells));
  }
};

/// Prints title, column names, a rule and the rows; two spaces between columns, ASCII only, no
/// spaces at the ends of lines.
inline void print(std::ostream& out, const table& content) {
  std::vector<std::size_t> widths;
  for (const std::string& name : content.columns) widths.push_back(name.size());
  for (const auto& row : content.rows)
    for (std::size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], row[c].size());

  const auto print_row = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string fill(widths[c] - cells[c].size(), ' ');
      if (c > 0) line += "  ";
      line +=
          static_cast<attd::index_t>(c) < content.text_columns ? cells[c] + fill : fill + cells[c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  };
  if (!content.title.empty()) out << content.title << "\n";
  print_row(content.columns);
  std::size_t total = content.columns.empty() ? 0 : 2 * (content.columns.size() - 1);
  for (const std::size_t width : widths) total += width;
  out << std::string(total, '-') << "\n";
  for (const auto& row : content.rows) print_row(row);
}

}  // namespace support
