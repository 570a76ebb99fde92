// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The first part of a model: measured channels or token ids to the width of its layers.
#pragma once

#include <attd/core/random.hpp>
#include <attd/core/sequence_input.hpp>
#include <attd/core/sequences.hpp>
#include <attd/operations/embedding.hpp>
#include <attd/operations/linear.hpp>
#include <cmath>
#include <tuple>

namespace attd::models {

/// Parameters of `linear_encoder`.
template <class T>
struct linear_encoder_parameters {
  tensor<T> weight;  ///< [width, input]
  tensor<T> bias;    ///< [width]
  static constexpr std::tuple names{"weight", "bias"};
};

/// Encoder of real signals  y_t = W x_t + b.
///
/// *Shapes*: x [token, input], y [token, width]. *Cost*: 2 token input width.
struct linear_encoder {
  index_t input = 1;
  index_t width = 16;

  static constexpr const char* name = "input";
  static constexpr bool reads_tokens = false;
  template <class T>
  using parameters = linear_encoder_parameters<T>;

  /// Channels of a token of the output.
  index_t outputs() const { return width; }

  /// Uniform in +-1/sqrt(input).
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    const double bound = 1.0 / std::sqrt(double(input));
    p.weight.resize({width, input});
    p.bias.resize({width});
    for (index_t i = 0; i < width; ++i) {
      for (index_t j = 0; j < input; ++j) p.weight(i, j) = T(random.uniform(-bound, bound));
    }
    for (index_t i = 0; i < width; ++i) p.bias(i) = T(random.uniform(-bound, bound));
  }

  /// Output y of all tokens.
  template <class Backend, class P, class X, class S>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p,
               const sequence_input<X>& in, view<S> y) const {
    operations::linear(backend, batch, in.values, p.weight.view(), p.bias.view(), y);
  }
  /// Adds the gradients of the parameters; there is no gradient of the data.
  template <class Backend, class P, class X, class DY, class DP>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p,
                const sequence_input<X>& in, view<DY> d_y, parameters<DP>& d_p) const {
    operations::linear_backward(backend, batch, in.values, p.weight.view(), d_y, view<none>{},
                                d_p.weight.view(), d_p.bias.view());
  }

  /// Floating-point operations of a forward over `tokens` tokens.
  double forward_flops(double tokens) const { return tokens * double(2 * input * width + width); }
};

/// Parameters of `embedding_encoder`.
template <class T>
struct embedding_encoder_parameters {
  tensor<T> weight;  ///< [vocabulary, width]
  static constexpr std::tuple names{"weight"};
};

/// Encoder of token ids  y_t = table[id_t].
///
/// *Shapes*: ids [token], each 0 to vocabulary - 1; y [token, width]. *Cost*: copies.
struct embedding_encoder {
  index_t vocabulary = 256;
  index_t width = 16;

  static constexpr const char* name = "embedding";
  static constexpr bool reads_tokens = true;
  template <class T>
  using parameters = embedding_encoder_parameters<T>;

  /// Channels of a token of the output.
  index_t outputs() const { return width; }

  /// Normal with deviation 0.02, as Mamba's language models start.
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    p.weight.resize({vocabulary, width});
    for (index_t i = 0; i < vocabulary; ++i) {
      for (index_t j = 0; j < width; ++j) p.weight(i, j) = T(0.02 * random.normal());
    }
  }

  /// Output y of all tokens.
  /// *Errors*: `attd::error` unless there is one id a token, each in the vocabulary.
  template <class Backend, class P, class X, class S>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p,
               const sequence_input<X>& in, view<S> y) const {
    expect_equal("embedding_encoder", "the number of token ids",
                 static_cast<index_t>(in.ids.size()), batch.tokens());
    operations::embedding(backend, p.weight.view(), in.ids, y);
  }
  /// Adds the gradient of the table.
  template <class Backend, class P, class X, class DY, class DP>
  void backward(Backend& backend, const sequences& /*batch*/, const parameters<P>& /*p*/,
                const sequence_input<X>& in, view<DY> d_y, parameters<DP>& d_p) const {
    operations::embedding_backward(backend, in.ids, d_y, d_p.weight.view());
  }

  /// None: rows are copied.
  double forward_flops(double /*tokens*/) const { return 0; }
};

}  // namespace attd::models
