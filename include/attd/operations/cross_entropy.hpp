// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Softmax cross-entropy against target ids, and the entropy of the softmax itself.
#pragma once

#include <attd/core/math.hpp>
#include <attd/core/tensor.hpp>
#include <span>

namespace attd::operations {

namespace detail {

// The largest logit, as a plain number: a shift that cancels exactly, so it carries no derivative.
template <class L>
ATTD_DEVICE primal_t<L> largest_in_row(view<L> logits, index_t row) {
  primal_t<L> largest = primal(std::remove_const_t<L>(logits.at(row, 0)));
  for (index_t c = 1; c < logits.columns(); ++c) {
    const primal_t<L> value = primal(std::remove_const_t<L>(logits.at(row, c)));
    if (value > largest) largest = value;
  }
  return largest;
}

// sum_c exp(l_c - shift).
template <class L>
ATTD_DEVICE std::remove_const_t<L> exponential_sum(view<L> logits, index_t row, primal_t<L> shift) {
  using T = std::remove_const_t<L>;
  T sum(0);
  for (index_t c = 0; c < logits.columns(); ++c) sum += exp(T(logits.at(row, c)) - shift);
  return sum;
}

// The target of token t, or -1 when it is to be ignored.
template <class Id>
index_t checked_target(const char* place, std::span<const Id> ids, index_t t, index_t count) {
  const auto id = static_cast<index_t>(ids[static_cast<std::size_t>(t)]);
  if (id < -1 || id >= count) {
    fail(place, ": token ", t, " has target ", id, ", expected 0 to ", count - 1,
         ", or -1 for none; hint: the last layer needs one output per id of the vocabulary");
  }
  return id;
}

}  // namespace detail

/// Cross-entropy of every token  loss_t = log sum_c exp(l_tc) - l_t,target, with the row's largest
/// logit subtracted first, so that no exponential overflows.
///
/// Shapes: logits [token, class], targets [token], loss [token]. A target of -1 is ignored: loss 0
/// and no gradient. Any other target outside 0 .. class - 1 throws `attd::error`. In nats. Cost:
/// 3 token class, one exp each.
template <class Backend, class L, class Id, class Y>
void cross_entropy(Backend& backend, view<L> logits, std::span<const Id> targets, view<Y> loss) {
  const auto tokens = static_cast<index_t>(targets.size());
  expect_equal("cross_entropy", "the number of rows of the logits", logits.rows(), tokens);
  expect_equal("cross_entropy", "the size of the loss", loss.size(), tokens);
  if constexpr (requires { backend.cross_entropy(logits, targets, loss); }) {
    backend.cross_entropy(logits, targets, loss);
  } else {
    using T = std::remove_const_t<L>;
    for (index_t t = 0; t < tokens; ++t) {
      const index_t target = detail::checked_target("cross_entropy", targets, t, logits.columns());
      if (target < 0) {
        loss(t) = T(0);
        continue;
      }
      const primal_t<L> shift = detail::largest_in_row(logits, t);
      const T sum = detail::exponential_sum(logits, t, shift);
      loss(t) = log(sum) - (T(logits.at(t, target)) - shift);
    }
  }
}

/// Adds the gradient of sum_t weight_t loss_t of `cross_entropy`:
/// d_logits_tc += weight_t (softmax_tc - [c = target]). `weight` [token] is the gradient of the
/// losses (often 1 / number of tokens). Nothing when d_logits is `view<none>`.
template <class Backend, class L, class Id, class G, class DL>
void cross_entropy_backward(Backend& backend, view<L> logits, std::span<const Id> targets,
                            view<G> weight, view<DL> d_logits) {
  if constexpr (!is_none_v<view<DL>>) {
    const auto tokens = static_cast<index_t>(targets.size());
    expect_equal("cross_entropy_backward", "the number of rows of the logits", logits.rows(),
                 tokens);
    expect_equal("cross_entropy_backward", "the size of the weight", weight.size(), tokens);
    expect_shape("cross_entropy_backward", "d_logits", d_logits.shape(), logits.shape());
    if constexpr (requires { backend.cross_entropy_backward(logits, targets, weight, d_logits); }) {
      backend.cross_entropy_backward(logits, targets, weight, d_logits);
    } else {
      using T = std::remove_const_t<L>;
      for (index_t t = 0; t < tokens; ++t) {
        const index_t target =
            detail::checked_target("cross_entropy_backward", targets, t, logits.columns());
        if (target < 0) continue;
        const std::remove_const_t<G> g = weight(t);
        const primal_t<L> shift = detail::largest_in_row(logits, t);
        const T sum = detail::exponential_sum(logits, t, shift);
        const promote_t<L, G> scale = g / sum;
        for (index_t c = 0; c < logits.columns(); ++c) {
          d_logits.at(t, c) += scale * exp(T(logits.at(t, c)) - shift);
        }
        d_logits.at(t, target) += -g;
      }
    }
  }
}

/// Losses of `cross_entropy`, and in place of the logits the gradient of sum_t weight_t loss_t:
///   l_tc becomes weight_t (softmax_tc - [c = target]).
/// Rows of weight 0 become zeros, whatever stands in them, and so do those of target -1.
///
/// Shapes: those of `cross_entropy`; weight [token]; logits may not have fewer dual levels than the
/// weights. Errors: those of `cross_entropy`. Cost: 5 token class, one exp each to sum and one to
/// replace; reads the logits twice and writes them once, less than half of what the two operations
/// move.
template <class Backend, class L, class Id, class G, class Y>
void cross_entropy_in_place(Backend& backend, view<L> logits, std::span<const Id> targets,
                            view<G> weight, view<Y> loss) {
  const char* place = "cross_entropy_in_place";
  const auto tokens = static_cast<index_t>(targets.size());
  expect_equal(place, "the number of rows of the logits", logits.rows(), tokens);
  expect_equal(place, "the size of the weight", weight.size(), tokens);
  expect_equal(place, "the size of the loss", loss.size(), tokens);
  if constexpr (requires { backend.cross_entropy_in_place(logits, targets, weight, loss); }) {
    backend.cross_entropy_in_place(logits, targets, weight, loss);
  } else {
    for (index_t t = 0; t < tokens; ++t) {
      const index_t target = detail::checked_target(place, targets, t, logits.columns());
      const std::remove_const_t<G> g = weight(t);
      const primal_t<L> shift = detail::largest_in_row(logits, t);
      const L sum = detail::exponential_sum(logits, t, shift);
      loss(t) = target < 0 ? L(0) : log(sum) - (L(logits.at(t, target)) - shift);
      const bool counts = target >= 0 && !is_zero(g);
      const L scale = L(g) / sum;
      for (index_t c = 0; c < logits.columns(); ++c) {
        logits.at(t, c) = counts ? scale * exp(L(logits.at(t, c)) - shift) : L(0);
      }
      if (counts) logits.at(t, target) += L(-g);
    }
  }
}

/// Entropy of the softmax of every token  H_t = -sum_c p_tc log p_tc, p = softmax(l), through
/// log p = l - log sum exp(l), so that a probability of zero gives no NaN for finite logits.
///
/// Shapes: logits [token, class], entropy [token]; in nats, 0 to log(class). Cost: 6 token class.
template <class Backend, class L, class Y>
void softmax_entropy(Backend& backend, view<L> logits, view<Y> entropy) {
  expect_equal("softmax_entropy", "the size of the entropy", entropy.size(), logits.rows());
  if constexpr (requires { backend.softmax_entropy(logits, entropy); }) {
    backend.softmax_entropy(logits, entropy);
  } else {
    using T = std::remove_const_t<L>;
    for (index_t t = 0; t < logits.rows(); ++t) {
      const primal_t<L> shift = detail::largest_in_row(logits, t);
      const T log_sum = log(detail::exponential_sum(logits, t, shift));
      T negative(0);
      for (index_t c = 0; c < logits.columns(); ++c) {
        const T log_p = T(logits.at(t, c)) - shift - log_sum;
        negative += exp(log_p) * log_p;
      }
      entropy(t) = -negative;
    }
  }
}

/// Adds the gradient of sum_t weight_t H_t of `softmax_entropy`:
/// d_logits_tc -= weight_t p_tc (log p_tc + H_t). Nothing when d_logits is `view<none>`.
template <class Backend, class L, class G, class DL>
void softmax_entropy_backward(Backend& backend, view<L> logits, view<G> weight, view<DL> d_logits) {
  if constexpr (!is_none_v<view<DL>>) {
    expect_equal("softmax_entropy_backward", "the size of the weight", weight.size(),
                 logits.rows());
    expect_shape("softmax_entropy_backward", "d_logits", d_logits.shape(), logits.shape());
    if constexpr (requires { backend.softmax_entropy_backward(logits, weight, d_logits); }) {
      backend.softmax_entropy_backward(logits, weight, d_logits);
    } else {
      using T = std::remove_const_t<L>;
      for (index_t t = 0; t < logits.rows(); ++t) {
        const std::remove_const_t<G> g = weight(t);
        const primal_t<L> shift = detail::largest_in_row(logits, t);
        const T log_sum = log(detail::exponential_sum(logits, t, shift));
        T negative(0);
        for (index_t c = 0; c < logits.columns(); ++c) {
          const T log_p = T(logits.at(t, c)) - shift - log_sum;
          negative += exp(log_p) * log_p;
        }
        for (index_t c = 0; c < logits.columns(); ++c) {
          const T log_p = T(logits.at(t, c)) - shift - log_sum;
          d_logits.at(t, c) += g * (exp(log_p) * (negative - log_p));
        }
      }
    }
  }
}

}  // namespace attd::operations
