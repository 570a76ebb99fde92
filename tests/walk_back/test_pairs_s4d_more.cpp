// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation of S4D blocks that run both ways, or read tokens.
#include <attd/blocks/s4d.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/losses/reconstruction.hpp>
#include <attd/models/sequence_model.hpp>
#include <walk_back/cases.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

namespace {

template <class Model>
Model sized() {
  Model m;
  m.block.channels = 2;
  m.block.state_size = 4;
  m.block.dt_min = 0.3;
  m.block.dt_max = 1.0;
  m.depth = 2;
  return m;
}
auto both_ways() {
  auto m = sized<attd::models::forecaster<attd::blocks::s4d<true>>>();
  m.encoder = {2, 2};
  m.head = {2, 2};
  return walk_model<decltype(m), walk_values>{m, {}, 0.2};
}
auto on_tokens() {
  auto m = sized<attd::models::language_model<attd::blocks::s4d<>>>();
  m.encoder = {5, 2};
  m.head = {2, 5};
  return walk_model<decltype(m), walk_texts>{m, {}, 0.2};
}

}  // namespace

TEST_CASE("walk back: S4D both ways, log low rank, rates of parameters, consistency") {
  expect_exact(measure_all(both_ways(), adapters::log_low_rank{1}, losses::consistency{},
                           parameter_rates<adapters::log_low_rank>{}));
}
TEST_CASE("walk back: S4D both ways, time scales, gradient descent, reconstruction") {
  expect_exact(measure_all(both_ways(), adapters::timescale<>{{1}, 3.0},
                           losses::reconstruction<>{{}, 0.5}, optimizers::gradient_descent{}));
}
TEST_CASE("walk back: S4D both ways, a user's adapter, Adam, output error") {
  expect_exact(
      measure_all(both_ways(), column_gains{}, losses::output_error<>{{}, 2}, optimizers::adam{}));
}
TEST_CASE("walk back: S4D both ways, a user's adapter, rates of parameters, entropy") {
  expect_exact(
      measure_all(both_ways(), column_gains{}, losses::entropy{}, parameter_rates<column_gains>{}));
}
TEST_CASE("walk back: S4D on tokens, full, Adam, next token") {
  expect_exact(
      measure_all(on_tokens(), adapters::full{}, losses::next_token{}, optimizers::adam{}));
}
TEST_CASE("walk back: S4D on tokens, full, momentum, next token") {
  expect_exact(measure_all(on_tokens(), adapters::full{}, losses::next_token{},
                           optimizers::momentum{.mu = 0.5}));
}
TEST_CASE("walk back: S4D on tokens, full, a user's optimiser, masked tokens") {
  expect_exact(
      measure_all(on_tokens(), adapters::full{}, losses::masked_token{{}, 0, 0.5, 0}, soft_sign{}));
}
TEST_CASE("walk back: S4D on tokens, time scales, gradient descent, next token") {
  expect_exact(measure_all(on_tokens(), adapters::timescale<>{{1}, 3.0}, losses::next_token{},
                           optimizers::gradient_descent{}));
}
