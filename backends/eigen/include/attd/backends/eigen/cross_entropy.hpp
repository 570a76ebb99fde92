// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Softmax cross-entropy and softmax entropy on packs of classes.
#pragma once

#include <attd/backends/eigen/execution.hpp>
#include <attd/backends/eigen/rows.hpp>
#include <attd/operations/cross_entropy.hpp>
#include <span>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

template <int Bytes, class L>
ATTD_INLINE std::remove_const_t<L> exponential_sum(view<L> logits, index_t row, primal_t<L> shift) {
  constexpr int W = lane_count<L, Bytes>;
  return sum_over_row<Bytes, L>(logits.columns(), [&](index_t c, auto left) ATTD_INLINE_LAMBDA {
    return exp(load<W>(logits, row, c, left) - pack<primal_t<L>, W>(shift));
  });
}

template <int Bytes, class L, class Id, class Y>
ATTD_INLINE void cross_entropy(part rows, view<L> logits, std::span<const Id> targets,
                               view<Y> loss) {
  using T = std::remove_const_t<L>;
  for (index_t t = rows.begin; t < rows.end; ++t) {
    const index_t target =
        operations::detail::checked_target("cross_entropy", targets, t, logits.columns());
    if (target < 0) {
      loss(t) = T(0);
      continue;
    }
    const primal_t<L> shift = largest_in_row<Bytes>(primal_view(logits), t);
    const T sum = exponential_sum<Bytes>(logits, t, shift);
    loss(t) = log(sum) - (T(logits.at(t, target)) - shift);
  }
}

template <int Bytes, class L, class Id, class G, class DL>
ATTD_INLINE void cross_entropy_backward(part rows, view<L> logits, std::span<const Id> targets,
                                        view<G> weight, view<DL> d_logits) {
  using T = std::remove_const_t<L>;
  constexpr int W = lane_count<L, Bytes>;
  for (index_t t = rows.begin; t < rows.end; ++t) {
    const index_t target =
        operations::detail::checked_target("cross_entropy_backward", targets, t, logits.columns());
    if (target < 0) continue;
    const std::remove_const_t<G> g = weight(t);
    const primal_t<L> shift = largest_in_row<Bytes>(primal_view(logits), t);
    const T sum = exponential_sum<Bytes>(logits, t, shift);
    const auto scale = broadcast<W>(promote_t<L, G>(g / sum));
    for (index_t c = 0; c < logits.columns(); c += W) {
      const index_t left = logits.columns() - c;
      add(d_logits, t, c, left,
          scale * exp(load<W>(logits, t, c, left) - pack<primal_t<L>, W>(shift)));
    }
    d_logits.at(t, target) += -g;
  }
}

template <int Bytes, class L, class Id, class G, class Y>
ATTD_INLINE void cross_entropy_in_place(part rows, view<L> logits, std::span<const Id> targets,
                                        view<G> weight, view<Y> loss) {
  constexpr int W = lane_count<L, Bytes>;
  for (index_t t = rows.begin; t < rows.end; ++t) {
    const index_t target =
        operations::detail::checked_target("cross_entropy_in_place", targets, t, logits.columns());
    const std::remove_const_t<G> g = weight(t);
    const primal_t<L> shift = largest_in_row<Bytes>(primal_view(logits), t);
    const L sum = exponential_sum<Bytes>(logits, t, shift);
    loss(t) = target < 0 ? L(0) : log(sum) - (L(logits.at(t, target)) - shift);
    if (target < 0 || is_zero(g)) {
      for_each_pack<W>(logits.columns(), [&](index_t c, auto count) ATTD_INLINE_LAMBDA {
        store(logits, t, c, count, broadcast<W>(L(0)));
      });
      continue;
    }
    const auto scale = broadcast<W>(L(L(g) / sum));
    for_each_pack<W>(logits.columns(), [&](index_t c, auto count) ATTD_INLINE_LAMBDA {
      store(logits, t, c, count,
            scale * exp(load<W>(logits, t, c, count) - pack<primal_t<L>, W>(shift)));
    });
    logits.at(t, target) += L(-g);
  }
}

// sum_c p_c log p_c of one row, given its shift and the logarithm of its exponential sum.
template <int Bytes, class L>
ATTD_INLINE std::remove_const_t<L> negative_entropy(view<L> logits, index_t row, primal_t<L> shift,
                                                    const std::remove_const_t<L>& log_sum) {
  constexpr int W = lane_count<L, Bytes>;
  const auto ls = broadcast<W>(log_sum);
  return sum_over_row<Bytes, L>(logits.columns(), [&](index_t c, auto left) ATTD_INLINE_LAMBDA {
    const auto log_p = load<W>(logits, row, c, left) - pack<primal_t<L>, W>(shift) - ls;
    return exp(log_p) * log_p;
  });
}

template <int Bytes, class L, class Y>
ATTD_INLINE void softmax_entropy(part rows, view<L> logits, view<Y> entropy) {
  using T = std::remove_const_t<L>;
  for (index_t t = rows.begin; t < rows.end; ++t) {
    const primal_t<L> shift = largest_in_row<Bytes>(primal_view(logits), t);
    const T log_sum = log(exponential_sum<Bytes>(logits, t, shift));
    entropy(t) = -negative_entropy<Bytes>(logits, t, shift, log_sum);
  }
}

template <int Bytes, class L, class G, class DL>
ATTD_INLINE void softmax_entropy_backward(part rows, view<L> logits, view<G> weight,
                                          view<DL> d_logits) {
  using T = std::remove_const_t<L>;
  constexpr int W = lane_count<L, Bytes>;
  for (index_t t = rows.begin; t < rows.end; ++t) {
    const std::remove_const_t<G> weight_t = weight(t);
    const auto g = broadcast<W>(weight_t);
    const primal_t<L> shift = largest_in_row<Bytes>(primal_view(logits), t);
    const T log_sum = log(exponential_sum<Bytes>(logits, t, shift));
    const auto ls = broadcast<W>(log_sum);
    const auto negative = broadcast<W>(negative_entropy<Bytes>(logits, t, shift, log_sum));
    for (index_t c = 0; c < logits.columns(); c += W) {
      const index_t left = logits.columns() - c;
      const auto log_p = load<W>(logits, t, c, left) - pack<primal_t<L>, W>(shift) - ls;
      add(d_logits, t, c, left, g * (exp(log_p) * (negative - log_p)));
    }
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
