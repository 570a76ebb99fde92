// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Parameters of a sequence model, and what one of its layers keeps.
#pragma once

#include <attd/core/bfloat16.hpp>
#include <attd/core/leaves.hpp>
#include <attd/core/tensor.hpp>
#include <attd/models/token_norm.hpp>
#include <tuple>

namespace attd::models {

/// Parameters of one layer.
template <class T, class Block>
struct stack_layer_parameters {
  norm_parameters<T> norm;
  typename Block::template parameters<T> mixer;
  static constexpr std::tuple names{"norm", "mixer"};
};

/// Parameters of everything before the head.
template <class T, class Encoder, class Block>
struct backbone_parameters {
  typename Encoder::template parameters<T> encoder;
  attd::layers<stack_layer_parameters<T, Block>> layers;
  norm_parameters<T> norm;
  static constexpr std::tuple names{Encoder::name, "layers", "norm_f"};
};

/// Parameters of `sequence_model`, named as in [Gu2023]'s language models.
template <class T, class Encoder, class Block, class Head>
struct sequence_model_parameters {
  backbone_parameters<T, Encoder, Block> backbone;
  typename Head::template parameters<T> head;
  static constexpr std::tuple names{"backbone", "lm_head"};
};

/// Activations of one layer.
template <class S, class Block>
struct stack_layer_cache {
  tensor<S> normed;  ///< the block's input [token, width]; unused without norm, or if recomputed
  tensor<S> output;  ///< of the layer, residual included
  tensor<rounded_number<S>> rounded;  ///< in place of `output`, if blocks round
  typename Block::template cache<S> mixer;
};

namespace detail {
// A block whose backward reads its input for gradients of parameters only.
template <class Block>
concept ReadsInputForParametersOnly = requires { requires Block::reads_input_for_parameters_only; };
}  // namespace detail

}  // namespace attd::models
