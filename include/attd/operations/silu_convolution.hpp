// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The causal convolution with the SiLU that follows it in Mamba.
#pragma once

#include <attd/operations/activations.hpp>
#include <attd/operations/convolution.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/transform.hpp>
#include <tuple>

namespace attd::operations {

/// y = silu(v),  v = causal_convolution(x, weight, bias, initial).
///
/// Shapes: v, y as x [token, channel], the others as in `causal_convolution`. v is kept for the
/// backward. Cost: that of the convolution and one elementwise function.
/// Source: [Gu2023, Fig. 3].
template <class Backend, class X, class W, class B, class H, class Y, class F>
void silu_convolution(Backend& backend, const sequences& batch, view<X> x, view<W> weight,
                      view<B> bias, view<H> initial, view<Y> v, view<Y> y, view<F> final) {
  const char* place = "silu_convolution";
  expect_shape(place, "y", y.shape(), x.shape());
  if constexpr (requires {
                  backend.silu_convolution(batch, x, weight, bias, initial, v, y, final);
                }) {
    detail::check_convolution(place, batch, x, weight, initial);
    detail::check_convolution(place, batch, x, weight, final);
    expect_shape(place, "v", v.shape(), x.shape());
    backend.silu_convolution(batch, x, weight, bias, initial, v, y, final);
  } else {
    causal_convolution(backend, batch, x, weight, bias, initial, v, final);
    transform(backend, silu_function{}, y, v);
  }
}

/// Gradients of `silu_convolution`: those of the convolution with d_v = d_y silu'(v). d_x is
/// replaced; d_weight, d_bias and d_initial are added to what is there; each only when its view is
/// not `view<none>`. `d_v` is memory that is kept between calls; backends that compute it on the
/// way leave it empty.
template <class Backend, class S, class X, class W, class H, class V, class DY, class DF, class DX,
          class DW, class DB, class DH>
void silu_convolution_backward(Backend& backend, const sequences& batch, tensor<S>& d_v, view<X> x,
                               view<W> weight, view<H> initial, view<V> v, view<DY> d_y,
                               view<DF> d_final, view<DX> d_x, view<DW> d_weight, view<DB> d_bias,
                               view<DH> d_initial) {
  if constexpr (requires {
                  backend.silu_convolution_backward(batch, x, weight, initial, v, d_y, d_final, d_x,
                                                    d_weight, d_bias, d_initial);
                }) {
    const char* place = "silu_convolution_backward";
    detail::check_convolution(place, batch, x, weight, initial);
    detail::check_convolution(place, batch, x, weight, d_final);
    expect_shape(place, "d_y", d_y.shape(), x.shape());
    backend.silu_convolution_backward(batch, x, weight, initial, v, d_y, d_final, d_x, d_weight,
                                      d_bias, d_initial);
  } else {
    clear(backend, d_v, v.shape());
    transform_backward(backend, silu_function{}, d_y, std::tuple{d_v.view()}, v);
    clear_view(backend, d_x);
    causal_convolution_backward(backend, batch, x, weight, initial, d_v.view(), d_final, d_x,
                                d_weight, d_bias, d_initial);
  }
}

}  // namespace attd::operations
