// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What was trained and measured: everything that tables, tests and curves are made of.
#pragma once

#include <attd/controllers/threshold.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "data.hpp"
#include "settings.hpp"

namespace lra {

/// One input: s, and what the model says after k = 0 .. K steps (what a method with that K would
/// get, bit for bit).
struct course {
  double signal = 0;           ///< NaN: no step was possible
  std::vector<double> losses;  ///< cross-entropy, nats
  std::vector<char> right;
  index_t attempted = 0;
  double forward = 0;  ///< counted operations of a prediction
  double measure = 0;  ///< of one evaluation of the internal loss

  /// Steps that were really taken of k that were asked for.
  index_t taken(index_t k) const { return k < attempted ? k : attempted; }
  /// Counted operations with k steps: a backward and a forward each; `reads_signal`: the internal
  /// loss was evaluated even where no step follows.
  double flops(index_t k, bool reads_signal) const {
    const double start = reads_signal || k > 0 ? measure : 0.0;
    return forward + start + 3.0 * measure * double(taken(k));
  }
};

/// One model after training.
struct trained {
  std::string model;  ///< never, full (for `gate` too) or attd
  std::uint64_t seed = 0;
  index_t steps = 0, best_step = 0, skipped = 0;
  double validation_loss = 0;
  bool early = false;                    ///< stopped by patience
  attd::controllers::threshold learned;  ///< attd: thresholds
  double inner_rate = 0;                 ///< learned; 0 where nothing adapts
  std::vector<course> validation, test;
};

struct experiment {
  index_t parameters = 0;  ///< numbers in theta
  std::vector<trained> models;
};

/// One composition each: compiled by itself.
experiment run_s4d(const settings& s, const task_data& d);
experiment run_mamba(const settings& s, const task_data& d);

}  // namespace lra
