// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The HTML report of a run: per block and adapter the plots that a reader wants, and the tables.
#include "report.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "../support/html_report.hpp"
#include "../support/plots.hpp"

namespace demo {
namespace {

support::plot gain_plot(const comparison_result& r) {
  std::vector<support::signal_samples> sets;
  for (std::size_t i = 0; i < r.set_names.size(); ++i) {
    support::signal_samples s{r.set_names[i], {}, {}, {}};
    for (const auto& c : r.courses[i]) {
      s.signal.push_back(c.signal);
      s.before.push_back(c.errors.front());
      s.after.push_back(c.errors.back());
    }
    sets.push_back(std::move(s));
  }
  std::vector<double> guides;
  if (!r.thresholds.empty()) guides = {r.thresholds.front()};  // where adapting begins
  return support::plot_signal_against_gain("Signal and what full adaptation gains", sets, guides);
}

support::plot steps_plot(const comparison_result& r, std::size_t set) {
  std::vector<index_t> requested, accepted, oracle;
  for (const auto& c : r.courses[set]) {
    requested.push_back(c.requested);
    accepted.push_back(c.accepted);
    oracle.push_back(c.oracle);
  }
  return support::plot_steps_histogram("Steps on " + r.set_names[set], requested, accepted, oracle,
                                       r.full_steps);
}

support::plot error_plot(const comparison_result& r, std::size_t set) {
  std::vector<support::method_result> fixed, methods;
  for (index_t k = 0; k <= r.full_steps; ++k) {
    const double mean = support::mean_at(r.courses[set], k);
    fixed.push_back({"fixed K", double(k), mean, mean, mean});
  }
  for (const auto& row : r.rows) {
    if (row.set != r.set_names[set]) continue;
    if (row.method != "gate" && row.method != "attd" && row.method != "oracle") continue;
    methods.push_back({row.method, row.mean_steps, row.error, row.error_low, row.error_high});
  }
  return support::plot_error_against_steps("Error against steps, " + r.set_names[set], fixed,
                                           methods, "held-out error");
}

}  // namespace

void write_report(const std::string& path, const std::string& title,
                  const std::vector<comparison_result>& results) {
  support::html_report report(title);
  report.paragraph(
      "A model is trained on nominal inputs and then meets inputs whose dynamics have changed. "
      "Each input adapts the model's dynamics on its context with as many steps as its internal "
      "loss says it deserves; errors are measured on what comes after the context. Every choice "
      "was made on validation data. The oracle picks the best number of steps per input with "
      "hindsight: it is a bound, not a method.");
  for (const auto& r : results) {
    report.heading(r.block + " with " + r.adapter);
    for (const auto& note : r.notes) report.paragraph(note);
    std::vector<support::plot> plots = {gain_plot(r)};
    const std::size_t shown = std::min<std::size_t>(2, r.set_names.size());
    for (std::size_t i = 0; i < shown; ++i) plots.push_back(steps_plot(r, i));
    for (std::size_t i = 0; i < shown; ++i) plots.push_back(error_plot(r, i));
    if (!r.target.empty()) {
      plots.push_back(support::plot_example("One shifted input before and after", r.target,
                                            r.before, r.after, double(r.split), "token", "value"));
    }
    report.add(plots);
    for (const auto& table : support::result_tables(r.rows)) report.add(table);
  }
  report.write(path);
}

}  // namespace demo
