// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Every block obeys the laws of its concept on Thrust's sequential system.
#include <doctest/doctest.h>

#include <attd/testing/block_laws.hpp>
#include <laws/block_cases.hpp>
#include <on_thrust/backend.hpp>

TEST_CASE("thrust: blocks obey their laws") {
  attd_test::for_each_block([](const std::string& name, const auto& block) {
    INFO(name);
    attd_test::thrust_cpp backend;
    const auto measured = attd::testing::measure_block_laws(block, backend, {.rounding = 1e-14});
    CHECK(measured.size() > 40);
    for (const std::string& broken : attd::testing::violated_laws(measured)) {
      FAIL_CHECK(name << ": " << broken);
    }
  });
}
