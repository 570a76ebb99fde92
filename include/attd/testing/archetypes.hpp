// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// For each concept the smallest type that models it: what library code may rely on, and no more.
#pragma once

#include <attd/concepts/adapter.hpp>
#include <attd/concepts/block.hpp>
#include <attd/concepts/controller.hpp>
#include <attd/concepts/inner_optimizer.hpp>
#include <attd/concepts/internal_loss.hpp>
#include <tuple>
#include <type_traits>

/// Archetypes. Code that compiles with them asks of its parts nothing but what the concepts say;
/// they are also the shortest complete examples of each concept. Blocks take every number type, as
/// their concept says in words; the others are asked for double only.
namespace attd::testing::archetypes {

/// A block of one channel without dynamics: y = w x.
struct block {
  template <class T>
  struct parameters {
    tensor<T> w;  ///< [1]
    static constexpr std::tuple names{"w"};
  };
  template <class S>
  struct cache {};
  static constexpr bool causal = true;

  index_t inputs() const { return 1; }
  index_t outputs() const { return 1; }
  template <class T>
  void initialize(random_stream, parameters<T>& p) const {
    p.w.assign({1}, T(1));
  }
  double forward_flops(double tokens) const { return tokens; }

  template <class Backend, class P, class X, class S, class Y>
  void forward(Backend&, const sequences&, const parameters<P>& p, view<X> x, cache<S>&,
               view<Y> y) const {
    for (index_t t = 0; t < x.rows(); ++t)
      y.at(t, 0) = P(p.w(0)) * std::remove_const_t<X>(x.at(t, 0));
  }
  template <class Backend, class P, class X, class S, class DX, class DP>
  void backward(Backend&, const sequences&, const parameters<P>& p, view<X> x, cache<S>&,
                view<const S> d_y, view<DX> d_x, parameters<DP>& d_p) const {
    for (index_t t = 0; t < x.rows(); ++t) {
      if constexpr (!std::is_same_v<DX, none>) d_x.at(t, 0) += P(p.w(0)) * S(d_y.at(t, 0));
      if constexpr (!std::is_same_v<DP, none>) {
        d_p.w(0) += std::remove_const_t<X>(x.at(t, 0)) * S(d_y.at(t, 0));
      }
    }
  }
};

/// A block of one channel whose dynamics, one number, are its gain: y = A x. Nothing is carried.
struct state_space_block {
  template <class T>
  struct parameters {
    tensor<T> a;  ///< [1]
    static constexpr std::tuple names{"a"};
  };
  template <class S>
  struct cache {};
  template <class T>
  struct state {
    static constexpr std::tuple<> names{};
  };
  static constexpr bool causal = true;
  static constexpr dynamics_kind kind = dynamics_kind::dense_discrete;

  dynamics_layout layout() const { return {kind, 1, 1, 0}; }
  index_t inputs() const { return 1; }
  index_t outputs() const { return 1; }
  template <class T>
  void initialize(random_stream, parameters<T>& p) const {
    p.a.assign({1}, T(-0.5));
  }
  double forward_flops(double tokens) const { return tokens; }
  template <class T>
  void reset_state(index_t, state<T>&) const {}
  template <class P>
  void base_dynamics(const parameters<P>& p, dynamics<P>& out) const {
    out.matrix.assign({1, 1, 1}, p.a(0));
  }
  template <class P, class G, class Tau>
  void base_dynamics_backward(const parameters<P>&, const dynamics<G, Tau>& d_base,
                              parameters<G>& d_p) const {
    d_p.a(0) += G(d_base.matrix(0, 0, 0));
  }

  template <class Backend, class P, class M, class Tau, class X, class I, class S, class Y, class F>
  void forward(Backend&, const sequences& batch, const parameters<P>&, const dynamics<M, Tau>& dyn,
               view<X> x, const state<I>&, cache<S>&, view<Y> y, state<F>&) const {
    for_each_token(batch, dyn.matrix, [&](index_t b, index_t t) {
      y.at(t, 0) = M(dyn.matrix(b, 0, 0)) * std::remove_const_t<X>(x.at(t, 0));
    });
  }
  template <class Backend, class P, class M, class Tau, class X, class I, class S, class DF,
            class DX, class DP, class DM, class DTau, class DI>
  void backward(Backend&, const sequences& batch, const parameters<P>&, const dynamics<M, Tau>& dyn,
                view<X> x, const state<I>&, cache<S>&, view<const S> d_y, const state<DF>&,
                view<DX> d_x, parameters<DP>&, dynamics<DM, DTau>& d_dyn, state<DI>&) const {
    for_each_token(batch, dyn.matrix, [&]([[maybe_unused]] index_t b, index_t t) {
      [[maybe_unused]] const S g = d_y.at(t, 0);
      if constexpr (!std::is_same_v<DX, none>) d_x.at(t, 0) += M(dyn.matrix(b, 0, 0)) * g;
      if constexpr (!std::is_same_v<DM, none>) {
        d_dyn.matrix(b, 0, 0) += std::remove_const_t<X>(x.at(t, 0)) * g;
      }
    });
  }

