// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation of Mamba blocks that read signals.
#include <attd/blocks/mamba.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/models/sequence_model.hpp>
#include <walk_back/cases.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

namespace {

auto mamba() {
  attd::models::forecaster<> m;
  m.encoder = {2, 2};
  m.block = {.width = 2, .expand = 2, .state_size = 2, .kernel = 2};
  m.block.step_min = 0.3;  // with small steps so little depends on A that differences are noise
  m.block.step_max = 1.0;
  m.head = {2, 2};
  m.depth = 2;
  return walk_model<decltype(m), walk_values>{m, {}, 0.4};
}

}  // namespace

TEST_CASE("walk back: Mamba, full, Adam, a user's formula") {
  expect_exact(measure_all(mamba(), adapters::full{}, soft_distance{}, optimizers::adam{}));
}
TEST_CASE("walk back: Mamba, log low rank, momentum, output error") {
  expect_exact(measure_all(mamba(), adapters::log_low_rank{2}, losses::output_error<>{{}, 2},
                           optimizers::momentum{.mu = 0.5}));
}
TEST_CASE("walk back: Mamba, time scales, rates of layers, next value") {
  expect_exact(
      measure_all(mamba(), adapters::timescale<>{{1}, 3.0}, losses::next_value<>{}, layer_rates{}));
}
TEST_CASE("walk back: Mamba, a user's adapter, gradient descent, consistency") {
  expect_exact(
      measure_all(mamba(), column_gains{}, losses::consistency{}, optimizers::gradient_descent{}));
}
TEST_CASE("walk back: Mamba, a user's adapter, momentum, next value") {
  expect_exact(measure_all(mamba(), column_gains{}, losses::next_value<>{},
                           optimizers::momentum{.mu = 0.5}));
}
