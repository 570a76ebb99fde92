// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Methods times seeds: the rows of the table, what pairs with what, and what is refused.
#include <doctest/doctest.h>

#include <attd/metrics/comparison.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace metrics = attd::metrics;
using attd::index_t;
using std::string;
using std::vector;

namespace {

const vector<index_t> five_seeds{3, 1, 4, 15, 9};
const vector<double> never_errors{0.447, 0.440, 0.452, 0.461, 0.444};
const vector<double> attd_errors{0.412, 0.398, 0.431, 0.420, 0.405};
const vector<double> gate_errors{0.450, 0.431, 0.449, 0.463, 0.447};

/// What a run of a method with a seed would give.
double error_of(const string& method, index_t seed) {
  std::size_t at = 0;
  while (five_seeds[at] != seed) ++at;
  return (method == "never" ? never_errors : method == "attd" ? attd_errors : gate_errors)[at];
}

vector<metrics::score> five_scores() {
  return metrics::run_methods(vector<string>{"never", "attd", "gate"}, five_seeds, error_of);
}

template <class Call>
string complaint_of(Call call) {
  try {
    call();
  } catch (const attd::error& caught) {
    return caught.what();
  }
  return "";
}

}  // namespace

TEST_CASE("comparison: the example of the page finds what is different and what is not") {
  const auto train_and_test = error_of;
  const vector<string> methods{"never", "gate", "attd"};
  const vector<index_t> seeds{1, 3, 4, 9, 15};
  const auto scores = metrics::run_methods(methods, seeds, [&](const string& method, index_t seed) {
    return train_and_test(method, seed);  // held-out error
  });
  const auto rows = metrics::compare(scores, {.baseline = "never"});
  const bool better = rows[2].corrected_t < 0.05 && rows[2].difference < 0;
  CHECK(better);
  CHECK(rows[1].corrected_t > 0.05);
}

TEST_CASE("comparison: a row holds mean, deviation, difference and the three tests") {
  const auto rows = metrics::compare(five_scores(), {.baseline = "never"});
  REQUIRE(rows.size() == 3);
  const metrics::comparison_row& row = rows[1];
  CHECK(row.method == "attd");
  CHECK(row.values == 5);
  CHECK(row.clusters == 5);
  CHECK(row.mean == doctest::Approx(0.4132).epsilon(1e-12));  // 2.066 / 5
  // Squares about the mean: 1.44e-6, 2.3104e-4, 3.1684e-4, 4.624e-5, 6.724e-5; sum 6.628e-4.
  CHECK(row.deviation == doctest::Approx(std::sqrt(6.628e-4 / 4)).epsilon(1e-10));
  CHECK(row.difference == doctest::Approx(0.4132 - 0.4488).epsilon(1e-12));
  CHECK_FALSE(row.is_baseline);
  // By SciPy 1.17.1: ttest_rel, wilcoxon and mannwhitneyu (exact) of the two lists.
  CHECK(row.paired_t.statistic == doctest::Approx(-9.266309872057304).epsilon(1e-10));
  CHECK(row.paired_t.p == doctest::Approx(0.0007542843881631965).epsilon(1e-10));
  CHECK(row.signed_rank.p == doctest::Approx(0.0625).epsilon(1e-12));
  CHECK(row.mann_whitney.p == doctest::Approx(2.0 / 252).epsilon(1e-12));
  // Two methods other than the baseline.
  CHECK(row.corrected_t == doctest::Approx(2 * row.paired_t.p).epsilon(1e-12));
  CHECK(row.corrected_signed_rank == doctest::Approx(0.125).epsilon(1e-12));
  CHECK(row.corrected_mann_whitney == doctest::Approx(4.0 / 252).epsilon(1e-12));
}

TEST_CASE("comparison: intervals are those of the functions they come from") {
  const auto rows =
      metrics::compare(five_scores(), {.baseline = "never", .level = 0.9, .resamples = 300});
  // Seeds in the order of their numbers: 1, 3, 4, 9, 15.
  const vector<double> attd{0.398, 0.412, 0.431, 0.405, 0.420};
  const vector<double> never{0.440, 0.447, 0.452, 0.444, 0.461};
  const auto bootstrap = metrics::bootstrap_mean(attd, 0.9, 300);
  CHECK(rows[1].bootstrap.low == bootstrap.low);
  CHECK(rows[1].bootstrap.high == bootstrap.high);
  CHECK(rows[1].student.high == metrics::t_interval(attd, 0.9).high);
  const auto difference = metrics::bootstrap_paired_difference(attd, never, 0.9, 300);
  CHECK(rows[1].difference_interval.low == difference.low);
  CHECK(rows[1].difference_interval.high == difference.high);
  CHECK(difference.high < 0);
}

TEST_CASE("comparison: scores pair by cluster, whatever their order") {
  vector<metrics::score> scores = five_scores();
  const auto straight = metrics::compare(scores, {.baseline = "never"});
  // The methods keep their first places; everything else is turned around.
  vector<metrics::score> turned(scores.begin(), scores.begin() + 3);
  turned.insert(turned.end(), scores.rbegin(), scores.rend() - 3);
  const auto other = metrics::compare(turned, {.baseline = "never"});
  for (std::size_t i = 0; i < straight.size(); ++i) {
    CHECK(other[i].method == straight[i].method);
    CHECK(other[i].mean == doctest::Approx(straight[i].mean).epsilon(1e-14));
  }
  CHECK(other[1].difference_interval.low ==
        doctest::Approx(straight[1].difference_interval.low).epsilon(1e-12));
  CHECK(other[1].paired_t.p == straight[1].paired_t.p);
  CHECK(other[2].signed_rank.p == straight[2].signed_rank.p);
}

