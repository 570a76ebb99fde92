// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation of dense linear blocks, discrete and continuous.
#include <attd/backends/eigen.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/losses/output_error.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

TEST_CASE("walk back: discrete linear blocks, full, rates of layers, consistency") {
  expect_exact(measure_all(walk_linear(), adapters::full{}, losses::consistency{}, layer_rates{}));
}
TEST_CASE("walk back: discrete linear blocks, low rank, gradient descent, output error") {
  expect_exact(measure_all(walk_linear(), adapters::low_rank{2}, losses::output_error<>{{}, 2},
                           optimizers::gradient_descent{}));
}
TEST_CASE("walk back: discrete linear blocks, low rank, a user's optimiser, next value") {
  expect_exact(
      measure_all(walk_linear(), adapters::low_rank{1}, losses::next_value<>{}, soft_sign{}));
}
TEST_CASE("walk back: discrete linear blocks, everything a user's, on the fast backend") {
  expect_exact(
      measure_all(walk_linear(), column_gains{}, soft_distance{}, soft_sign{}, attd::eigen{}));
}
TEST_CASE("walk back: continuous linear blocks, time scales, momentum, entropy") {
  expect_exact(measure_all(walk_linear_tokens(), adapters::timescale<adapters::low_rank>{{1}, 3.0},
                           losses::entropy{}, optimizers::momentum{.mu = 0.5}));
}
TEST_CASE("walk back: continuous linear blocks, a user's adapter, Adam, masked tokens") {
  expect_exact(measure_all(walk_linear_tokens(), column_gains{},
                           losses::masked_token{{}, 0, 0.5, 0}, optimizers::adam{}));
}
TEST_CASE(
    "walk back: continuous linear blocks, a user's adapter, rates of parameters, next token") {
  expect_exact(measure_all(walk_linear_tokens(), column_gains{}, losses::next_token{},
                           parameter_rates<column_gains>{}));
}
