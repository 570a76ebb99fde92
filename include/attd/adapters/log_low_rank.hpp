// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The adapter A = -exp(log(-A_0) + U V^T): rates that stay negative by construction.
#pragma once

#include <attd/adapters/low_rank.hpp>

namespace attd::adapters {

/// Low-rank change of the logarithm of the rates: tables (Mamba, S4D) only.
///
/// *Formula*: A = -exp(clamp(log(-A_0) + (U V^T), log slowest, log fastest)); for complex tables
/// the imaginary part is multiplied, Im A = Im A_0 exp(clamp((U V^T)_im, +-shift)): time runs
/// faster or slower, mode by mode.
/// *Shapes, ranges, cost*: as `low_rank`, and two transcendental functions an entry.
struct log_low_rank {
  index_t rank = 4;
  double scale = 0.5;
  table_bounds limits{};

  template <class T>
  using fast_weights = low_rank_weights<T>;
  static constexpr bool adapts_timescale = false;

  template <class T>
  void initialize(const dynamics_layout& layout, random_stream random, fast_weights<T>& psi) const {
    expect_table(layout);
    detail::initialize_low_rank(layout, rank, scale, random, psi);
  }

  template <class P, class D, class S, class Tau>
  void apply(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
             dynamics<S, Tau>& out) const {
    const index_t sets = psi.u.extent(0);
    const log_limits<primal_t<S>> within(limits);
    out.matrix.resize({sets, layout.rows, layout.columns});
    if (layout.complex()) out.imaginary.resize(out.matrix.shape());
    for (index_t s = 0; s < sets; ++s) {
      for (index_t i = 0; i < layout.rows; ++i) {
        for (index_t j = 0; j < layout.columns; ++j) {
          const S change = detail::low_rank_entry(psi, s, i, j);
          out.matrix(s, i, j) = -exp(log_rate<S>(within, P(base.matrix(0, i, j)), change).value);
          if (layout.complex()) {
            const S im = detail::low_rank_entry(psi, s, i, layout.columns + j);
            out.imaginary(s, i, j) = S(P(base.imaginary(0, i, j))) * exp(log_speed(im).value);
          }
        }
      }
    }
  }

  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    const log_limits<primal_t<G>> within(limits);
    for (index_t s = 0; s < psi.u.extent(0); ++s) {
      for (index_t i = 0; i < layout.rows; ++i) {
        for (index_t j = 0; j < layout.columns; ++j) {
          const P a0 = base.matrix(0, i, j);
          const G change = detail::low_rank_entry(psi, s, i, j);
          const auto rate = log_rate<G>(within, a0, change);
          if (rate.free) {
            // dA = A d(log rate), and d(log rate) = d(change) + dA_0 / A_0.
            const G g = -exp(rate.value) * G(S(d_out.matrix(s, i, j)));
            detail::low_rank_entry_pullback(psi, s, i, j, g, d_psi);
            if constexpr (!std::is_same_v<DB, none>) d_base.matrix(0, i, j) += g / a0;
          }
          if (!layout.complex()) continue;
          const index_t jj = layout.columns + j;
          const P im0 = base.imaginary(0, i, j);
          const auto speed = log_speed(G(detail::low_rank_entry(psi, s, i, jj)));
          const G g = exp(speed.value) * G(S(d_out.imaginary(s, i, j)));
          if (speed.free) detail::low_rank_entry_pullback(psi, s, i, jj, g * G(im0), d_psi);
          if constexpr (!std::is_same_v<DB, none>) d_base.imaginary(0, i, j) += g;
        }
      }
    }
  }

  /// Counts the entries of a table that are held at a limit, where the derivative is 0.
  template <class P>
  void count_clamped(const dynamics_layout& layout, const dynamics<P>& base,
                     const fast_weights<P>& psi, clamp_count& count) const {
    const log_limits<primal_t<P>> within(limits);
    for (index_t i = 0; i < layout.rows; ++i) {
      for (index_t j = 0; j < layout.columns; ++j) {
        const P change = detail::low_rank_entry(psi, 0, i, j);
        count.add(log_rate<P>(within, base.matrix(0, i, j), change));
        if (!layout.complex()) continue;
        count.add(log_speed(detail::low_rank_entry(psi, 0, i, layout.columns + j)));
      }
    }
  }

  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    low_rank{}.shrink(alpha, psi);
  }

 private:
  static void expect_table(const dynamics_layout& layout) {
    if (is_dense(layout.kind)) {
      fail(
          "log_low_rank: the dynamics are a dense matrix, expected a table of negative rates; "
          "hint: use low_rank for dense blocks");
    }
  }
  /// Logarithms of the limits of rates, taken once for all entries.
  template <class R>
  struct log_limits {
    R slowest, fastest;
    explicit log_limits(const table_bounds& b)
        : slowest(R(std::log(b.slowest))), fastest(R(std::log(b.fastest))) {}
  };
  template <class S, class P>
  static bounded<S> log_rate(const log_limits<primal_t<S>>& within, P a0, S change) {
    using R = primal_t<S>;
    const auto trained = log(-a0);  // beyond the limits it widens them to itself
    return clamp(S(trained + change), std::min(within.slowest, R(primal(trained))),
                 std::max(within.fastest, R(primal(trained))));
  }
  template <class S>
  bounded<S> log_speed(S change) const {
    using R = primal_t<S>;
    return clamp(change, R(-limits.imaginary_shift), R(limits.imaginary_shift));
  }
};

static_assert(check_adapter<log_low_rank>());

}  // namespace attd::adapters
