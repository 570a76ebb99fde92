// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Checks gradients through an adaptation, for any composition of parts, users' own included.
#pragma once

#include <algorithm>
#include <attd/adaptation/walk_back.hpp>
#include <attd/testing/gradient_check.hpp>
#include <cmath>
#include <string>
#include <vector>

namespace attd::testing {

/// How far the gradients of `adaptation::walk_back` are off; see `measure_walk_back`.
struct walk_back_errors {
  double theta = 0;     ///< worst leaf of theta, against central differences
  double psi0 = 0;      ///< worst leaf of psi_0
  double settings = 0;  ///< of the inner optimiser's settings, all together; 0 where it has none
  double identity = 0;  ///< |<gradient, d> - tangent of the outer loss in dual numbers|, relative
  double value = 0;     ///< |outer loss of the walk - outer loss recomputed here|, relative
  std::string worst;    ///< which leaf was the worst
  index_t accepted = 0, rejected = 0, scaled_back = 0, capped = 0;  ///< what the course had in it
  double largest() const { return std::max({theta, psi0, settings}); }
};

/// What the outer loss is: see adaptation::outer_weights; `signal` is the weight of s in it.
struct outer_case {
  adaptation::outer_weights weights;
  double signal = 0;
  adaptation::chain how = adaptation::chain::exact;
  index_t truncation = 0;
  bool coordinates = false;  ///< every number by itself; else one direction per leaf
};

namespace detail {

/// The outer loss as a plain function of (theta, psi_0, settings) in number type S, along the
/// recorded course: which steps are accepted is given, everything else is computed anew.
template <class Adaptive, class TaskLoss, class S>
class outer_replay {
 public:
  using model_type = typename Adaptive::model_type;
  using adapter_type = typename Adaptive::adapter_type;
  using weights = adaptation::fast_weights<adapter_type, S>;
  using parameters = typename model_type::template parameters<S>;
  using optimizer =
      std::conditional_t<is_dual_v<S>, with_settings_t<typename Adaptive::optimizer_type, S>,
                         typename Adaptive::optimizer_type>;
  using state = typename optimizer::template state<weights>;
  using course = typename adaptation::walk_back<Adaptive, TaskLoss>::course;

  outer_replay(const Adaptive& model, const TaskLoss& task, const outer_case& c,
               const course& taken, const adaptation::prepared_input<double>& inner_input,
               const adaptation::prepared_input<double>& task_input)
      : model_(model),
        task_(task),
        case_(c),
        taken_(taken),
        inner_input_(inner_input),
        task_input_(task_input) {}

