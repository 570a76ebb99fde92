// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The walk back's product of parts with S4D blocks that read tokens.
#include <full/walk_back_product.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;

TEST_SUITE("full") {
  TEST_CASE("walk back product: S4D on tokens, low rank: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_tokens(), losses_of_tokens(), adapters::low_rank{2});
  }
  TEST_CASE("walk back product: S4D on tokens, log low rank: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_tokens(), losses_of_tokens(), adapters::log_low_rank{2});
  }
  TEST_CASE("walk back product: S4D on tokens, time scales: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_tokens(), losses_of_tokens(), adapters::timescale<>{{1}, 3.0});
  }
  TEST_CASE("walk back product: S4D on tokens, full: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_tokens(), losses_of_tokens(), adapters::full{});
  }
  TEST_CASE(
      "walk back product: S4D on tokens, a user's adapter: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_tokens(), losses_of_tokens(), column_gains{});
  }
}
