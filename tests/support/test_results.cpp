// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Results: exact JSON, tables grouped by set, short forms of numbers.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "../../examples/support/results.hpp"

using support::result_row;

namespace {

result_row example_row(const std::string& set, const std::string& method) {
  result_row row;
  row.task = "shift";
  row.block = "linear_ssm";
  row.adapter = "low_rank";
  row.set = set;
  row.method = method;
  row.error = 0.017;
  row.error_low = 0.015;
  row.error_high = 0.0195;
  row.mean_steps = 2.5;
  row.rejected_share = 0.125;
  row.min_margin = 0.01;
  row.flops = 1234567;
  row.seconds = 0.00123;
  return row;
}

}  // namespace

TEST_CASE("results: JSON has exactly the documented keys in their order") {
  const auto document =
      nlohmann::ordered_json::parse(support::results_to_json({example_row("in", "attd")}));
  CHECK(document.size() == 2);
  CHECK(document["version"] == 1);
  std::vector<std::string> keys;
  for (const auto& item : document["rows"][0].items()) keys.push_back(item.key());
  CHECK(keys == std::vector<std::string>{"task", "block", "adapter", "set", "method", "error",
                                         "error_low", "error_high", "mean_steps", "rejected_share",
                                         "min_margin", "flops", "seconds"});
}

TEST_CASE("results: JSON keeps every value of every row exactly") {
  auto row = example_row("shift_x2", "never");
  row.error = 0.1 + 0.2;
  const auto document =
      nlohmann::json::parse(support::results_to_json({example_row("in", "attd"), row}));
  const auto& second = document["rows"][1];
  CHECK(document["rows"].size() == 2);
  CHECK(second["task"] == "shift");
  CHECK(second["block"] == "linear_ssm");
  CHECK(second["adapter"] == "low_rank");
  CHECK(second["set"] == "shift_x2");
  CHECK(second["method"] == "never");
  CHECK(second["error"].get<double>() == 0.1 + 0.2);
  CHECK(second["error_low"].get<double>() == 0.015);
  CHECK(second["error_high"].get<double>() == 0.0195);
  CHECK(second["mean_steps"].get<double>() == 2.5);
  CHECK(second["rejected_share"].get<double>() == 0.125);
  CHECK(second["min_margin"].get<double>() == 0.01);
  CHECK(second["flops"].get<double>() == 1234567);
  CHECK(second["seconds"].get<double>() == 0.00123);
}

TEST_CASE("results: JSON writes non-finite numbers as null and survives odd bytes") {
  auto row = example_row("in", "full");
  row.error = std::numeric_limits<double>::quiet_NaN();
  row.error_high = std::numeric_limits<double>::infinity();
  row.set = "quote \" and byte \xff";
  const auto document = nlohmann::json::parse(support::results_to_json({row}));
  CHECK(document["rows"][0]["error"].is_null());
  CHECK(document["rows"][0]["error_high"].is_null());
  CHECK(document["rows"][0]["error_low"].is_number());
  CHECK(document["rows"][0]["set"] == "quote \" and byte \xef\xbf\xbd");
  const auto empty = nlohmann::json::parse(support::results_to_json({}));
  CHECK(empty["rows"].is_array());
  CHECK(empty["rows"].empty());
}

TEST_CASE("results: write_json writes the file and names a path that cannot be written") {
  const std::string path = "test_results_output.json";
  support::write_json(path, {example_row("in", "attd")});
  std::ifstream file(path);
  const auto document = nlohmann::json::parse(file);
  CHECK(document["rows"][0]["method"] == "attd");
  std::remove(path.c_str());
  std::string message;
  try {
    support::write_json("no_such_folder/file.json", {});
  } catch (const attd::error& caught) {
    message = caught.what();
  }
  CHECK(message.find("attd: write_json: cannot write 'no_such_folder/file.json'") == 0);
}

TEST_CASE("results: tables are grouped by set in the order of first rows") {
  const std::vector<result_row> rows{example_row("in", "never"), example_row("shift_x2", "never"),
                                     example_row("in", "attd")};
  std::ostringstream out;
  support::print_results(out, rows);
  CHECK(out.str() ==
        "Set in (task shift)\n"
        "block       adapter   method   error     95 % interval  steps  rejected  margin   FLOPs"
        "     time\n"
        "---------------------------------------------------------------------------------------"
        "---------\n"
        "linear_ssm  low_rank  never   0.0170  [0.0150, 0.0195]   2.50    12.5 %  0.0100  1.23 M"
        "  1.23 ms\n"
        "linear_ssm  low_rank  attd    0.0170  [0.0150, 0.0195]   2.50    12.5 %  0.0100  1.23 M"
        "  1.23 ms\n"
        "\n"
        "Set shift_x2 (task shift)\n"
        "block       adapter   method   error     95 % interval  steps  rejected  margin   FLOPs"
        "     time\n"
        "---------------------------------------------------------------------------------------"
        "---------\n"
        "linear_ssm  low_rank  never   0.0170  [0.0150, 0.0195]   2.50    12.5 %  0.0100  1.23 M"
        "  1.23 ms\n");
}

TEST_CASE("results: unmeasured numbers read n/a in the table") {
  result_row row;
  row.set = "in";
  const auto tables = support::result_tables({row});
  CHECK(tables.size() == 1);
  CHECK(tables[0].rows[0] ==
        std::vector<std::string>{"", "", "", "n/a", "n/a", "n/a", "n/a", "n/a", "n/a", "n/a"});
}

TEST_CASE("table: numbers are short in every magnitude") {
  CHECK(support::format_number(0) == "0");
  CHECK(support::format_number(1234.5) == "1234");
  CHECK(support::format_number(-0.01234) == "-0.0123");
  CHECK(support::format_number(9.999) == "10.0");
  CHECK(support::format_number(0.1) == "0.100");
  CHECK(support::format_number(1.5e-7) == "1.50e-07");
  CHECK(support::format_number(2e30) == "2.00e+30");
  CHECK(support::format_number(-HUGE_VAL) == "-inf");
  CHECK(support::format_count(999) == "999");
  CHECK(support::format_count(999.7) == "1.00 k");
  CHECK(support::format_count(2.5e9) == "2.50 G");
  CHECK(support::format_count(HUGE_VAL) == "inf");
  CHECK(support::format_seconds(2.5e-5) == "25.0 us");
  CHECK(support::format_seconds(12) == "12.0 s");
  CHECK(support::format_share(1) == "100.0 %");
  CHECK(support::format_fixed(2.345, 1) == "2.3");
}

TEST_CASE("table: a row of the wrong length is refused with both numbers") {
  support::table small{.title = "t", .columns = {"a", "b"}};
  std::string message;
  try {
    small.add({"one"});
  } catch (const attd::error& caught) {
    message = caught.what();
  }
  CHECK(message.find("row has 1 cells, expected 2; hint") != std::string::npos);
  std::ostringstream out;
  support::print(out, small);
  CHECK(out.str() == "t\na  b\n----\n");
}
