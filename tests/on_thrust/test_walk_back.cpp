// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation on Thrust's sequential system, one model of each kind.
#include <attd/losses/next_token.hpp>
#include <attd/losses/next_value.hpp>
#include <on_thrust/backend.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

TEST_CASE("thrust: walk back, Mamba on tokens, log low rank, next token") {
  expect_exact(measure_all(walk_mamba_tokens(), adapters::log_low_rank{2}, losses::next_token{},
                           optimizers::gradient_descent{}, thrust_cpp{}));
}
TEST_CASE("thrust: walk back, Mamba, time scales, Adam, next value") {
  expect_exact(measure_all(walk_mamba(), adapters::timescale<>{{1}, 3.0}, losses::next_value<>{},
                           optimizers::adam{}, thrust_cpp{}));
}
TEST_CASE("thrust: walk back, dense layers, low rank, next value") {
  expect_exact(measure_all(walk_net<attd::blocks::time_domain::discrete>(), adapters::low_rank{2},
                           losses::next_value<>{}, optimizers::gradient_descent{}, thrust_cpp{}));
}
