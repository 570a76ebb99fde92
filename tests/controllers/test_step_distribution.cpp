// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The distribution over the number of steps: its laws, its tails, its derivatives.
#include <doctest/doctest.h>

#include <algorithm>
#include <attd/controllers/step_distribution.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace step_distribution_test {

using attd::index_t;
using attd::controllers::step_distribution;
using attd::controllers::threshold;

constexpr double infinite_signal = std::numeric_limits<double>::infinity();
constexpr double nan_signal = std::numeric_limits<double>::quiet_NaN();

/// Thresholds of different gaps, from `first`.
threshold uneven(double first, index_t maximum) {
  std::vector<double> t{first};
  for (index_t i = 1; i < maximum; ++i) t.push_back(t.back() + 0.2 + 0.3 * double(i % 3));
  return threshold::from_thresholds(t);
}

double sum_of(const step_distribution& p) {
  double sum = 0;
  for (index_t k = 0; k <= p.maximum(); ++k) sum += p.probability(k);
  return sum;
}

double central(const std::function<double(double)>& f, double x) {
  const double h = 1e-5;  // error h^2, Richardson's step removes it
  const double coarse = (f(x + h) - f(x - h)) / (2 * h);
  const double fine = (f(x + h / 2) - f(x - h / 2)) / h;
  return (4 * fine - coarse) / 3;
}

/// Differences of f(s, thresholds) by s and by every t_i, the others held.
struct derivatives {
  double by_s = 0;
  std::vector<double> by_t;
};
template <class F>
derivatives differences(F f, double s, const threshold& c) {
  derivatives d;
  d.by_s = central([&](double x) { return f(x, c); }, s);
  std::vector<double> t;
  for (index_t i = 1; i <= c.maximum(); ++i) t.push_back(c.level(i));
  for (std::size_t i = 0; i < t.size(); ++i) {
    d.by_t.push_back(central(
        [&](double x) {
          auto moved = t;
          moved[i] = x;
          return f(s, threshold::from_thresholds(moved));
        },
        t[i]));
  }
  return d;
}

}  // namespace step_distribution_test

using namespace step_distribution_test;

TEST_CASE("step distribution: one threshold at s is a fair coin, two are counted by hand") {
  const step_distribution coin(uneven(0.7, 1), 0.7, 0.3);
  CHECK(coin.maximum() == 1);
  CHECK(coin.probability(0) == doctest::Approx(0.5).epsilon(1e-15));
  CHECK(coin.probability(1) == doctest::Approx(0.5).epsilon(1e-15));
  CHECK(coin.mean() == doctest::Approx(0.5).epsilon(1e-15));
  // t = 0, 1; s = 0.5, tau = 0.5: P(K >= 1) = sigmoid(1), P(K >= 2) = sigmoid(-1).
  const step_distribution p(threshold::evenly_spaced(0.0, 1.0, 2), 0.5, 0.5);
  const double up = 1 / (1 + std::exp(-1.0));
  CHECK(p.at_least(0) == 1.0);
  CHECK(p.at_least(1) == doctest::Approx(up).epsilon(1e-14));
  CHECK(p.at_least(2) == doctest::Approx(1 - up).epsilon(1e-14));
  CHECK(p.probability(0) == doctest::Approx(1 - up).epsilon(1e-14));
  CHECK(p.probability(1) == doctest::Approx(2 * up - 1).epsilon(1e-14));
  CHECK(p.probability(2) == doctest::Approx(1 - up).epsilon(1e-14));
  CHECK(p.mean() == doctest::Approx(1.0).epsilon(1e-14));
}

TEST_CASE("step distribution: P(K >= i) falls in i and rises in s, E[K] rises, the sum is 1") {
  for (index_t maximum : {1, 2, 5, 16}) {
    const threshold c = uneven(-1.0, maximum);
    for (double tau : {0.1, 0.5, 2.0}) {
      std::vector<double> before(static_cast<std::size_t>(maximum) + 1, 0.0);
      double mean = 0;
      for (int at = 0; at <= 40; ++at) {
        const step_distribution p(c, -4.0 + 0.25 * at, tau);
        for (index_t i = 1; i <= maximum; ++i) {
          // Above 1 - 1e-15 the numbers next to each other are the same.
          const bool resolved = p.at_least(i - 1) < 1 - 1e-15 || p.at_least(i) < 1 - 1e-15;
          CHECK((p.at_least(i) < p.at_least(i - 1) ||
                 (!resolved && p.at_least(i) == p.at_least(i - 1))));
          double& last = before[static_cast<std::size_t>(i)];
          CHECK((p.at_least(i) > last || (!resolved && p.at_least(i) == last)));
          last = p.at_least(i);
        }
        CHECK((p.mean() > mean || p.mean() > double(maximum) * (1 - 1e-15)));
        mean = p.mean();
        CHECK(std::fabs(sum_of(p) - 1) <= 1e-15 * double(maximum));
        double first_moment = 0;
        for (index_t k = 0; k <= maximum; ++k) first_moment += double(k) * p.probability(k);
        CHECK(p.mean() == doctest::Approx(first_moment).epsilon(1e-13));
      }
    }
  }
}

