// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A small perceptron with one hidden layer beside a linear path.
#pragma once

#include <attd/core/random.hpp>
#include <attd/operations/activations.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/transform.hpp>
#include <cmath>
#include <tuple>
#include <type_traits>
#include <utility>

namespace attd::blocks {

/// Parameters of `mlp`.
template <class T>
struct mlp_parameters {
  tensor<T> linear_weight;  ///< [output, input]
  tensor<T> bias;           ///< [output]
  tensor<T> up_weight;      ///< [hidden, input]; empty when hidden is 0
  tensor<T> up_bias;        ///< [hidden]
  tensor<T> down_weight;    ///< [output, hidden]
  static constexpr std::tuple names{"linear.weight", "linear.bias", "up.weight", "up.bias",
                                    "down.weight"};
};

/// Activations kept from forward to backward, and temporary memory.
template <class S>
struct mlp_cache {
  tensor<S> before;  ///< up x + bias [token, hidden]
  tensor<S> hidden;  ///< its activation
  tensor<S> d_hidden, d_before;
};

/// Perceptron  y = W x + b + W_down f(W_up x + b_up),  f = `Activation`, elementwise.
///
/// *Shapes*: x [token, input], y [token, output]; hidden = 0 leaves the linear path alone.
/// *Cost*: 2 token (input output + hidden (input + output)).
template <class Activation = operations::tanh_function>
struct mlp {
  index_t input = 1;
  index_t output = 1;
  index_t hidden = 0;

  template <class T>
  using parameters = mlp_parameters<T>;

  /// Uniform in +-1/sqrt(fan-in); the linear path starts small beside the hidden one.
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    const auto fill = [&](tensor<T>& w, const shape& s, double bound) {
      w.resize(s);
      for (index_t i = 0; i < s.size(); ++i) w.data()[i] = T(random.uniform(-bound, bound));
    };
    fill(p.linear_weight, {output, input}, 1.0 / std::sqrt(double(input)));
    p.bias.assign({output});
    if (hidden == 0) return;
    fill(p.up_weight, {hidden, input}, 1.0 / std::sqrt(double(input)));
    fill(p.up_bias, {hidden}, 1.0 / std::sqrt(double(input)));
    fill(p.down_weight, {output, hidden}, 1.0 / std::sqrt(double(hidden)));
  }

  /// Output y of all tokens, activations into the cache.
  template <class Backend, class P, class X, class S, class Y>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p, view<X> x,
               mlp_cache<S>& cache, view<Y> y) const {
    forward(backend, batch, p, x, view<none>{}, cache, y);
  }
  /// The same for an input whose last channels are in another place, `more` [token, input - ...]
  /// or `view<none>`: nothing is copied to bring both together.
  template <class Backend, class P, class X, class Z, class S, class Y>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p, view<X> x,
               view<Z> more, mlp_cache<S>& cache, view<Y> y) const {
    namespace op = operations;
    linear_of_parts(backend, batch, x, more, p.linear_weight.view(), p.bias.view(), y);
    if (hidden == 0) return;
    operations::resize(backend, cache.before, {batch.tokens(), hidden});
    operations::resize(backend, cache.hidden, {batch.tokens(), hidden});
    linear_of_parts(backend, batch, x, more, p.up_weight.view(), p.up_bias.view(),
                    cache.before.view());
    op::transform(backend, Activation{}, cache.hidden.view(), cache.before.view());
    add_product(backend, batch, cache.hidden.view(), p.down_weight.view(), y);
  }

  /// Given d_y, adds the gradients that are asked for by type; `cache` is that of the forward
  /// before.
  template <class Backend, class P, class X, class S, class DY, class DX, class DP>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p, view<X> x,
                mlp_cache<S>& cache, view<DY> d_y, view<DX> d_x, parameters<DP>& d_p) const {
    backward(backend, batch, p, x, view<none>{}, cache, d_y, d_x, view<none>{}, d_p);
  }
  /// The same for an input in two parts. d_more, where asked for, is replaced: nobody has to clear
  /// it first.
  template <class Backend, class P, class X, class Z, class S, class DY, class DX, class DZ,
            class DP>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p, view<X> x,
                view<Z> more, mlp_cache<S>& cache, view<DY> d_y, view<DX> d_x, view<DZ> d_more,
                parameters<DP>& d_p) const {
    namespace op = operations;
    const auto through = [&]<op::update OfMore>(std::integral_constant<op::update, OfMore>,
                                                const auto& weight, auto d_out, auto d_weight,
                                                auto d_bias) {
      op::linear_backward(backend, batch, x, first_of(weight, x), d_out, d_x, first_of(d_weight, x),
                          d_bias);
      if constexpr (!is_none_v<view<Z>>) {
        op::linear_backward<OfMore>(backend, batch, more, rest_of(weight, x, more), d_out, d_more,
                                    rest_of(d_weight, x, more), view<none>{});
      }
    };
    through(std::integral_constant<op::update, op::update::assign>{}, p.linear_weight.view(), d_y,
            d_p.linear_weight.view(), d_p.bias.view());
    if (hidden == 0) return;
    operations::clear(backend, cache.d_hidden, cache.hidden.shape());
    operations::clear(backend, cache.d_before, cache.before.shape());
    op::linear_backward(backend, batch, cache.hidden.view(), p.down_weight.view(), d_y,
                        cache.d_hidden.view(), d_p.down_weight.view(), view<none>{});
    op::transform_backward(backend, Activation{}, cache.d_hidden.view(),
                           std::tuple{cache.d_before.view()}, cache.before.view());
    through(std::integral_constant<op::update, op::update::add>{}, p.up_weight.view(),
            std::as_const(cache.d_before).view(), d_p.up_weight.view(), d_p.up_bias.view());
  }

  /// Floating-point operations of a forward over `tokens` tokens.
  double forward_flops(double tokens) const {
    return 2.0 * tokens * double(input * output + hidden * (input + output));
  }

 private:
  // The columns of a weight that meet x, and those that meet the part beside it.
  template <class W, class X>
  static auto first_of(view<W> weight, view<X> x) {
    return weight.column_range(0, x.columns());
  }
  template <class W, class X, class Z>
  static auto rest_of(view<W> weight, view<X> x, view<Z> more) {
    return weight.column_range(x.columns(), more.columns());
  }
  template <class Backend, class X, class W, class Y>
  static void add_product(Backend& backend, const sequences& batch, view<X> x, view<W> weight,
                          view<Y> y) {
    namespace op = operations;
    for (index_t s = 0; s < batch.count(); ++s) {
      const index_t first = batch.offset(s), length = batch.length(s);
      op::matmul<op::transpose::no, op::transpose::yes, op::update::add>(
          backend, x.row_range(first, length), weight, y.row_range(first, length));
    }
  }
  template <class Backend, class X, class Z, class W, class B, class Y>
  static void linear_of_parts(Backend& backend, const sequences& batch, view<X> x, view<Z> more,
                              view<W> weight, view<B> bias, view<Y> y) {
    operations::linear(backend, batch, x, first_of(weight, x), bias, y);
    if constexpr (!is_none_v<view<Z>>) {
      expect_equal("mlp", "the number of input channels", x.columns() + more.columns(),
                   weight.columns());
      add_product(backend, batch, more, rest_of(weight, x, more), y);
    }
  }
};

}  // namespace attd::blocks
