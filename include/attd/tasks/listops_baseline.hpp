// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What ListOps gives away at its root: the bars that a model has to pass before it has nested.
#pragma once

#include <algorithm>
#include <array>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <attd/tasks/example.hpp>
#include <attd/tasks/listops.hpp>
#include <span>
#include <vector>

namespace attd::tasks {

/// Predicts the class of a ListOps sequence from its outermost list alone, by the label statistics
/// of a training set. Three rules, each knowing more than the one before:
/// the most frequent label; the most frequent label of the first token's kind; and that of the
/// first token's kind together with its own value over those of the root's arguments that are
/// digits (MIN of them for MIN, and so on). A rule falls back on the one before where training
/// never showed the case.
struct listops_baseline {
  std::array<index_t, listops_classes> labels{};  ///< counts
  std::array<std::array<index_t, listops_classes>, listops_extended_vocabulary> by_root{};
  /// [root][value over digit arguments, 10: there are none][label]
  std::array<std::array<std::array<index_t, listops_classes>, listops_classes + 1>,
             listops_extended_vocabulary>
      by_digits{};
};

/// Shares of right answers, 0 .. 1.
struct listops_baseline_accuracy {
  double majority = 0, root_operator = 0, root_and_digits = 0;
};

namespace detail {

/// The root's own operator over its digit arguments; 10 where there are none.
inline std::size_t listops_root_digits(std::span<const index_t> ids) {
  std::vector<index_t> digits;
  index_t depth = 0;
  for (index_t id : ids) {
    if (id == static_cast<index_t>(listops_symbol::close)) {
      --depth;
    } else if (id >= 10) {
      ++depth;
    } else if (depth == 1) {
      digits.push_back(id);
    }
  }
  if (digits.empty()) return static_cast<std::size_t>(listops_classes);
  return static_cast<std::size_t>(apply_listops(ids.front(), digits));
}

inline bool any(const std::array<index_t, listops_classes>& counts) {
  return std::any_of(counts.begin(), counts.end(), [](index_t count) { return count > 0; });
}

inline index_t most_frequent(const std::array<index_t, listops_classes>& counts) {
  return std::max_element(counts.begin(), counts.end()) - counts.begin();
}

inline std::size_t listops_root(std::span<const index_t> ids) {
  if (ids.empty() || ids.front() < 0 || ids.front() >= listops_extended_vocabulary) {
    fail("listops: a sequence of ", ids.size(), " tokens starts with ",
         ids.empty() ? -1 : ids.front(), ", expected an id 0 .. ", listops_extended_vocabulary - 1);
  }
  return static_cast<std::size_t>(ids.front());
}

}  // namespace detail

/// Counts the labels of a training set. *Errors*: no example, a label that is no digit.
template <class T>
listops_baseline fit_listops_baseline(std::span<const example<T>> train) {
  if (train.empty()) fail("listops: a baseline of 0 examples, expected at least 1");
  listops_baseline baseline;
  for (const example<T>& e : train) {
    if (e.label < 0 || e.label >= listops_classes) {
      fail("listops: label is ", e.label, ", expected 0 .. 9");
    }
    const std::size_t root = detail::listops_root(e.ids);
    const auto label = static_cast<std::size_t>(e.label);
    ++baseline.labels[label];
    ++baseline.by_root[root][label];
    ++baseline.by_digits[root][detail::listops_root_digits(e.ids)][label];
  }
  return baseline;
}

/// The class by the root operator alone.
inline index_t predict_root_operator(const listops_baseline& b, std::span<const index_t> ids) {
  const auto& counts = b.by_root[detail::listops_root(ids)];
  return detail::most_frequent(detail::any(counts) ? counts : b.labels);
}

/// The class by the root operator and the root's own digits.
inline index_t predict_root_and_digits(const listops_baseline& b, std::span<const index_t> ids) {
  const std::size_t root = detail::listops_root(ids);
  const auto& counts = b.by_digits[root][detail::listops_root_digits(ids)];
  return detail::any(counts) ? detail::most_frequent(counts) : predict_root_operator(b, ids);
}

/// What each rule gets right of a test set: a model that learned only how a sequence starts is at
/// `root_operator`; above `root_and_digits` it has read nested lists. With the Long Range Arena's
/// lengths the three are near 0.17, 0.36 and 0.47. *Errors*: no example.
template <class T>
listops_baseline_accuracy score_listops_baseline(const listops_baseline& b,
                                                 std::span<const example<T>> test) {
  if (test.empty()) fail("listops: a test set of 0 examples, expected at least 1");
  listops_baseline_accuracy right;
  const index_t majority = detail::most_frequent(b.labels);
  for (const example<T>& e : test) {
    right.majority += majority == e.label;
    right.root_operator += predict_root_operator(b, e.ids) == e.label;
    right.root_and_digits += predict_root_and_digits(b, e.ids) == e.label;
  }
  const auto count = static_cast<double>(test.size());
  return {right.majority / count, right.root_operator / count, right.root_and_digits / count};
}

/// Fits on the training set and scores on the test set.
template <class T>
listops_baseline_accuracy listops_baseline_of(const std::vector<example<T>>& train,
                                              const std::vector<example<T>>& test) {
  return score_listops_baseline(fit_listops_baseline(std::span<const example<T>>(train)),
                                std::span<const example<T>>(test));
}

}  // namespace attd::tasks
