// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The norm between layers, chosen when a model is configured.
#pragma once

#include <attd/core/tensor.hpp>
#include <attd/operations/normalization.hpp>
#include <tuple>

namespace attd::models {

/// Which norm stands before every layer and before the head.
enum class norm_kind {
  none,
  rms,    ///< root mean square, with gain
  layer,  ///< mean and deviation, with gain and offset
};

/// Parameters of `token_norm`.
template <class T>
struct norm_parameters {
  tensor<T> weight;  ///< [width]; empty without norm
  tensor<T> bias;    ///< [width]; empty but for the layer norm
  static constexpr std::tuple names{"weight", "bias"};
};

/// Norm of every token, or nothing.
///
/// *Shapes*: x, y [token, width]. eps = 1e-5, as in Mamba. *Cost*: 4 to 8 token width.
struct token_norm {
  norm_kind kind = norm_kind::rms;
  index_t width = 16;

  static constexpr double epsilon = 1e-5;

  /// Whether y is anything else than x.
  bool active() const { return kind != norm_kind::none; }

  /// Gain 1 and offset 0; what the norm does not have stays empty.
  template <class T>
  void initialize(norm_parameters<T>& p) const {
    p.weight = tensor<T>();
    p.bias = tensor<T>();
    if (kind != norm_kind::none) p.weight.assign({width}, T(1));
    if (kind == norm_kind::layer) p.bias.assign({width});
  }

  /// Must be `active`.
  template <class Backend, class P, class X, class Y>
  void forward(Backend& backend, const norm_parameters<P>& p, view<X> x, view<Y> y) const {
    if (kind == norm_kind::rms) {
      operations::rms_norm(backend, x, p.weight.view(), epsilon, y);
    } else {
      operations::layer_norm(backend, x, p.weight.view(), p.bias.view(), epsilon, y);
    }
  }
  /// Adds the gradients; d_x may not be the memory of d_y.
  template <class Backend, class P, class X, class DY, class DX, class DP>
  void backward(Backend& backend, const norm_parameters<P>& p, view<X> x, view<DY> d_y,
                view<DX> d_x, norm_parameters<DP>& d_p) const {
    if (kind == norm_kind::rms) {
      operations::rms_norm_backward(backend, x, p.weight.view(), epsilon, d_y, d_x,
                                    d_p.weight.view());
    } else {
      operations::layer_norm_backward(backend, x, p.weight.view(), epsilon, d_y, d_x,
                                      d_p.weight.view(), d_p.bias.view());
    }
  }

  /// Floating-point operations of a forward over `tokens` tokens.
  double forward_flops(double tokens) const {
    return kind == norm_kind::none ? 0 : tokens * double(width) * (kind == norm_kind::rms ? 4 : 8);
  }
};

}  // namespace attd::models
