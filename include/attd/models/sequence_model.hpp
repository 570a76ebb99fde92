// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A model of any length of sequence: an encoder, equal layers of one block, a head.
#pragma once

#include <attd/blocks/mamba.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/sequence_input.hpp>
#include <attd/models/encoders.hpp>
#include <attd/models/heads.hpp>
#include <attd/models/lent_work.hpp>
#include <attd/models/sequence_model_parts.hpp>
#include <attd/models/token_norm.hpp>
#include <attd/operations/activations.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/rounding.hpp>
#include <attd/operations/transform.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd::models {

/// An encoder, `depth` equal layers, a final norm and a head.
///
/// *Formula*: x_0 = encoder(input);  x_l = x_{l-1} + block(norm(x_{l-1})), without the first term
/// if not `residual`;  output = head(norm(x_depth)).
/// *Shapes*: input [token, channel] or ids [token]; output [token, output], or [sequence, output]
/// for heads that pool. Encoder, block and head must agree on the width.
/// *Errors*: `initialize` throws `attd::error` when the widths disagree.
/// *Source*: the stack and its names are those of [Gu2023]'s language model.
template <class Encoder, class Block, class Head>
struct sequence_model {
  Encoder encoder{};
  Block block{};
  Head head{};
  index_t depth = 1;
  norm_kind norm = norm_kind::rms;
  bool residual = true;
  index_t washout = 0;  ///< first tokens of a sequence that training does not score

  static constexpr dynamics_kind kind = Block::kind;
  static constexpr bool causal = Block::causal;
  static constexpr bool reads_tokens = Encoder::reads_tokens;

  template <class T>
  using parameters = sequence_model_parameters<T, Encoder, Block, Head>;
  template <class T>
  using states = attd::layers<typename Block::template state<T>>;

  /// Activations of one forward, temporary memory, and the carried states.
  template <class S>
  struct cache {
    tensor<S> encoded;  ///< [token, width]
    attd::layers<stack_layer_cache<S, Block>> layers;
    tensor<S> normed;  ///< the head's input; unused without norm
    typename Head::template cache<S> head;
    tensor<S> result;
    tensor<S> d_stream, d_normed;  ///< gradients of a layer's output and of its block's input
    tensor<S> d_features;          ///< of the head's input
    tensor<S> block_input;         ///< all layers' `normed` in turn, if blocks recompute
    tensor<S> even, odd, widened;  ///< all layers' `output` in turn, and one again, if blocks round
    work_of<typename Block::template cache<S>> work;  ///< all blocks' in turn
    states<S> initial, final;
    const tensor<S>& output() const { return result; }
  };

  /// How many dynamics can be adapted: one a layer.
  index_t systems() const { return depth; }
  /// Kind and shape of a layer's dynamics.
  dynamics_layout layout(index_t /*layer*/) const { return block.layout(); }
  /// Channels of a row of the output.
  index_t outputs() const { return head.outputs(); }

