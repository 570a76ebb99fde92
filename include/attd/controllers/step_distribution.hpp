// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Thresholds under logistic noise: a distribution over the number of steps, with gradients.
#pragma once

#include <attd/controllers/threshold.hpp>
#include <attd/core/random.hpp>
#include <cmath>
#include <span>
#include <vector>

namespace attd::controllers {

/// What K(s) becomes when s carries logistic noise of width tau.
///
/// *Formula*: one logistic variable of scale tau is added to s, so the events K >= i are nested and
///   P(K >= i) = sigmoid((s - t_i) / tau),   P(K = k) = P(K >= k) - P(K >= k + 1),
/// exactly; tau -> 0 gives the hard rule K = sum_i 1[s > t_i]. P(K = k) is computed as
/// sigmoid(a) sigmoid(-b) (1 - e^-(a - b)), a and b the arguments at t_k and t_{k+1}, a - b = gap /
/// tau taken from the gap itself: no cancellation, and positive.
/// *Laws*: P(K >= i) falls in i and rises in s; the P(K = k) sum to 1; E[K] rises in s.
/// *Cost*: Kmax exponentials.
class step_distribution {
 public:
  /// A signal that is not finite means no step, as in the engine.
  step_distribution(const threshold& c, double s, double tau) : tau_(tau) {
    if (!(tau > 0)) fail("step_distribution: tau is ", tau, ", expected a positive number");
    const auto n = static_cast<std::size_t>(c.maximum());
    at_least_.assign(n, 0.0);
    arguments_.assign(n, -std::numeric_limits<double>::infinity());
    gaps_.assign(n, 0.0);
    if (!is_finite(s)) return;
    double t = c.first(0);
    for (std::size_t i = 0; i < n; ++i) {
      if (i > 0) {
        const double gap = c.minimum_gap + softplus(c.raw_gaps(static_cast<index_t>(i) - 1));
        t += gap;
        gaps_[i] = gap / tau;
      }
      arguments_[i] = (s - t) / tau;
      at_least_[i] = sigmoid(arguments_[i]);
    }
  }

  index_t maximum() const { return static_cast<index_t>(at_least_.size()); }
  /// P(K >= i), i = 0 .. maximum().
  double at_least(index_t i) const {
    return i <= 0 ? 1.0 : at_least_[static_cast<std::size_t>(i - 1)];
  }
  /// P(K = k), k = 0 .. maximum().
  double probability(index_t k) const {
    const auto i = static_cast<std::size_t>(k);
    if (k == maximum()) return at_least(k);
    const double below = sigmoid(-arguments_[i]);  // P(K <= k)
    if (k == 0) return below;
    if (!is_finite(arguments_[i])) return 0.0;
    return at_least(k) * below * -std::expm1(-gaps_[i]);
  }
  double mean() const {
    double sum = 0;
    for (double p : at_least_) sum += p;
    return sum;
  }

  /// A draw of K; draws with different random streams are independent.
  index_t sample(random_stream& random) const {
    const double u = random.uniform(0, 1);
    index_t k = 0;
    while (k < maximum() && u < at_least(k + 1)) ++k;
    return k;
  }

  /// d P(K >= i) / d s = -d P(K >= i) / d t_i.
  double slope(index_t i) const {
    const double p = at_least(i);
    return i <= 0 || !is_finite(arguments_[static_cast<std::size_t>(i - 1)])
               ? 0.0
               : p * sigmoid(-arguments_[static_cast<std::size_t>(i - 1)]) / tau_;
  }

  /// Adds the gradient of  sum_i P(K >= i) gain_i  (gain_i for i = 1 .. maximum()) to d_t, and
  /// returns its derivative by s.
  double pullback(std::span<const double> gain, std::span<double> d_t) const {
    double d_s = 0;
    for (index_t i = 1; i <= maximum(); ++i) {
      const double rise = slope(i);
      if (rise == 0) continue;  // the gain of a step that is never taken may be infinite
      const double d = rise * gain[static_cast<std::size_t>(i - 1)];
      d_t[static_cast<std::size_t>(i - 1)] -= d;
      d_s += d;
    }
    return d_s;
  }

  /// Adds `weight` d log P(K = k) / d t to d_t, and returns weight d log P(K = k) / d s.
  ///
  /// *Formula*: with a, b as above: d log p / d a = sigmoid(-a) + r, d log p / d b = -sigmoid(b) -
  /// r, r = 1 / (e^(a - b) - 1); no division by a small probability.
  double log_pullback(index_t k, double weight, std::span<double> d_t) const {
    if (maximum() == 0 || !is_finite(arguments_[0])) return 0;
    const auto i = static_cast<std::size_t>(k);
    const double r = k > 0 && k < maximum() ? 1.0 / std::expm1(gaps_[i]) : 0.0;
    double d_s = 0;
    if (k > 0) {
      const double d = weight * (sigmoid(-arguments_[i - 1]) + r) / tau_;
      d_t[i - 1] -= d;
      d_s += d;
    }
    if (k < maximum()) {
      const double d = -weight * (sigmoid(arguments_[i]) + r) / tau_;
      d_t[i] -= d;
      d_s += d;
    }
    return d_s;
  }

 private:
  double tau_;
  std::vector<double> at_least_;   // P(K >= i), i from 1
  std::vector<double> arguments_;  // (s - t_i) / tau
  std::vector<double> gaps_;       // (t_i - t_{i-1}) / tau, of i = 1 not used
};

/// Gradients of a threshold controller's own numbers.
struct threshold_gradient {
  double first = 0;
  std::vector<double> raw_gaps;
};

/// Adds what d_t = dL / d t_i means for `first` and `raw_gaps`: t_i = first + sum_{j < i} (gap_min
/// + softplus(r_j)).
inline void threshold_pullback(const threshold& c, std::span<const double> d_t,
                               threshold_gradient& g) {
  const auto gaps = static_cast<std::size_t>(c.raw_gaps.size());
  g.raw_gaps.resize(gaps, 0.0);
  double later = 0;  // sum of d_t from here on
  for (std::size_t i = d_t.size(); i-- > 0;) {
    later += d_t[i];
    if (i > 0) g.raw_gaps[i - 1] += later * sigmoid(c.raw_gaps(static_cast<index_t>(i) - 1));
  }
  g.first += later;
}

}  // namespace attd::controllers
