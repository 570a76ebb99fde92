// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What the CUDA backend says where it cannot run. These tests run on every machine.
#include <cuda/device.hpp>

TEST_CASE("cuda: without a device, or with one that does not exist, there is a sentence") {
  if (attd_test::has_device()) {
    CHECK_THROWS_WITH_AS(attd::systems::cuda(1000), doctest::Contains("there is no device 1000"),
                         attd::error);
  } else {
    CHECK_THROWS_WITH_AS(attd::systems::cuda(), doctest::Contains("no GPU can be used"),
                         attd::error);
    CHECK_THROWS_WITH_AS(attd::cuda(), doctest::Contains("hint"), attd::error);
  }
}
