// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// One row per compared method: as JSON with stable keys, and as tables grouped by set.
#pragma once

#include <attd/error.hpp>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "table.hpp"

namespace support {

/// What one method bought on one set. NaN stands for "not measured".
struct result_row {
  std::string task;     ///< `shift`, `rlc`, `series`, `text`
  std::string block;    ///< `linear_ssm`, `s4d`, `mamba`
  std::string adapter;  ///< a block's default adapter comes first
  std::string set;      ///< `in`, `shift_x2`, ...; of a series: `test`
  std::string method;   ///< `never`, `full`, `gate`, `attd`, `best_fixed`, `oracle`
  double error = std::numeric_limits<double>::quiet_NaN();           ///< mean held-out error
  double error_low = std::numeric_limits<double>::quiet_NaN();       ///< its bootstrap interval
  double error_high = std::numeric_limits<double>::quiet_NaN();      ///< its bootstrap interval
  double mean_steps = std::numeric_limits<double>::quiet_NaN();      ///< attempted steps per sample
  double rejected_share = std::numeric_limits<double>::quiet_NaN();  ///< of attempted steps, 0..1
  double min_margin = std::numeric_limits<double>::quiet_NaN();      ///< smallest stability margin
  double flops = std::numeric_limits<double>::quiet_NaN();           ///< counted, per sequence
  double seconds = std::numeric_limits<double>::quiet_NaN();         ///< per sequence
};

/// The rows as `{"version":1,"rows":[{...}]}`: keys are the names of the fields in their order,
/// non-finite numbers are null, bytes that are not UTF-8 become U+FFFD.
inline std::string results_to_json(const std::vector<result_row>& rows) {
  using json = nlohmann::ordered_json;
  const auto number = [](double value) { return std::isfinite(value) ? json(value) : json(); };
  json list = json::array();
  for (const result_row& row : rows)
    list.push_back(json{{"task", row.task},
                        {"block", row.block},
                        {"adapter", row.adapter},
                        {"set", row.set},
                        {"method", row.method},
                        {"error", number(row.error)},
                        {"error_low", number(row.error_low)},
                        {"error_high", number(row.error_high)},
                        {"mean_steps", number(row.mean_steps)},
                        {"rejected_share", number(row.rejected_share)},
                        {"min_margin", number(row.min_margin)},
                        {"flops", number(row.flops)},
                        {"seconds", number(row.seconds)}});
  json document;
  document["version"] = 1;
  document["rows"] = std::move(list);
  return document.dump(2, ' ', false, json::error_handler_t::replace);
}

/// Writes `results_to_json` and a line end to the file.
/// *Errors*: `attd::error` when the file cannot be written.
inline void write_json(const std::string& path, const std::vector<result_row>& rows) {
  std::ofstream file(path, std::ios::binary);
  file << results_to_json(rows) << "\n";
  file.close();
  if (!file)
    attd::fail("write_json: cannot write '", path, "' (", rows.size(),
               " rows); hint: does the folder exist, and is there space?");
}

/// One table per (task, set), both in the order of their first row; rows keep their order.
inline std::vector<table> result_tables(const std::vector<result_row>& rows) {
  std::vector<table> tables;
  for (const result_row& row : rows) {
    const std::string title = "Set " + row.set + " (task " + row.task + ")";
    table* home = nullptr;
    for (table& one : tables)
      if (one.title == title) home = &one;
    if (home == nullptr) {
      tables.push_back({.title = title,
                        .columns = {"block", "adapter", "method", "error", "95 % interval", "steps",
                                    "rejected", "margin", "FLOPs", "time"},
                        .text_columns = 3});
      home = &tables.back();
    }
    const std::string range =
        std::isnan(row.error_low) && std::isnan(row.error_high)
            ? "n/a"
            : "[" + format_number(row.error_low) + ", " + format_number(row.error_high) + "]";
    home->add({row.block, row.adapter, row.method, format_number(row.error), range,
               format_fixed(row.mean_steps, 2), format_share(row.rejected_share),
               format_number(row.min_margin), format_count(row.flops),
               format_seconds(row.seconds)});
  }
  return tables;
}

/// Prints `result_tables`, an empty line between tables.
inline void print_results(std::ostream& out, const std::vector<result_row>& rows) {
  bool first = true;
  for (const table& one : result_tables(rows)) {
    if (!first) out << "\n";
    print(out, one);
    first = false;
  }
}

}  // namespace support
