// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Compares ways of adapting on sets of inputs: every choice on validation data, every figure on
// held-out tokens of held-out inputs.
#pragma once

#include <algorithm>
#include <attd/adaptation/adaptive_model.hpp>
#include <attd/controllers/calibration.hpp>
#include <attd/metrics/statistics.hpp>
#include <attd/tasks/scoring.hpp>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "any_controller.hpp"
#include "any_optimizer.hpp"
#include "training.hpp"

namespace demo {

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Runs one composition on a task. `Engine` is an adaptive_model with run-time controller and
/// optimiser.
template <class Engine>
class comparison {
 public:
  static constexpr double step_budget = 0.45;  ///< share of full adaptation's steps

  comparison(Engine& engine, const task_data& data, const settings& s, std::string block,
             std::string adapter)
      : engine_(engine), data_(data), settings_(s) {
    for (index_t t = 0; t < s.threads; ++t) {
      workers_.push_back({engine.make_workspace(), engine.make_workspace(), engine.start()});
    }
    result_.block = std::move(block);
    result_.adapter = std::move(adapter);
    result_.notes.push_back(data.measured ? scored_free_running : scored_teacher_forced);
  }

  /// Chooses on validation data among `candidates` and step numbers up to `maximum`, then measures.
  comparison_result run(const std::vector<any_optimizer>& candidates, index_t maximum) {
    const double began = seconds_now();
    standardize_signal();
    choose(candidates, maximum);
    for (std::size_t i = 0; i < data_.sets.size(); ++i) measure(data_.sets[i], i);
    stress();
    result_.seconds = seconds_now() - began;
    return std::move(result_);
  }

 private:
  // What a thread works with. An observer of the steps must leave the adapting workspace alone, so
  // it predicts with the other one.
  struct worker {
    typename Engine::workspace adapting, scoring;
    typename Engine::session session;
  };
  struct outcome {
    double error = 0;
    attd::adaptation::report report;
    double seconds = 0;
    double flops = 0;
  };

  attd::observation<number> observe(const attd::tasks::example<number>& e, std::size_t key) const {
    return data_.measured ? attd::tasks::observe_plant(e, key) : attd::tasks::observe(e, key);
  }

  template <class F>
  void for_each_example(const examples& list, F f) {
    attd::adaptation::parallel_for(
        settings_.threads, static_cast<index_t>(list.size()), [&](index_t thread, index_t i) {
          f(list[std::size_t(i)], std::size_t(i), workers_[std::size_t(thread)]);
        });
  }

  // s has mean 0 and deviation 1 over training inputs.
  void standardize_signal() {
    std::vector<attd::observation<number>> observations;
    for (std::size_t i = 0; i < std::min<std::size_t>(256, data_.train.size()); ++i) {
      observations.push_back(observe(data_.train[i], i));
    }
    attd::tasks::standardize_signal(engine_,
                                    std::span<const attd::observation<number>>(observations));
  }

  // The common trajectory: error after every number of steps up to `maximum`.
  std::vector<sample_course> trajectories(const examples& list, index_t maximum) {
    engine_.set_controller({attd::controllers::fixed{maximum}});
    std::vector<sample_course> courses(list.size());
    for_each_example(list, [&](const auto& e, std::size_t i, worker& w) {
      auto& course = courses[i];
      attd::adaptation::report r;
      engine_.restart(w.session);
      const auto o = observe(e, i);
      engine_.adapt({&o, 1}, w.session, w.adapting, r, {}, [&](index_t, const auto& now) {
        course.errors.push_back(attd::tasks::scored_error(engine_, e, now.psi, w.scoring));
      });
      while (index_t(course.errors.size()) <= maximum) {
        course.errors.push_back(course.errors.back());
      }
      course.signal = r.signal;
      course.attempted = r.attempted;
    });
    return courses;
  }

