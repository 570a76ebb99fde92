// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Dense layers with perceptrons between: gradients, frozen layers, independence of sequences.
#include <doctest/doctest.h>

#include <attd/backends/reference.hpp>
#include <attd/models/dynamics_net.hpp>
#include <models/checks.hpp>

namespace {

using namespace attd;
using namespace attd::testing;
using blocks::time_domain;

using discrete_net = models::dynamics_net<time_domain::discrete>;
using continuous_net = models::dynamics_net<time_domain::continuous>;

template <class Tau = none, class Model>
void expect_correct_net(const Model& model, const sequences& batch, index_t sets) {
  const model_errors errors = check_model<Tau>(model, batch, {batch, 2, 5}, sets);
  CAPTURE(errors.worst);
  CHECK(errors.gradient <= 1e-7);
  CHECK(errors.second_order <= 1e-6);
  CHECK(errors.every_leaf_reached);
}

const discrete_net two_layers{
    .input = 2, .output = 1, .state = 3, .hidden = 4, .depth = 2, .width = 2, .norm = true};

}  // namespace

TEST_CASE("dynamics_net: gradients agree with central differences") {
  expect_correct_net(two_layers, sequences{7, 1, 2}, 3);
  expect_correct_net(two_layers, sequences{4, 2}, 1);
  auto model = two_layers;
  model.norm = false;
  expect_correct_net(model, sequences{4, 2}, 1);
  expect_correct_net(discrete_net{.input = 2, .output = 3, .state = 2}, sequences{4, 1}, 1);
}

TEST_CASE("dynamics_net: in continuous time gradients agree with central differences") {
  const continuous_net model{
      .input = 2, .output = 1, .state = 3, .hidden = 4, .depth = 2, .width = 2, .step = 0.5};
  expect_correct_net(model, sequences{5, 1, 2}, 3);
  expect_correct_net<double>(model, sequences{4, 2}, 1);
}

TEST_CASE("dynamics_net: gradients reach the parameters behind the dynamics") {
  const sequences batch{4, 2};
  CHECK(error_through_base_dynamics(two_layers, batch, {batch, 2, 5}) <= 1e-7);
}

TEST_CASE("dynamics_net: a sequence's output is the same bits alone and in a batch") {
  const sequences batch{17, 1, 2, 9};
  const auto tokens = [&](index_t b) { return std::pair{batch.offset(b), batch.length(b)}; };
  CHECK(different_alone(two_layers, batch, {batch, 2, 5}, tokens) == 0);
}

TEST_CASE("dynamics_net: with frozen weights nothing below the lowest adapted layer is visited") {
  auto model = two_layers;
  model.depth = 3;
  const sequences batch{5};
  const random_input in(batch, 2, 5);
  // Products per sequence: 3 in a perceptron for the state's gradient; for the layer's input 2 more
  // there and 1 in the dynamics. With nothing skipped the parameters' own would be added.
  const frozen_result top = check_frozen<none>(model, batch, in, {0, 0, 1});
  CHECK(top.different == 0);
  CHECK(top.unwanted == 0);
  CHECK(top.products == 3);
  const frozen_result ends = check_frozen<none>(model, batch, in, {1, 0, 1});
  CHECK(ends.different == 0);
  CHECK(ends.unwanted == 0);
  CHECK(ends.products == 6 + 6 + 3);
}

TEST_CASE("dynamics_net: without hidden units one layer is a linear system") {
  reference backend;
  const discrete_net model{.input = 1, .output = 1, .state = 2};
  discrete_net::parameters<double> p;
  model.initialize({1, 2}, p);
  auto& layer = p.layers[0];
  const double a[4] = {0, 1, -2, 3}, b[2] = {1, 2}, w[3] = {1000, 10, 100};
  for (index_t i = 0; i < 4; ++i) layer.dynamics.a.data()[i] = a[i];
  for (index_t i = 0; i < 2; ++i) layer.dynamics.b.data()[i] = b[i];
  for (index_t i = 0; i < 3; ++i) layer.readout.linear_weight.data()[i] = w[i];  // [u, h]
  layer.readout.bias(0) = 5;
  layers<dynamics<double>> dyn;
  model.base_dynamics(p, dyn);
  tensor<double> x({2, 1});
  x(0, 0) = 1, x(1, 0) = 2;
  discrete_net::cache<double> cache;
  model.reset_states(1, cache);
  cache.initial[0].h(0, 0) = 1;
  model.forward(backend, sequences{2}, p, dyn, sequence_input<double>{x.view(), {}}, cache);
  // h_1 = (0, -2) + (1, 2) = (1, 0); h_2 = (0, -2) + (2, 4) = (2, 2).
  CHECK(cache.output()(0, 0) == 1000 + 10 + 5);
  CHECK(cache.output()(1, 0) == 2000 + 20 + 200 + 5);
  CHECK(cache.final[0].h(0, 1) == 2);
}
