// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The engine: a model that adapts its dynamics to each input before it predicts.
#pragma once

#include <attd/adaptation/detail/step_rules.hpp>
#include <attd/adaptation/inner_problem.hpp>
#include <attd/adaptation/parallel.hpp>
#include <attd/adaptation/report.hpp>
#include <attd/concepts/adapter.hpp>
#include <attd/concepts/controller.hpp>
#include <attd/concepts/inner_optimizer.hpp>
#include <chrono>
#include <utility>

namespace attd {

/// A trained model composed with an adapter, an internal loss, a controller, an inner optimiser
/// and a backend. The object is const while it is used and shared by threads; what changes is a
/// `session` (the fast weights of one input, group or stream) and a `workspace` (one per thread).
///
/// The loop, for one observation (or several windows that share one psi):
///   s = standardised log L_int(psi), psi where the session is (psi_0, or carried over);
///   K from the controller;  then up to K times
///   psi' = optimiser(psi, dL_int/dpsi), scaled back if it lost its stability certificate,
///   accepted if everything is finite, certified, and the loss on the guard part has not risen;
///   otherwise psi and the optimiser's state are put back and the rate is halved.
/// *Cost*: one forward for s, then one backward per accepted step and one forward per attempt.
/// A step allocates nothing once workspace and session have seen the sizes.
/// *Errors*: throws only for wrong shapes; numerical trouble and inputs too short for the loss end
/// in report.status, the fast weights being the last good ones. docs/design/adaptation.md has each
/// rule and its reason. A workspace refers to its model, which must stay where it is.
template <class T, class Model, class Adapter, class Loss, class Controller, class Optimizer,
          class Backend>
class adaptive_model {
  static_assert(check_adapter<Adapter>());
  static_assert(check_internal_loss<Loss>());
  static_assert(check_controller<Controller>());
  static_assert(check_inner_optimizer<Optimizer>());

 public:
  using loss_type = losses::as_internal_loss<Loss>;
  static_assert(!loss_type::requires_causal || Model::causal,
                "attd: this internal loss predicts the future and needs a causal model; "
                "use reconstruction, consistency or entropy with bidirectional blocks");
  using weights = adaptation::fast_weights<Adapter, T>;
  using optimizer_state = typename Optimizer::template state<weights>;
  using problem = adaptation::inner_problem<Model, Adapter, loss_type, Backend, T>;
  using parameters = typename Model::template parameters<T>;
  using scalar = T;
  using model_type = Model;
  using adapter_type = Adapter;
  using controller_type = Controller;
  using optimizer_type = Optimizer;
  using backend_type = Backend;

  /// Fast weights in use, their optimiser's state, and how many steps they have seen.
  struct session {
    weights psi;
    optimizer_state state;
    index_t steps = 0;
  };

  /// All memory that changes while adapting and predicting; one per thread. While `on_step` is
  /// called, `gradient` and `taken` say how the last attempted step was made.
  struct workspace {
    problem inner;
    weights gradient, candidate;
    optimizer_state candidate_state;
    adaptation::step_choices taken;
    adaptation::certificate_scratch certificate;
  };

  adaptive_model(Model model, Adapter adapter, Loss loss, Controller controller,
                 Optimizer optimizer, const parameters& theta, adaptation::options options = {},
                 Backend backend = {})
      : controller_(std::move(controller)),
        optimizer_(std::move(optimizer)),
        options_(std::move(options)),
        backend_(std::move(backend)),
        frozen_{std::move(model), std::move(adapter), theta, {}, {}},
        loss_(losses::make_internal_loss(loss)) {
    const index_t n = frozen_.model.systems();
    frozen_.adapted.assign(static_cast<std::size_t>(n), options_.adapted.empty() ? 1 : 0);
    for (index_t l : options_.adapted) {
      if (l < 0 || l >= n) {
        fail("adaptive_model: adapted system ", l, " does not exist, the model has ", n,
             "; hint: systems count from 0");
      }
      frozen_.adapted[static_cast<std::size_t>(l)] = 1;
    }
    operations::bring(backend_, frozen_.parameters);
    frozen_.model.base_dynamics(frozen_.parameters, frozen_.base);
    guard_.prepare(frozen_);
    psi0_.resize(n);
    const random_stream random{options_.seed, 0x70736930};
    for (index_t l = 0; l < n; ++l) {
      if (!frozen_.adapted[static_cast<std::size_t>(l)]) continue;
      frozen_.adapter.initialize(frozen_.model.layout(l), random.split(std::uint64_t(l)), psi0_[l]);
    }
    operations::bring(backend_, psi0_);
  }

  const Model& model() const { return frozen_.model; }
  const Controller& controller() const { return controller_; }
  const adaptation::options& options() const { return options_; }
  const parameters& theta() const { return frozen_.parameters; }
  const Optimizer& optimizer() const { return optimizer_; }
  const loss_type& loss() const { return loss_; }
  const adaptation::frozen_model<Model, Adapter, T>& frozen() const { return frozen_; }
  const adaptation::detail::stability_guard& guard() const { return guard_; }
  const Backend& backend() const { return backend_; }

