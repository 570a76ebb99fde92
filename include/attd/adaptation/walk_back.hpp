// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Exact gradients through an adaptation: from a loss at psi_K back to theta, psi_0 and the rates.
#pragma once

#include <algorithm>
#include <attd/adaptation/step_pullback.hpp>
#include <attd/adaptation/trajectory.hpp>
#include <span>
#include <utility>
#include <vector>

namespace attd::adaptation {

/// How much of the chain through the inner steps is followed.
enum class chain {
  exact,        ///< all of it
  first_order,  ///< inner gradients g_k are constants (their dependence on psi and theta is
                ///< dropped)
  /// exact through the last `truncation` accepted steps before the last psi_k that counts; psi
  /// before them is a constant, for every k
  truncated,
};

/// What the outer loss makes of a trajectory: sum_k task[k] L_task(psi_k) + sum_k movement[k]
/// |psi_{k+1} - psi_k|^2. Entries of `task` for which `visit` is 0 are not even evaluated.
struct outer_weights {
  std::vector<double> task;      ///< k = 0 .. K
  std::vector<char> visit;       ///< k = 0 .. K: whether L_task(psi_k) is needed
  std::vector<double> movement;  ///< k = 0 .. K - 1
};

/// Gradients of one input, or the sum over several. Settings are those of the inner optimiser that
/// are templates of their number type, in field order (see settings.hpp).
template <class Parameters, class Weights>
struct outer_gradients {
  Parameters theta;
  Weights psi0;
  std::vector<double> settings;
};

/// Walks back through recorded inner steps; one per thread.
///
/// *Formula*: with lambda = dL/d psi_{k+1}, mu = dL/d m_{k+1}, the pullback of one step gives v =
/// dL/d g_k and parts of lambda and mu; then ONE forward-over-reverse pass of the inner problem at
/// psi_k + e v gives lambda += (d g_k / d psi) v and theta-bar += (d g_k / d theta)^T v as tangents
/// of its gradients, for g_k is itself a gradient. Its primal plane recomputes the activations.
/// *Cost*: per walked step one forward and one backward in dual numbers (about twice a plain one),
/// per visited k one forward and one backward of the task loss. Memory does not depend on K beyond
/// the trajectory.
/// *Differentiated*: everything but what is listed as constant in step_pullback.hpp, inputs and
/// what internal losses make of them (targets, masks, noise: `losses::inner_data`).
/// *Source*: the products are those of [Pearlmutter1994]; the chain is derived in
/// docs/design/walk_back.md.
template <class Adaptive, class TaskLoss>
class walk_back {
 public:
  using T = typename Adaptive::scalar;
  using weights = typename Adaptive::weights;
  using parameters = typename Adaptive::parameters;
  using state = typename Adaptive::optimizer_state;
  using gradients = outer_gradients<parameters, weights>;
  using course = trajectory<weights, state>;

  walk_back(const Adaptive& model, const TaskLoss& task)
      : model_(&model),
        task_loss_(task),
        workspace_(model.make_workspace()),
        session_(model.start()),
        task_(model.frozen(), task_loss_, model.backend()),
        tangent_(model.frozen(), model.loss(), model.backend()),
        pullback_(model) {
    const index_t n = model.model().systems();
    every_.assign(static_cast<std::size_t>(n), 1);
    zeros_like(model.theta(), theta_);
    zeros_like(model.theta(), tangent_theta_);
    zeros_like(model.initial_weights(), lambda_);
    zeros_like(lambda_, tangent_gradient_);
    zeros_like(lambda_, task_gradient_);
  }
  walk_back(const walk_back&) = delete;
  walk_back& operator=(const walk_back&) = delete;

  /// Whether gradients of theta are wanted; at first they are. Without them a walk costs less, the
  /// gradients of psi_0 and of the settings keep their bits, and those of theta are left alone.
  void ask_for_theta(bool wanted) { theta_wanted_ = wanted; }

