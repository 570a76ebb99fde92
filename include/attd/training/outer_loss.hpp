// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The loss of training through adaptation, and its exact or sampled gradient, input by input.
#pragma once

#include <algorithm>
#include <attd/adaptation/walk_back.hpp>
#include <attd/controllers/step_distribution.hpp>
#include <attd/core/random.hpp>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace attd::training {

/// What steps cost in the outer loss.
enum class step_cost {
  identity,  ///< Cost(k) = k
  convex,    ///< Cost(k) = k^power
  flops,     ///< Cost(k) = counted operations of k steps, in forwards of the context
};

/// How the number of steps enters the outer loss.
enum class depth_rule {
  fixed,             ///< K = steps for every input
  expected,          ///< mean over K = 0 .. steps under the noisy thresholds, exact
  reinforce,         ///< the same mean by sampling: score function with leave-one-out baseline
  straight_through,  ///< hard K forward, the slope of the soft rule backward; biased
};

/// The outer loss  E_K[ L_task(psi_K) + price Cost(K) + smoothness sum_{j<K} |psi_{j+1} - psi_j|^2
/// ].
struct outer_loss_options {
  depth_rule depth = depth_rule::expected;
  adaptation::chain chain = adaptation::chain::exact;
  index_t truncation = 1;  ///< steps followed when the chain is truncated
  index_t steps = 4;       ///< K, or its maximum (that of the thresholds)
  double tau = 0.5;        ///< width of the noise on s, in standard deviations
  double price = 0;        ///< lambda
  step_cost cost = step_cost::identity;
  double power = 2;            ///< of the convex cost
  double smoothness = 0;       ///< beta
  bool detach_signal = false;  ///< s as a constant: its dependence on theta and psi_0 is dropped
  index_t draws = 4;           ///< of K per input (reinforce), at least 2
};

/// What one input contributed.
struct outer_loss_value {
  double loss = 0;        ///< the outer loss (of a sampled rule: its estimate)
  double task = 0;        ///< E_K[L_task]
  double mean_steps = 0;  ///< E_K[K]
  double signal = 0;
  bool finite = true;  ///< false: a gradient was not finite, and nothing was added
};

/// Gradients of the outer loss of one input; adds to `out` and to the thresholds' gradient `d_t`
/// (its first `steps` entries).
///
/// *Formula* (expected; P_i = P(K >= i), T_i = L_task(psi_i) + price Cost(i) + smoothness
/// sum_{j<i} |psi_{j+1} - psi_j|^2): L = T_0 + sum_i P_i (T_i - T_{i-1}); dL/dt_i = -P_i (1 - P_i)
/// (T_i - T_{i-1}) / tau; dL/ds the sum of the same with the other sign; psi_k gets
/// P(K = k) dL_task and the smoothness terms with P(K > j).
/// *Formula* (reinforce): draws K_1 .. K_n; (T_{K_j} - mean of the others' T) grad log P(K_j), the
/// score through t and s, plus the pathwise gradient of each T_{K_j}; its mean is the exact one.
/// *Formula* (straight-through): b_i = 1[s > t_i] forward, sigmoid's slope backward: gain_i =
/// <dL_task/d psi_K, psi_i - psi_{i-1}> + price (Cost(i) - Cost(i-1)) + smoothness |...|^2.
/// *Cost*: `steps` inner steps; exact chain: one dual pass per step walked; expected: one task
/// forward and backward per k, else one per different K drawn.
/// *Source*: the objective of docs/concepts/outer_loss.md; reinforce [Williams1992] with the
/// baseline of [Kool2019].
template <class Walk>
class outer_loss {
 public:
  using gradients = typename Walk::gradients;

  explicit outer_loss(const outer_loss_options& o) : options_(o) {
    const index_t least = o.depth == depth_rule::fixed ? 0 : 1;  // thresholds are at least one
    if (o.steps < least) fail("outer_loss: steps is ", o.steps, ", expected at least ", least);
    if (o.depth == depth_rule::reinforce && o.draws < 2) {
      fail("outer_loss: draws is ", o.draws,
           ", expected at least 2; hint: each draw's baseline is "
           "the mean of the others");
    }
    if (o.depth != depth_rule::fixed && !(o.tau > 0)) {
      fail("outer_loss: tau is ", o.tau, ", expected a positive number");
    }
  }

  const outer_loss_options& options() const { return options_; }
  void set_tau(double tau) { options_.tau = tau; }

