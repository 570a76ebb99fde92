// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Tests of whether two methods differ: paired t, signed ranks, Mann-Whitney U, Bonferroni.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/metrics/statistics.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

// Not part of the umbrella headers: Boost.Math is much to compile for programs that only adapt.

namespace attd::metrics {

/// What is held against "no difference": `less` means that the first sample tends to be below.
enum class alternative { two_sided, less, greater };

/// What a test found. `p` is NaN where it cannot be known (too few values, a NaN among them).
struct test_result {
  double statistic;  ///< of the first sample against the second; each test says which one
  double p;          ///< probability, without a difference, of a statistic at least this far off
  index_t count;     ///< values (of pairs: pairs) that entered
  bool exact;        ///< from the statistic's own distribution, not from an approximation
};

namespace detail {

/// Ranks from 1, equal values sharing the mean of theirs. Doubled, so that they are whole numbers.
struct rank_list {
  std::vector<index_t> doubled;  // in the order of the values
  double ties = 0;               // sum of t^3 - t over groups of t equal values
};

inline rank_list midranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  rank_list ranks;
  ranks.doubled.resize(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i)
      ranks.doubled[order[i]] = static_cast<index_t>(first + last + 2);
    const auto tied = static_cast<double>(last - first + 1);
    ranks.ties += tied * tied * tied - tied;
    first = last + 1;
  }
  return ranks;
}

/// Probabilities of a statistic at most and at least as large as the one seen.
struct tails {
  double lower;
  double upper;
};

inline double p_of(const tails& found, alternative against) {
  if (against == alternative::less) return found.lower;
  if (against == alternative::greater) return found.upper;
  return std::min(1.0, 2 * std::min(found.lower, found.upper));
}

/// Tails of a sum where every entry of `counts` (whole numbers below 2^53, so exact) counts the
/// equally probable ways to this sum.
inline tails counted_tails(std::span<const double> counts, index_t seen) {
  double below = 0, above = 0, total = 0;
  for (std::size_t sum = 0; sum < counts.size(); ++sum) {
    total += counts[sum];
    if (static_cast<index_t>(sum) <= seen) below += counts[sum];
    if (static_cast<index_t>(sum) >= seen) above += counts[sum];
  }
  return {below / total, above / total};
}

/// Normal tails with half a unit of correction: the statistic has steps, the normal none.
inline tails normal_tails(double seen, double centre, double variance) {
  if (!(variance > 0)) return {1, 1};  // all values are tied: no rank tells anything
  const double scale = std::sqrt(2 * variance);
  return {std::erfc(-(seen - centre + 0.5) / scale) / 2,
          std::erfc((seen - centre - 0.5) / scale) / 2};
}

inline bool has_nan(std::span<const double> values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

inline constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// The largest count of values whose rank distributions are computed exactly: the numbers of ways
/// stay below 2^53, and the work below some million additions.
inline constexpr index_t most_exact = 50;

}  // namespace detail

/// Student's t test of the mean of `a[i] - b[i]` against zero.
/// *Formula*: statistic t = mean(d) / sqrt(var(d) / n) with n - 1 degrees of freedom.
/// *Ranges*: assumes independent pairs with normal differences; means over many samples each (one
/// per seed) come near that. Equal lists give t = 0 and p = 1; differences that are all the same
/// number give an infinite t and p = 0. NaN with fewer than two pairs or anything non-finite.
/// *Cost*: O(n). *Errors*: `attd::error` when empty or when the sizes differ.
/// *Source*: [Student1908].
inline test_result paired_t_test(std::span<const double> a, std::span<const double> b,
                                 alternative against = alternative::two_sided) {
  detail::require_same_size("paired_t_test", a.size(), b.size());
  detail::require_values("paired_t_test", a.size());
  std::vector<double> difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  const auto count = static_cast<index_t>(a.size());
  const double centre = mean(difference), spread = variance(difference);
  test_result result{detail::unknown, detail::unknown, count, true};
  if (!std::isfinite(centre) || !std::isfinite(spread)) return result;
  if (spread == 0) {  // the limit of the formula
    const double far = std::numeric_limits<double>::infinity();
    result.statistic = centre == 0 ? 0 : std::copysign(far, centre);
    result.p = detail::p_of({centre < 0 ? 0.0 : 1.0, centre > 0 ? 0.0 : 1.0}, against);
    return result;
  }
  result.statistic = centre / std::sqrt(spread / static_cast<double>(count));
  const boost::math::students_t_distribution<double> t(static_cast<double>(count - 1));
  result.p = detail::p_of({boost::math::cdf(t, result.statistic),
                           boost::math::cdf(boost::math::complement(t, result.statistic))},
                          against);
  return result;
}