 private:
  template <class T, class F>
  static void for_each_token(const sequences& batch, const tensor<T>& matrix, F f) {
    for (index_t s = 0; s < batch.count(); ++s) {
      const index_t b = matrix.extent(0) == 1 ? 0 : s;
      for (index_t t = batch.offset(s); t < batch.offset(s + 1); ++t) f(b, t);
    }
  }
};

/// One fast weight, added to every number of the dynamics.
struct adapter {
  template <class T>
  struct fast_weights {
    tensor<T> shift;  ///< [1]
    static constexpr std::tuple names{"shift"};
  };
  static constexpr bool adapts_timescale = false;

  void initialize(const dynamics_layout&, random_stream, fast_weights<double>& psi) const {
    psi.shift.assign({1});
  }
  void apply(const dynamics_layout&, const dynamics<double>& base, const fast_weights<double>& psi,
             dynamics<double>& out) const {
    out.matrix.resize(base.matrix.shape());
    for (index_t i = 0; i < base.matrix.size(); ++i) {
      out.matrix.data()[i] = base.matrix.data()[i] + psi.shift(0);
    }
  }
  void pullback(const dynamics_layout&, const dynamics<double>&, const fast_weights<double>&,
                const dynamics<double>& d_out, dynamics<none>&, fast_weights<double>& d_psi) const {
    for (index_t i = 0; i < d_out.matrix.size(); ++i) d_psi.shift(0) += d_out.matrix.data()[i];
  }
  template <class T>
  void shrink(const T& alpha, fast_weights<T>& psi) const {
    psi.shift(0) *= alpha;
  }
};

/// Half the square of what the model says: it should be silent.
struct internal_loss {
  static constexpr bool requires_causal = false;

  void prepare(std::span<const observation<double>> group, const losses::guard_split&,
               losses::inner_data<double>& data) const {
    data.batch.clear();
    for (const auto& o : group) data.batch.append(o.length());
    const index_t rows = data.batch.tokens();
    data.input.resize({rows, group.front().input.columns()});
    index_t r = 0;
    for (const auto& o : group) {
      for (index_t t = 0; t < o.length(); ++t, ++r) {
        for (index_t c = 0; c < o.input.columns(); ++c) data.input(r, c) = o.input.at(t, c);
      }
    }
    data.weight.assign({rows}, 1.0 / double(rows));
    data.guard_weight.assign({rows});
  }
  void evaluate(reference&, view<const double> output, const losses::inner_data<double>&,
                losses::loss_scratch<double>& scratch) const {
    scratch.rows.resize({output.rows()});
    for (index_t r = 0; r < output.rows(); ++r) {
      scratch.rows(r) = 0.5 * output.at(r, 0) * output.at(r, 0);
    }
  }
  void backward(reference&, view<const double> output, const losses::inner_data<double>&,
                view<const double> weight, losses::loss_scratch<double>&,
                view<double> d_output) const {
    for (index_t r = 0; r < output.rows(); ++r) d_output.at(r, 0) += weight(r) * output.at(r, 0);
  }
};

/// The other form of an internal loss: a formula of prediction and target.
struct formula {
  template <class T>
  T operator()(T prediction, T target) const {
    return (prediction - target) * (prediction - target);
  }
};

/// Two steps, asked for one by one.
struct controller {
  bool proceed(const step_view& v) const { return v.step < 2; }
};

/// Two steps, known beforehand.
struct planning_controller : controller {
  index_t plan(double) const { return 2; }
};

/// psi <- psi - rate_factor g / 10.
struct inner_optimizer {
  template <class W>
  struct state {
    static constexpr std::tuple<> names{};
  };
  template <class W>
  void initialize(const W&, state<W>&) const {}
  template <class W>
  void step(index_t, double rate_factor, const W& gradient, W& psi, state<W>&) const {
    for_each_leaf(
        [&](auto& leaf, const auto& g) {
          for (index_t i = 0; i < leaf.size(); ++i) {
            leaf.data()[i] -= 0.1 * rate_factor * g.data()[i];
          }
        },
        psi, gradient);
  }
  index_t reset_interval() const { return 0; }
};

static_assert(check_block<block>() && Block<block> && !StateSpaceBlock<block>);
static_assert(check_block<state_space_block>() && StateSpaceBlock<state_space_block>);
static_assert(check_adapter<adapter>() && Adapter<adapter>);
static_assert(check_internal_loss<internal_loss>() && InternalLoss<internal_loss>);
static_assert(check_internal_loss<formula>() && attd::detail::is_formula<formula>);
static_assert(check_controller<controller>() && Controller<controller>);
static_assert(check_controller<planning_controller>() && PlanningController<planning_controller>);
static_assert(check_inner_optimizer<inner_optimizer>() && InnerOptimizer<inner_optimizer>);

}  // namespace attd::testing::archetypes
