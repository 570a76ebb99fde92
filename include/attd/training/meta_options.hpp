// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Options of training through adaptation, and what a step of it reports.
#pragma once

#include <attd/core/observation.hpp>
#include <attd/tasks/observe.hpp>
#include <attd/training/outer_loss.hpp>
#include <attd/training/trainer.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace attd::training {

/// Settings of training through adaptation. `outer.tau` is where the noise on s starts.
struct meta_trainer_options {
  trainer_options trainer{};  ///< schedule, AdamW, batch, clip, threads, shards, seed
  outer_loss_options outer{};
  double final_tau = 0.1;  ///< tau falls to it geometrically over the schedule
  double theta_rate = 1;   ///< rates of the parts, as factors of the schedule's; 0: frozen
  double psi0_rate = 1;
  double settings_rate = 3;      ///< of the logarithms of the inner settings; 0: not learned
  double threshold_rate = 10;    ///< 0: thresholds stay as they are
  double signal_momentum = 0.9;  ///< of the statistics of s over batches
  /// Filled by the trainer, so that a checkpoint knows it: settings of the inner loop, and which
  /// systems adapt and which settings are learned (as numbers).
  adaptation::options adaptation{};
  index_t adapted_systems = 0;
  index_t learned_settings = 0;
};

namespace detail {

/// Describes the trainer's options as fields of something larger.
template <class Visitor>
struct without_type {
  Visitor& visitor;
  void type(const char*) {}
  void seed(const char* name, std::uint64_t& value) { visitor.seed(name, value); }
  void size(const char* name, index_t& value, index_t least) { visitor.size(name, value, least); }
  void real(const char* name, double& value, double low, double high) {
    visitor.real(name, value, low, high);
  }
};

}  // namespace detail

/// What the visitor of io/model_config.hpp writes and checks; see `trainer_options`.
template <class Visitor>
void describe(Visitor& v, meta_trainer_options& o) {
  constexpr double most = std::numeric_limits<double>::max();
  constexpr double least = std::numeric_limits<double>::min();
  v.type("meta_trainer");
  detail::without_type<Visitor> base{v};
  describe(base, o.trainer);
  const auto choice = [&](const char* name, auto& value, index_t last) {
    auto number = static_cast<index_t>(value);
    v.size(name, number, 0);
    if (number > last) fail("meta_trainer: ", name, " is ", number, ", expected 0 .. ", last);
    value = static_cast<std::remove_cvref_t<decltype(value)>>(number);
  };
  choice("depth", o.outer.depth, 3);
  choice("chain", o.outer.chain, 2);
  choice("cost", o.outer.cost, 2);
  choice("detach_signal", o.outer.detach_signal, 1);
  v.size("truncation", o.outer.truncation, 0);
  v.size("inner_steps", o.outer.steps, 0);
  v.size("draws", o.outer.draws, 1);
  v.real("tau", o.outer.tau, least, most);
  v.real("price", o.outer.price, -most, most);
  v.real("power", o.outer.power, 0, most);
  v.real("smoothness", o.outer.smoothness, 0, most);
  v.real("final_tau", o.final_tau, least, most);
  v.real("theta_rate", o.theta_rate, 0, most);
  v.real("psi0_rate", o.psi0_rate, 0, most);
  v.real("settings_rate", o.settings_rate, 0, most);
  v.real("threshold_rate", o.threshold_rate, 0, most);
  v.real("signal_momentum", o.signal_momentum, 0, 1);
  v.real("guard_fraction", o.adaptation.guard_fraction, 0, 1);
  v.real("least_improvement", o.adaptation.least_improvement, -most, most);
  v.real("stability_margin", o.adaptation.stability_margin, 0, most);
  v.real("drift_cap", o.adaptation.drift_cap, -most, most);
  v.real("signal_epsilon", o.adaptation.signal.epsilon, 0, most);
  index_t halvings = o.adaptation.halvings;
  v.size("halvings", halvings, 0);
  o.adaptation.halvings = static_cast<int>(halvings);
  v.size("adapted_systems", o.adapted_systems, 0);
  v.size("learned_settings", o.learned_settings, 0);
}

namespace detail {

/// The factor on the rate of one leaf of `meta_parameters`: theta's leaves, psi_0's, settings,
/// first, raw_gaps, signal, in that order.
inline double rate_factor(const meta_trainer_options& o, std::size_t leaf, std::size_t theta_leaves,
                          std::size_t leaves) {
  if (leaf < theta_leaves) return o.theta_rate;
  switch (leaves - leaf) {
    case 1:
      return 0.0;  // statistics
    case 2:
    case 3:
      return o.threshold_rate;
    case 4:
      return o.settings_rate;
    default:
      return o.psi0_rate;
  }
}

/// A number that differs, in practice, for different masks.
inline index_t number_of_mask(const std::vector<char>& mask) {
  std::uint64_t hash = 1469598103934665603ull;  // FNV-1a
  for (char bit : mask) hash = (hash ^ (bit ? 1u : 0u)) * 1099511628211ull;
  return static_cast<index_t>(hash >> 34);  // sizes in files stay below 2^31
}

}  // namespace detail

/// What a step of meta-training reported beside `step_result`.
struct meta_step_result : step_result {
  double task = 0;        ///< mean E_K[L_task]
  double mean_steps = 0;  ///< mean E_K[K]
  index_t dropped = 0;    ///< inputs whose loss or gradient was not finite: in no mean
};

/// How an example is observed: by default its context, see tasks::observe.
struct observe_context {
  template <class T>
  observation<T> operator()(const tasks::example<T>& e, std::uint64_t key) const {
    return tasks::observe(e, key);
  }
};
/// The same for plants: inputs and measured outputs of the context.
struct observe_plant_context {
  template <class T>
  observation<T> operator()(const tasks::example<T>& e, std::uint64_t key) const {
    return tasks::observe_plant(e, key);
  }
};

}  // namespace attd::training
