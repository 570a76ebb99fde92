// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Layers of dense linear dynamics with small perceptrons between: a model of a plant.
#pragma once

#include <attd/blocks/dense_dynamics.hpp>
#include <attd/blocks/mlp.hpp>
#include <attd/core/leaves.hpp>
#include <attd/core/sequence_input.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/normalization.hpp>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <vector>

namespace attd::models {

/// Parameters of one layer.
template <class T>
struct dynamics_net_layer_parameters {
  tensor<T> norm;  ///< [input of the layer]; empty without norm
  blocks::dense_dynamics_parameters<T> dynamics;
  blocks::mlp_parameters<T> readout;
  static constexpr std::tuple names{"norm.weight", "dynamics", "readout"};
};

/// Parameters of `dynamics_net`.
template <class T>
struct dynamics_net_parameters {
  attd::layers<dynamics_net_layer_parameters<T>> layers;
  static constexpr std::tuple names{"layers"};
};

/// Activations of one layer, and temporary memory.
template <class S>
struct dynamics_net_layer_cache {
  tensor<S> input;   ///< the layer's input after the norm [token, input]
  tensor<S> output;  ///< [token, output]
  tensor<S> d_h, d_normed, d_output;
  blocks::dense_dynamics_cache<S> dynamics;
  blocks::mlp_cache<S> readout;
};

/// A stack of layers: dense linear dynamics, then a perceptron of layer input and state together.
///
/// *Formula*: per layer  h_t = A h_{t-1} + B u_t,  y_t = mlp([u_t, h_t]);  the next layer's u is
/// this y (root-mean-square normalised if `norm`).
/// With hidden = 0 and one layer it is a linear system  y = C h + D u + b.
/// *Shapes*: input [token, input], output [token, output]; layers between have `width` channels.
template <blocks::time_domain Domain = blocks::time_domain::discrete,
          class Activation = operations::tanh_function>
struct dynamics_net {
  index_t input = 1;
  index_t output = 1;
  index_t state = 16;
  index_t hidden = 0;
  index_t depth = 1;
  index_t width = 1;
  bool norm = false;
  double step = 1.0;    ///< continuous only
  index_t washout = 0;  ///< first tokens of a sequence that training does not score

  using dynamics_block = blocks::dense_dynamics<Domain>;
  using readout_block = blocks::mlp<Activation>;
  static constexpr dynamics_kind kind = dynamics_block::kind;
  static constexpr bool causal = true;
  static constexpr bool reads_tokens = false;

  template <class T>
  using parameters = dynamics_net_parameters<T>;
  template <class T>
  using states = attd::layers<blocks::dense_state<T>>;

  /// Activations of one forward, temporary memory, and the carried states.
  template <class S>
  struct cache {
    attd::layers<dynamics_net_layer_cache<S>> layers;
    states<S> initial, final;
    const tensor<S>& output() const { return layers[layers.count() - 1].output; }
  };

  /// How many dynamics can be adapted: one a layer.
  index_t systems() const { return depth; }
  /// Kind and shape of a layer's dynamics.
  dynamics_layout layout(index_t layer) const { return dynamics_of(layer).layout(); }
  /// Channels of a token of the output.
  index_t outputs() const { return output; }

  /// Each part by its own rule; gains of the norms 1.
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    p.layers.resize(depth);
    for (index_t l = 0; l < depth; ++l) {
      const auto part = random.split(static_cast<std::uint64_t>(l));
      dynamics_of(l).initialize(part.split(0), p.layers[l].dynamics);
      readout_of(l).initialize(part.split(1), p.layers[l].readout);
      p.layers[l].norm = tensor<T>();
      if (norm && l > 0) p.layers[l].norm.assign({input_of(l)}, T(1));
    }
  }

  /// A of every layer as it stands in the parameters, shared by all sequences (S = 1).
  template <class P>
  void base_dynamics(const parameters<P>& p, attd::layers<dynamics<P>>& base) const {
    base.resize(depth);
    for (index_t l = 0; l < depth; ++l) {
      dynamics_of(l).base_dynamics(p.layers[l].dynamics, base[l]);
    }
  }
  /// Adds dynamics gradients (of the shared dynamics, S = 1) to the parameters'.
  template <class P, class G, class Tau>
  void base_dynamics_backward(const parameters<P>& p, const attd::layers<dynamics<G, Tau>>& d_base,
                              parameters<G>& d_p) const {
    for (index_t l = 0; l < depth; ++l) {
      dynamics_of(l).base_dynamics_backward(p.layers[l].dynamics, d_base[l],
                                            d_p.layers[l].dynamics);
    }
  }

  /// Sets the states that sequences start from to zero.
  template <class S>
  void reset_states(index_t count, cache<S>& c) const {
    c.initial.resize(depth);
    for (index_t l = 0; l < depth; ++l) c.initial[l].h.assign({count, state});
  }

