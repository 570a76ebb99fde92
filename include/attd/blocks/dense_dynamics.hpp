// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The recurrence h_t = A h_{t-1} + B u_t with a dense A, shared by the blocks built on it.
#pragma once

#include <attd/core/dynamics.hpp>
#include <attd/core/random.hpp>
#include <attd/core/sequences.hpp>
#include <attd/operations/dense_recurrence.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/zero_order_hold.hpp>
#include <cmath>
#include <tuple>
#include <type_traits>

namespace attd::blocks {

/// Whether A is the transition itself or the generator of a continuous-time system.
enum class time_domain { discrete, continuous };

/// Parameters of `dense_dynamics`.
template <class T>
struct dense_dynamics_parameters {
  tensor<T> a;  ///< A [state, state]
  tensor<T> b;  ///< B [state, input]
  static constexpr std::tuple names{"A", "B"};
};

/// State carried between calls: h [sequence, state].
template <class T>
struct dense_state {
  tensor<T> h;
  static constexpr std::tuple names{"h"};
};

/// Activations kept from forward to backward, and temporary memory.
template <class S>
struct dense_dynamics_cache {
  tensor<S> drive;  ///< B u [token, state]
  tensor<S> h;      ///< [token, state]
  tensor<S> d_drive;
  tensor<S> a_bar, b_bar;      ///< continuous: discretised [S, state, state], [S, state, input]
  tensor<S> d_a_bar, d_b_bar;  ///< and their gradients
  tensor<S> step;              ///< continuous: step sizes [S]
  tensor<S> d_step;
  operations::dense_recurrence_scratch<S> recurrence;
  tensor<S> hold;  ///< integral of e^{A s} over a step [S, state, state]
  operations::zero_order_hold_scratch<S> hold_scratch;
  operations::zero_order_hold_backward_scratch<S> hold_backward_scratch;
};

/// Dense linear dynamics.
///
/// *Formula*: discrete  h_t = A h_{t-1} + B u_t;  continuous  h' = A h + B u, u held over a step:
/// A_bar = e^{A step}, B_bar = int_0^step e^{A s} ds B, then as above.
/// *Shapes*: u [token, input], h [token, state], A [state, state], B [state, input].
/// *Units*: step > 0 in the time unit of 1/A.
/// *Cost*: 2 token state (state + input); continuous adds a matrix exponential of size
/// state + input per set of dynamics.
template <time_domain Domain>
struct dense_dynamics {
  index_t input = 1;
  index_t state = 16;
  double step = 1.0;  ///< continuous only

  static constexpr bool continuous = Domain == time_domain::continuous;
  static constexpr dynamics_kind kind =
      continuous ? dynamics_kind::dense_continuous : dynamics_kind::dense_discrete;

  template <class T>
  using parameters = dense_dynamics_parameters<T>;

  /// Kind and shape of the dynamics that adapters change.
  dynamics_layout layout() const { return {kind, state, state, continuous ? 1 : 0}; }

  /// Rotations of evenly spaced angles, slightly damped: stable, and able to oscillate.
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    p.a.assign({state, state});
    p.b.resize({state, input});
    const double radius = 0.95;
    for (index_t i = 0; i < state; i += 2) {
      if (i + 1 == state) {
        p.a(i, i) = T(continuous ? std::log(radius) / step : radius);
        break;
      }
      const double angle = 1.5 * double(i + 1) / double(state);
      const double re = continuous ? std::log(radius) / step : radius * std::cos(angle);
      const double im = continuous ? angle / step : radius * std::sin(angle);
      p.a(i, i) = p.a(i + 1, i + 1) = T(re);
      p.a(i, i + 1) = T(-im);
      p.a(i + 1, i) = T(im);
    }
    const double scale = 0.5 / std::sqrt(double(input));
    for (index_t i = 0; i < state; ++i) {
      for (index_t j = 0; j < input; ++j) p.b(i, j) = T(scale * random.normal());
    }
  }

