// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Next-value prediction on what has been seen of a series.
#pragma once

#include <attd/concepts/internal_loss.hpp>
#include <attd/losses/preparation.hpp>
#include <span>

namespace attd::losses {

/// Next-value loss: the model reads x_0 .. x_{c-2} and is compared with x_1 .. x_{c-1}, c the
/// length of the context; the last target lies inside the context.
///
/// *Formula*: loss_t = mean over outputs of f(prediction_t, x_{t+1}).
/// *Ranges*: `outputs` first channels of the input are the series, the others known inputs
/// (0 = all); the first `washout` predictions are not scored.
template <class Formula = squared_error>
struct next_value : elementwise_rows<Formula> {
  index_t washout = 0;
  index_t outputs = 0;

  static constexpr bool requires_causal = true;

  /// The shortest observation that has a scored row.
  template <class T>
  index_t least_length(const observation<T>&) const {
    return washout + 2;
  }

  /// Rows 0 .. c - 2 of each observation, targets 1 .. c - 1.
  template <class T>
  void prepare(std::span<const observation<T>> group, const guard_split& split,
               inner_data<T>& data) const {
    detail::lay_out("next_value", *this, group, 1, data);
    const index_t channels = group.front().input.columns();
    const index_t series = outputs == 0 ? channels : outputs;
    detail::resize_values(data, channels, series);
    detail::fill_sequences(group, data, [&](const auto& o, index_t first, index_t length) {
      detail::copy_rows(o.input.row_range(0, length), data.input.view().row_range(first, length));
      detail::copy_rows(o.input.row_range(1, length).column_range(0, series),
                        data.target.view().row_range(first, length));
      detail::mark_rows(data, split, first, washout, length);
    });
  }
};

static_assert(check_internal_loss<next_value<>>());

}  // namespace attd::losses