  /// Cost of asking for k steps on the recorded course: steps that were attempted count, rejected
  /// ones too; after the engine has stopped an input, asking for more costs nothing.
  double cost(const Walk& walk, index_t k) const {
    const double attempted = double(std::min(k, walk.taken().attempts()));
    switch (options_.cost) {
      case step_cost::convex:
        return std::pow(attempted, options_.power);
      case step_cost::flops:
        return walk.taken().relative_flops(k);
      default:
        return attempted;
    }
  }

  /// `walk` has adapted to the input by `options.steps` steps and holds the task's data.
  outer_loss_value operator()(Walk& walk, const controllers::threshold& c, random_stream random,
                              gradients& out, std::span<double> d_t) {
    const index_t n = options_.steps;
    expect_thresholds(c, static_cast<index_t>(d_t.size()));
    outer_loss_value v;
    v.signal = walk.signal();
    weights_.task.assign(size(n + 1), 0.0);
    weights_.visit.assign(size(n + 1), 0);
    weights_.movement.assign(size(n), 0.0);
    price_steps(walk);
    new_t_.assign(d_t.size(), 0.0);
    switch (options_.depth) {
      case depth_rule::fixed:
        fixed(walk, out, v);
        break;
      case depth_rule::expected:
        expected(walk, controllers::step_distribution(c, signal_of(walk), options_.tau), out, v);
        break;
      case depth_rule::reinforce:
        reinforce(walk, controllers::step_distribution(c, signal_of(walk), options_.tau), random,
                  out, v);
        break;
      case depth_rule::straight_through:
        straight_through(walk, c, out, v);
        break;
    }
    for (double d : new_t_) v.finite = v.finite && is_finite(d);
    if (v.finite) {
      for (std::size_t i = 0; i < d_t.size(); ++i) d_t[i] += new_t_[i];
    }
    return v;
  }

  /// The outer loss alone; `reinforce` as `expected`, `straight_through` by the hard rule.
  outer_loss_value value(Walk& walk, const controllers::threshold& c) {
    const index_t n = options_.steps;
    expect_thresholds(c, c.maximum());
    price_steps(walk);
    outer_loss_value v;
    v.signal = walk.signal();
    const double s = signal_of(walk);
    const auto add = [&](double p, index_t k) {
      if (p == 0) return;
      const double task = walk.task_loss(k);
      v.task += p * task;
      v.loss += p * (task + extra_[size(k)]);
      v.mean_steps += p * attempted_[size(k)];
    };
    if (options_.depth == depth_rule::fixed) {
      add(1.0, n);
    } else if (options_.depth == depth_rule::straight_through) {
      add(1.0, is_finite(s) ? c.plan(s) : 0);
    } else {
      const controllers::step_distribution p(c, s, options_.tau);
      for (index_t k = 0; k <= n; ++k) add(p.probability(k), k);
    }
    v.finite = is_finite(v.loss);
    return v;
  }

 private:
  static std::size_t size(index_t i) { return static_cast<std::size_t>(i); }

  // Inputs that cannot be adapted to get no step whatever s is.
  static double signal_of(const Walk& walk) {
    return walk.taken().report().losses.empty() ? std::numeric_limits<double>::quiet_NaN()
                                                : walk.signal();
  }

  void expect_thresholds(const controllers::threshold& c, index_t slots) const {
    if (options_.depth == depth_rule::fixed) return;
    expect_equal("outer_loss", "the number of thresholds", c.maximum(), options_.steps);
    expect_equal("outer_loss", "the size of the thresholds' gradient", slots, options_.steps);
  }

  // T_k, but for the task loss, and the steps that asking for k attempts.
  void price_steps(const Walk& walk) {
    const index_t n = options_.steps;
    extra_.resize(size(n + 1));
    attempted_.resize(size(n + 1));
    double moved = 0;
    for (index_t k = 0; k <= n; ++k) {
      if (k > 0) moved += walk.movement(k - 1);
      extra_[size(k)] = options_.price * cost(walk, k) + options_.smoothness * moved;
      attempted_[size(k)] = double(std::min(k, walk.taken().attempts()));
    }
  }

  // dL/ds for the walk. Where the thresholds' gradient is not finite, neither is this: the walk
  // then adds nothing at all.
  double cotangent_of_signal(double d_s) const {
    for (double d : new_t_) {
      if (!is_finite(d)) return std::numeric_limits<double>::quiet_NaN();
    }
    return options_.detach_signal ? 0.0 : d_s;
  }

