// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The course of an adaptation: what the walk back needs of it, and nothing that grows with inputs.
#pragma once

#include <algorithm>
#include <attd/adaptation/report.hpp>
#include <attd/core/leaves.hpp>
#include <attd/core/observation.hpp>
#include <span>
#include <vector>

namespace attd::adaptation {

/// Fast weights and optimiser states of one input, psi_0 first, and how each step was made.
///
/// Attempted steps are counted by k; a rejected one leaves psi where it was: `state_after(k)` says
/// which of the stored states psi_k is. Activations are not kept: the walk back recomputes them.
/// *Memory*: (steps + 1) (psi + optimiser state) + steps psi (gradients); kept between inputs.
template <class Weights, class State>
class trajectory {
 public:
  /// How the step from one stored state to the next was made.
  struct step {
    Weights gradient;  ///< of the internal loss at the state before
    step_choices choices;
    index_t count = 0;  ///< steps that the fast weights had seen before: what rates depend on
  };

  /// Number of accepted steps.
  index_t steps() const { return accepted_; }
  /// Number of attempted steps.
  index_t attempts() const { return static_cast<index_t>(state_after_.size()) - 1; }
  /// Operations counted up to and with attempted step k, in units of one forward of the context.
  double relative_flops(index_t k) const {
    const double all = flops_[static_cast<std::size_t>(std::min(k, attempts()))];
    return flops_[0] > 0 ? all / flops_[0] : 1.0;
  }
  /// The index of psi_k among the stored states; after the last attempt nothing changes any more.
  index_t state_after(index_t k) const {
    ATTD_ASSERT(!state_after_.empty());  // nothing was recorded yet
    return state_after_[static_cast<std::size_t>(k < attempts() ? k : attempts())];
  }
  const Weights& psi(index_t state) const { return psi_[static_cast<std::size_t>(state)]; }
  const State& optimizer(index_t state) const {
    return optimizer_[static_cast<std::size_t>(state)];
  }
  /// The step from stored state `state` to the next.
  const step& taken(index_t state) const { return taken_[static_cast<std::size_t>(state)]; }
  const adaptation::report& report() const { return report_; }

  /// Adapts to a group with the `adaptive_model` and records its course: at most `steps` steps (its
  /// controller may ask for fewer). `session` is where it starts, and ends.
  template <class Adaptive, class T>
  void record(const Adaptive& model, std::span<const observation<T>> group, index_t steps,
              typename Adaptive::session& session, typename Adaptive::workspace& workspace) {
    accepted_ = 0;
    state_after_.clear();
    flops_.clear();
    budget limit;
    limit.steps = steps;
    model.adapt(group, session, workspace, report_, limit, [&](index_t k, const auto& s) {
      if (k == 0) {
        keep_state(0, s);
      } else if (report_.accepted > accepted_) {
        keep_step(workspace.gradient, workspace.taken, s.steps - 1);
        ++accepted_;
        keep_state(accepted_, s);
      }
      state_after_.push_back(accepted_);
      flops_.push_back(report_.flops);
    });
  }

 private:
  template <class Session>
  void keep_state(index_t i, const Session& s) {
    const auto at = static_cast<std::size_t>(i);
    if (psi_.size() <= at) {
      psi_.resize(at + 1);
      optimizer_.resize(at + 1);
    }
    convert_leaves(s.psi, psi_[at]);
    convert_leaves(s.state, optimizer_[at]);
  }
  void keep_step(const Weights& gradient, const step_choices& choices, index_t count) {
    const auto at = static_cast<std::size_t>(accepted_);
    if (taken_.size() <= at) taken_.resize(at + 1);
    convert_leaves(gradient, taken_[at].gradient);
    taken_[at].choices = choices;
    taken_[at].count = count;
  }

  std::vector<Weights> psi_;
  std::vector<State> optimizer_;
  std::vector<step> taken_;
  std::vector<index_t> state_after_;
  std::vector<double> flops_;
  index_t accepted_ = 0;
  adaptation::report report_;
};

}  // namespace attd::adaptation
