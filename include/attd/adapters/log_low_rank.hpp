// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The adapter A = -exp(log(-A_0) + U V^T): rates that stay negative by construction.
#pragma once

#include <attd/adapters/low_rank.hpp>

namespace attd::adapters {

/// -exp(clamp(log(-base) + change)). A trained rate beyond the limits widens them to itself.
struct multiplied_rate {
  double slowest, fastest;  ///< logarithms of the limits

  static multiplied_rate of(const table_bounds& b) {
    return {std::log(b.slowest), std::log(b.fastest)};
  }

  template <class S>
  ATTD_HD bounded<S> operator()(const S& base, const S& change) const {
    using R = primal_t<S>;
    const S trained = log(-base);
    const R at = primal(trained);
    const bounded<S> rate =
        clamp(S(trained + change), std::min(R(slowest), at), std::max(R(fastest), at));
    return {-exp(rate.value), rate.free};
  }
};

/// base exp(clamp(change)): time runs faster or slower.
struct multiplied_frequency {
  double limit;

  static multiplied_frequency of(const table_bounds& b) { return {b.imaginary_shift}; }

  template <class S>
  ATTD_HD bounded<S> operator()(const S& base, const S& change) const {
    const bounded<S> speed = clamp(change, primal_t<S>(-limit), primal_t<S>(limit));
    return {base * exp(speed.value), speed.free};
  }
};

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
    operations::plain_loops here;
    apply(here, layout, base, psi, out);
  }
  template <class Backend, class P, class D, class S, class Tau>
  void apply(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
             const fast_weights<D>& psi, dynamics<S, Tau>& out) const {
    detail::apply_low_rank(backend, layout, value_of{multiplied_rate::of(limits)},
                           value_of{multiplied_frequency::of(limits)}, base, psi, out);
  }

  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    operations::plain_loops here;
    pullback(here, layout, base, psi, d_out, d_base, d_psi);
  }
  template <class Backend, class P, class D, class S, class Tau, class DB, class G>
  void pullback(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
                const fast_weights<D>& psi, const dynamics<S, Tau>& d_out, dynamics<DB>& d_base,
                fast_weights<G>& d_psi) const {
    detail::pull_low_rank(backend, layout, value_of{multiplied_rate::of(limits)},
                          value_of{multiplied_frequency::of(limits)}, base, psi, d_out, d_base,
                          d_psi);
  }

  /// Counts the entries of a table that are held at a limit, where the derivative is 0.
  template <class P>
  void count_clamped(const dynamics_layout& layout, const dynamics<P>& base,
                     const fast_weights<P>& psi, clamp_count& count) const {
    detail::count_low_rank(layout, multiplied_rate::of(limits), multiplied_frequency::of(limits),
                           base, psi, count);
  }
  /// Writes 1 for every number of the dynamics that is held at a limit, 0 for the others.
  template <class Backend, class P, class Tau>
  void mark_clamped(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
                    const fast_weights<P>& psi, dynamics<P, Tau>& out) const {
    detail::apply_low_rank(backend, layout, held_by{multiplied_rate::of(limits)},
                           held_by{multiplied_frequency::of(limits)}, base, psi, out);
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
};

static_assert(check_adapter<log_low_rank>());

}  // namespace attd::adapters
