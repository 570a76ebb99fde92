// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// CSV: what is read, what counts as missing, and the text of every error.
#include <doctest/doctest.h>

#include <attd/io/csv.hpp>
#include <bit>
#include <clocale>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

using attd::io::csv_options;
using attd::io::csv_table;
using attd::io::parse_csv;

/// The message of the error that reading `text` (and then `column`, if named) must raise.
std::string csv_message(std::string_view text, std::string_view column = "",
                        csv_options options = {}) {
  try {
    const csv_table table = parse_csv(text, "f.csv", options);
    if (!column.empty()) table.column(column);
  } catch (const attd::error& problem) {
    return problem.what();
  }
  return "no error";
}

/// How a message must begin; doctest prints both when it does not.
std::string csv_begins(const std::string& text, std::string_view with) {
  return text.starts_with(with) ? std::string(with) : text;
}
#define CHECK_CSV_BEGINS(text, with) CHECK_EQ(csv_begins(text, with), std::string(with))

bool missing(double value) { return value != value; }

}  // namespace

TEST_CASE("csv: numbers are read by column name") {
  const csv_table table = parse_csv("t,v\n0,1.5\n1,-2e-3\n2,+4\n", "f.csv");
  CHECK(table.rows() == 3);
  CHECK(table.names == std::vector<std::string>{"t", "v"});
  CHECK(table.column("t") == std::vector<double>{0, 1, 2});
  CHECK(table.column("v") == std::vector<double>{1.5, -2e-3, 4});
  CHECK(table.has("v"));
  CHECK_FALSE(table.has("w"));
}

TEST_CASE("csv: numbers are the nearest doubles, bit for bit, subnormal ones too") {
  const csv_table table = parse_csv("x\n0.1\n4.9e-324\n1.7976931348623157e308\n-0\n", "f.csv");
  const std::vector<double>& x = table.column("x");
  const std::vector<std::uint64_t> bits = {0x3fb999999999999au, 1u, 0x7fefffffffffffffu,
                                           0x8000000000000000u};
  for (std::size_t i = 0; i < bits.size(); ++i)
    CHECK(std::bit_cast<std::uint64_t>(x[i]) == bits[i]);
}

TEST_CASE("csv: a locale with a decimal comma changes nothing") {
  const char* const set = std::setlocale(LC_ALL, "de_DE.UTF-8");
  const csv_table table = parse_csv("x\n1.25\n", "f.csv");
  std::setlocale(LC_ALL, "C");
  INFO("locale: ", set == nullptr ? "not installed" : set);
  CHECK(table.column("x") == std::vector<double>{1.25});
}

TEST_CASE("csv: CRLF, a byte order mark, blank lines around and blanks in fields do not count") {
  const csv_table table =
      parse_csv("\xef\xbb\xbf\r\n \r\na , b\r\n 1,2 \r\n\t3 ,4\r\n\r\n \n", "f.csv");
  CHECK(table.names == std::vector<std::string>{"a", "b"});
  CHECK(table.column("a") == std::vector<double>{1, 3});
  CHECK(table.column("b") == std::vector<double>{2, 4});
}

TEST_CASE("csv: the last line needs no line end, and a last carriage return is one") {
  CHECK(parse_csv("a\n1\n2", "f").column("a") == std::vector<double>{1, 2});
  CHECK(parse_csv("a\n1\n2\r", "f").column("a") == std::vector<double>{1, 2});
}

TEST_CASE("csv: the separator is taken from the header") {
  CHECK(parse_csv("a;b\n1;2\n", "f").column("b") == std::vector<double>{2});
  CHECK(parse_csv("a\tb\n1\t2\n", "f").column("b") == std::vector<double>{2});
  CHECK(parse_csv("\"a;c;d\",b\n1,2\n", "f").column("b") == std::vector<double>{2});
  CHECK(parse_csv("a|b\n1|2\n", "f", {.separator = '|'}).column("b") == std::vector<double>{2});
}

TEST_CASE("csv: empty cells between tabs are missing values, also in the last row") {
  const csv_table table = parse_csv("a\tb\n1\t\n\t\n", "f");
  CHECK(table.rows() == 2);
  CHECK(missing(table.column("a")[1]));
  CHECK(missing(table.column("b")[0]));
}

TEST_CASE("csv: every spelling of a missing value becomes NaN") {
  const csv_table table =
      parse_csv("x,y\n,1\nNA,1\nN/A,1\nNaN,1\nnan,1\n-nan,1\nnull,1\n?,1\n\"\",1\n7,1\n", "f");
  const std::vector<double>& x = table.column("x");
  REQUIRE(x.size() == 10);
  for (std::size_t i = 0; i < 9; ++i) CHECK(missing(x[i]));
  CHECK(x[9] == 7);
}

TEST_CASE("csv: a blank line inside a table of one column is a missing value") {
  const csv_table table = parse_csv("x\n1\n\n3\n", "f");
  REQUIRE(table.rows() == 3);
  CHECK(missing(table.column("x")[1]));
}