TEST_CASE("step distribution: probabilities are exact and positive for gaps of 1e-8 to 50 tau") {
  for (double ratio : {1e-8, 1e-6, 1e-4, 1e-2, 0.5, 1.0, 5.0, 20.0, 50.0}) {
    for (double tau : {0.1, 1.0}) {
      for (double start : {-3.0, -0.5, 0.0, 0.4}) {
        threshold c = threshold::evenly_spaced(start, 1.0, 3);
        c.minimum_gap = 0;
        const double y = ratio * tau;  // softplus(r) = y
        for (index_t i = 0; i < 2; ++i) {
          c.raw_gaps(i) = y > 30 ? y : y + std::log(-std::expm1(-y));
        }
        const step_distribution p(c, 0.0, tau);
        CAPTURE(ratio);
        CAPTURE(tau);
        CAPTURE(start);
        CHECK(std::fabs(sum_of(p) - 1) <= 1e-15);
        for (index_t k = 0; k <= 3; ++k) CHECK(p.probability(k) > 0);
        // The difference of sigmoids as a hyperbolic quotient, in long double:
        // sigmoid(a) - sigmoid(b) = sinh((a - b) / 2) / (2 cosh(a / 2) cosh(b / 2)).
        for (index_t k = 1; k <= 2; ++k) {
          const long double a = -(long double)(c.level(k)) / tau;
          const long double half = (long double)(y) / tau / 2;
          const long double b = a - 2 * half;
          const long double wanted = std::sinh(half) / (2 * std::cosh(a / 2) * std::cosh(b / 2));
          CHECK(std::fabs(p.probability(k) / double(wanted) - 1) < 1e-12);
        }
      }
    }
  }
}

TEST_CASE("step distribution: the hard rule is the limit of tau to 0") {
  const threshold c = uneven(-1.0, 4);
  for (double s : {-2.0, -0.9, -0.3, 0.4, 1.3, 5.0}) {
    const index_t hard = c.plan(s);
    double before = 0;
    for (double tau : {1.0, 0.1, 0.01, 1e-3}) {
      const step_distribution p(c, s, tau);
      CHECK(p.probability(hard) >= before);
      before = p.probability(hard);
    }
    CHECK(before == doctest::Approx(1).epsilon(1e-12));
    CHECK(step_distribution(c, s, 1e-6).mean() == doctest::Approx(double(hard)).epsilon(1e-15));
    for (std::uint64_t i = 0; i < 20; ++i) {
      attd::random_stream random{7, i};
      CHECK(step_distribution(c, s, 1e-6).sample(random) == hard);
    }
  }
}

TEST_CASE("step distribution: without a finite signal there is no step, and no gradient") {
  const threshold c = uneven(-1.0, 3);
  for (double s : {nan_signal, infinite_signal, -infinite_signal}) {
    const step_distribution p(c, s, 0.5);
    CHECK(p.probability(0) == 1.0);
    for (index_t k = 1; k <= 3; ++k) CHECK(p.probability(k) == 0.0);
    CHECK(p.mean() == 0.0);
    attd::random_stream random{3, 4};
    CHECK(p.sample(random) == 0);
    const std::vector<double> gain{1.0, 2.0, 3.0};
    std::vector<double> d_t(3, 0.0);
    CHECK(p.pullback(gain, d_t) == 0.0);
    CHECK(p.log_pullback(0, 5.0, d_t) == 0.0);
    CHECK(d_t == std::vector<double>(3, 0.0));
  }
}

TEST_CASE("step distribution: a step that cannot be taken gives no NaN where a gain is infinite") {
  const step_distribution p(uneven(0.0, 2), -800.0, 0.5);  // sigmoid underflows to 0
  std::vector<double> d_t(2, 0.0);
  const std::vector<double> gain{infinite_signal, -infinite_signal};
  CHECK(p.pullback(gain, d_t) == 0.0);
  CHECK(d_t == std::vector<double>(2, 0.0));
}

TEST_CASE("step distribution: tau that is not positive is refused") {
  for (double tau : {0.0, -1.0, nan_signal}) {
    CHECK_THROWS_AS(step_distribution(uneven(0, 2), 0.0, tau), attd::error);
  }
}

