// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Softmax cross-entropy and the entropy of the softmax: teams of threads go through a row's logits
// once for their sums, and once more for a gradient.
#pragma once

#include <attd/backends/thrust/team_reductions.hpp>
#include <attd/operations/cross_entropy.hpp>
#include <limits>

namespace attd::thrust_detail {

inline constexpr int softmax_threads = 256;
using softmax_layout = row_layout<softmax_threads>;

/// Sums over logits l, relative to the largest so far, m: sum of exp(l - m), and with `Count` 2
/// that of exp(l - m) (l - m). m is a constant to derivatives: it cancels.
template <class T, int Count>
struct running_softmax {
  // Starts finite, so that logits of -infinity are no special case.
  primal_t<T> largest = std::numeric_limits<primal_t<T>>::lowest();
  registers<T, Count> sums;

  ATTD_DEVICE running_softmax() {
    ATTD_UNROLL
    for (int k = 0; k < Count; ++k) sums[k] = T(0);
  }
  /// Makes m at least `other`.
  ATTD_DEVICE void raise(const primal_t<T>& other) {
    const primal_t<T> difference = largest - other, factor = exp(difference);
    if constexpr (Count == 2) {
      // Where the factor is 0 the difference may be infinite.
      sums[1] = factor > 0 ? (sums[1] + sums[0] * difference) * factor : T(0);
    }
    sums[0] = sums[0] * factor;
    largest = other;
  }
  ATTD_DEVICE void add(const T& logit) {
    const T relative = logit - largest, e = exp(relative);
    sums[0] += e;
    if constexpr (Count == 2) sums[1] += e * relative;
  }
};

/// The sums of `running_softmax` over whole rows.
template <class L, int Count, class Team>
class row_softmax {
 public:
  using T = std::remove_const_t<L>;
  using P = primal_t<T>;
  static constexpr std::size_t shared_bytes =
      row_maxima<P, softmax_threads, Team>::shared_bytes +
      row_sums<T, Count, softmax_threads, Team>::shared_bytes;

  ATTD_DEVICE row_softmax(Team& team, const softmax_layout& layout)
      : layout_(layout), maxima_(team), sums_(team), own_(team) {}

  /// Reads the rows t for which wanted(t).
  template <class Wanted>
  ATTD_DEVICE void read(Team& team, const view<L>& logits, const Wanted& wanted) {
    team.each([&](int thread) {
      running_softmax<T, Count> s;
      const index_t t = layout_.row(team.number(), thread);
      if (t < layout_.rows && wanted(t)) add_columns(logits, t, thread, s);
      own_[thread] = s.largest;
      maxima_.set(thread, s.largest);
      sums_.of(thread) = s.sums;
    });
    maxima_.find(team, layout_);
    team.each([&](int thread) {
      running_softmax<T, Count> s;
      s.largest = own_[thread];
      s.sums = sums_.of(thread);
      own_[thread] = maxima_.largest(layout_, thread);
      s.raise(own_[thread]);
      sums_.of(thread) = s.sums;
    });
    sums_.add(team);
  }
  /// The largest logit of a thread's row, and its k-th sum.
  ATTD_DEVICE P largest(int thread) { return own_[thread]; }
  ATTD_DEVICE T sum(int thread, int k = 0) const { return sums_.total(layout_, thread, k); }

 private:
  // Four logits at a time: their loads are under way together, and m is raised once for them.
  ATTD_DEVICE void add_columns(const view<L>& logits, index_t t, int thread,
                               running_softmax<T, Count>& s) const {
    constexpr int together = 4;
    const index_t width = layout_.width(), columns = layout_.columns;
    for (index_t c = layout_.place(thread); c < columns; c += together * width) {
      registers<T, together> logit;
      P top = s.largest;
      ATTD_UNROLL
      for (int i = 0; i < together; ++i) {
        const index_t own = c + i * width;
        logit[i] = number<T>(logits, t, own < columns ? own : columns - 1);  // as in `walk`
        if (logit[i] > top) top = primal(logit[i]);
      }
      s.raise(top);
      ATTD_UNROLL
      for (int i = 0; i < together; ++i) {
        if (c + i * width < columns) s.add(logit[i]);
      }
    }
  }

  softmax_layout layout_;
  row_maxima<P, softmax_threads, Team> maxima_;
  row_sums<T, Count, softmax_threads, Team> sums_;
  typename Team::template own<P> own_;
};

/// The loss of each of a team's rows, given their sums.
template <class L, class Id, class Y, class Team>
ATTD_DEVICE void write_cross_entropy(Team& team, const softmax_layout& layout,
                                     row_softmax<L, 1, Team>& softmax, const view<L>& logits,
                                     const Id* targets, const view<Y>& loss) {
  using T = std::remove_const_t<L>;
  team.each([&](int thread) {
    if (!layout.is_first(team.number(), thread)) return;
    const index_t t = layout.row(team.number(), thread);
    const auto target = static_cast<index_t>(targets[t]);
    if (target < 0) {
      loss(t) = T(0);
    } else {
      const T chosen = number<T>(logits, t, target) - softmax.largest(thread);
      loss(t) = log(softmax.sum(thread)) - chosen;
    }
  });
}

/// Losses; targets were checked before.
template <class L, class Id, class Y>
struct cross_entropy_rows {
  static constexpr int threads = softmax_threads;
  using T = std::remove_const_t<L>;