  /// Each part by its own rule; a block's `out_proj` is divided by sqrt(depth), so that the sum of
  /// the residual branches does not grow with the number of layers.
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    check();
    encoder.initialize(random.split(0), p.backbone.encoder);
    head.initialize(random.split(1), p.head);
    part_norm().initialize(p.backbone.norm);
    p.backbone.layers.resize(depth);
    for (index_t l = 0; l < depth; ++l) {
      auto& layer = p.backbone.layers[l];
      part_norm().initialize(layer.norm);
      block.initialize(random.split(2 + static_cast<std::uint64_t>(l)), layer.mixer);
      if constexpr (requires { layer.mixer.out_proj; }) {
        const T scale = T(1.0 / std::sqrt(double(depth)));
        const auto w = layer.mixer.out_proj.view();
        for (index_t i = 0; residual && i < w.rows(); ++i) {
          for (index_t j = 0; j < w.columns(); ++j) w.at(i, j) = T(w.at(i, j)) * scale;
        }
      }
    }
  }

  /// Dynamics of every layer by its block, shared by all sequences (S = 1).
  template <class P>
  void base_dynamics(const parameters<P>& p, attd::layers<dynamics<P>>& base) const {
    base.resize(depth);
    for (index_t l = 0; l < depth; ++l) {
      block.base_dynamics(p.backbone.layers[l].mixer, base[l]);
    }
  }
  /// Adds dynamics gradients (of the shared dynamics, S = 1) to the parameters'.
  template <class P, class G, class Tau>
  void base_dynamics_backward(const parameters<P>& p, const attd::layers<dynamics<G, Tau>>& d_base,
                              parameters<G>& d_p) const {
    for (index_t l = 0; l < depth; ++l) {
      block.base_dynamics_backward(p.backbone.layers[l].mixer, d_base[l],
                                   d_p.backbone.layers[l].mixer);
    }
  }

  /// Sets the states that sequences start from to zero.
  template <class S>
  void reset_states(index_t count, cache<S>& c) const {
    c.initial.resize(depth);
    for (index_t l = 0; l < depth; ++l) block.reset_state(count, c.initial[l]);
  }

  /// Output into c.output(), last states into c.final. c.initial must be set.
  template <class Backend, class P, class M, class Tau, class X, class S>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p,
               const attd::layers<dynamics<M, Tau>>& dyn, const sequence_input<X>& in,
               cache<S>& c) const {
    forward_features(backend, batch, p, dyn, in, c);
    operations::resize(backend, c.result, {head.rows(batch), head.outputs()});
    head.forward(backend, batch, p.head, features(c), c.head, c.result.view());
  }

  /// The same up to what the head reads, `features(c)`; c.output() is left alone.
  template <class Backend, class P, class M, class Tau, class X, class S>
  void forward_features(Backend& backend, const sequences& batch, const parameters<P>& p,
                        const attd::layers<dynamics<M, Tau>>& dyn, const sequence_input<X>& in,
                        cache<S>& c) const {
    namespace op = operations;
    if constexpr (!reads_tokens) {
      expect_equal("sequence_model", "the number of input tokens", in.values.rows(),
                   batch.tokens());
    }
    const shape stream{batch.tokens(), block.outputs()};
    c.layers.resize(depth);
    c.final.resize(depth);
    op::resize(backend, c.encoded, stream);
    encoder.forward(backend, batch, p.backbone.encoder, in, c.encoded.view());
    for (index_t l = 0; l < depth; ++l) {
      auto& k = c.layers[l];
      const auto& layer = p.backbone.layers[l];
      const auto below = input_of(l, c);
      norm_block_input(backend, l, layer.norm, below, c);
      tensor<S>& output = rounds<S>() ? (l % 2 == 0 ? c.even : c.odd) : k.output;
      op::resize(backend, output, stream);
      {
        const lent_work lent(c.work, k.mixer, recomputes());
        block.forward(backend, batch, layer.mixer, dyn[l], block_input(l, c), c.initial[l], k.mixer,
                      output.view(), c.final[l]);
      }
      if (residual) {
        op::transform(backend, op::sum_function{}, output.view(), output.view(), below);
      }
      if constexpr (can_round<S>) {
        if (rounds<S>()) op::round_to_bfloat16(backend, output, k.rounded);
      }
    }
    if (norm != norm_kind::none) {
      op::resize(backend, c.normed, stream);
      part_norm().forward(backend, p.backbone.norm, input_of(depth, c), c.normed.view());
    }
  }
  /// What the head reads [token, width].
  template <class S>
  view<const S> features(const cache<S>& c) const {
    return norm == norm_kind::none ? input_of(depth, c) : c.normed.view();
  }

  /// Adds the gradients asked for by type: of the parameters (`DP`), and of the dynamics of the
  /// systems with adapted[l] (`DM`); stops below the lowest layer that is wanted.
  template <class Backend, class P, class M, class Tau, class X, class S, class DP, class DM,
            class DTau>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p,
                const attd::layers<dynamics<M, Tau>>& dyn, const sequence_input<X>& in, cache<S>& c,
                view<const S> d_output, parameters<DP>& d_p,
                attd::layers<dynamics<DM, DTau>>& d_dyn, const std::vector<char>& adapted) const {
    if (lowest_wanted<DP>(adapted) == depth) return;
    operations::clear(backend, c.d_features, features(c).shape());
    head.backward(backend, batch, p.head, features(c), c.head, d_output, c.d_features.view(),
                  d_p.head);
    backward_features(backend, batch, p, dyn, in, c, std::as_const(c.d_features).view(), d_p, d_dyn,
                      adapted);
  }

  /// The same but for the head, given the gradient of `features(c)`, which may lie in c.d_features.
  template <class Backend, class P, class M, class Tau, class X, class S, class DP, class DM,
            class DTau>
  void backward_features(Backend& backend, const sequences& batch, const parameters<P>& p,
                         const attd::layers<dynamics<M, Tau>>& dyn, const sequence_input<X>& in,
                         cache<S>& c, view<const S> d_features, parameters<DP>& d_p,
                         attd::layers<dynamics<DM, DTau>>& d_dyn,
                         const std::vector<char>& adapted) const {
    namespace op = operations;
    constexpr bool base = !std::is_same_v<DP, none>;
    const index_t lowest = lowest_wanted<DP>(adapted);
    if (lowest == depth) return;
    d_p.backbone.layers.resize(depth);  // a struct of `none` leaves costs nothing
    const shape stream{batch.tokens(), block.outputs()};
    op::clear(backend, c.d_stream, stream);
    add_through_norm(backend, p.backbone.norm, depth, c, d_features, d_p.backbone.norm);
    for (index_t l = depth - 1; l >= lowest; --l) {
      const bool wanted = adapted[static_cast<std::size_t>(l)];
      if constexpr (!base) {
        if (l == lowest) {  // nobody asks for what is below
          block_backward(backend, batch, l, p, dyn, c, view<none>{}, d_p, d_dyn[l]);
          return;
        }
      }
      op::clear(backend, c.d_normed, stream);
      dynamics<none> no_dynamics;
      if (wanted) {
        block_backward(backend, batch, l, p, dyn, c, c.d_normed.view(), d_p, d_dyn[l]);
      } else {
        block_backward(backend, batch, l, p, dyn, c, c.d_normed.view(), d_p, no_dynamics);
      }
      if (!residual) op::clear(backend, c.d_stream, stream);
      add_through_norm(backend, p.backbone.layers[l].norm, l, c, std::as_const(c.d_normed).view(),
                       d_p.backbone.layers[l].norm);
    }
    if constexpr (base) {
      encoder.backward(backend, batch, p.backbone.encoder, in, std::as_const(c.d_stream).view(),
                       d_p.backbone.encoder);
    }
  }

  /// Floating-point operations of a forward over `tokens` tokens.
  double forward_flops(double tokens) const {
    const double layer = part_norm().forward_flops(tokens) + block.forward_flops(tokens) +
                         (residual ? tokens * double(block.outputs()) : 0);
    return encoder.forward_flops(tokens) + double(depth) * layer +
           part_norm().forward_flops(tokens) + head.forward_flops(tokens);
  }

 private:
  token_norm part_norm() const { return {norm, block.outputs()}; }

  void check() const {
    const char* place = "sequence_model";
    if (depth < 1) fail(place, ": depth is ", depth, ", expected at least 1");
    expect_equal(place, "the input size of the block", block.inputs(), encoder.outputs());
    expect_equal(place, "the output size of the block", block.outputs(), block.inputs());
    expect_equal(place, "the input size of the head", head.inputs(), block.outputs());
  }

  /// What layer l reads before its norm; l = depth: what the head reads before its norm.
  template <class S>
  view<const S> input_of(index_t l, const cache<S>& c) const {
    if (l == 0) return c.encoded.view();
    if (rounds<S>()) return l % 2 == 1 ? c.even.view() : c.odd.view();
    return c.layers[l - 1].output.view();
  }
  // The same as it was kept for a backward: rounded, it is valid until the next call.
  template <class Backend, class S>
  view<const S> kept_input_of([[maybe_unused]] Backend& backend, index_t l, cache<S>& c) const {
    if constexpr (can_round<S>) {
      if (rounds<S>() && l > 0) {
        operations::widen_bfloat16(backend, c.layers[l - 1].rounded, c.widened);
        return std::as_const(c.widened).view();
      }
    }
    return input_of(l, c);
  }
  /// Where layer l's input of the block lies.
  template <class S>
  view<const S> block_input(index_t l, const cache<S>& c) const {
    if (norm == norm_kind::none) return input_of(l, c);
    return recomputes() ? c.block_input.view() : c.layers[l].normed.view();
  }
  /// Whether blocks keep little from forward to backward: then neither are their inputs kept.
  bool recomputes() const {
    if constexpr (requires { block.recomputes(); }) {
      return block.recomputes();
    } else {
      return false;
    }
  }
  // Whether blocks, and with them the layers' outputs, are stored rounded.
  template <class S>
  static constexpr bool can_round = !is_none_v<tensor<rounded_number<S>>>;
  template <class S>
  bool rounds() const {
    if constexpr (can_round<S> && requires { block.rounds(); }) {
      return recomputes() && block.rounds();
    } else {
      return false;
    }
  }
  template <class Backend, class P, class S>
  void norm_block_input(Backend& backend, index_t l, const norm_parameters<P>& p,
                        view<const S> below, cache<S>& c) const {
    if (norm == norm_kind::none) return;
    tensor<S>& normed = recomputes() ? c.block_input : c.layers[l].normed;
    operations::resize(backend, normed, below.shape());
    part_norm().forward(backend, p, below, normed.view());
  }
  // The lowest layer whose gradients are asked for; depth: none.
  template <class DP>
  index_t lowest_wanted(const std::vector<char>& adapted) const {
    index_t lowest = 0;
    if constexpr (std::is_same_v<DP, none>) {
      while (lowest < depth && !adapted[static_cast<std::size_t>(lowest)]) ++lowest;
    }
    return lowest;
  }
  // The gradient of the stream += that through the norm that layer l reads, or d_y itself where
  // there is no norm.
  template <class Backend, class P, class S, class DP>
  void add_through_norm(Backend& backend, const norm_parameters<P>& p, index_t l, cache<S>& c,
                        view<const S> d_y, norm_parameters<DP>& d_p) const {
    const view<S> d_x = c.d_stream.view();
    if (norm == norm_kind::none) {
      operations::transform(backend, operations::sum_function{}, d_x, d_x, d_y);
    } else {
      part_norm().backward(backend, p, kept_input_of(backend, l, c), d_y, d_x, d_p);
    }
  }

  template <class Backend, class P, class M, class Tau, class S, class DX, class DP, class DM,
            class DTau>
  void block_backward(Backend& backend, const sequences& batch, index_t l, const parameters<P>& p,
                      const attd::layers<dynamics<M, Tau>>& dyn, cache<S>& c, view<DX> d_x,
                      parameters<DP>& d_p, dynamics<DM, DTau>& d_dyn) const {
    const typename Block::template state<none> no_final;
    typename Block::template state<none> no_initial;
    auto& own = c.layers[l].mixer;
    const lent_work lent(c.work, own);
    constexpr bool input_is_read =
        !std::is_same_v<DP, none> || !detail::ReadsInputForParametersOnly<Block>;
    if (input_is_read && recomputes()) {
      norm_block_input(backend, l, p.backbone.layers[l].norm, kept_input_of(backend, l, c), c);
    }
    const view<const S> x =
        input_is_read && norm == norm_kind::none ? kept_input_of(backend, l, c) : block_input(l, c);
    block.backward(backend, batch, p.backbone.layers[l].mixer, dyn[l], x, c.initial[l], own,
                   std::as_const(c.d_stream).view(), no_final, d_x, d_p.backbone.layers[l].mixer,
                   d_dyn, no_initial);
  }
};

/// Predicts the channels of a signal, token by token.
template <class Block = blocks::mamba>
using forecaster = sequence_model<linear_encoder, Block, linear_head>;

/// Predicts the next token; set `head.bias = false` for files in the field's layout.
template <class Block = blocks::mamba>
using language_model = sequence_model<embedding_encoder, Block, linear_head>;

/// One output per sequence.
template <class Encoder = embedding_encoder, class Block = blocks::mamba>
using classifier = sequence_model<Encoder, Block, pooled_head>;

}  // namespace attd::models
