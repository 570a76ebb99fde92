// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Trains a model, its psi_0, inner rates and thresholds through the adaptation itself.
#pragma once

#include <attd/adaptation/adaptive_model.hpp>
#include <attd/adaptation/parallel.hpp>
#include <attd/controllers/simple.hpp>
#include <attd/training/meta_options.hpp>
#include <attd/training/meta_parameters.hpp>
#include <attd/training/outer_loss.hpp>
#include <attd/training/scored_part.hpp>
#include <attd/training/trainer.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace attd::training {

/// Minimises the mean over examples of the outer loss (see outer_loss.hpp) over everything in
/// `meta_parameters` by AdamW; the inner loop is the engine's own, with all its guards.
///
/// *Data*: adaptation sees an example's first `split` tokens (by `Observe`), the task loss is the
/// mean over what comes after; models that pool are scored by the label. Which examples a step sees
/// is a function of (seed, step); masks and noise of `step` are keyed by the place in `data`.
/// Results do not depend on the number of threads.
/// *Statistics of s*: running mean and deviation of log L_int over earlier batches, constants.
/// *Cost*: per example `outer.steps` inner steps and their walk back.
/// *Errors*: as `trainer`. An example whose gradient is not finite is left out and counted.
/// *Interface*: that of `trainer`, so `run_training`, `save_checkpoint` and `load_checkpoint` work.
template <class T, class Model, class Adapter, class Loss, class Optimizer, class TaskLoss,
          class Backend, class Observe = observe_context>
class meta_trainer {
 public:
  using scalar = T;
  using model_type = Model;
  using adaptive = adaptive_model<T, Model, Adapter, Loss, controllers::fixed, Optimizer, Backend>;
  using parameters = meta_parameters<typename adaptive::parameters, typename adaptive::weights>;
  using examples = std::span<const tasks::example<T>>;

  /// Starts from base parameters theta; psi_0 and settings from adapter and optimiser.
  meta_trainer(Model model, Adapter adapter, Loss loss, Optimizer optimizer, TaskLoss task,
               const typename adaptive::parameters& theta, const meta_trainer_options& options,
               adaptation::options adaptation = {}, Backend backend = {}, Observe observe = {})
      : task_(task),
        observe_(observe),
        options_(options),
        optimizer_(optimizer),
        engine_(std::move(model), std::move(adapter), std::move(loss),
                controllers::fixed{options.outer.steps}, optimizer, theta, std::move(adaptation),
                std::move(backend)) {
    options_.adaptation = engine_.options();
    options_.adapted_systems = detail::number_of_mask(engine_.frozen().adapted);
    detail::option_check check;
    describe(check, options_);
    current_.theta = theta;
    current_.psi0 = engine_.initial_weights();
    read_settings(optimizer, current_.settings);
    const auto start =
        controllers::threshold::evenly_spaced(0.0, 0.5, std::max<index_t>(1, options.outer.steps));
    current_.first = start.first;
    current_.raw_gaps = start.raw_gaps;
    current_.signal.assign({3});
    current_.signal(1) = 1.0;
    set_learned_settings(settings_learned_by_default(optimizer));
    zeros_like(current_, total_);
    zeros_like(current_, state_.first);
    zeros_like(current_, state_.second);
    decays_ = decaying_leaves(current_.theta);
    theta_leaves_ = decays_.size();
    for_each_leaf([&](const auto&) { ++leaves_; }, current_);
    decays_.resize(leaves_, 0);
    for (index_t i = 0; i < options_.trainer.shards; ++i) {
      shards_.push_back(std::make_unique<shard>(engine_, task_, options_.outer));
      zeros_like(current_.theta, shards_.back()->gradient.theta);
      zeros_like(current_.psi0, shards_.back()->gradient.psi0);
    }
  }
  meta_trainer(const meta_trainer&) = delete;
  meta_trainer& operator=(const meta_trainer&) = delete;

