// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Softmax cross-entropy and the entropy of the softmax, row by row.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/operations/cross_entropy.hpp>

namespace attd::thrust_detail {

using operations::detail::exponential_sum;
using operations::detail::largest_in_row;

/// The loss of one row; targets were checked before.
template <class L, class Id, class Y>
struct cross_entropy_row {
  view<L> logits;
  const Id* targets;
  view<Y> loss;

  ATTD_DEVICE void operator()(index_t t) const {
    using T = std::remove_const_t<L>;
    const auto target = static_cast<index_t>(targets[t]);
    if (target < 0) {
      loss(t) = T(0);
      return;
    }
    const primal_t<L> shift = largest_in_row(logits, t);
    const T sum = exponential_sum(logits, t, shift);
    loss(t) = log(sum) - (number<T>(logits, t, target) - shift);
  }
};

/// d_logits of one row.
template <class L, class Id, class G, class DL>
struct cross_entropy_row_gradient {
  view<L> logits;
  const Id* targets;
  view<G> weight;
  view<DL> d_logits;

  ATTD_DEVICE void operator()(index_t t) const {
    using T = std::remove_const_t<L>;
    const auto target = static_cast<index_t>(targets[t]);
    if (target < 0) return;
    const std::remove_const_t<G> g = weight(t);
    const primal_t<L> shift = largest_in_row(logits, t);
    const promote_t<L, G> scale = g / exponential_sum(logits, t, shift);
    for (index_t c = 0; c < logits.columns(); ++c) {
      d_logits.at(t, c) += scale * exp(number<T>(logits, t, c) - shift);
    }
    d_logits.at(t, target) += -g;
  }
};

/// log p of one class, given the row's shift and log of its sum; -sum p log p of a row.
template <class L>
struct softmax_row {
  using T = std::remove_const_t<L>;
  view<L> logits;
  index_t row;
  primal_t<L> shift;
  T log_sum;

  ATTD_DEVICE softmax_row(const view<L>& l, index_t t)
      : logits(l),
        row(t),
        shift(largest_in_row(l, t)),
        log_sum(log(exponential_sum(l, t, shift))) {}
  ATTD_HD T log_p(index_t c) const { return number<T>(logits, row, c) - shift - log_sum; }
  ATTD_DEVICE T negative_entropy() const {
    T sum(0);
    for (index_t c = 0; c < logits.columns(); ++c) sum += exp(log_p(c)) * log_p(c);
    return sum;
  }
};

/// The entropy of one row.
template <class L, class Y>
struct softmax_entropy_row {
  view<L> logits;
  view<Y> entropy;

  ATTD_DEVICE void operator()(index_t t) const {
    const softmax_row<L> row(logits, t);
    entropy(t) = -row.negative_entropy();
  }
};

/// d_logits of one row.
template <class L, class G, class DL>
struct softmax_entropy_row_gradient {
  view<L> logits;
  view<G> weight;
  view<DL> d_logits;

  ATTD_DEVICE void operator()(index_t t) const {
    using T = std::remove_const_t<L>;
    const std::remove_const_t<G> g = weight(t);
    const softmax_row<L> row(logits, t);
    const T negative = row.negative_entropy();
    for (index_t c = 0; c < logits.columns(); ++c) {
      const T log_p = row.log_p(c);
      d_logits.at(t, c) += g * (exp(log_p) * (negative - log_p));
    }
  }
};

}  // namespace attd::thrust_detail
