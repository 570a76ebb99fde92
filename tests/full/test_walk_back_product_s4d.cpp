// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The walk back's product of parts with S4D blocks.
#include <full/walk_back_product.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;

TEST_SUITE("full") {
  TEST_CASE("walk back product: S4D, low rank: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d(), losses_of_values(), adapters::low_rank{2});
  }
  TEST_CASE("walk back product: S4D, log low rank: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d(), losses_of_values(), adapters::log_low_rank{2});
  }
  TEST_CASE("walk back product: S4D, time scales: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d(), losses_of_values(), adapters::timescale<>{{1}, 3.0});
  }
  TEST_CASE("walk back product: S4D, full: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d(), losses_of_values(), adapters::full{});
  }
  TEST_CASE("walk back product: S4D, a user's adapter: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d(), losses_of_values(), column_gains{});
  }
}
