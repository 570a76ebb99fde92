// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A scan's output that was not kept: its backward computes it again, to the same bits. A test
// source invokes each with its backend.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <parity/scan_suite.hpp>

namespace attd_test::scans {

// All gradients, those without d_z or the output, and the output that the backward gives again.
template <class S>
struct gated_gradients {
  tensors<S> all, some;
  tensor<S> y, y_alone;
};
template <class Fast, class S>
gated_gradients<S> gradients_of(const cases::gated_scan& op, const tensors<S>& in,
                                const tensors<S>& d_out) {
  Fast kernels;
  ops::gated_scan_cache<S> cache;
  ops::gated_scan_scratch<S> scratch;
  tensors<S> out = zero_tensors<S>(op.outputs());
  op.forward(kernels, in, out, cache);
  CHECK(cache.s.empty() == (op.output == ops::scan_output::computed_again));
  gated_gradients<S> g{zero_tensors<S>(op.inputs()), zero_tensors<S>(op.inputs()), out[0], out[0]};
  const auto backward = [&](tensors<S>& d, auto d_z, auto y) {
    ops::gated_scan_backward(kernels, op.batch, cache, scratch, in[0].view(), in[1].view(),
                             in[9].view(), in[2].view(), in[3].view(), in[4].view(), in[5].view(),
                             in[6].view(), in[7].view(), in[8].view(), d_out[0].view(),
                             d_out[1].view(), d[0].view(), d[1].view(), d[2].view(), d[3].view(),
                             d[4].view(), d[5].view(), d[6].view(), d[7].view(), d_z, y);
  };
  if (cache.s.empty()) {  // what is computed again replaces what was there
    for (tensor<S>* y : {&g.y, &g.y_alone}) y->assign(y->shape(), S(std::nan("")));
    g.all[8].assign(g.all[8].shape(), S(std::nan("")));
  }
  backward(g.all, g.all[8].view(), g.y.view());
  backward(g.some, view<none>{}, g.y_alone.view());
  return g;
}
template <class Fast, class S>
void expect_same_without_output(cases::gated_scan op) {
  const tensors<S> in = inputs_of<S>(op, 3), d_out = random_of<S>(op.outputs(), 4);
  const auto expected = gradients_of<Fast, S>(op, in, d_out);
  op.output = ops::scan_output::computed_again;
  const auto found = gradients_of<Fast, S>(op, in, d_out);
  CHECK(relative_rms(found.all, expected.all) == 0);
  CHECK(relative_rms(found.some, expected.some) == 0);
  CHECK(relative_rms(found.y, expected.y) == 0);
  CHECK(relative_rms(found.y_alone, expected.y) == 0);
  CHECK(relative_rms(expected.all[8], zero_tensors<S>(op.inputs())[8]) > 0);
}

TEST_CASE_TEMPLATE_DEFINE("gated_scan: the same bits where its scan's output is not kept", Fast,
                          gated_scan_without_output) {
  const auto expect_same = [](const cases::gated_scan& op) {
    expect_same_without_output<Fast, float>(op);
    expect_same_without_output<Fast, double>(op);
    expect_same_without_output<Fast, dual<float>>(op);
    expect_same_without_output<Fast, dual<double>>(op);
  };
  expect_same({});
  // Single tokens, several chunks of tokens, partial registers.
  expect_same({.batch = {150, 1, 33}, .channels = 21, .states = 16, .dynamics = 3, .times = 3});
  // More states than run side by side.
  expect_same({.batch = {17, 1, 40}, .channels = 33, .states = 70});
}

TEST_CASE_TEMPLATE_DEFINE("selective_scan: the backward gives the forward's output again", Fast,
                          selective_scan_output_again) {
  Fast kernels;
  using S = dual<double>;
  const cases::selective_scan op{.batch = {70, 1, 5}, .channels = 11, .states = 6};
  const tensors<S> in = inputs_of<S>(op, 8), d_out = random_of<S>(op.outputs(), 9);
  tensors<S> out = zero_tensors<S>(op.outputs()), d = zero_tensors<S>(op.inputs());
  op.forward(kernels, in, out);
  tensor<S> y(out[0].shape(), S(std::nan("")));
  ops::selective_scan_scratch<S> scratch;
  const view<none> no;
  ops::selective_scan_backward(kernels, op.batch, scratch, in[0].view(), in[1].view(), in[2].view(),
                               in[3].view(), in[4].view(), in[5].view(), in[6].view(),
                               d_out[0].view(), no, d[0].view(), no, no, no, no, no, no, y.view());
  CHECK(relative_rms(y, out[0]) == 0);
  CHECK_THROWS_WITH_AS(ops::selective_scan_backward(
                           kernels, op.batch, scratch, in[0].view(), in[1].view(), in[2].view(),
                           in[3].view(), in[4].view(), in[5].view(), in[6].view(), d_out[0].view(),
                           no, d[0].view(), no, no, no, no, no, no, d[3].view()),
                       doctest::Contains("y"), error);
}

}  // namespace attd_test::scans
