// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An adapter, a formula and an inner optimiser as users write them: none knows of a walk back.
#pragma once

#include <attd/concepts/adapter.hpp>
#include <attd/concepts/inner_optimizer.hpp>
#include <attd/concepts/internal_loss.hpp>
#include <attd/core/leaves.hpp>
#include <cmath>
#include <tuple>
#include <type_traits>

namespace attd_test {

template <class T>
struct gain_weights {
  attd::tensor<T> gain;  ///< [1, columns]
  static constexpr std::tuple names{"gain"};
};

/// A = A_0 diag(exp(gain)), for dense dynamics and tables; of complex ones the real part.
struct column_gains {
  template <class T>
  using fast_weights = gain_weights<T>;
  static constexpr bool adapts_timescale = false;

  template <class T>
  void initialize(const attd::dynamics_layout& layout, attd::random_stream,
                  fast_weights<T>& psi) const {
    psi.gain.assign({1, layout.columns});
  }
  template <class P, class D, class S, class Tau>
  void apply(const attd::dynamics_layout& layout, const attd::dynamics<P>& base,
             const fast_weights<D>& psi, attd::dynamics<S, Tau>& out) const {
    out.matrix.resize({1, layout.rows, layout.columns});
    if (layout.complex()) out.imaginary.resize(out.matrix.shape());
    for (attd::index_t i = 0; i < layout.rows; ++i) {
      for (attd::index_t j = 0; j < layout.columns; ++j) {
        out.matrix(0, i, j) = S(P(base.matrix(0, i, j)) * attd::exp(D(psi.gain(0, j))));
        if (layout.complex()) out.imaginary(0, i, j) = S(P(base.imaginary(0, i, j)));
      }
    }
  }
  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const attd::dynamics_layout& layout, const attd::dynamics<P>& base,
                const fast_weights<D>& psi, const attd::dynamics<S, Tau>& d_out,
                attd::dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    for (attd::index_t i = 0; i < layout.rows; ++i) {
      for (attd::index_t j = 0; j < layout.columns; ++j) {
        const G g = S(d_out.matrix(0, i, j)) * attd::exp(D(psi.gain(0, j)));
        d_psi.gain(0, j) += g * P(base.matrix(0, i, j));
        if constexpr (!std::is_same_v<DB, attd::none>) {
          d_base.matrix(0, i, j) += g;
          if (layout.complex()) d_base.imaginary(0, i, j) += S(d_out.imaginary(0, i, j));
        }
      }
    }
  }
  // exp(gain) - 1 becomes alpha times itself.
  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    for (attd::index_t j = 0; j < psi.gain.size(); ++j) {
      const T change = attd::exp(T(psi.gain(0, j))) - T(1);
      psi.gain(0, j) = attd::log1p(T(alpha) * change);
    }
  }
};
static_assert(attd::check_adapter<column_gains>());

/// Quadratic near 0, linear far away.
struct soft_distance {
  template <class T>
  T operator()(T prediction, T target) const {
    return attd::sqrt(attd::square(prediction - target) + T(0.01)) - T(0.1);
  }
};
static_assert(attd::check_internal_loss<soft_distance>());

template <class W>
struct soft_sign_state {
  W average;
  static constexpr std::tuple names{"average"};
};

/// v <- v / 2 + g,  psi <- psi - rate v / sqrt(v^2 + 0.01): no template of its number type.
struct soft_sign {
  double rate = 0.03;

  template <class W>
  using state = soft_sign_state<W>;

  template <class W>
  void initialize(const W& psi, state<W>& m) const {
    attd::zeros_like(psi, m.average);
  }
  template <class W>
  void step(attd::index_t, double factor, const W& gradient, W& psi, state<W>& m) const {
    using T = attd::leaf_scalar_t<W>;
    attd::for_each_leaf(
        [&](auto& p, auto& average, const auto& g) {
          if (p.empty()) return;
          const auto to = p.view(), v = average.view();
          const auto by = g.view();
          for (attd::index_t i = 0; i < to.rows(); ++i) {
            for (attd::index_t j = 0; j < to.columns(); ++j) {
              const T next = T(0.5) * T(v.at(i, j)) + T(by.at(i, j));
              v.at(i, j) = next;
              to.at(i, j) =
                  T(to.at(i, j)) - T(rate * factor) * next / attd::sqrt(next * next + T(0.01));
            }
          }
        },
        psi, m.average, gradient);
  }
  attd::index_t reset_interval() const { return 0; }
};
static_assert(attd::check_inner_optimizer<soft_sign>());

}  // namespace attd_test
