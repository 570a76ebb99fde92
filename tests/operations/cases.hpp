// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The operations as cases for the common checks and for the parity of backends.
#pragma once

#include <attd/operations/activations.hpp>
#include <attd/operations/cross_entropy.hpp>
#include <attd/operations/embedding.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/low_rank_map.hpp>
#include <attd/operations/normalization.hpp>
#include <attd/operations/pooling.hpp>
#include <attd/operations/row_means.hpp>
#include <attd/operations/silu_convolution.hpp>
#include <attd/operations/transform.hpp>
#include <operations/checks.hpp>
#include <span>
#include <vector>

namespace attd::testing::cases {

namespace ops = attd::operations;

struct rms_norm {
  index_t rows = 3, columns = 5;
  std::vector<shape> inputs() const { return {{rows, columns}, {columns}}; }
  std::vector<shape> outputs() const { return {{rows, columns}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::rms_norm(backend, in[0].view(), in[1].view(), 1e-5, out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::rms_norm_backward(backend, in[0].view(), in[1].view(), 1e-5, d_out[0].view(),
                           d_in[0].view(), d_in[1].view());
  }
};

struct layer_norm {
  index_t rows = 3, columns = 5;
  std::vector<shape> inputs() const { return {{rows, columns}, {columns}, {columns}}; }
  std::vector<shape> outputs() const { return {{rows, columns}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::layer_norm(backend, in[0].view(), in[1].view(), in[2].view(), 1e-5, out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::layer_norm_backward(backend, in[0].view(), in[1].view(), 1e-5, d_out[0].view(),
                             d_in[0].view(), d_in[1].view(), d_in[2].view());
  }
};

struct causal_convolution {
  sequences batch{1, 2, 7};
  index_t channels = 3, taps = 4;
  std::vector<shape> inputs() const {
    return {{batch.tokens(), channels},
            {channels, taps},
            {channels},
            {batch.count(), taps - 1, channels}};
  }
  std::vector<shape> outputs() const {
    return {{batch.tokens(), channels}, {batch.count(), taps - 1, channels}};
  }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::causal_convolution(backend, batch, in[0].view(), in[1].view(), in[2].view(), in[3].view(),
                            out[0].view(), out[1].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::causal_convolution_backward(backend, batch, in[0].view(), in[1].view(), in[3].view(),
                                     d_out[0].view(), d_out[1].view(), d_in[0].view(),
                                     d_in[1].view(), d_in[2].view(), d_in[3].view());
  }
};

struct silu_convolution {
  sequences batch{1, 2, 7};
  index_t channels = 3, taps = 4;
  std::vector<shape> inputs() const { return causal_convolution{batch, channels, taps}.inputs(); }
  std::vector<shape> outputs() const { return causal_convolution{batch, channels, taps}.outputs(); }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    tensor<S> v;
    forward(backend, in, out, v);
  }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out, tensor<S>& v) const {
    ops::resize(backend, v, out[0].shape());
    ops::silu_convolution(backend, batch, in[0].view(), in[1].view(), in[2].view(), in[3].view(),
                          v.view(), out[0].view(), out[1].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    tensors<S> out = zero_tensors<S>(outputs());
    for (auto& t : out) ops::bring(backend, t);
    tensor<S> v, d_v;
    forward(backend, in, out, v);
    ops::silu_convolution_backward(backend, batch, d_v, in[0].view(), in[1].view(), in[3].view(),
                                   std::as_const(v).view(), d_out[0].view(), d_out[1].view(),
                                   d_in[0].view(), d_in[1].view(), d_in[2].view(), d_in[3].view());
  }
};

struct linear {
  sequences batch{1, 3, 2};
  index_t in_size = 4, out_size = 5;
  std::vector<shape> inputs() const {
    return {{batch.tokens(), in_size}, {out_size, in_size}, {out_size}};
  }
  std::vector<shape> outputs() const { return {{batch.tokens(), out_size}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::linear(backend, batch, in[0].view(), in[1].view(), in[2].view(), out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::linear_backward(backend, batch, in[0].view(), in[1].view(), d_out[0].view(),
                         d_in[0].view(), d_in[1].view(), d_in[2].view());
  }
};

struct embedding {
  std::vector<std::int32_t> ids{2, 0, 3, 2, 2};
  index_t vocabulary = 4, channels = 3;
  std::span<const std::int32_t> tokens() const { return ids; }
  std::vector<shape> inputs() const { return {{vocabulary, channels}}; }
  std::vector<shape> outputs() const { return {{static_cast<index_t>(ids.size()), channels}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::embedding(backend, in[0].view(), tokens(), out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>&, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::embedding_backward(backend, tokens(), d_out[0].view(), d_in[0].view());
  }
};

struct cross_entropy {
  std::vector<index_t> ids{1, -1, 4, 0};
  index_t classes = 5;
  std::span<const index_t> targets() const { return ids; }
  std::vector<shape> inputs() const { return {{static_cast<index_t>(ids.size()), classes}}; }
  std::vector<shape> outputs() const { return {{static_cast<index_t>(ids.size())}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::cross_entropy(backend, in[0].view(), targets(), out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::cross_entropy_backward(backend, in[0].view(), targets(), d_out[0].view(), d_in[0].view());
  }
};

// The same by one operation that replaces the logits.
struct cross_entropy_in_place : cross_entropy {
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    tensor<S> logits = in[0], ones(out[0].shape(), S(1));
    ops::cross_entropy_in_place(backend, logits.view(), targets(), std::as_const(ones).view(),
                                out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    tensor<S> losses(d_out[0].shape());
    d_in[0] = in[0];
    ops::cross_entropy_in_place(backend, d_in[0].view(), targets(), d_out[0].view(), losses.view());
  }
};

struct softmax_entropy {
  index_t rows = 3, classes = 5;
  std::vector<shape> inputs() const { return {{rows, classes}}; }
  std::vector<shape> outputs() const { return {{rows}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::softmax_entropy(backend, in[0].view(), out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::softmax_entropy_backward(backend, in[0].view(), d_out[0].view(), d_in[0].view());
  }
};

struct mean_pool {
  sequences batch{1, 4, 2};
  index_t channels = 3;
  std::vector<shape> inputs() const { return {{batch.tokens(), channels}}; }
  std::vector<shape> outputs() const { return {{batch.count(), channels}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::mean_pool(backend, batch, in[0].view(), out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>&, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::mean_pool_backward(backend, batch, d_out[0].view(), d_in[0].view());
  }
};

struct row_means {
  index_t rows = 5, channels = 3;
  std::vector<shape> inputs() const { return {{rows, channels}}; }
  std::vector<shape> outputs() const { return {{rows}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::row_means(backend, in[0].view(), out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>&, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::row_means_backward(backend, d_out[0].view(), d_in[0].view());
  }
};

struct last_pool {
  sequences batch{1, 4, 2};
  index_t channels = 3;
  std::vector<shape> inputs() const { return {{batch.tokens(), channels}}; }
  std::vector<shape> outputs() const { return {{batch.count(), channels}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::last_pool(backend, batch, in[0].view(), out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>&, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::last_pool_backward(backend, batch, d_out[0].view(), d_in[0].view());
  }
};

// A formula with a bend and of both arguments.
struct bent_product {
  static constexpr bool scalar = true;
  template <class S>
  ATTD_HD S operator()(const S& x, const S& change) const {
    return primal(change) > primal_t<S>(0.4) ? x * S(0.4) : x * change + exp(S(0.3) * change);
  }
};
struct low_rank_map {
  index_t sets = 2, rows = 5, columns = 3, rank = 2, first_v = 1, below = 1;
  std::vector<shape> inputs() const {
    return {{rows, columns}, {sets, rows, rank}, {sets, first_v + columns + below, rank}};
  }
  std::vector<shape> outputs() const { return {{sets, rows, columns}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::low_rank_map(backend, bent_product{}, in[0].view(), in[1].view(), in[2].view(), first_v,
                      out[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::low_rank_map_backward(backend, bent_product{}, in[0].view(), in[1].view(), in[2].view(),
                               first_v, d_out[0].view(), d_in[0].view(), d_in[1].view(),
                               d_in[2].view());
  }
};

// One functor of one operand.
template <class F>
struct unary {
  index_t rows = 3, columns = 7;
  std::vector<shape> inputs() const { return {{rows, columns}}; }
  std::vector<shape> outputs() const { return {{rows, columns}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::transform(backend, F{}, out[0].view(), in[0].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::transform_backward(backend, F{}, d_out[0].view(), std::tuple(d_in[0].view()),
                            in[0].view());
  }
};

// One functor of two operands, the second with as many rows as the first or one for all.
template <class F>
struct binary {
  index_t rows = 3, columns = 7, second_rows = 3;
  std::vector<shape> inputs() const { return {{rows, columns}, {second_rows, columns}}; }
  std::vector<shape> outputs() const { return {{rows, columns}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::transform(backend, F{}, out[0].view(), in[0].view(), in[1].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::transform_backward(backend, F{}, d_out[0].view(),
                            std::tuple(d_in[0].view(), d_in[1].view()), in[0].view(), in[1].view());
  }
};

}  // namespace attd::testing::cases
