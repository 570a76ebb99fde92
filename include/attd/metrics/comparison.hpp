// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Methods times seeds as a table: means, intervals, tests against a baseline.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/metrics/hypothesis_tests.hpp>
#include <attd/metrics/statistics.hpp>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace attd::metrics {

/// One measured number: of a method, in a cluster (the seed of the training run; or a series, a
/// block of one: whatever varies independently). A run that diverged is an infinite error, not a
/// missing one: what is left out cannot count against its method.
struct score {
  std::string method;
  index_t cluster;
  double value;
};

/// How to compare.
struct comparison_options {
  std::string baseline;  ///< the method that the others are tested against
  double level = 0.95;   ///< of all intervals
  index_t resamples = 2000;
  std::uint64_t seed = 1;
  index_t comparisons = 0;  ///< tests to correct for; 0: the methods other than the baseline.
                            ///< More where one conclusion is drawn from several tables.
};

/// One method's line. Differences are the method's minus the baseline's, paired by cluster.
struct comparison_row {
  std::string method;
  index_t values = 0;
  index_t clusters = 0;
  double mean = 0;                 ///< over all values
  double deviation = 0;            ///< standard deviation of the clusters' means
  interval bootstrap{};            ///< of the mean, whole clusters drawn
  interval student{};              ///< of the mean, from the clusters' means
  bool is_baseline = false;        ///< then all that follows says nothing: 0 or NaN
  double difference = 0;           ///< of the means
  interval difference_interval{};  ///< paired bootstrap
  test_result paired_t{};          ///< of the clusters' means, as the tests below
  test_result signed_rank{};
  test_result mann_whitney{};
  double corrected_t = 0;  ///< the three p times the number of comparisons, at most 1
  double corrected_signed_rank = 0;
  double corrected_mann_whitney = 0;
};

namespace detail {

/// One method's values by cluster, clusters in the order of their numbers.
struct grouped_scores {
  std::string method;
  std::map<index_t, std::vector<double>> by_cluster;

  std::vector<double> means() const {
    std::vector<double> all;
    for (const auto& [id, values] : by_cluster) all.push_back(metrics::mean(values));
    return all;
  }
  /// All values, and the cluster of each.
  std::pair<std::vector<double>, std::vector<index_t>> flat() const {
    std::pair<std::vector<double>, std::vector<index_t>> all;
    for (const auto& [id, values] : by_cluster) {
      all.first.insert(all.first.end(), values.begin(), values.end());
      all.second.insert(all.second.end(), values.size(), id);
    }
    return all;
  }
};

inline std::vector<grouped_scores> group_scores(std::span<const score> scores) {
  std::vector<grouped_scores> methods;
  for (const score& one : scores) {
    std::size_t at = 0;
    while (at < methods.size() && methods[at].method != one.method) ++at;
    if (at == methods.size()) methods.push_back({one.method, {}});
    methods[at].by_cluster[one.cluster].push_back(one.value);
  }
  return methods;
}

/// Throws unless both have as many values in the same clusters.
inline void require_same_clusters(const grouped_scores& a, const grouped_scores& b) {
  for (const auto* from : {&a, &b}) {
    const grouped_scores& other = from == &a ? b : a;
    for (const auto& [id, values] : from->by_cluster) {
      const auto found = other.by_cluster.find(id);
      const std::size_t size = found == other.by_cluster.end() ? 0 : found->second.size();
      if (size == values.size()) continue;
      fail(
          "compare: cluster ", id, " has ", values.size(), " values of '", from->method, "' and ",
          size, " of '", other.method,
          "'; hint: run all methods with the same seeds, a run that diverged is an infinite error");
    }
  }
}

}  // namespace detail