  /// To be called when the model's theta has changed.
  void refresh() {
    model_->refresh(workspace_);
    task_.take_base();
    tangent_.take_base();
  }

  /// Adapts to a group from psi_0, at most `steps` steps, and keeps the course.
  void adapt(std::span<const observation<T>> group, index_t steps) {
    model_->restart(session_);
    course_.record(*model_, group, steps, session_, workspace_);
  }
  /// The course of the last `adapt`.
  const course& taken() const { return course_; }
  /// s at psi_0; NaN where there is none.
  double signal() const { return course_.report().signal; }

  /// The input of the task loss: to be filled, then `find_runs` called on it.
  prepared_input<T>& task_input() { return task_.own_input(); }
  /// L_task(psi_k), without gradients.
  double task_loss(index_t k) {
    return double(task_.evaluate(course_.psi(course_.state_after(k))).loss);
  }
  /// slopes[i - 1] += <d L_task / d psi at psi_k, psi_i - psi_{i-1}>: what a little more of step i
  /// would do to the loss.
  void task_slopes(index_t k, std::span<double> slopes) {
    const auto& psi = course_.psi(course_.state_after(k));
    task_.evaluate(psi, followed_by::gradient);
    task_.gradient(psi, task_gradient_);
    for (std::size_t i = 0; i < slopes.size(); ++i) {
      const index_t a = course_.state_after(static_cast<index_t>(i));
      const index_t b = course_.state_after(static_cast<index_t>(i) + 1);
      if (a == b) continue;
      for_each_leaf(
          [&](const auto& g, const auto& x, const auto& y) {
            for (index_t j = 0; j < g.size(); ++j) {
              slopes[i] += double(g.data()[j]) * (double(y.data()[j]) - double(x.data()[j]));
            }
          },
          task_gradient_, course_.psi(a), course_.psi(b));
    }
  }
  /// |psi_{k+1} - psi_k|^2.
  double movement(index_t k) const {
    const index_t a = course_.state_after(k), b = course_.state_after(k + 1);
    return a == b ? 0.0 : squared_distance(course_.psi(a), course_.psi(b));
  }

  /// Adds the gradients of the outer loss to `out`. `signal_cotangent(losses)` is asked for dL/ds
  /// when the task losses are known: losses[k] = L_task(psi_k) for every k that is visited.
  /// Returns false, and adds nothing, when a loss that counts or a gradient is not finite.
  template <class SignalCotangent>
  bool operator()(const outer_weights& w, chain how, index_t truncation, gradients& out,
                  SignalCotangent&& signal_cotangent) {
    begin();
    losses_.assign(w.task.size(), 0.0);
    finite_ = true;
    const index_t last = last_state(w, course_);
    const index_t frozen_below =
        how == chain::truncated ? std::max<index_t>(0, last - truncation) : index_t{0};
    bool primal_at_start = false;  // whether tangent_ holds the gradient of L_int at psi_0
    double d_signal = 0;
    for (index_t i = last;; --i) {
      visit_task(i, w,
                 i >= frozen_below && !(how == chain::truncated && i == frozen_below && i > 0));
      if (i == 0) d_signal = signal_cotangent(std::span<const double>(losses_));
      if (i == 0) break;
      if (i <= frozen_below) continue;
      const double m = movement_weight(i - 1, w);
      step_back(i - 1, m);
      const bool reaches_start = i - 1 == frozen_below && frozen_below > 0;
      if (how != chain::first_order) {
        if (i == 1) zero_primal(tangent_theta_);
        second_order(i - 1);
        primal_at_start = i == 1;
      }
      if (reaches_start) zero_leaves(lambda_);  // psi there is a constant
    }
    if (d_signal != 0) add_signal(d_signal, primal_at_start);
    return finish(how, out);
  }

