// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Sampled numbers of steps: REINFORCE has the exact gradient as its mean; straight-through as said.
#include <doctest/doctest.h>

#include <algorithm>
#include <attd/tasks/scoring.hpp>
#include <meta/cases.hpp>
#include <string>

using namespace attd_test;
using training::depth_rule;

namespace reinforce_test {

constexpr index_t steps = 2;

training::meta_trainer_options options(depth_rule depth, index_t draws = 2) {
  auto o = meta_options(depth, steps);
  o.trainer.schedule.steps = 1000000;
  o.outer.tau = 1.0;
  o.final_tau = 1.0;  // the same at every step
  o.outer.price = 0.3;
  o.outer.smoothness = 0.2;
  o.outer.draws = draws;
  return o;
}

struct set_up : small_meta {
  explicit set_up(const training::meta_trainer_options& o)
      : small_meta(one_layer(), attd::adapters::timescale<>{}, squared_loss{},
                   descent{.rate = 1.0, .clip = 0}, squared_rows{}, rough_theta(), o,
                   accept_all()) {
    spread(*this, waves(8, 12, 2));
  }
};

std::vector<double> flat(const small_meta::parameters& g) {
  std::vector<double> all;
  attd::for_each_leaf(
      [&](const auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) all.push_back(double(leaf.data()[i]));
      },
      g);
  return all;
}

/// Means and standard errors of samples of many numbers at once.
struct moments {
  std::vector<double> sum, square_sum;
  double count = 0;
  void add(const std::vector<double>& x) {
    sum.resize(x.size(), 0.0);
    square_sum.resize(x.size(), 0.0);
    count += 1;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum[i] += x[i];
      square_sum[i] += x[i] * x[i];
    }
  }
  double mean(std::size_t i) const { return sum[i] / count; }
  double error(std::size_t i) const {
    const double variance = (square_sum[i] - sum[i] * mean(i)) / (count - 1);
    return std::sqrt(std::max(variance, 0.0) / count);
  }
};

/// Whether every mean is the wanted number: |z| <= 3, after Bonferroni's correction.
bool unbiased(const moments& m, const std::vector<double>& wanted,
              const std::vector<std::size_t>& coordinates) {
  const double level = std::erfc(3 / std::sqrt(2.0)) / double(coordinates.size());
  for (std::size_t i : coordinates) {
    const double z = (m.mean(i) - wanted[i]) / m.error(i);
    if (!(std::erfc(std::fabs(z) / std::sqrt(2.0)) >= level)) return false;
  }
  return true;
}

/// The internal loss's signal of one example under a trainer's current numbers.
double signal_of(const small_meta& m, const example<double>& e) {
  const auto model = m.deployed();
  auto workspace = model.make_workspace();
  return model.dry_run(attd::tasks::observe(e), model.start(), workspace).signal;
}

/// T_k of one example: the outer loss when k steps are taken.
std::vector<double> totals(const example<double>& e) {
  std::vector<double> all;
  for (index_t k = 0; k <= steps; ++k) {
    auto o = options(depth_rule::fixed);
    o.outer.steps = k;
    set_up m(o);
    all.push_back(m.measure({&e, 1}).loss);
  }
  return all;
}

}  // namespace reinforce_test

using namespace reinforce_test;