  S operator()(const parameters& theta, const weights& psi0, const optimizer& o) const {
    adaptation::frozen_model<model_type, adapter_type, S> frozen{
        model_.model(), model_.frozen().adapter, theta, {}, model_.frozen().adapted};
    operations::bring(model_.backend(), frozen.parameters);
    frozen.model.base_dynamics(frozen.parameters, frozen.base);
    adaptation::detail::stability_guard guard;
    if constexpr (!is_dual_v<S>) guard.prepare(frozen);
    adaptation::inner_problem<model_type, adapter_type, typename Adaptive::loss_type,
                              typename Adaptive::backend_type, S>
        inner(frozen, model_.loss(), model_.backend());
    adaptation::inner_problem<model_type, adapter_type, TaskLoss, typename Adaptive::backend_type,
                              S>
        outer(frozen, task_, model_.backend());
    inner.share_input(inner_input_);
    outer.share_input(task_input_);
    const index_t last =
        adaptation::walk_back<Adaptive, TaskLoss>::last_state(case_.weights, taken_);
    const bool truncated = case_.how == adaptation::chain::truncated;
    const index_t fixed = truncated ? std::max<index_t>(0, last - case_.truncation) : index_t{0};
    std::vector<weights> psi(static_cast<std::size_t>(last + 1));
    psi[0] = psi0;
    state m;
    o.initialize(psi0, m);
    weights gradient;
    zeros_like(psi0, gradient);
    S total(0);
    if (case_.signal != 0) {  // s is a function of theta and psi_0 in every mode
      const S loss = inner.evaluate(psi0).loss;
      const auto& scale = model_.options().signal;
      total += S(case_.signal / scale.deviation) * (log(loss + S(scale.epsilon)) - S(scale.mean));
    }
    for (index_t i = 0; i < last; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (i <= fixed && fixed > 0) {  // psi up to here is a constant
        convert_leaves(taken_.psi(i), psi[at]);
        convert_leaves(taken_.optimizer(i), m);
      }
      const auto& step = taken_.taken(i);
      if (case_.how == adaptation::chain::first_order) {
        convert_leaves(step.gradient, gradient);
      } else {
        inner.evaluate(psi[at]);
        inner.gradient(psi[at], gradient);
      }
      psi[at + 1] = psi[at];
      o.step(step.count, step.choices.rate_factor, gradient, psi[at + 1], m);
      project(frozen, guard, step.choices, psi0, psi[at + 1]);
    }
    if (fixed > 0) convert_leaves(taken_.psi(fixed), psi[static_cast<std::size_t>(fixed)]);
    for (std::size_t k = 0; k < case_.weights.task.size(); ++k) {
      if (!case_.weights.visit[k]) continue;
      const index_t i = taken_.state_after(static_cast<index_t>(k));
      weights here = psi[static_cast<std::size_t>(i)];
      if (i < fixed) convert_leaves(taken_.psi(i), here);
      total += S(case_.weights.task[k]) * outer.evaluate(here).loss;
    }
    for (std::size_t k = 0; k < case_.weights.movement.size(); ++k) {
      if (case_.weights.movement[k] == 0) continue;
      const index_t i = taken_.state_after(static_cast<index_t>(k));
      const index_t j = taken_.state_after(static_cast<index_t>(k) + 1);
      if (j <= fixed && fixed > 0) {  // both are constants
        total += S(case_.weights.movement[k]) * distance(taken_.psi(i), taken_.psi(j));
        continue;
      }
      total += S(case_.weights.movement[k]) *
               distance(psi[static_cast<std::size_t>(i)], psi[static_cast<std::size_t>(j)]);
    }
    return total;
  }

 private:
  template <class W>
  static S distance(const W& a, const W& b) {
    S sum(0);
    for_each_leaf(
        [&](const auto& x, const auto& y) {
          if (x.empty()) return;
          const auto v = x.view(), w = y.view();
          for (index_t r = 0; r < v.rows(); ++r) {
            for (index_t c = 0; c < v.columns(); ++c) {
              sum += square(S(v.at(r, c)) - S(w.at(r, c)));
            }
          }
        },
        a, b);
    return sum;
  }

  template <class Frozen>
  void project(const Frozen& frozen, const adaptation::detail::stability_guard& guard,
               const adaptation::step_choices& choices, const weights& psi0, weights& psi) const {
    if constexpr (!is_dual_v<S>) {
      if (choices.capped) {
        adaptation::detail::move_to_cap(model_.options().drift_cap, psi0, psi);
      }
      adaptation::certificate_scratch scratch;
      for (index_t l = 0; l < psi.count(); ++l) {
        if (static_cast<std::size_t>(l) >= choices.scales.size()) break;
        if (!(choices.scales[static_cast<std::size_t>(l)] < 1)) continue;
        dynamics<double, std::conditional_t<adapter_type::adapts_timescale, double, none>> changed;
        frozen.adapter.apply(frozen.model.layout(l), frozen.base[l], psi[l], changed);
        const double alpha =
            guard.certificate(l).room(frozen.base[l], std::as_const(changed.matrix).view()[0],
                                      model_.options().stability_margin, scratch);
        frozen.adapter.shrink(alpha, psi[l]);
      }
    }
  }

