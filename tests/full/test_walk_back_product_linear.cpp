// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The walk back's product of parts with discrete linear blocks.
#include <full/walk_back_product.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;

TEST_SUITE("full") {
  TEST_CASE(
      "walk back product: discrete linear blocks, low rank: every loss and optimiser is exact") {
    expect_walk_product(walk_linear(), losses_of_values(), adapters::low_rank{2});
  }
  TEST_CASE("walk back product: discrete linear blocks, full: every loss and optimiser is exact") {
    expect_walk_product(walk_linear(), losses_of_values(), adapters::full{});
  }
  TEST_CASE(
      "walk back product: discrete linear blocks, a user's adapter: every loss and optimiser is "
      "exact") {
    expect_walk_product(walk_linear(), losses_of_values(), column_gains{});
  }
}
