// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The linear state-space block with a dense A, in discrete and in continuous time.
#pragma once

#include <attd/blocks/dense_dynamics.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/random.hpp>
#include <attd/core/sequences.hpp>
#include <attd/metrics/flops.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/matmul.hpp>
#include <attd/operations/memory.hpp>
#include <cmath>
#include <tuple>
#include <utility>

namespace attd::blocks {

/// Parameters of `basic_linear_ssm`.
template <class T>
struct linear_ssm_parameters {
  dense_dynamics_parameters<T> dynamics;
  tensor<T> c;  ///< C [output, state]
  tensor<T> d;  ///< D [output, input]
  static constexpr std::tuple names{"", "C", "D"};
};

/// Activations kept from forward to backward, and temporary memory.
template <class S>
struct linear_ssm_cache {
  dense_dynamics_cache<S> dynamics;
  tensor<S> d_h;
};

/// Linear system of which every matrix is dense.
///
/// *Formula*: y_t = C h_t + D u_t;  discrete  h_t = A h_{t-1} + B u_t;  continuous
/// h' = A h + B u, u held over a step of length `step` (times exp(tau) where the dynamics have a
/// `log_timescale`).
/// *Shapes*: u [token, input], y [token, output], A [state, state], B [state, input].
/// *Cost*: 2 token (state (state + input) + output (state + input)).
template <time_domain Domain>
struct basic_linear_ssm {
  index_t input = 1;
  index_t output = 1;
  index_t state_size = 16;
  double step = 1.0;  ///< continuous only

  using dynamics_part = dense_dynamics<Domain>;
  static constexpr dynamics_kind kind = dynamics_part::kind;
  static constexpr bool causal = true;

  template <class T>
  using parameters = linear_ssm_parameters<T>;
  template <class T>
  using state = dense_state<T>;
  template <class S>
  using cache = linear_ssm_cache<S>;

  /// Channels that a token has.
  index_t inputs() const { return input; }
  /// Channels of a token of the output.
  index_t outputs() const { return output; }
  /// Kind and shape of the dynamics that adapters change.
  dynamics_layout layout() const { return part().layout(); }

  /// A and B as `dense_dynamics`; C normal with deviation 1/sqrt(state); D zero.
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    if (input < 1 || output < 1 || state_size < 1) {
      fail("linear_ssm: input, output and state_size are ", input, ", ", output, " and ",
           state_size, ", expected at least 1 each");
    }
    part().initialize(random.split(0), p.dynamics);
    random_stream own = random.split(1);
    p.c.resize({output, state_size});
    p.d.assign({output, input});
    const double scale = 1.0 / std::sqrt(double(state_size));
    for (index_t i = 0; i < output; ++i) {
      for (index_t j = 0; j < state_size; ++j) p.c(i, j) = T(scale * own.normal());
    }
  }

  /// A as it stands in the parameters, shared by all sequences (S = 1).
  template <class P>
  void base_dynamics(const parameters<P>& p, dynamics<P>& base) const {
    part().base_dynamics(p.dynamics, base);
  }
  /// Adds dynamics gradients (of the shared dynamics, S = 1) to the parameters'.
  template <class P, class G, class Tau>
  void base_dynamics_backward(const parameters<P>& p, const dynamics<G, Tau>& d_base,
                              parameters<G>& d_p) const {
    part().base_dynamics_backward(p.dynamics, d_base, d_p.dynamics);
  }

  /// The state before the first token of `count` sequences: zeros.
  template <class T>
  void reset_state(index_t count, state<T>& s) const {
    s.h.assign({count, state_size});
  }

  /// Output y, activations into the cache, the last state of each sequence into `final`.
  template <class Backend, class P, class M, class Tau, class X, class I, class S>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p,
               const dynamics<M, Tau>& dyn, view<X> x, const state<I>& initial, cache<S>& c,
               view<S> y, state<S>& final) const {
    namespace op = operations;
    part().forward(backend, batch, p.dynamics, dyn, x, initial, c.dynamics, final);
    const view<const S> h = std::as_const(c.dynamics.h).view();
    op::linear(backend, batch, h, p.c.view(), view<none>{}, y);
    for (index_t s = 0; s < batch.count(); ++s) {
      const index_t first = batch.offset(s), length = batch.length(s);
      op::matmul<op::transpose::no, op::transpose::yes, op::update::add>(
          backend, x.row_range(first, length), p.d.view(), y.row_range(first, length));
    }
  }

  /// Adds the gradients that are asked for, given d_y and the gradient of the final state (whose
  /// number type may be `none`).
  template <class Backend, class P, class M, class Tau, class X, class I, class S, class DF,
            class DX, class DP, class DM, class DTau, class DI>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p,
                const dynamics<M, Tau>& dyn, view<X> x, const state<I>& initial, cache<S>& c,
                view<const S> d_y, const state<DF>& d_final, view<DX> d_x, parameters<DP>& d_p,
                dynamics<DM, DTau>& d_dyn, state<DI>& d_initial) const {
    namespace op = operations;
    operations::clear(backend, c.d_h, c.dynamics.h.shape());
    op::linear_backward(backend, batch, c.dynamics.h.view(), p.c.view(), d_y, c.d_h.view(),
                        d_p.c.view(), view<none>{});
    op::linear_backward(backend, batch, x, p.d.view(), d_y, d_x, d_p.d.view(), view<none>{});
    part().backward(backend, batch, p.dynamics, dyn, x, initial, c.dynamics,
                    std::as_const(c.d_h).view(), d_final.h.view(), d_x, d_p.dynamics, d_dyn,
                    d_initial.h.view());
  }

  /// Floating-point operations of a forward over `tokens` tokens.
  double forward_flops(double tokens) const {
    namespace count = metrics::flops;
    return tokens * double(count::dense_recurrence(1, state_size, input) +
                           count::linear(1, state_size, output) + count::linear(1, input, output));
  }

 private:
  dynamics_part part() const { return {input, state_size, step}; }
};

/// h_t = A h_{t-1} + B u_t.
using linear_ssm = basic_linear_ssm<time_domain::discrete>;
/// h' = A h + B u, by zero-order hold.
using continuous_linear_ssm = basic_linear_ssm<time_domain::continuous>;

}  // namespace attd::blocks
