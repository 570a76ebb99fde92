// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// S4D on a backend against the reference; apart from the other blocks, since it compiles for long.
#pragma once

#include <doctest/doctest.h>

#include <attd/blocks/s4d.hpp>
#include <parity/block_parity.hpp>

namespace attd_test {

TEST_CASE_TEMPLATE_DEFINE("parity: s4d agrees with the plain loops, in one direction and in both",
                          Fast, s4d_parity) {
  using namespace attd::testing;
  namespace blocks = attd::blocks;
  expect_block_parity_everywhere<Fast, true>(blocks::s4d<>{.channels = 5, .state_size = 8});
  expect_block_parity_everywhere<Fast, true>(blocks::s4d<true>{.channels = 5, .state_size = 8});
}

}  // namespace attd_test
