// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Agreement of the model with itself under noise, and confidence.
#pragma once

#include <algorithm>
#include <attd/concepts/internal_loss.hpp>
#include <attd/core/random.hpp>
#include <attd/losses/preparation.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace attd::losses {

/// Consistency: the model reads two noisy copies of the context and is to say the same of both.
///
/// *Formula*: loss_r = mean over outputs of (output_r(x + n_1) - output_r(x + n_2))^2, n_i normal
/// of standard deviation `noise`, a function of (seed, key, copy, token). Both outputs are
/// differentiated. Works for outputs per token and per sequence (`pooled`).
struct consistency {
  double noise = 0.1;
  bool pooled = false;  ///< the model gives one row a sequence instead of one a token
  std::uint64_t seed = 0;

  static constexpr bool requires_causal = false;

  /// Two noisy copies of each observation, one after the other; scored at the rows of the first.
  template <class T>
  void prepare(std::span<const observation<T>> group, const guard_split& split,
               inner_data<T>& data) const {
    detail::lay_out("consistency", *this, group, 0, data, 2);
    data.input.resize({data.batch.tokens(), group.front().input.columns()});
    detail::clear_weights(data, pooled ? data.batch.count() : data.batch.tokens());
    for (index_t s = 0; s < data.batch.count(); ++s) {
      const auto& o = group[static_cast<std::size_t>(s / 2)];
      const index_t first = data.batch.offset(s), length = data.batch.length(s);
      random_stream random = random_stream{seed, o.key}.split(static_cast<std::uint64_t>(s % 2));
      for (index_t t = 0; t < length; ++t) {
        for (index_t c = 0; c < o.input.columns(); ++c) {
          data.input(first + t, c) = o.input.at(t, c) + T(noise * random.normal());
        }
      }
      if (s % 2 == 1) continue;  // the pair is scored once, at the first copy's rows
      if (pooled) {
        data.weight(s) = T(1);
      } else {
        detail::mark_rows(data, split, first, 0, length);
      }
    }
    detail::normalize_parts(data);
  }

  /// Row of the first copy: the mean squared difference of the pair; rows of the second: 0.
  template <class Backend, class S, class T>
  void evaluate(Backend&, view<const S> output, const inner_data<T>& data,
                loss_scratch<S>& scratch) const {
    scratch.rows.assign({output.rows()});
    detail::for_each_pair(data, pooled, [&](index_t r, index_t twin) {
      S sum(0);
      for (index_t c = 0; c < output.columns(); ++c) {
        sum += square(S(output.at(r, c)) - S(output.at(twin, c)));
      }
      scratch.rows(r) = sum / primal_t<S>(output.columns());
    });
  }

  /// Adds to the gradient of both rows of a pair, weighted as its first row; pairs of weight 0 are
  /// not looked at.
  template <class Backend, class S, class T>
  void backward(Backend&, view<const S> output, const inner_data<T>& data, view<const T> weight,
                loss_scratch<S>&, view<S> d_output) const {
    detail::for_each_pair(data, pooled, [&](index_t r, index_t twin) {
      if (weight(r) == T(0)) return;
      const T factor = T(2) * weight(r) / T(output.columns());
      for (index_t c = 0; c < output.columns(); ++c) {
        const S d = factor * (S(output.at(r, c)) - S(output.at(twin, c)));
        d_output.at(r, c) += d;
        d_output.at(twin, c) += -d;
      }
    });
  }
};

/// Entropy of the model's own predictions on the context [Wang2021]. One row a token or, `pooled`,
/// one a sequence (then there is no guard part: steps are accepted on the entropy itself).
struct entropy : entropy_rows {
  bool pooled = false;

  static constexpr bool requires_causal = false;

  /// Each observation as it is; every token is scored, or the whole sequence where `pooled`.
  template <class T>
  void prepare(std::span<const observation<T>> group, const guard_split& split,
               inner_data<T>& data) const {
    detail::lay_out("entropy", *this, group, 0, data);
    const bool tokens = !group.front().ids.empty();
    if (tokens) {
      data.ids.resize(static_cast<std::size_t>(data.batch.tokens()));
    } else {
      data.input.resize({data.batch.tokens(), group.front().input.columns()});
    }
    detail::clear_weights(data, pooled ? data.batch.count() : data.batch.tokens());
    if (pooled) std::fill_n(data.weight.data(), data.weight.size(), T(1));
    detail::fill_sequences(group, data, [&](const auto& o, index_t first, index_t length) {
      if (tokens) {
        std::copy(o.ids.begin(), o.ids.end(), data.ids.begin() + first);
      } else {
        detail::copy_rows(o.input, data.input.view().row_range(first, length));
      }
      if (!pooled) detail::mark_rows(data, split, first, 0, length);
    });
  }
};

static_assert(check_internal_loss<consistency>());
static_assert(check_internal_loss<entropy>());

}  // namespace attd::losses