TEST_CASE("step distribution: the pullback of a sum of gains is its derivative") {
  const std::vector<double> gain{0.7, -1.3, 2.1, 0.4};
  const threshold c = uneven(-0.8, 4);
  for (double s : {-3.0, -0.6, 0.2, 1.0, 4.0}) {
    for (double tau : {0.2, 1.0}) {
      const auto value = [&](double at, const threshold& t) {
        const step_distribution p(t, at, tau);
        double sum = 0;
        for (index_t i = 1; i <= 4; ++i) sum += p.at_least(i) * gain[std::size_t(i - 1)];
        return sum;
      };
      const derivatives wanted = differences(value, s, c);
      std::vector<double> d_t(4, 0.0);
      const double d_s = step_distribution(c, s, tau).pullback(gain, d_t);
      CHECK(std::fabs(d_s - wanted.by_s) < 1e-9);
      for (std::size_t i = 0; i < 4; ++i) CHECK(std::fabs(d_t[i] - wanted.by_t[i]) < 1e-9);
      // It adds: called again, everything is there twice.
      step_distribution(c, s, tau).pullback(gain, d_t);
      for (std::size_t i = 0; i < 4; ++i) CHECK(std::fabs(d_t[i] - 2 * wanted.by_t[i]) < 2e-9);
    }
  }
}

TEST_CASE("step distribution: the pullback of log P(K = k) is its derivative for every k") {
  const threshold c = uneven(-0.8, 4);
  for (double s : {-3.0, -0.6, 0.2, 1.0, 4.0}) {
    for (double tau : {0.2, 1.0}) {
      const step_distribution p(c, s, tau);
      std::vector<double> expectation(4, 0.0);
      double expectation_s = 0;
      for (index_t k = 0; k <= 4; ++k) {
        const auto value = [&](double at, const threshold& t) {
          return 1.7 * std::log(step_distribution(t, at, tau).probability(k));
        };
        const derivatives wanted = differences(value, s, c);
        std::vector<double> d_t(4, 0.0);
        const double d_s = p.log_pullback(k, 1.7, d_t);
        CHECK(std::fabs(d_s - wanted.by_s) < 1e-8 * (1 + std::fabs(wanted.by_s)));
        for (std::size_t i = 0; i < 4; ++i) {
          CHECK(std::fabs(d_t[i] - wanted.by_t[i]) < 1e-8 * (1 + std::fabs(wanted.by_t[i])));
        }
        expectation_s += p.log_pullback(k, p.probability(k), expectation);
      }
      // The score has mean 0.
      CHECK(std::fabs(expectation_s) < 1e-13);
      for (double e : expectation) CHECK(std::fabs(e) < 1e-13);
    }
  }
}

TEST_CASE("step distribution: draws have the frequencies of the probabilities") {
  const threshold c = uneven(-0.5, 3);
  const step_distribution p(c, 0.1, 0.6);
  constexpr int n = 20000;
  std::vector<double> counts(4, 0.0);
  attd::random_stream random{11, 12};
  for (int i = 0; i < n; ++i) counts[std::size_t(p.sample(random))] += 1;
  double chi_square = 0;
  for (index_t k = 0; k <= 3; ++k) {
    const double expected = n * p.probability(k);
    REQUIRE(expected > 100);
    chi_square += std::pow(counts[std::size_t(k)] - expected, 2) / expected;
  }
  CHECK(chi_square < 16.27);  // 0.999 quantile for 3 degrees of freedom
}

TEST_CASE("threshold_pullback is the derivative of the levels by first and raw gaps") {
  threshold c = uneven(0.3, 4);
  c.raw_gaps(1) = 6.0;
  c.raw_gaps(2) = -5.0;
  const std::vector<double> d_t{0.9, -0.4, 1.5, 0.2};
  const auto value = [&] {
    double sum = 0;
    for (index_t i = 1; i <= 4; ++i) sum += d_t[std::size_t(i - 1)] * c.level(i);
    return sum;
  };
  attd::controllers::threshold_gradient g;
  attd::controllers::threshold_pullback(c, d_t, g);
  const auto difference = [&](double& x) {
    const double at = x;
    const double d = central(
        [&](double y) {
          x = y;
          return value();
        },
        at);
    x = at;
    return d;
  };
  CHECK(std::fabs(g.first - difference(c.first(0))) < 1e-9);
  REQUIRE(g.raw_gaps.size() == 3);
  for (index_t i = 0; i < 3; ++i) {
    CHECK(std::fabs(g.raw_gaps[std::size_t(i)] - difference(c.raw_gaps(i))) < 1e-9);
  }
}
