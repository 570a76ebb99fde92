// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation of S4D blocks that run both ways, or read tokens.
#include <attd/losses/consistency.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/losses/reconstruction.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

TEST_CASE("walk back: S4D both ways, log low rank, rates of parameters, consistency") {
  expect_exact(measure_all(walk_s4d_both_ways(), adapters::log_low_rank{1}, losses::consistency{},
                           parameter_rates<adapters::log_low_rank>{}));
}
TEST_CASE("walk back: S4D both ways, time scales, gradient descent, reconstruction") {
  expect_exact(measure_all(walk_s4d_both_ways(), adapters::timescale<>{{1}, 3.0},
                           losses::reconstruction<>{{}, 0.5}, optimizers::gradient_descent{}));
}
TEST_CASE("walk back: S4D both ways, a user's adapter, Adam, output error") {
  expect_exact(measure_all(walk_s4d_both_ways(), column_gains{}, losses::output_error<>{{}, 2},
                           optimizers::adam{}));
}
TEST_CASE("walk back: S4D both ways, a user's adapter, rates of parameters, entropy") {
  expect_exact(measure_all(walk_s4d_both_ways(), column_gains{}, losses::entropy{},
                           parameter_rates<column_gains>{}));
}
TEST_CASE("walk back: S4D on tokens, full, Adam, next token") {
  expect_exact(
      measure_all(walk_s4d_tokens(), adapters::full{}, losses::next_token{}, optimizers::adam{}));
}
TEST_CASE("walk back: S4D on tokens, full, momentum, next token") {
  expect_exact(measure_all(walk_s4d_tokens(), adapters::full{}, losses::next_token{},
                           optimizers::momentum{.mu = 0.5}));
}
TEST_CASE("walk back: S4D on tokens, full, a user's optimiser, masked tokens") {
  expect_exact(measure_all(walk_s4d_tokens(), adapters::full{}, losses::masked_token{{}, 0, 0.5, 0},
                           soft_sign{}));
}
TEST_CASE("walk back: S4D on tokens, time scales, gradient descent, next token") {
  expect_exact(measure_all(walk_s4d_tokens(), adapters::timescale<>{{1}, 3.0}, losses::next_token{},
                           optimizers::gradient_descent{}));
}
