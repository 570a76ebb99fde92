// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The common trajectory of every input: its error after each number of steps; all methods of a
// table are read from it.
#pragma once

#include <algorithm>
#include <attd/adaptation/parallel.hpp>
#include <attd/controllers/calibration.hpp>
#include <attd/controllers/simple.hpp>
#include <attd/metrics/statistics.hpp>
#include <attd/tasks/scoring.hpp>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "../support/courses.hpp"
#include "../support/results.hpp"

namespace meta {

using attd::index_t;
using number = float;
using examples = std::vector<attd::tasks::example<number>>;

/// One input: s, and the error after k = 0 .. K steps (what a method with that K would get, bit
/// for bit: rates depend on k only).
struct course {
  double signal = 0;
  std::vector<double> errors;
  double margin = 0;
  index_t attempted = 0, rejected = 0;
};

/// Adapts to every input by `steps` steps and scores it after each.
template <class Model>
std::vector<course> measure_courses(const Model& model, const examples& list, index_t steps,
                                    index_t threads) {
  struct worker {
    typename Model::workspace adapting, scoring;
    typename Model::session session;
  };
  std::vector<worker> workers;
  for (index_t t = 0; t < threads; ++t) {
    workers.push_back({model.make_workspace(), model.make_workspace(), model.start()});
  }
  std::vector<course> courses(list.size());
  attd::adaptation::parallel_for(
      threads, static_cast<index_t>(list.size()), [&](index_t thread, index_t i) {
        worker& w = workers[std::size_t(thread)];
        const auto& e = list[std::size_t(i)];
        course& c = courses[std::size_t(i)];
        attd::adaptation::report report;
        model.restart(w.session);
        const auto seen = attd::tasks::observe(e, std::uint64_t(i));
        attd::adaptation::budget limit;
        limit.steps = steps;
        model.adapt({&seen, 1}, w.session, w.adapting, report, limit,
                    [&](index_t, const auto& now) {
                      c.errors.push_back(attd::tasks::scored_error(model, e, now.psi, w.scoring));
                    });
        c.errors.resize(std::size_t(steps + 1), c.errors.back());
        c.signal = report.signal;
        c.margin = report.smallest_margin();
        c.attempted = report.attempted;
        c.rejected = report.rejected;
      });
  return courses;
}

/// One row of a table: `plan(course)` says how many steps an input gets.
template <class Plan>
support::result_row make_row(const std::string& block, const std::string& adapter,
                             const std::string& set, const std::string& method,
                             const std::vector<course>& courses, Plan plan, std::uint64_t seed) {
  support::result_row row{"shift", block, adapter, set, method};
  std::vector<double> errors;
  double steps = 0, margin = std::numeric_limits<double>::infinity();
  for (const auto& c : courses) {
    const index_t k = plan(c);
    errors.push_back(c.errors[std::size_t(k)]);
    steps += double(std::min(k, c.attempted));
    margin = std::min(margin, c.margin);
  }
  row.error = attd::metrics::mean(errors);
  const auto interval = attd::metrics::bootstrap_mean(errors, 0.95, 2000, seed);
  row.error_low = interval.low;
  row.error_high = interval.high;
  row.mean_steps = steps / double(courses.size());
  row.min_margin = margin;
  return row;
}

/// The oracle's choice: the least scored error plus the price of its steps, ties to fewer steps.
inline index_t oracle(const course& c, double price) {
  index_t best = 0;
  double least = c.errors[0];
  for (index_t k = 1; k < index_t(c.errors.size()); ++k) {
    const double total = c.errors[std::size_t(k)] + price * double(k);
    if (total < least) {
      least = total;
      best = k;
    }
  }
  return best;
}

}  // namespace meta