/// The table of several methods that ran with the same seeds (or on the same clusters of samples),
/// methods in the order in which they first appear.
///
/// *Which test to read.* All three are given; decide before looking which one counts.
/// - Paired t (`corrected_t`), the default: seeds share data order and initial numbers, so pairing
///   removes what they have in common, and the mean over a test set comes near the normal
///   distribution that it assumes. It is the only one that can find anything with three seeds.
/// - Signed ranks (`corrected_signed_rank`): paired, no normality, not moved by one wild seed;
/// needs
///   six seeds before a two-sided p below 0.05 is possible at all.
/// - Mann-Whitney U (`corrected_mann_whitney`): for methods whose runs have nothing in common; a
///   diverged run ranks last. With few seeds weaker than the paired ones.
///
/// A paired bootstrap gives `difference_interval`, no p: from a handful of seeds its tails are
/// those of the handful. For the same reason `student` is the interval to quote for single seeds,
/// `bootstrap` for many clusters of samples. Tests take the clusters' means, one number each:
/// values within a cluster are not independent.
///
/// *Ranges*: NaN values give NaN results; an infinite value an infinite mean, NaN intervals and t,
/// but ranks all the same. *Cost*: of the bootstrap, O(methods resamples clusters).
/// *Errors*: `attd::error` when there is no value, when the baseline is not among the methods, when
/// a method lacks clusters or values that the baseline has (or the reverse), and those of
/// `bootstrap_clustered`. *Source*: [Davison1997, Sec. 3.8], [Student1908], [Wilcoxon1945],
/// [Mann1947], [Dunn1961].
inline std::vector<comparison_row> compare(std::span<const score> scores,
                                           const comparison_options& options) {
  detail::require_values("compare", scores.size());
  const std::vector<detail::grouped_scores> methods = detail::group_scores(scores);
  const detail::grouped_scores* baseline = nullptr;
  for (const auto& one : methods)
    if (one.method == options.baseline) baseline = &one;
  if (baseline == nullptr)
    fail("compare: the baseline '", options.baseline, "' is not among the ", methods.size(),
         " methods, the first is '", methods[0].method, "'; hint: name one of them");
  if (options.comparisons < 0)
    fail("compare: comparisons is ", options.comparisons, ", needs at least 0; hint: 0 takes the ",
         "number of methods other than the baseline");
  const index_t comparisons = options.comparisons > 0
                                  ? options.comparisons
                                  : std::max<index_t>(1, static_cast<index_t>(methods.size()) - 1);
  const std::vector<double> base_means = baseline->means();
  const std::vector<double> base_values = baseline->flat().first;

  std::vector<comparison_row> rows;
  for (const auto& one : methods) {
    detail::require_same_clusters(one, *baseline);
    const auto [values, ids] = one.flat();
    const std::vector<double> means = one.means();
    comparison_row row;
    row.method = one.method;
    row.values = static_cast<index_t>(values.size());
    row.clusters = static_cast<index_t>(means.size());
    row.mean = mean(values);
    row.deviation = std::sqrt(variance(means));
    row.bootstrap =
        bootstrap_clustered(values, ids, options.level, options.resamples, options.seed);
    row.student = t_interval(means, options.level);
    row.is_baseline = &one == baseline;
    if (row.is_baseline) {
      const test_result none{detail::unknown, detail::unknown, 0, false};
      row.paired_t = row.signed_rank = row.mann_whitney = none;
      row.difference_interval = {detail::unknown, detail::unknown};
    } else {
      row.difference = row.mean - mean(base_values);
      row.difference_interval = bootstrap_paired_difference_clustered(
          values, base_values, ids, options.level, options.resamples, options.seed);
      row.paired_t = paired_t_test(means, base_means);
      row.signed_rank = wilcoxon_signed_rank(means, base_means);
      row.mann_whitney = mann_whitney_u(means, base_means);
    }
    row.corrected_t = bonferroni(row.paired_t.p, comparisons);
    row.corrected_signed_rank = bonferroni(row.signed_rank.p, comparisons);
    row.corrected_mann_whitney = bonferroni(row.mann_whitney.p, comparisons);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Runs every method with every seed: value = run(method, seed), a number for `compare`. Seeds are
/// the outer loop, so that what is there after an interruption is whole seeds. An exception of
/// `run` passes through.
template <class Run>
std::vector<score> run_methods(std::span<const std::string> methods, std::span<const index_t> seeds,
                               Run&& run) {
  std::vector<score> all;
  for (const index_t seed : seeds)
    for (const std::string& method : methods)
      all.push_back({method, seed, static_cast<double>(run(method, seed))});
  return all;
}

}  // namespace attd::metrics
