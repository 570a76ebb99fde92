// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Makes an internal loss of a user's formula.
#pragma once

#include <attd/losses/next_value.hpp>
#include <attd/losses/output_error.hpp>
#include <span>

namespace attd::losses {

/// A formula of prediction and target as an internal loss: output error where outputs were
/// measured, next-value prediction elsewhere.
template <class Formula>
struct from_formula : elementwise_rows<Formula> {
  index_t washout = 0;

  static constexpr bool requires_causal = true;

  /// The shortest observation that has a scored row.
  template <class T>
  index_t least_length(const observation<T>& o) const {
    return washout + (o.measured.shape().rank > 0 ? 1 : 2);
  }

  /// As `output_error` where the observations have measured outputs, else as `next_value`.
  template <class T>
  void prepare(std::span<const observation<T>> group, const guard_split& split,
               inner_data<T>& data) const {
    if (group.front().measured.shape().rank > 0) {
      output_error<Formula>{{this->formula}, washout}.prepare(group, split, data);
    } else {
      next_value<Formula>{{this->formula}, washout, 0}.prepare(group, split, data);
    }
  }
};

namespace detail {
template <class L>
struct wrapped {
  using type = L;
};
template <class L>
  requires attd::detail::is_formula<L>
struct wrapped<L> {
  using type = from_formula<L>;
};
}  // namespace detail

/// `L` itself if it is an internal loss, or `from_formula<L>` if it is a formula.
template <class L>
using as_internal_loss = typename detail::wrapped<L>::type;

/// The loss itself, or the formula as a loss without washout.
template <class L>
as_internal_loss<L> make_internal_loss(const L& loss) {
  if constexpr (attd::detail::is_formula<L>) {
    return {{loss}, 0};
  } else {
    return loss;
  }
}

}  // namespace attd::losses
