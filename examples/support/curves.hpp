// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Accuracy or error against compute: a line with interval bars per method, as plot and as table.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "html_report.hpp"
#include "svg.hpp"
#include "table.hpp"

namespace support {

/// One setting of a method: what it costs and what it reaches, with an interval.
struct curve_point {
  double compute;
  double value;
  double low;
  double high;
  std::string setting = {};  ///< what was varied, for the table: "K = 2", "lambda = 0.01"
};

/// A method: its settings from cheap to dear, in any order.
struct method_curve {
  std::string method;
  std::vector<curve_point> points;
};

/// What the axes mean.
struct curve_labels {
  std::string compute = "mean steps per sample";
  std::string value = "held-out error";
  /// A value without any method, as a guide across the plot: NaN leaves it out.
  double floor = std::nan("");
  std::string floor_label = "baseline";
};

namespace detail {

/// The points by compute; of equal compute in the given order. NaN goes last.
inline std::vector<curve_point> sorted_points(const method_curve& curve) {
  std::vector<std::size_t> order(curve.points.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    const double a = curve.points[i].compute, b = curve.points[j].compute;
    if (std::isnan(a) != std::isnan(b)) return std::isnan(b);
    return a < b || (!(b < a) && i < j);
  });
  std::vector<curve_point> points;
  for (const std::size_t i : order) points.push_back(curve.points[i]);
  return points;
}

/// Whether the finite values are all positive and span more than this factor.
inline bool spans(const std::vector<double>& values, double factor) {
  double least = HUGE_VAL, most = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  return least > 0 && most > factor * least;
}

}  // namespace detail

/// Value against compute, a line with interval bars per method; a method with one setting is a
/// point. The axis of compute is logarithmic when it spans more than a factor of thirty (counted
/// operations do, mean steps from zero never), that of values when more than ten.
/// *Errors*: none; what cannot be drawn is counted below the plot.
inline plot plot_curves(const std::string& title, const std::vector<method_curve>& curves,
                        const curve_labels& labels = {}) {
  plot result{.title = title, .x = {.label = labels.compute}, .y = {.label = labels.value}};
  std::vector<double> all_compute, all_values;
  for (const method_curve& curve : curves) {
    series line{.name = curve.method, .x = {}, .y = {}, .shape = mark::points_and_line};
    if (curve.points.size() == 1) line.shape = mark::points;
    for (const curve_point& point : detail::sorted_points(curve)) {
      line.x.push_back(point.compute);
      line.y.push_back(point.value);
      line.low.push_back(point.low);
      line.high.push_back(point.high);
    }
    all_compute.insert(all_compute.end(), line.x.begin(), line.x.end());
    all_values.insert(all_values.end(), line.y.begin(), line.y.end());
    result.content.push_back(std::move(line));
  }
  result.x.logarithmic = detail::spans(all_compute, 30);
  result.y.logarithmic = detail::spans(all_values, 10);
  if (!std::isnan(labels.floor)) result.horizontal.push_back({labels.floor, labels.floor_label});
  return result;
}

/// The same numbers as a table: one row per point.
inline table table_of_curves(const std::string& title, const std::vector<method_curve>& curves,
                             const curve_labels& labels = {}) {
  table result{.title = title,
               .columns = {"method", "setting", labels.compute, labels.value, "low", "high"},
               .text_columns = 2};
  for (const method_curve& curve : curves)
    for (const curve_point& point : detail::sorted_points(curve))
      result.add({curve.method, point.setting, format_number(point.compute),
                  format_number(point.value), format_number(point.low), format_number(point.high)});
  return result;
}

/// Adds a section with the plot and the table below it.
inline void add_curves(html_report& page, const std::string& title,
                       const std::vector<method_curve>& curves, const curve_labels& labels = {}) {
  page.heading(title);
  page.add(std::vector<plot>{plot_curves(title, curves, labels)});
  page.add(table_of_curves("", curves, labels));
}

}  // namespace support
