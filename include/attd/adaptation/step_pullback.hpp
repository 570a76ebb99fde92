// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The pullback of one inner step: optimiser, drift cap, stability scaling.
#pragma once

#include <algorithm>
#include <attd/adaptation/detail/stability_guard.hpp>
#include <attd/adaptation/report.hpp>
#include <attd/core/recorded.hpp>
#include <attd/core/settings.hpp>
#include <utility>
#include <vector>

namespace attd::adaptation {

/// Cotangents that one step passes on to what it was made of.
template <class Weights, class State, class Model, class T>
struct step_cotangents {
  Weights psi, gradient;         ///< of psi_k and of g_k
  State state;                   ///< of the optimiser's state before the step
  Weights initial;               ///< added to: of psi_0, through the drift cap
  layers<dynamics<T>> base;      ///< added to: of the base dynamics, through the stability scaling
  std::vector<double> settings;  ///< added to: of the optimiser's settings, in field order
};

/// Differentiates (psi', m') = Phi(psi, m, g; settings, A_0, psi_0) in reverse.
///
/// The step is recorded once more on a tape, from the stored psi, m and g, by the optimiser's own
/// `step` in `recorded<>` numbers: no optimiser needs derivatives of its own. What was capped or
/// scaled back then is so again; nothing of that is decided here. Branches inside the optimiser
/// (clipping) see the same primal values as they did in the step.
/// *In the chain*: clipping by norm, the drift cap, alpha of the stability scaling as a function of
/// psi and A_0. *Constants*: rate_factor (after rejections), which steps were accepted.
/// *Cost*: about ten recorded operations per fast weight; a scaled step solves Lyapunov's equation.
template <class Adaptive>
class step_pullback {
 public:
  using T = typename Adaptive::scalar;
  using weights = typename Adaptive::weights;
  using optimizer = typename Adaptive::optimizer_type;
  using state = typename Adaptive::optimizer_state;
  using R = recorded<T>;
  using recorded_optimizer = with_settings_t<optimizer, R>;
  using cotangents = step_cotangents<weights, state, typename Adaptive::model_type, T>;

  explicit step_pullback(const Adaptive& model) : model_(&model) {}

  /// How many settings of the optimiser have gradients: none where it is no template of its number
  /// type.
  index_t settings() const {
    if constexpr (std::is_same_v<optimizer, recorded_optimizer>) {
      return 0;
    } else {
      return count_settings(model_->optimizer());
    }
  }

  /// Takes cotangents of psi' and m'; fills psi, gradient and state of `out`, adds the others.
  void operator()(const weights& psi, const state& m, const weights& gradient,
                  const step_choices& choices, index_t count, const weights& d_psi,
                  const state& d_state, cotangents& out) {
    if constexpr (!has_leaves_v<weights>) {  // nothing adapts
      zeros_like(psi, out.psi);
      zeros_like(psi, out.gradient);
      zeros_like(m, out.state);
    } else {
      pull(psi, m, gradient, choices, count, d_psi, d_state, out);
    }
  }

 private:
  void pull(const weights& psi, const state& m, const weights& gradient,
            const step_choices& choices, index_t count, const weights& d_psi, const state& d_state,
            cotangents& out) {
    tape_.clear();
    record(psi, psi_);
    record(m, state_);
    record(gradient, gradient_);
    record_settings(model_->optimizer(), tape_, optimizer_);
    convert_leaves(psi_, psi_out_);
    convert_leaves(state_, state_out_);
    optimizer_.step(count, choices.rate_factor, gradient_, psi_out_, state_out_);
    if (choices.capped) {
      record(model_->initial_weights(), initial_);
      detail::move_to_cap(model_->options().drift_cap, initial_, psi_out_);
    }
    const index_t before_scaling = tape_.size();
    const bool scaled = std::any_of(choices.scales.begin(), choices.scales.end(),
                                    [](double scale) { return scale < 1; });
    if (scaled) {
      convert_leaves(psi_out_, before_);
      scales_.assign(choices.scales.size(), recorded<T>(T(1)));
      for (index_t l = 0; l < psi_out_.count(); ++l) {
        const auto at = static_cast<std::size_t>(l);
        if (!(choices.scales[at] < 1)) continue;
        scales_[at] = tape_.variable(T(choices.scales[at]));
        model_->frozen().adapter.shrink(scales_[at], psi_out_[l]);
      }
    }
    tape_.begin();
    seed(psi_out_, d_psi);
    seed(state_out_, d_state);
    tape_.pull(before_scaling);
    if (scaled) pull_scales(choices, out);
    tape_.pull_range(before_scaling, 0);
    read(psi_, psi, out.psi);
    read(gradient_, gradient, out.gradient);
    read(state_, m, out.state);
    if (choices.capped) add(initial_, out.initial);
    add_settings(out.settings);
  }

