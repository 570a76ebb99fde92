// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The last part of a model: an output per token, or one per sequence.
#pragma once

#include <algorithm>
#include <attd/core/random.hpp>
#include <attd/core/sequences.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/pooling.hpp>
#include <cmath>
#include <tuple>

namespace attd::models {

/// Parameters of `linear_head` and `pooled_head`.
template <class T>
struct head_parameters {
  tensor<T> weight;  ///< [output, width]
  tensor<T> bias;    ///< [output]; empty without bias
  static constexpr std::tuple names{"weight", "bias"};
};

/// Nothing has to be kept.
template <class S>
struct linear_head_cache {};

/// An output per token  y_t = W x_t (+ b).
///
/// *Shapes*: x [token, width], y [token, output]. *Cost*: 2 token width output.
struct linear_head {
  index_t width = 16;
  index_t output = 1;
  bool bias = true;
  index_t loss_chunk = 0;  ///< see `rows_at_once`: memory against speed; not in files. On a GPU
                           ///< no more than some hundred chunks: each has ids to be copied.

  /// Says that a row of the output depends on its token alone. A head of yours of that kind names
  /// itself here and has `rows_at_once()`; a class derived from one has to say so again.
  using row_of_token = linear_head;

  template <class T>
  using parameters = head_parameters<T>;
  template <class S>
  using cache = linear_head_cache<S>;

  /// Channels that a token has.
  index_t inputs() const { return width; }
  /// Channels of a row of the output.
  index_t outputs() const { return output; }
  /// Rows of the output: one a token.
  index_t rows(const sequences& batch) const { return batch.tokens(); }
  /// How many rows are in memory at a time where nothing but a loss of each is asked for
  /// (`adaptation::output_loss`): `loss_chunk`, or, where it is 0, as many as have 2^25 numbers.
  index_t rows_at_once() const {
    return loss_chunk > 0 ? loss_chunk : std::max<index_t>(1, (index_t{1} << 25) / output);
  }

  /// Uniform in +-1/sqrt(width).
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    const double bound = 1.0 / std::sqrt(double(width));
    p.weight.resize({output, width});
    for (index_t i = 0; i < output; ++i) {
      for (index_t j = 0; j < width; ++j) p.weight(i, j) = T(random.uniform(-bound, bound));
    }
    p.bias = tensor<T>();
    if (bias) p.bias.assign({output});
  }

  /// Output y [token, output].
  template <class Backend, class P, class X, class C, class S>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p, view<X> x,
               C& /*cache*/, view<S> y) const {
    if (bias) {
      operations::linear(backend, batch, x, p.weight.view(), p.bias.view(), y);
    } else {
      operations::linear(backend, batch, x, p.weight.view(), view<none>{}, y);
    }
  }
  /// Given d_y, adds the gradients that are asked for by type.
  template <class Backend, class P, class X, class C, class DY, class DX, class DP>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p, view<X> x,
                C& /*cache*/, view<DY> d_y, view<DX> d_x, parameters<DP>& d_p) const {
    if (bias) {
      operations::linear_backward(backend, batch, x, p.weight.view(), d_y, d_x, d_p.weight.view(),
                                  d_p.bias.view());
    } else {
      operations::linear_backward(backend, batch, x, p.weight.view(), d_y, d_x, d_p.weight.view(),
                                  view<none>{});
    }
  }

  /// Floating-point operations of a forward over `tokens` tokens.
  double forward_flops(double tokens) const {
    return tokens * double(2 * width * output + (bias ? output : 0));
  }
};

/// Which row stands for a sequence.
enum class pooling {
  mean,  ///< the mean of its own tokens
  last,  ///< its last token
};

/// Activations kept from forward to backward, and temporary memory.
template <class S>
struct pooled_head_cache {
  tensor<S> pooled;  ///< [sequence, width]
  tensor<S> d_pooled;
  sequences rows;  ///< one row per sequence, each by itself
};

/// An output per sequence  y_b = W pool_b(x) (+ b).
///
/// *Shapes*: x [token, width], y [sequence, output]. *Cost*: token width + 2 sequence width output.
struct pooled_head {
  index_t width = 16;
  index_t output = 2;
  pooling pool = pooling::mean;
  bool bias = true;

  template <class T>
  using parameters = head_parameters<T>;
  template <class S>
  using cache = pooled_head_cache<S>;

  /// Channels that a token has.
  index_t inputs() const { return width; }
  /// Channels of a row of the output.
  index_t outputs() const { return output; }
  /// Rows of the output: one a sequence.
  index_t rows(const sequences& batch) const { return batch.count(); }

  /// As `linear_head`.
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    linear().initialize(random, p);
  }

  /// Output y [sequence, output]; what was pooled stays in the cache.
  template <class Backend, class P, class X, class S>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p, view<X> x,
               cache<S>& c, view<S> y) const {
    operations::resize(backend, c.pooled, {batch.count(), width});
    c.rows.clear();
    for (index_t s = 0; s < batch.count(); ++s) c.rows.append(1);
    if (pool == pooling::mean) {
      operations::mean_pool(backend, batch, x, c.pooled.view());
    } else {
      operations::last_pool(backend, batch, x, c.pooled.view());
    }
    linear().forward(backend, c.rows, p, c.pooled.view(), c, y);
  }
  /// Given d_y, adds the gradients that are asked for by type; `c` is that of the forward before.
  template <class Backend, class P, class X, class S, class DY, class DX, class DP>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p, view<X> /*x*/,
                cache<S>& c, view<DY> d_y, view<DX> d_x, parameters<DP>& d_p) const {
    operations::clear(backend, c.d_pooled, c.pooled.shape());
    linear().backward(backend, c.rows, p, c.pooled.view(), c, d_y, c.d_pooled.view(), d_p);
    if (pool == pooling::mean) {
      operations::mean_pool_backward(backend, batch, c.d_pooled.view(), d_x);
    } else {
      operations::last_pool_backward(backend, batch, c.d_pooled.view(), d_x);
    }
  }

  /// Floating-point operations of a forward over one sequence of `tokens` tokens.
  double forward_flops(double tokens) const {
    return tokens * double(width) + linear().forward_flops(1);
  }

 private:
  linear_head linear() const { return {width, output, bias}; }
};

}  // namespace attd::models