  // Optimiser and rate, K of full adaptation, gate level, thresholds: all on validation sets. The
  // standard mixture is 2/3 in-distribution, 1/3 shifted.
  void choose(const std::vector<any_optimizer>& candidates, index_t maximum) {
    const bool shift = data_.shifted > 0;
    const auto& shifted_set = data_.sets[data_.shifted];
    double least = std::numeric_limits<double>::infinity();
    std::vector<sample_course> in, out;
    for (const auto& candidate : candidates) {
      engine_.set_optimizer(candidate);
      auto in_now = trajectories(data_.sets[0].validation, maximum);
      auto out_now = shift ? trajectories(shifted_set.validation, maximum) : in_now;
      const double total = 2 * support::mean_at(in_now, support::best_fixed(in_now, 0, maximum)) +
                           support::mean_at(out_now, support::best_fixed(out_now, 1, maximum));
      if (total < least) {
        least = total;
        optimizer_ = candidate;
        in = std::move(in_now);
        out = std::move(out_now);
      }
    }
    engine_.set_optimizer(optimizer_);
    result_.full_steps = full_steps_ = support::best_fixed(out, 1, maximum);
    std::vector<double> signals;
    std::vector<std::vector<double>> errors;
    std::vector<double> attempted;
    const auto take = [&](const std::vector<sample_course>& courses, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto& c = courses[i];
        if (!attd::is_finite(c.signal)) continue;
        signals.push_back(c.signal);
        attempted.push_back(double(std::min(c.attempted, full_steps_)));
        errors.emplace_back(c.errors.begin(), c.errors.begin() + full_steps_ + 1);
      }
    };
    const std::size_t share = shift ? std::min(in.size() / 2, out.size()) : in.size();
    take(in, shift ? 2 * share : share);
    if (shift) take(out, share);
    double never = 0;
    for (const auto& e : errors) never += e[0] / double(errors.size());
    // The price of a step: the smallest for which the thresholds keep to the budget, less than half
    // of the steps that full adaptation attempts on the same validation mixture.
    double price = 1e-4 * never / double(full_steps_);
    bool in_budget = false;
    for (int round = 0; round < 60 && !in_budget; ++round) {
      if (round > 0) price *= 1.3;
      thresholds_ = attd::controllers::fit_thresholds(signals, errors, price);
      double steps = 0, full = 0;
      for (std::size_t i = 0; i < signals.size(); ++i) {
        steps += std::min(double(thresholds_.plan(signals[i])), attempted[i]);
        full += attempted[i];
      }
      in_budget = steps <= step_budget * full;
    }
    for (index_t i = 1; i <= full_steps_; ++i) result_.thresholds.push_back(thresholds_.level(i));
    choose_gate(signals, errors, price);
    std::ostringstream note;
    note << "chosen on validation data: " << optimizer_.name() << ", rate " << optimizer_.rate()
         << ", K of full adaptation " << full_steps_ << ", gate at s > " << gate_.level
         << ", thresholds from " << result_.thresholds.front() << " to "
         << result_.thresholds.back();
    if (!in_budget) {
      note << "; at no price of a step did the thresholds keep to "
           << support::format_share(step_budget) << " of full adaptation's steps";
    }
    result_.notes.push_back(note.str());
  }

  // The gate is the one-level special case: adapt full_steps_ steps above a level, none below.
  void choose_gate(const std::vector<double>& signals,
                   const std::vector<std::vector<double>>& errors, double price) {
    std::vector<std::vector<double>> two;
    for (const auto& e : errors) two.push_back({e.front(), e.back()});
    const auto level = attd::controllers::fit_thresholds(signals, two, price * double(full_steps_));
    gate_ = {level.level(1), full_steps_};
  }

  std::vector<outcome> run_method(const examples& list, const std::vector<index_t>* per_sample) {
    std::vector<outcome> outcomes(list.size());
    const auto one = [&](const auto& e, std::size_t i, worker& w) {
      auto& out = outcomes[i];
      const double began = seconds_now();
      engine_.restart(w.session);
      const auto o = observe(e, i);
      engine_.adapt(o, w.session, w.adapting, out.report);
      const auto y = attd::tasks::predict(engine_, e, w.session.psi, w.adapting);
      out.seconds = seconds_now() - began;
      out.error = attd::tasks::scored_error(y, e);
      out.flops = out.report.flops + engine_.model().forward_flops(double(e.length()));
    };
    if (!per_sample) {
      for_each_example(list, one);
      return outcomes;
    }
    for (index_t k = 0; k <= full_steps_; ++k) {  // the oracle: every sample its own fixed number
      engine_.set_controller({attd::controllers::fixed{k}});
      for_each_example(list, [&](const auto& e, std::size_t i, worker& w) {
        if ((*per_sample)[i] == k) one(e, i, w);
      });
    }
    return outcomes;
  }

