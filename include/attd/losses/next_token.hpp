// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Language-model losses on what has been read so far.
#pragma once

#include <algorithm>
#include <attd/concepts/internal_loss.hpp>
#include <attd/losses/masking.hpp>
#include <attd/losses/preparation.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace attd::losses {

/// Next-token loss: cross-entropy of the prediction after token t with token t + 1, inside the
/// context.
struct next_token : cross_entropy_rows {
  index_t washout = 0;

  static constexpr bool requires_causal = true;

  /// The shortest observation that has a scored row.
  template <class T>
  index_t least_length(const observation<T>&) const {
    return washout + 2;
  }

  /// Ids 0 .. c - 2 of each observation, targets 1 .. c - 1.
  template <class T>
  void prepare(std::span<const observation<T>> group, const guard_split& split,
               inner_data<T>& data) const {
    detail::lay_out("next_token", *this, group, 1, data);
    detail::resize_tokens(data);
    detail::fill_sequences(group, data, [&](const auto& o, index_t first, index_t length) {
      std::copy_n(o.ids.begin(), length, data.ids.begin() + first);
      std::copy_n(o.ids.begin() + 1, length, data.target_ids.begin() + first);
      detail::mark_rows(data, split, first, washout, length);
    });
  }
};

/// Masked-token loss for models that may see both sides: a share of the tokens is replaced by
/// `mask_id`, the model is to name them. Which ones is a function of (seed, key, token), as in
/// `reconstruction`.
///
/// *Ranges*: 0 < share < 1; mask_id a token of the model's vocabulary.
struct masked_token : cross_entropy_rows {
  index_t mask_id = 0;
  double share = 0.15;
  std::uint64_t seed = 0;

  static constexpr bool requires_causal = false;

  /// The shortest observation that has a scored row.
  template <class T>
  index_t least_length(const observation<T>&) const {
    return 2;
  }

  /// The ids of each observation with the hidden ones replaced, and those as targets; -1 elsewhere.
  template <class T>
  void prepare(std::span<const observation<T>> group, const guard_split& split,
               inner_data<T>& data) const {
    detail::lay_out("masked_token", *this, group, 0, data);
    detail::resize_tokens(data);
    detail::fill_sequences(group, data, [&](const auto& o, index_t first, index_t length) {
      std::copy_n(o.ids.begin(), length, data.ids.begin() + first);
      std::fill_n(data.target_ids.begin() + first, length, index_t{-1});
      detail::mark_masked_rows(data, split, {seed, o.key, share}, first, length, [&](index_t t) {
        const auto at = static_cast<std::size_t>(first + t);
        data.target_ids[at] = data.ids[at];
        data.ids[at] = mask_id;
      });
    });
  }
};

static_assert(check_internal_loss<next_token>());
static_assert(check_internal_loss<masked_token>());

}  // namespace attd::losses