TEST_CASE("csv: quoted fields hold separators, line ends and doubled quotes") {
  const csv_table table = parse_csv("\"a,\"\"b\"\"\",c\n\"1\", \"2\" \n\"x\ny,\",3\n4,5\n", "f");
  CHECK(table.names == std::vector<std::string>{"a,\"b\"", "c"});
  CHECK(table.column("c") == std::vector<double>{2, 3, 5});
  CHECK_CSV_BEGINS(csv_message("a,b\n\"x\ny\",3\nz,4\n", "a"),
                   "attd: csv: 'f.csv' column 'a' line 2: 'x?y' ");
}

TEST_CASE("csv: line numbers count the lines inside quotes") {
  CHECK_CSV_BEGINS(csv_message("a,b\n\"x\ny\",3\n1\n"),
                   "attd: csv: 'f.csv' line 4 has 1 field, expected 2");
}

TEST_CASE("csv: a column of text fails only when asked for, with line, cell and hint") {
  const std::string_view text = "date,v\n2016-07-01,1\n2016-07-02,2\n";
  CHECK(parse_csv(text, "f.csv").column("v") == std::vector<double>{1, 2});
  CHECK(parse_csv(text, "f.csv").columns[0].empty());
  CHECK_CSV_BEGINS(csv_message(text, "date"),
                   "attd: csv: 'f.csv' column 'date' line 2: '2016-07-01' is not a number; hint: ");
}

TEST_CASE("csv: the first bad cell is named, however many follow") {
  CHECK_CSV_BEGINS(csv_message("a\n1\nabc\nxyz\n", "a"),
                   "attd: csv: 'f.csv' column 'a' line 3: 'abc' is not");
}

TEST_CASE("csv: cells that only begin like a number are text") {
  for (const char* cell : {"1x", "0x10", "1 2", "--1", "+-1", "-", "+", ".", "e5", "1e", "nanx"}) {
    CAPTURE(cell);
    CHECK(csv_message("a\n" + std::string(cell) + "\n", "a").find("is not a number") !=
          std::string::npos);
  }
}

TEST_CASE("csv: infinite and too large values are refused, each with its reason") {
  CHECK_CSV_BEGINS(csv_message("a\n1\ninf\n", "a"),
                   "attd: csv: 'f.csv' column 'a' line 3: 'inf' is not finite; hint: ");
  CHECK_CSV_BEGINS(csv_message("a\n-Infinity\n", "a"),
                   "attd: csv: 'f.csv' column 'a' line 2: '-Infinity' is not finite");
  CHECK_CSV_BEGINS(csv_message("a\n1e999\n", "a"),
                   "attd: csv: 'f.csv' column 'a' line 2: '1e999' is outside the range");
}

TEST_CASE("csv: a decimal comma gets a hint of its own") {
  CHECK_CSV_BEGINS(
      csv_message("a;b\n1,5;2\n", "a"),
      "attd: csv: 'f.csv' column 'a' line 2: '1,5' is not a number; hint: write a decimal point");
}

TEST_CASE("csv: a missing column lists the columns and the nearest name") {
  CHECK(csv_message("time,V_C,V_IN\n1,2,3\n", "v_c") ==
        "attd: csv: 'f.csv' has no column 'v_c'; hint: did you mean 'V_C'? available are 'time', "
        "'V_C', 'V_IN'");
  CHECK_CSV_BEGINS(
      csv_message("flaw,flow2,flow\n1,2,3\n", "flwo"),
      "attd: csv: 'f.csv' has no column 'flwo'; hint: did you mean 'flow'? available are ");
  CHECK(csv_message("time,V_C\n1,2\n", "pressure") ==
        "attd: csv: 'f.csv' has no column 'pressure'; hint: available are 'time', 'V_C'");
}

TEST_CASE("csv: a row of another length is refused with both lengths and its line") {
  CHECK(csv_message("a,b\n1,2\n3\n") ==
        "attd: csv: 'f.csv' line 3 has 1 field, expected 2 as in the header (line 1); hint: the "
        "separator is ',', a field that holds it needs quotes");
  CHECK_CSV_BEGINS(csv_message("\na,b\n1,2,3\n"),
                   "attd: csv: 'f.csv' line 3 has 3 fields, expected 2 as in the header (line 2)");
  CHECK_CSV_BEGINS(csv_message("a,b\n1,2\n\n3,4\n"),
                   "attd: csv: 'f.csv' line 3 has 1 field, expected 2");
}

TEST_CASE("csv: empty text and a header alone are refused") {
  CHECK_CSV_BEGINS(csv_message(""), "attd: csv: 'f.csv' is empty; hint: ");
  CHECK_CSV_BEGINS(csv_message("\xef\xbb\xbf\r\n \t \n"), "attd: csv: 'f.csv' is empty; hint: ");
  CHECK(csv_message("a,b\n\n") ==
        "attd: csv: 'f.csv' has a header (line 1, 2 columns) but no rows");
}

