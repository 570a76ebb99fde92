// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The rules of the engine's loop, for one input: what starts it, what a step is, when it is taken.
#pragma once

#include <attd/adaptation/detail/stability_guard.hpp>
#include <attd/adaptation/inner_problem.hpp>
#include <attd/adaptation/report.hpp>
#include <attd/concepts/controller.hpp>
#include <attd/operations/numbers.hpp>
#include <attd/optimizers/schedule.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace attd::adaptation::detail {

/// What is known of an input before any step.
template <class T>
struct start_of_input {
  attd::status status = attd::status::ok;  ///< not ok: no step may be taken
  double signal = std::numeric_limits<double>::quiet_NaN();
  double margin = 0;
  double flops = 0;  ///< of one forward
  inner_value<T> value{};
};

/// What a course of steps carries from one to the next.
struct course_state {
  double best = 0;  ///< guard loss to beat
  double rate_factor = 1;
  int halvings = 0;
  bool fresh_gradient = false;  ///< after a rejection psi, hence its gradient, is what it was
};

/// The rules, apart from how losses and gradients are computed: alone or together with others.
template <class Adaptive>
struct step_rules {
  using T = typename Adaptive::scalar;
  using session = typename Adaptive::session;
  using workspace = typename Adaptive::workspace;
  using weights = typename Adaptive::weights;
  static constexpr bool plans = PlanningController<typename Adaptive::controller_type>;

  const Adaptive& model;

  /// The smallest stability margin of the dynamics that were applied last.
  double margin_of(workspace& w) const {
    return model.guard().smallest_margin(w.inner.backend(), w.inner.effective(), w.certificate);
  }

  /// The start of an input that is too short for the loss.
  start_of_input<T> too_short(const weights& psi, workspace& w) const {
    w.inner.apply(psi);
    start_of_input<T> r;
    r.margin = margin_of(w);
    r.status = attd::status::too_short;
    return r;
  }

  /// Whether the loss and margin at the first psi allow steps at all.
  start_of_input<T> judge(const inner_value<T>& value, double margin, double flops) const {
    start_of_input<T> r{attd::status::ok, model.options().signal(double(value.loss)), margin, flops,
                        value};
    if (!is_finite(r.signal) || !is_finite(double(value.guard))) {
      r.signal = std::numeric_limits<double>::quiet_NaN();
      r.status = attd::status::non_finite_signal;
    } else if (!model.guard().base_stable() || !(margin > 0)) {
      r.status = attd::status::base_unstable;
    }
    return r;
  }

  /// Writes the start into the report, with the number of steps that the controller plans.
  void begin(const start_of_input<T>& start, bool guarded, const budget& limit, report& r) const {
    r.signal = start.signal;
    r.flops = start.flops;
    r.guarded = guarded;
    r.status = start.status;
    if (r.status != attd::status::ok) {
      r.margins.push_back(start.margin);
      return;
    }
    if constexpr (plans) {
      r.requested = model.controller().plan(r.signal);
      r.reserve(std::min(r.requested, limit.steps));
    }
    record(start.value, start.margin, r);
  }

  /// Why no other step is to be tried; nothing: one is.
  std::optional<attd::status> stops(const report& r, const budget& limit, double seconds) const {
    step_view v;
    v.step = r.attempted;
    v.signal = r.signal;
    v.signals = r.signals;
    v.margin = r.margins.back();
    v.flops = r.flops;
    if (!model.controller().proceed(v)) {
      return r.attempted == 0 ? attd::status::no_steps
             : r.rejected > 0 ? attd::status::some_steps_rejected
                              : attd::status::ok;
    }
    if (r.attempted >= limit.steps) return attd::status::step_budget_exhausted;
    if (seconds >= limit.seconds) return attd::status::time_budget_exhausted;
    return std::nullopt;
  }

  /// What follows the evaluation at the first psi: a gradient if any step may come.
  static followed_by first(const budget& limit) {
    return limit.steps > 0 ? followed_by::gradient : followed_by::nothing;
  }
  /// What follows the evaluation of a candidate, the one of attempt `attempted`, counted from 1: a
  /// gradient if another step may come.
  followed_by next(index_t attempted, const report& r, const budget& limit) const {
    const index_t most = plans ? std::min(r.requested, limit.steps) : limit.steps;
    return attempted < most ? followed_by::gradient : followed_by::nothing;
  }

  /// Writes the end of a course into the report.
  void end(attd::status how, report& r) const {
    r.status = how;
    if constexpr (!plans) r.requested = r.attempted;
  }

  /// A candidate from psi and the gradient, in w.candidate, with its margin; false: it cannot be
  /// taken. Its dynamics are the applied ones.
  bool propose(const session& s, const weights& gradient, double rate_factor, workspace& w,
               report& r, double& margin) const {
    auto& backend = w.inner.backend();
    operations::copy_leaves(backend, s.psi, w.candidate);
    operations::copy_leaves(backend, s.state, w.candidate_state);
    optimizers::take_step(model.optimizer(), backend, s.steps, rate_factor, gradient, w.candidate,
                          w.candidate_state);
    w.taken.rate_factor = rate_factor;
    w.taken.capped =
        cap_drift(backend, model.options().drift_cap, model.initial_weights(), w.candidate);
    if (!operations::all_finite(backend, w.candidate)) return false;
    w.inner.apply(w.candidate);
    const double scale = model.guard().scale_back(model.frozen(), w.inner.effective(),
                                                  model.options().stability_margin, w.candidate,
                                                  w.taken.scales, w.certificate);
    if (!(scale > 0)) return false;
    if (scale < 1) {
      ++r.scaled_back;
      w.inner.apply(w.candidate);
    }
    margin = margin_of(w);
    return margin > 0;
  }

  /// Takes a candidate over if its loss is good.
  template <class State>
  bool settle(const inner_value<T>& value, double margin, session& s, weights& candidate,
              State& candidate_state, double& best, report& r) const {
    const double guard = double(value.guard);
    if (!is_finite(double(value.loss)) || !is_finite(guard)) return false;
    if (!(guard <= best - model.options().least_improvement * std::abs(best))) return false;
    best = guard;
    std::swap(s.psi.items, candidate.items);
    std::swap(s.state, candidate_state);
    record(value, margin, r);
    return true;
  }

  /// Counts an attempt; false where no other may follow.
  bool count(bool accepted, session& s, course_state& c, report& r) const {
    ++r.attempted;
    if (accepted) {
      c.fresh_gradient = false;
      ++r.accepted;
      ++s.steps;
      return true;
    }
    ++r.rejected;
    c.rate_factor *= 0.5;
    return ++c.halvings <= model.options().halvings;
  }

  void record(const inner_value<T>& value, double margin, report& r) const {
    r.losses.push_back(double(value.loss));
    r.guards.push_back(double(value.guard));
    r.signals.push_back(model.options().signal(double(value.loss)));
    r.margins.push_back(margin);
  }
};

}  // namespace attd::adaptation::detail