  const Model& model() const { return engine_.model(); }
  const meta_trainer_options& options() const { return options_; }
  const parameters& current() const { return current_; }
  parameters& current() { return current_; }
  const adamw_state<parameters>& state() const { return state_; }
  adamw_state<parameters>& state() { return state_; }
  index_t steps() const { return options_.trainer.schedule.steps; }
  index_t step_count() const { return step_; }
  index_t skipped_count() const { return skipped_; }
  void set_step_count(index_t step, index_t skipped = 0) {
    step_ = step;
    skipped_ = skipped;
  }
  /// Replaces the thresholds where training starts.
  void set_thresholds(const controllers::threshold& c) {
    expect_equal("meta_trainer", "the number of thresholds", c.maximum(),
                 current_.raw_gaps.size() + 1);
    std::vector<double> levels;  // c may have another least gap than ours
    for (index_t i = 1; i <= c.maximum(); ++i) levels.push_back(c.level(i));
    const auto own = controllers::threshold::from_thresholds(levels);
    current_.first = own.first;
    current_.raw_gaps = own.raw_gaps;
  }
  /// Only thresholds are learned from here on; s keeps its scale.
  void freeze_all_but_thresholds() {
    options_.theta_rate = options_.psi0_rate = options_.settings_rate = 0;
    options_.signal_momentum = 1;
  }
  /// Which of the optimiser's settings are learned, in the order of `for_each_setting`.
  void set_learned_settings(std::vector<char> mask) {
    expect_equal("meta_trainer", "the number of settings", static_cast<index_t>(mask.size()),
                 current_.settings.size());
    learned_ = std::move(mask);
    options_.learned_settings = detail::number_of_mask(learned_);
  }
  /// tau at a step: geometric from outer.tau to final_tau.
  double tau_at(index_t step) const {
    const double share = std::min(1.0, double(step) / std::max(1.0, double(steps() - 1)));
    return options_.outer.tau * std::pow(options_.final_tau / options_.outer.tau, share);
  }

  /// One update on a random batch of `data`.
  meta_step_result step(examples data) {
    if (data.empty()) fail("meta_trainer: there are no examples; hint: is all of it held out?");
    random_stream random =
        random_stream{options_.trainer.seed, 0x6d657461}.split(static_cast<std::uint64_t>(step_));
    chosen_.clear();
    for (index_t i = 0; i < options_.trainer.batch; ++i) {
      chosen_.push_back(random.index(static_cast<index_t>(data.size())));
    }
    return update(data);
  }
  /// One update on exactly these examples, for data that is made as it is used. Masks and noise are
  /// keyed by how many examples came before them: pass batches of equal size.
  meta_step_result step_on(examples batch) {
    choose_all(batch);
    first_key_ = static_cast<std::uint64_t>(step_) * batch.size();
    const auto result = update(batch);
    first_key_ = 0;
    return result;
  }

  /// Mean outer loss of `data` under the current numbers, with the noise on s that training ends
  /// with, so that values at different steps compare; without gradients of anything. Sampled rules
  /// are evaluated as `expected`. Infinite where an example's loss is not finite: numbers that fail
  /// on some inputs are never the best.
  double evaluate(examples data) {
    const meta_step_result r = measure(data, options_.final_tau);
    return r.dropped == 0 ? r.loss : std::numeric_limits<double>::infinity();
  }
  /// The same with the mean task loss and steps; `tau` is that of the current step unless given.
  meta_step_result measure(examples data) { return measure(data, tau_at(step_)); }
  meta_step_result measure(examples data, double tau) {
    choose_all(data);
    take_current();
    return pass(data, tau, false);
  }
  /// Mean outer loss and its gradient over all of `data` (in `total()`; settings by their
  /// coordinates); nothing is updated.
  meta_step_result gradient(examples data) {
    choose_all(data);
    take_current();
    return pass(data, tau_at(step_), true);
  }
  const parameters& total() const { return total_; }
  /// Puts the statistics of s of these examples into the current numbers. The first update does so
  /// with its own batch where nobody has; before that s is not standardised.
  void set_signal_statistics(examples data) {
    choose_all(data);
    take_current();
    initial_statistics(data);
  }

  /// The learned model with its thresholds, ready to adapt. *Errors*: with a fixed number of steps
  /// there are no learned thresholds.
  auto deployed() const {
    if (options_.outer.depth == depth_rule::fixed) {
      fail("meta_trainer: no thresholds are learned with a fixed number of steps; hint: ",
           "deployed(controllers::fixed{", options_.outer.steps, "})");
    }
    return deployed(learned_thresholds(current_));
  }
  /// The same with another controller.
  template <class Controller>
  auto deployed(Controller controller) const {
    return deploy(current_, std::move(controller));
  }
  /// A model of these numbers (of a checkpoint, or the best of a run).
  template <class Controller>
  auto deploy(const parameters& p, Controller controller) const {
    Optimizer o = optimizer_;
    write_settings(p.settings, o);
    adaptation::options options = engine_.options();
    options.signal = learned_signal(p, options.signal);
    adaptive_model<T, Model, Adapter, Loss, Controller, Optimizer, Backend> m(
        engine_.model(), engine_.frozen().adapter, loss_of_engine(), std::move(controller), o,
        p.theta, std::move(options), engine_.backend());
    m.set_initial_weights(p.psi0);
    return m;
  }

