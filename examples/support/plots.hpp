// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The four plots of the reports: signal and gain, steps, error and steps, one example.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "svg.hpp"

namespace support {

/// The samples of one set: ponder signal s, held-out error before and after the adaptation.
struct signal_samples {
  std::string set;
  std::vector<double> signal;
  std::vector<double> before;
  std::vector<double> after;
};

/// Scatter of the error gained, before / after on a logarithmic axis (above 1 is better), against
/// the signal; thresholds of a controller as vertical guides t1, t2, ...
/// *Errors*: `attd::error` when the vectors of a set differ in size.
inline plot plot_signal_against_gain(const std::string& title,
                                     const std::vector<signal_samples>& sets,
                                     const std::vector<double>& thresholds = {}) {
  plot result{.title = title,
              .x = {.label = "signal s (standardised log of the internal loss)"},
              .y = {.label = "error before / after", .logarithmic = true}};
  for (const signal_samples& set : sets) {
    if (set.before.size() != set.signal.size() || set.after.size() != set.signal.size())
      attd::fail("plot_signal_against_gain: set '", set.set, "' has ", set.signal.size(),
                 " signals, ", set.before.size(), " errors before and ", set.after.size(),
                 " after; hint: one of each per sample");
    std::vector<double> gain;
    for (std::size_t i = 0; i < set.before.size(); ++i)
      gain.push_back(set.before[i] / set.after[i]);
    result.content.push_back({.name = set.set, .x = set.signal, .y = gain, .shape = mark::points});
  }
  for (std::size_t i = 0; i < thresholds.size(); ++i)
    result.vertical.push_back({thresholds[i], "t" + std::to_string(i + 1)});
  result.horizontal.push_back({1, "no gain"});
  return result;
}

/// Histogram of the number of steps over the samples of one set, in percent of samples: requested
/// by the controller, accepted by the loop, best in hindsight (oracle). Empty vectors are left out;
/// counts outside 0..k_max go to the nearest end.
inline plot plot_steps_histogram(const std::string& title,
                                 const std::vector<attd::index_t>& requested,
                                 const std::vector<attd::index_t>& accepted,
                                 const std::vector<attd::index_t>& oracle, attd::index_t k_max) {
  plot result{.title = title, .x = {.label = "steps K"}, .y = {.label = "share of samples (%)"}};
  k_max = std::max<attd::index_t>(k_max, 0);
  std::vector<double> places;
  for (attd::index_t k = 0; k <= k_max; ++k) {
    places.push_back(static_cast<double>(k));
    result.x.categories.push_back(std::to_string(k));
  }
  const auto add = [&](const char* name, const std::vector<attd::index_t>& steps) {
    if (steps.empty()) return;
    std::vector<double> shares(places.size(), 0.0);
    for (const attd::index_t k : steps)
      shares[static_cast<std::size_t>(std::clamp<attd::index_t>(k, 0, k_max))] +=
          100 / static_cast<double>(steps.size());
    result.content.push_back({.name = name, .x = places, .y = shares, .shape = mark::bars});
  };
  add("requested", requested);
  add("accepted", accepted);
  add("oracle", oracle);
  return result;
}

/// One method's place in the plot of error against steps.
struct method_result {
  std::string method;
  double mean_steps;
  double error;
  double error_low;
  double error_high;
};

/// Error against mean steps: fixed K = 0, 1, ... as a line, every method as a point with its
/// interval. The error axis is logarithmic when the errors span more than a factor of ten.
inline plot plot_error_against_steps(const std::string& title,
                                     const std::vector<method_result>& fixed,
                                     const std::vector<method_result>& methods,
                                     const std::string& error_label = "held-out error") {
  plot result{.title = title, .x = {.label = "mean steps per sample"}, .y = {.label = error_label}};
  const auto add = [](series& to, const method_result& one) {
    to.x.push_back(one.mean_steps);
    to.y.push_back(one.error);
    to.low.push_back(one.error_low);
    to.high.push_back(one.error_high);
  };
  // The line is grey, so that the methods stand out.
  series line{.name = "fixed K", .x = {}, .y = {}, .shape = mark::points_and_line, .colour = 7};
  for (const method_result& one : fixed) add(line, one);
  if (!fixed.empty()) result.content.push_back(line);
  double smallest = HUGE_VAL;
  double largest = 0;
  for (const auto* list : {&fixed, &methods})
    for (const method_result& one : *list) {
      if (!std::isfinite(one.error)) continue;
      smallest = std::min(smallest, one.error);
      largest = std::max(largest, one.error);
    }
  for (std::size_t i = 0; i < methods.size(); ++i) {
    result.content.push_back({.name = methods[i].method,
                              .x = {},
                              .y = {},
                              .shape = mark::points,
                              .colour = static_cast<attd::index_t>(i % 7),
                              // Where two methods meet, the earlier one shows as a rim.
                              .size = std::max(0.9, 1.7 - 0.15 * static_cast<double>(i))});
    add(result.content.back(), methods[i]);
  }
  result.y.logarithmic = smallest > 0 && largest > 10 * smallest;
  return result;
}

/// One example: target, prediction before and after the adaptation, and the split: left of it is
/// what the adaptation saw, right of it what is scored. The value axis follows the target, so that
/// a prediction that runs away leaves the frame instead of flattening the rest.
inline plot plot_example(const std::string& title, const std::vector<double>& target,
                         const std::vector<double>& before, const std::vector<double>& after,
                         double split, const std::string& x_label = "time step",
                         const std::string& y_label = "value") {
  plot result{.title = title, .x = {.label = x_label}, .y = {.label = y_label}};
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  for (const double value : target) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low < high) {
    const double room = 0.4 * (high - low);
    result.y.low = low - room;
    result.y.high = high + room;
  }
  const auto add = [&](const char* name, const std::vector<double>& values, mark shape,
                       attd::index_t colour, double stroke) {
    std::vector<double> times;
    for (std::size_t i = 0; i < values.size(); ++i) times.push_back(static_cast<double>(i));
    result.content.push_back({.name = name,
                              .x = times,
                              .y = values,
                              .shape = shape,
                              .colour = colour,
                              .stroke = stroke});
  };
  // A broad grey target stays visible below a prediction that meets it.
  add("target", target, mark::line, 7, 4.5);
  add("before", before, mark::dashed_line, 1, 1.6);
  add("after", after, mark::line, 0, 1.6);
  result.vertical.push_back({split, "split: scored from here"});
  return result;
}

}  // namespace support