TEST_CASE("csv: a file without a header is refused") {
  CHECK_CSV_BEGINS(
      csv_message("0.5,1\n2,3\n"),
      "attd: csv: 'f.csv' line 1: found '0.5' where the first column's name is expected; hint: ");
}

TEST_CASE("csv: columns of one name are refused where they differ, merged where they are equal") {
  CHECK(csv_message("v,t,v\n1,0,1\n2,0,3\n") ==
        "attd: csv: 'f.csv' line 3: columns 1 and 3 are both named 'v' but hold '2' and '3'; hint: "
        "rename one of them");
  const csv_table table = parse_csv("v,t,v\n1,0,1\n2,5,2.0\nNA,6,\n", "f.csv");
  CHECK(table.names == std::vector<std::string>{"v", "t"});
  CHECK(table.columns.size() == 2);
  CHECK(table.column("v")[1] == 2);
  CHECK(table.column("t") == std::vector<double>{0, 5, 6});
}

TEST_CASE("csv: a column without a name is numbered, and left out when it is empty") {
  const csv_table table = parse_csv(",b,\n5,1,\n6,2,\n", "f.csv");
  CHECK(table.names == std::vector<std::string>{"column_1", "b"});
  CHECK(table.column("column_1") == std::vector<double>{5, 6});
  CHECK(table.column("b") == std::vector<double>{1, 2});
}

TEST_CASE("csv: broken quotes are refused with their line") {
  CHECK(csv_message("a,b\n1,\"2\n3,4\n") ==
        "attd: csv: 'f.csv' line 2: the quote that opens '2?3,4?' is not closed before the end of "
        "the file");
  CHECK_CSV_BEGINS(csv_message("a,b\n1,2\n\"3\"x,4\n"),
                   "attd: csv: 'f.csv' line 3: found 'x' after a closing quote, expected ','");
}

TEST_CASE("csv: what is not text is refused") {
  CHECK_CSV_BEGINS(csv_message("\xff\xfe\x61"),
                   "attd: csv: 'f.csv' is UTF-16 text, expected UTF-8");
  CHECK_CSV_BEGINS(csv_message(std::string_view("a\n1\0\n", 5)),
                   "attd: csv: 'f.csv' byte 3 is zero");
  CHECK_CSV_BEGINS(csv_message("a\n1\r2\n"),
                   "attd: csv: 'f.csv' line 2: a carriage return without a line feed");
}

TEST_CASE("csv: absurd sizes are refused with the limit") {
  CHECK_CSV_BEGINS(csv_message("a,b,c\n1,2,3\n", "", {.max_columns = 2}),
                   "attd: csv: 'f.csv' line 1 has 3 columns, the limit is 2");
  CHECK_CSV_BEGINS(csv_message("a,b\n1,2\n3,4\n5,6\n", "", {.max_cells = 5}),
                   "attd: csv: 'f.csv' line 4: more than 5 cells (2 columns)");
  CHECK(csv_message("a,b\n1,2\n3,4\n5,6\n", "", {.max_cells = 6}) == "no error");
}

TEST_CASE("csv: messages hold no control bytes and no endless cells") {
  const std::string text = csv_message("a\n\x1b[31m" + std::string(100000, 'x') + "\n", "a");
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.size() < 400);
}

TEST_CASE("csv: messages are UTF-8 whatever the file holds, and cut between letters") {
  CHECK_CSV_BEGINS(csv_message("a\n\xc3\xa9\xff\xe2\x82x\xed\xa0\x80\n", "a"),
                   "attd: csv: 'f.csv' column 'a' line 2: '\xc3\xa9\?\?\?x\?\?\?' is not a number");
  std::string long_cell;
  for (int i = 0; i < 40; ++i) long_cell += "\xe2\x82\xac";  // three bytes each
  CHECK_CSV_BEGINS(
      csv_message("a\nx" + long_cell + "\n", "a"),
      "attd: csv: 'f.csv' column 'a' line 2: 'x" + long_cell.substr(0, 57) + "...' is not");
}

TEST_CASE("csv: long stretches of blank lines cost linear time") {
  // A scan of what follows at every row would take hours here.
  const std::string text = "x\n1\n" + std::string(4'000'000, '\n') + "2\n";
  const csv_table table = parse_csv(text, "f.csv");
  CHECK(table.rows() == 4'000'002);
  CHECK(table.column("x").back() == 2);
}

TEST_CASE("csv: a file that is not there is named") {
  std::string text = "no error";
  try {
    attd::io::read_csv("no/such/file.csv");
  } catch (const attd::error& problem) {
    text = problem.what();
  }
  CHECK_CSV_BEGINS(text,
                   "attd: file: 'no/such/file.csv' does not exist; hint: relative paths start at ");
}