/// Interval of the mean by Student's t: mean -+ t_{n-1, (1 + level) / 2} sqrt(var / n).
/// The one to trust for three to ten seeds: a bootstrap of so few draws is too narrow. Both ends
/// are NaN with fewer than two values or anything non-finite.
/// *Errors*: `attd::error` when empty or unless 0 < level < 1. *Source*: [Student1908].
inline interval t_interval(std::span<const double> values, double level = 0.95) {
  detail::require_values("t_interval", values.size());
  if (!(level > 0 && level < 1))
    fail("t_interval: level is ", level, ", needs 0 < level < 1; hint: 95 % is 0.95");
  const double centre = mean(values), spread = variance(values);
  if (!std::isfinite(centre) || !std::isfinite(spread)) return {detail::unknown, detail::unknown};
  const boost::math::students_t_distribution<double> t(static_cast<double>(values.size() - 1));
  const double reach = boost::math::quantile(boost::math::complement(t, (1 - level) / 2)) *
                       std::sqrt(spread / static_cast<double>(values.size()));
  return {centre - reach, centre + reach};
}

/// Wilcoxon's signed-rank test of `a[i] - b[i]` against a distribution symmetric about zero.
/// *Formula*: pairs without a difference are dropped, |d| ranked (ties share their mean rank);
/// statistic W+ = sum of the ranks of positive d. Up to 50 pairs p comes from all 2^n signs of
/// these very ranks, ties included; above from the normal approximation with variance
/// n (n + 1) (2 n + 1) / 24 - sum (t^3 - t) / 48 and half a unit of correction.
/// *Ranges*: ties are equal numbers, not nearly equal ones. n pairs cannot give a two-sided p below
/// 2^(1-n): 0.25 for 3, 0.0625 for 5. Infinite differences have ranks as others do; any NaN gives
/// NaN. No pair that differs: p = 1. *Cost*: O(n^3) up to 50 pairs, O(n log n) above. *Errors*:
/// `attd::error` when empty or when the sizes differ. *Source*: [Wilcoxon1945]; ties [Lehmann1975].
inline test_result wilcoxon_signed_rank(std::span<const double> a, std::span<const double> b,
                                        alternative against = alternative::two_sided) {
  detail::require_same_size("wilcoxon_signed_rank", a.size(), b.size());
  detail::require_values("wilcoxon_signed_rank", a.size());
  std::vector<double> sizes;
  std::vector<bool> positive;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = a[i] - b[i];
    if (difference == 0) continue;
    sizes.push_back(std::abs(difference));
    positive.push_back(difference > 0);
  }
  const auto count = static_cast<index_t>(sizes.size());
  test_result result{detail::unknown, detail::unknown, count, count <= detail::most_exact};
  if (detail::has_nan(sizes)) return result;
  const detail::rank_list ranks = detail::midranks(sizes);
  index_t doubled = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (positive[i]) doubled += ranks.doubled[i];
  result.statistic = static_cast<double>(doubled) / 2;
  if (result.exact) {
    std::vector<double> counts(static_cast<std::size_t>(count * (count + 1)) + 1, 0.0);
    counts[0] = 1;
    for (const index_t rank : ranks.doubled) {
      const auto shift = static_cast<std::size_t>(rank);
      for (std::size_t sum = counts.size(); sum-- > shift;) counts[sum] += counts[sum - shift];
    }
    result.p = detail::p_of(detail::counted_tails(counts, doubled), against);
  } else {
    const auto n = static_cast<double>(count);
    const double variance = n * (n + 1) * (2 * n + 1) / 24 - ranks.ties / 48;
    result.p =
        detail::p_of(detail::normal_tails(result.statistic, n * (n + 1) / 4, variance), against);
  }
  return result;
}