 private:
  using walk = adaptation::walk_back<adaptive, TaskLoss>;
  struct shard {
    shard(const adaptive& engine, const TaskLoss& task, const outer_loss_options& o)
        : back(engine, task), outer(o) {}
    walk back;
    outer_loss<walk> outer;
    typename walk::gradients gradient;
    std::vector<double> d_t, log_losses;
    meta_step_result sum;
    index_t used = 0;
  };

  // Formulas are wrapped by the engine; it takes them unwrapped.
  decltype(auto) loss_of_engine() const {
    if constexpr (std::is_same_v<Loss, typename adaptive::loss_type>) {
      return (engine_.loss());
    } else {
      return Loss(engine_.loss());
    }
  }

  void choose_all(examples data) {
    if (data.empty()) fail("meta_trainer: there are no examples");
    chosen_.clear();
    for (index_t i = 0; i < static_cast<index_t>(data.size()); ++i) chosen_.push_back(i);
  }

  meta_step_result update(examples data) {
    take_current();
    if (current_.signal(2) == 0) initial_statistics(data);
    meta_step_result r = pass(data, tau_at(step_), true);
    r.rate = options_.trainer.schedule.at(step_);
    // Thresholds and settings are few and of other units: they are left out of the clipping.
    const double norm = std::sqrt(squared_norm(total_.theta) + squared_norm(total_.psi0));
    r.gradient_norm = norm;
    ++step_;
    const bool nothing_left = r.dropped == static_cast<index_t>(chosen_.size());
    if (nothing_left || !is_finite(norm) || !is_finite(r.loss) || !all_finite(total_)) {
      r.skipped = true;
      ++skipped_;
      return r;
    }
    const double clip = options_.trainer.clip;
    if (clip > 0 && norm > clip) {
      const auto scale = [&](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] *= T(clip / norm);
      };
      for_each_leaf(scale, total_.theta);
      for_each_leaf(scale, total_.psi0);
    }
    options_.trainer.optimizer.step(
        r.rate, total_, current_, state_, decays_, [&](std::size_t leaf) {
          return detail::rate_factor(options_, leaf, theta_leaves_, leaves_);
        });
    update_statistics();
    return r;
  }

  // Brings theta, psi_0, settings and statistics into the engine.
  void take_current() {
    Optimizer o = optimizer_;
    write_settings(current_.settings, o);
    engine_.set_optimizer(o);
    engine_.set_parameters(current_.theta);
    engine_.set_initial_weights(current_.psi0);
    engine_.set_signal_scale(learned_signal(current_, engine_.options().signal));
    for (auto& s : shards_) s->back.refresh();
  }

  meta_step_result pass(examples data, double tau, bool with_gradient) {
    const auto n = static_cast<index_t>(chosen_.size());
    const auto parts = static_cast<index_t>(shards_.size());
    const controllers::threshold thresholds = learned_thresholds(current_);
    adaptation::parallel_for(options_.trainer.threads, parts, [&](index_t, index_t p) {
      run_shard(data, *shards_[static_cast<std::size_t>(p)], n * p / parts, n * (p + 1) / parts,
                thresholds, tau, with_gradient);
    });
    meta_step_result r;
    for (const auto& s : shards_) r.dropped += s->used > 0 ? s->sum.dropped : 0;
    const double counted = double(std::max<index_t>(1, n - r.dropped));
    std::vector<double> d_t(static_cast<std::size_t>(thresholds.maximum()), 0.0);
    zero_leaves(total_);
    const auto settings = static_cast<std::size_t>(current_.settings.size());
    for (const auto& s : shards_) {
      if (s->used == 0) continue;
      r.loss += s->sum.loss / counted;
      r.task += s->sum.task / counted;
      r.mean_steps += s->sum.mean_steps / counted;
      if (!with_gradient) continue;
      const auto add = [&](auto& t, const auto& g) {
        for (index_t i = 0; i < t.size(); ++i) t.data()[i] += g.data()[i] / T(counted);
      };
      for_each_leaf(add, total_.theta, s->gradient.theta);
      for_each_leaf(add, total_.psi0, s->gradient.psi0);
      for (std::size_t i = 0; i < std::min(settings, s->gradient.settings.size()); ++i) {
        total_.settings(static_cast<index_t>(i)) += s->gradient.settings[i] / counted;
      }
      for (std::size_t i = 0; i < d_t.size(); ++i) d_t[i] += s->d_t[i] / counted;
    }
    if (r.dropped == n) r.loss = r.task = std::numeric_limits<double>::quiet_NaN();
    if (with_gradient) {
      controllers::threshold_gradient g;
      controllers::threshold_pullback(thresholds, d_t, g);
      total_.first(0) = g.first;
      for (index_t i = 0; i < total_.raw_gaps.size(); ++i) {
        total_.raw_gaps(i) = g.raw_gaps[static_cast<std::size_t>(i)];
      }
      settings_pullback(engine_.optimizer(), learned_, total_.settings);
    }
    return r;
  }

  void run_shard(examples data, shard& s, index_t first, index_t last,
                 const controllers::threshold& thresholds, double tau, bool with_gradient) {
    s.used = last - first;
    s.sum = {};
    s.log_losses.clear();
    zero_leaves(s.gradient.theta);
    zero_leaves(s.gradient.psi0);
    s.gradient.settings.assign(s.gradient.settings.size(), 0.0);
    s.d_t.assign(static_cast<std::size_t>(thresholds.maximum()), 0.0);
    s.outer.set_tau(tau);
    s.back.ask_for_theta(options_.theta_rate != 0);
    const random_stream random =
        random_stream{options_.trainer.seed, 0x64726177}.split(static_cast<std::uint64_t>(step_));
    for (index_t j = first; j < last; ++j) {
      const index_t i = chosen_[static_cast<std::size_t>(j)];
      const auto& e = data[static_cast<std::size_t>(i)];
      const observation<T> seen = observe_(e, first_key_ + static_cast<std::uint64_t>(i));
      s.back.adapt(std::span<const observation<T>>(&seen, 1), options_.outer.steps);
      prepare_scored_part<TaskLoss>(engine_.model(), data, i, options_.trainer.washout,
                                    s.back.task_input());
      const auto& losses = s.back.taken().report().losses;
      if (!losses.empty()) {
        s.log_losses.push_back(std::log(losses.front() + engine_.options().signal.epsilon));
      }
      const outer_loss_value v =
          with_gradient ? s.outer(s.back, thresholds, random.split(static_cast<std::uint64_t>(j)),
                                  s.gradient, s.d_t)
                        : s.outer.value(s.back, thresholds);
      if (!v.finite) {
        ++s.sum.dropped;
        continue;
      }
      s.sum.loss += v.loss;
      s.sum.task += v.task;
      s.sum.mean_steps += v.mean_steps;
    }
  }

  // Before the first step: over the examples chosen for it.
  void initial_statistics(examples data) {
    auto workspace = engine_.make_workspace();
    const auto session = engine_.start();
    std::vector<double> logs;
    adaptation::signal_scale plain = engine_.options().signal;
    plain.mean = 0;
    plain.deviation = 1;
    engine_.set_signal_scale(plain);
    for (index_t i : chosen_) {
      const observation<T> seen =
          observe_(data[static_cast<std::size_t>(i)], first_key_ + static_cast<std::uint64_t>(i));
      const auto dry = engine_.dry_run(seen, session, workspace);
      if (dry.status == status::ok) logs.push_back(dry.signal);
    }
    start_statistics(logs, current_.signal);
    engine_.set_signal_scale(learned_signal(current_, engine_.options().signal));
  }
  void update_statistics() {
    std::vector<double> logs;
    for (const auto& s : shards_) {
      if (s->used > 0) logs.insert(logs.end(), s->log_losses.begin(), s->log_losses.end());
    }
    continue_statistics(logs, options_.signal_momentum, current_.signal);
  }

  TaskLoss task_;
  Observe observe_;
  meta_trainer_options options_;
  Optimizer optimizer_;  // as given: its settings say which can be learned
  adaptive engine_;
  parameters current_, total_;
  adamw_state<parameters> state_;
  std::vector<char> decays_, learned_;
  std::size_t theta_leaves_ = 0, leaves_ = 0;
  std::vector<std::unique_ptr<shard>> shards_;
  std::vector<index_t> chosen_;
  std::uint64_t first_key_ = 0;  // of the first example of a batch
  index_t step_ = 0;
  index_t skipped_ = 0;
};

}  // namespace attd::training
