// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The adapter that also changes how fast time runs.
#pragma once

#include <attd/adapters/log_low_rank.hpp>
#include <tuple>

namespace attd::adapters {

template <class T, template <class> class Inner>
struct timescale_weights {
  Inner<T> matrix;  ///< of the inner adapter
  tensor<T> tau;    ///< [S, timescales]
  static constexpr std::tuple names{"", "tau"};
};

/// Change of the step size of every channel, beside another adapter's change of the matrix.
///
/// *Formula*: step = step_0 exp(clamp(tau, +-max_log)), tau starts at 0; the matrix as in `Inner`.
/// *Shapes*: tau [S, timescales] (Mamba: one a channel; dense: one).
/// *Ranges*: max_log > 0, log of the largest factor. Systems in discrete time have no step.
/// *Cost*: that of `Inner`.
template <class Inner = log_low_rank>
struct timescale {
  Inner inner{};
  double max_log = 3.0;

  template <class T>
  using fast_weights = timescale_weights<T, Inner::template fast_weights>;
  static constexpr bool adapts_timescale = true;

  template <class T>
  void initialize(const dynamics_layout& layout, random_stream random, fast_weights<T>& psi) const {
    if (layout.timescales == 0) {
      fail(
          "timescale: the system is in discrete time and has no step size; "
          "hint: use a continuous block, s4d or mamba");
    }
    inner.initialize(layout, random, psi.matrix);
    psi.tau.assign({1, layout.timescales});
  }

  template <class P, class D, class S, class Tau>
  void apply(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
             dynamics<S, Tau>& out) const {
    inner.apply(layout, base, psi.matrix, out);
    out.log_timescale.resize(psi.tau.shape());
    for (index_t s = 0; s < psi.tau.extent(0); ++s) {
      for (index_t i = 0; i < layout.timescales; ++i) {
        out.log_timescale(s, i) = limited(Tau(D(psi.tau(s, i)))).value;
      }
    }
  }

  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    inner.pullback(layout, base, psi.matrix, d_out, d_base, d_psi.matrix);
    for (index_t s = 0; s < psi.tau.extent(0); ++s) {
      for (index_t i = 0; i < layout.timescales; ++i) {
        if (limited(G(D(psi.tau(s, i)))).free) {
          d_psi.tau(s, i) += Tau(d_out.log_timescale(s, i));
        }
      }
    }
  }

  /// Counts what is held at a limit, time scales included.
  template <class P>
  void count_clamped(const dynamics_layout& layout, const dynamics<P>& base,
                     const fast_weights<P>& psi, clamp_count& count) const {
    if constexpr (requires { inner.count_clamped(layout, base, psi.matrix, count); }) {
      inner.count_clamped(layout, base, psi.matrix, count);
    }
    for (index_t i = 0; i < layout.timescales; ++i) {
      const P tau = psi.tau(0, i);
      count.add(limited(tau));
    }
  }

  /// Shrinks the matrix part only: a step size cannot make a stable continuous system unstable.
  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    inner.shrink(alpha, psi.matrix);
  }

 private:
  template <class S>
  bounded<S> limited(S tau) const {
    return clamp(tau, primal_t<S>(-max_log), primal_t<S>(max_log));
  }
};

static_assert(check_adapter<timescale<>>());

}  // namespace attd::adapters
