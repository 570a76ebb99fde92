// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The walk back's product of parts with S4D blocks that run both ways.
#include <full/walk_back_product.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;

TEST_SUITE("full") {
  TEST_CASE("walk back product: S4D both ways, low rank: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_both_ways(), losses_of_both_sides(), adapters::low_rank{2});
  }
  TEST_CASE("walk back product: S4D both ways, log low rank: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_both_ways(), losses_of_both_sides(), adapters::log_low_rank{2});
  }
  TEST_CASE("walk back product: S4D both ways, time scales: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_both_ways(), losses_of_both_sides(),
                        adapters::timescale<>{{1}, 3.0});
  }
  TEST_CASE("walk back product: S4D both ways, full: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_both_ways(), losses_of_both_sides(), adapters::full{});
  }
  TEST_CASE(
      "walk back product: S4D both ways, a user's adapter: every loss and optimiser is exact") {
    expect_walk_product(walk_s4d_both_ways(), losses_of_both_sides(), column_gains{});
  }
}
