// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Tables of numbers from CSV text: columns by name, missing values, every error with its line.
#pragma once

#include <algorithm>
#include <array>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/io/bytes.hpp>
#include <attd/io/detail/csv_records.hpp>
#include <attd/io/names.hpp>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace attd::io {

/// How to read a CSV file.
struct csv_options {
  /// What stands between fields; 0: the one of `,` `;` tab that the header holds most of.
  char separator = 0;
  /// More columns than this are taken for a file that is not CSV.
  index_t max_columns = 65536;
  /// The most cells (rows times columns) that are kept, 8 bytes each.
  index_t max_cells = index_t{1} << 28;
  /// The largest file that `read_csv` takes: 4 GiB.
  std::uint64_t max_bytes = std::uint64_t{1} << 32;
};

/// Why a column holds no numbers: the first cell that is not one.
struct csv_fault {
  index_t line = 0;  ///< the line of that cell in the file, from 1; 0: the column is all numbers
  std::string cell;
  std::string reason;
};

/// A table read from CSV. A missing value is a NaN.
struct csv_table {
  std::vector<std::string> names;
  /// `columns[c][r]`; empty where `faults[c].line != 0`.
  std::vector<std::vector<double>> columns;
  std::vector<csv_fault> faults;  ///< one per column
  std::string source;             ///< the file's name, for messages
  index_t row_count = 0;

  /// Rows below the header.
  index_t rows() const { return row_count; }

  /// Whether a column has this name.
  bool has(std::string_view name) const {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  /// The numbers of the column with this name.
  /// *Errors*: `attd::error` when there is no such column (the available ones and the nearest name
  /// are listed) or when one of its cells is not a finite number (its line and text are named).
  const std::vector<double>& column(std::string_view name) const {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      fail("csv: '", source, "' has no column ", detail::in_quotes(name),
           "; hint: ", detail::name_hint(name, names));
    }
    const auto c = static_cast<std::size_t>(found - names.begin());
    if (faults[c].line != 0) {
      fail("csv: '", source, "' column ", detail::in_quotes(name), " line ", faults[c].line, ": ",
           detail::in_quotes(faults[c].cell), " ", faults[c].reason);
    }
    return columns[c];
  }
};

namespace detail {

inline bool csv_missing(std::string_view cell) {
  constexpr std::array<std::string_view, 8> words = {"",     "NA", "NaN",  "nan",
                                                     "null", "?",  "-nan", "N/A"};
  return std::find(words.begin(), words.end(), cell) != words.end();
}

/// Reads one cell; returns the reason why it is no number, or null.
inline const char* csv_number(std::string_view cell, double& value) {
  if (csv_missing(cell)) {
    value = std::numeric_limits<double>::quiet_NaN();
    return nullptr;
  }
  constexpr const char* not_a_number =
      "is not a number; hint: numbers look like -1.5e-3, a missing value is an empty cell, NA, "
      "NaN, null or ?";
  std::string_view digits = cell;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  const char* last = digits.data() + digits.size();
  const auto [end, problem] = std::from_chars(digits.data(), last, value);
  // from_chars reads words such as "inf" and "nan(7)" too; a number starts with neither letter.
  const char first = digits.size() > 1 && digits[0] == '-' ? digits[1] : digits[0];
  const bool word = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
  if (problem != std::errc::invalid_argument && end == last) {
    if (problem == std::errc::result_out_of_range) {
      return "is outside the range of a double; hint: correct it or leave the cell empty";
    }
    if (!word) return nullptr;
    if (first == 'i' || first == 'I') {
      return "is not finite; hint: correct it or leave the cell empty (missing)";
    }
  }
  if (!word && digits.find(',') != std::string_view::npos) {
    return "is not a number; hint: write a decimal point, not a comma, and no thousands separators";
  }
  return not_a_number;
}

/// Whether two cells say the same: equal text or equal numbers.
inline bool csv_same(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (csv_missing(a) || csv_missing(b)) return csv_missing(a) && csv_missing(b);
  double x = 0, y = 0;
  return csv_number(a, x) == nullptr && csv_number(b, y) == nullptr && x == y;
}

/// The header's names. A column without one is called `column_<number>`, the count from 1.
inline std::vector<std::string> csv_names(csv_records& records,
                                          const std::vector<std::string_view>& header) {
  std::vector<std::string> names;
  bool only_numbers = true;
  double ignored = 0;
  for (std::size_t c = 0; c < header.size(); ++c) {
    names.emplace_back(header[c]);
    only_numbers = only_numbers && csv_number(header[c], ignored) == nullptr;
    if (names.back().empty()) names.back() = "column_" + std::to_string(c + 1);
  }
  if (only_numbers) {
    fail("csv: '", records.source(), "' line ", records.line(), ": found ", in_quotes(header[0]),
         " where the first column's name is expected; hint: add a header line with the names");
  }
  return names;
}

}  // namespace detail