  /// The last stored state that the outer loss looks at: steps beyond it are not walked.
  static index_t last_state(const outer_weights& w, const course& c) {
    index_t last = 0;
    for (std::size_t k = 0; k < w.task.size(); ++k) {
      if (w.visit[k]) last = std::max(last, c.state_after(static_cast<index_t>(k)));
    }
    for (std::size_t k = 0; k < w.movement.size(); ++k) {
      if (w.movement[k] != 0) last = std::max(last, c.state_after(static_cast<index_t>(k) + 1));
    }
    return last;
  }

  /// The task losses of the last walk, by k.
  std::span<const double> losses() const { return losses_; }

 private:
  using D = dual<T>;
  using task_problem = inner_problem<typename Adaptive::model_type, typename Adaptive::adapter_type,
                                     TaskLoss, typename Adaptive::backend_type, T>;
  using tangent_problem =
      inner_problem<typename Adaptive::model_type, typename Adaptive::adapter_type,
                    typename Adaptive::loss_type, typename Adaptive::backend_type, T, D>;
  using dual_weights = typename tangent_problem::weights;
  using dual_parameters = typename Adaptive::model_type::template parameters<D>;
  using cotangents = typename step_pullback<Adaptive>::cotangents;

  void begin() {
    zero_leaves(theta_);
    zero_leaves(lambda_);
    zeros_like(course_.optimizer(course_.steps()), mu_);
    zero_leaves(tangent_theta_);
    zeros_like(lambda_, step_.initial);
    zeros_like(model_->frozen().base, step_.base);
    step_.settings.assign(static_cast<std::size_t>(pullback_.settings()), 0.0);
  }

  // Adds the task losses of every k whose psi is stored state i; `chained`: psi is no constant.
  void visit_task(index_t i, const outer_weights& w, bool chained) {
    double weight = 0;
    bool visited = false;
    for (std::size_t k = 0; k < w.task.size(); ++k) {
      if (course_.state_after(static_cast<index_t>(k)) != i || !w.visit[k]) continue;
      visited = true;
      weight += w.task[k];
    }
    if (!visited) return;
    const double loss = double(task_.evaluate(course_.psi(i)).loss);
    for (std::size_t k = 0; k < w.task.size(); ++k) {
      if (course_.state_after(static_cast<index_t>(k)) == i) losses_[k] = loss;
    }
    if (weight == 0) return;
    finite_ = finite_ && is_finite(loss);
    if (theta_wanted_) {
      task_.gradient(course_.psi(i), task_gradient_, theta_, every_, T(weight));
    } else {
      task_.gradient(course_.psi(i), task_gradient_, T(weight));
    }
    if (chained) add_leaves(task_gradient_, lambda_);
  }

  // The weight of the attempted step that led from stored state i to the next.
  double movement_weight(index_t i, const outer_weights& w) const {
    for (std::size_t k = 0; k < w.movement.size(); ++k) {
      const auto at = static_cast<index_t>(k);
      if (course_.state_after(at) == i && course_.state_after(at + 1) == i + 1) {
        return w.movement[k];
      }
    }
    return 0;
  }

  // lambda and mu of stored state i from those of i + 1, but for the second-order part.
  void step_back(index_t i, double movement_weight) {
    const auto& next = course_.psi(i + 1);
    const auto& psi = course_.psi(i);
    const auto& taken = course_.taken(i);
    if (movement_weight != 0) add_difference(T(2 * movement_weight), next, psi, lambda_);
    pullback_(psi, course_.optimizer(i), taken.gradient, taken.choices, taken.count, lambda_, mu_,
              step_);
    std::swap(lambda_, step_.psi);
    std::swap(mu_, step_.state);
    if (movement_weight != 0) add_difference(T(-2 * movement_weight), next, psi, lambda_);
  }

  // The gradients of L_int at tangent_psi_, in dual numbers; those of theta add up.
  void run_tangent_problem() {
    tangent_.share_input(workspace_.inner.input());
    tangent_.evaluate(tangent_psi_);
    zeros_like(tangent_psi_, tangent_gradient_);
    if (theta_wanted_) {
      tangent_.gradient(tangent_psi_, tangent_gradient_, tangent_theta_, every_);
    } else {
      tangent_.gradient(tangent_psi_, tangent_gradient_);
    }
  }

