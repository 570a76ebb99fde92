// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Hypothesis tests against published examples, SciPy, and enumeration of every case.
#include <doctest/doctest.h>

#include <algorithm>
#include <attd/core/random.hpp>
#include <attd/metrics/hypothesis_tests.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

// Numbers "of SciPy": SciPy 1.17.1, ttest_rel, ttest_1samp(x, 0).confidence_interval, wilcoxon and
// mannwhitneyu, with method="exact" or "asymptotic" ("approx" with correction=True for wilcoxon).

namespace metrics = attd::metrics;
using attd::index_t;
using metrics::alternative;
using std::vector;

namespace {

const double far_away = std::numeric_limits<double>::infinity();
const double not_known = std::numeric_limits<double>::quiet_NaN();

/// Hours of sleep gained with two drugs by ten patients: the data of [Student1908].
const vector<double> sleep_first{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
const vector<double> sleep_second{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

/// Darwin's differences in height of crossed and self-fertilised plants, in eighths of an inch.
const vector<double> darwin{6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75};

doctest::Approx near(double value) { return doctest::Approx(value).epsilon(1e-12); }

vector<double> zeros_like(const vector<double>& values) {
  return vector<double>(values.size(), 0.0);
}

template <class Call>
std::string refusal_of(Call call) {
  try {
    call();
  } catch (const attd::error& caught) {
    return caught.what();
  }
  return "";
}

/// Tails of U by going through every way to call |a| of the values a's.
metrics::detail::tails enumerated_u(const vector<double>& a, const vector<double>& b) {
  vector<double> all = a;
  all.insert(all.end(), b.begin(), b.end());
  const auto u_of = [&](const vector<int>& in_a) {
    double u = 0;
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t j = 0; j < all.size(); ++j)
        if (in_a[i] == 1 && in_a[j] == 0) u += all[i] > all[j] ? 1 : all[i] == all[j] ? 0.5 : 0;
    return u;
  };
  vector<int> in_a(all.size(), 0);
  std::fill(in_a.begin(), in_a.begin() + static_cast<index_t>(a.size()), 1);
  const double seen = u_of(in_a);
  std::sort(in_a.begin(), in_a.end());
  double lower = 0, upper = 0, total = 0;
  do {
    const double u = u_of(in_a);
    lower += u <= seen;
    upper += u >= seen;
    ++total;
  } while (std::next_permutation(in_a.begin(), in_a.end()));
  return {lower / total, upper / total};
}

}  // namespace

TEST_CASE("paired t: Student's own data give Student's result") {
  // Published in many places: t = -4.0621, 9 degrees of freedom, p = 0.002833. Digits of SciPy.
  const auto both = metrics::paired_t_test(sleep_first, sleep_second);
  CHECK(both.statistic == near(-4.062127683382037));
  CHECK(both.p == near(0.002832890197384273));
  CHECK(both.count == 10);
  CHECK(metrics::paired_t_test(sleep_first, sleep_second, alternative::less).p ==
        near(0.0014164450986921364));
  CHECK(metrics::paired_t_test(sleep_first, sleep_second, alternative::greater).p ==
        near(1 - 0.0014164450986921364));
}

TEST_CASE("paired t: three seeds") {  // of SciPy
  const auto result = metrics::paired_t_test(vector<double>{0.412, 0.398, 0.431},
                                             vector<double>{0.447, 0.440, 0.452});
  CHECK(result.statistic == near(-5.29150262212919));
  CHECK(result.p == doctest::Approx(0.03390821692070398).epsilon(1e-10));
}

TEST_CASE("paired t: differences without spread are the limits of the formula") {
  const vector<double> two{1, 2}, more{2, 3};
  CHECK(metrics::paired_t_test(two, two).statistic == 0);
  CHECK(metrics::paired_t_test(two, two).p == 1);
  CHECK(metrics::paired_t_test(two, more).statistic == -far_away);
  CHECK(metrics::paired_t_test(two, more).p == 0);
  CHECK(metrics::paired_t_test(two, more, alternative::greater).p == 1);
  CHECK(metrics::paired_t_test(more, two, alternative::greater).p == 0);
}

TEST_CASE("paired t: what cannot be known is NaN") {
  const vector<double> one{1}, two{1, 2};
  CHECK(std::isnan(metrics::paired_t_test(one, vector<double>{3}).p));
  CHECK(std::isnan(metrics::paired_t_test(two, vector<double>{1, far_away}).p));
  CHECK(std::isnan(metrics::paired_t_test(two, vector<double>{1, not_known}).statistic));
}

TEST_CASE("t interval: equals SciPy's and is wide for three values") {
  const auto range = metrics::t_interval(sleep_first);
  CHECK(range.low == near(-0.5297804135262321));
  CHECK(range.high == near(2.029780413526232));
  // t_{2, p} = (2 p - 1) / sqrt(2 p (1 - p)), 4.3027 in the tables; mean 2, deviation 1.
  const double t = 0.95 / std::sqrt(2 * 0.975 * 0.025);
  const auto three = metrics::t_interval(vector<double>{1, 2, 3});
  CHECK(three.high - 2 == near(t / std::sqrt(3.0)));
  CHECK(2 - three.low == near(t / std::sqrt(3.0)));
  CHECK(std::isnan(metrics::t_interval(vector<double>{1}).low));
  CHECK(std::isnan(metrics::t_interval(vector<double>{1, far_away}).high));
}

TEST_CASE("t interval: holds what it says for five values, where the bootstrap does not") {
  index_t student = 0, bootstrap = 0;
  for (std::uint64_t trial = 0; trial < 1000; ++trial) {
    attd::random_stream random{4, trial};
    vector<double> values;
    for (int i = 0; i < 5; ++i) values.push_back(random.normal());
    const auto covers = [](const metrics::interval& range) {
      return range.low <= 0 && 0 <= range.high;
    };
    student += covers(metrics::t_interval(values));
    bootstrap += covers(metrics::bootstrap_mean(values, 0.95, 400, trial));
  }
  // Expected 950 with a standard deviation of 6.9, four of them either way; the bootstrap about
  // 820.
  CHECK(student >= 922);
  CHECK(student <= 978);
  CHECK(bootstrap >= 780);
  CHECK(bootstrap <= 880);
}

TEST_CASE("signed ranks: Darwin's plants, W+ = 96") {
  const vector<double> zero = zeros_like(darwin);  // of SciPy; also in tables: p = 0.041
  const auto both = metrics::wilcoxon_signed_rank(darwin, zero);
  CHECK(both.statistic == 96);
  CHECK(both.exact);
  CHECK(both.count == 15);
  CHECK(both.p == near(0.041259765625));
  CHECK(metrics::wilcoxon_signed_rank(darwin, zero, alternative::less).p ==
        near(0.982330322265625));
  CHECK(metrics::wilcoxon_signed_rank(darwin, zero, alternative::greater).p ==
        near(0.0206298828125));
}

TEST_CASE("signed ranks: the depression data of Hollander and Wolfe, V = 40, p = 0.01953") {
  const vector<double> before{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
  const vector<double> after{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
  const auto result = metrics::wilcoxon_signed_rank(before, after, alternative::greater);
  CHECK(result.statistic == 40);
  CHECK(result.p == near(0.01953125));
}

TEST_CASE("signed ranks: ties and zeros are exact too") {
  // By going through all 2^9 signs in Python: P(W <= 38.5) = 502 / 512, P(W >= 38.5) = 18 / 512.
  const vector<double> tied{1, 1, -1, 2, 3, 3, 0, -2, 5, 5};
  const vector<double> zero = zeros_like(tied);
  const auto result = metrics::wilcoxon_signed_rank(tied, zero);
  CHECK(result.count == 9);
  CHECK(result.statistic == 38.5);
  CHECK(result.p == near(0.0703125));
  CHECK(metrics::wilcoxon_signed_rank(tied, zero, alternative::less).p == near(0.98046875));
}

TEST_CASE("signed ranks: fifty pairs are exact, more are approximated with ties") {
  vector<double> fifty;
  for (int i = 1; i <= 50; ++i) fifty.push_back(i % 3 == 1 ? -i : i);
  const auto exact = metrics::wilcoxon_signed_rank(fifty, zeros_like(fifty));
  CHECK(exact.exact);
  CHECK(exact.statistic == 850);
  CHECK(exact.p == near(0.03996834652842374));  // of SciPy

  vector<double> many;
  for (int i = 0; i < 60; ++i) many.push_back((i * 37 + 11) % 23 - 9);
  const vector<double> zero = zeros_like(many);
  const auto result = metrics::wilcoxon_signed_rank(many, zero);  // of SciPy
  CHECK_FALSE(result.exact);
  CHECK(result.count == 57);
  CHECK(result.statistic == 1120);
  CHECK(result.p == near(0.019807777379932286));
  CHECK(metrics::wilcoxon_signed_rank(many, zero, alternative::less).p == near(0.990304335615729));
  CHECK(metrics::wilcoxon_signed_rank(many, zero, alternative::greater).p ==
        near(0.009903888689966143));
}

TEST_CASE("signed ranks: the least p of n pairs, infinities, NaN, and nothing that differs") {
  const vector<double> three{1, 2, 3}, none{0, 0, 0};
  CHECK(metrics::wilcoxon_signed_rank(three, none).p == 0.25);
  CHECK(metrics::wilcoxon_signed_rank(vector<double>{1, 2, far_away}, none).p == 0.25);
  CHECK(metrics::wilcoxon_signed_rank(vector<double>{-far_away, 2, 3}, none).statistic == 3);
  CHECK(std::isnan(metrics::wilcoxon_signed_rank(vector<double>{1, 2, not_known}, none).p));
  CHECK(metrics::wilcoxon_signed_rank(none, none).p == 1);
  CHECK(metrics::wilcoxon_signed_rank(none, none).count == 0);
}

TEST_CASE("Mann-Whitney: the example of SciPy's manual") {
  const vector<double> males{19, 22, 16, 29, 24}, females{20, 11, 17, 12};
  const auto both = metrics::mann_whitney_u(males, females);
  CHECK(both.statistic == 17);
  CHECK(both.exact);
  CHECK(both.count == 9);
  CHECK(both.p == near(0.1111111111111111));
  CHECK(metrics::mann_whitney_u(males, females, alternative::less).p == near(0.9682539682539683));
  CHECK(metrics::mann_whitney_u(males, females, alternative::greater).p ==
        near(0.05555555555555555));
}

TEST_CASE("Mann-Whitney: the permeability data of Hollander and Wolfe, W = 35, p = 0.1272") {
  const vector<double> term{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
  const vector<double> early{1.15, 0.88, 0.90, 0.74, 1.21};
  const auto result = metrics::mann_whitney_u(term, early, alternative::greater);
  CHECK(result.statistic == 35);
  CHECK(result.p == near(0.1272061272061272));
  CHECK(metrics::mann_whitney_u(term, early).p == near(0.2544122544122544));
}

TEST_CASE("Mann-Whitney: exact tails equal those of going through every choice, ties included") {
  const vector<vector<double>> firsts{{1, 2, 2, 3, 5}, {1, 1, 1}, {4, 4, 7, 9}, {2, 8}};
  const vector<vector<double>> seconds{{2, 4, 4, 5, 6, 7}, {1, 1, 2, 2}, {4, 5, 5, 7, 7}, {8}};
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    CAPTURE(i);
    const auto expected = enumerated_u(firsts[i], seconds[i]);
    CHECK(metrics::mann_whitney_u(firsts[i], seconds[i], alternative::less).p ==
          near(expected.lower));
    CHECK(metrics::mann_whitney_u(firsts[i], seconds[i], alternative::greater).p ==
          near(expected.upper));
  }
  // The first of them also in Python: U = 5.5, tails 0.04978..., 0.96753...
  CHECK(metrics::mann_whitney_u(firsts[0], seconds[0]).statistic == 5.5);
  CHECK(metrics::mann_whitney_u(firsts[0], seconds[0]).p == near(0.09956709956709957));
}

TEST_CASE("Mann-Whitney: fifty values are exact, more are approximated with ties") {
  vector<double> first, second;
  for (int i = 0; i < 24; ++i) first.push_back(i);
  for (int i = 0; i < 26; ++i) second.push_back(i * 0.9 + 2.05);
  const auto exact = metrics::mann_whitney_u(first, second);  // of SciPy
  CHECK(exact.exact);
  CHECK(exact.statistic == 267);
  CHECK(exact.p == near(0.3908039072418718));

  first.clear();
  second.clear();
  for (int i = 0; i < 40; ++i) first.push_back((i * 29 + 3) % 17);
  for (int i = 0; i < 35; ++i) second.push_back((i * 31 + 5) % 19 + 1);
  const auto result = metrics::mann_whitney_u(first, second);  // of SciPy
  CHECK_FALSE(result.exact);
  CHECK(result.statistic == 533);
  CHECK(result.p == near(0.07660747155849049));
  CHECK(metrics::mann_whitney_u(first, second, alternative::less).p == near(0.03830373577924524));
  CHECK(metrics::mann_whitney_u(first, second, alternative::greater).p == near(0.9625726619250109));
  const vector<double> same(60, 1.0);
  CHECK(metrics::mann_whitney_u(same, same).p == 1);
}

TEST_CASE("Mann-Whitney: exchanging the samples keeps p and mirrors U; a diverged run ranks last") {
  const vector<double> good{1, 2, 3}, bad{4, far_away, far_away};
  CHECK(metrics::mann_whitney_u(good, bad).statistic == 0);
  CHECK(metrics::mann_whitney_u(bad, good).statistic == 9);
  CHECK(metrics::mann_whitney_u(good, bad).p == near(0.1));  // 2 / 20
  CHECK(metrics::mann_whitney_u(bad, good).p == near(0.1));
  CHECK(std::isnan(metrics::mann_whitney_u(good, vector<double>{1, not_known}).p));
}

TEST_CASE("Bonferroni: p times the number of tests, at most one") {
  CHECK(metrics::bonferroni(0.02, 3) == near(0.06));
  CHECK(metrics::bonferroni(0.4, 3) == 1);
  CHECK(metrics::bonferroni(0.4, 1) == 0.4);
  CHECK(std::isnan(metrics::bonferroni(not_known, 3)));
  CHECK(refusal_of([] { metrics::bonferroni(0.4, 0); }).find("comparisons is 0") !=
        std::string::npos);
}

TEST_CASE("hypothesis tests: bad arguments are refused with both values and a hint") {
  const vector<double> none, two{1, 2}, three{1, 2, 3};
  CHECK(refusal_of([&] { metrics::paired_t_test(two, three); }).find("2 and 3; hint") !=
        std::string::npos);
  CHECK(refusal_of([&] { metrics::paired_t_test(none, none); }).find("got 0 values") !=
        std::string::npos);
  CHECK(refusal_of([&] { metrics::wilcoxon_signed_rank(three, two); }).find("3 and 2; hint") !=
        std::string::npos);
  CHECK(refusal_of([&] { metrics::wilcoxon_signed_rank(none, none); }) != "");
  CHECK(refusal_of([&] { metrics::mann_whitney_u(none, two); }) != "");
  CHECK(refusal_of([&] { metrics::mann_whitney_u(two, none); }) != "");
  CHECK(refusal_of([&] { metrics::t_interval(two, 95); }).find("level is 95") != std::string::npos);
}