  /// A as it stands in the parameters, shared by all sequences (S = 1).
  template <class P>
  void base_dynamics(const parameters<P>& p, dynamics<P>& base) const {
    base.matrix.resize({1, state, state});
    copy_rows(p.a.view(), base.matrix.view());
  }

  /// Adds dynamics gradients (of the shared dynamics, S = 1) to the parameters'.
  template <class P, class G, class Tau>
  void base_dynamics_backward(const parameters<P>&, const dynamics<G, Tau>& d_base,
                              parameters<G>& d_p) const {
    const auto from = d_base.matrix.view();
    for (index_t i = 0; i < state; ++i) {
      for (index_t j = 0; j < state; ++j) d_p.a(i, j) += G(from(0, i, j));
    }
  }

  /// States of all tokens into cache.h; the last of each sequence into `final`.
  template <class Backend, class P, class M, class Tau, class U, class I, class S>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p,
               const dynamics<M, Tau>& dyn, view<U> u, const dense_state<I>& initial,
               dense_dynamics_cache<S>& cache, dense_state<S>& final) const {
    namespace op = operations;
    operations::resize(backend, cache.drive, {batch.tokens(), state});
    operations::resize(backend, cache.h, {batch.tokens(), state});
    operations::resize(backend, final.h, {batch.count(), state});
    if constexpr (continuous) {
      discretize(backend, p, dyn, cache);
      for (index_t s = 0; s < batch.count(); ++s) {
        const index_t own = cache.b_bar.extent(0) == 1 ? 0 : s;
        op::matmul<op::transpose::no, op::transpose::yes, op::update::assign>(
            backend, u.row_range(batch.offset(s), batch.length(s)), as_const(cache.b_bar)[own],
            cache.drive.view().row_range(batch.offset(s), batch.length(s)));
      }
      op::dense_recurrence(backend, batch, as_const(cache.a_bar), as_const(cache.drive),
                           initial.h.view(), cache.h.view(), final.h.view());
    } else {
      op::linear(backend, batch, u, p.b.view(), view<none>{}, cache.drive.view());
      op::dense_recurrence(backend, batch, dyn.matrix.view(), as_const(cache.drive),
                           initial.h.view(), cache.h.view(), final.h.view());
    }
  }

  /// Given d_h [token, state] (and optionally d_final), adds the gradients that are asked for.
  template <class Backend, class P, class M, class Tau, class U, class I, class S, class DF,
            class DU, class DP, class DM, class DTau, class DI>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p,
                const dynamics<M, Tau>& dyn, view<U> u, const dense_state<I>& initial,
                dense_dynamics_cache<S>& cache, view<const S> d_h, view<DF> d_final, view<DU> d_u,
                parameters<DP>& d_p, dynamics<DM, DTau>& d_dyn, view<DI> d_initial) const {
    namespace op = operations;
    constexpr bool base = !std::is_same_v<DP, none>;
    if constexpr (continuous) {
      operations::clear(backend, cache.d_drive, {batch.tokens(), state});
      constexpr bool dynamic = base || !std::is_same_v<DM, none> || !std::is_same_v<DTau, none>;
      operations::clear(backend, cache.d_a_bar, cache.a_bar.shape());
      operations::clear(backend, cache.d_b_bar, cache.b_bar.shape());
      op::dense_recurrence_backward(backend, batch, cache.recurrence, as_const(cache.a_bar),
                                    as_const(cache.h), initial.h.view(), d_h, d_final,
                                    cache.d_drive.view(), cache.d_a_bar.view(), d_initial);
      for (index_t s = 0; s < batch.count(); ++s) {
        const index_t own = cache.b_bar.extent(0) == 1 ? 0 : s;
        const auto dx = as_const(cache.d_drive).row_range(batch.offset(s), batch.length(s));
        if constexpr (!is_none_v<view<DU>>) {
          op::matmul<op::transpose::no, op::transpose::no, op::update::add>(
              backend, dx, as_const(cache.b_bar)[own],
              d_u.row_range(batch.offset(s), batch.length(s)));
        }
        if constexpr (dynamic) {
          op::matmul<op::transpose::yes, op::transpose::no, op::update::add>(
              backend, dx, u.row_range(batch.offset(s), batch.length(s)),
              cache.d_b_bar.view()[own]);
        }
      }
      if constexpr (dynamic) {
        constexpr bool timed = !std::is_same_v<DTau, none>;
        operations::clear(backend, cache.d_step, cache.step.shape());
        const auto d_step = [&] {
          if constexpr (timed)
            return cache.d_step.view();
          else
            return view<none>{};
        }();
        op::zero_order_hold_backward(
            backend, dyn.matrix.view(), p.b.view(), as_const(cache.step), as_const(cache.a_bar),
            as_const(cache.hold), as_const(cache.d_a_bar), as_const(cache.d_b_bar),
            d_dyn.matrix.view(), d_p.b.view(), d_step, cache.hold_backward_scratch);
        if constexpr (timed) {
          // step = step0 exp(tau): d tau = step d step.
          for (index_t s = 0; s < cache.step.extent(0); ++s) {
            const index_t own = d_dyn.log_timescale.extent(0) == 1 ? 0 : s;
            d_dyn.log_timescale(own, 0) += S(cache.step(s)) * S(cache.d_step(s));
          }
        }
      }
    } else if constexpr (!base && is_none_v<view<DU>>) {  // nobody asks for what drives it
      op::dense_recurrence_backward(backend, batch, cache.recurrence, dyn.matrix.view(),
                                    as_const(cache.h), initial.h.view(), d_h, d_final, view<none>{},
                                    d_dyn.matrix.view(), d_initial);
    } else {
      operations::clear(backend, cache.d_drive, {batch.tokens(), state});
      op::dense_recurrence_backward(backend, batch, cache.recurrence, dyn.matrix.view(),
                                    as_const(cache.h), initial.h.view(), d_h, d_final,
                                    cache.d_drive.view(), d_dyn.matrix.view(), d_initial);
      op::linear_backward(backend, batch, u, p.b.view(), as_const(cache.d_drive), d_u, d_p.b.view(),
                          view<none>{});
    }
  }

  /// Floating-point operations of a forward over `tokens` tokens (without the discretisation, which
  /// does not depend on them).
  double forward_flops(double tokens) const {
    return 2.0 * tokens * double(state) * double(state + input);
  }

 private:
  template <class T>
  static view<const T> as_const(const tensor<T>& t) {
    return t.view();
  }
  template <class From, class To>
  static void copy_rows(view<From> from, view<To> to) {
    for (index_t i = 0; i < from.rows(); ++i) {
      for (index_t j = 0; j < from.columns(); ++j) {
        to.at(i, j) = std::remove_const_t<From>(from.at(i, j));
      }
    }
  }

  template <class Backend, class P, class M, class Tau, class S>
  void discretize(Backend& backend, const parameters<P>& p, const dynamics<M, Tau>& dyn,
                  dense_dynamics_cache<S>& cache) const {
    const index_t sets = dyn.matrix.extent(0);
    cache.step.assign({sets}, S(step));
    if constexpr (!std::is_same_v<Tau, none>) {
      for (index_t s = 0; s < sets; ++s) {
        const Tau tau = dyn.log_timescale(dyn.log_timescale.extent(0) == 1 ? 0 : s, 0);
        cache.step(s) = S(step) * S(exp(tau));
      }
    }
    operations::bring(backend, cache.step);
    operations::resize(backend, cache.a_bar, {sets, state, state});
    operations::resize(backend, cache.b_bar, {sets, state, input});
    operations::resize(backend, cache.hold, {sets, state, state});
    operations::zero_order_hold(backend, dyn.matrix.view(), p.b.view(), as_const(cache.step),
                                cache.a_bar.view(), cache.hold.view(), cache.b_bar.view(),
                                cache.hold_scratch);
  }
};

}  // namespace attd::blocks