TEST_CASE("REINFORCE is unbiased, and a flipped sign or a biased baseline would be seen") {
  const std::vector<example<double>> one = waves(1, 10);
  set_up exact(options(depth_rule::expected));
  exact.gradient(one);
  const std::vector<double> wanted = flat(exact.total());

  constexpr index_t samples = 3000;
  const attd::controllers::step_distribution p(training::learned_thresholds(exact.current()),
                                               signal_of(exact, one[0]), 1.0);
  for (index_t k = 0; k <= steps; ++k) REQUIRE(2.0 * samples * p.probability(k) >= 100);

  // With s detached, theta and psi_0 get the pathwise part alone (thresholds are all score): what
  // is left is the score's part, and the mistaken estimators follow from the two.
  auto detached_options = options(depth_rule::reinforce);
  detached_options.outer.detach_signal = true;
  set_up sampled(options(depth_rule::reinforce));
  set_up detached(detached_options);
  moments right, flipped, own_baseline;
  const std::size_t size = wanted.size();
  const std::size_t last_threshold = size - 3;  // before the statistics: first, raw_gaps
  for (index_t i = 0; i < samples; ++i) {
    sampled.set_step_count(i);  // what is drawn depends on it, nothing else does
    detached.set_step_count(i);
    sampled.gradient(one);
    detached.gradient(one);
    const std::vector<double> all = flat(sampled.total());
    std::vector<double> path = flat(detached.total()), wrong_sign = all, half = all;
    for (std::size_t j = last_threshold - steps; j < size; ++j) path[j] = 0;
    for (std::size_t j = 0; j < size; ++j) {
      wrong_sign[j] = 2 * path[j] - all[j];
      half[j] = path[j] + 0.5 * (all[j] - path[j]);  // baseline: the mean of both draws
    }
    right.add(all);
    flipped.add(wrong_sign);
    own_baseline.add(half);
  }
  // Thresholds, psi_0, and every third number of theta; those that vary at all.
  std::vector<std::size_t> chosen;
  for (std::size_t j = 0; j < size; ++j) {
    const bool base = j < flat({exact.total().theta, {}, {}, {}, {}, {}}).size();
    if (right.error(j) > 1e-12 && (!base || j % 3 == 0)) chosen.push_back(j);
  }
  CHECK(chosen.size() > 20);
  CHECK(unbiased(right, wanted, chosen));
  CHECK_FALSE(unbiased(flipped, wanted, chosen));
  CHECK_FALSE(unbiased(own_baseline, wanted, chosen));
}

TEST_CASE("REINFORCE: a sample is the mean of (T - mean of the others) times the score") {
  const std::vector<example<double>> one = waves(1, 10);
  constexpr index_t draws = 3;
  set_up m(options(depth_rule::reinforce, draws));
  const std::vector<double> t = totals(one[0]);
  const auto thresholds = training::learned_thresholds(m.current());
  const attd::controllers::step_distribution p(thresholds, signal_of(m, one[0]), 1.0);
  int different = 0;
  for (index_t step = 0; step < 10; ++step) {
    m.set_step_count(step);
    const auto r = m.gradient(one);
    // Which draws give these thresholds' gradient is found among all: 27 of them.
    double best = 1e9, best_loss = 0;
    for (index_t code = 0; code < 27; ++code) {
      const index_t k[draws] = {code % 3, code / 3 % 3, code / 9};
      const double sum = t[std::size_t(k[0])] + t[std::size_t(k[1])] + t[std::size_t(k[2])];
      std::vector<double> d_t(steps, 0.0);
      for (index_t j : k) {
        const double own = t[std::size_t(j)];
        p.log_pullback(j, (own - (sum - own) / 2) / 3, d_t);
      }
      attd::controllers::threshold_gradient g;
      attd::controllers::threshold_pullback(thresholds, d_t, g);
      const double distance = std::fabs(g.first - m.total().first(0)) +
                              std::fabs(g.raw_gaps[0] - m.total().raw_gaps(0));
      if (distance + 1e-13 < best || (distance < 1e-12 && std::fabs(sum / 3 - r.loss) < 1e-12)) {
        best = distance;
        best_loss = sum / 3;
      }
    }
    CHECK(best < 1e-12);
    CHECK(r.loss == doctest::Approx(best_loss).epsilon(1e-12));
    different += std::fabs(m.total().first(0)) > 1e-9 ? 1 : 0;
  }
  CHECK(different >= 3);  // equal draws say nothing
}

