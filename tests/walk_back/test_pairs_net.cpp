// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation of nets of dense continuous dynamics.
#include <attd/losses/consistency.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/losses/reconstruction.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

namespace {

auto net() { return walk_net<attd::blocks::time_domain::continuous>(); }
using timed = adapters::timescale<adapters::low_rank>;

}  // namespace

TEST_CASE("walk back: net, full, gradient descent, entropy") {
  expect_exact(
      measure_all(net(), adapters::full{}, losses::entropy{}, optimizers::gradient_descent{}));
}
TEST_CASE("walk back: net, full, rates of layers, output error") {
  expect_exact(measure_all(net(), adapters::full{}, losses::output_error<>{{}, 2}, layer_rates{}));
}
TEST_CASE("walk back: net, full, rates of parameters, next value") {
  expect_exact(measure_all(net(), adapters::full{}, losses::next_value<>{},
                           parameter_rates<adapters::full>{}));
}
TEST_CASE("walk back: net, low rank, gradient descent, next value") {
  expect_exact(measure_all(net(), adapters::low_rank{2}, losses::next_value<>{},
                           optimizers::gradient_descent{}));
}
TEST_CASE("walk back: net, low rank, momentum, a user's formula") {
  expect_exact(
      measure_all(net(), adapters::low_rank{1}, soft_distance{}, optimizers::momentum{.mu = 0.5}));
}
TEST_CASE("walk back: net, time scales, Adam, consistency") {
  expect_exact(measure_all(net(), timed{{1}, 3.0}, losses::consistency{}, optimizers::adam{}));
}
TEST_CASE("walk back: net, time scales, a user's optimiser, output error") {
  expect_exact(measure_all(net(), timed{{1}, 3.0}, losses::output_error<>{{}, 2}, soft_sign{}));
}
TEST_CASE("walk back: net, a user's adapter, momentum, reconstruction") {
  expect_exact(measure_all(net(), column_gains{}, losses::reconstruction<>{{}, 0.5},
                           optimizers::momentum{.mu = 0.5}));
}
