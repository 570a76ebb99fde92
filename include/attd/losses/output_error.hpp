// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Simulation error on the outputs that have been measured so far.
#pragma once

#include <attd/concepts/internal_loss.hpp>
#include <attd/losses/preparation.hpp>
#include <span>

namespace attd::losses {

/// Output error: the model simulates the plant from its inputs and is compared with the outputs
/// measured in the context, after a washout in which the unknown initial state dies out.
///
/// *Formula*: loss_t = mean over outputs of f(prediction_t, measured_t), t >= washout.
template <class Formula = squared_error>
struct output_error : elementwise_rows<Formula> {
  index_t washout = 0;

  static constexpr bool requires_causal = false;

  /// The shortest observation that has a scored row.
  template <class T>
  index_t least_length(const observation<T>&) const {
    return washout + 1;
  }

  /// The inputs of each observation, its measured outputs as targets.
  /// *Errors*: `attd::error` without measured outputs, or where they are not one row a token.
  template <class T>
  void prepare(std::span<const observation<T>> group, const guard_split& split,
               inner_data<T>& data) const {
    detail::lay_out("output_error", *this, group, 0, data);
    for (const auto& o : group) {
      if (o.measured.shape().rank == 0) {
        fail(
            "output_error: the observation has no measured outputs; "
            "hint: use next_value for a series without measured outputs");
      }
      expect_equal("output_error", "the number of measured rows", o.measured.rows(), o.length());
    }
    detail::resize_values(data, group.front().input.columns(), group.front().measured.columns());
    detail::fill_sequences(group, data, [&](const auto& o, index_t first, index_t length) {
      detail::copy_rows(o.input, data.input.view().row_range(first, length));
      detail::copy_rows(o.measured, data.target.view().row_range(first, length));
      detail::mark_rows(data, split, first, washout, length);
    });
  }
};

static_assert(check_internal_loss<output_error<>>());

}  // namespace attd::losses