/// Reads CSV text (RFC 4180): a header line with the columns' names, then one line per row.
///
/// *Format*: fields between `,`, `;` or tabs; quotes `"` around a field that holds a separator, a
/// line end or a quote (doubled). Lines end with LF or CRLF; a UTF-8 byte order mark and blank
/// lines at the start or the end are skipped; blanks around a field do not count. Numbers are read
/// the same in every locale. Missing are: an empty cell, NA, N/A, NaN, nan, -nan, null, ?. *Text*:
/// a column with a cell that is not a finite number is kept without its cells and fails only when
/// asked for, so dates and labels do no harm. *Names*: two columns of one name are merged when they
/// are equal in every row (such files exist), otherwise an error. A column without a name is
/// `column_<number>`, and is left out when it is empty in every row (lines that end in a
/// separator). *Cost*: linear in the text; 8 bytes per cell. *Errors*: `attd::error` with source,
/// line and both values: empty text, no rows, no header, rows of another length than the header,
/// columns of one name, an open quote, text that is not UTF-8 or CSV at all, more columns or cells
/// than `options` allow.
inline csv_table parse_csv(std::string_view text, std::string_view source_name,
                           csv_options options = {}) {
  detail::csv_records records(text, source_name, options.separator, options.max_columns);
  std::vector<std::string_view> cells;
  if (!records.next(cells)) {
    fail("csv: '", source_name, "' is empty; hint: a header line with the columns' names and at ",
         "least one row are needed");
  }
  csv_table table;
  table.source = std::string(source_name);
  table.names = detail::csv_names(records, cells);
  const index_t header_line = records.line();
  const std::size_t width = cells.size();
  std::vector<bool> used(width);  // a column with a name or any cell that is not empty
  for (std::size_t c = 0; c < width; ++c) used[c] = !cells[c].empty();
  // twin[c]: the first column of the same name, c itself where there is none.
  std::vector<std::size_t> twin(width);
  {
    std::unordered_map<std::string_view, std::size_t> first;
    for (std::size_t c = 0; c < width; ++c)
      twin[c] = first.emplace(table.names[c], c).first->second;
  }
  table.columns.resize(width);
  table.faults.resize(width);
  while (records.next(cells)) {
    const index_t line = records.line();
    if (records.field_count() != static_cast<index_t>(width)) {
      fail("csv: '", source_name, "' line ", line, " has ", records.field_count(),
           records.field_count() == 1 ? " field" : " fields", ", expected ", width,
           " as in the header (line ", header_line, "); hint: the separator is ",
           detail::in_quotes(std::string(1, records.separator())),
           ", a field that holds it needs quotes");
    }
    if (table.row_count >= options.max_cells / static_cast<index_t>(width)) {
      fail("csv: '", source_name, "' line ", line, ": more than ", options.max_cells, " cells (",
           width, " columns); hint: raise csv_options::max_cells");
    }
    for (std::size_t c = 0; c < width; ++c) {
      if (twin[c] != c) {
        if (detail::csv_same(cells[c], cells[twin[c]])) continue;
        fail("csv: '", source_name, "' line ", line, ": columns ", twin[c] + 1, " and ", c + 1,
             " are both named ", detail::in_quotes(table.names[c]), " but hold ",
             detail::in_quotes(cells[twin[c]]), " and ", detail::in_quotes(cells[c]),
             "; hint: rename one of them");
      }
      if (table.faults[c].line != 0) continue;
      double value = 0;
      if (const char* reason = detail::csv_number(cells[c], value)) {
        table.faults[c] = {line, std::string(cells[c].substr(0, 200)), reason};
        std::vector<double>().swap(table.columns[c]);
      } else {
        table.columns[c].push_back(value);
      }
      used[c] = used[c] || !cells[c].empty();
    }
    ++table.row_count;
  }
  if (table.row_count == 0) {
    fail("csv: '", source_name, "' has a header (line ", header_line, ", ", width,
         width == 1 ? " column" : " columns", ") but no rows");
  }

  std::size_t kept = 0;
  for (std::size_t c = 0; c < width; ++c) {
    if (twin[c] != c || !(used[c] || table.faults[c].line != 0)) continue;
    if (kept != c) {
      table.names[kept] = std::move(table.names[c]);
      table.columns[kept] = std::move(table.columns[c]);
      table.faults[kept] = std::move(table.faults[c]);
    }
    ++kept;
  }
  table.names.resize(kept);
  table.columns.resize(kept);
  table.faults.resize(kept);
  return table;
}

/// Reads a CSV file; see `parse_csv`.
/// *Errors*: those of `parse_csv` and of `read_text_file`.
inline csv_table read_csv(const std::filesystem::path& path, csv_options options = {}) {
  return parse_csv(read_text_file(path, options.max_bytes), path.string(), options);
}

}  // namespace attd::io