  void add_row(const std::string& set, const std::string& method, const examples& list,
               const std::vector<outcome>& outcomes) {
    support::result_row row{data_.name, result_.block, result_.adapter, set, method};
    std::vector<double> errors;
    std::vector<index_t> clusters;
    double attempted = 0, rejected = 0, flops = 0, seconds = 0;
    double margin = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      errors.push_back(outcomes[i].error);
      clusters.push_back(list[i].cluster);
      attempted += double(outcomes[i].report.attempted);
      rejected += double(outcomes[i].report.rejected);
      margin = std::min(margin, outcomes[i].report.smallest_margin());
      flops += outcomes[i].flops;
      seconds += outcomes[i].seconds;
    }
    const double n = double(outcomes.size());
    row.error = attd::metrics::mean(errors);
    const auto interval =
        attd::metrics::bootstrap_clustered(errors, clusters, 0.95, 2000, settings_.seed);
    row.error_low = interval.low;
    row.error_high = interval.high;
    row.mean_steps = attempted / n;
    row.rejected_share = attempted > 0 ? rejected / attempted : 0;
    row.min_margin = margin;
    row.flops = flops / n;
    row.seconds = seconds / n;
    result_.rows.push_back(row);
  }

  static double share_harmed(const std::vector<outcome>& before,
                             const std::vector<outcome>& after) {
    double harmed = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (!(after[i].error <= 1.01 * before[i].error)) harmed += 1;
    }
    return harmed / double(before.size());
  }

  void measure(const data_set& set, std::size_t index) {
    auto courses = trajectories(set.test, full_steps_);
    engine_.set_controller({attd::controllers::never{}});
    const auto never = run_method(set.test, nullptr);
    engine_.set_controller({attd::controllers::fixed{full_steps_}});
    const auto full = run_method(set.test, nullptr);
    engine_.set_controller({gate_});
    const auto gate = run_method(set.test, nullptr);
    engine_.set_controller({thresholds_});
    const auto attd_outcomes = run_method(set.test, nullptr);
    const auto validation = trajectories(set.validation, full_steps_);
    engine_.set_controller(
        {attd::controllers::fixed{support::best_fixed(validation, 0, full_steps_)}});
    const auto best = run_method(set.test, nullptr);
    std::vector<index_t> oracle_steps;
    for (std::size_t i = 0; i < courses.size(); ++i) {
      auto& c = courses[i];
      c.oracle = std::min_element(c.errors.begin(), c.errors.end()) - c.errors.begin();
      c.requested = attd_outcomes[i].report.requested;
      c.accepted = attd_outcomes[i].report.accepted;
      oracle_steps.push_back(c.oracle);
    }
    const auto oracle = run_method(set.test, &oracle_steps);
    add_row(set.name, "never", set.test, never);
    add_row(set.name, "full", set.test, full);
    add_row(set.name, "gate", set.test, gate);
    add_row(set.name, "attd", set.test, attd_outcomes);
    add_row(set.name, "best_fixed", set.test, best);
    add_row(set.name, "oracle", set.test, oracle);
    note_difference(set, never, attd_outcomes);
    if (index == data_.shifted) keep_example(set, courses);
    result_.set_names.push_back(set.name);
    result_.courses.push_back(std::move(courses));
  }

  void note_difference(const data_set& set, const std::vector<outcome>& never,
                       const std::vector<outcome>& adapted) {
    std::vector<double> a, b;
    std::vector<index_t> clusters;
    for (std::size_t i = 0; i < never.size(); ++i) {
      a.push_back(adapted[i].error);
      b.push_back(never[i].error);
      clusters.push_back(set.test[i].cluster);
    }
    const auto d = attd::metrics::bootstrap_paired_difference_clustered(a, b, clusters, 0.95, 2000,
                                                                        settings_.seed);
    const double base = attd::metrics::mean(b);
    std::ostringstream note;
    note << set.name << ": attd against never " << support::format_number(attd::metrics::mean(a))
         << " / " << support::format_number(base) << ", paired difference "
         << support::format_number(100 * (attd::metrics::mean(a) - base) / base) << " % ["
         << support::format_number(100 * d.low / base) << ", "
         << support::format_number(100 * d.high / base) << "], "
         << support::format_share(share_harmed(never, adapted)) << " of samples worse by over 1 %";
    result_.notes.push_back(note.str());
  }

  // The example of the shifted set with the median gain, before and after full_steps_ steps.
  void keep_example(const data_set& set, const std::vector<sample_course>& courses) {
    if (!set.test[0].ids.empty()) return;
    std::vector<std::size_t> order(courses.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return courses[a].errors.back() / courses[a].errors[0] <
             courses[b].errors.back() / courses[b].errors[0];
    });
    const auto& e = set.test[order[order.size() / 2]];
    auto& w = workers_[0].adapting;
    auto& s = workers_[0].session;
    attd::adaptation::report r;
    engine_.restart(s);
    const auto copy = [&](std::vector<double>& to) {
      const auto y = attd::tasks::predict(engine_, e, s.psi, w);
      for (index_t t = 0; t < e.length(); ++t) to.push_back(double(y(t, 0)));
    };
    copy(result_.before);
    const auto o = observe(e, order[order.size() / 2]);
    engine_.set_controller({attd::controllers::fixed{full_steps_}});
    engine_.adapt(o, s, w, r);
    copy(result_.after);
    for (index_t t = 0; t < e.length(); ++t) result_.target.push_back(double(e.target(t, 0)));
    result_.split = e.split;
  }

  // Ten times the chosen rate: does it end in rejected steps or in harm?
  void stress() {
    engine_.set_optimizer(optimizer_.times(10));
    for (const auto& set : data_.sets) {
      engine_.set_controller({attd::controllers::never{}});
      const auto never = run_method(set.test, nullptr);
      engine_.set_controller({thresholds_});
      const auto hot = run_method(set.test, nullptr);
      double base = 0, error = 0, attempted = 0, rejected = 0;
      bool finite = true;
      for (std::size_t i = 0; i < hot.size(); ++i) {
        base += never[i].error / double(hot.size());
        error += hot[i].error / double(hot.size());
        attempted += double(hot[i].report.attempted);
        rejected += double(hot[i].report.rejected);
        finite = finite && attd::is_finite(hot[i].error);
      }
      std::ostringstream note;
      note << set.name << ", ten times the rate: error " << support::format_number(error)
           << " (never " << support::format_number(base) << "), "
           << support::format_share(attempted > 0 ? rejected / attempted : 0)
           << " of steps rejected, " << support::format_share(share_harmed(never, hot))
           << " of samples worse by over 1 %" << (finite ? "" : ", NOT FINITE");
      result_.notes.push_back(note.str());
      result_.stress.push_back({set.name, error, base});
    }
    engine_.set_optimizer(optimizer_);
  }

  Engine& engine_;
  const task_data& data_;
  const settings& settings_;
  std::vector<worker> workers_;
  comparison_result result_;
  any_optimizer optimizer_;
  attd::controllers::threshold thresholds_;
  attd::controllers::ponder_gate gate_;
  index_t full_steps_ = 1;
};

/// Composes an engine of a trained model and compares.
template <class Model, class Adapter, class Loss, class Parameters, class Backend>
comparison_result compare(const Model& model, const Adapter& adapter, const Loss& loss,
                          const Parameters& theta, const task_data& data, const settings& s,
                          const std::string& block, const std::string& adapter_name,
                          const std::vector<any_optimizer>& candidates, index_t maximum,
                          Backend backend) {
  attd::adaptive_model<number, Model, Adapter, Loss, any_controller, any_optimizer, Backend> engine(
      model, adapter, loss, {}, {}, theta, {}, backend);
  return comparison(engine, data, s, block, adapter_name).run(candidates, maximum);
}

}  // namespace demo