TEST_CASE("REINFORCE: draws depend on seed, step and place in the batch, not on threads") {
  const auto data = waves(6, 10);
  auto o = options(depth_rule::reinforce);
  const auto gradient = [&](std::uint64_t seed, index_t step, index_t threads) {
    o.trainer.seed = seed;
    o.trainer.threads = threads;
    set_up m(o);
    m.set_step_count(step);
    m.gradient(data);
    return m.total();
  };
  const auto first = gradient(1, 0, 1);
  CHECK(equal_bits(first, gradient(1, 0, 3)));
  CHECK_FALSE(equal_bits(first, gradient(1, 1, 1)));
  CHECK_FALSE(equal_bits(first, gradient(2, 0, 1)));
}

TEST_CASE("straight-through: hard steps forward, the slope of the soft rule backward") {
  const std::vector<example<double>> one = waves(1, 10);
  auto o = options(depth_rule::straight_through);
  o.outer.detach_signal = true;
  set_up m(o);
  const double s = signal_of(m, one[0]);
  for (double first : {s + 0.4, s - 0.2, s - 2.0}) {  // K = 0, 1, 2
    m.current().first(0) = first;
    m.current().raw_gaps(0) = 0.2;
    const auto c = training::learned_thresholds(m.current());
    const index_t k = c.plan(s);
    CAPTURE(k);
    CHECK(m.gradient(one).loss == doctest::Approx(m.measure(one).loss).epsilon(1e-13));
    CHECK(m.gradient(one).mean_steps == double(k));

    // psi_0 .. psi_2 from the engine itself.
    const auto model = m.deployed(attd::controllers::fixed{steps});
    auto workspace = model.make_workspace(), other = model.make_workspace();
    auto session = model.start();
    attd::adaptation::report report;
    std::vector<decltype(session.psi)> psi;
    model.adapt(std::span<const attd::observation<double>>(
                    std::vector{attd::tasks::observe(one[0])}.data(), 1),
                session, workspace, report, {},
                [&](index_t, const auto& at) { psi.push_back(at.psi); });
    REQUIRE(psi.size() == 3);
    // Task loss at psi_K + e (psi_i - psi_{i-1}), differentiated by e.
    const auto task = [&](std::size_t i, double e) {
      auto moved = psi[std::size_t(k)];
      attd::for_each_leaf(
          [&](auto& x, const auto& a, const auto& b) {
            for (index_t j = 0; j < x.size(); ++j) x.data()[j] += e * (b.data()[j] - a.data()[j]);
          },
          moved, psi[i - 1], psi[i]);
      return attd::tasks::scored_error(model, one[0], moved, other);
    };
    std::vector<double> d_t;
    for (std::size_t i = 1; i <= 2; ++i) {
      double moved = 0;
      attd::for_each_leaf(
          [&](const auto& a, const auto& b) {
            for (index_t j = 0; j < a.size(); ++j) {
              moved += std::pow(b.data()[j] - a.data()[j], 2);
            }
          },
          psi[i - 1], psi[i]);
      const double gain =
          (task(i, 1e-5) - task(i, -1e-5)) / 2e-5 + o.outer.price + o.outer.smoothness * moved;
      const double soft = 1 / (1 + std::exp(-(s - c.level(index_t(i))) / o.outer.tau));
      d_t.push_back(-soft * (1 - soft) / o.outer.tau * gain);
    }
    attd::controllers::threshold_gradient g;
    attd::controllers::threshold_pullback(c, d_t, g);
    CHECK(std::fabs(g.first - m.total().first(0)) < 1e-8);
    CHECK(std::fabs(g.raw_gaps[0] - m.total().raw_gaps(0)) < 1e-8);

    // With s detached, the rest is the gradient at this fixed number of steps.
    auto fixed_options = options(depth_rule::fixed);
    fixed_options.outer.steps = k;
    set_up fixed(fixed_options);
    fixed.gradient(one);
    CHECK(equal_bits(fixed.total().theta, m.total().theta));
    CHECK(equal_bits(fixed.total().psi0, m.total().psi0));
  }
}
