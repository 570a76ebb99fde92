// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The walk back's product of parts with continuous linear blocks that read tokens.
#include <full/walk_back_product.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;

TEST_SUITE("full") {
  TEST_CASE(
      "walk back product: continuous linear blocks on tokens, low rank: every loss and optimiser "
      "is exact") {
    expect_walk_product(walk_linear_tokens(), losses_of_tokens(), adapters::low_rank{2});
  }
  TEST_CASE(
      "walk back product: continuous linear blocks on tokens, time scales: every loss and "
      "optimiser is exact") {
    expect_walk_product(walk_linear_tokens(), losses_of_tokens(),
                        adapters::timescale<adapters::low_rank>{{1}, 3.0});
  }
  TEST_CASE(
      "walk back product: continuous linear blocks on tokens, full: every loss and optimiser is "
      "exact") {
    expect_walk_product(walk_linear_tokens(), losses_of_tokens(), adapters::full{});
  }
  TEST_CASE(
      "walk back product: continuous linear blocks on tokens, a user's adapter: every loss and "
      "optimiser is exact") {
    expect_walk_product(walk_linear_tokens(), losses_of_tokens(), column_gains{});
  }
}
