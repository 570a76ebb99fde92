// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The walk back's product of parts with nets in continuous time.
#include <full/walk_back_product.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;

TEST_SUITE("full") {
  TEST_CASE("walk back product: continuous net, low rank: every loss and optimiser is exact") {
    expect_walk_product(walk_net<attd::blocks::time_domain::continuous>(), losses_of_values(),
                        adapters::low_rank{2});
  }
  TEST_CASE("walk back product: continuous net, time scales: every loss and optimiser is exact") {
    expect_walk_product(walk_net<attd::blocks::time_domain::continuous>(), losses_of_values(),
                        adapters::timescale<adapters::low_rank>{{1}, 3.0});
  }
  TEST_CASE("walk back product: continuous net, full: every loss and optimiser is exact") {
    expect_walk_product(walk_net<attd::blocks::time_domain::continuous>(), losses_of_values(),
                        adapters::full{});
  }
  TEST_CASE(
      "walk back product: continuous net, a user's adapter: every loss and optimiser is exact") {
    expect_walk_product(walk_net<attd::blocks::time_domain::continuous>(), losses_of_values(),
                        column_gains{});
  }
}