  // lambda += H v, theta += (d g / d theta)^T v, v = step_.gradient, at stored state i.
  void second_order(index_t i) {
    convert_leaves(course_.psi(i), tangent_psi_);
    for_each_leaf([](auto& p, const auto& v) { convert(v, p.tangent); }, tangent_psi_,
                  step_.gradient);
    run_tangent_problem();
    add_plane(&tensor<D>::tangent, T(1), tangent_gradient_, lambda_);
  }

  // s = standardised log L_int(psi_0): its gradient is that of L_int.
  void add_signal(double d_signal, bool primal_at_start) {
    if (!is_finite(signal()) || course_.report().losses.empty()) return;
    const T slope = T(d_signal * model_->options().signal.slope(course_.report().losses.front()));
    if (!primal_at_start) {  // no pass has been at psi_0
      convert_leaves(course_.psi(0), tangent_psi_);
      zero_primal(tangent_theta_);
      run_tangent_problem();
    }
    add_plane(&tensor<D>::value, slope, tangent_gradient_, lambda_);
    if (theta_wanted_) add_plane(&tensor<D>::value, slope, tangent_theta_, theta_);
  }

  bool finish(chain how, gradients& out) {
    if (theta_wanted_) {
      if (how != chain::first_order) {
        add_plane(&tensor<D>::tangent, T(1), tangent_theta_, theta_);
      }
      model_->model().base_dynamics_backward(model_->theta(), step_.base, theta_);
    }
    add_leaves(step_.initial, lambda_);
    bool finite = finite_ && all_finite(theta_) && all_finite(lambda_);
    for (double x : step_.settings) finite = finite && is_finite(x);
    if (!finite) return false;
    if (theta_wanted_) add_leaves(theta_, out.theta);
    add_leaves(lambda_, out.psi0);
    out.settings.resize(std::max(out.settings.size(), step_.settings.size()), 0.0);
    for (std::size_t i = 0; i < step_.settings.size(); ++i) out.settings[i] += step_.settings[i];
    return true;
  }

  // to += factor (the values or the tangents of `from`).
  template <class From, class To>
  static void add_plane(tensor<T> tensor<D>::* plane, T factor, const From& from, To& to) {
    for_each_leaf(
        [&](const auto& f, auto& t) {
          for (index_t j = 0; j < t.size(); ++j) t.data()[j] += factor * (f.*plane).data()[j];
        },
        from, to);
  }
  static void add_difference(T factor, const weights& a, const weights& b, weights& to) {
    for_each_leaf(
        [&](const auto& x, const auto& y, auto& t) {
          for (index_t j = 0; j < t.size(); ++j) {
            t.data()[j] += factor * (x.data()[j] - y.data()[j]);
          }
        },
        a, b, to);
  }
  static double squared_distance(const weights& a, const weights& b) {
    double sum = 0;
    for_each_leaf(
        [&](const auto& x, const auto& y) {
          for (index_t j = 0; j < x.size(); ++j) {
            sum += square(double(x.data()[j]) - double(y.data()[j]));
          }
        },
        a, b);
    return sum;
  }
  static void zero_primal(dual_parameters& p) {
    for_each_leaf([](auto& leaf) { leaf.value.zero(); }, p);
  }

  const Adaptive* model_;
  TaskLoss task_loss_;
  typename Adaptive::workspace workspace_;
  typename Adaptive::session session_;
  course course_;
  task_problem task_;
  tangent_problem tangent_;
  step_pullback<Adaptive> pullback_;
  std::vector<char> every_;
  std::vector<double> losses_;
  parameters theta_;
  weights lambda_, task_gradient_;
  state mu_;
  cotangents step_;
  dual_weights tangent_psi_, tangent_gradient_;
  dual_parameters tangent_theta_;
  bool theta_wanted_ = true;
  bool finite_ = true;  // whether every task loss that counts was
};

}  // namespace attd::adaptation