  /// Output of all tokens into c.output(), last states into c.final. c.initial must be set.
  template <class Backend, class P, class M, class Tau, class X, class S>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p,
               const attd::layers<dynamics<M, Tau>>& dyn, const sequence_input<X>& in,
               cache<S>& c) const {
    c.layers.resize(depth);
    c.final.resize(depth);
    expect_equal("dynamics_net", "the number of input channels", in.values.columns(), input);
    expect_equal("dynamics_net", "the number of input tokens", in.values.rows(), batch.tokens());
    for (index_t l = 0; l < depth; ++l) {
      auto& k = c.layers[l];
      operations::resize(backend, k.output, {batch.tokens(), l + 1 == depth ? output : width});
      if (l == 0) {
        layer_forward(backend, batch, l, p.layers[l], dyn[l], in.values, c.initial[l], k,
                      c.final[l]);
      } else {
        layer_forward(backend, batch, l, p.layers[l], dyn[l], normed_input(backend, l, p, c),
                      c.initial[l], k, c.final[l]);
      }
    }
  }

  /// Adds the gradients asked for by type: of the parameters (`DP`), and of the dynamics of the
  /// systems with adapted[l] (`DM`); stops below the lowest layer that is wanted.
  template <class Backend, class P, class M, class Tau, class X, class S, class DP, class DM,
            class DTau>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p,
                const attd::layers<dynamics<M, Tau>>& dyn, const sequence_input<X>& in, cache<S>& c,
                view<const S> d_output, parameters<DP>& d_p,
                attd::layers<dynamics<DM, DTau>>& d_dyn, const std::vector<char>& adapted) const {
    constexpr bool base = !std::is_same_v<DP, none>;
    index_t lowest = 0;
    if constexpr (!base) {
      while (lowest < depth && !adapted[static_cast<std::size_t>(lowest)]) ++lowest;
    }
    d_p.layers.resize(depth);  // a struct of `none` leaves costs nothing
    view<const S> d_y = d_output;
    dynamics<none> no_dynamics;
    for (index_t l = depth - 1; l >= lowest; --l) {
      // Asking is done by type: with or without the dynamics' gradient, with or without the
      // input's.
      const auto run = [&](auto u, auto d_u) {
        if (adapted[static_cast<std::size_t>(l)]) {
          layer_backward(backend, batch, l, p.layers[l], dyn[l], u, c.initial[l], c.layers[l], d_y,
                         d_u, d_p.layers[l], d_dyn[l]);
        } else {
          layer_backward(backend, batch, l, p.layers[l], dyn[l], u, c.initial[l], c.layers[l], d_y,
                         d_u, d_p.layers[l], no_dynamics);
        }
      };
      if (l == 0) {
        run(in.values, view<none>{});
        return;
      }
      auto& k = c.layers[l];
      auto& below = c.layers[l - 1];
      const auto u = norm ? as_const(k.input) : as_const(below.output);
      if (!base && l == lowest) {
        run(u, view<none>{});
        return;
      }
      operations::clear(backend, below.d_output, below.output.shape());
      if (norm) {
        operations::clear(backend, k.d_normed, k.input.shape());
        run(u, k.d_normed.view());
        operations::rms_norm_backward(backend, as_const(below.output), p.layers[l].norm.view(),
                                      norm_epsilon, as_const(k.d_normed), below.d_output.view(),
                                      d_p.layers[l].norm.view());
      } else {
        run(u, below.d_output.view());
      }
      d_y = as_const(below.d_output);
    }
  }

  /// Floating-point operations of a forward over `tokens` tokens.
  double forward_flops(double tokens) const {
    double total = 0;
    for (index_t l = 0; l < depth; ++l) {
      total += dynamics_of(l).forward_flops(tokens) + readout_of(l).forward_flops(tokens);
    }
    return total;
  }

 private:
  static constexpr double norm_epsilon = 1e-5;

  index_t input_of(index_t layer) const { return layer == 0 ? input : width; }
  dynamics_block dynamics_of(index_t l) const { return {input_of(l), state, step}; }
  readout_block readout_of(index_t l) const {
    return {input_of(l) + state, l + 1 == depth ? output : width, hidden};
  }
  template <class T>
  static view<const T> as_const(const tensor<T>& t) {
    return t.view();
  }

  template <class Backend, class P, class S>
  view<const S> normed_input(Backend& backend, index_t l, const parameters<P>& p,
                             cache<S>& c) const {
    if (!norm) return as_const(c.layers[l - 1].output);
    auto& k = c.layers[l];
    operations::resize(backend, k.input, c.layers[l - 1].output.shape());
    operations::rms_norm(backend, as_const(c.layers[l - 1].output), p.layers[l].norm.view(),
                         norm_epsilon, k.input.view());
    return as_const(k.input);
  }

  template <class Backend, class P, class M, class Tau, class U, class I, class S>
  void layer_forward(Backend& backend, const sequences& batch, index_t l,
                     const dynamics_net_layer_parameters<P>& p, const dynamics<M, Tau>& dyn,
                     view<U> u, const blocks::dense_state<I>& initial,
                     dynamics_net_layer_cache<S>& k, blocks::dense_state<S>& final) const {
    dynamics_of(l).forward(backend, batch, p.dynamics, dyn, u, initial, k.dynamics, final);
    readout_of(l).forward(backend, batch, p.readout, u, as_const(k.dynamics.h), k.readout,
                          k.output.view());
  }

  template <class Backend, class P, class M, class Tau, class U, class I, class S, class DU,
            class DP, class DM, class DTau>
  void layer_backward(Backend& backend, const sequences& batch, index_t l,
                      const dynamics_net_layer_parameters<P>& p, const dynamics<M, Tau>& dyn,
                      view<U> u, const blocks::dense_state<I>& initial,
                      dynamics_net_layer_cache<S>& k, view<const S> d_y, view<DU> d_u,
                      dynamics_net_layer_parameters<DP>& d_p, dynamics<DM, DTau>& d_dyn) const {
    operations::resize(backend, k.d_h, k.dynamics.h.shape());
    readout_of(l).backward(backend, batch, p.readout, u, as_const(k.dynamics.h), k.readout, d_y,
                           d_u, k.d_h.view(), d_p.readout);
    dynamics_of(l).backward(backend, batch, p.dynamics, dyn, u, initial, k.dynamics,
                            as_const(k.d_h), view<none>{}, d_u, d_p.dynamics, d_dyn, view<none>{});
  }
};

}  // namespace attd::models
