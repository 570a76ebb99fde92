// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Masked reconstruction of the input.
#pragma once

#include <attd/concepts/internal_loss.hpp>
#include <attd/losses/masking.hpp>
#include <attd/losses/preparation.hpp>
#include <cstdint>
#include <span>

namespace attd::losses {

/// Masked reconstruction: a share of the tokens of the context is set to zero, the model is to
/// give them back (its output has the channels of its input). Which ones is a function of
/// (seed, key, token); only masked tokens are scored: at least one of the gradient part and, in
/// contexts of 4 tokens or more, at least one of the guard part.
///
/// *Ranges*: 0 < share < 1. *Source*: the masked-autoencoder objective [Gandelsman2022].
template <class Formula = squared_error>
struct reconstruction : elementwise_rows<Formula> {
  double share = 0.25;
  std::uint64_t seed = 0;

  static constexpr bool requires_causal = false;

  /// The shortest observation that has a scored row.
  template <class T>
  index_t least_length(const observation<T>&) const {
    return 2;
  }

  /// Each observation with the hidden tokens set to zero; as target what it was.
  template <class T>
  void prepare(std::span<const observation<T>> group, const guard_split& split,
               inner_data<T>& data) const {
    detail::lay_out("reconstruction", *this, group, 0, data);
    const index_t channels = group.front().input.columns();
    detail::resize_values(data, channels, channels);
    detail::fill_sequences(group, data, [&](const auto& o, index_t first, index_t length) {
      detail::copy_rows(o.input, data.target.view().row_range(first, length));
      detail::copy_rows(o.input, data.input.view().row_range(first, length));
      detail::mark_masked_rows(data, split, {seed, o.key, share}, first, length, [&](index_t t) {
        for (index_t c = 0; c < channels; ++c) data.input(first + t, c) = T(0);
      });
    });
  }
};

static_assert(check_internal_loss<reconstruction<>>());

}  // namespace attd::losses