/// The Mann-Whitney U test of two independent samples, of whether one tends to be above the other.
/// *Formula*: statistic U = number of pairs with a_i > b_j, plus half of those that are equal;
/// U / (|a| |b|) is the probability that a is above. Up to 50 values together p comes from all ways
/// to choose a's ranks among these very ranks, ties included; above from the normal approximation
/// with N = |a| + |b|, variance |a| |b| / 12 (N + 1 - sum (t^3 - t) / (N (N - 1))), and half a unit
/// of correction.
/// *Ranges*: 3 against 3 cannot give a two-sided p below 0.1, 4 against 4 none below 0.029.
/// Infinities are ordered as numbers, so a run that diverged ranks last; any NaN gives NaN.
/// *Cost*: O(N^4) up to 50 values (some milliseconds), O(N log N) above.
/// *Errors*: `attd::error` when either is empty. *Source*: [Mann1947]; ties [Lehmann1975].
inline test_result mann_whitney_u(std::span<const double> a, std::span<const double> b,
                                  alternative against = alternative::two_sided) {
  detail::require_values("mann_whitney_u", a.size());
  detail::require_values("mann_whitney_u", b.size());
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  const auto size_a = static_cast<index_t>(a.size()), count = static_cast<index_t>(all.size());
  test_result result{detail::unknown, detail::unknown, count, count <= detail::most_exact};
  if (detail::has_nan(all)) return result;
  const detail::rank_list ranks = detail::midranks(all);
  index_t doubled = 0;
  for (std::size_t i = 0; i < a.size(); ++i) doubled += ranks.doubled[i];
  result.statistic = static_cast<double>(doubled - size_a * (size_a + 1)) / 2;
  if (result.exact) {
    // ways[k][sum]: ways to choose k of the ranks seen so far with this (doubled) sum.
    const auto width = static_cast<std::size_t>(count * (count + 1)) + 1;
    std::vector<std::vector<double>> ways(a.size() + 1, std::vector<double>(width, 0.0));
    ways[0][0] = 1;
    for (const index_t rank : ranks.doubled) {
      const auto shift = static_cast<std::size_t>(rank);
      for (std::size_t k = a.size(); k > 0; --k)
        for (std::size_t sum = shift; sum < width; ++sum) ways[k][sum] += ways[k - 1][sum - shift];
    }
    result.p = detail::p_of(detail::counted_tails(ways.back(), doubled), against);
  } else {
    const auto n = static_cast<double>(count);
    const double product = static_cast<double>(size_a) * static_cast<double>(count - size_a);
    const double variance = product / 12 * (n + 1 - ranks.ties / (n * (n - 1)));
    result.p = detail::p_of(detail::normal_tails(result.statistic, product / 2, variance), against);
  }
  return result;
}

/// Bonferroni's correction: min(1, p comparisons) keeps the probability of any false alarm among so
/// many tests at the level of one. NaN stays NaN. *Errors*: `attd::error` unless comparisons >= 1.
/// *Source*: [Dunn1961].
inline double bonferroni(double p, index_t comparisons) {
  if (comparisons < 1)
    fail("bonferroni: comparisons is ", comparisons, ", needs at least 1; hint: count every test ",
         "that the conclusion could have been drawn from");
  return std::isnan(p) ? p : std::min(1.0, p * static_cast<double>(comparisons));
}

}  // namespace attd::metrics