  const Adaptive& model_;
  const TaskLoss& task_;
  const outer_case& case_;
  const course& taken_;
  const adaptation::prepared_input<double>&inner_input_, &task_input_;
};

// Error of <analytic, d> against differences of f(h) along d, and retry as `gradient_error` does.
template <class F>
double along_error(F f, double analytic, double scale) {
  const auto error = [&](double numeric) {
    const double e = std::fabs(numeric - analytic) / scale;
    return e >= 0 ? e : std::numeric_limits<double>::infinity();
  };
  const auto central = [&](double h) { return (f(h) - f(-h)) / (2 * h); };
  const double first = error(central(1e-6));
  if (first <= gradient_retry_above) return first;
  double best = first;
  // Richardson, order h^4: long steps against rounding, short ones where the step of an optimiser
  // bends within an epsilon.
  for (double h : {1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6}) {
    best = std::min(best, error((4 * central(h / 2) - central(h)) / 3));
    if (best <= gradient_retry_above) break;
  }
  return best;
}

/// Measures one aggregate: along one random unit direction per leaf, or number by number. `f` is
/// the function of the aggregate `x`, which is shifted in place and put back.
template <class A, class F>
double aggregate_error(const char* name, A& x, const A& analytic, F f, double whole,
                       bool coordinates, std::string& worst, double worst_so_far) {
  double largest = 0;
  int leaf_number = 0;
  random_stream random{0x6d657461};
  for_each_leaf(
      [&](auto& leaf, const auto& g) {
        ++leaf_number;
        if (leaf.empty()) return;
        const index_t n = leaf.size();
        const std::vector<double> at(leaf.data(), leaf.data() + n);
        const auto shift = [&](const std::vector<double>& d, double h) {
          for (index_t i = 0; i < n; ++i) {
            leaf.data()[i] = at[static_cast<std::size_t>(i)] + h * d[static_cast<std::size_t>(i)];
          }
          const double y = f(x);
          for (index_t i = 0; i < n; ++i) leaf.data()[i] = at[static_cast<std::size_t>(i)];
          return y;
        };
        const double scale = std::max(norm(g), 1e-3 * whole);
        double error = 0;
        if (coordinates) {
          double sum = 0;
          for (index_t i = 0; i < n; ++i) {
            std::vector<double> d(static_cast<std::size_t>(n), 0.0);
            d[static_cast<std::size_t>(i)] = 1;
            const double e = along_error([&](double h) { return shift(d, h); }, g.data()[i], scale);
            sum += e * e;
          }
          error = std::sqrt(sum);
        } else {
          std::vector<double> d(static_cast<std::size_t>(n));
          double length = 0, slope = 0;
          for (double& v : d) v = random.normal();
          for (double v : d) length += v * v;
          for (double& v : d) v /= std::sqrt(length);
          for (index_t i = 0; i < n; ++i) slope += d[static_cast<std::size_t>(i)] * g.data()[i];
          error = along_error([&](double h) { return shift(d, h); }, slope, scale);
        }
        if (error > largest) {
          largest = error;
          if (error > worst_so_far)
            worst = std::string(name) + ", leaf " + std::to_string(leaf_number);
        }
      },
      x, analytic);
  return largest;
}

}  // namespace detail

/// Walks back through an adaptation and compares every gradient with differences of the outer loss,
/// which is recomputed as a plain function of theta, psi_0 and settings.
///
/// *Formula*: |numeric - analytic| / max(|analytic|_2, 1e-3 |whole gradient|_2) along one random
/// direction per leaf (or coordinate by coordinate); the identity <gradient, d> = tangent of the
/// whole outer loss in dual numbers, for one direction of everything (left out where a step was
/// scaled back or capped). In first-order mode g_k, in truncated mode psi_{K-j}, are held constant
/// in the differences too.
/// `Identity` = false leaves the identity out, and a third of the compile time.
/// *Use*: `fill_task(prepared_input&)` prepares the task loss's data. `model` is in `double` and
/// asks for at least as many steps as the weights in `c` have.
template <bool Identity = true, class Adaptive, class TaskLoss, class FillTask>
walk_back_errors measure_walk_back(const Adaptive& model, const TaskLoss& task,
                                   std::span<const observation<double>> group, FillTask fill_task,
                                   const outer_case& c) {
  using walk = adaptation::walk_back<Adaptive, TaskLoss>;
  using replay = detail::outer_replay<Adaptive, TaskLoss, double>;
  walk w(model, task);
  w.adapt(group, static_cast<index_t>(c.weights.task.size()) - 1);
  fill_task(w.task_input());
  w.task_input().find_runs();
  typename walk::gradients g;
  zeros_like(model.theta(), g.theta);
  zeros_like(model.initial_weights(), g.psi0);
  walk_back_errors e;
  const bool ok =
      w(c.weights, c.how, c.truncation, g, [&](std::span<const double>) { return c.signal; });
  const auto& report = w.taken().report();
  e.accepted = report.accepted;
  e.rejected = report.rejected;
  e.scaled_back = report.scaled_back;
  for (index_t i = 0; i < w.taken().steps(); ++i) e.capped += w.taken().taken(i).choices.capped;
  if (!ok) {
    e.theta = e.psi0 = std::numeric_limits<double>::infinity();
    e.worst = "a gradient is not finite";
    return e;
  }
  adaptation::prepared_input<double> inner_input, task_input;
  fill_task(task_input);
  task_input.find_runs();
  outer_case used = c;
  if (report.losses.empty()) {  // no adaptation was possible: s decides nothing
    used.signal = 0;
  } else {
    model.loss().prepare(group, {model.options().guard_fraction}, inner_input.data);
    inner_input.find_runs();
  }
  const replay f(model, task, used, w.taken(), inner_input, task_input);

  auto theta = model.theta();
  auto psi0 = model.initial_weights();
  auto optimizer = model.optimizer();
  double settings_norm = 0;
  for (double x : g.settings) settings_norm += x * x;
  const double whole = std::sqrt(squared_norm(g.theta) + squared_norm(g.psi0) + settings_norm);

  double walked = 0;
  for (std::size_t k = 0; k < c.weights.task.size(); ++k) {
    walked += c.weights.task[k] * (c.weights.visit[k] ? w.losses()[k] : 0.0);
  }
  for (std::size_t k = 0; k < c.weights.movement.size(); ++k) {
    walked += c.weights.movement[k] * w.movement(static_cast<index_t>(k));
  }
  walked += used.signal == 0 ? 0.0 : used.signal * w.signal();
  const double value = f(theta, psi0, optimizer);
  e.value = std::fabs(walked - value) / std::max(1e-12, std::fabs(value));

  e.theta = detail::aggregate_error(
      "theta", theta, g.theta, [&](const auto& x) { return f(x, psi0, optimizer); }, whole,
      c.coordinates, e.worst, 0);
  e.psi0 = detail::aggregate_error(
      "psi_0", psi0, g.psi0, [&](const auto& x) { return f(theta, x, optimizer); }, whole,
      c.coordinates, e.worst, e.theta);
  std::size_t i = 0;
  if (!g.settings.empty()) {
    for_each_setting(
        [&](auto& setting) {
          const double at = double(setting);
          if (at == 0 && g.settings[i] == 0) {  // a switch: 0 turns off what else would be smooth
            ++i;
            return;
          }
          const double error = detail::along_error(
              [&](double h) {
                setting = at + h * std::max(1e-3, std::fabs(at));
                const double y = f(theta, psi0, optimizer);
                setting = at;
                return y;
              },
              g.settings[i] * std::max(1e-3, std::fabs(at)),
              std::max(std::fabs(g.settings[i]) * std::max(1e-3, std::fabs(at)), 1e-3 * whole));
          e.settings = std::max(e.settings, error);
          ++i;
        },
        optimizer);
  }
  if constexpr (Identity) {
    if (e.scaled_back > 0 || e.capped > 0) return e;
    using D = dual<double>;
    using dual_replay = detail::outer_replay<Adaptive, TaskLoss, D>;
    const dual_replay df(model, task, used, w.taken(), inner_input, task_input);
    typename dual_replay::parameters d_theta;
    typename dual_replay::weights d_psi0;
    convert_leaves(theta, d_theta);
    convert_leaves(psi0, d_psi0);
    random_stream random{0x64756172};
    double slope = 0, size = 0;
    const auto point = [&](auto& to, const auto& gradient) {
      for_each_leaf(
          [&](auto& leaf, const auto& gradient_leaf) {
            for (index_t j = 0; j < leaf.size(); ++j) {
              const double d = random.normal();
              leaf.tangent.data()[j] = d;
              slope += d * gradient_leaf.data()[j];
              size += std::fabs(d * gradient_leaf.data()[j]);
            }
          },
          to, gradient);
    };
    point(d_theta, g.theta);
    point(d_psi0, g.psi0);
    std::size_t s = 0;
    const auto d_optimizer = [&] {
      if constexpr (std::is_same_v<typename Adaptive::optimizer_type,
                                   typename dual_replay::optimizer>) {
        return optimizer;
      } else {
        return convert_settings<D>(optimizer, [&](double x) {
          const double d = random.normal();
          slope += d * g.settings[s];
          size += std::fabs(d * g.settings[s]);
          ++s;
          return D(x, d);
        });
      }
    }();
    const double tangent = df(d_theta, d_psi0, d_optimizer).tangent;
    e.identity = std::fabs(tangent - slope) / std::max(size, 1e-300);
    if (!(e.identity >= 0)) e.identity = std::numeric_limits<double>::infinity();
  }
  return e;
}

}  // namespace attd::testing
