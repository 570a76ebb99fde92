// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Agreement of a classifier with itself when different tokens are hidden from it.
#pragma once

#include <algorithm>
#include <attd/concepts/internal_loss.hpp>
#include <attd/core/random.hpp>
#include <attd/losses/preparation.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace attd::losses {

/// Token consistency: the model reads two copies of the context, other tokens hidden in each, and
/// is to predict the same classes from both. Needs no label, and no output that resembles the
/// input: for classifiers of token ids, or of channels.
///
/// *Formula*: with a, b the two copies' outputs and p, q their softmax,
///   loss_r = 1/2 sum_c (p_rc - q_rc) (a_rc - b_rc) = 1/2 (KL(p|q) + KL(q|p)), in nats,
/// differentiated through both copies. Hidden tokens read as `mask_id`; of channels, as `blank`.
/// *Which tokens*: of one uniform draw per token, a function of (seed, key, pair, token), those
/// below `share` are hidden in the first copy, those from 1 - share on in the second; where there
/// is none, the lowest and the highest. So no token is hidden in both.
/// *Guard*: `pooled`, a second pair of copies with draws of its own (none where guard_fraction is
/// 0); an output per token: the last tokens of the pair, as in other losses.
/// *Shapes*: any batch; output [sequence, class] where `pooled`, else [token, class].
/// *Ranges*: 0 < share <= 1/2; at least 2 tokens. A `mask_id` of its own, one beyond the task's
/// vocabulary, is learned by training through the adaptation only: before it, its embedding is
/// noise. *Cost*: 4 sequences an observation where `pooled`, else 2.
/// *Source*: consistency under perturbation [Sajjadi2016], with hidden tokens in place of noise.
struct token_consistency {
  index_t mask_id = 0;
  double blank = 0;
  double share = 0.25;
  bool pooled = true;  ///< the model gives one row a sequence instead of one a token
  std::uint64_t seed = 0;

  static constexpr bool requires_causal = false;

  /// Two copies that differ need two tokens.
  template <class T>
  index_t least_length(const observation<T>&) const {
    return 2;
  }

  /// The copies of each observation, one after the other; a pair is scored at its first copy's row.
  template <class T>
  void prepare(std::span<const observation<T>> group, const guard_split& split,
               inner_data<T>& data) const {
    if (!(share > 0 && share <= 0.5)) {
      fail("token_consistency: share is ", share, ", expected above 0 and at most 0.5");
    }
    const index_t copies = pooled && split.guard_fraction > 0 ? 4 : 2;
    detail::lay_out("token_consistency", *this, group, 0, data, copies);
    const bool tokens = !group.front().ids.empty();
    if (tokens) {
      data.input = tensor<T>();
      data.ids.resize(static_cast<std::size_t>(data.batch.tokens()));
    } else {
      data.ids.clear();
      data.input.resize({data.batch.tokens(), group.front().input.columns()});
    }
    detail::clear_weights(data, pooled ? data.batch.count() : data.batch.tokens());
    for (index_t s = 0; s < data.batch.count(); ++s) {
      const auto& o = group[static_cast<std::size_t>(s / copies)];
      const index_t first = data.batch.offset(s), length = data.batch.length(s);
      const index_t pair = s % copies / 2;
      copy(o, first, data);
      hide(o, pair, s % 2 == 1, first, data);
      if (s % 2 == 1) continue;
      if (pooled) {
        (pair == 0 ? data.weight : data.guard_weight)(s) = T(1);
      } else {
        detail::mark_rows(data, split, first, 0, length);
      }
    }
    detail::normalize_parts(data);
  }

