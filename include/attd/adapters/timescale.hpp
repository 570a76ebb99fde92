// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The adapter that also changes how fast time runs.
#pragma once

#include <attd/adapters/log_low_rank.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/transform.hpp>
#include <tuple>

namespace attd::adapters {

template <class T, template <class> class Inner>
struct timescale_weights {
  Inner<T> matrix;  ///< of the inner adapter
  tensor<T> tau;    ///< [S, timescales]
  static constexpr std::tuple names{"", "tau"};
};

/// clamp(tau, +-limit).
struct limited_time {
  double limit;

  template <class S>
  ATTD_HD bounded<S> operator()(const S& tau) const {
    return clamp(tau, primal_t<S>(-limit), primal_t<S>(limit));
  }
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
    operations::plain_loops here;
    limit(here, value_of{within{max_log}}, psi, out);
  }
  template <class Backend, class P, class D, class S, class Tau>
    requires AdaptsOnBackend<Inner, Backend>
  void apply(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
             const fast_weights<D>& psi, dynamics<S, Tau>& out) const {
    inner.apply(backend, layout, base, psi.matrix, out);
    limit(backend, value_of{within{max_log}}, psi, out);
  }

  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    inner.pullback(layout, base, psi.matrix, d_out, d_base, d_psi.matrix);
    operations::plain_loops here;
    pull(here, psi, d_out, d_psi);
  }
  template <class Backend, class P, class D, class S, class Tau, class DB, class G>
    requires AdaptsOnBackend<Inner, Backend>
  void pullback(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
                const fast_weights<D>& psi, const dynamics<S, Tau>& d_out, dynamics<DB>& d_base,
                fast_weights<G>& d_psi) const {
    inner.pullback(backend, layout, base, psi.matrix, d_out, d_base, d_psi.matrix);
    pull(backend, psi, d_out, d_psi);
  }

  /// Counts what is held at a limit, time scales included.
  template <class P>
  void count_clamped(const dynamics_layout& layout, const dynamics<P>& base,
                     const fast_weights<P>& psi, clamp_count& count) const {
    if constexpr (requires { inner.count_clamped(layout, base, psi.matrix, count); }) {
      inner.count_clamped(layout, base, psi.matrix, count);
    }
    for (index_t i = 0; i < layout.timescales; ++i) count.add(within{max_log}(P(psi.tau(0, i))));
  }
  /// Writes 1 for every number of the dynamics that is held at a limit, 0 for the others.
  template <class Backend, class P, class Tau>
    requires AdaptsOnBackend<Inner, Backend>
  void mark_clamped(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
                    const fast_weights<P>& psi, dynamics<P, Tau>& out) const {
    inner.mark_clamped(backend, layout, base, psi.matrix, out);
    limit(backend, held_by{within{max_log}}, psi, out);
  }

  /// Shrinks the matrix part only: a step size cannot make a stable continuous system unstable.
  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    inner.shrink(alpha, psi.matrix);
  }

 private:
  using within = limited_time;

  template <class Backend, class F, class D, class S, class Tau>
  static void limit(Backend& backend, const F& f, const fast_weights<D>& psi,
                    dynamics<S, Tau>& out) {
    operations::resize(backend, out.log_timescale, psi.tau.shape());
    operations::transform(backend, f, out.log_timescale.view(), psi.tau.view());
  }
  template <class Backend, class D, class S, class Tau, class G>
  void pull(Backend& backend, const fast_weights<D>& psi, const dynamics<S, Tau>& d_out,
            fast_weights<G>& d_psi) const {
    operations::transform_backward(backend, value_of{within{max_log}}, d_out.log_timescale.view(),
                                   std::tuple{d_psi.tau.view()}, psi.tau.view());
  }
};

static_assert(check_adapter<timescale<>>());

}  // namespace attd::adapters