  softmax_layout layout;
  view<L> logits;
  const Id* targets;
  view<Y> loss;

  std::size_t shared_bytes() const { return row_softmax<L, 1, host_team>::shared_bytes; }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    row_softmax<L, 1, Team> softmax(team, layout);
    softmax.read(team, logits, [&](index_t t) { return static_cast<index_t>(targets[t]) >= 0; });
    write_cross_entropy(team, layout, softmax, logits, targets, loss);
  }
};

/// d_logits of the losses.
template <class L, class Id, class G, class DL>
struct cross_entropy_gradient_rows {
  static constexpr int threads = softmax_threads;
  using T = std::remove_const_t<L>;
  struct logit_of {
    T value;
    bool is_target;
  };

  softmax_layout layout;
  view<L> logits;
  const Id* targets;
  view<G> weight;
  view<DL> d_logits;

  std::size_t shared_bytes() const { return row_softmax<L, 1, host_team>::shared_bytes; }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    row_softmax<L, 1, Team> softmax(team, layout);
    softmax.read(team, logits, [&](index_t t) { return static_cast<index_t>(targets[t]) >= 0; });
    team.each([&](int thread) {
      const index_t row = layout.row(team.number(), thread);
      const index_t target = row < layout.rows ? static_cast<index_t>(targets[row]) : -1;
      if (target < 0) return;
      const std::remove_const_t<G> g = weight(row);
      const primal_t<L> largest = softmax.largest(thread);
      const promote_t<L, G> scale = g / softmax.sum(thread);
      const auto load = [&](index_t t, index_t c) {
        return logit_of{number<T>(logits, t, c), c == target};
      };
      add_to_rows(layout, team, thread, d_logits, load, [&](const logit_of& l) {
        const promote_t<L, G> d = scale * exp(l.value - largest);
        return l.is_target ? d - g : d;
      });
    });
  }
};

/// Losses, and d_logits in place of the logits.
template <class L, class Id, class G, class Y>
struct cross_entropy_rows_in_place {
  static constexpr int threads = softmax_threads;

  softmax_layout layout;
  view<L> logits;
  const Id* targets;
  view<G> weight;
  view<Y> loss;

  std::size_t shared_bytes() const { return row_softmax<L, 1, host_team>::shared_bytes; }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    row_softmax<L, 1, Team> softmax(team, layout);
    softmax.read(team, logits, [&](index_t t) { return static_cast<index_t>(targets[t]) >= 0; });
    write_cross_entropy(team, layout, softmax, logits, targets, loss);  // while they are all there
    team.each([&](int thread) {
      const index_t row = layout.row(team.number(), thread);
      if (row >= layout.rows) return;
      const auto target = static_cast<index_t>(targets[row]);
      const std::remove_const_t<G> g = weight(row);
      const bool counts = target >= 0 && !is_zero(g);
      const primal_t<L> largest = softmax.largest(thread);
      const L scale = counts ? L(g) / softmax.sum(thread) : L(0);
      layout.walk(
          team.number(), thread, [&](index_t t, index_t c) { return number<L>(logits, t, c); },
          [&](index_t t, index_t c, const L& logit) {
            if (!counts) {
              logits.at(t, c) = L(0);
              return;
            }
            const L d = scale * exp(logit - largest);
            logits.at(t, c) = c == target ? d - g : d;
          });
    });
  }
};

/// Entropies  H = log s - q / s  with s = sum exp(l - m), q = sum exp(l - m) (l - m): no term is
/// negative, so none cancels.
template <class L, class Y>
struct softmax_entropy_rows {
  static constexpr int threads = softmax_threads;
  using T = std::remove_const_t<L>;

  softmax_layout layout;
  view<L> logits;
  view<Y> entropy;

  std::size_t shared_bytes() const { return row_softmax<L, 2, host_team>::shared_bytes; }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    row_softmax<L, 2, Team> softmax(team, layout);
    softmax.read(team, logits, [](index_t) { return true; });
    team.each([&](int thread) {
      if (!layout.is_first(team.number(), thread)) return;
      const T s = softmax.sum(thread), q = softmax.sum(thread, 1);
      entropy(layout.row(team.number(), thread)) = log(s) - q / s;
    });
  }
};

/// d_logits of the entropies.
template <class L, class G, class DL>
struct softmax_entropy_gradient_rows {
  static constexpr int threads = softmax_threads;
  using T = std::remove_const_t<L>;

  softmax_layout layout;
  view<L> logits;
  view<G> weight;
  view<DL> d_logits;

  std::size_t shared_bytes() const { return row_softmax<L, 2, host_team>::shared_bytes; }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    row_softmax<L, 2, Team> softmax(team, layout);
    softmax.read(team, logits, [](index_t) { return true; });
    team.each([&](int thread) {
      if (layout.row(team.number(), thread) >= layout.rows) return;
      const std::remove_const_t<G> g = weight(layout.row(team.number(), thread));
      const primal_t<L> largest = softmax.largest(thread);
      const T s = softmax.sum(thread), log_sum = log(s);
      const T negative = softmax.sum(thread, 1) / s - log_sum;
      const auto load = [&](index_t t, index_t c) { return number<T>(logits, t, c); };
      add_to_rows(layout, team, thread, d_logits, load, [&](const T& logit) {
        const T log_p = logit - largest - log_sum;
        return g * (exp(log_p) * (negative - log_p));
      });
    });
  }
};

}  // namespace attd::thrust_detail
