// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Which tokens of an input a masked loss hides and scores.
#pragma once

#include <attd/core/random.hpp>
#include <attd/losses/inner_data.hpp>
#include <cstdint>

namespace attd::losses::detail {

/// The shortest context whose guard part, where there is one, is sure of a scored row.
inline constexpr index_t least_length_of_masked_guard = 4;

/// Hides a share of the tokens of one input, each by its own draw: a function of (seed, key,
/// token), never of the batch.
struct token_mask {
  std::uint64_t seed = 0;
  std::uint64_t key = 0;  ///< of the observation
  double share = 0.25;

  /// Uniform in [0, 1); the token is hidden where this is below `share`.
  double draw(index_t token) const {
    random_stream random{seed, key, static_cast<std::uint64_t>(token)};
    return random.uniform();
  }

  /// Calls hide(token) for the hidden tokens of [first, last). Where no draw is below `share` and
  /// `at_least_one` is asked for, that is the one with the lowest: the first to be hidden if the
  /// share grew.
  template <class Hide>
  void for_each_hidden(index_t first, index_t last, bool at_least_one, Hide hide) const {
    bool any = false;
    double lowest_draw = 1;
    index_t lowest = first;
    for (index_t t = first; t < last; ++t) {
      const double u = draw(t);
      if (u < share) {
        hide(t);
        any = true;
      } else if (u < lowest_draw) {
        lowest_draw = u;
        lowest = t;
      }
    }
    if (at_least_one && !any && first < last) hide(lowest);
  }
};

/// Hides tokens of the sequence of `length` tokens at row `offset` and marks their rows as scored:
/// at least one row of the gradient part and, from `least_length_of_masked_guard` tokens on, of the
/// guard part where there is one. hide(token) does the hiding.
template <class T, class Hide>
void mark_masked_rows(inner_data<T>& data, const guard_split& split, const token_mask& mask,
                      index_t offset, index_t length, Hide hide) {
  const index_t guard = split.first_guard_row(length);
  const auto mark = [&](tensor<T>& weight) {
    return [&weight, &hide, offset](index_t t) {
      hide(t);
      weight(offset + t) = T(1);
    };
  };
  mask.for_each_hidden(0, guard, true, mark(data.weight));
  mask.for_each_hidden(guard, length, length >= least_length_of_masked_guard,
                       mark(data.guard_weight));
}

}  // namespace attd::losses::detail
