// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What an internal loss makes of an observation: the model's input, targets, and weights of rows.
#pragma once

#include <algorithm>
#include <attd/core/observation.hpp>
#include <attd/core/sequence_input.hpp>
#include <attd/core/sequences.hpp>
#include <attd/operations/memory.hpp>
#include <cmath>
#include <vector>

namespace attd::losses {

/// A prepared internal loss. The model is run on `input` or `ids`; row r of its output is compared
/// with row r of the targets; the loss is sum_r weight(r) loss_r, and on the guard part
/// sum_r guard_weight(r) loss_r. Weights sum to 1 (or are all 0 when the part is empty).
/// Everything here is constant over the steps of an input.
template <class T>
struct inner_data {
  sequences batch;
  tensor<T> input;
  std::vector<index_t> ids;
  tensor<T> target;
  std::vector<index_t> target_ids;
  tensor<T> weight;
  tensor<T> guard_weight;

  /// What the model reads; refers to the memory of this object.
  sequence_input<T> model_input() const {
    return {input.empty() ? view<const T>{} : input.view(), ids};
  }
  /// Whether any row is scored: without one there is nothing to learn from.
  bool has_scored() const { return any_positive(weight); }
  /// Whether there is a guard part: without one the loss itself decides about a step.
  bool has_guard() const { return any_positive(guard_weight); }

 private:
  static bool any_positive(const tensor<T>& w) {
    for (index_t r = 0; r < w.size(); ++r) {
      if (w(r) > T(0)) return true;
    }
    return false;
  }
};

/// Takes what operations read of it to the backend's memory.
template <class Backend, class T>
void bring_data(Backend& backend, inner_data<T>& data) {
  for (tensor<T>* t : {&data.input, &data.target, &data.weight}) operations::bring(backend, *t);
}

/// How the context is divided: the last `guard_fraction` of it is kept out of the gradient and
/// decides whether a step is accepted (0 <= guard_fraction < 1).
struct guard_split {
  double guard_fraction = 0.25;

  /// First row of the guard part of `scored` rows; at least one row stays for the gradient.
  index_t first_guard_row(index_t scored) const {
    const auto guard = static_cast<index_t>(std::floor(guard_fraction * double(scored)));
    return scored - std::min(guard, scored - 1);
  }
};

namespace detail {

/// Divides weights by their sum, or leaves zeros.
template <class T>
void normalize_weights(tensor<T>& w) {
  T sum(0);
  for (index_t r = 0; r < w.size(); ++r) sum += w(r);
  if (!(sum > T(0))) return;
  for (index_t r = 0; r < w.size(); ++r) w(r) /= sum;
}

/// Marks scored rows [first, last) of a sequence at `offset`: the gradient part, then the guard.
template <class T>
void mark_rows(inner_data<T>& data, const guard_split& split, index_t offset, index_t first,
               index_t last) {
  const index_t guard = first + split.first_guard_row(last - first);
  for (index_t r = first; r < last; ++r) {
    (r < guard ? data.weight : data.guard_weight)(offset + r) = T(1);
  }
}

/// Copies rows of a view into rows of a tensor.
template <class T, class U>
void copy_rows(view<T> from, view<U> to) {
  for (index_t r = 0; r < to.rows(); ++r) {
    for (index_t c = 0; c < to.columns(); ++c) to.at(r, c) = from.at(r, c);
  }
}

/// The fewest tokens that an observation must have for a loss; 1 where the loss does not say.
template <class Loss, class T>
index_t least_length(const Loss& loss, const observation<T>& o) {
  if constexpr (requires { loss.least_length(o); }) {
    return loss.least_length(o) < 1 ? 1 : loss.least_length(o);
  } else {
    return 1;
  }
}

/// Throws unless an observation has enough tokens for a loss.
inline void expect_length(const char* loss, index_t found, index_t needed) {
  if (found < needed) {
    fail(loss, ": the observation has ", found, " tokens, expected at least ", needed,
         "; hint: adapt on a longer context, or lower washout");
  }
}

}  // namespace detail

}  // namespace attd::losses
