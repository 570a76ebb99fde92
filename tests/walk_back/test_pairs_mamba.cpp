// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation of Mamba blocks that read signals.
#include <attd/losses/consistency.hpp>
#include <attd/losses/output_error.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

TEST_CASE("walk back: Mamba, full, Adam, a user's formula") {
  expect_exact(measure_all(walk_mamba(), adapters::full{}, soft_distance{}, optimizers::adam{}));
}
TEST_CASE("walk back: Mamba, log low rank, momentum, output error") {
  expect_exact(measure_all(walk_mamba(), adapters::log_low_rank{2}, losses::output_error<>{{}, 2},
                           optimizers::momentum{.mu = 0.5}));
}
TEST_CASE("walk back: Mamba, time scales, rates of layers, next value") {
  expect_exact(measure_all(walk_mamba(), adapters::timescale<>{{1}, 3.0}, losses::next_value<>{},
                           layer_rates{}));
}
TEST_CASE("walk back: Mamba, a user's adapter, gradient descent, consistency") {
  expect_exact(measure_all(walk_mamba(), column_gains{}, losses::consistency{},
                           optimizers::gradient_descent{}));
}
TEST_CASE("walk back: Mamba, a user's adapter, momentum, next value") {
  expect_exact(measure_all(walk_mamba(), column_gains{}, losses::next_value<>{},
                           optimizers::momentum{.mu = 0.5}));
}