  void fixed(Walk& walk, gradients& out, outer_loss_value& v) {
    const index_t k = options_.steps;
    weights_.task[size(k)] = 1;
    weights_.visit[size(k)] = 1;
    for (double& m : weights_.movement) m = options_.smoothness;
    v.finite = walk(weights_, options_.chain, options_.truncation, out,
                    [](std::span<const double>) { return 0.0; });
    v.task = walk.losses()[size(k)];
    v.loss = v.task + extra_[size(k)];
    v.mean_steps = attempted_[size(k)];
  }

  void expected(Walk& walk, const controllers::step_distribution& p, gradients& out,
                outer_loss_value& v) {
    const index_t n = options_.steps;
    for (index_t k = 0; k <= n; ++k) {
      weights_.task[size(k)] = p.probability(k);
      weights_.visit[size(k)] = 1;
      if (k < n) weights_.movement[size(k)] = options_.smoothness * p.at_least(k + 1);
    }
    v.finite =
        walk(weights_, options_.chain, options_.truncation, out, [&](std::span<const double> task) {
          gain_.resize(size(n));
          for (index_t i = 1; i <= n; ++i) {
            gain_[size(i - 1)] =
                task[size(i)] + extra_[size(i)] - task[size(i - 1)] - extra_[size(i - 1)];
          }
          return cotangent_of_signal(p.pullback(gain_, new_t_));
        });
    for (index_t k = 0; k <= n; ++k) {
      if (p.probability(k) == 0) continue;  // a loss that does not count may be infinite
      v.task += p.probability(k) * walk.losses()[size(k)];
      v.loss += p.probability(k) * (walk.losses()[size(k)] + extra_[size(k)]);
      v.mean_steps += p.probability(k) * attempted_[size(k)];
    }
  }

  void reinforce(Walk& walk, const controllers::step_distribution& p, random_stream& random,
                 gradients& out, outer_loss_value& v) {
    const auto n = size(options_.draws);
    const double share = 1.0 / double(n);
    drawn_.resize(n);
    for (index_t& k : drawn_) {
      k = p.sample(random);
      weights_.task[size(k)] += share;
      weights_.visit[size(k)] = 1;
      for (index_t j = 0; j < k; ++j) weights_.movement[size(j)] += share * options_.smoothness;
      v.mean_steps += share * attempted_[size(k)];
    }
    v.finite =
        walk(weights_, options_.chain, options_.truncation, out, [&](std::span<const double> task) {
          double sum = 0, d_s = 0;
          for (index_t k : drawn_) sum += task[size(k)] + extra_[size(k)];
          for (index_t k : drawn_) {
            const double total = task[size(k)] + extra_[size(k)];
            const double others = (sum - total) / double(n - 1);
            d_s += p.log_pullback(k, share * (total - others), new_t_);
          }
          return cotangent_of_signal(d_s);
        });
    for (index_t k : drawn_) {
      v.task += share * walk.losses()[size(k)];
      v.loss += share * (walk.losses()[size(k)] + extra_[size(k)]);
    }
  }

  void straight_through(Walk& walk, const controllers::threshold& c, gradients& out,
                        outer_loss_value& v) {
    const index_t n = options_.steps;
    const double s = signal_of(walk);
    const index_t k = is_finite(s) ? c.plan(s) : 0;
    const controllers::step_distribution p(c, s, options_.tau);
    weights_.task[size(k)] = 1;
    weights_.visit[size(k)] = 1;
    for (index_t j = 0; j < k; ++j) weights_.movement[size(j)] = options_.smoothness;
    gain_.assign(size(n), 0.0);
    walk.task_slopes(k, gain_);
    for (index_t i = 1; i <= n; ++i) gain_[size(i - 1)] += extra_[size(i)] - extra_[size(i - 1)];
    const double d_s = p.pullback(gain_, new_t_);
    v.finite = walk(weights_, options_.chain, options_.truncation, out,
                    [&](std::span<const double>) { return cotangent_of_signal(d_s); });
    v.task = walk.losses()[size(k)];
    v.loss = v.task + extra_[size(k)];
    v.mean_steps = attempted_[size(k)];
  }

  outer_loss_options options_;
  adaptation::outer_weights weights_;
  std::vector<double> gain_, extra_, attempted_, new_t_;
  std::vector<index_t> drawn_;
};

}  // namespace attd::training
