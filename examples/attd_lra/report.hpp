// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Of courses, what each method got: rows, tests, curves; as text, JSON and HTML.
#pragma once

#include <attd/metrics/comparison.hpp>
#include <string>
#include <vector>

#include "../support/curves.hpp"
#include "experiment.hpp"

namespace lra {

/// One method of one seed on the test samples.
struct method_row {
  std::string method;
  std::uint64_t seed = 0;
  double accuracy = 0;
  attd::metrics::interval accuracy_interval{};  ///< samples drawn again
  double loss = 0;                              ///< mean cross-entropy, nats
  double mean_steps = 0;
  double flops = 0;  ///< counted, per sample
  double adapted_share = 0;
};

/// One method over all seeds.
struct method_summary {
  std::string method;
  double accuracy = 0;
  attd::metrics::interval over_samples{};  ///< samples drawn again, each the mean over its seeds
  attd::metrics::interval over_seeds{};    ///< Student's t; NaN for one seed
  double loss = 0, mean_steps = 0, flops = 0;
};

/// All that a run found.
struct summary {
  std::vector<method_row> rows;
  std::vector<method_summary> methods;
  /// Accuracy against the first method of the list; tests over seeds.
  std::vector<attd::metrics::comparison_row> tests;
  std::vector<support::method_curve> by_steps, by_flops;
};

summary summarize(const settings& s, const experiment& e);

void print(const settings& s, const task_data& d, const experiment& e, const summary& r);
/// Everything but times: equal runs write equal files.
void write_json(const std::string& path, const settings& s, const task_data& d, const experiment& e,
                const summary& r);
void write_html(const std::string& path, const settings& s, const task_data& d, const experiment& e,
                const summary& r);

}  // namespace lra
