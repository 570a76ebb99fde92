// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Options of an adaptation, and what it reports.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/core/status.hpp>
#include <attd/error.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace attd::adaptation {

/// How the ponder signal is made of the internal loss at psi_0:
/// s = (log(loss + epsilon) - mean) / deviation. Statistics come from training data and are frozen.
struct signal_scale {
  double epsilon = 1e-12;
  double mean = 0;
  double deviation = 1;

  double operator()(double loss) const { return (std::log(loss + epsilon) - mean) / deviation; }
  /// ds / d loss; the statistics are constants.
  double slope(double loss) const { return 1.0 / ((loss + epsilon) * deviation); }
  /// Mean and standard deviation of the log of these losses (at least two different ones).
  static signal_scale from_losses(const std::vector<double>& losses, double epsilon = 1e-12) {
    if (losses.size() < 2) {
      fail("signal_scale: ", losses.size(), " losses, expected at least 2");
    }
    signal_scale s{epsilon, 0, 1};
    for (double l : losses) s.mean += std::log(l + epsilon) / double(losses.size());
    double variance = 0;
    for (double l : losses) {
      const double d = std::log(l + epsilon) - s.mean;
      variance += d * d / double(losses.size() - 1);
    }
    if (!(variance > 0) || !std::isfinite(variance)) {
      fail("signal_scale: the log losses have variance ", variance,
           ", expected a positive number; hint: give losses of different inputs");
    }
    s.deviation = std::sqrt(variance);
    return s;
  }
};

/// Settings of the adaptation loop; see docs/design/adaptation.md for each rule.
struct options {
  double guard_fraction = 0.25;    ///< last part of the context, kept out of the gradient
  double least_improvement = 0;    ///< delta: a step must lower the best guard loss by this share
  int halvings = 3;                ///< rate halvings after rejections before the input stops
  double stability_margin = 1e-4;  ///< dense: margin below which a candidate is scaled back
  signal_scale signal{};
  std::vector<index_t> adapted{};  ///< systems (layers) that adapt; empty: all
  std::uint64_t seed = 0;          ///< of psi_0
  double drift_cap = 0;            ///< largest |psi - psi_0| (0: none), for carried fast weights
};

/// What one call may spend (in `adapt_batch`: each of its inputs). A time budget makes results
/// depend on the machine; a step budget does not.
struct budget {
  index_t steps = std::numeric_limits<index_t>::max();
  double seconds = std::numeric_limits<double>::infinity();
};

/// Choices that were made for a step and that its derivative takes over, never makes again.
struct step_choices {
  double rate_factor = 1;      ///< of the rate, after rejections
  bool capped = false;         ///< moved back to the drift cap
  std::vector<double> scales;  ///< per system; below 1: scaled back to stay certified
};

/// What an adaptation would set out to do.
struct dry_run_result {
  attd::status status = attd::status::ok;  ///< what would keep `adapt` from starting, else ok
  double signal = 0;                       ///< NaN where there is none
  index_t planned = 0;                     ///< -1 if the controller decides step by step
  double flops = 0;                        ///< of the whole adaptation if no step is rejected
};

/// What happened while adapting to one input. Vectors keep their memory between uses.
struct report {
  attd::status status = attd::status::ok;
  double signal = 0;      ///< s; NaN where there is none (non_finite_signal, too_short)
  index_t requested = 0;  ///< steps the controller asked for
  index_t attempted = 0;  ///< candidates tried; cost counts these
  index_t accepted = 0;
  index_t rejected = 0;
  index_t scaled_back = 0;      ///< candidates that had to be scaled back to stay certified
  std::vector<double> losses;   ///< internal loss at psi_0 and after each accepted step
  std::vector<double> guards;   ///< the same on the guard part
  std::vector<double> signals;  ///< standardised logs of `losses`
  std::vector<double> margins;  ///< stability margin at psi_0 and after each accepted step
  bool guarded = false;  ///< false: no guard part, steps are accepted on the gradient part itself
  double clamped_share = 0;  ///< of the adapted numbers, those held at a limit at the end
  double flops = 0;
  double seconds = 0;

  double smallest_margin() const {
    double m = std::numeric_limits<double>::infinity();
    for (double x : margins) m = std::min(m, x);
    return m;
  }

  void clear(index_t expected_steps) {
    status = attd::status::ok;
    signal = clamped_share = flops = seconds = 0;
    guarded = false;
    requested = attempted = accepted = rejected = scaled_back = 0;
    for (auto* v : {&losses, &guards, &signals, &margins}) v->clear();
    reserve(expected_steps);
  }
  /// Memory for this many steps, so that none is asked for while stepping.
  void reserve(index_t steps) {
    const auto n = static_cast<std::size_t>(std::clamp<index_t>(steps, 0, 1024) + 1);
    for (auto* v : {&losses, &guards, &signals, &margins}) {
      if (v->capacity() < n) v->reserve(n);
    }
  }
};

}  // namespace attd::adaptation