TEST_CASE("comparison: the baseline has a mean and no tests") {
  const auto rows = metrics::compare(five_scores(), {.baseline = "never"});
  CHECK(rows[0].is_baseline);
  CHECK(rows[0].mean == doctest::Approx(0.4488).epsilon(1e-12));
  CHECK(rows[0].difference == 0);
  CHECK(std::isnan(rows[0].difference_interval.low));
  CHECK(std::isnan(rows[0].corrected_t));
  CHECK(std::isnan(rows[0].signed_rank.p));
  CHECK(std::isnan(rows[0].corrected_mann_whitney));
}

TEST_CASE("comparison: tests take one number per cluster, not every value") {
  // Each seed's value ten times over, a little spread: still five independent numbers.
  vector<metrics::score> scores;
  for (const metrics::score& one : five_scores())
    for (int copy = 0; copy < 10; ++copy)
      scores.push_back({one.method, one.cluster, one.value + 1e-3 * (copy - 4.5)});
  const auto once = metrics::compare(five_scores(), {.baseline = "never"});
  const auto rows = metrics::compare(scores, {.baseline = "never"});
  CHECK(rows[1].values == 50);
  CHECK(rows[1].clusters == 5);
  CHECK(rows[1].paired_t.count == 5);
  CHECK(rows[1].deviation == doctest::Approx(once[1].deviation).epsilon(1e-10));
  CHECK(rows[1].paired_t.p == doctest::Approx(once[1].paired_t.p).epsilon(1e-8));
  CHECK(rows[1].mann_whitney.count == 10);
  CHECK(rows[1].student.low == doctest::Approx(once[1].student.low).epsilon(1e-10));
  CHECK(rows[1].bootstrap.low == doctest::Approx(once[1].bootstrap.low).epsilon(1e-10));
  CHECK(rows[1].difference_interval.high ==
        doctest::Approx(once[1].difference_interval.high).epsilon(1e-10));
}

TEST_CASE("comparison: a diverged seed is not forgiven") {
  vector<metrics::score> scores = five_scores();
  for (metrics::score& one : scores)
    if (one.method == "attd" && one.cluster == 4)
      one.value = std::numeric_limits<double>::infinity();
  const auto rows = metrics::compare(scores, {.baseline = "never"});
  CHECK(rows[1].mean == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(rows[1].bootstrap.high));
  CHECK(std::isnan(rows[1].corrected_t));
  // Signed ranks: the infinite difference has the top rank against it: W+ = 5 of 15.
  CHECK(rows[1].signed_rank.statistic == 5);
  CHECK(rows[1].mann_whitney.statistic == 5);  // above all five, the other four below all
}

TEST_CASE("comparison: the number of comparisons can be that of several tables") {
  const auto rows = metrics::compare(five_scores(), {.baseline = "gate", .comparisons = 12});
  CHECK(rows[1].corrected_t == doctest::Approx(12 * rows[1].paired_t.p).epsilon(1e-12));
  CHECK(rows[2].is_baseline);
  CHECK(rows[0].corrected_t == 1);
  const vector<metrics::score> alone{{"never", 1, 0.5}, {"never", 2, 0.6}};
  CHECK(metrics::compare(alone, {.baseline = "never"}).size() == 1);
}

TEST_CASE("comparison: runs go seed by seed, every method on each") {
  vector<std::pair<string, index_t>> calls;
  const auto scores = metrics::run_methods(vector<string>{"a", "b"}, vector<index_t>{7, 8},
                                           [&](const string& method, index_t seed) {
                                             calls.emplace_back(method, seed);
                                             return static_cast<double>(calls.size());
                                           });
  CHECK(calls == vector<std::pair<string, index_t>>{{"a", 7}, {"b", 7}, {"a", 8}, {"b", 8}});
  CHECK(scores[2].method == "a");
  CHECK(scores[2].cluster == 8);
  CHECK(scores[2].value == 3);
}

TEST_CASE("comparison: what does not pair is refused with both counts and a hint") {
  vector<metrics::score> scores = five_scores();
  CHECK(complaint_of([&] {
          metrics::compare(scores, {.baseline = "nver"});
        }).find("baseline 'nver' is not among the 3 methods") != string::npos);
  CHECK(complaint_of([&] { metrics::compare({}, {.baseline = "never"}); }).find("got 0 values") !=
        string::npos);
  CHECK(complaint_of([&] {
          metrics::compare(scores, {.baseline = "never", .comparisons = -1});
        }).find("comparisons is -1") != string::npos);
  scores.push_back({"gate", 4, 0.1});
  CHECK(complaint_of([&] {
          metrics::compare(scores, {.baseline = "never"});
        }).find("cluster 4 has 2 values of 'gate' and 1 of 'never'; hint") != string::npos);
  scores = five_scores();
  scores.push_back({"never", 99, 0.1});
  CHECK(complaint_of([&] {
          metrics::compare(scores, {.baseline = "never"});
        }).find("cluster 99 has 1 values of 'never' and 0 of 'attd'") != string::npos);
}
