// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation of dense linear blocks, discrete and continuous.
#include <attd/backends/eigen.hpp>
#include <attd/blocks/linear_ssm.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/models/sequence_model.hpp>
#include <walk_back/cases.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

namespace {

template <class Block>
Block block() {
  Block b;
  b.input = b.output = 3;
  b.state_size = 3;
  return b;
}
auto discrete() {
  attd::models::forecaster<attd::blocks::linear_ssm> m;
  m.encoder = {2, 3};
  m.block = block<attd::blocks::linear_ssm>();
  m.head = {3, 2};
  m.depth = 2;
  return walk_model<decltype(m), walk_values>{m, {}, 0.02, 0.01};
}
auto continuous() {
  attd::models::language_model<attd::blocks::continuous_linear_ssm> m;
  m.encoder = {5, 3};
  m.block = block<attd::blocks::continuous_linear_ssm>();
  m.head = {3, 5};
  m.depth = 2;
  return walk_model<decltype(m), walk_texts>{m, {}, 0.02, 0.01};
}

}  // namespace

TEST_CASE("walk back: discrete linear blocks, full, rates of layers, consistency") {
  expect_exact(measure_all(discrete(), adapters::full{}, losses::consistency{}, layer_rates{}));
}
TEST_CASE("walk back: discrete linear blocks, low rank, gradient descent, output error") {
  expect_exact(measure_all(discrete(), adapters::low_rank{2}, losses::output_error<>{{}, 2},
                           optimizers::gradient_descent{}));
}
TEST_CASE("walk back: discrete linear blocks, low rank, a user's optimiser, next value") {
  expect_exact(measure_all(discrete(), adapters::low_rank{1}, losses::next_value<>{}, soft_sign{}));
}
TEST_CASE("walk back: discrete linear blocks, everything a user's, on the fast backend") {
  expect_exact(
      measure_all(discrete(), column_gains{}, soft_distance{}, soft_sign{}, attd::eigen{}));
}
TEST_CASE("walk back: continuous linear blocks, time scales, momentum, entropy") {
  expect_exact(measure_all(continuous(), adapters::timescale<adapters::low_rank>{{1}, 3.0},
                           losses::entropy{}, optimizers::momentum{.mu = 0.5}));
}
TEST_CASE("walk back: continuous linear blocks, a user's adapter, Adam, masked tokens") {
  expect_exact(measure_all(continuous(), column_gains{}, losses::masked_token{{}, 0, 0.5, 0},
                           optimizers::adam{}));
}
TEST_CASE(
    "walk back: continuous linear blocks, a user's adapter, rates of parameters, next token") {
  expect_exact(measure_all(continuous(), column_gains{}, losses::next_token{},
                           parameter_rates<column_gains>{}));
}