  using recorded_weights = fast_weights<typename Adaptive::adapter_type, R>;
  using recorded_state = typename recorded_optimizer::template state<recorded_weights>;

  // Leaves of T become variables; those of other types (counts) are copied.
  template <class A, class B>
  void record(const A& from, B& to) {
    zeros_like(from, to);
    for_each_leaf(
        [&](const auto& f, auto& t) {
          for (index_t i = 0; i < f.size(); ++i) {
            if constexpr (std::is_same_v<std::remove_cvref_t<decltype(t.data()[0])>, R>) {
              t.data()[i] = tape_.variable(f.data()[i]);
            } else {
              t.data()[i] = f.data()[i];
            }
          }
        },
        from, to);
  }
  template <class B, class A>
  void seed(const B& at, const A& cotangent) {
    for_each_leaf(
        [&](const auto& r, const auto& c) {
          if constexpr (std::is_same_v<std::remove_cvref_t<decltype(r.data()[0])>, R>) {
            for (index_t i = 0; i < r.size(); ++i) tape_.seed(r.data()[i], T(c.data()[i]));
          }
        },
        at, cotangent);
  }
  template <class B, class A>
  void read(const B& at, const A& like, A& out) {
    zeros_like(like, out);
    add(at, out);
  }
  template <class B, class A>
  void add(const B& at, A& out) {
    for_each_leaf(
        [&](const auto& r, auto& o) {
          if constexpr (std::is_same_v<std::remove_cvref_t<decltype(r.data()[0])>, R>) {
            for (index_t i = 0; i < r.size(); ++i) o.data()[i] += tape_.adjoint(r.data()[i]);
          }
        },
        at, out);
  }
  void add_settings(std::vector<double>& out) {
    if constexpr (!std::is_same_v<optimizer, recorded_optimizer>) {
      std::size_t i = 0;
      for_each_setting([&](const R& r) { out[i++] += double(tape_.adjoint(r)); }, optimizer_);
    }
  }

  // alpha_l = alpha(dynamics of psi before scaling, A_0): on to both.
  void pull_scales(const step_choices& choices, cotangents& out) {
    const auto& frozen = model_->frozen();
    for (index_t l = 0; l < before_.count(); ++l) {
      const auto at = static_cast<std::size_t>(l);
      if (!(choices.scales[at] < 1)) continue;
      for_each_leaf(
          [](const auto& r, auto& p) {
            p.resize(r.shape());
            for (index_t i = 0; i < r.size(); ++i) p.data()[i] = r.data()[i].value;
          },
          before_[l], plain_);
      const dynamics_layout layout = frozen.model.layout(l);
      frozen.adapter.apply(layout, frozen.base[l], plain_, effective_);
      zeros_like(frozen.base[l], d_effective_);
      if constexpr (Adaptive::adapter_type::adapts_timescale) {
        d_effective_.log_timescale.assign(effective_.log_timescale.shape());
      }
      const auto changed = std::as_const(effective_.matrix).view()[0];
      model_->guard().certificate(l).room_pullback(
          frozen.base[l], changed, model_->options().stability_margin,
          double(tape_.adjoint(scales_[at])), d_effective_.matrix.view()[0],
          out.base[l].matrix.view()[0], scratch_);
      zeros_like(plain_, d_plain_);
      frozen.adapter.pullback(layout, frozen.base[l], plain_, d_effective_, out.base[l], d_plain_);
      seed(before_[l], d_plain_);
    }
  }

  using tau = std::conditional_t<Adaptive::adapter_type::adapts_timescale, T, none>;
  const Adaptive* model_;
  tape<T> tape_;
  recorded_weights psi_, gradient_, psi_out_, initial_, before_;
  recorded_state state_, state_out_;
  recorded_optimizer optimizer_;
  std::vector<R> scales_;
  typename Adaptive::adapter_type::template fast_weights<T> plain_, d_plain_;  // of one system
  dynamics<T, tau> effective_, d_effective_;
  certificate_scratch scratch_;
};

}  // namespace attd::adaptation
