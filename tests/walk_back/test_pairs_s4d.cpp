// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation of S4D blocks that read signals.
#include <attd/losses/consistency.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/losses/reconstruction.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

TEST_CASE("walk back: S4D, full, momentum, consistency") {
  expect_exact(measure_all(walk_s4d(), adapters::full{}, losses::consistency{},
                           optimizers::momentum{.mu = 0.5}));
}
TEST_CASE("walk back: S4D, full, rates of parameters, output error") {
  expect_exact(measure_all(walk_s4d(), adapters::full{}, losses::output_error<>{{}, 2},
                           parameter_rates<adapters::full>{}));
}
TEST_CASE("walk back: S4D, log low rank, Adam, next value") {
  expect_exact(measure_all(walk_s4d(), adapters::log_low_rank{1}, losses::next_value<>{},
                           optimizers::adam{}));
}
TEST_CASE("walk back: S4D, log low rank, gradient descent, a user's formula") {
  expect_exact(measure_all(walk_s4d(), adapters::log_low_rank{2}, soft_distance{},
                           optimizers::gradient_descent{}));
}
TEST_CASE("walk back: S4D, log low rank, rates of layers, reconstruction") {
  expect_exact(measure_all(walk_s4d(), adapters::log_low_rank{1}, losses::reconstruction<>{{}, 0.5},
                           layer_rates{}));
}
TEST_CASE("walk back: S4D, low rank, Adam, entropy") {
  expect_exact(
      measure_all(walk_s4d(), adapters::low_rank{2}, losses::entropy{}, optimizers::adam{}));
}
TEST_CASE("walk back: S4D, low rank, a user's optimiser, consistency") {
  expect_exact(measure_all(walk_s4d(), adapters::low_rank{1}, losses::consistency{}, soft_sign{}));
}
TEST_CASE("walk back: S4D, time scales, rates of parameters, a user's formula") {
  expect_exact(measure_all(walk_s4d(), adapters::timescale<>{{1}, 3.0}, soft_distance{},
                           parameter_rates<adapters::timescale<>>{}));
}
TEST_CASE("walk back: S4D, a user's adapter, rates of layers, a user's formula") {
  expect_exact(measure_all(walk_s4d(), column_gains{}, soft_distance{}, layer_rates{}));
}