  /// psi_0: where every input starts.
  const weights& initial_weights() const { return psi0_; }
  /// Replaces psi_0; throws, with psi_0 as it was, when a shape differs.
  void set_initial_weights(const weights& psi) {
    expect_equal("set_initial_weights", "the number of systems", psi.count(), psi0_.count());
    expect_same_shapes("set_initial_weights", psi, psi0_);
    convert_leaves(psi, psi0_);
  }
  void set_controller(Controller c) { controller_ = std::move(c); }
  void set_optimizer(Optimizer o) { optimizer_ = std::move(o); }
  /// Replaces theta by parameters of the same shapes; psi_0 stays. Workspaces made before must be
  /// told by `refresh`.
  void set_parameters(const parameters& theta) {
    expect_same_shapes("set_parameters", theta, frozen_.parameters);
    convert_leaves(theta, frozen_.parameters);
    frozen_.model.base_dynamics(frozen_.parameters, frozen_.base);
    guard_.prepare(frozen_);
  }
  void refresh(workspace& w) const { w.inner.take_base(); }
  void set_signal_scale(const adaptation::signal_scale& s) { options_.signal = s; }

  workspace make_workspace() const {
    workspace w{problem(frozen_, loss_, backend_), {}, {}, {}, {}, {}};
    zeros_like(psi0_, w.gradient);
    zeros_like(psi0_, w.candidate);
    optimizer_.initialize(psi0_, w.candidate_state);
    operations::bring(backend_, w.gradient);
    operations::bring(backend_, w.candidate);
    operations::bring(backend_, w.candidate_state);
    return w;
  }
  session start() const {
    session s;
    restart(s);
    return s;
  }
  /// Puts a session back to psi_0, in its own memory.
  void restart(session& s) const {
    convert_leaves(psi0_, s.psi);
    optimizer_.initialize(psi0_, s.state);
    s.steps = 0;
  }

  using dry_run_result = adaptation::dry_run_result;
  /// What `adapt` would set out to do; the session stays as it is.
  dry_run_result dry_run(std::span<const observation<T>> group, const session& s,
                         workspace& w) const {
    const start_of_input start =
        measure(group, reset_is_due(s) ? psi0_ : s.psi, w, adaptation::followed_by::nothing);
    dry_run_result r{start.status, start.signal, 0, start.flops};
    if (r.status != attd::status::ok) return r;
    r.planned = -1;
    if constexpr (PlanningController<Controller>) {
      r.planned = controller_.plan(r.signal);
      r.flops *= 1.0 + 3.0 * double(r.planned);
    }
    return r;
  }
  dry_run_result dry_run(const observation<T>& input, const session& s, workspace& w) const {
    return dry_run(std::span<const observation<T>>(&input, 1), s, w);
  }

  /// Adapts the session's fast weights to a group of observations that share them: the loss is the
  /// mean over all their scored rows. `on_step(k, session)` is called for k = 0 (before any step)
  /// and after every attempted step; it must leave this workspace alone (predict with another one).
  template <class OnStep>
  void adapt(std::span<const observation<T>> group, session& s, workspace& w, adaptation::report& r,
             const adaptation::budget& limit, OnStep&& on_step) const {
    const auto began = std::chrono::steady_clock::now();
    const auto elapsed = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    };
    r.clear(16);
    run(group, s, w, r, limit, elapsed, on_step);
    r.clamped_share = w.inner.clamped_share(s.psi);
    r.seconds = elapsed();
  }
  void adapt(std::span<const observation<T>> group, session& s, workspace& w, adaptation::report& r,
             const adaptation::budget& limit = {}) const {
    adapt(group, s, w, r, limit, [](index_t, const session&) {});
  }
  /// One observation.
  void adapt(const observation<T>& input, session& s, workspace& w, adaptation::report& r,
             const adaptation::budget& limit = {}) const {
    adapt(std::span<const observation<T>>(&input, 1), s, w, r, limit);
  }

  /// Adapts to each observation on its own, from psi_0; workspaces.size() threads. Samples are
  /// taken from a queue, so the cost follows the mean of K; results do not depend on the threads.
  void adapt_batch(std::span<const observation<T>> inputs, std::vector<session>& sessions,
                   std::vector<adaptation::report>& reports, std::vector<workspace>& workspaces,
                   const adaptation::budget& limit = {}) const {
    sessions.resize(inputs.size());
    reports.resize(inputs.size());
    adaptation::parallel_for(static_cast<index_t>(workspaces.size()),
                             static_cast<index_t>(inputs.size()), [&](index_t thread, index_t i) {
                               const auto at = static_cast<std::size_t>(i);
                               restart(sessions[at]);
                               adapt(inputs[at], sessions[at],
                                     workspaces[static_cast<std::size_t>(thread)], reports[at],
                                     limit);
                             });
  }

