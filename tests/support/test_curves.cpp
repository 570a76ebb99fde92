// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Curves of value against compute, and the table of a comparison: order, axes, bars, cells.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../../examples/support/comparison_table.hpp"
#include "../../examples/support/curves.hpp"

using std::string;
using std::vector;
using namespace support;

namespace {

attd::index_t times(const string& text, const string& part) {
  attd::index_t found = 0;
  for (std::size_t at = text.find(part); at != string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

const double not_there = std::numeric_limits<double>::quiet_NaN();

vector<method_curve> three_curves() {
  return {
      {"fixed", {{2, 0.4, 0.35, 0.45, "K = 2"}, {0, 0.6, 0.5, 0.7, "K = 0"}, {1, 0.5, 0.4, 0.6}}},
      {"gate", {{0.5, 0.45, 0.4, 0.5}, {1.5, 0.4, 0.3, 0.5}}},
      {"attd", {{0.7, 0.3, 0.25, 0.35, "budget 0.7"}}}};
}

}  // namespace

TEST_CASE("curves: a line per method by compute, with bars; a single setting is a point") {
  const plot one = plot_curves("t", three_curves());
  REQUIRE(one.content.size() == 3);
  CHECK(one.content[0].name == "fixed");
  CHECK(one.content[0].x == vector<double>{0, 1, 2});
  CHECK(one.content[0].y == vector<double>{0.6, 0.5, 0.4});
  CHECK(one.content[0].low == vector<double>{0.5, 0.4, 0.35});
  CHECK(one.content[0].high == vector<double>{0.7, 0.6, 0.45});
  CHECK(one.content[1].shape == mark::points_and_line);
  CHECK(one.content[2].shape == mark::points);
  const string svg = render_svg(one);
  CHECK(times(svg, "stroke-width=\"1.3\"") == 18);  // six bars of three lines each
  CHECK(times(svg, "stroke-linejoin") == 2);
}

TEST_CASE("curves: points of equal compute keep their order") {
  method_curve curve{"a", {}};
  for (int i = 0; i < 40; ++i)
    curve.points.push_back({i % 2 == 0 ? 1.0 : not_there, 1.0 * i, 0, 0});
  const plot one = plot_curves("t", {curve});
  for (std::size_t i = 0; i < 40; ++i)
    CHECK(one.content[0].y[i] ==
          (i < 20 ? 2.0 * static_cast<double>(i) : 2.0 * static_cast<double>(i) - 39));
}

TEST_CASE("curves: axes turn logarithmic with wide positive data only") {
  CHECK_FALSE(plot_curves("t", three_curves()).x.logarithmic);
  CHECK_FALSE(plot_curves("t", three_curves()).y.logarithmic);
  const vector<method_curve> flops{{"a", {{1e6, 0.9, 0.8, 1}, {1e8, 0.02, 0.01, 0.03}}}};
  CHECK(plot_curves("t", flops).x.logarithmic);
  CHECK(plot_curves("t", flops).y.logarithmic);
  const vector<method_curve> narrow{{"a", {{1, 0.9, 0.8, 1}, {29, 0.1, 0.1, 0.2}}}};
  CHECK_FALSE(plot_curves("t", narrow).x.logarithmic);
  CHECK_FALSE(plot_curves("t", narrow).y.logarithmic);
  const vector<method_curve> from_zero{{"a", {{0, 0.9, 0.8, 1}, {1e8, 0, 0, 0}}}};
  CHECK_FALSE(plot_curves("t", from_zero).x.logarithmic);
  CHECK_FALSE(plot_curves("t", from_zero).y.logarithmic);
}

TEST_CASE("curves: labels and the floor are drawn, what is not finite is counted") {
  vector<method_curve> curves = three_curves();
  curves[0].points.push_back({not_there, 0.1, 0, 0.2});
  const plot one = plot_curves(
      "t", curves,
      {.compute = "GFLOP", .value = "accuracy (%)", .floor = 0.1, .floor_label = "root operator"});
  CHECK(one.content[0].x.size() == 4);
  CHECK(std::isnan(one.content[0].x[3]));
  const string svg = render_svg(one);
  CHECK(times(svg, ">GFLOP<") == 1);
  CHECK(times(svg, ">accuracy (%)<") == 1);
  CHECK(times(svg, ">root operator<") == 1);
  CHECK(times(svg, ">1 value not drawable<") == 1);
  CHECK(times(svg, "nan") == 0);
  CHECK(plot_curves("t", three_curves()).horizontal.empty());
  CHECK(times(render_svg(plot_curves("t", {})), ">no data<") == 1);
}

TEST_CASE("curves: the table has a row per point in the order of the lines") {
  const table rows = table_of_curves("numbers", three_curves(), {.compute = "steps"});
  CHECK(rows.columns[2] == "steps");
  REQUIRE(rows.rows.size() == 6);
  CHECK(rows.rows[0] == vector<string>{"fixed", "K = 0", "0", "0.600", "0.500", "0.700"});
  CHECK(rows.rows[2][1] == "K = 2");
  CHECK(rows.rows[5] == vector<string>{"attd", "budget 0.7", "0.700", "0.300", "0.250", "0.350"});
}

TEST_CASE("curves: a section of a report holds the plot and the table") {
  html_report page("r");
  add_curves(page, "Error & steps", three_curves());
  const string html = page.html();
  CHECK(times(html, "<h2>Error &amp; steps</h2>") == 1);
  CHECK(times(html, "<svg xmlns") == 1);
  CHECK(times(html, "<tr>") == 7);
}

TEST_CASE("comparison table: means with intervals, dashes for the baseline, corrected p") {
  vector<attd::metrics::score> scores;
  for (attd::index_t seed = 0; seed < 4; ++seed) {
    scores.push_back({"never", seed, 0.5 + 0.01 * static_cast<double>(seed)});
    scores.push_back({"attd", seed, 0.4 + 0.012 * static_cast<double>(seed)});
  }
  const auto rows = attd::metrics::compare(scores, {.baseline = "never"});
  const table shown = comparison_table("t", rows);
  REQUIRE(shown.rows.size() == 2);
  CHECK(shown.rows[0][0] == "never");
  CHECK(shown.rows[0][1] == "4");
  // Mean 0.515, deviation 0.01291, t_{3, 0.975} = 3.1824: 0.515 -+ 0.02054.
  CHECK(shown.rows[0][2] == "0.515 [0.494, 0.536]");
  for (std::size_t c = 4; c < 8; ++c) CHECK(shown.rows[0][c] == "-");
  CHECK(shown.rows[1][4].starts_with("-0.0970 [-0.0"));
  CHECK(shown.rows[1][6] == "0.12");   // 2 / 2^4
  CHECK(shown.rows[1][7] == "0.029");  // 2 / 70
}
