// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// S4D against PyTorch: outputs and every gradient, by a recurrence here and by FFT there. A test
// source invokes this with its backend.
#pragma once

#include <doctest/doctest.h>

#include <attd/blocks/s4d.hpp>
#include <attd/testing/gradient_check.hpp>
#include <golden/golden.hpp>

namespace attd_test::golden_s4d {

using namespace attd;

// Relative errors of the output and of the worst gradient.
struct errors {
  double y = 0, gradient = 0;
  int gradients = 0;
};

template <class Backend, bool Bidirectional>
errors compare(const blocks::s4d<Bidirectional>& block, const std::string& name) {
  using B = blocks::s4d<Bidirectional>;
  using testing::relative_error;
  const attd_test::golden values("s4d.txt");
  const std::string prefix = name + ".";
  Backend backend;
  const sequences batch = sequences::equal(2, 7);
  typename B::template parameters<double> p, d_p;
  values.read(prefix, p);
  zeros_like(p, d_p);
  dynamics<double> dyn, d_dyn;
  block.base_dynamics(p, dyn);
  zeros_like(dyn, d_dyn);
  typename B::template state<double> initial, final;
  typename B::template state<none> no_state;
  block.reset_state(2, initial);
  typename B::template cache<double> cache;
  const tensor<double>&x = values[prefix + "x"], &d_y = values[prefix + "d_y"];
  tensor<double> y(x.shape()), d_x(x.shape());
  block.forward(backend, batch, p, dyn, x.view(), initial, cache, y.view(), final);
  block.backward(backend, batch, p, dyn, x.view(), initial, cache, d_y.view(), no_state, d_x.view(),
                 d_p, d_dyn, no_state);
  block.base_dynamics_backward(p, d_dyn, d_p);
  errors e;
  e.y = relative_error(y, values[prefix + "y"]);
  e.gradient = relative_error(d_x, values[prefix + "d_x"]);
  e.gradients = 1;
  for_each_named_leaf(
      [&](const std::string& leaf, const tensor<double>& g) {
        e.gradient = std::max(e.gradient, relative_error(g, values[prefix + "d_" + leaf]));
        ++e.gradients;
      },
      d_p);
  return e;
}

template <class Backend, bool Bidirectional>
void expect_equal_values(const blocks::s4d<Bidirectional>& block, const std::string& name) {
  const errors e = compare<Backend>(block, name);
  INFO(name);
  CHECK(e.y <= 1e-13);
  CHECK(e.gradient <= 1e-12);
  CHECK(e.gradients == (Bidirectional ? 11 : 9));
}

TEST_CASE_TEMPLATE_DEFINE("s4d: outputs and gradients equal those of PyTorch", Backend,
                          s4d_values) {
  const blocks::s4d<> one_way{.channels = 3, .state_size = 4};
  for (const char* name : {"linear", "inverse"}) expect_equal_values<Backend>(one_way, name);
  const blocks::s4d<true> both_ways{.channels = 3, .state_size = 4};
  expect_equal_values<Backend>(both_ways, "bidirectional");
}

}  // namespace attd_test::golden_s4d
