// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The scans as cases for the common checks and for the parity of backends.
#pragma once

#include <attd/operations/complex_scan.hpp>
#include <attd/operations/dense_recurrence.hpp>
#include <attd/operations/gated_scan.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/selective_scan.hpp>
#include <operations/checks.hpp>
#include <vector>

namespace attd::testing::cases {

namespace ops = attd::operations;

struct selective_scan {
  sequences batch{1, 2, 7};
  index_t channels = 3, states = 2, dynamics = 1;
  std::vector<shape> inputs() const {
    const index_t tokens = batch.tokens();
    return {
        {tokens, channels}, {tokens, channels}, {dynamics, channels, states},     {tokens, states},
        {tokens, states},   {channels},         {batch.count(), channels, states}};
  }
  std::vector<shape> outputs() const {
    return {{batch.tokens(), channels}, {batch.count(), channels, states}};
  }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::selective_scan(backend, batch, in[0].view(), in[1].view(), in[2].view(), in[3].view(),
                        in[4].view(), in[5].view(), in[6].view(), out[0].view(), out[1].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::selective_scan_scratch<S> scratch;
    ops::selective_scan_backward(backend, batch, scratch, in[0].view(), in[1].view(), in[2].view(),
                                 in[3].view(), in[4].view(), in[5].view(), in[6].view(),
                                 d_out[0].view(), d_out[1].view(), d_in[0].view(), d_in[1].view(),
                                 d_in[2].view(), d_in[3].view(), d_in[4].view(), d_in[5].view(),
                                 d_in[6].view());
  }
};

// Inputs: u, raw, tau, a, b, c, d, initial, z, bias.
struct gated_scan {
  sequences batch{1, 2, 7};
  index_t channels = 3, states = 2, dynamics = 1, times = 1;
  ops::scan_output output = ops::scan_output::kept;
  std::vector<shape> inputs() const {
    const index_t tokens = batch.tokens();
    const shape rows{tokens, channels}, selected{tokens, states};
    return {rows,     rows,      {times, channels}, {dynamics, channels, states},
            selected, selected,  {channels},        {batch.count(), channels, states},
            rows,     {channels}};
  }
  std::vector<shape> outputs() const {
    return {{batch.tokens(), channels}, {batch.count(), channels, states}};
  }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::gated_scan_cache<S> cache;
    forward(backend, in, out, cache);
  }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out,
               ops::gated_scan_cache<S>& cache) const {
    ops::gated_scan(backend, batch, cache, in[0].view(), in[1].view(), in[9].view(), in[2].view(),
                    in[3].view(), in[4].view(), in[5].view(), in[6].view(), in[7].view(),
                    in[8].view(), out[0].view(), out[1].view(), output);
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::gated_scan_cache<S> cache;
    ops::gated_scan_scratch<S> scratch;
    tensors<S> out = zero_tensors<S>(outputs());
    for (auto& t : out) ops::bring(backend, t);
    forward(backend, in, out, cache);
    ops::gated_scan_backward(backend, batch, cache, scratch, in[0].view(), in[1].view(),
                             in[9].view(), in[2].view(), in[3].view(), in[4].view(), in[5].view(),
                             in[6].view(), in[7].view(), in[8].view(), d_out[0].view(),
                             d_out[1].view(), d_in[0].view(), d_in[1].view(), d_in[2].view(),
                             d_in[3].view(), d_in[4].view(), d_in[5].view(), d_in[6].view(),
                             d_in[7].view(), d_in[8].view());
    const view<none> no;
    ops::linear_backward(backend, batch, in[1].view(), in[1].view(), d_in[1].view(), no, no,
                         d_in[9].view());
  }
};

template <ops::direction Way>
struct complex_scan {
  sequences batch{1, 2, 7};
  index_t channels = 3, states = 2, dynamics = 1, inputs_of = 1;
  std::vector<shape> inputs() const {
    const shape a{dynamics, channels, states}, b{inputs_of, channels, states};
    const shape c{channels, states}, state{batch.count(), channels, states};
    return {{batch.tokens(), channels}, a, a, b, b, c, c, {channels}, state, state};
  }
  std::vector<shape> outputs() const {
    const shape state{batch.count(), channels, states};
    return {{batch.tokens(), channels}, state, state};
  }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::complex_scan<Way>(backend, batch, in[0].view(), pair(in, 1), pair(in, 3), pair(in, 5),
                           in[7].view(), pair(in, 8), out[0].view(), pair(out, 1));
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    ops::complex_scan_scratch<S> scratch;
    ops::complex_scan_backward<Way>(backend, batch, scratch, in[0].view(), pair(in, 1), pair(in, 3),
                                    pair(in, 5), in[7].view(), pair(in, 8), d_out[0].view(),
                                    pair(d_out, 1), d_in[0].view(), pair(d_in, 1), pair(d_in, 3),
                                    pair(d_in, 5), d_in[7].view(), pair(d_in, 8));
  }

 private:
  template <class Tensors>
  static auto pair(Tensors& x, std::size_t first) {
    return ops::complex_planes(x[first].view(), x[first + 1].view());
  }
};

struct dense_recurrence {
  sequences batch{1, 2, 7};
  index_t states = 3, dynamics = 1;
  std::vector<shape> inputs() const {
    return {{dynamics, states, states}, {batch.tokens(), states}, {batch.count(), states}};
  }
  std::vector<shape> outputs() const { return {{batch.tokens(), states}, {batch.count(), states}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::dense_recurrence(backend, batch, in[0].view(), in[1].view(), in[2].view(), out[0].view(),
                          out[1].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    tensors<S> out = zero_tensors<S>(outputs());
    forward(backend, in, out);
    ops::dense_recurrence_scratch<S> scratch;
    ops::dense_recurrence_backward(backend, batch, scratch, in[0].view(), out[0].view(),
                                   in[2].view(), d_out[0].view(), d_out[1].view(), d_in[1].view(),
                                   d_in[0].view(), d_in[2].view());
  }
};

// Random inputs as they are, but step sizes positive and rates negative where the operation is a
// selective scan: a scan that grows would compare nothing but overflows.
template <class S, class Case>
void make_stable(const Case&, tensors<S>&) {}
template <class S>
void make_stable(const selective_scan&, tensors<S>& in) {
  for (std::size_t i : {1u, 2u}) {
    const S sign(primal_t<S>(i == 1 ? 0.1 : -1.0)), least(primal_t<S>(0.01));
    const auto v = in[i].view();
    for (index_t r = 0; r < v.rows(); ++r) {
      for (index_t c = 0; c < v.columns(); ++c) {
        const S x = v.at(r, c);
        v.at(r, c) = sign * (x * x + least);
      }
    }
  }
}

}  // namespace attd::testing::cases
