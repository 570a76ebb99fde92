// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients through the adaptation of Mamba blocks that read tokens.
#include <attd/backends/eigen.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/next_token.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

TEST_CASE("walk back: Mamba on tokens, log low rank, rates of layers, entropy") {
  expect_exact(measure_all(walk_mamba_tokens(), adapters::log_low_rank{1}, losses::entropy{},
                           layer_rates{}));
}
TEST_CASE(
    "walk back: Mamba on tokens, log low rank, a user's optimiser, next token, fast backend") {
  expect_exact(measure_all(walk_mamba_tokens(), adapters::log_low_rank{2}, losses::next_token{},
                           soft_sign{}, attd::eigen{}));
}
TEST_CASE("walk back: Mamba on tokens, low rank, rates of layers, next token") {
  expect_exact(
      measure_all(walk_mamba_tokens(), adapters::low_rank{2}, losses::next_token{}, layer_rates{}));
}
TEST_CASE("walk back: Mamba on tokens, low rank, rates of parameters, masked tokens") {
  expect_exact(measure_all(walk_mamba_tokens(), adapters::low_rank{1},
                           losses::masked_token{{}, 0, 0.5, 0},
                           parameter_rates<adapters::low_rank>{}));
}
TEST_CASE("walk back: Mamba on tokens, a user's adapter and optimiser, entropy") {
  expect_exact(measure_all(walk_mamba_tokens(), column_gains{}, losses::entropy{}, soft_sign{}));
}