  /// The model's output for whole sequences under psi, computed from their beginning; the view is
  /// valid until the workspace is used again.
  view<const T> predict(const sequences& batch, const sequence_input<T>& input, const weights& psi,
                        workspace& w) const {
    w.inner.apply(psi);
    w.inner.run(batch, input);
    return w.inner.output().view();
  }

  /// The same, from carried states and leaving the new ones there (streaming).
  template <class States>
  view<const T> predict_from(States& states, const sequences& batch, const sequence_input<T>& input,
                             const weights& psi, workspace& w) const {
    w.inner.apply(psi);
    std::swap(w.inner.states(), states);
    try {
      w.inner.run_from_states(batch, input);
    } catch (...) {
      std::swap(w.inner.states(), states);  // the stream can go on from where it was
      throw;
    }
    std::swap(w.inner.states(), states);
    std::swap(w.inner.final_states(), states);
    return w.inner.output().view();
  }
  /// States to start a stream from.
  auto initial_states(index_t count = 1) const {
    typename Model::template cache<T> cache;
    frozen_.model.reset_states(count, cache);
    return cache.initial;
  }

 private:
  using rules = adaptation::detail::step_rules<adaptive_model>;
  using start_of_input = adaptation::detail::start_of_input<T>;

  // What is known of an input before any step, and whether a step may be taken at all.
  start_of_input measure(std::span<const observation<T>> group, const weights& psi, workspace& w,
                         adaptation::followed_by next) const {
    if (!w.inner.prepare(group, {options_.guard_fraction})) {
      return rules{*this}.too_short(psi, w);
    }
    const auto value = w.inner.evaluate(psi, next);
    return rules{*this}.judge(value, rules{*this}.margin_of(w),
                              frozen_.model.forward_flops(double(w.inner.data().batch.tokens())));
  }

  template <class Elapsed, class OnStep>
  void run(std::span<const observation<T>> group, session& s, workspace& w, adaptation::report& r,
           const adaptation::budget& limit, Elapsed elapsed, OnStep& on_step) const {
    if (reset_is_due(s)) restart(s);
    operations::bring(backend_, s.psi);
    operations::bring(backend_, s.state);
    const start_of_input start = measure(group, s.psi, w, rules::first(limit));
    const bool guarded = start.status != attd::status::too_short && !w.inner.input().guard.empty();
    rules{*this}.begin(start, guarded, limit, r);
    on_step(index_t{0}, std::as_const(s));
    if (r.status != attd::status::ok) return;
    rules{*this}.end(take_steps(s, w, r, limit, elapsed, on_step, start), r);
  }

  template <class Elapsed, class OnStep>
  attd::status take_steps(session& s, workspace& w, adaptation::report& r,
                          const adaptation::budget& limit, Elapsed elapsed, OnStep& on_step,
                          const start_of_input& start) const {
    const rules rule{*this};
    adaptation::detail::course_state course{double(start.value.guard)};
    for (;;) {
      if (const auto stop = rule.stops(r, limit, elapsed())) return *stop;
      if (!course.fresh_gradient) {
        w.inner.gradient(s.psi, w.gradient);
        r.flops += 2.0 * start.flops;
        if (!operations::all_finite(w.inner.backend(), w.gradient)) {
          return attd::status::non_finite_gradient;
        }
        course.fresh_gradient = true;
      }
      const bool accepted = try_step(s, w, r, course, start.flops, limit);
      const bool go_on = rule.count(accepted, s, course, r);
      on_step(r.attempted, std::as_const(s));
      if (!go_on) return attd::status::stopped_by_rejections;
    }
  }

  // Resets come between inputs: in the middle of one they would undo its own steps.
  bool reset_is_due(const session& s) const {
    const index_t every = optimizer_.reset_interval();
    return every > 0 && s.steps >= every;
  }

  // Makes a candidate from psi and the gradient; takes it over if it is good. The last evaluation
  // of the inner problem is then at the new psi, ready for its gradient.
  bool try_step(session& s, workspace& w, adaptation::report& r,
                adaptation::detail::course_state& course, double forward,
                const adaptation::budget& limit) const {
    const rules rule{*this};
    double margin = 0;
    if (!rule.propose(s, w.gradient, course.rate_factor, w, r, margin)) return false;
    const auto value = w.inner.evaluate(w.candidate, rule.next(r.attempted + 1, r, limit));
    r.flops += forward;
    return rule.settle(value, margin, s, w.candidate, w.candidate_state, course.best, r);
  }

  Controller controller_;
  Optimizer optimizer_;
  adaptation::options options_;
  Backend backend_;
  adaptation::frozen_model<Model, Adapter, T> frozen_;
  loss_type loss_;
  adaptation::detail::stability_guard guard_;
  weights psi0_;
};

}  // namespace attd