  /// Row of the first copy: how far the pair's predictions are apart; rows of the second: 0.
  template <class Backend, class S, class T>
  void evaluate(Backend&, view<const S> output, const inner_data<T>& data,
                loss_scratch<S>& scratch) const {
    scratch.rows.assign({output.rows()});
    scratch.elements.resize({2, output.columns()});
    detail::for_each_pair(data, pooled, [&](index_t r, index_t twin) {
      softmax(output, r, 0, scratch.elements);
      softmax(output, twin, 1, scratch.elements);
      S sum(0);
      for (index_t c = 0; c < output.columns(); ++c) {
        sum += (S(scratch.elements(0, c)) - S(scratch.elements(1, c))) *
               (S(output.at(r, c)) - S(output.at(twin, c)));
      }
      scratch.rows(r) = primal_t<S>(0.5) * sum;
    });
  }

  /// Adds to the gradient of both rows of a pair, weighted as its first row; pairs of weight 0 are
  /// not looked at.
  template <class Backend, class S, class T>
  void backward(Backend&, view<const S> output, const inner_data<T>& data, view<const T> weight,
                loss_scratch<S>& scratch, view<S> d_output) const {
    scratch.elements.resize({2, output.columns()});
    detail::for_each_pair(data, pooled, [&](index_t r, index_t twin) {
      if (weight(r) == T(0)) return;
      softmax(output, r, 0, scratch.elements);
      softmax(output, twin, 1, scratch.elements);
      const T half = T(0.5) * weight(r);
      S mean_p(0), mean_q(0);  // of a - b under p and under q
      for (index_t c = 0; c < output.columns(); ++c) {
        const S gap = S(output.at(r, c)) - S(output.at(twin, c));
        mean_p += S(scratch.elements(0, c)) * gap;
        mean_q += S(scratch.elements(1, c)) * gap;
      }
      for (index_t c = 0; c < output.columns(); ++c) {
        const S gap = S(output.at(r, c)) - S(output.at(twin, c));
        const S p = scratch.elements(0, c), q = scratch.elements(1, c);
        d_output.at(r, c) += half * (p - q + p * (gap - mean_p));
        d_output.at(twin, c) += half * (q - p + q * (mean_q - gap));
      }
    });
  }

 private:
  /// Row `r` of the output as probabilities, into row `to`.
  template <class S>
  static void softmax(view<const S> output, index_t r, index_t to, tensor<S>& out) {
    auto largest = primal(S(output.at(r, 0)));
    for (index_t c = 1; c < output.columns(); ++c) {
      largest = std::max(largest, primal(S(output.at(r, c))));
    }
    S sum(0);
    for (index_t c = 0; c < output.columns(); ++c) {
      const S e = exp(S(output.at(r, c)) - largest);
      out(to, c) = e;
      sum += e;
    }
    for (index_t c = 0; c < output.columns(); ++c) out(to, c) = S(out(to, c)) / sum;
  }

  template <class T>
  static void copy(const observation<T>& o, index_t first, inner_data<T>& data) {
    if (o.ids.empty()) {
      detail::copy_rows(o.input, data.input.view().row_range(first, o.length()));
    } else {
      std::copy(o.ids.begin(), o.ids.end(), data.ids.begin() + first);
    }
  }

  /// Hides tokens of one copy, whose first row is `first`.
  template <class T>
  void hide(const observation<T>& o, index_t pair, bool second, index_t first,
            inner_data<T>& data) const {
    bool any = false;
    index_t extreme = 0;
    double most = 2;
    const auto blot = [&](index_t t) {
      if (!o.ids.empty()) {
        data.ids[static_cast<std::size_t>(first + t)] = mask_id;
        return;
      }
      for (index_t c = 0; c < o.input.columns(); ++c) data.input(first + t, c) = T(blank);
    };
    for (index_t t = 0; t < o.length(); ++t) {
      random_stream random{seed, o.key, static_cast<std::uint64_t>(2 * t + pair)};
      const double u = random.uniform();
      const double distance = second ? 1 - u : u;  // from the end of [0, 1) that is hidden
      if (second ? u >= 1 - share : u < share) {
        blot(t);
        any = true;
      } else if (distance < most) {
        most = distance;
        extreme = t;
      }
    }
    if (!any) blot(extreme);
  }
};

static_assert(check_internal_loss<token_consistency>());

}  // namespace attd::losses
